//! Datadog's intake of series, metric metadata and the check of a key, with their real limits.

use std::{collections::HashMap, io::Read, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, Request, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    Record, Shared,
    faults::{self, Fault},
    received::{Kept, normal_tag},
};

/// Bytes of a body as it comes.
const COMPRESSED: usize = 512_000;
/// Bytes of a body after decompression.
const DECOMPRESSED: usize = 5_242_880;
/// What is read of a body before it is refused.
const READ: usize = 16 << 20;

type Reply = Result<Response, Response>;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v2/series", post(series))
        .route("/api/v1/validate", get(validate))
        .route("/api/v1/metrics/{name}", get(metadata).put(set_metadata))
        .route("/api/v1/query", get(query))
}

/// What becomes of an answer.
enum Fate {
    Sent,
    /// The work is done and the connection closes before the answer.
    Lost,
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"errors": [message]}))).into_response()
}

/// Waits, counts, applies the faults and checks the keys.
async fn enter(shared: &Shared, operation: &str, headers: &HeaderMap, app_key: bool) -> Result<Fate, Response> {
    shared.count("datadog", operation);
    if !shared.options.latency.is_zero() {
        tokio::time::sleep(shared.options.latency).await;
    }
    let faults = shared.faults.of_request(faults::Request { service: "datadog", operation, account: "" });
    let mut lost = false;
    for fault in faults {
        match fault {
            Fault::Slow(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Fault::Reset => super::hang_up(),
            Fault::ServerError(status) => {
                let status = StatusCode::from_u16(status);
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                return Err(refuse(status, "Internal error"));
            }
            Fault::RateLimited | Fault::Throttle => return Err(rate_limited(operation)),
            Fault::Forbidden | Fault::AccessDenied | Fault::ExpiredToken => {
                return Err(refuse(StatusCode::FORBIDDEN, "Forbidden"));
            }
            Fault::LostAnswer => lost = true,
            Fault::PartialData | Fault::InternalError | Fault::SmallPages(_) | Fault::EmptyPageWithToken => {}
        }
    }
    let key = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let options = &shared.options;
    let good = key("dd-api-key") == Some(&options.api_key)
        && (!app_key || key("dd-application-key") == Some(&options.app_key));
    if !good {
        return Err(refuse(StatusCode::FORBIDDEN, "Forbidden"));
    }
    Ok(if lost { Fate::Lost } else { Fate::Sent })
}

fn rate_limited(operation: &str) -> Response {
    let headers = [
        ("X-RateLimit-Limit", "100"),
        ("X-RateLimit-Period", "60"),
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", "1"),
        ("X-RateLimit-Name", operation),
    ];
    let reply = refuse(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded");
    (headers, reply).into_response()
}

async fn series(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let reply = match enter(&shared, "series", &parts.headers, false).await {
        Ok(fate) => {
            let reply = take_series(&shared, &parts.headers, body).await;
            if let Fate::Lost = fate {
                super::hang_up();
            }
            reply
        }
        Err(refusal) => Err(refusal),
    };
    reply.unwrap_or_else(|refusal| {
        let status = refusal.status().as_u16();
        *shared.received().refused.entry(status).or_insert(0) += 1;
        refusal
    })
}

async fn take_series(shared: &Shared, headers: &HeaderMap, body: Body) -> Reply {
    let too_large = || refuse(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large");
    let body = to_bytes(body, READ).await.map_err(|_| too_large())?;
    if body.len() > COMPRESSED {
        return Err(too_large());
    }
    let encoding = headers.get("content-encoding");
    let encoding = encoding.and_then(|v| v.to_str().ok()).unwrap_or("identity");
    let plain = decompress(encoding, &body).map_err(|message| refuse(StatusCode::BAD_REQUEST, &message))?;
    if plain.len() > DECOMPRESSED {
        return Err(too_large());
    }
    let now = shared.options.clock.now().timestamp();
    let mut received = shared.received();
    match shared.options.record {
        Record::Points => received.store(&plain, now).map_err(|message| refuse(StatusCode::BAD_REQUEST, &message))?,
        Record::CountsOnly => received.count(&plain),
    }
    received.requests += 1;
    received.bytes += body.len() as u64;
    Ok((StatusCode::ACCEPTED, Json(json!({"errors": []}))).into_response())
}

/// The plain body, or its first bytes when it is over the limit.
fn decompress(encoding: &str, body: &Bytes) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let limit = DECOMPRESSED as u64 + 1;
    let read = match encoding {
        "identity" | "" => return Ok(body.to_vec()),
        "gzip" => flate2::read::MultiGzDecoder::new(&body[..]).take(limit).read_to_end(&mut plain),
        "deflate" => flate2::read::ZlibDecoder::new(&body[..]).take(limit).read_to_end(&mut plain),
        // Datadog's own clients name the format's version.
        "zstd" | "zstd1" => {
            zstd::stream::read::Decoder::new(&body[..]).and_then(|decoder| decoder.take(limit).read_to_end(&mut plain))
        }
        other => return Err(format!("content encoding {other} is not supported")),
    };
    read.map_err(|e| format!("the body is not {encoding}: {e}"))?;
    Ok(plain)
}

async fn validate(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Reply {
    enter(&shared, "validate", &headers, false).await?;
    Ok(Json(json!({"valid": true})).into_response())
}

fn unknown_metric() -> Response {
    refuse(StatusCode::NOT_FOUND, "metric not found")
}

async fn metadata(State(shared): State<Arc<Shared>>, Path(name): Path<String>, headers: HeaderMap) -> Reply {
    enter(&shared, "get_metadata", &headers, true).await?;
    let received = shared.received();
    if !received.knows(&name) {
        return Err(unknown_metric());
    }
    let known = received.metadata.get(&name);
    Ok(Json(known.cloned().unwrap_or_else(|| json!({}))).into_response())
}

async fn set_metadata(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    enter(&shared, "set_metadata", &headers, true).await?;
    let bad = |message: &str| refuse(StatusCode::BAD_REQUEST, message);
    let Ok(Value::Object(sent)) = serde_json::from_slice(&body) else {
        return Err(bad("not a JSON object"));
    };
    let texts = ["description", "per_unit", "short_name", "type", "unit"];
    for (key, value) in &sent {
        let good = match key.as_str() {
            "statsd_interval" => value.is_i64(),
            // Datadog's own client sends it back as it came.
            "integration" => value.is_string() || value.is_null(),
            key => texts.contains(&key) && value.is_string(),
        };
        if !good {
            return Err(bad(&format!("{key} is not accepted")));
        }
    }
    let types = ["gauge", "rate", "count", "distribution"];
    if sent.get("type").is_some_and(|kind| !types.iter().any(|known| kind == known)) {
        return Err(bad("type must be one of gauge, rate, count, distribution"));
    }
    let mut received = shared.received();
    if shared.options.record == Record::Points && !received.knows(&name) {
        return Err(unknown_metric());
    }
    let entry = received.metadata.entry(name).or_insert_with(|| json!({}));
    for (key, value) in sent {
        entry[key] = value;
    }
    Ok(Json(entry.clone()).into_response())
}

/// `avg:metric{tag:value,..}`: the metric and its tags.
fn parse_query(query: &str) -> Option<(&str, Vec<String>)> {
    let (metric, scope) = query.strip_prefix("avg:")?.strip_suffix('}')?.split_once('{')?;
    let simple = |text: &str| !text.contains(['{', '}', '!', '(', ')', ' ']);
    if !simple(metric) || !simple(scope) {
        return None;
    }
    let tags = scope.split(',').filter(|tag| !["", "*"].contains(tag));
    Some((metric, tags.map(normal_tag).collect()))
}

async fn query(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Reply {
    enter(&shared, "query", &headers, true).await?;
    let bad = |message: &str| refuse(StatusCode::BAD_REQUEST, message);
    let number = |key: &str| asked.get(key)?.parse::<i64>().ok();
    let (Some(from), Some(to)) = (number("from"), number("to")) else {
        return Err(bad("from and to are Unix seconds"));
    };
    let text = asked.get("query").map_or("", String::as_str);
    let Some((metric, tags)) = parse_query(text) else {
        return Err(bad("the pretend Datadog reads avg:metric{tag:value,..} only"));
    };
    let received = shared.received();
    let mut found =
        received.series.iter().filter(|(s, _)| s.metric == metric && tags.iter().all(|t| s.tags.contains(t)));
    let (first, second) = (found.next(), found.next());
    if second.is_some() {
        return Err(bad("the query selects more than one series"));
    }
    let series = first.map(|(_, points)| {
        let points = points.range(from..=to);
        let list: Vec<_> = points.clone().map(|(s, kept)| json!([s * 1000, kept.value])).collect();
        let interval = points.last().and_then(|(_, kept): (_, &Kept)| kept.interval);
        json!({
            "metric": metric, "display_name": metric, "expression": text, "aggr": "avg",
            "scope": tags.join(","), "tag_set": [], "query_index": 0,
            "interval": interval.unwrap_or(60), "length": list.len(), "pointlist": list,
            "start": from * 1000, "end": to * 1000,
        })
    });
    let series: Vec<_> = series.into_iter().collect();
    Ok(Json(json!({
        "status": "ok", "res_type": "time_series", "resp_version": 1, "query": text,
        "from_date": from * 1000, "to_date": to * 1000, "series": series,
        "message": "", "group_by": [],
    }))
    .into_response())
}
