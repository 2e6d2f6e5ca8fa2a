//! A small Datadog: it keeps what it is given, and does wrong what it is told to do wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::*;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is answered so, and has no effect.
    Refused(u16),
    /// It has its effect and is answered so.
    Landed(u16),
    /// It has its effect and the connection breaks before the answer is whole.
    Lost,
}

pub(super) struct Pretend {
    pub(super) url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
pub(super) struct Shared {
    /// By kind and id.
    pub(super) objects: BTreeMap<(Kind, String), Value>,
    /// Deleted dashboards that can be restored.
    pub(super) bin: BTreeMap<String, Value>,
    /// Points of `ddsync.page_test`, the newest last.
    pub(super) points: Vec<Value>,
    /// A monitor never changes its state.
    pub(super) stuck: bool,
    /// A dashboard that is asked for by its id has no description.
    pub(super) bare: bool,
    log: Vec<String>,
    faults: Vec<(String, usize, Fault)>,
    made: usize,
    running: usize,
    most: usize,
}

impl Pretend {
    pub(super) async fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, shared }
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Shared) -> T) -> T {
        change(&mut self.shared.lock().unwrap())
    }

    /// The next `times` requests that begin so go wrong.
    pub(super) fn fault(&self, request: &str, times: usize, fault: Fault) {
        self.with(|shared| shared.faults.push((request.to_owned(), times, fault)));
    }

    /// Puts an object there, as if it had been for long.
    pub(super) fn put(&self, kind: Kind, id: &str, body: &Value) {
        self.with(|shared| shared.keep(kind, id, body.clone()));
    }

    pub(super) fn body(&self, kind: Kind, id: &str) -> Value {
        self.with(|shared| shared.objects[&(kind, id.to_owned())].clone())
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        self.with(|shared| shared.objects.keys().filter(|(other, _)| *other == kind).count())
    }

    /// Requests since [`Self::forget`], for example `POST monitor`.
    pub(super) fn log(&self) -> Vec<String> {
        self.with(|shared| shared.log.clone())
    }

    pub(super) fn asked(&self, request: &str) -> usize {
        self.log().iter().filter(|line| line.starts_with(request)).count()
    }

    /// Requests that were under way at once.
    pub(super) fn most(&self) -> usize {
        self.with(|shared| shared.most)
    }

    pub(super) fn forget(&self) {
        self.with(|shared| {
            shared.log.clear();
            shared.most = 0;
        });
    }
}

impl Shared {
    fn keep(&mut self, kind: Kind, id: &str, mut body: Value) {
        self.made += 1;
        body["id"] = if kind == Kind::Monitor { json!(id.parse::<u64>().unwrap()) } else { json!(id) };
        body["modified_at"] = json!(format!("t{}", self.made));
        self.objects.insert((kind, id.to_owned()), body);
    }

    fn create(&mut self, kind: Kind, body: Value) -> (u16, Value) {
        let same = |(key, other): &(&(Kind, String), &Value)| {
            key.0 == Kind::Monitor && kind == Kind::Monitor && other["query"] == body["query"]
        };
        if let Some(((_, id), _)) = self.objects.iter().find(same) {
            return (400, json!({ "errors": [format!("Duplicate of an existing monitor_id:{id} org_id:1")] }));
        }
        let id = format!("{}{}", if kind == Kind::Monitor { "" } else { kind.word() }, 100 + self.made);
        self.keep(kind, &id, body);
        (200, self.objects[&(kind, id)].clone())
    }

    fn list(&self, kind: Kind, asked: &str) -> Vec<Value> {
        let tag = |body: &Value| {
            body["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| asked.contains(&encoded(tag))))
        };
        let objects = self.objects.iter().filter(|(key, body)| key.0 == kind && (kind == Kind::Dashboard || tag(body)));
        let listed = |body: &Value| {
            let mut body = body.clone();
            if kind == Kind::Dashboard {
                body.as_object_mut().unwrap().remove("widgets");
            }
            body
        };
        objects.map(|(_, body)| listed(body)).collect()
    }

    fn state(&self) -> &str {
        match self.points.last() {
            _ if self.stuck => "No Data",
            Some(point) if point["series"][0]["points"][0]["value"] == json!(1) => "Alert",
            _ => "OK",
        }
    }

    fn answer(&mut self, method: &str, kind: Kind, id: Option<&str>, asked: &str, body: Value) -> (u16, Value) {
        let enveloped = |answer: Value| if kind == Kind::Slo { json!({ "data": [answer] }) } else { answer };
        match (method, id) {
            ("GET", None) => {
                let items = self.list(kind, asked);
                match kind {
                    Kind::Monitor => (200, json!(items)),
                    Kind::Slo => (200, json!({ "data": items })),
                    Kind::Dashboard => (200, json!({ "dashboards": items })),
                }
            }
            ("POST", None) => {
                let (status, answer) = self.create(kind, body);
                (status, enveloped(answer))
            }
            ("PATCH", None) => {
                let id = body["data"][0]["id"].as_str().unwrap().to_owned();
                match self.bin.remove(&id) {
                    Some(body) => {
                        self.keep(kind, &id, body);
                        (204, Value::Null)
                    }
                    None => (404, json!({ "errors": ["not deleted"] })),
                }
            }
            (method, Some(id)) => {
                let key = (kind, id.to_owned());
                let Some(mut there) = self.objects.get(&key).cloned() else {
                    return (404, json!({ "errors": ["no"] }));
                };
                match method {
                    "PUT" => {
                        self.keep(kind, id, body);
                        there = self.objects[&key].clone();
                    }
                    "DELETE" => {
                        self.objects.remove(&key);
                        if kind == Kind::Dashboard {
                            self.bin.insert(id.to_owned(), there.clone());
                        }
                    }
                    _ if kind == Kind::Monitor => there["overall_state"] = json!(self.state()),
                    _ if kind == Kind::Dashboard && self.bare => there["description"] = json!(""),
                    _ => {}
                }
                (200, enveloped(there))
            }
            _ => (405, Value::Null),
        }
    }
}

fn encoded(tag: &Value) -> String {
    tag.as_str().unwrap().replace(':', "%3A").replace('/', "%2F")
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path: Vec<&str> = parts.uri.path().split('/').skip(3).collect();
    let body = axum::body::to_bytes(body, 10_000_000).await.unwrap();
    let method = parts.method.as_str();
    let line = format!("{method} {}", path.join("/"));
    let fault = {
        let mut shared = shared.lock().unwrap();
        shared.log.push(line.clone());
        shared.running += 1;
        shared.most = shared.most.max(shared.running);
        let fault = shared.faults.iter_mut().find(|(start, times, _)| line.starts_with(start) && *times > 0);
        fault.map(|(_, times, fault)| {
            *times -= 1;
            *fault
        })
    };
    tokio::time::sleep(Duration::from_millis(3)).await;
    let mut shared = shared.lock().unwrap();
    shared.running -= 1;
    if let Some(Fault::Refused(status)) = fault {
        return (StatusCode::from_u16(status).unwrap(), [("retry-after", "1")], r#"{"errors":["refused"]}"#)
            .into_response();
    }
    if path == ["series"] {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&body[..]), &mut text).unwrap();
        shared.points.push(serde_json::from_str(&text).unwrap());
        return (StatusCode::ACCEPTED, r#"{"errors":[]}"#).into_response();
    }
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let id = path.get(1).copied();
    let (status, answer) = match Kind::parse(path[0]) {
        Some(kind) => shared.answer(method, kind, id, parts.uri.query().unwrap_or_default(), body),
        None => (404, Value::Null),
    };
    match fault {
        Some(Fault::Landed(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::Lost) => {
            let broken = stream::iter([Ok("{"), Err(std::io::Error::other("lost"))]);
            Response::new(Body::from_stream(broken))
        }
        _ => (StatusCode::from_u16(status).unwrap(), axum::Json(answer)).into_response(),
    }
}
