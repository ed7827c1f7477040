//! The page shows every state, needs nothing from elsewhere and lets no text out of its place; the summary for mails and
//! tickets tells no customer's name.
#![allow(clippy::unwrap_used, reason = "the helpers of a test too")]

mod common;

use common::{column, number, row, run, sample, states, text};
use tallysheet_core::run::Run;
use tallysheet_core::sheet::{ColumnKind, Sheet, Totals};
use tallysheet_report::{Format, render, summary, summary_html};

fn html(run: &Run) -> String {
    String::from_utf8(render(run, Format::Html).unwrap()).unwrap()
}

/// The line of the page that begins with this company.
fn line<'a>(page: &'a str, company: &str) -> &'a str {
    let start = format!("<tr><th class=\"name\" scope=\"row\"><bdi>{company}</bdi>");
    page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{company} in {page}"))
}

#[test]
fn every_state_is_shown_and_says_why() {
    let page = html(&states());
    for (company, cell) in [
        ("Failed", "<td class=\"f g\" title=\"failed: timed-out\">!</td>"),
        ("Zero", "<td class=\" g\">0</td>"),
        ("Unmapped", "<td class=\"m g\" title=\"not mapped\">·</td>"),
        ("Declined", "<td class=\"n g\" title=\"not applicable\">–</td>"),
        ("Trial", "<td class=\"l g\" title=\"left out: trial\">~</td>"),
        ("Flagged", "<td class=\"d g\" title=\"implausible: the last good value is 90, of 2026-10-31\">2?</td>"),
    ] {
        assert!(line(&page, company).contains(cell), "{}", line(&page, company));
    }
    for word in ["failed", "hard to believe", "left out by a rule", "not applicable", "not mapped"] {
        assert!(page.contains(&format!("</b>{word}</span>")), "{word} is not in the legend");
    }
}

#[test]
fn a_row_is_written_to_the_letter() {
    let page = html(&sample());
    let expected = "<tr><th class=\"name\" scope=\"row\"><bdi>Birch Dental</bdi><small>Duo failed: auth-failed</small></th>\
                    <td class=\"own g\"><bdi>A-17</bdi></td>\
                    <td class=\" g\">12.5</td><td class=\"t\">Complete; Control</td>\
                    <td class=\"f g\" title=\"failed: auth-failed\">!</td></tr>";
    assert_eq!(line(&page, "Birch Dental"), expected);
    assert!(page.contains("<th class=\"g\" colspan=\"2\" scope=\"colgroup\"><bdi>Sentry</bdi></th>"), "{page}");
    let org = "<tr><th class=\"org\" scope=\"row\"><bdi>Tern Optics (unmapped, Sentry)</bdi></th>\
               <td><span class=\"code\">sentry:77</span></td><td>\
               <span class=\"chip \"><bdi>Agents</bdi> <b>0</b></span>\
               <span class=\"chip f\" title=\"failed: missing-value\"><bdi>SKU</bdi> <b>!</b></span></td></tr>";
    assert!(page.contains(org), "{page}");
    let failure = "<tr><th scope=\"row\"><bdi>Duo</bdi></th><td>The vendor refused the credential \
                   <span class=\"code\">auth-failed</span></td><td class=\"num\">1</td></tr>";
    assert!(page.contains(failure), "{page}");
    let total = "<tr><th class=\"name\" scope=\"row\">Total</th><td class=\"g\"></td><td class=\" g\">12.5</td><td></td>\
                 <td class=\"f g\" title=\"without what failed\">!</td></tr>";
    assert!(page.contains(total), "{page}");
}

#[test]
fn without_notes_there_are_none() {
    let mut run = sample();
    run.sheet.notes = false;
    assert!(!html(&run).contains("<small>"));
}

#[test]
fn no_text_leaves_its_place() {
    let evil = "</td><script>alert(1)</script>\" onmouseover='x' & \u{202e}evil\u{0}\u{1b}[2J {{ run }}";
    let mut company = row(evil, vec![text(evil), number("1")]);
    company.notes = evil.to_owned();
    company.carried = vec![evil.to_owned()];
    let mut org = company.clone();
    org.unmapped = true;
    let mut amount = column("Sentry", evil, ColumnKind::Number);
    amount.unit = evil.to_owned();
    let mut run = run(Sheet {
        notes: true,
        carried: vec![evil.to_owned()],
        columns: vec![column(evil, "SKU", ColumnKind::Text), amount],
        rows: vec![company, org],
        totals: vec![Totals::default(), Totals { counted: 1.into(), ..Totals::default() }],
    });
    run.log = sample().log;
    run.log[1].notice.integration = Some(evil.to_owned());
    for page in [html(&run), summary_html(&run).unwrap()] {
        assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
        for out in ["<script", "\" onmouseover", "='x'", "\u{202e}", "\u{0}", "\u{1b}"] {
            assert!(!page.contains(out), "{out:?} in {page}");
        }
    }
    assert!(!summary(&run).contains(['\u{202e}', '\u{0}', '\u{1b}']));
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = html(&sample());
    for outside in ["<script", "<link", "<img", "@import", "url(", "http:", "https:", "<svg"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
    // Gmail drops a longer one.
    for style in page.split("<style>").skip(1) {
        assert!(style.split("</style>").next().unwrap().len() < 8_192);
    }
}

#[test]
fn right_to_left_and_endless_names_are_kept_whole() {
    let names = ["שלום עולם בע\"מ".to_owned(), "株式会社さくら".to_owned(), "x".repeat(10_000)];
    let rows = names.iter().map(|name| row(name, vec![number("1")])).collect();
    let sheet = Sheet { columns: vec![column("S", "A", ColumnKind::Number)], rows, ..Sheet::default() };
    let page = html(&run(sheet));
    for name in names {
        let _ = line(&page, &name.replace('"', "&#34;"));
    }
}

#[test]
fn an_empty_sheet_is_a_page_too() {
    let page = html(&run(Sheet::default()));
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n") || page.ends_with("</html>"), "{page}");
    assert!(!page.contains("Largest counts"));
}

#[test]
fn the_same_run_is_the_same_page() {
    assert_eq!(html(&sample()), html(&sample()));
}

#[test]
fn a_row_that_does_not_fit_its_header_is_an_error() {
    let sheet = Sheet {
        columns: vec![column("S", "A", ColumnKind::Number)],
        rows: vec![row("Acme", vec![])],
        ..Sheet::default()
    };
    let error = render(&run(sheet), Format::Html).unwrap_err();
    assert!(error.to_string().contains("cannot be written as HTML"), "{error}");
}

#[test]
fn the_summary_holds_totals_and_failures_and_no_name() {
    let body = summary_html(&sample()).unwrap();
    for part in [
        "<b>Tallysheet: partial</b><br>2026-11-25 18:00 UTC, run 20261125T180000Z-4f2a",
        "Companies</td><td align=\"right\">2</td>",
        "Vendor orgs without a company</td><td align=\"right\">1</td>",
        "Columns with counts</td><td align=\"right\">2 of 3</td>",
        ">Duo</td><td style=\"padding:2px 18px 2px 0\">auth-failed</td>",
        ">Sentry: Agents</td><td align=\"right\"><b>12.5</b></td><td align=\"right\"></td>\
         <td align=\"right\">3</td><td align=\"right\">15.5</td></tr>",
        ">Duo: Users</td><td align=\"right\" colspan=\"4\">not counted</td></tr>",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    for name in ["Birch", "Quarry", "Tern", "A-17"] {
        assert!(!body.contains(name), "{name} in {body}");
    }
    // A mail program takes it as it is.
    for out in ["<style", "class=", "<html", "<script", "http"] {
        assert!(!body.contains(out), "{out} in {body}");
    }
}
