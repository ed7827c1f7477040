//! What the connector asks, and what it makes of good answers.

use crate::bench::{Ask, Bench, LedgerVerb, Run};
use crate::case::Role;
use crate::server::{Answer, Fault, Script};
use crate::world::TestWorld;
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;
use tallysheet_core::Capability;

/// Everything is what the case expects, at the price of the case's exchanges, in whatever order answers come.
pub(crate) async fn happy(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for (ask, run) in bench.calm_runs().filter(|(ask, _)| !matches!(ask, Ask::Check | Ask::Companies)) {
        let told = compare(bench, ask, run);
        found.extend(told.into_iter().map(|line| if ask == Ask::Counts { line } else { format!("{ask:?}: {line}") }));
        if ask != Ask::Counts {
            found.extend(asked_twice(bench, run).into_iter().map(|line| format!("{ask:?}: {line}")));
        }
    }
    if !found.is_empty() {
        return found;
    }
    for (index, exchange) in bench.case.exchanges.iter().enumerate() {
        let (name, asked_by) = (bench.case.name_of(index), bench.asked_by(index));
        let counted = if bench.offers(Ask::Counts) { bench.calm(Ask::Counts).asked(index) } else { 0 };
        match (exchange.role, counted) {
            (Role::List, 1) | (Role::Token, 0 | 1) | (Role::Check, 0) => {}
            (Role::List, 0) if asked_by != Ask::Check || !bench.offers(Ask::Counts) => {}
            (Role::List, times) => found.push(format!("{name} was asked {times} times, expected once")),
            (Role::Token, times) => found.push(format!("{name} was asked {times} times, for one token")),
            (Role::Check, _) => found.push(format!("{name} is for `check`, but `counts` asked it")),
        }
        if bench.calm(asked_by).asked(index) == 0 {
            found.push(format!("{name} is never asked"));
        }
    }
    if !bench.offers(Ask::Counts) {
        return found;
    }
    let again = bench.run(Ask::Counts, Script { out_of_order: true, ..Script::default() }).await;
    let changes = compare(bench, Ask::Counts, &again);
    found.extend(changes.into_iter().map(|line| format!("where answers come in another order: {line}")));
    if again.traffic.asked != bench.calm(Ask::Counts).traffic.asked {
        found.push("a second run asks something else".to_owned());
    }
    found
}

/// `orgs` lists the orgs that `counts` counts.
pub(crate) async fn orgs(bench: &Bench) -> Vec<String> {
    if !bench.offers(Ask::Counts) {
        return Vec::new();
    }
    let run = bench.run(Ask::Orgs, Script::default()).await;
    let mut found = compare(bench, Ask::Orgs, &run);
    found.extend(asked_twice(bench, &run));
    found
}

/// `companies` lists what the case expects: whole, or not at all.
pub(crate) async fn companies(bench: &Bench) -> Vec<String> {
    let declared = bench.entry.meta.capabilities.contains(&Capability::Companies);
    match (declared, bench.case.companies.is_empty()) {
        (false, true) => return Vec::new(),
        (true, true) => {
            return vec!["the connector is a company directory, and the case expects no company".to_owned()];
        }
        (_, false) => {}
    }
    let run = bench.run(Ask::Companies, Script::default()).await;
    let mut found = compare(bench, Ask::Companies, &run);
    found.extend(asked_twice(bench, &run));
    for index in (0..bench.case.exchanges.len()).filter(|index| run.asked(*index) > 0) {
        let fault = Some(Fault::lasting(index, Answer::json(500, &Value::Null)));
        if bench.run(Ask::Companies, Script { fault, ..Script::default() }).await.result.is_ok() {
            let name = bench.case.name_of(index);
            found.push(format!("{name}, always 500: it succeeded, expected a failure: part of a list is no list"));
        }
    }
    found
}

/// `check` says the account, and asks nothing twice.
pub(crate) fn check(bench: &Bench) -> Vec<String> {
    let mut found = compare(bench, Ask::Check, bench.calm(Ask::Check));
    found.extend(asked_twice(bench, bench.calm(Ask::Check)));
    found
}

/// Ten calls at once ask for no more tokens than one.
pub(crate) async fn single_flight(bench: &Bench) -> Vec<String> {
    if !bench.offers(Ask::Counts) || bench.calm(Ask::Counts).asked_for_tokens(&bench.case) == 0 {
        return Vec::new();
    }
    let world = TestWorld::new();
    bench.begin(Script::default(), &world, 10);
    let connector = match bench.connect(&world, |_| ()) {
        Ok(connector) => connector,
        Err(error) => return vec![error.to_string()],
    };
    let asks = (0..10).map(|turn| if turn % 2 == 0 { Ask::Counts } else { Ask::Orgs });
    let results = join_all(asks.map(|ask| {
        let connector = &connector;
        async move { (ask, bench.ask(connector, ask).await) }
    }))
    .await;
    let traffic = bench.end();
    let mut found: Vec<String> = results
        .into_iter()
        .flat_map(|(ask, result)| compare(bench, ask, &Run { result, traffic: traffic.clone() }))
        .collect();
    // A refusal is no token to share.
    let issued = bench.case.with_role(Role::Token).filter(|index| bench.case.exchanges[*index].status == 200);
    for index in issued.filter(|index| traffic.asked[*index] > 1) {
        let (name, times) = (bench.case.name_of(index), traffic.asked[index]);
        found.push(format!("ten calls at once: {name} was asked {times} times, expected once"));
    }
    found
}

/// With `requests_per_minute = 2` no sixty seconds see three calls.
pub(crate) async fn polite(bench: &Bench) -> Vec<String> {
    let billed = Ask::Ledger(LedgerVerb::Billed);
    let Some(ask) = [Ask::Counts, billed].into_iter().find(|ask| bench.offers(*ask)) else { return Vec::new() };
    // One call at a time, so that the fake clock tells when each was sent.
    let run = bench
        .run_in(ask, Script::default(), &TestWorld::new(), |keys| {
            keys.requests_per_minute = Some(2);
            keys.max_concurrency = Some(1);
        })
        .await;
    let mut found = compare(bench, ask, &run);
    let mut last_two: VecDeque<Duration> = VecDeque::new();
    for (index, time) in &run.traffic.times {
        if bench.case.exchanges.get(*index).is_none_or(|exchange| exchange.role == Role::Token) {
            continue;
        }
        if last_two.len() == 2 && last_two.pop_front().is_some_and(|before| *time < before + Duration::from_mins(1)) {
            found.push(format!("{} is the third call within sixty seconds", bench.case.name_of(*index)));
        }
        last_two.push_back(*time);
    }
    found
}

fn compare(bench: &Bench, ask: Ask, run: &Run) -> Vec<String> {
    match &run.result {
        Err(error) => vec![format!("it failed ({}): {error}", error.code())],
        Ok(picture) => picture.differences(&bench.expected(ask)),
    }
}

fn asked_twice(bench: &Bench, run: &Run) -> Vec<String> {
    let twice = (0..bench.case.exchanges.len()).filter(|index| run.asked(*index) > 1);
    twice.map(|index| format!("{} was asked {} times", bench.case.name_of(index), run.asked(index))).collect()
}
