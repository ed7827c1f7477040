//! Faults of lists that come in pages: positions that lead nowhere, rows that come twice or not at all.

use axum::body::Bytes;
use fastrand::Rng;
use serde_json::{Value, json};

/// Parameters that say which page is meant.
const POSITION: &[&str] = &[
    "page",
    "page[number]",
    "page[after]",
    "page_token",
    "pageToken",
    "pageNo",
    "page_no",
    "PageNumber",
    "cursor",
    "skip",
    "offset",
    "after",
    "pagination.offset",
    "$skiptoken",
];
/// Where a page tells what comes after it.
const NEXT: &[&str] = &[
    "nextPageUrl",
    "next_page_url",
    "next_page_token",
    "nextPageToken",
    "nextCursor",
    "next_offset",
    "next-page",
    "next_page",
    "@odata.nextLink",
    "next",
    "cursor",
];
/// Where a page tells how many rows the whole list has.
const TOTAL: &[&str] = &[
    "totalCount",
    "total_objects",
    "total-count",
    "totalElements",
    "total_items",
    "totalItems",
    "total",
    "totalSize",
    "totalRecords",
    "count",
];

/// What is asked, apart from which page of it.
pub(super) fn apart(path: &str) -> (String, String) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let is_position = |pair: &&str| {
        let key = pair.split('=').next().unwrap_or_default();
        let key = key.replace("%5B", "[").replace("%5D", "]").replace("%24", "$");
        POSITION.contains(&key.as_str())
    };
    let (position, list): (Vec<&str>, Vec<&str>) = query.split('&').partition(is_position);
    (format!("{path}?{}", list.join("&")), position.join("&"))
}

/// The next page is said to be this one.
pub(super) fn repeated_cursor(body: &Bytes, path: &str) -> Option<Vec<u8>> {
    let mut whole: Value = serde_json::from_slice(body).ok()?;
    let (_, position) = apart(path);
    let here = position.split_once('=').map(|(_, value)| value.replace("%3D", "=")).filter(|value| !value.is_empty());
    let mut changed = false;
    for (key, value) in tops(&mut whole).into_iter().filter(|(key, _)| NEXT.contains(&key.as_str())) {
        let same = match value {
            Value::String(link) if link.starts_with("http") => {
                let origin: Vec<&str> = link.splitn(4, '/').take(3).collect();
                json!(format!("{}{path}", origin.join("/")))
            }
            Value::String(text) if !text.is_empty() => json!(here.clone()?),
            Value::Number(_) if key != "page" => json!(here.clone()?.parse::<u64>().ok()?),
            _ => continue,
        };
        changed = *value != same;
        *value = same;
    }
    changed.then(|| serde_json::to_vec(&whole).ok()).flatten()
}

/// A row comes twice, as where a list shifts between two pages.
pub(super) fn duplicate_row(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    let mut whole: Value = serde_json::from_slice(body).ok()?;
    let rows = rows(&mut whole)?;
    let row = rows.get(rng.usize(..rows.len().max(1)))?.clone();
    let has_id = ["id", "uid", "uuid", "user_id"].iter().any(|key| row.get(key).is_some());
    rows.insert(rng.usize(..=rows.len()), row);
    has_id.then(|| serde_json::to_vec(&whole).ok()).flatten()
}

/// A row is not there, where a total tells.
pub(super) fn lost_row(body: &Bytes, rng: &mut Rng) -> Option<Vec<u8>> {
    let mut whole = with_total(body)?;
    let rows = rows(&mut whole)?;
    rows.remove(rng.usize(..rows.len()));
    serde_json::to_vec(&whole).ok()
}

/// No row is there, where a total tells.
pub(super) fn emptied(body: &Bytes) -> Option<Vec<u8>> {
    let mut whole = with_total(body)?;
    rows(&mut whole)?.clear();
    serde_json::to_vec(&whole).ok()
}

/// Nothing leads on, where a total tells.
pub(super) fn lost_next(body: &Bytes) -> Option<Vec<u8>> {
    let mut whole = with_total(body)?;
    let mut lost = false;
    for (_, value) in tops(&mut whole).into_iter().filter(|(key, _)| NEXT.contains(&key.as_str())) {
        lost |= !value.is_null() && *value != json!("");
        *value = Value::Null;
    }
    lost.then(|| serde_json::to_vec(&whole).ok()).flatten()
}

/// An answer that states how many rows the whole list has.
fn with_total(body: &Bytes) -> Option<Value> {
    let mut whole: Value = serde_json::from_slice(body).ok()?;
    let shown = rows(&mut whole)?.len() as u64;
    let states = |(key, value): (&String, &mut Value)| {
        TOTAL.contains(&key.as_str()) && value.as_u64().is_some_and(|total| total >= shown.max(1))
    };
    tops(&mut whole).into_iter().any(states).then_some(whole)
}

/// What stands at the top of an answer, and in the objects there.
fn tops(whole: &mut Value) -> Vec<(&String, &mut Value)> {
    let Value::Object(fields) = whole else { return Vec::new() };
    let mut tops = Vec::new();
    for (key, value) in fields {
        match value {
            Value::Object(inner) => tops.extend(inner.iter_mut()),
            other => tops.push((key, other)),
        }
    }
    tops
}

/// The rows of an answer: the longest list of objects at its top, or directly below.
fn rows(whole: &mut Value) -> Option<&mut Vec<Value>> {
    fn lists(value: &mut Value, depth: u8) -> Vec<&mut Vec<Value>> {
        match value {
            Value::Array(rows) => vec![rows],
            Value::Object(fields) if depth > 0 => {
                fields.values_mut().flat_map(|value| lists(value, depth - 1)).collect()
            }
            _ => Vec::new(),
        }
    }
    let lists = lists(whole, 2).into_iter().filter(|rows| rows.first().is_some_and(Value::is_object));
    lists.max_by_key(|rows| rows.len())
}
