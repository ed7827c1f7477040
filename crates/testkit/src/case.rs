//! A connector's test as data: what the vendor answers, and what must come out.
//!
//! Placeholders in settings, headers and answers: `{{url}}` is the fixture server's address with a path prefix (the
//! integration's `url`), `{{token}}` the token issued last, `{{n}}` how many were issued. Every secret in the settings
//! and every token begins with `planted-`: the suite looks for that word in everything that is said.
//!
//! A header of an exchange replaces the case's own of that name. Exchanges that are equal are answered one after another.

use crate::ledger::Ledger;
use serde_json::Value;
use std::path::Path;
use tallysheet_core::ticket::{Attachment, TicketForm};
use tallysheet_core::{Code, DirectoryCompany};

/// One connector's case.
#[derive(Clone, Default)]
pub struct Case {
    /// The connector, found through the registry.
    pub slug: &'static str,
    /// Its own settings, secrets resolved.
    pub settings: Value,
    /// Whether the settings have no `url`, as the connector finds it out itself.
    pub finds_url: bool,
    /// Metrics, by name, that are not asked for; where it is empty, all are.
    pub unasked: Vec<&'static str>,
    /// Headers that every request but one for a token must carry.
    pub auth: Vec<(&'static str, &'static str)>,
    /// Vendor org ids in the companies file.
    pub known_ids: Vec<&'static str>,
    /// Vendor org ids that the config leaves out.
    pub exclude: Vec<&'static str>,
    /// Text files that the settings name: path and text.
    pub files: Vec<(&'static str, String)>,
    /// What the vendor answers.
    pub exchanges: Vec<Exchange>,
    /// What `check` must say: account and id.
    pub account: (&'static str, Option<&'static str>),
    /// What `counts` must return by org id.
    pub expect: Vec<Org>,
    /// What `companies` must return, in any order, where the connector is a company directory.
    pub companies: Vec<Company>,
    /// What the ticket desk is asked and must answer, where the connector has tickets.
    pub desk: Option<Desk>,
    /// What the billing ledger is asked and must answer, where the connector has one.
    pub ledger: Option<Ledger>,
    /// The vendor's own totals: label and number.
    pub vendor_totals: Vec<(&'static str, &'static str)>,
    /// Answers with status 200 that are errors, and the code each must become, at every exchange of a list.
    pub errors_in_200: Vec<(Value, Code)>,
    /// What of the suite does not apply, and why: `("pages", "the vendor sends everything in one answer")`.
    pub skips: Vec<(&'static str, &'static str)>,
}

/// A request that the connector makes, and its answer.
#[derive(Clone)]
pub struct Exchange {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Sent>,
    pub(crate) role: Role,
    pub(crate) status: u16,
    pub(crate) reply_headers: Vec<(&'static str, String)>,
    pub(crate) reply: Value,
    pub(crate) chain: Option<(&'static str, usize)>,
    pub(crate) rows_at: Option<&'static str>,
    pub(crate) scope: Option<&'static str>,
    pub(crate) total_at: Option<&'static str>,
    pub(crate) counted_at: Vec<&'static str>,
    pub(crate) means: Vec<(u16, Code)>,
    pub(crate) tolerates: Vec<u16>,
    pub(crate) changes: bool,
    pub(crate) nothing: Option<Value>,
}

/// What a request's body must be.
#[derive(Clone)]
pub(crate) enum Sent {
    Form(Vec<(String, String)>),
    Json(Value),
    Bytes(&'static str, Vec<u8>),
    Multipart(Vec<Part>),
}

/// A part of a `multipart/form-data` body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) text: String,
}

impl Part {
    /// A plain value.
    pub fn text(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), file_name: None, content_type: None, text: text.into() }
    }

    /// A value with a media type of its own.
    pub fn typed(name: &str, content_type: &str, text: impl Into<String>) -> Self {
        Self { content_type: Some(content_type.to_owned()), ..Self::text(name, text) }
    }

    /// The file that [`Desk`] speaks of.
    pub fn file(name: &str) -> Self {
        let Attachment { file_name, content_type, .. } = Desk::file();
        Self { file_name: Some(file_name), ..Self::typed(name, content_type, Desk::FILE) }
    }
}

/// What a ticket desk is asked, and what must come out. The run, the delivery, the body and the file are the suite's own.
#[derive(Clone)]
pub struct Desk {
    /// What the config says of the ticket: names, so that they must be looked up.
    pub form: TicketForm,
    /// The company that they lead to: id and name.
    pub company: (&'static str, &'static str),
    /// For a field of the form, or `company`: what must be told where its name is wrong.
    pub wrong: Vec<(&'static str, Vec<&'static str>)>,
    /// The tickets of this run that the exchanges hold: id, number, and whether it is open.
    pub found: Vec<(&'static str, &'static str, bool)>,
    /// The same for any run of the delivery.
    pub found_of_any_run: Vec<(&'static str, &'static str, bool)>,
    /// The ticket that is made: id and number.
    pub created: (&'static str, &'static str),
    /// Whether the file goes with it in the same call.
    pub created_with_file: bool,
    /// The files that the ticket holds.
    pub attachments: Vec<&'static str>,
}

impl Desk {
    /// The run whose report is delivered.
    pub const RUN: &'static str = "20261101T060000Z-4f2a";
    /// The delivery's name.
    pub const DELIVERY: &'static str = "ticket";
    /// The key that the ticket must carry.
    pub const KEY: &'static str = "tallysheet:20261101T060000Z-4f2a:ticket";
    /// The body as text.
    pub const TEXT: &'static str = "Companies: 3\nFailures: 1 < 2";
    /// The body as HTML.
    pub const HTML: &'static str = "<p>Companies: 3</p><p>Failures: 1 &lt; 2</p>";
    /// What the file holds.
    pub const FILE: &'static str = "Company,Devices\r\nplanted-customer,3\r\n";
    /// Its name.
    pub const FILE_NAME: &'static str = "billing-counts-2026-11-01.csv";

    pub(crate) fn file() -> Attachment {
        Attachment {
            file_name: Self::FILE_NAME.to_owned(),
            content_type: "text/csv; charset=utf-8",
            bytes: Self::FILE.as_bytes().to_vec(),
        }
    }
}

/// When a request is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// For a token.
    Token,
    /// By `check` only.
    Check,
    /// By `counts`, and by `check` or `orgs` where they need it too; by a directory, by a ticket desk, by a ledger.
    List,
}

impl Exchange {
    fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            role: Role::List,
            status: 200,
            reply_headers: Vec::new(),
            reply: Value::Null,
            chain: None,
            rows_at: None,
            scope: None,
            total_at: None,
            counted_at: Vec::new(),
            means: Vec::new(),
            tolerates: Vec::new(),
            changes: false,
            nothing: None,
        }
    }

    /// A GET of `url` + `path`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// A POST to `url` + `path`.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new("POST", path)
    }

    /// A PUT to `url` + `path`.
    pub fn put(path: impl Into<String>) -> Self {
        Self::new("PUT", path)
    }

    /// A PATCH of `url` + `path`.
    pub fn patch(path: impl Into<String>) -> Self {
        Self::new("PATCH", path)
    }

    /// Says that the request changes something at the vendor: it must never be repeated where it may have happened.
    #[must_use]
    pub const fn changes(mut self) -> Self {
        self.changes = true;
        self
    }

    /// What a search for tickets is answered with where there is none, and what is answered for a line of an agreement that
    /// is gone.
    #[must_use]
    pub fn nothing(mut self, reply: Value) -> Self {
        self.nothing = Some(reply);
        self
    }

    /// Marks a request for a token. Its answer holds `planted-…` as the token, perhaps with `{{n}}` for how many were issued.
    #[must_use]
    pub fn token(mut self) -> Self {
        self.role = Role::Token;
        self
    }

    /// Marks a request that only `check` makes.
    #[must_use]
    pub fn check(mut self) -> Self {
        self.role = Role::Check;
        self
    }

    /// A query parameter. The request must have exactly those given.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A header that the request must carry besides the case's own.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The form that the request must carry, exactly.
    #[must_use]
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        self.body =
            Some(Sent::Form(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()));
        self
    }

    /// The JSON that the request must carry, exactly.
    #[must_use]
    pub fn json(mut self, body: Value) -> Self {
        self.body = Some(Sent::Json(body));
        self
    }

    /// The bytes that the request must carry, exactly.
    #[must_use]
    pub fn bytes(mut self, content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(Sent::Bytes(content_type, bytes.into()));
        self
    }

    /// The parts that the request must carry, exactly and in this order.
    #[must_use]
    pub fn multipart(mut self, parts: Vec<Part>) -> Self {
        self.body = Some(Sent::Multipart(parts));
        self
    }

    /// The answer.
    #[must_use]
    pub fn reply(mut self, reply: Value) -> Self {
        self.reply = reply;
        self
    }

    /// The answer's status, where it is not 200.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A header of the answer: `Link`.
    #[must_use]
    pub fn reply_header(mut self, name: &'static str, value: &str) -> Self {
        self.reply_headers.push((name, value.to_owned()));
        self
    }

    /// Says that this is page `index` (from 0) of a list, its rows at a JSON pointer (`""` for a bare array). At
    /// least one list needs three pages of unequal sizes with an empty one in the middle.
    #[must_use]
    pub const fn page(mut self, list: &'static str, index: usize, rows_at: &'static str) -> Self {
        self.chain = Some((list, index));
        self.rows_at = Some(rows_at);
        self
    }

    /// Says that this asks about one org only: its failure is that org's failure, and no other's.
    #[must_use]
    pub const fn scope(mut self, org_id: &'static str) -> Self {
        self.scope = Some(org_id);
        self
    }

    /// Where the answer states a total: a total that is one too high must be an error.
    #[must_use]
    pub const fn total_at(mut self, pointer: &'static str) -> Self {
        self.total_at = Some(pointer);
        self
    }

    /// Where a counted value stands: without it, and with null, its org must fail with `missing-value` (or the whole
    /// integration with `bad-response`), never become zero. A ledger may say that the line's quantity is unknown.
    #[must_use]
    pub fn counted_at(mut self, pointer: &'static str) -> Self {
        self.counted_at.push(pointer);
        self
    }

    /// The code that a status means here, where it is not the usual one.
    #[must_use]
    pub fn means(mut self, status: u16, code: Code) -> Self {
        self.means.push((status, code));
        self
    }

    /// A status that is no failure here, by the vendor's own rule. The connector's own tests show what it becomes.
    #[must_use]
    pub fn tolerates(mut self, status: u16) -> Self {
        self.tolerates.push(status);
        self
    }
}

/// What must come out for one org.
#[derive(Clone, Debug)]
pub struct Org {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) domains: Vec<&'static str>,
    pub(crate) psa_ids: Vec<(&'static str, &'static str)>,
    pub(crate) not_customer: bool,
    pub(crate) values: Vec<(&'static str, Expected)>,
    pub(crate) left_out: Vec<(&'static str, &'static str)>,
}

/// What must come out for one metric of one org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A number, as text: `"12.5"`.
    Number(&'static str),
    /// A text.
    Text(&'static str),
    /// Not applicable.
    NotApplicable,
    /// Left out by a rule.
    LeftOut,
    /// Failed with this code.
    Failed(Code),
}

impl Org {
    /// An org with its id and name.
    pub const fn new(id: &'static str, name: &'static str) -> Self {
        Self {
            id,
            name,
            domains: Vec::new(),
            psa_ids: Vec::new(),
            not_customer: false,
            values: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// A number under a label (the metric's name, or the product's label).
    #[must_use]
    pub fn number(self, label: &'static str, number: &'static str) -> Self {
        self.value(label, Expected::Number(number))
    }

    /// Any value under a label. `"*"` stands for all metrics: the org as a whole.
    #[must_use]
    pub fn value(mut self, label: &'static str, expected: Expected) -> Self {
        self.values.push((label, expected));
        self
    }

    /// What is left out under a label, summed over all reasons.
    #[must_use]
    pub fn left_out(mut self, label: &'static str, quantity: &'static str) -> Self {
        self.left_out.push((label, quantity));
        self
    }

    /// A domain of its own.
    #[must_use]
    pub fn domain(mut self, domain: &'static str) -> Self {
        self.domains.push(domain);
        self
    }

    /// An id in a PSA.
    #[must_use]
    pub fn psa_id(mut self, psa: &'static str, id: &'static str) -> Self {
        self.psa_ids.push((psa, id));
        self
    }

    /// Says that it is no customer by the vendor's own marks.
    #[must_use]
    pub const fn not_customer(mut self) -> Self {
        self.not_customer = true;
        self
    }
}

/// A company that a directory must list.
#[derive(Clone, Debug)]
pub struct Company(pub(crate) DirectoryCompany);

impl Company {
    /// An active customer without domains.
    pub fn new(id: &str, name: &str) -> Self {
        Self(DirectoryCompany { id: id.to_owned(), name: name.to_owned(), domains: Vec::new(), active: true })
    }

    /// A domain of its own.
    #[must_use]
    pub fn domain(mut self, domain: &str) -> Self {
        self.0.domains.push(domain.to_owned());
        self
    }

    /// Says that it is no active customer.
    #[must_use]
    pub fn inactive(mut self) -> Self {
        self.0.active = false;
        self
    }
}

/// A fixture of a connector: `fixture!("organizations-1.json")` reads `fixtures/SLUG/organizations-1.json`, the slug
/// being the name of the connector's folder.
#[macro_export]
macro_rules! fixture {
    ($name:literal) => {
        $crate::case::read_fixture(env!("CARGO_MANIFEST_DIR"), $name)
    };
}

/// Reads a fixture; see [`fixture!`].
///
/// # Panics
/// Where there is no such file, or it holds no JSON.
pub fn read_fixture(connector: &str, name: &str) -> Value {
    let connector = Path::new(connector);
    let slug = connector.file_name().and_then(|slug| slug.to_str()).unwrap_or_default();
    let path = connector.join("../../fixtures").join(slug).join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
