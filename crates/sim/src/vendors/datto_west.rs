//! Datto West: a second Datto RMM account whose key was revoked. Every cell of its customers is a failure, never a zero.

use super::Vendor;
use super::datto_rmm::COLUMNS;
use crate::books::{Books, Entry};
use crate::kit::{answer, uuid};
use crate::msp::{Msp, Role};
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;
use tallysheet_core::Code;

pub(crate) fn vendor(msp: &Msp, base: &str) -> Vendor {
    let mut rng = msp.rng("datto-west");
    // It came with a small MSP that was bought: few companies are its customers.
    let entries = msp.companies.iter().map(|company| match company.role {
        Some(Role::ByDomain | Role::TwoOrgs) => Entry::Ids(vec![uuid(&mut rng)]),
        Some(Role::NoDevices) => Entry::Blank,
        _ => Entry::Dash,
    });
    Vendor {
        name: "datto-west",
        title: "Datto West",
        about: "A second account of the same kind. Its key was revoked: see how the failure is told.",
        settings: format!(
            "kind = \"datto-rmm\"\ntitle = \"Datto West\"\nurl = \"{base}/datto-west\"\napi_key = \"west-key\"\napi_secret = \"revoked\"\n"
        ),
        routes: Router::new()
            .route("/datto-west/auth/oauth/token", post(refused))
            .route("/datto-west/api/v2/{*path}", get(refused)),
        books: Books { entries: entries.collect(), failed: Some(Code::AuthFailed), ..Books::new(COLUMNS) },
        story: vec![format!(
            "Datto West refuses its key: {} and {} are blank there (auth-failed); all else is counted.",
            msp.who(Role::ByDomain),
            msp.who(Role::TwoOrgs)
        )],
    }
}

async fn refused() -> Response {
    answer(StatusCode::UNAUTHORIZED, json!({"error": "unauthorized", "error_description": "Bad credentials"}))
}
