//! Datadog's intake of logs, with its real limits. <https://docs.datadoghq.com/api/latest/logs/#send-logs>

use std::sync::Arc;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, Request, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{super::Shared, Fate, enter, intake::decompress};

/// Bytes of a body after decompression.
const DECOMPRESSED: usize = 5 << 20;
/// What is read of a body before it is refused.
const READ: usize = 16 << 20;
/// Items of a body. Which status more of them get is told nowhere.
const ITEMS: usize = 1_000;
/// Bytes of an item; of a longer one the message is cut, with a yes all the same.
const ITEM: usize = 1 << 20;
/// Milliseconds behind which a line is not kept.
const TOO_OLD: i64 = 18 * 60 * 60 * 1_000;

/// What came in since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs {
    /// The lines that are kept, as they came and in that order.
    pub lines: Vec<LogLine>,
    /// Accepted requests.
    pub requests: u64,
    /// Lines in them, kept or not.
    pub received: u64,
    /// Lines behind by more than 18 hours: answered with 202, not kept.
    pub too_old: u64,
    /// Lines beyond 1 MB: answered with 202, kept without their ends.
    pub cut: u64,
    /// Refused requests, by status.
    pub refused: std::collections::BTreeMap<u16, u64>,
}

/// A line that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// When it is said to have been written, or when it came: Unix milliseconds.
    pub at: i64,
    /// When it came, Unix milliseconds.
    pub received_at: i64,
    /// Its tags: those of `ddtags`.
    pub tags: Vec<String>,
    /// The whole item.
    pub item: Map<String, Value>,
}

impl LogLine {
    /// The text under a name of the item, empty when there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.item.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

pub(super) async fn serve(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let reply = match enter(&shared, "logs", &parts.headers, false).await {
        Ok(fate) => {
            let reply = take(&shared, &parts.headers, body).await;
            if let Fate::Lost = fate {
                super::super::hang_up();
            }
            reply
        }
        Err(refusal) => Err(refusal),
    };
    reply.unwrap_or_else(|refusal| {
        *shared.logs().refused.entry(refusal.status().as_u16()).or_insert(0) += 1;
        refusal
    })
}

async fn take(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<Response, Response> {
    let bad = |message: &str| refused(StatusCode::BAD_REQUEST, message);
    let too_large = || refused(StatusCode::PAYLOAD_TOO_LARGE, "the batch is too large");
    let body = to_bytes(body, READ).await.map_err(|_| too_large())?;
    let encoding = headers.get("content-encoding").and_then(|value| value.to_str().ok()).unwrap_or("identity");
    let plain = decompress(encoding, &body, DECOMPRESSED).map_err(|message| bad(&message))?;
    if plain.len() > DECOMPRESSED {
        return Err(too_large());
    }
    let items = match serde_json::from_slice(&plain) {
        Ok(Value::Array(items)) => items,
        Ok(item @ Value::Object(_)) => vec![item],
        _ => return Err(bad("the body is neither an object nor an array of them")),
    };
    if items.len() > ITEMS {
        return Err(too_large());
    }
    let items: Option<Vec<Map<String, Value>>> =
        items.into_iter().map(|item| if let Value::Object(item) = item { Some(item) } else { None }).collect();
    let items = items.ok_or_else(|| bad("an item is no object"))?;
    let now = shared.options.clock.now().timestamp_millis();
    let mut logs = shared.logs();
    logs.requests += 1;
    for item in items {
        logs.keep(item, now);
    }
    Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response())
}

/// This intake says more of what is wrong than the others.
fn refused(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let error = json!({"status": status.as_str(), "title": title, "detail": detail});
    (status, Json(json!({"errors": [error]}))).into_response()
}

impl Logs {
    fn keep(&mut self, mut item: Map<String, Value>, now: i64) {
        self.received += 1;
        let at = ["@timestamp", "timestamp", "_timestamp", "date"]
            .iter()
            .find_map(|name| moment(item.get(*name)?))
            .unwrap_or(now);
        if at < now - TOO_OLD {
            self.too_old += 1;
            return;
        }
        let size = Value::Object(item.clone()).to_string().len();
        if let (true, Some(Value::String(message))) = (size > ITEM, item.get_mut("message")) {
            self.cut += 1;
            let kept = message.floor_char_boundary(message.len().saturating_sub(size - ITEM));
            message.truncate(kept);
        }
        let tags = item.get("ddtags").and_then(Value::as_str).unwrap_or_default();
        let tags = tags.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        self.lines.push(LogLine { at, received_at: now, tags, item });
    }
}

/// Unix milliseconds, as a number or as a text of RFC 3339.
fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::Number(millis) => millis.as_i64(),
        Value::String(text) => Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()),
        _ => None,
    }
}
