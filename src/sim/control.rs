//! The surface for other processes, under `/_sim/` on Datadog's port: read what came in, and change what happens.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, faults::Rule, world::Truth};

mod deploys;
mod events;
mod objects;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/received", get(received))
        .route("/_sim/counters", get(counters))
        .route("/_sim/logs", get(logs))
        .route("/_sim/metadata", get(metadata))
        .route("/_sim/truth", get(truth))
        .route("/_sim/requests", get(requests))
        .route("/_sim/clock", get(clock))
        .route("/_sim/faults", get(show_faults).post(set_faults))
        .route("/_sim/reset", post(reset))
        .route("/_sim/world", post(change_world))
        .merge(deploys::router())
        .merge(events::router())
        .merge(objects::router())
}

/// One JSON value a line.
fn lines(values: impl Iterator<Item = Value>) -> Response {
    let mut text = String::new();
    for value in values {
        // Writing to a string has no way to fail.
        let _ = writeln!(text, "{value}");
    }
    ([("content-type", "application/x-ndjson")], text).into_response()
}

/// Every stored point.
async fn received(State(shared): State<Arc<Shared>>) -> Response {
    let received = shared.snapshot();
    lines(received.series.iter().flat_map(|(series, points)| {
        points.iter().map(move |(second, kept)| {
            json!({
                "metric": series.metric, "tags": series.tags, "host": series.host,
                "timestamp": second, "value": kept.value, "received": kept.received,
                "different": kept.values.len(), "type": kept.kind,
                "interval": kept.interval, "unit": kept.unit,
            })
        })
    }))
}

async fn counters(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let received = shared.received();
    let logs = shared.logs();
    let logs = json!({
        "requests": logs.requests, "received": logs.received, "kept": logs.lines.len(), "too_old": logs.too_old,
        "cut": logs.cut, "refused": logs.refused,
    });
    let stored: usize = received.series.values().map(BTreeMap::len).sum();
    Json(json!({
        "requests": received.requests, "bytes": received.bytes, "points": received.points,
        "stored": stored, "series": received.series.len(), "too_old": received.too_old,
        "too_new": received.too_new, "changed_tags": received.changed_tags,
        "refused": received.refused, "logs": logs, "faults_fired": shared.faults.fired(),
    }))
}

/// Every line of a log that is kept.
async fn logs(State(shared): State<Arc<Shared>>) -> Response {
    let logs = shared.logs().clone();
    lines(
        logs.lines
            .into_iter()
            .map(|line| json!({"at": line.at, "received_at": line.received_at, "tags": line.tags, "item": line.item})),
    )
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!(shared.received().metadata))
}

#[derive(Deserialize)]
struct Span {
    /// Unix seconds.
    from: i64,
    to: i64,
}

/// The final values of the minutes in `from..to`.
async fn truth(State(shared): State<Arc<Shared>>, Query(span): Query<Span>) -> Response {
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    let rows = shared.world.truth(at(span.from), at(span.to));
    lines(rows.map(|row| shown(&row)))
}

fn shown(row: &Truth) -> Value {
    let dimensions: serde_json::Map<_, _> = row.dimensions.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    json!({
        "account": row.account, "region": row.region, "namespace": row.namespace,
        "metric": row.metric, "dimensions": dimensions, "statistic": row.statistic,
        "unit": row.unit, "timestamp": row.minute.timestamp(), "value": row.value,
        "visible": row.visible.timestamp(), "settled": row.settled.timestamp(),
        "pipeline": row.pipeline,
    })
}

/// `{"service": {"operation": count}}`.
async fn requests(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let mut counts = json!({});
    for ((service, operation), count) in shared.requests() {
        counts[service][operation] = json!(count);
    }
    Json(counts)
}

async fn clock(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let clock = shared.options.clock;
    Json(json!({"clock": clock.to_env(), "now": clock.now().timestamp_millis()}))
}

async fn show_faults(State(shared): State<Arc<Shared>>) -> Json<Vec<Rule>> {
    Json(shared.faults.rules())
}

fn bad(error: &serde_json::Error) -> Response {
    (StatusCode::BAD_REQUEST, error.to_string()).into_response()
}

/// The body is the list of rules that from now on are the only ones.
async fn set_faults(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(rules) => {
            shared.faults.set(rules);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => bad(&error),
    }
}

/// Forgets what came in, what was counted, every fault and every change to the company.
async fn reset(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.reset();
    StatusCode::NO_CONTENT
}

/// A change to the company.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Change {
    /// Sets a tag, or takes it away when there is no value.
    Retag {
        name: String,
        key: String,
        value: Option<String>,
    },
    /// Still listed, no longer described.
    Vanish {
        name: String,
    },
    Delete {
        name: String,
    },
    AddPipeline {
        account: String,
        pipeline: String,
    },
}

async fn change_world(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let change: Change = match serde_json::from_slice(&body) {
        Ok(change) => change,
        Err(error) => return bad(&error),
    };
    let now = shared.options.clock.now();
    let world = &shared.world;
    let found = match change {
        Change::Retag { name, key, value } => world.retag(&name, &key, value.as_deref()),
        Change::Vanish { name } => world.vanish(&name),
        Change::Delete { name } => world.delete(&name, now),
        Change::AddPipeline { account, pipeline } => {
            world.add_pipeline(&account, &pipeline, now);
            true
        }
    };
    if found {
        StatusCode::NO_CONTENT.into_response()
    } else {
        (StatusCode::NOT_FOUND, "no resource of that name").into_response()
    }
}
