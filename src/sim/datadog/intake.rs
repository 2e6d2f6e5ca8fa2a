//! Datadog's intake of series, metric metadata and the check of a key, with their real limits.

use std::{io::Read, sync::Arc};

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::State,
    http::{HeaderMap, Request, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    super::{Record, Shared},
    Asked, Fate, Refused, Reply, enter, logs, ok, refuse,
};

/// Bytes of a body as it comes.
const COMPRESSED: usize = 512_000;
/// Bytes of a body after decompression.
const DECOMPRESSED: usize = 5_242_880;
/// What is read of a body before it is refused.
const READ: usize = 16 << 20;

/// What needs no application key and has no limit.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v2/series", post(series))
        .route("/api/v2/logs", post(logs::serve))
        .route("/api/v1/validate", get(validate))
}

async fn series(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let reply = match enter(&shared, "series", &parts.headers, false).await {
        Ok(fate) => {
            let reply = take_series(&shared, &parts.headers, body).await;
            if let Fate::Lost = fate {
                super::super::hang_up();
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

async fn take_series(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<Response, Response> {
    let too_large = || refuse(StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large");
    let body = to_bytes(body, READ).await.map_err(|_| too_large())?;
    if body.len() > COMPRESSED {
        return Err(too_large());
    }
    let encoding = headers.get("content-encoding");
    let encoding = encoding.and_then(|v| v.to_str().ok()).unwrap_or("identity");
    let plain =
        decompress(encoding, &body, DECOMPRESSED).map_err(|message| refuse(StatusCode::BAD_REQUEST, &message))?;
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

/// The plain body, or its first bytes when it is over the limit of `most` bytes.
pub(super) fn decompress(encoding: &str, body: &Bytes, most: usize) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let limit = most as u64 + 1;
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

async fn validate(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Response> {
    enter(&shared, "validate", &headers, false).await?;
    Ok(Json(json!({"valid": true})).into_response())
}

fn unknown_metric() -> Refused {
    Refused::not_found("metric not found")
}

pub(super) fn metadata(asked: &Asked<'_>) -> Reply {
    let received = asked.shared.received();
    if !received.knows(&asked.id) {
        return Err(unknown_metric());
    }
    let known = received.metadata.get(&asked.id);
    Ok(ok(known.cloned().unwrap_or_else(|| json!({}))))
}

pub(super) fn set_metadata(asked: &Asked<'_>) -> Reply {
    let sent = asked.object()?;
    let texts = ["description", "per_unit", "short_name", "type", "unit"];
    for (key, value) in &sent {
        let good = match key.as_str() {
            "statsd_interval" => value.is_i64(),
            // Datadog's own client sends it back as it came.
            "integration" => value.is_string() || value.is_null(),
            key => texts.contains(&key) && value.is_string(),
        };
        if !good {
            return Err(Refused::bad(format!("{key} is not accepted")));
        }
    }
    let types = ["gauge", "rate", "count", "distribution"];
    if sent.get("type").is_some_and(|kind| !types.iter().any(|known| kind == known)) {
        return Err(Refused::bad("type must be one of gauge, rate, count, distribution"));
    }
    let mut received = asked.shared.received();
    if asked.shared.options.record == Record::Points && !received.knows(&asked.id) {
        return Err(unknown_metric());
    }
    let entry: &mut Value = received.metadata.entry(asked.id.clone()).or_insert_with(|| json!({}));
    for (key, value) in sent {
        entry[key] = value;
    }
    Ok(ok(entry.clone()))
}
