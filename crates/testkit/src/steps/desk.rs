//! What a ticket desk must keep besides: a wrong name is answered with the right ones, a search that finds nothing says
//! so, and what may have happened is not repeated.

use crate::bench::{Ask, Bench, Verb};
use crate::case::Desk;
use crate::picture::Picture;
use crate::server::{Answer, Fault, Script};
use crate::world::TestWorld;
use tallysheet_core::ticket::{Found, TicketForm, TicketSearch};
use tallysheet_core::{Code, ErrorKind, Result};

pub(crate) fn search(any_run: bool) -> TicketSearch {
    TicketSearch {
        delivery: Desk::DELIVERY.to_owned(),
        run: (!any_run).then(|| Desk::RUN.to_owned()),
        // A day before the run, or long ago.
        since: jiff::Timestamp::constant(if any_run { 1_758_952_800 } else { 1_793_426_400 }, 0),
    }
}

pub(crate) fn found(found: &[Found]) -> String {
    listed(found.iter().map(|found| (found.ticket.id.as_str(), found.ticket.number.as_str(), found.open)))
}

fn listed<'a>(tickets: impl Iterator<Item = (&'a str, &'a str, bool)>) -> String {
    let told = tickets.map(|(id, number, open)| format!("{id} ({number}, {})", if open { "open" } else { "closed" }));
    format!("found [{}]", told.collect::<Vec<_>>().join(", "))
}

pub(crate) fn created(id: &str, number: &str, with_file: bool) -> String {
    format!("made {id} ({number}){}", if with_file { " with the file" } else { "" })
}

/// What a verb must say.
pub(crate) fn expected(case: &Desk, verb: Verb) -> Picture {
    Picture::of_desk(match verb {
        Verb::Prepare => format!("company {} {}", case.company.0, case.company.1),
        Verb::Find => listed(case.found.iter().copied()),
        Verb::FindOfAnyRun => listed(case.found_of_any_run.iter().copied()),
        Verb::Create => created(case.created.0, case.created.1, case.created_with_file),
        Verb::Attachments => format!("files {:?}", case.attachments),
        Verb::Attach | Verb::Note => "done".to_owned(),
    })
}

/// A wrong name is answered with those that exist, and makes nothing.
pub(crate) async fn wrong_names(bench: &Bench) -> Vec<String> {
    let Some(case) = &bench.case.desk else { return Vec::new() };
    let mut found = Vec::new();
    for field in case.form.fields.keys().copied().chain(["company"]) {
        if !case.wrong.iter().any(|(tried, _)| *tried == field) {
            found.push(format!("the case does not say what is told where `{field}` is wrong"));
        }
    }
    for (field, names) in &case.wrong {
        let mut form = case.form.clone();
        match *field {
            "company" => "No Such Thing".clone_into(&mut form.company),
            field => drop(form.fields.insert(field, "No Such Thing".to_owned())),
        }
        match prepare(bench, &form).await {
            Ok(()) => found.push(format!("`{field}` is wrong, and nobody says so")),
            Err(error) if error.kind() != ErrorKind::Config => {
                found.push(format!("`{field}` is wrong: it is {} and not a wrong setting: {error}", error.code()));
            }
            Err(error) => {
                let told = error.to_string();
                let lacking = names.iter().filter(|name| !told.contains(**name));
                found.extend(lacking.map(|name| format!("`{field}` is wrong: {name} is not told: {told}")));
            }
        }
    }
    found
}

async fn prepare(bench: &Bench, form: &TicketForm) -> Result<()> {
    let world = TestWorld::new();
    bench.begin(Script::default(), &world, 1);
    let connector = bench.connect(&world, |_| ())?;
    let Some(desk) = &connector.tickets else { return Ok(()) };
    let answer = desk.prepare(form).await.map(|_| ()).inspect_err(|error| bench.overheard.error(error));
    bench.end();
    answer
}

/// A search without a result is no ticket, and no failure.
pub(crate) async fn finds_nothing(bench: &Bench) -> Vec<String> {
    if bench.case.desk.is_none() {
        return Vec::new();
    }
    let exchanges = bench.case.exchanges.iter().enumerate();
    let replies: Vec<(usize, Answer)> = exchanges
        .filter_map(|(index, exchange)| Some((index, Answer::json(200, exchange.nothing.as_ref()?))))
        .collect();
    if replies.is_empty() {
        return vec!["no exchange says what a search without a result is answered with (`nothing`)".to_owned()];
    }
    let mut failures = Vec::new();
    for verb in [Verb::Find, Verb::FindOfAnyRun] {
        let run = bench.run(Ask::Desk(verb), Script { replies: replies.clone(), ..Script::default() }).await;
        match run.result {
            Ok(picture) => failures.extend(picture.differences(&Picture::of_desk(found(&[])))),
            Err(error) => failures.push(format!("it failed ({}): {error}", error.code())),
        }
    }
    failures
}

/// A change whose answer is lost may have happened: it is asked for once, and the error says so.
pub(crate) async fn once(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    for (index, exchange) in bench.case.exchanges.iter().enumerate().filter(|(_, exchange)| exchange.changes) {
        let name = bench.case.name_of(index);
        let unclear = [503, 502].into_iter().filter(|status| {
            let known = |(other, code): &(u16, Code)| other == status && *code != Code::Unavailable;
            !exchange.means.iter().any(known)
        });
        for status in unclear {
            let fault = Fault::lasting(index, Answer::json(status, &serde_json::json!({ "error": "planted-body" })));
            let run = bench.run(bench.asked_by(index), Script { fault: Some(fault), ..Script::default() }).await;
            if run.asked(index) != 1 {
                found.push(format!("{name}, always {status}: it was asked {} times, expected once", run.asked(index)));
            }
            match run.result {
                Err(error) if error.maybe_done() => {}
                Err(error) => {
                    found.push(format!("{name}, always {status}: it is not told that it may be done: {error}"));
                }
                Ok(_) => found.push(format!("{name}, always {status}: it succeeded")),
            }
        }
    }
    found
}
