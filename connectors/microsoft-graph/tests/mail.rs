//! Mail by Microsoft Graph against the suite for mailers: a server that plays the vendor, from its documentation.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tallysheet_connector_microsoft_graph as _;
use tallysheet_core::{Code, Context, Registry, async_trait};
use tallysheet_testkit::{Arrived, MailCase, Mailbox, Mood, Site, TestWorld, mail_conformance};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const FROM: &str = "reports@msp.example";
const TENANT: &str = "9c9c9c9c-0000-4000-8000-0000000000a1";
const MOST: usize = 4 * 1024 * 1024;

#[derive(Default)]
struct State {
    origin: String,
    mood: Option<Mood>,
    busy: bool,
    arrived: Vec<Arrived>,
    drafts: BTreeMap<String, Value>,
    uploads: BTreeMap<String, (String, String, usize, Vec<u8>)>,
    /// What the vendor would not have taken.
    wrong: Vec<String>,
    calls: Vec<String>,
}

/// The vendor's side.
#[derive(Clone, Default)]
struct Vendor(Arc<Mutex<State>>);

impl Respond for Vendor {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let answer = state.answer(request);
        answer.unwrap_or_else(|wrong| {
            state.wrong.push(format!("{} {}: {wrong}", request.method, request.url.path()));
            ResponseTemplate::new(400)
        })
    }
}

fn refuses(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "error": { "code": code, "message": "planted-body" } }))
}

impl State {
    fn answer(&mut self, request: &Request) -> Result<ResponseTemplate, String> {
        let path = request.url.path().to_owned();
        self.calls.push(format!("{} {path}", request.method));
        let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if request.body.len() > MOST {
            return Err("a body of more than 4 MiB".to_owned());
        }
        if path == format!("/login/{TENANT}/oauth2/v2.0/token") {
            let wrong =
                json!({ "error": "invalid_client", "error_codes": [7_000_215], "error_description": "planted-body" });
            return Ok(match self.mood {
                Some(Mood::WrongPassword) => ResponseTemplate::new(401).set_body_json(wrong),
                _ => ResponseTemplate::new(200)
                    .set_body_json(json!({ "access_token": "planted-token", "expires_in": 3599 })),
            });
        }
        if let Some(key) = path.strip_prefix("/upload/") {
            return self.upload(key, header("authorization"), header("content-range"), &request.body);
        }
        if header("authorization") != "Bearer planted-token" {
            return Err("no token".to_owned());
        }
        // Who has Mail.Send only may not read the tenant.
        if path == "/v1.0/organization" {
            return Ok(refuses(403, "Authorization_RequestDenied"));
        }
        if std::mem::take(&mut self.busy) {
            return Ok(refuses(429, "ApplicationThrottled").append_header("retry-after", "7"));
        }
        let body: Value =
            if request.body.is_empty() { Value::Null } else { request.body_json().map_err(|e| e.to_string())? };
        let rest = path.strip_prefix("/v1.0/users/reports%40msp.example/").ok_or("another mailbox")?;
        let parts: Vec<&str> = rest.split('/').collect();
        Ok(match parts[..] {
            ["sendMail"] => return self.send(&body["message"]),
            ["messages"] => {
                let id = format!("AAMk{}=", self.drafts.len());
                self.drafts.insert(id.replace('=', "%3D"), body);
                ResponseTemplate::new(201).set_body_json(json!({ "id": id }))
            }
            ["messages", id, "send"] if body.is_null() => {
                let draft = self.drafts.remove(id).ok_or("no such draft")?;
                return self.send(&draft);
            }
            ["messages", id, "attachments"] => {
                self.attach(id, body)?;
                ResponseTemplate::new(201)
            }
            ["messages", id, "attachments", "createUploadSession"] => {
                let item = &body["AttachmentItem"];
                let size = usize::try_from(item["size"].as_u64().ok_or("no size")?).unwrap();
                if size < 3 * 1024 * 1024 || item["attachmentType"] != "file" {
                    return Err(format!("no session for {item}"));
                }
                let name = item["name"].as_str().ok_or("no name")?.to_owned();
                self.uploads.insert("planted-upload".to_owned(), (id.to_owned(), name, size, Vec::new()));
                let url = format!("{}/upload/planted-upload?authtoken=planted-key", self.origin);
                ResponseTemplate::new(201).set_body_json(json!({ "uploadUrl": url, "nextExpectedRanges": ["0-"] }))
            }
            _ => return Err("no such call".to_owned()),
        })
    }

    fn upload(&mut self, key: &str, credential: &str, range: &str, piece: &[u8]) -> Result<ResponseTemplate, String> {
        let (id, name, size, held) = self.uploads.get_mut(key).ok_or("no such session")?;
        let expected = format!("bytes {}-{}/{size}", held.len(), held.len() + piece.len() - 1);
        if !credential.is_empty() || range != expected || piece.len() >= 4_000_000 {
            return Err(format!("`{range}`, expected `{expected}`; credential `{credential}`"));
        }
        held.extend_from_slice(piece);
        if held.len() < *size {
            let next = json!({ "nextExpectedRanges": [held.len().to_string()] });
            return Ok(ResponseTemplate::new(200).set_body_json(next));
        }
        let file = json!({
            "@odata.type": "#microsoft.graph.fileAttachment", "name": name, "contentBytes": BASE64_STANDARD.encode(held) });
        let id = id.clone();
        self.attach(&id, file)?;
        Ok(ResponseTemplate::new(201))
    }

    fn attach(&mut self, id: &str, file: Value) -> Result<(), String> {
        let draft = self.drafts.get_mut(id).ok_or("no such draft")?;
        let mut files = draft["attachments"].as_array().cloned().unwrap_or_default();
        files.push(file);
        draft["attachments"] = files.into();
        Ok(())
    }

    fn send(&mut self, message: &Value) -> Result<ResponseTemplate, String> {
        let texts = |list: &Value, at: &str| -> Vec<String> {
            let rows = list.as_array().cloned().unwrap_or_default();
            rows.iter().filter_map(|row| row.pointer(at)?.as_str().map(str::to_owned)).collect()
        };
        let recipients = texts(&message["toRecipients"], "/emailAddress/address");
        if self.mood == Some(Mood::Refuses) && recipients.iter().any(|to| to == MailCase::REFUSED) {
            return Ok(refuses(400, "ErrorInvalidRecipients"));
        }
        if message["body"]["contentType"] != "HTML" {
            return Err("no HTML".to_owned());
        }
        let headers = texts(&message["internetMessageHeaders"], "/name");
        if headers.iter().any(|name| !name.to_lowercase().starts_with("x-")) {
            return Err(format!("headers {headers:?}"));
        }
        let files = message["attachments"].as_array().cloned().unwrap_or_default();
        let files = files.iter().map(|file| {
            let bytes = BASE64_STANDARD.decode(file["contentBytes"].as_str().ok_or("no bytes")?);
            let is_file = file["@odata.type"] == "#microsoft.graph.fileAttachment";
            let name = file["name"].as_str().filter(|_| is_file).ok_or("no file")?;
            Ok((name.to_owned(), bytes.map_err(|error| error.to_string())?))
        });
        let files = files.collect::<Result<Vec<_>, String>>()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let id = texts(&message["internetMessageHeaders"], "/value").concat();
        // A draft may name its own `Message-ID`; a message in one call gets Exchange's.
        let own = text(&message["internetMessageId"]);
        if own.is_some_and(|own| own != id) {
            return Err("two ids".to_owned());
        }
        self.arrived.push(Arrived {
            from: FROM.to_owned(),
            recipients,
            subject: text(&message["subject"]).unwrap_or_default(),
            text: None,
            html: text(&message["body"]["content"]),
            files,
            id,
        });
        let status = if self.mood == Some(Mood::LosesAnswers) { 503 } else { 202 };
        Ok(ResponseTemplate::new(status))
    }
}

/// A mailbox behind the vendor's server.
struct Exchange {
    server: MockServer,
    vendor: Vendor,
}

impl Exchange {
    async fn new() -> Self {
        let (server, vendor) = (MockServer::builder().disable_request_recording().start().await, Vendor::default());
        Mock::given(any()).respond_with(vendor.clone()).mount(&server).await;
        vendor.0.lock().unwrap().origin = server.uri();
        Self { server, vendor }
    }
}

#[async_trait]
impl Mailbox for Exchange {
    async fn begin(&mut self, mood: Mood) -> Site {
        let mut state = self.vendor.0.lock().unwrap();
        let (origin, wrong) = (state.origin.clone(), std::mem::take(&mut state.wrong));
        *state = State { origin, wrong, mood: Some(mood), busy: mood == Mood::PutsOffOnce, ..State::default() };
        let settings = json!({
            "tenant_id": TENANT,
            "client_id": "0c0c0c0c-0000-4000-8000-000000000002",
            "client_secret": "planted-secret",
            "token_url": format!("{}/login/{{tenant}}/oauth2/v2.0/token", self.server.uri()),
            "from": FROM,
        });
        Site { settings, url: Some(format!("{}/v1.0", self.server.uri())) }
    }

    async fn arrived(&mut self) -> Vec<Arrived> {
        self.vendor.0.lock().unwrap().arrived.clone()
    }
}

#[tokio::test]
async fn conforms() {
    let mut exchange = Exchange::new().await;
    let case = MailCase {
        slug: "microsoft-graph",
        from: FROM,
        account: (FROM, Some(TENANT)),
        // Graph takes one body, and says of a recipient only that one is refused.
        takes_text: false,
        names_refused: false,
        encoded_secrets: Vec::new(),
        skips: Vec::new(),
    };
    mail_conformance(&case, &mut exchange).await;
    assert_eq!(exchange.vendor.0.lock().unwrap().wrong, [""; 0]);
}

fn mail(sizes: &[usize]) -> tallysheet_core::capability::Mail {
    let file = |size: &usize| tallysheet_core::ticket::Attachment {
        file_name: format!("{size}.csv"),
        content_type: "text/csv",
        bytes: vec![b'x'; *size],
    };
    tallysheet_core::capability::Mail {
        recipients: vec!["finance@msp.example".to_owned()],
        attachments: sizes.iter().map(file).collect(),
        message_id: "tallysheet.r1.finance".to_owned(),
        ..Default::default()
    }
}

async fn send(
    exchange: &mut Exchange,
    mood: Mood,
    mail: &tallysheet_core::capability::Mail,
) -> tallysheet_core::Result<Option<String>> {
    let Site { settings, url } = exchange.begin(mood).await;
    let context = Context {
        integration: "microsoft-graph".to_owned(),
        url,
        max_concurrency: None,
        requests_per_minute: None,
        metrics: Vec::new(),
        exclude: Vec::new(),
        known_ids: Arc::default(),
        recorder: None,
        world: Arc::new(TestWorld::new()),
    };
    let connector = Registry::new(&["microsoft-graph"]).find("microsoft-graph")?.connect(settings, &context)?;
    connector.mail.unwrap().send(mail).await
}

#[tokio::test]
async fn files_go_the_way_that_their_size_asks_for() {
    let mut exchange = Exchange::new().await;
    for (sizes, calls) in [
        (&[][..], &["POST sendMail"][..]),
        (&[3_000_000], &["POST sendMail"]),
        (&[3_000_001], &["POST messages", "POST attachments", "POST send"]),
        (&[3_145_728], &["POST messages", "POST createUploadSession", "PUT planted-upload", "POST send"]),
        (
            &[1_000_000, 7_900_000],
            &[
                "POST messages",
                "POST attachments",
                "POST createUploadSession",
                "PUT planted-upload",
                "PUT planted-upload",
                "PUT planted-upload",
                "POST send",
            ],
        ),
    ] {
        send(&mut exchange, Mood::Well, &mail(sizes)).await.unwrap();
        let state = exchange.vendor.0.lock().unwrap();
        let verb = |call: &String| {
            let (method, path) = call.split_once(' ').unwrap();
            format!("{method} {}", path.rsplit('/').next().unwrap())
        };
        let made: Vec<String> = state.calls.iter().skip(1).map(verb).collect();
        assert_eq!(made, calls, "{sizes:?}");
        let sent: Vec<usize> = state.arrived[0].files.iter().map(|(_, bytes)| bytes.len()).collect();
        assert_eq!((sent.as_slice(), state.wrong.len()), (sizes, 0), "{:?}", state.wrong);
        assert_eq!(state.arrived[0].id, "<tallysheet.r1.finance@msp.example>");
    }
}

#[tokio::test]
async fn only_the_call_that_sends_can_leave_it_open() {
    let mut exchange = Exchange::new().await;
    let error = send(&mut exchange, Mood::LosesAnswers, &mail(&[5_000_000])).await.unwrap_err();
    assert!(error.maybe_done(), "{error}");

    // Where the vendor fails before that, nothing was sent.
    let server = MockServer::start().await;
    exchange.vendor.0.lock().unwrap().origin = server.uri();
    let error = send(&mut exchange, Mood::Well, &mail(&[5_000_000])).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_done()), (Code::NotFound, false));
    assert!(error.to_string().contains("nothing was sent") && !error.to_string().contains("planted-"), "{error}");
    assert!(exchange.arrived().await.is_empty());
}
