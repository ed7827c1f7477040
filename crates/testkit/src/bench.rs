//! One connector set up against one fixture server, made anew and asked again and again.

use crate::case::{Case, Desk, Role};
use crate::ledger;
use crate::overheard::Overheard;
use crate::picture::Picture;
use crate::server::{FixtureServer, Script, Traffic};
use crate::steps::desk;
use crate::world::TestWorld;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tallysheet_core::registry::NO_URL;
use tallysheet_core::ticket::{Body, NewTicket, PreparedForm, TicketKey, TicketRef};
use tallysheet_core::{
    Capability, Connector, Context, CountSource, Counts, Entry, Error, ErrorKind, Identity, Registry, Result,
};

/// What a run may need in requests beyond those of a run without faults: retries, and a token or two.
const SPARE: usize = 25;
/// The fake clock makes all waiting instant: what takes this long hangs.
const HANGS: Duration = Duration::from_secs(30);

/// The bench.
pub(crate) struct Bench {
    pub(crate) case: Arc<Case>,
    pub(crate) entry: &'static Entry,
    pub(crate) overheard: Overheard,
    /// A run without faults of everything that the connector offers.
    calm: BTreeMap<Ask, Run>,
    /// What the desk made of the case's form.
    pub(crate) prepared: Mutex<Option<PreparedForm>>,
    server: FixtureServer,
    strays: Mutex<Strays>,
}

/// What a connector is asked. Who asks an exchange first is who is asked again with faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// `counts`, and what the engine does with them first.
    Counts,
    /// `check`
    Check,
    /// `orgs`
    Orgs,
    /// `companies`
    Companies,
    /// A ticket desk.
    Desk(Verb),
    /// A billing ledger.
    Ledger(LedgerVerb),
}

/// What a ticket desk is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Prepare,
    Find,
    FindOfAnyRun,
    Create,
    Attachments,
    Attach,
    Note,
}

impl Verb {
    pub(crate) const ALL: [Self; 7] =
        [Self::Prepare, Self::Find, Self::FindOfAnyRun, Self::Create, Self::Attachments, Self::Attach, Self::Note];
}

/// What a billing ledger is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LedgerVerb {
    Billed,
    /// As it stands when a change can take effect first.
    Line,
    /// As it stands on the day of the case.
    LineOnTheDay,
    Change,
}

impl LedgerVerb {
    pub(crate) const ALL: [Self; 4] = [Self::Billed, Self::Line, Self::LineOnTheDay, Self::Change];
}

/// One run: what came out, and what the server saw.
pub(crate) struct Run {
    pub(crate) result: Result<Picture>,
    pub(crate) traffic: Traffic,
}

/// Requests that no run may make, whatever its step is about.
#[derive(Default)]
pub(crate) struct Strays {
    /// No exchange expects them.
    pub(crate) unexpected: BTreeSet<String>,
    /// They do not say that they are Tallysheet's.
    pub(crate) nameless: BTreeSet<String>,
}

impl Run {
    pub(crate) fn asked(&self, index: usize) -> usize {
        self.traffic.asked[index]
    }

    pub(crate) fn asked_for_tokens(&self, case: &Case) -> usize {
        case.with_role(Role::Token).map(|index| self.asked(index)).sum()
    }

    pub(crate) fn calls(&self) -> usize {
        self.traffic.times.len()
    }
}

impl Bench {
    /// Finds the connector in the registry and asks it once for everything.
    pub(crate) async fn set_up(case: Case) -> Result<Self> {
        let case = Arc::new(case);
        // The registry wants its words for ever; a test ends soon.
        let entry = Registry::new(Box::leak(Box::new([case.slug]))).find(case.slug)?;
        let server = FixtureServer::start(case.clone()).await;
        let mut bench = Self {
            overheard: Overheard::new(&case),
            entry,
            calm: BTreeMap::new(),
            prepared: Mutex::default(),
            server,
            strays: Mutex::default(),
            case,
        };
        for ask in bench.offered() {
            let run = bench.run(ask, Script::default()).await;
            bench.calm.insert(ask, run);
        }
        Ok(bench)
    }

    /// What the connector says that it can be asked.
    fn offered(&self) -> Vec<Ask> {
        let mut asks = vec![Ask::Check];
        for capability in self.entry.meta.capabilities {
            match capability {
                Capability::Counts => asks.push(Ask::Counts),
                Capability::Companies => asks.push(Ask::Companies),
                Capability::Tickets if self.case.desk.is_some() => asks.extend(Verb::ALL.map(Ask::Desk)),
                Capability::Billing if self.case.ledger.is_some() => asks.extend(LedgerVerb::ALL.map(Ask::Ledger)),
                Capability::Tickets | Capability::Billing | Capability::Mail => {}
            }
        }
        asks
    }

    /// Whether the connector says that it can be asked this.
    pub(crate) fn offers(&self, ask: Ask) -> bool {
        self.calm.contains_key(&ask)
    }

    /// Every run without faults.
    pub(crate) fn calm_runs(&self) -> impl Iterator<Item = (Ask, &Run)> {
        self.calm.iter().map(|(ask, run)| (*ask, run))
    }

    /// Asks a fresh connector in a fresh world.
    pub(crate) async fn run(&self, ask: Ask, script: Script) -> Run {
        self.run_in(ask, script, &TestWorld::new(), |_| ()).await
    }

    /// The same, with common keys of the user's.
    pub(crate) async fn run_in(
        &self,
        ask: Ask,
        script: Script,
        world: &TestWorld,
        keys: impl FnOnce(&mut Context),
    ) -> Run {
        self.begin(script, world, 1);
        let answer = async { self.ask(&self.connect(world, keys)?, ask).await };
        let result = tokio::time::timeout(HANGS, answer).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::TimedOut, format!("nothing came for {} seconds", HANGS.as_secs())))
        });
        Run { result, traffic: self.end() }
    }

    /// Lets the server begin anew, with a budget for so many runs at once.
    pub(crate) fn begin(&self, script: Script, world: &TestWorld, runs: usize) {
        let calm = self.calm.values().map(Run::calls).max().unwrap_or(0).max(self.case.exchanges.len());
        self.server.begin(script, calm * runs + SPARE, world);
    }

    /// What the server saw. Strays are kept until the step is over.
    pub(crate) fn end(&self) -> Traffic {
        let traffic = self.server.traffic();
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        strays.unexpected.extend(traffic.unexpected.iter().cloned());
        strays.nameless.extend(traffic.nameless.iter().cloned());
        traffic
    }

    /// The strays since this was last asked.
    pub(crate) fn strays(&self) -> Strays {
        std::mem::take(&mut *self.strays.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the connector as the engine does, with the metrics that the case asks for.
    pub(crate) fn connect(&self, world: &TestWorld, keys: impl FnOnce(&mut Context)) -> Result<Connector> {
        self.case.files.iter().for_each(|(path, text)| world.put_file(*path, text));
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let metrics = self.entry.meta.metrics.iter().copied();
        let mut context = Context {
            integration: self.case.slug.to_owned(),
            url: (!self.case.finds_url && self.entry.meta.default_url != Some(NO_URL)).then(|| self.server.url()),
            max_concurrency: None,
            requests_per_minute: None,
            metrics: metrics.filter(|metric| !self.case.unasked.contains(&metric.name)).collect(),
            exclude: owned(&self.case.exclude),
            known_ids: owned(&self.case.known_ids).into(),
            recorder: None,
            world: Arc::new(world.clone()),
        };
        keys(&mut context);
        let settings = self.server.fill_url(&self.case.settings.to_string());
        let settings = serde_json::from_str(&settings).map_err(|error| Error::config(error.to_string()))?;
        self.entry.connect(settings, &context)
    }

    /// Asks a connector, hearing all that it says.
    pub(crate) async fn ask(&self, connector: &Connector, ask: Ask) -> Result<Picture> {
        let result = match ask {
            Ask::Check => checked(connector).await.map(Picture::from),
            Ask::Orgs => source(connector)?.orgs().await.map(Picture::from),
            Ask::Counts => self.counts(connector).await.map(|counts| Picture::from(&counts)),
            Ask::Companies => match &connector.companies {
                Some(directory) => directory.companies().await.map(Picture::from),
                None => Err(Error::config("the connector lists no companies")),
            },
            Ask::Desk(verb) => self.ask_desk(connector, verb).await,
            Ask::Ledger(verb) => self.ask_ledger(connector, verb).await,
        };
        result.inspect_err(|error| self.overheard.error(error))
    }

    /// The counts, as the engine takes them.
    pub(crate) async fn counts(&self, connector: &Connector) -> Result<Counts> {
        let counts = source(connector)?.counts().await?.deduplicated()?;
        self.overheard.counts(&counts);
        Ok(counts)
    }

    async fn ask_desk(&self, connector: &Connector, verb: Verb) -> Result<Picture> {
        let desk = connector.tickets.as_ref().ok_or_else(|| Error::config("the connector has no tickets"))?;
        let case = self.case.desk.as_ref().ok_or_else(|| Error::config("the case has no desk"))?;
        let prepared = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let form = || prepared().ok_or_else(|| Error::config("`prepare` failed, so nothing else can be asked"));
        let ticket = TicketRef { id: case.created.0.to_owned(), number: case.created.1.to_owned() };
        let body = Body { text: Desk::TEXT.to_owned(), html: Desk::HTML.to_owned() };
        let key = TicketKey { run: Desk::RUN.to_owned(), delivery: Desk::DELIVERY.to_owned() };
        Ok(Picture::of_desk(match verb {
            Verb::Prepare => {
                let form = desk.prepare(&case.form).await?;
                let told = format!("company {} {}", form.company_id, form.company_name);
                *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Some(form);
                told
            }
            Verb::Find => desk::found(&desk.find(&form()?, &desk::search(false)).await?),
            Verb::FindOfAnyRun => desk::found(&desk.find(&form()?, &desk::search(true)).await?),
            Verb::Create => {
                let created = desk.create(&NewTicket { form: form()?, body, key }, Some(&Desk::file())).await?;
                desk::created(&created.ticket.id, &created.ticket.number, created.attached)
            }
            Verb::Attachments => format!("files {:?}", desk.attachments(&ticket).await?),
            Verb::Attach => desk.attach(&ticket, &Desk::file()).await.map(|()| "done".to_owned())?,
            Verb::Note => desk.add_note(&ticket, &body).await.map(|()| "done".to_owned())?,
        }))
    }

    async fn ask_ledger(&self, connector: &Connector, verb: LedgerVerb) -> Result<Picture> {
        let books = connector.billing.as_ref().ok_or_else(|| Error::config("the connector has no ledger"))?;
        let case = self.case.ledger.as_ref().ok_or_else(|| Error::config("the case has no ledger"))?;
        let line = async |effective| Ok(ledger::line(books.line(case.line(), case.on(), effective).await?.as_ref()));
        Ok(Picture::of_ledger(match verb {
            LedgerVerb::Billed => {
                let billed = books.billed(case.on()).await?;
                self.overheard.ledger(&billed);
                ledger::billed(&billed)
            }
            LedgerVerb::Line => line(None).await?,
            LedgerVerb::LineOnTheDay => line(case.effective()).await?,
            LedgerVerb::Change => books.change(&case.change(case.new)).await.map(|()| ledger::changed())?,
        }))
    }

    /// Everything that a fault at an exchange must be tried with: who asks it first, and all that a ledger asks it for.
    pub(crate) fn askers(&self, index: usize) -> Vec<Ask> {
        let first = self.asked_by(index);
        let ledger = LedgerVerb::ALL.map(Ask::Ledger).into_iter();
        let others = ledger.filter(|ask| *ask != first && self.calm.get(ask).is_some_and(|run| run.asked(index) > 0));
        std::iter::once(first).chain(others).collect()
    }

    /// What makes the connector ask an exchange: `counts`, else `check`, and so on.
    pub(crate) fn asked_by(&self, index: usize) -> Ask {
        let asked = self.calm.iter().find(|(_, run)| run.asked(index) > 0);
        asked.map_or(Ask::Check, |(ask, _)| *ask)
    }

    /// The run without faults that a faulty one is held against.
    pub(crate) fn calm(&self, ask: Ask) -> &Run {
        let ask = if ask == Ask::Orgs { Ask::Counts } else { ask };
        &self.calm[&ask]
    }

    /// What must come out.
    pub(crate) fn expected(&self, ask: Ask) -> Picture {
        match ask {
            Ask::Check => Picture::expected_account(&self.case),
            Ask::Orgs => Picture::expected_counts(&self.case).without_counts(),
            Ask::Counts => Picture::expected_counts(&self.case),
            Ask::Companies => {
                Picture::from(self.case.companies.iter().map(|company| company.0.clone()).collect::<Vec<_>>())
            }
            Ask::Ledger(verb) => {
                Picture::of_ledger(self.case.ledger.as_ref().map(|case| case.expected(verb)).unwrap_or_default())
            }
            Ask::Desk(verb) => self.case.desk.as_ref().map(|case| desk::expected(case, verb)).unwrap_or_default(),
        }
    }
}

/// What `check` answers, where it is what is known without asking, if anything is.
async fn checked(connector: &Connector) -> Result<Identity> {
    let answer = connector.probe.check().await?;
    match connector.probe.known() {
        Some(known) if known.account != answer.account || known.id.is_some() || answer.id.is_some() => {
            Err(Error::internal("what `known` says is not what `check` answers"))
        }
        _ => Ok(answer),
    }
}

fn source(connector: &Connector) -> Result<&Arc<dyn CountSource>> {
    connector.counts.as_ref().ok_or_else(|| Error::config("the connector counts nothing"))
}

impl Case {
    /// The exchanges of a role, by index.
    pub(crate) fn with_role(&self, role: Role) -> impl Iterator<Item = usize> {
        self.exchanges.iter().enumerate().filter(move |(_, exchange)| exchange.role == role).map(|(index, _)| index)
    }
}
