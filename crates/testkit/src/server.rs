//! The fixture server: answers what the case says, and what the script of a step says instead.

use crate::case::{Case, Exchange, Role};
use crate::request::{Placeholders, differences, same_place};
use crate::world::TestWorld;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tallysheet_core::World;
use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

/// The fixtures live under a path prefix: a connector that drops it meets nothing. Each run has a prefix of its own,
/// `/mount/v3`, so that a call which an earlier run gave up and which comes late is not taken for one of this run.
const MOUNT: &str = "/mount/v";
/// What is answered where nothing is expected. No connector has a meaning for it.
const UNEXPECTED: u16 = 599;

/// An answer, as it is sent. Placeholders are replaced in its headers and its body.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) media_type: &'static str,
    pub(crate) body: String,
}

impl Answer {
    /// What the exchange answers when all is well.
    pub(crate) fn of(exchange: &Exchange) -> Self {
        let headers = exchange.reply_headers.clone();
        Self { headers, ..Self::json(exchange.status, &exchange.reply) }
    }

    /// JSON; null is an empty body.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Self { status, headers: Vec::new(), media_type: "application/json", body }
    }
}

/// One exchange goes wrong.
#[derive(Clone)]
pub(crate) struct Fault {
    /// Which exchange of the case.
    pub(crate) at: usize,
    /// How often, before it goes well again.
    pub(crate) times: usize,
    /// What it answers instead.
    pub(crate) answer: Answer,
    /// What is answered where a connector is led to ask the same place for more than the case has.
    pub(crate) beyond: Option<Answer>,
    /// The token that was shown is not accepted any more.
    pub(crate) revokes: bool,
}

impl Fault {
    /// A fault that never ends.
    pub(crate) fn lasting(at: usize, answer: Answer) -> Self {
        Self { at, times: usize::MAX, answer, beyond: None, revokes: false }
    }

    /// A fault that is gone at the next request.
    pub(crate) fn once(at: usize, answer: Answer) -> Self {
        Self { times: 1, ..Self::lasting(at, answer) }
    }
}

/// How the server behaves in one run.
#[derive(Clone, Default)]
pub(crate) struct Script {
    /// What goes wrong.
    pub(crate) fault: Option<Fault>,
    /// What exchanges answer instead, all being well.
    pub(crate) replies: Vec<(usize, Answer)>,
    /// Early answers come late, so that answers to calls side by side change their order.
    pub(crate) out_of_order: bool,
}

/// What the server saw in one run.
#[derive(Clone, Default)]
pub(crate) struct Traffic {
    /// How often each exchange was asked, well answered or not.
    pub(crate) asked: Vec<usize>,
    /// When each request came, by the fake clock, and for which exchange.
    pub(crate) times: Vec<(usize, Duration)>,
    /// Requests that no exchange expects, with what is different.
    pub(crate) unexpected: BTreeSet<String>,
    /// Callers that do not say who they are.
    pub(crate) nameless: BTreeSet<String>,
}

/// A server with the fixtures of one case.
pub(crate) struct FixtureServer {
    state: Arc<Mutex<State>>,
    _server: MockServer,
}

struct State {
    case: Arc<Case>,
    origin: String,
    /// Which run it is.
    number: usize,
    /// The integration's `url` in this run.
    url: String,
    script: Script,
    budget: usize,
    world: TestWorld,
    served: Vec<usize>,
    faults: usize,
    tokens: Vec<String>,
    revoked: BTreeSet<String>,
    traffic: Traffic,
}

impl FixtureServer {
    pub(crate) async fn start(case: Arc<Case>) -> Self {
        let server = MockServer::builder().disable_request_recording().start().await;
        let state = Arc::new(Mutex::new(State {
            served: vec![0; case.exchanges.len()],
            traffic: Traffic { asked: vec![0; case.exchanges.len()], ..Traffic::default() },
            case,
            origin: server.uri(),
            number: 0,
            url: server.uri(),
            script: Script::default(),
            budget: 0,
            world: TestWorld::new(),
            faults: 0,
            tokens: Vec::new(),
            revoked: BTreeSet::new(),
        }));
        Mock::given(Anything).respond_with(Responder(state.clone())).mount(&server).await;
        Self { state, _server: server }
    }

    /// Begins a run: nothing was asked yet, no token was issued. More than `budget` requests are refused.
    pub(crate) fn begin(&self, script: Script, budget: usize, world: &TestWorld) {
        let mut state = lock(&self.state);
        let (exchanges, number) = (state.case.exchanges.len(), state.number + 1);
        *state = State {
            case: state.case.clone(),
            origin: state.origin.clone(),
            number,
            url: format!("{}{MOUNT}{number}", state.origin),
            script,
            budget,
            world: world.clone(),
            served: vec![0; exchanges],
            faults: 0,
            tokens: Vec::new(),
            revoked: BTreeSet::new(),
            traffic: Traffic { asked: vec![0; exchanges], ..Traffic::default() },
        };
    }

    /// What was seen since the run began.
    pub(crate) fn traffic(&self) -> Traffic {
        lock(&self.state).traffic.clone()
    }

    /// The integration's `url`, in the run that began last.
    pub(crate) fn url(&self) -> String {
        lock(&self.state).url.clone()
    }

    /// `text` with the server's address in it.
    pub(crate) fn fill_url(&self, text: &str) -> String {
        Placeholders { url: &self.url(), tokens: &[] }.fill(text)
    }
}

struct Anything;

impl Match for Anything {
    fn matches(&self, _: &Request) -> bool {
        true
    }
}

struct Responder(Arc<Mutex<State>>);

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        lock(&self.0).respond(request)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn respond(&mut self, request: &Request) -> ResponseTemplate {
        if self.is_late(request) {
            return ResponseTemplate::new(UNEXPECTED);
        }
        let agent = request.headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        if !agent.starts_with("Tallysheet/") {
            self.traffic.nameless.insert(format!("{} {} came from `{agent}`", request.method, request.url.path()));
        }
        let Some(index) = self.find(request) else { return self.unexpected(request) };
        self.traffic.asked[index] += 1;
        self.traffic.times.push((index, self.world.monotonic()));
        if self.traffic.times.len() > self.budget {
            self.traffic.unexpected.insert(format!("there is no end: more than {} requests", self.budget));
            return ResponseTemplate::new(UNEXPECTED);
        }

        let is_token = self.case.exchanges[index].role == Role::Token;
        let shown: Vec<String> = self.tokens.iter().filter(|token| shows(request, token)).cloned().collect();
        if !is_token && shown.iter().any(|token| self.revoked.contains(token)) {
            return ResponseTemplate::new(401);
        }
        if let Some(fault) = self.script.fault.clone().filter(|fault| fault.at == index && self.faults < fault.times) {
            self.faults += 1;
            if fault.revokes {
                self.revoked.extend(shown);
            }
            return self.template(&fault.answer, self.tokens.len());
        }

        let instead = self.script.replies.iter().find(|(at, _)| *at == index).map(|(_, answer)| answer.clone());
        let answer = instead.unwrap_or_else(|| Answer::of(&self.case.exchanges[index]));
        let template = self.template(&answer, self.tokens.len() + usize::from(is_token));
        self.served[index] += 1;
        if is_token {
            self.issue(&answer.body);
        }
        if self.script.out_of_order && self.traffic.times.len() % 2 == 1 {
            return template.set_delay(Duration::from_millis(20));
        }
        template
    }

    /// Whether a request is one of an earlier run.
    fn is_late(&self, request: &Request) -> bool {
        let run = request.url.path().strip_prefix(MOUNT).and_then(|path| path.split('/').next());
        run.is_some_and(|run| run != self.number.to_string())
    }

    /// The exchange that a request means. Where several are equal, they are answers to come one after another.
    fn find(&self, request: &Request) -> Option<usize> {
        let known = self.placeholders();
        let meant = |exchange: &Exchange| differences(request, exchange, &self.case, &known).is_empty();
        let indexes = self.case.exchanges.iter().enumerate().filter(|(_, exchange)| meant(exchange)).map(|(i, _)| i);
        let indexes: Vec<usize> = indexes.collect();
        indexes.iter().find(|index| self.served[**index] == 0).or(indexes.last()).copied()
    }

    fn unexpected(&mut self, request: &Request) -> ResponseTemplate {
        let beyond = self.script.fault.as_ref().and_then(|fault| {
            let place = &self.case.exchanges[fault.at];
            fault.beyond.clone().filter(|_| same_place(request, place, &self.placeholders()))
        });
        if let Some(answer) = beyond {
            self.traffic.times.push((usize::MAX, self.world.monotonic()));
            if self.traffic.times.len() <= self.budget {
                return self.template(&answer, self.tokens.len());
            }
            self.traffic.unexpected.insert(format!("there is no end: more than {} requests", self.budget));
            return ResponseTemplate::new(UNEXPECTED);
        }
        let all = self.case.exchanges.iter().enumerate();
        let nearest = all
            .map(|(index, exchange)| {
                let place = same_place(request, exchange, &self.placeholders());
                (index, !place, differences(request, exchange, &self.case, &self.placeholders()))
            })
            .min_by_key(|(_, elsewhere, differences)| (*elsewhere, differences.len()));
        let hint = nearest.map_or_else(String::new, |(index, _, differences)| {
            format!("; nearest is {}, but {}", self.case.name_of(index), differences.join(", "))
        });
        let mount = format!("{MOUNT}{}", self.number);
        let asked = request.url.path().strip_prefix(&mount).map_or_else(
            || format!("{} (without the prefix of `url`)", request.url.path()),
            |path| path.to_owned() + &request.url.query().map(|query| format!("?{query}")).unwrap_or_default(),
        );
        self.traffic.unexpected.insert(format!("no exchange expects {} {asked}{hint}", request.method));
        ResponseTemplate::new(UNEXPECTED)
    }

    /// Notes the token in an answer: the first text in it that begins with `planted-`.
    fn issue(&mut self, body: &str) {
        let body = self.placeholders().fill_with(body, "", self.tokens.len() + 1);
        let Some(token) = serde_json::from_str(&body).ok().as_ref().and_then(first_planted) else { return };
        self.revoked.remove(&token);
        self.tokens.push(token);
    }

    fn template(&self, answer: &Answer, n: usize) -> ResponseTemplate {
        let known = self.placeholders();
        let token = self.tokens.last().map_or("", String::as_str);
        let body = known.fill_with(&answer.body, token, n).into_bytes();
        let template = ResponseTemplate::new(answer.status).set_body_raw(body, answer.media_type);
        let headers = answer.headers.iter();
        headers.fold(template, |template, (name, value)| {
            template.append_header(*name, known.fill_with(value, token, n).as_str())
        })
    }

    fn placeholders(&self) -> Placeholders<'_> {
        Placeholders { url: &self.url, tokens: &self.tokens }
    }
}

fn shows(request: &Request, token: &str) -> bool {
    request.headers.values().any(|value| value.to_str().is_ok_and(|value| value.contains(token)))
}

fn first_planted(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.starts_with("planted-") => Some(text.clone()),
        Value::Array(values) => values.iter().find_map(first_planted),
        Value::Object(fields) => fields.values().find_map(first_planted),
        _ => None,
    }
}

impl Case {
    /// `exchange 3 (GET /organizations?page_token=b)`, counted from 1 as a reader counts.
    pub(crate) fn name_of(&self, index: usize) -> String {
        let exchange = &self.exchanges[index];
        let query: Vec<String> = exchange.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("exchange {} ({} {}{query})", index + 1, exchange.method, exchange.path)
    }
}
