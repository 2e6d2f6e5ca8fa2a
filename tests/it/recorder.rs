//! Stands between the program and a pretend Datadog, passes everything on, and keeps what was sent: series, lines
//! of logs, deployments and events.

use std::{
    io::Read,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// More than any body that Datadog takes.
const BODY_LIMIT: usize = 16 << 20;

/// A running recorder; it ends with this value.
#[derive(Debug)]
pub(crate) struct Recorder {
    url: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    logs: Arc<Mutex<Vec<Vec<u8>>>>,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Passing {
    upstream: String,
    client: reqwest::Client,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    logs: Arc<Mutex<Vec<Vec<u8>>>>,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    /// Listens on a free port, in front of `upstream`.
    pub(crate) async fn start(upstream: String) -> Self {
        let [bodies, logs, sent] = std::array::from_fn(|_| Arc::new(Mutex::default()));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let kept = (Arc::clone(&bodies), Arc::clone(&logs), Arc::clone(&sent));
        let passing = Passing { upstream, client, bodies: kept.0, logs: kept.1, sent: kept.2 };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let router = Router::new().fallback(pass_on).with_state(passing);
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("the recorder serves") });
        Self { url, bodies, logs, sent, server }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The bodies posted to `/api/v2/series` until now, one JSON document a line.
    pub(crate) fn bodies(&self) -> Vec<u8> {
        lines(&self.bodies)
    }

    /// The bodies posted to `/api/v2/logs` until now, likewise.
    pub(crate) fn logs(&self) -> Vec<u8> {
        lines(&self.logs)
    }

    /// What was sent about deployments and events until now, as `judge_dora.py` reads it.
    pub(crate) fn sent(&self) -> Vec<u8> {
        lines(&self.sent)
    }
}

fn lines(bodies: &Mutex<Vec<Vec<u8>>>) -> Vec<u8> {
    let mut lines = bodies.lock().expect("nobody panics with it").join(&b'\n');
    lines.push(b'\n');
    lines
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass_on(State(passing): State<Passing>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let kept = [("/api/v2/series", &passing.bodies), ("/api/v2/logs", &passing.logs)];
    for (_, bodies) in kept.into_iter().filter(|(path, _)| *path == parts.uri.path()) {
        bodies.lock().expect("nobody panics with it").push(plain(&parts.headers, &body));
    }
    if let Some(kind) = kind(&parts.method, parts.uri.path()) {
        let body: serde_json::Value = serde_json::from_slice(&body).expect("the body is JSON");
        let line = serde_json::json!({ "kind": kind, "body": body }).to_string();
        passing.sent.lock().expect("nobody panics with it").push(line.into_bytes());
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers;
    for own in [header::HOST, header::CONTENT_LENGTH, header::CONNECTION] {
        headers.remove(own);
    }
    let sent = passing.client.request(parts.method, format!("{}{path}", passing.upstream)).headers(headers).body(body);
    match sent.send().await {
        Ok(answer) => {
            let status = answer.status();
            let mut headers = answer.headers().clone();
            headers.remove(header::TRANSFER_ENCODING);
            (status, headers, answer.bytes().await.unwrap_or_default()).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// Which of the bodies about deployments and events it is.
fn kind(method: &Method, path: &str) -> Option<&'static str> {
    match (method, path) {
        (&Method::POST, "/api/v2/dora/deployment") => Some("deployment"),
        (&Method::POST, "/api/v2/dora/deployments") => Some("list"),
        (&Method::PATCH, path) if path.starts_with("/api/v2/dora/deployments/") => Some("patch"),
        (&Method::POST, "/api/v1/events") => Some("event"),
        (&Method::POST, "/api/v2/events/search") => Some("search"),
        _ => None,
    }
}

/// The body before compression; without line breaks, as JSON never needs them.
fn plain(headers: &HeaderMap, body: &Bytes) -> Vec<u8> {
    let encoding = headers.get(header::CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("unreadable"));
    let mut plain = Vec::new();
    match encoding {
        "" | "identity" => plain.extend_from_slice(body),
        "gzip" => {
            flate2::read::MultiGzDecoder::new(&body[..]).read_to_end(&mut plain).expect("the body is gzip");
        }
        "zstd" | "zstd1" => plain = zstd::decode_all(&body[..]).expect("the body is zstd"),
        other => panic!("a body in {other}, which Datadog does not take"),
    }
    plain.retain(|&byte| byte != b'\n' && byte != b'\r');
    plain
}
