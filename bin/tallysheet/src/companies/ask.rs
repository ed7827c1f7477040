//! Asking on a terminal what is to be accepted. Nothing is taken without an answer.

use super::show;
use std::io::{BufRead, Write};
use tallysheet_core::{Error, Result};
use tallysheet_engine::{Opinion, Suggestion, Taken, Who};

/// All of the certain ones, or each by itself. Nothing where the answer is no.
pub(crate) fn ask(who: &Who, certain: &[Taken]) -> Result<Option<Vec<Taken>>> {
    let stdin = std::io::stdin();
    ask_from(who, certain, &mut stdin.lock(), &mut std::io::stderr())
}

fn ask_from(
    who: &Who,
    certain: &[Taken],
    answers: &mut impl BufRead,
    to: &mut impl Write,
) -> Result<Option<Vec<Taken>>> {
    if !certain.is_empty() {
        say(to, &show::taken(who, certain))?;
        say(to, &format!("Write these {}? [y]es, [n]o, [o]ne by one: ", certain.len()))?;
        match answer(answers)?.as_str() {
            "y" | "yes" => return Ok(Some(certain.to_vec())),
            "o" | "one" => {}
            _ => return Ok(None),
        }
    }
    let mut taken = Vec::new();
    for one in &who.suggestions {
        say(to, &show::question(who, one))?;
        let Some(opinion) = decide(who, one, answers, to)? else { break };
        if let Some(opinion) = opinion {
            taken.push(Taken { part: one.part, org: one.org, opinion });
        }
    }
    say(to, &format!("{} decided. Write them? [y]es, [n]o: ", taken.len()))?;
    Ok(matches!(answer(answers)?.as_str(), "y" | "yes").then_some(taken))
}

/// What one org is; nothing inside where it is left, nothing at all where the questions are to end.
#[allow(clippy::option_option, reason = "left as it is, and the end, are two things")]
fn decide(
    who: &Who,
    one: &Suggestion,
    answers: &mut impl BufRead,
    to: &mut impl Write,
) -> Result<Option<Option<Opinion>>> {
    let first = if one.likely.is_empty() { "" } else { "[1] that company, " };
    loop {
        say(to, &format!("{first}[n]ew row, [i]gnore, [s]kip, [q]uit: "))?;
        let line = answer(answers)?;
        match line.as_str() {
            "q" | "quit" => return Ok(None),
            "s" | "skip" | "" => return Ok(Some(None)),
            "i" | "ignore" => return Ok(Some(Some(Opinion::Ignore))),
            "n" | "new" => {
                let name =
                    who.org(one.part, one.org).map(|org| org.name.split_whitespace().collect::<Vec<_>>().join(" "));
                let name = name.unwrap_or_default();
                let taken =
                    |name: &str| who.companies.iter().any(|one| one.company.name.to_lowercase() == name.to_lowercase());
                if name.is_empty() || taken(&name) {
                    say(to, "A row of that name is there; use `suggest --output` to give it another.\n")?;
                    continue;
                }
                return Ok(Some(Some(Opinion::New(name))));
            }
            number => {
                let place = number.parse::<usize>().ok().and_then(|number| one.likely.get(number.checked_sub(1)?));
                if let Some(likely) = place {
                    return Ok(Some(Some(Opinion::Company(likely.company))));
                }
            }
        }
    }
}

fn say(to: &mut impl Write, text: &str) -> Result<()> {
    let said = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    said.map_err(|error| Error::internal(format!("the terminal cannot be written to: {error}")))
}

/// A line, in lower case; the end of input is a `q`.
fn answer(answers: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    let read =
        answers.read_line(&mut line).map_err(|error| Error::internal(format!("no answer can be read: {error}")))?;
    Ok(if read == 0 { "q".to_owned() } else { line.trim().to_lowercase() })
}
