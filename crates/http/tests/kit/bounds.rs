//! What an answer may cost, and what a redirect may tell.

use crate::support::{Line, Unwell, Vendor, context, status};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use tallysheet_core::ErrorKind;
use tallysheet_http::{Api, Call};
use tallysheet_testkit::TestWorld;
use wiremock::ResponseTemplate;

#[tokio::test]
async fn a_small_answer_that_unpacks_to_a_huge_one_is_given_up() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let spaces = vec![b' '; 1024 * 1024];
    (0..65).for_each(|_| bomb.write_all(&spaces).unwrap());
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let answer = ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(bomb);
    let error = Vendor::answering([answer]).await.api().send(&Call::get("/sites")).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert_eq!(error.to_string(), "GET /sites was answered with more than 64 MiB");
}

#[tokio::test]
async fn headers_without_end_are_a_broken_answer() {
    let many = (0..10_000).fold("HTTP/1.1 200 OK\r\n".to_owned(), |mut head, number| {
        write!(head, "x-planted-{number}: planted\r\n").unwrap();
        head
    });
    let long = format!("HTTP/1.1 200 OK\r\nx-planted: {}", "planted".repeat(200_000));
    for head in [many, long] {
        let vendor = Unwell::start(&[Line::Says(Box::leak((head + "\r\n\r\n{}").into_boxed_str()))]);
        let api = Api::builder(&context(&vendor.url, Arc::new(TestWorld::new())), None).build().unwrap();
        let error = api.send(&Call::get("/sites")).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_tells_no_password_and_nothing_of_a_secret_address() {
    for (location, of_a_path, of_a_hook) in [
        ("https://planted:planted@v.example/a?planted#planted", " to https://v.example/a;", " to https://v.example;"),
        ("/a?planted", " to /a;", "302;"),
        ("/hook/planted-hook", " to /hook/planted-hook;", "302;"),
    ] {
        let vendor = Vendor::answering([status(302).insert_header("location", location)]).await;
        let told = vendor.api().send(&Call::get("/sites")).await.err().unwrap().to_string();
        assert!(told.contains(of_a_path), "{told}");
        let hook = format!("{}/hook/planted-hook", vendor.url());
        let api = Api::endpoint(&vendor.context(), &hook).build().unwrap();
        let told = api.send(&Call::get_from(&hook)).await.err().unwrap().to_string();
        assert!(told.contains(of_a_hook) && !told.contains("planted"), "{told}");
    }
}
