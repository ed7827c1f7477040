//! What a billing ledger must keep besides: it is whole or fails, what has another shape is no line, a line that is gone is
//! none, and a quantity is written as asked or not at all.

use crate::bench::{Ask, Bench, LedgerVerb};
use crate::case::{Exchange, Role};
use crate::ledger;
use crate::picture::Picture;
use crate::server::{Answer, Fault, Script};
use crate::steps::faults::{lasting, replace};
use crate::steps::rows;
use crate::world::TestWorld;
use serde_json::{Value, json};
use tallysheet_core::{Capability, Code, ErrorKind};

const BILLED: Ask = Ask::Ledger(LedgerVerb::Billed);

/// The case speaks of what the connector offers, and answers in another order bill the same.
pub(crate) async fn billed(bench: &Bench) -> Vec<String> {
    let declared = bench.entry.meta.capabilities.contains(&Capability::Billing);
    match (declared, &bench.case.ledger) {
        (false, None) => return Vec::new(),
        (true, None) => return vec!["the connector is a billing ledger, and the case says nothing of it".to_owned()],
        (false, Some(_)) => return vec!["the case has a ledger, and the connector declares none".to_owned()],
        (true, Some(_)) => {}
    }
    let mut found = Vec::new();
    for verb in [LedgerVerb::Billed, LedgerVerb::Line] {
        let ask = Ask::Ledger(verb);
        if !asked(bench, ask).any(|(_, exchange)| !exchange.counted_at.is_empty()) {
            found.push(format!("{ask:?}: the case does not say where a quantity stands (`counted_at`)"));
        }
    }
    let again = bench.run(BILLED, Script { out_of_order: true, ..Script::default() }).await;
    match &again.result {
        Ok(picture) => {
            let changes = picture.differences(&bench.expected(BILLED)).into_iter();
            found.extend(changes.map(|line| format!("where answers come in another order: {line}")));
        }
        Err(error) => found.push(format!("where answers come in another order: it failed: {error}")),
    }
    found
}

/// What has another shape than it should is an error: never a list without it, never a zero.
pub(crate) async fn shapes(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for verb in [LedgerVerb::Billed, LedgerVerb::Line] {
        let ask = Ask::Ledger(verb);
        for (index, exchange) in asked(bench, ask) {
            for (what, reply) in misshapen(exchange) {
                let run = lasting(bench, ask, index, Answer { body: reply.to_string(), ..Answer::of(exchange) }).await;
                let name = bench.case.name_of(index);
                match run.result {
                    Err(error) if error.code() == Code::BadResponse => {}
                    Err(error) => found.push(format!("{ask:?}, {name}, {what}: it is {}: {error}", error.code())),
                    Ok(_) => found.push(format!("{ask:?}, {name}, {what}: it succeeded, expected bad-response")),
                }
            }
        }
    }
    found
}

fn misshapen(exchange: &Exchange) -> Vec<(String, Value)> {
    let mut replies = vec![("a text in its place".to_owned(), json!("planted-body"))];
    if exchange.reply.is_array() {
        replies.push(("an object in its place".to_owned(), json!({ "planted-body": [] })));
    }
    let with = |pointer: &str, value: Value| {
        let mut reply = exchange.reply.clone();
        replace(&mut reply, pointer, value);
        reply
    };
    if let (Some(at), true) = (exchange.rows_at, rows(exchange).is_some_and(|rows| !rows.is_empty())) {
        replies.push(("a row that is a text".to_owned(), with(&format!("{at}/0"), json!("planted-body"))));
        if !at.is_empty() {
            replies.push(("no rows but null".to_owned(), with(at, Value::Null)));
        }
    }
    for pointer in &exchange.counted_at {
        replies.push((format!("`{pointer}` is a text"), with(pointer, json!("planted-body"))));
        replies.push((format!("`{pointer}` is an object"), with(pointer, json!({ "value": 1 }))));
    }
    replies
}

/// A line that is gone, however the PSA says it, is none; and no failure.
pub(crate) async fn gone(bench: &Bench) -> Vec<String> {
    if bench.case.ledger.is_none() {
        return Vec::new();
    }
    let (ask, mut tried, mut found) = (Ask::Ledger(LedgerVerb::Line), 0, Vec::new());
    for (index, exchange) in asked(bench, ask) {
        let missing =
            exchange.tolerates.contains(&404).then(|| Answer::json(404, &json!({ "message": "planted-body" })));
        let nothing = exchange.nothing.as_ref().map(|reply| Answer::json(200, reply));
        for answer in missing.into_iter().chain(nothing) {
            tried += 1;
            let what = format!("{}, the line being gone ({})", bench.case.name_of(index), answer.status);
            match lasting(bench, ask, index, answer).await.result {
                Ok(picture) => {
                    let wanted = Picture::of_ledger(ledger::line(None));
                    found.extend(picture.differences(&wanted).into_iter().map(|line| format!("{what}: {line}")));
                }
                Err(error) => found.push(format!("{what}: it failed ({}): {error}", error.code())),
            }
        }
    }
    if tried == 0 {
        found.push("no exchange says how a line that is gone is told (`tolerates(404)` or `nothing`)".to_owned());
    }
    found
}

/// What the PSA refuses is refused once and has not happened; what it cannot hold is not even sent.
pub(crate) async fn written(bench: &Bench) -> Vec<String> {
    let Some(case) = &bench.case.ledger else { return Vec::new() };
    let (ask, mut found) = (Ask::Ledger(LedgerVerb::Change), Vec::new());
    let changes: Vec<usize> = asked(bench, ask).filter(|(_, one)| one.changes).map(|(index, _)| index).collect();
    let [index] = changes[..] else {
        return vec![format!("a change is {} exchanges that change something, expected one", changes.len())];
    };
    let name = bench.case.name_of(index);
    for status in [400, 403, 404, 409] {
        let run = lasting(bench, ask, index, Answer::json(status, &json!({ "message": "planted-body" }))).await;
        match &run.result {
            Err(error) if error.maybe_done() => found.push(format!("{name}, {status}: it is told that it may be done")),
            Err(_) if run.asked(index) == 1 => {}
            Err(_) => found.push(format!("{name}, {status}: it was asked {} times, expected once", run.asked(index))),
            Ok(_) => found.push(format!("{name}, {status}: it succeeded")),
        }
    }
    // The answer is cut off: nobody knows what became of it.
    let cut = Answer { status: 200, ..Answer::json(200, &Value::Null) };
    let run = bench.run(ask, Script { fault: Some(Fault::lasting(index, cut)), ..Script::default() }).await;
    match &run.result {
        Err(error) if error.maybe_done() && run.asked(index) == 1 => {}
        Err(error) => found.push(format!("{name}, answered with nothing: it is not told that it may be done: {error}")),
        Ok(_) => found.push(format!("{name}, answered with nothing: it succeeded")),
    }
    for quantity in &case.cannot_hold {
        let world = TestWorld::new();
        bench.begin(Script::default(), &world, 1);
        let connector = bench.connect(&world, |_| ());
        let Some(ledger) = connector.ok().and_then(|connector| connector.billing) else { continue };
        let change = case.change(quantity);
        if ledger.holds(change.new).is_ok() {
            found.push(format!("{quantity} cannot be held, and nothing says so before a change is planned"));
        }
        let result = ledger.change(&change).await;
        let sent = bench.end().asked.iter().sum::<usize>();
        match result {
            Err(error) if error.kind() == ErrorKind::Config && sent == 0 => bench.overheard.error(&error),
            Err(error) => found.push(format!("{quantity} cannot be held: {sent} calls, {:?}: {error}", error.kind())),
            Ok(()) => found.push(format!("{quantity} cannot be held, and it was sent")),
        }
    }
    found
}

/// The exchanges that are asked when all is well, but for tokens.
fn asked(bench: &Bench, ask: Ask) -> impl Iterator<Item = (usize, &Exchange)> {
    let all = bench.case.exchanges.iter().enumerate();
    let all = all.filter(|(_, exchange)| exchange.role != Role::Token);
    all.filter(move |(index, _)| bench.offers(ask) && bench.calm(ask).asked(*index) > 0)
}
