//! Every way in which vendors page, and every way in which a list might not end.

use crate::support::{Vendor, ok, status};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use tallysheet_core::wire::Id;
use tallysheet_core::{Error, ErrorKind};
use tallysheet_http::{Api, Call, Next, Part, Position};
use wiremock::{Request, ResponseTemplate};

#[derive(Deserialize)]
struct Page {
    rows: Vec<u32>,
    next: Option<String>,
}

async fn read(api: &Api, first: Call, next: impl FnMut(&Page, &Position<'_>) -> Next) -> Result<Vec<u32>, Error> {
    let mut pages = api.pages(first, next);
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await? {
        rows.extend(page.rows);
    }
    Ok(rows)
}

fn parameters(request: &Request) -> HashMap<String, String> {
    request.url.query_pairs().into_owned().collect()
}

/// Pages by what stands in one parameter: (its value, rows, next). One of them is empty, in the middle.
async fn by(parameter: &'static str, pages: &'static [(&'static str, &'static [u32], Option<&'static str>)]) -> Vendor {
    Vendor::deciding(move |request| {
        let asked = parameters(request).remove(parameter).unwrap_or_default();
        let page = pages.iter().find(|(value, ..)| *value == asked);
        page.map_or(ResponseTemplate::new(400), |(_, rows, next)| ok(json!({ "rows": rows, "next": next })))
    })
    .await
}

#[tokio::test]
async fn by_page_number_from_zero_or_one() {
    let from_zero = by("page", &[("0", &[1, 2], None), ("1", &[], None), ("2", &[3], None)]).await;
    let next = |_: &Page, at: &Position<'_>| if at.index < 2 { Next::query("page", at.index + 1) } else { Next::End };
    let first = Call::get("/sites").query("page", 0).query("size", 2);
    assert_eq!(read(&from_zero.api(), first, next).await.unwrap(), [1, 2, 3]);
    assert_eq!(
        from_zero.asked().await,
        ["GET /api/v1/sites?page=0&size=2", "GET /api/v1/sites?size=2&page=1", "GET /api/v1/sites?size=2&page=2"]
    );

    let from_one = by("page", &[("1", &[1, 2], None), ("2", &[], None), ("3", &[3], None)]).await;
    let next = |_: &Page, at: &Position<'_>| if at.index < 2 { Next::query("page", at.index + 2) } else { Next::End };
    assert_eq!(read(&from_one.api(), Call::get("/sites").query("page", 1), next).await.unwrap(), [1, 2, 3]);
}

#[test]
fn numbers_and_offsets_go_on_until_the_end() {
    assert_eq!(Next::until("page", 1, 3), Next::query("page", 1));
    assert_eq!(Next::until("page", 3, 3), Next::End);
    assert_eq!(Next::until("offset", 4, 3), Next::End);
}

#[derive(Deserialize)]
struct Numbered {
    total: usize,
    rows: Vec<Id>,
}

#[tokio::test]
async fn a_list_has_each_row_once_and_as_many_as_the_vendor_states() {
    for (total, kind) in [(3, None), (4, Some(ErrorKind::TotalDiffers)), (2, Some(ErrorKind::TotalDiffers))] {
        // The second page has shifted by a row, the third is empty.
        let pages: [&[u32]; 3] = [&[1, 2], &[2, 3], &[]];
        let vendor = Vendor::answering(pages.map(|rows| ok(json!({ "total": total, "rows": rows })))).await;
        let part = |page: Numbered, at: &Position<'_>| Part {
            next: Next::until("page", at.index + 1, 3),
            stated: Some(page.total),
            rows: page.rows,
        };
        let listed = vendor.api().list(Call::get("/sites"), |row: &Id| row, part).await;
        assert_eq!(listed.as_ref().err().map(Error::kind), kind);
        assert_eq!(vendor.asked().await.len(), 3);
        match listed {
            Ok(rows) => assert_eq!(rows.into_keys().collect::<Vec<_>>(), ["1", "2", "3"]),
            Err(error) => assert!(error.to_string().contains("GET /sites"), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_stream_hands_each_row_over_once_and_ends_well_where_as_many_came_as_are_stated() {
    for (total, kind) in [(3, None), (4, Some(ErrorKind::TotalDiffers)), (2, Some(ErrorKind::TotalDiffers))] {
        let pages: [&[u32]; 2] = [&[1, 2], &[2, 3]];
        let vendor = Vendor::answering(pages.map(|rows| ok(json!({ "total": total, "rows": rows })))).await;
        let part = |page: Numbered, at: &Position<'_>| Part {
            next: Next::until("page", at.index + 1, 2),
            stated: Some(page.total),
            rows: page.rows,
        };
        let mut came = Vec::new();
        let streamed = vendor.api().stream(Call::get("/sites"), |row: &Id| row, part, |row| came.push(row.0)).await;
        assert_eq!(streamed.as_ref().err().map(Error::kind), kind);
        assert_eq!(came, ["1", "2", "3"]);
    }
}

#[tokio::test]
async fn by_page_number_until_as_many_rows_came_as_the_vendor_states() {
    #[derive(Deserialize)]
    struct Numbered {
        rows: Vec<Id>,
        total: Option<usize>,
    }
    for (pages, total, outcome) in [
        (vec![vec![1, 2], vec![], vec![3]], Some(3), Ok(vec!["1", "2", "3"])),
        (vec![vec![1, 2], vec![3], vec![]], None, Ok(vec!["1", "2", "3"])),
        (vec![vec![]], Some(0), Ok(vec![])),
        // More is stated than comes; the page's number is not heeded.
        (vec![vec![1, 2], vec![], vec![]], Some(3), Err(ErrorKind::TotalDiffers)),
        (vec![vec![1, 2], vec![1, 2]], Some(3), Err(ErrorKind::BadResponse)),
        (vec![vec![1, 2], vec![1, 2]], None, Err(ErrorKind::BadResponse)),
    ] {
        let (calls, answers) = (pages.len(), pages.clone());
        let vendor = Vendor::deciding(move |request| {
            let page = parameters(request).remove("page").and_then(|page| page.parse::<usize>().ok()).unwrap();
            ok(json!({ "rows": answers[page - 1], "total": total }))
        })
        .await;
        let page = |page: Numbered| (page.rows, page.total);
        let listed = vendor.api().numbered(Call::get("/sites"), "page", |row: &Id| row, page).await;
        let ids = listed.map(|rows| rows.into_keys().collect::<Vec<_>>()).map_err(|error| error.kind());
        assert_eq!(ids, outcome.map(|ids| ids.into_iter().map(str::to_owned).collect()), "{pages:?} of {total:?}");
        assert_eq!(vendor.asked().await.len(), calls, "{pages:?} of {total:?}");
    }
}

#[tokio::test]
async fn a_list_that_is_not_there_is_none_and_one_that_breaks_off_is_an_error() {
    let linked = |rows: Vec<Id>, at: &Position<'_>| Part::linked(rows, at);
    for (second, kind) in [(ok(json!([3])), None), (status(404), Some(ErrorKind::NotFound))] {
        let vendor = Vendor::deciding(move |request| {
            if request.url.query().is_some() {
                return second.clone();
            }
            let host = request.headers["host"].to_str().unwrap();
            let next = format!("<http://{host}/api/v1/sites?page=2>; rel=\"next\"");
            ok(json!([1, 2])).insert_header("link", next.as_str())
        })
        .await;
        let listed = vendor.api().find_list(Call::get("/sites"), |row: &Id| row, linked).await;
        assert_eq!(listed.as_ref().err().map(Error::kind), kind);
        assert!(listed.is_ok_and(|rows| rows.is_some_and(|rows| rows.len() == 3)) || kind.is_some());
    }
    let vendor = Vendor::answering([status(404)]).await;
    let none = vendor.api().find_list(Call::get("/sites"), |row: &Id| row, linked).await.unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn a_full_page_that_leads_nowhere_is_an_error_where_the_connector_says_so() {
    for (rows, is_whole) in [(json!([1]), true), (json!([1, 2]), false)] {
        let vendor = Vendor::answering([ok(rows)]).await;
        let part = |rows: Vec<Id>, at: &Position<'_>| Part::linked(rows, at).full_at(2);
        let listed = vendor.api().list(Call::get("/sites"), |row: &Id| row, part).await;
        assert_eq!(listed.as_ref().is_ok(), is_whole);
        let Err(error) = listed else { continue };
        assert_eq!(error.kind(), ErrorKind::BadResponse);
        assert!(error.to_string().contains("page 1 of GET /sites is full"), "{error}");
    }
}

#[tokio::test]
async fn by_offset() {
    let vendor = by("offset", &[("", &[1, 2], None), ("2", &[3, 4], None), ("4", &[5], None)]).await;
    let next = |page: &Page, at: &Position<'_>| match page.rows.len() {
        2 => Next::query("offset", (at.index + 1) * 2),
        _ => Next::End,
    };
    assert_eq!(read(&vendor.api(), Call::get("/sites"), next).await.unwrap(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn by_cursor_which_ends_where_it_is_absent_or_empty() {
    let vendor = by("after", &[("", &[1, 2], Some("a/=")), ("a/=", &[], Some("b")), ("b", &[3], Some(""))]).await;
    let next = |page: &Page, _: &Position<'_>| Next::cursor("after", page.next.as_deref());
    assert_eq!(read(&vendor.api(), Call::get("/sites"), next).await.unwrap(), [1, 2, 3]);
    assert_eq!(Next::cursor("after", None), Next::End);
}

#[tokio::test]
async fn by_the_last_id() {
    let vendor = by("after", &[("", &[1, 7], None), ("7", &[9], None), ("9", &[], None)]).await;
    let next = |page: &Page, _: &Position<'_>| page.rows.last().map_or(Next::End, |last| Next::query("after", last));
    assert_eq!(read(&vendor.api(), Call::get("/sites"), next).await.unwrap(), [1, 7, 9]);
}

/// Pages whose answer holds the address of the next. `address` makes it from the vendor's own address and a cursor.
async fn by_link(address: fn(&str, &str) -> String) -> Vendor {
    Vendor::deciding(move |request| {
        let base = format!("http://{}/api/v1", request.headers["host"].to_str().unwrap());
        let (rows, next): (&[u32], _) = match parameters(request).get("after").map(String::as_str) {
            None => (&[1, 2], Some(address(&base, "b"))),
            Some("b") => (&[], Some(address(&base, "c"))),
            _ => (&[3], None),
        };
        let answer = ok(json!({ "rows": rows, "next": next }));
        next.map_or(answer.clone(), |next| {
            answer.insert_header("link", format!("<{base}/sites>; rel=\"first\", <{next}>; rel=\"next\"").as_str())
        })
    })
    .await
}

#[tokio::test]
async fn by_a_link_in_the_body_which_is_taken_as_it_is() {
    let vendor = by_link(|base, cursor| format!("{base}/sites?limit=2&after={cursor}&q=a%20b")).await;
    let next = |page: &Page, _: &Position<'_>| Next::link(page.next.as_deref());
    let first = Call::get("/sites").query("limit", 2).header("x-tenant", "8");
    assert_eq!(read(&vendor.api(), first, next).await.unwrap(), [1, 2, 3]);
    assert_eq!(
        vendor.asked().await[1..],
        ["GET /api/v1/sites?limit=2&after=b&q=a%20b", "GET /api/v1/sites?limit=2&after=c&q=a%20b"]
    );
    assert!(vendor.requests().await.iter().all(|request| request.headers["x-tenant"] == "8"), "headers stay");
}

#[tokio::test]
async fn by_a_link_that_drops_our_parameters() {
    let vendor = by_link(|base, cursor| format!("{base}/sites?after={cursor}")).await;
    let next = |page: &Page, _: &Position<'_>| Next::link_keeping_query(page.next.as_deref());
    let first = Call::get("/sites").query("limit", 2).query("filter", "a b");
    assert_eq!(read(&vendor.api(), first, next).await.unwrap(), [1, 2, 3]);
    assert_eq!(
        vendor.asked().await[1..],
        ["GET /api/v1/sites?after=b&limit=2&filter=a%20b", "GET /api/v1/sites?after=c&limit=2&filter=a%20b"]
    );
}

#[tokio::test]
async fn by_a_link_header() {
    let vendor = by_link(|base, cursor| format!("{base}/sites?after={cursor}")).await;
    let next = |_: &Page, at: &Position<'_>| Next::link(at.reply.next_link().as_deref());
    assert_eq!(read(&vendor.api(), Call::get("/sites"), next).await.unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_list_that_is_asked_for_with_a_body_is_followed_with_it() {
    let vendor = by_link(|base, cursor| format!("{base}/sites?after={cursor}")).await;
    for next in [Next::link, Next::link_keeping_query] {
        let first = Call::post("/sites").json(&json!({ "of": ["8"] })).unwrap().repeatable();
        let next = |page: &Page, _: &Position<'_>| next(page.next.as_deref());
        assert_eq!(read(&vendor.api(), first, next).await.unwrap(), [1, 2, 3]);
    }
    for request in vendor.requests().await {
        assert_eq!((request.method.as_str(), &*request.body), ("POST", &br#"{"of":["8"]}"#[..]), "{}", request.url);
    }
}

#[tokio::test]
async fn link_headers_are_read_in_all_their_forms() {
    for (headers, next) in [
        (&[r#"<https://v/2>; rel="next""#][..], Some("https://v/2")),
        (&["<https://v/2>;rel=next"], Some("https://v/2")),
        (&[r#"<https://v/2>; title="a, b; rel=prev"; REL="Next""#], Some("https://v/2")),
        (&[r#"<https://v/1>; rel="prev", <https://v/2>; rel="last next""#], Some("https://v/2")),
        (&[r#"<https://v/?ids=1,2;3>; rel="next""#], Some("https://v/?ids=1,2;3")),
        (&[r#"<https://v/1>; rel="prev""#, r#"<https://v/2>; rel="next""#], Some("https://v/2")),
        (&[r#"<https://v/1>; rel="nextish""#], None),
        (&[r#"<https://v/1>; title="next""#], None),
        (&[r#"https://v/1; rel="next""#], None),
        (&["<https://v/1"], None),
        (&[""], None),
    ] {
        let answer = headers.iter().fold(ok(json!({})), |answer, value| answer.append_header("link", *value));
        let vendor = Vendor::answering([answer]).await;
        let reply = vendor.api().send(&Call::get("/sites")).await.unwrap();
        assert_eq!(reply.next_link().as_deref(), next, "{headers:?}");
    }
}

#[tokio::test]
async fn the_first_way_that_tells_of_a_next_page_is_taken() {
    let number = || Next::query("page", 2);
    assert_eq!(Next::cursor("after", Some("b")).or_else(number), Next::query("after", "b"));
    assert_eq!(Next::cursor("after", None).or_else(|| Next::link(None)).or_else(number), number());
}

#[tokio::test]
async fn a_list_that_leads_back_to_an_earlier_page_is_an_error() {
    let last_cursor_again = by("after", &[("", &[1], Some("b")), ("b", &[2], Some("b"))]).await;
    let in_a_ring = by("after", &[("", &[1], Some("b")), ("b", &[2], Some("c")), ("c", &[3], Some("b"))]).await;
    for (vendor, requests) in [(last_cursor_again, 2), (in_a_ring, 3)] {
        let next = |page: &Page, _: &Position<'_>| Next::cursor("after", page.next.as_deref());
        let error = read(&vendor.api(), Call::get("/sites"), next).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadResponse);
        assert_eq!(
            error.to_string(),
            format!(
                "page {} of GET /sites leads back to an earlier one; the list has no end, so none of it is used",
                requests + 1
            )
        );
        assert_eq!(vendor.requests().await.len(), requests);
    }
}

#[tokio::test]
async fn a_page_that_is_an_earlier_one_again_is_an_error() {
    let vendor = by("after", &[("", &[1], Some("b")), ("b", &[1], Some("c"))]).await;
    let next = |page: &Page, at: &Position<'_>| {
        if at.index > 0 { Next::Repeated } else { Next::cursor("after", page.next.as_deref()) }
    };
    let error = read(&vendor.api(), Call::get("/sites"), next).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(error.to_string().starts_with("page 2 of GET /sites is an earlier one again; "), "{error}");
}

#[tokio::test]
async fn a_link_to_another_origin_is_refused_and_nothing_is_sent_there() {
    let elsewhere = Vendor::answering([ok(json!({ "rows": [], "next": null }))]).await;
    let next = format!("{}/sites?after=b", elsewhere.url());
    let (host, port) = ("127.0.0.1", "1");
    for link in [
        next.as_str(),
        "https://127.0.0.1/api/v1/sites",
        "http://vendor.example/api/v1/sites",
        &format!("http://{host}:{port}/"),
        "file:///etc/hosts",
    ] {
        let body = json!({ "rows": [1], "next": link });
        let vendor = Vendor::answering([ok(body)]).await;
        for keep in [false, true] {
            let next = |page: &Page, _: &Position<'_>| {
                let link = page.next.as_deref();
                if keep { Next::link_keeping_query(link) } else { Next::link(link) }
            };
            let error = read(&vendor.api(), Call::get("/sites"), next).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadResponse, "{link}");
            assert!(error.to_string().contains("the credential is not sent there"), "{link}: {error}");
        }
    }
    assert!(elsewhere.requests().await.is_empty());
}

#[tokio::test]
async fn a_link_that_is_no_url_is_an_error() {
    let vendor = Vendor::answering([ok(json!({ "rows": [1], "next": "page two" }))]).await;
    let next = |page: &Page, _: &Position<'_>| Next::link(page.next.as_deref());
    let error = read(&vendor.api(), Call::get("/sites"), next).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert!(error.to_string().contains("the next page's address is no URL"), "{error}");
}

#[tokio::test]
async fn a_page_that_fails_fails_the_list() {
    for second in [
        ResponseTemplate::new(404),
        ok(json!({ "rows": null })),
        ok(Value::Null),
        ResponseTemplate::new(200),
        ok(json!({ "rows": [1, "planted"], "next": null })),
    ] {
        let first = ok(json!({ "rows": [1], "next": "b" }));
        let vendor = Vendor::answering([first, second]).await;
        let next = |page: &Page, _: &Position<'_>| Next::cursor("after", page.next.as_deref());
        assert!(read(&vendor.api(), Call::get("/sites"), next).await.is_err());
    }
}
