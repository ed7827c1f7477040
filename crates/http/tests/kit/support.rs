//! A vendor that answers as a test says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tallysheet_core::{Context, World};
use tallysheet_http::{Api, ApiBuilder};
use tallysheet_testkit::TestWorld;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// No test asks more often, so that what asks for ever comes to an end.
const ENOUGH: usize = 100;

/// A vendor under the path prefix `/api/v1`, with the world of its caller.
pub(crate) struct Vendor {
    server: MockServer,
    pub(crate) world: TestWorld,
}

impl Vendor {
    /// Answers one after another; the last for ever.
    pub(crate) async fn answering(answers: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        let answers: Vec<ResponseTemplate> = answers.into_iter().collect();
        let asked = AtomicUsize::new(0);
        Self::deciding(move |_| answers[asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)].clone()).await
    }

    /// Answers what a function says.
    pub(crate) async fn deciding(answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static) -> Self {
        let server = MockServer::start().await;
        let asked = AtomicUsize::new(0);
        let respond = move |request: &Request| match asked.fetch_add(1, Ordering::SeqCst) {
            0..ENOUGH => answer(request),
            _ => ResponseTemplate::new(418),
        };
        Mock::given(any()).respond_with(respond).mount(&server).await;
        Self { server, world: TestWorld::new() }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/api/v1", self.server.uri())
    }

    pub(crate) fn context(&self) -> Context {
        context(&self.url(), Arc::new(self.world.clone()))
    }

    pub(crate) fn builder(&self) -> ApiBuilder {
        Api::builder(&self.context(), None)
    }

    pub(crate) fn api(&self) -> Api {
        self.builder().build().unwrap()
    }

    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// What was asked: `GET /api/v1/sites?page=2`.
    pub(crate) async fn asked(&self) -> Vec<String> {
        let spell = |request: &Request| {
            let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{} {}{query}", request.method, request.url.path())
        };
        self.requests().await.iter().map(spell).collect()
    }
}

pub(crate) fn context(url: &str, world: Arc<dyn World>) -> Context {
    Context {
        integration: "acme".to_owned(),
        url: Some(url.to_owned()),
        max_concurrency: None,
        requests_per_minute: None,
        metrics: Vec::new(),
        exclude: Vec::new(),
        known_ids: Arc::default(),
        recorder: None,
        world,
    }
}

pub(crate) fn status(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

pub(crate) fn ok(body: serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub(crate) fn header(request: &Request, name: &str) -> String {
    request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// What a server that is not well does with a connection.
#[derive(Clone, Copy)]
pub(crate) enum Line {
    /// Reads the request and hangs up.
    HangsUp,
    /// Reads the request and says nothing, for ever.
    SaysNothing,
    /// Sends these bytes and hangs up.
    Says(&'static str),
    /// Sends an answer of so many bytes.
    Pours(usize),
}

/// A server whose connections go as `lines` say, one after another, the last for ever.
pub(crate) struct Unwell {
    pub(crate) url: String,
    connections: Arc<AtomicUsize>,
}

impl Unwell {
    pub(crate) fn start(lines: &[Line]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, lines) = (connections.clone(), lines.to_vec());
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let turn = count.fetch_add(1, Ordering::SeqCst);
                read_request(&mut stream);
                // The caller may hang up first: then there is nobody left to tell.
                let _ = match lines[turn.min(lines.len() - 1)] {
                    Line::HangsUp => Ok(()),
                    Line::Says(text) => stream.write_all(text.as_bytes()),
                    Line::Pours(bytes) => pour(&mut stream, bytes),
                    Line::SaysNothing => {
                        kept.push(stream);
                        Ok(())
                    }
                };
            }
        });
        Self { url, connections }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads a request without a body, or with a short one that comes with its head.
fn read_request(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => head.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
}

fn pour(stream: &mut TcpStream, bytes: usize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n")?;
    let piece = vec![b' '; 1024 * 1024];
    (0..bytes / piece.len()).try_for_each(|_| stream.write_all(&piece))
}
