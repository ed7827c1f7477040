//! What the connector makes of faults. A fault may end a run or fail the org it is about; it never makes a number.

use crate::bench::{Ask, Bench, Run};
use crate::case::{Exchange, Role};
use crate::server::{Answer, Fault, Script};
use crate::steps::mutated::unescaped;
use crate::steps::{lists, rows};
use serde_json::{Value, json};
use tallysheet_core::{Code, Decimal};
use wiremock::MockServer;

/// One 429 or 503, then all is well.
pub(crate) async fn retry(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for (index, exchange) in bench.case.exchanges.iter().enumerate() {
        for status in [429, 503] {
            // Whether a change was made before a 503 nobody knows: that is another step's.
            if exchange.has_rule_for(status) || (exchange.changes && status == 503) {
                continue;
            }
            let wait = vec![("retry-after", "0".to_owned())];
            let answer = Answer { headers: wait, ..Answer::json(status, &planted_body(bench)) };
            let (ask, run) = run_with(bench, Fault::once(index, answer)).await;
            // An exchange that spends a rotating token is never repeated blindly.
            let given_up = run.result.as_ref().err().is_some_and(|error| error.code() == Code::Unavailable);
            if exchange.role == Role::Token && status == 503 && given_up {
                continue;
            }
            let after = format!("{}, one {status}", bench.case.name_of(index));
            found.extend(unlike_calm(bench, ask, &run).into_iter().map(|line| format!("{after}: {line}")));
            if run.calls() != bench.calm(ask).calls() + 1 {
                let (calls, calm) = (run.calls(), bench.calm(ask).calls());
                found.push(format!("{after}: {calls} calls, expected {} (one more than without)", calm + 1));
            }
        }
    }
    found
}

/// One 401, then all is well: with a new token. Without tokens there is nothing to try again with.
pub(crate) async fn refresh(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for index in bench.case.with_role(Role::List) {
        let exchange = &bench.case.exchanges[index];
        if exchange.has_rule_for(401) {
            continue;
        }
        let answer = Answer::json(401, &planted_body(bench));
        let (ask, run) = run_with(bench, Fault { revokes: true, ..Fault::once(index, answer) }).await;
        let after = format!("{}, one 401", bench.case.name_of(index));
        let tokens = bench.calm(ask).asked_for_tokens(&bench.case);
        if tokens == 0 {
            found.extend(
                not_failed(bench, exchange, ask, &run, &[Code::AuthFailed]).map(|line| format!("{after}: {line}")),
            );
            continue;
        }
        found.extend(unlike_calm(bench, ask, &run).into_iter().map(|line| format!("{after}: {line}")));
        let asked = run.asked_for_tokens(&bench.case);
        if asked != tokens + 1 {
            found.push(format!("{after}: {asked} requests for a token, expected {} (one more)", tokens + 1));
        }
    }
    found
}

/// A fault that lasts, at every exchange, of every kind.
pub(crate) async fn classified(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for (index, exchange) in bench.case.exchanges.iter().enumerate() {
        for (what, answer, code) in lasting_faults(bench, exchange) {
            for ask in bench.askers(index) {
                let run = lasting(bench, ask, index, answer.clone()).await;
                let line = not_failed(bench, exchange, ask, &run, &[code]);
                found.extend(line.map(|line| format!("{}, always {what}: {line}", bench.case.name_of(index))));
            }
        }
    }
    found
}

/// A page that is the page before it once more, for ever.
pub(crate) async fn loops(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for pages in lists(&bench.case.exchanges).into_values() {
        for pair in pages.windows(2) {
            let (before, index) = (&bench.case.exchanges[pair[0]], pair[1]);
            let again = Answer::of(before);
            let fault = Fault { beyond: Some(again.clone()), ..Fault::lasting(index, again) };
            for ask in bench.askers(index) {
                let run = bench.run(ask, Script { fault: Some(fault.clone()), ..Script::default() }).await;
                let exchange = &bench.case.exchanges[index];
                let line = not_failed(bench, exchange, ask, &run, &[Code::BadResponse, Code::TotalDiffers]);
                let name = bench.case.name_of(index);
                found.extend(line.map(|line| format!("{name}, repeating the page before for ever: {line}")));
            }
        }
    }
    found
}

/// Where an answer holds an address of the vendor's, it holds another host's instead.
pub(crate) async fn own_host(bench: &Bench) -> Vec<String> {
    let stranger = MockServer::start().await;
    let mut found = Vec::new();
    for (index, exchange) in bench.case.exchanges.iter().enumerate() {
        let mut answer = Answer::of(exchange);
        let foreign = |text: &str| text.replace("{{url}}", &stranger.uri());
        answer.body = foreign(&answer.body);
        answer.headers = answer.headers.iter().map(|(name, value)| (*name, foreign(value))).collect();
        let good = Answer::of(exchange);
        if answer.body == good.body && answer.headers == good.headers {
            continue;
        }
        let (ask, run) = run_with(bench, Fault::lasting(index, answer)).await;
        let name = bench.case.name_of(index);
        // An address that nobody needs may stand there, as long as nothing comes out otherwise.
        if !unlike_calm(bench, ask, &run).is_empty() {
            let line = not_failed(bench, exchange, ask, &run, &[Code::BadResponse, Code::Internal]);
            found.extend(line.map(|line| format!("{name}, leading to another host: {line}")));
        }
        let heard = stranger.received_requests().await.unwrap_or_default().len();
        if heard > 0 {
            found.push(format!("{name}, leading to another host: that host got {heard} requests"));
            stranger.reset().await;
        }
    }
    found
}

/// A total that is one too high.
pub(crate) async fn totals(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for (index, exchange) in bench.case.exchanges.iter().enumerate() {
        let Some(pointer) = exchange.total_at else { continue };
        let name = bench.case.name_of(index);
        let mut reply = exchange.reply.clone();
        let Some(higher) = reply.pointer(pointer).and_then(one_more) else {
            found.push(format!("{name} has no total at `{pointer}`"));
            continue;
        };
        replace(&mut reply, pointer, higher);
        let good = Answer::of(exchange);
        let fault = Fault {
            // Whoever asks on for the row that is lacking gets a page without rows.
            beyond: Some(Answer { body: without_rows(exchange, &reply).to_string(), ..good.clone() }),
            ..Fault::lasting(index, Answer { body: reply.to_string(), ..good })
        };
        for ask in bench.askers(index) {
            let run = bench.run(ask, Script { fault: Some(fault.clone()), ..Script::default() }).await;
            let line = not_failed(bench, exchange, ask, &run, &[Code::TotalDiffers, Code::BadResponse]);
            found.extend(line.map(|line| format!("{name}, its total one too high: {line}")));
        }
    }
    found
}

/// A counted value that is not there, or null.
pub(crate) async fn missing(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for (index, exchange) in bench.case.exchanges.iter().enumerate() {
        for pointer in &exchange.counted_at {
            let name = bench.case.name_of(index);
            if exchange.reply.pointer(pointer).is_none() {
                found.push(format!("{name} has nothing at `{pointer}`"));
                continue;
            }
            let (mut absent, mut null) = (exchange.reply.clone(), exchange.reply.clone());
            remove(&mut absent, pointer);
            replace(&mut null, pointer, Value::Null);
            for (what, reply) in [("absent", absent), ("null", null)] {
                let answer = Answer { body: reply.to_string(), ..Answer::of(exchange) };
                for ask in bench.askers(index) {
                    let run = lasting(bench, ask, index, answer.clone()).await;
                    let line = not_missing(bench, ask, &run, &[Code::MissingValue]);
                    found.extend(line.map(|line| format!("{name}, `{pointer}` {what}: {line}")));
                }
            }
        }
    }
    found
}

/// A run with an exchange that always answers so.
pub(crate) async fn lasting(bench: &Bench, ask: Ask, index: usize, answer: Answer) -> Run {
    bench.run(ask, Script { fault: Some(Fault::lasting(index, answer)), ..Script::default() }).await
}

async fn run_with(bench: &Bench, fault: Fault) -> (Ask, Run) {
    let ask = bench.asked_by(fault.at);
    (ask, bench.run(ask, Script { fault: Some(fault), ..Script::default() }).await)
}

/// What is different from a run without faults.
fn unlike_calm(bench: &Bench, ask: Ask, run: &Run) -> Vec<String> {
    match (&run.result, &bench.calm(ask).result) {
        (Ok(picture), Ok(calm)) => picture.differences(calm),
        (Err(error), _) => vec![format!("it failed ({}): {error}", error.code())],
        (Ok(_), Err(_)) => vec!["it succeeded, and without the fault it fails".to_owned()],
    }
}

/// Says what is wrong unless the run failed with one of `codes`: as a whole, or in the org that the exchange is about.
fn not_failed(bench: &Bench, exchange: &Exchange, ask: Ask, run: &Run, codes: &[Code]) -> Option<String> {
    let wanted = codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    let picture = match &run.result {
        Err(error) if codes.contains(&error.code()) => return None,
        Err(error) => return Some(format!("it failed with {}, expected {wanted}: {error}", error.code())),
        Ok(picture) => picture,
    };
    let Some(org) = exchange.scope else {
        return Some(format!("it succeeded, expected the failure {wanted}: part of a list is no list"));
    };
    match picture.failed_orgs(&bench.expected(ask), codes) {
        Ok(failed) if failed.iter().map(String::as_str).eq([org]) => None,
        Ok(failed) => Some(format!("the orgs {failed:?} failed, expected {org} with {wanted}, and no other")),
        Err(line) => Some(format!("{line}; expected the failure {wanted} of {org}, and no other change")),
    }
}

/// Says what is wrong unless the run failed, or some of its orgs with one of `codes`, or it is a ledger that does not know
/// a quantity.
pub(crate) fn not_missing(bench: &Bench, ask: Ask, run: &Run, codes: &[Code]) -> Option<String> {
    match &run.result {
        Err(error) if matches!(error.code(), Code::MissingValue | Code::BadResponse) => None,
        Err(error) => Some(format!("it failed with {}, expected missing-value: {error}", error.code())),
        Ok(picture) if matches!(ask, Ask::Ledger(_)) => match picture.only_unknown(&bench.expected(ask)) {
            Ok(true) => None,
            Ok(false) => Some("no quantity is unknown".to_owned()),
            Err(line) => Some(format!("{line}; expected an unknown quantity and no other change")),
        },
        Ok(picture) => match picture.failed_orgs(&bench.expected(ask), codes) {
            Ok(failed) if failed.is_empty() => Some("nothing failed, expected missing-value".to_owned()),
            Ok(_) => None,
            Err(line) => Some(format!("{line}; expected missing-value and no other change")),
        },
    }
}

impl Exchange {
    /// Whether a status is no failure here, or one of another kind.
    fn has_rule_for(&self, status: u16) -> bool {
        self.tolerates.contains(&status) || self.means.iter().any(|(known, _)| *known == status)
    }
}

/// Faults that an exchange must survive with the code that each must become.
fn lasting_faults(bench: &Bench, exchange: &Exchange) -> Vec<(String, Answer, Code)> {
    let usual = match exchange.role {
        // OAuth2 says 400 where a credential is not accepted.
        Role::Token => vec![(400, Code::AuthFailed), (401, Code::AuthFailed), (403, Code::AuthFailed)],
        Role::Check | Role::List => vec![(401, Code::AuthFailed), (403, Code::Forbidden)],
    };
    let general = [(404, Code::NotFound), (429, Code::RateLimited), (500, Code::Unavailable), (503, Code::Unavailable)];
    let mut statuses: Vec<(u16, Code)> = usual.into_iter().chain(general).collect();
    statuses.retain(|(status, _)| !exchange.has_rule_for(*status));
    statuses.extend(&exchange.means);
    let mut faults: Vec<(String, Answer, Code)> = statuses
        .into_iter()
        .map(|(status, code)| (status.to_string(), Answer::json(status, &planted_body(bench)), code))
        .collect();

    let good = Answer::of(exchange);
    let with_body = |media_type, body: String| Answer { status: 200, media_type, body, ..good.clone() };
    let html = "<!doctype html><html><title>planted-body</title></html>".to_owned();
    faults.extend([
        ("cut in the middle".to_owned(), with_body("application/json", half(&good.body)), Code::BadResponse),
        ("HTML".to_owned(), with_body("text/html", html), Code::BadResponse),
    ]);
    // Where nothing is answered, nothing is no fault.
    if !good.body.is_empty() {
        faults.push(("empty".to_owned(), with_body("application/json", String::new()), Code::BadResponse));
    }
    if exchange.role == Role::List {
        let errors = bench.case.errors_in_200.iter();
        faults.extend(errors.map(|(body, code)| (format!("200 with {body}"), Answer::json(200, body), *code)));
    }
    faults
}

/// An error's body that repeats every secret, as some vendors' do.
fn planted_body(bench: &Bench) -> Value {
    let mut secrets = Vec::new();
    collect_planted(&bench.case.settings, &mut secrets);
    let text = format!("planted-body {}", secrets.join(" "));
    json!({ "error": text, "error_description": text, "message": text, "errors": [{ "message": text }] })
}

fn collect_planted(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("planted-") => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect_planted(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect_planted(value, found)),
        _ => {}
    }
}

/// The first half of a JSON text, which is never JSON itself.
fn half(body: &str) -> String {
    if !body.starts_with(['{', '[']) {
        return "[".to_owned();
    }
    body.chars().take(body.chars().count().div_ceil(2).min(body.chars().count() - 1)).collect()
}

fn one_more(total: &Value) -> Option<Value> {
    match total {
        Value::Number(number) => number.as_u64().map(|number| json!(number + 1)),
        Value::String(text) => text.parse::<Decimal>().ok().map(|number| json!((number + Decimal::ONE).to_string())),
        _ => None,
    }
}

fn without_rows(exchange: &Exchange, reply: &Value) -> Value {
    let mut reply = reply.clone();
    if let (Some(pointer), Some(_)) = (exchange.rows_at, rows(exchange)) {
        replace(&mut reply, pointer, json!([]));
    }
    reply
}

pub(crate) fn replace(json: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = json.pointer_mut(pointer) {
        *place = value;
    }
}

pub(crate) fn remove(json: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    match json.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&unescaped(key));
        }
        Some(Value::Array(values)) => {
            if let Some(index) = key.parse::<usize>().ok().filter(|index| *index < values.len()) {
                values.remove(index);
            }
        }
        _ => {}
    }
}
