//! Datadog's objects and its past, for other processes.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    super::{Shared, datadog::objects::ObjectKind},
    bad, lines,
};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/objects", get(show).post(create))
        .route("/_sim/objects/edit", post(edit))
        .route("/_sim/objects/delete", post(delete))
        .route("/_sim/writes", get(writes))
        .route("/_sim/history", post(history))
}

#[derive(Deserialize)]
struct Which {
    kind: ObjectKind,
}

async fn show(State(shared): State<Arc<Shared>>, Query(which): Query<Which>) -> Response {
    lines(shared.objects_of(which.kind).into_iter())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    kind: ObjectKind,
    body: Value,
}

async fn create(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    with(&body, |new: New| match shared.create_by_hand(new.kind, new.body) {
        Ok(id) => Json(json!({"id": id})).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    kind: ObjectKind,
    id: String,
    pointer: String,
    value: Value,
}

async fn edit(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    with(&body, |edit: Edit| found(shared.edit_by_hand(edit.kind, &edit.id, &edit.pointer, edit.value)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gone {
    kind: ObjectKind,
    id: String,
}

async fn delete(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    with(&body, |gone: Gone| found(shared.delete_by_hand(gone.kind, &gone.id)))
}

/// `{"monitor": {"create": 3}}`.
async fn writes(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let mut counts = json!({});
    for ((kind, write), count) in shared.writes() {
        if let (Value::String(kind), Value::String(write)) = (json!(kind), json!(write)) {
            counts[kind][write] = json!(count);
        }
    }
    Json(counts)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Past {
    days: u32,
}

async fn history(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    with(&body, |past: Past| {
        shared.received().remember(past.days);
        StatusCode::NO_CONTENT.into_response()
    })
}

fn with<T: DeserializeOwned>(body: &[u8], work: impl FnOnce(T) -> Response) -> Response {
    match serde_json::from_slice(body) {
        Ok(asked) => work(asked),
        Err(error) => bad(&error),
    }
}

fn found(found: bool) -> Response {
    if found {
        StatusCode::NO_CONTENT.into_response()
    } else {
        (StatusCode::NOT_FOUND, "no such object, or no such place in it").into_response()
    }
}
