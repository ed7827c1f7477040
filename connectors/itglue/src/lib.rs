#![doc = include_str!("../README.md")]

mod accounts;
mod wire;

use crate::accounts::{Accounts, Shared};
use crate::wire::{Organization, Page, Row, User};
use futures_util::future::try_join;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tallysheet_core::tally::missing;
use tallysheet_core::wire::{Field, Id};
use tallysheet_core::{
    Capability, CompanyDirectory, Connector, ConnectorSpec, Context, CountSource, Counts, Devices, DirectoryCompany,
    Error, ErrorKind, Identity, Meta, MetricDef, OrgCounts, Outcome, Probe, Result, Secret, Standing, VendorOrg,
    Verdict, async_trait, register_connector,
};
use tallysheet_http::{Api, ApiKey, Call, Position, Reply};

/// Settings of a `kind = "itglue"` integration.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// An API key, without access to passwords.
    api_key: Secret,
    /// Where the account lives: `us`, `eu` or `au`. A `url` of your own takes its place.
    #[serde(default)]
    region: Region,
    /// Which organizations get the users of a MyGlue account that several share: `first`, `repeat` (each) or `unassigned`.
    #[serde(default)]
    shared_accounts: Shared,
    /// Leaves users out who have not accepted their invitation.
    #[serde(default)]
    accepted_only: bool,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Region {
    #[default]
    Us,
    Eu,
    Au,
}

static USERS: MetricDef = MetricDef::number("Users", "users");
static METRICS: &[&MetricDef] = &[&USERS];

/// Counts the MyGlue users of every organization, and lists the organizations.
pub struct ItGlue {
    api: Api,
    config: Config,
    cx: Context,
}

impl ConnectorSpec for ItGlue {
    type Config = Config;
    const META: &'static Meta = &Meta {
        slug: "itglue",
        title: "MyGlue",
        default_url: Some("https://api.itglue.com"),
        capabilities: &[Capability::Counts, Capability::Companies],
        metrics: METRICS,
        permissions: "an API key without access to passwords",
    };

    fn connect(config: Config, cx: &Context) -> Result<Connector> {
        let url = match config.region {
            Region::Us => Self::META.default_url,
            Region::Eu => Some("https://api.eu.itglue.com"),
            Region::Au => Some("https://api.au.itglue.com"),
        };
        let api = Api::builder(cx, url).auth(ApiKey::new("x-api-key", &config.api_key));
        let api = api.per_minute(300).seconds_after_429(60).classify(took_too_long).build()?;
        let me = Arc::new(Self { api, config, cx: cx.clone() });
        Ok(Connector::new(me.clone()).counts(me.clone()).companies(me))
    }
}
register_connector!(ItGlue);

#[async_trait]
impl Probe for ItGlue {
    async fn check(&self) -> Result<Identity> {
        let own = Call::get("/organizations").query("filter[primary]", true).query("page[size]", 1);
        let page: Page<Organization> = self.api.json(&own).await?;
        // A filter that is not obeyed must not name a customer.
        let own = page.data.into_iter().find(|row| row.attributes.is_own());
        let named = own.map(|row| Identity::of(row.attributes.name, row.id.0));
        Ok(named.unwrap_or_else(|| Identity::unnamed("IT Glue")))
    }
}

#[async_trait]
impl CountSource for ItGlue {
    async fn counts(&self) -> Result<Counts> {
        let (organizations, users) = try_join(self.organizations(), self.users()).await?;
        let Users { mut fold, accounts: of_users, .. } = users;
        let accounts = Accounts::of(&organizations, self.config.shared_accounts, &self.cx);
        let served: BTreeSet<&str> = accounts.all_served().map(|row| row.id.as_str()).collect();
        let (counted, others): (Vec<_>, Vec<_>) =
            organizations.values().partition(|row| served.contains(row.id.as_str()));

        counted.into_iter().for_each(|row| fold.org(row.org(), row.attributes.standing()));
        for account in &of_users {
            let (nobody, organizations) = (nobodys(account.as_deref()), accounts.served_by(account.as_deref()));
            if organizations.is_empty() {
                fold.org(nobody, Standing::Customer);
            } else {
                let organizations: Vec<&str> = organizations.iter().map(|row| row.id.as_str()).collect();
                fold.give(&nobody.id, &organizations);
            }
        }
        let orgs = fold.finish().into_iter().chain(others.into_iter().map(Row::without_users)).collect();
        Ok(Counts { orgs, notices: accounts.notices(), ..Counts::default() })
    }
}

#[async_trait]
impl CompanyDirectory for ItGlue {
    async fn companies(&self) -> Result<Vec<DirectoryCompany>> {
        Ok(self.organizations().await?.into_values().map(Row::company).collect())
    }
}

/// The vendor's own timeout, told apart from other faults: smaller pages may help (README, Limits).
fn took_too_long(reply: &Reply) -> Option<Error> {
    let error = || Error::new(ErrorKind::TimedOut, "the vendor took too long to answer (504)");
    (reply.status() == 504).then(error)
}

impl ItGlue {
    async fn organizations(&self) -> Result<BTreeMap<String, Row<Organization>>> {
        let add = |rows: &mut BTreeMap<_, _>, row: Row<Organization>| drop(rows.insert(row.id.0.clone(), row));
        self.list("/organizations", add).await
    }

    async fn users(&self) -> Result<Users> {
        let add = |users: &mut Users, row: Row<User>| users.add(&row, self.config.accepted_only);
        let users: Users = self.list("/users", add).await?;
        users.wrong.clone().map_or(Ok(users), Err)
    }

    /// Folds a list in the largest pages; where the vendor takes too long for them, in smaller ones from the start.
    async fn list<A: DeserializeOwned, F: Default>(&self, path: &str, add: impl Fn(&mut F, Row<A>)) -> Result<F> {
        let mut size = 1_000;
        loop {
            let (mut fold, call) = (F::default(), Call::get(path).query("page[size]", size).query("sort", "id"));
            let part = |page: Page<A>, at: &Position<'_>| page.part(at, size);
            let listed = self.api.stream(call, id, part, |row| add(&mut fold, row)).await;
            match listed {
                Err(error) if error.kind() == ErrorKind::TimedOut && size > 250 => size /= 2,
                listed => return listed.map(|()| fold),
            }
        }
    }
}

fn id<A>(row: &Row<A>) -> &Id {
    &row.id
}

/// The MyGlue users, folded by account: whose account it is shows only when all organizations came.
struct Users {
    fold: Devices,
    accounts: BTreeSet<Option<String>>,
    /// Why none may be counted.
    wrong: Option<Error>,
}

impl Default for Users {
    fn default() -> Self {
        Self { fold: Devices::new(METRICS), accounts: BTreeSet::new(), wrong: None }
    }
}

impl Users {
    fn add(&mut self, Row { id, attributes: user }: &Row<User>, accepted_only: bool) {
        if !user.my_glue {
            return;
        }
        match (user.account(), user.verdict(accepted_only)) {
            (Ok(account), Ok(verdict)) => {
                self.fold.add(&nobodys(account).id, id.as_str(), &verdict);
                self.accounts.insert(account.map(str::to_owned));
            }
            (Err(error), _) | (_, Err(error)) => self.wrong = Some(error),
        }
    }
}

/// Whoever has the users of an account that is no organization's: account ids and organization ids are numbers alike.
fn nobodys(account: Option<&str>) -> VendorOrg {
    match account {
        Some(account) => VendorOrg::new(format!("account-{account}"), format!("(MyGlue account {account})")),
        None => VendorOrg::new("account-none", "(no MyGlue account)"),
    }
}

impl User {
    /// Whose user it is. No account is a fact (null); an answer without the field would make zeros everywhere.
    fn account(&self) -> Result<Option<&str>> {
        match &self.my_glue_account_id {
            Field::Sent(account) => Ok(Some(account.as_str())),
            Field::Null => Ok(None),
            Field::Absent => {
                Err(Error::bad_response("a MyGlue user came without `my-glue-account-id`; none is counted"))
            }
        }
    }

    /// A user who was invited is counted, accepted or not (README, What is counted).
    fn verdict(&self, accepted_only: bool) -> Result<Verdict> {
        let pending = accepted_only
            && match &self.invitation_accepted_at {
                Field::Sent(_) => false,
                Field::Null => true,
                Field::Absent => {
                    let message = "a MyGlue user came without `invitation-accepted-at`; none is counted";
                    return Err(Error::bad_response(message));
                }
            };
        Ok(Verdict::counted([&USERS]).left_out_if(pending, "invitation not accepted"))
    }
}

impl Organization {
    /// The MSP's own organization is no customer.
    pub(crate) fn is_own(&self) -> bool {
        self.primary == Some(true)
    }

    fn standing(&self) -> Standing {
        if self.is_own() { Standing::NotCustomer("the MSP's own organization") } else { Standing::Customer }
    }
}

impl Row<Organization> {
    fn org(&self) -> VendorOrg {
        VendorOrg::new(self.id.as_str(), &self.attributes.name)
    }

    /// An organization that gets no users: it has no account, or shares one.
    fn without_users(&self) -> OrgCounts {
        let counts = match &self.attributes.my_glue_account_id {
            Field::Sent(_) => OrgCounts::whole(self.org(), Outcome::LeftOut("shares its MyGlue account")),
            Field::Null => OrgCounts::whole(self.org(), Outcome::NotApplicable),
            Field::Absent => OrgCounts::failed(self.org(), missing("MyGlue account")),
        };
        OrgCounts { standing: self.attributes.standing(), ..counts }
    }

    /// Statuses have the names that the MSP gives them: only `Inactive` speaks for itself.
    fn company(self) -> DirectoryCompany {
        let gone = self.attributes.organization_status_name.as_deref() == Some("inactive");
        let active = !gone && !self.attributes.is_own();
        DirectoryCompany { id: self.id.0, name: self.attributes.name, domains: Vec::new(), active }
    }
}
