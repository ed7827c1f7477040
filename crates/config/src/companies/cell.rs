//! What stands in one cell: ids with their comments, `-`, or domains.

use tallysheet_core::Link;
use tallysheet_core::model::bare_domain;
use tallysheet_core::table::{Cell, Problems, is_scientific};

/// Reads the cell of an integration: `123`, `123 (Acme HQ); 456`, or `-`, with the name behind each id. Nothing where it
/// is empty or wrong.
pub(super) fn link(cell: &Cell, problems: &mut Problems) -> Option<(Link, Vec<(String, String)>)> {
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    let mut rest = cell.text.as_str();
    while !rest.trim().is_empty() {
        match next_id(rest) {
            Ok((id, name, behind)) => {
                ids.extend(Some(id).filter(|id| !id.is_empty()).map(str::to_owned));
                names.extend(name.map(|name| (id.to_owned(), name.to_owned())));
                rest = behind;
            }
            Err(message) => {
                problems.add(cell, message);
                return None;
            }
        }
    }
    if let Some(ruined) = ids.iter().find(|id| is_scientific(id)) {
        let advice = "take the id from the vendor again, and format the column as text before you paste it";
        problems.add(cell, format!("`{ruined}` is a number that a spreadsheet has shortened; {advice}"));
        return None;
    }
    let dashes = ids.iter().filter(|id| is_dash(id)).count();
    match (dashes, ids.len()) {
        (_, 0) => None,
        (0, _) => {
            // Most cells hold one, and there are many cells.
            ids.shrink_to_fit();
            Some((Link::Ids(ids), names))
        }
        (1, 1) => Some((Link::NotCustomer, Vec::new())),
        _ => {
            problems
                .add(cell, "`-` means that the company is no customer there, so it stands alone; delete it or the ids");
            None
        }
    }
}

/// The next id of a cell, the name in parentheses behind it, and what comes after both.
fn next_id(text: &str) -> Result<(&str, Option<&str>, &str), &'static str> {
    let end = text.find([';', '(', ')']).unwrap_or(text.len());
    let (id, rest) = text.split_at(end);
    // A spreadsheet puts `'` before what is to stay text.
    let id = id.trim();
    let id = id.strip_prefix('\'').unwrap_or(id).trim_start();
    if let Some(behind) = rest.strip_prefix(';') {
        return Ok((id, None, behind));
    }
    if rest.is_empty() {
        return Ok((id, None, rest));
    }
    if rest.starts_with(')') {
        return Err("a `)` stands here without its `(`; an id may be followed by a name in parentheses: `123 (Acme)`");
    }
    if id.is_empty() {
        return Err("a name in parentheses stands here without its id: `123 (Acme)`");
    }
    let behind = behind_comment(rest)?;
    let comment = rest[..rest.len() - behind.len()].trim_end().trim_end_matches(';').trim_end();
    Ok((id, comment.strip_prefix('(').and_then(|name| name.strip_suffix(')')), behind))
}

/// The text of a cell that names an org: `123 (Acme HQ)`, read back as the same id. The name keeps a spreadsheet from
/// taking the id for a number. Nothing where no cell can hold the id.
pub(super) fn text_of(id: &str, name: &str) -> Option<String> {
    let mark = if id.starts_with(['=', '+', '@', '-']) { "'" } else { "" };
    let plain = format!("{mark}{id}");
    let name = comment(name);
    let named = Some(format!("{plain} ({name})")).filter(|_| !name.is_empty());
    named.into_iter().chain([plain]).find(|text| {
        let cell = Cell { line: 0, column: 0, text: text.clone(), span: 0..0 };
        matches!(link(&cell, &mut Problems::default()), Some((Link::Ids(ids), _)) if ids == [id])
    })
}

/// A vendor's name as it stands in parentheses: on one line, with other brackets where its own do not close.
pub fn comment(name: &str) -> String {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut depth = 0_i32;
    let closes = name.chars().all(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth >= 0
    });
    if closes && depth == 0 { name } else { name.replace('(', "[").replace(')', "]") }
}

/// What comes behind a comment in parentheses and its `;`. The comment ends where its parentheses do and no more of it
/// can follow. A name with an odd parenthesis, `(Acme :( Ltd)`, is understood where it is the last thing in the cell.
fn behind_comment(text: &str) -> Result<&str, &'static str> {
    let mut depth = 0_usize;
    for (place, sign) in text.char_indices() {
        match sign {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => continue,
        }
        let behind = text[place + 1..].trim_start();
        if depth > 0 || sign == '(' {
            continue;
        }
        if behind.is_empty() {
            return Ok("");
        }
        if let Some(behind) = behind.strip_prefix(';') {
            return Ok(behind);
        }
    }
    if text.trim_end().ends_with(')') && !text.contains(';') {
        return Ok("");
    }
    Err("the name behind an id does not end; close its parenthesis, and put `;` before the next id: `123 (Acme); 456`")
}

/// `-`, or what a word processor makes of it.
fn is_dash(id: &str) -> bool {
    matches!(id, "-" | "–" | "—" | "\u{2212}")
}

/// Reads the cell of domains, divided by `;`, `,` or spaces; URLs and mail addresses are cut down to their domain.
pub(super) fn domains(cell: &Cell, problems: &mut Problems) -> Vec<String> {
    let mut domains: Vec<String> = Vec::new();
    for word in cell.text.split([';', ',', ' ', '\t', '\n', '\r', '\u{a0}']).filter(|word| !word.is_empty()) {
        let domain = bare_domain(word);
        if domain.is_empty() {
            problems.add(cell, format!("`{word}` is no domain, such as `acme.example`; correct it or delete it"));
        } else if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    domains
}
