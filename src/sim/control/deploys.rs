//! Deploy runs: what they really were, and one more.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::json;

use super::super::{Dispatch, Shared};
use super::{bad, lines};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new().route("/_sim/deploys", get(show).post(dispatch))
}

async fn show(State(shared): State<Arc<Shared>>) -> Response {
    lines(shared.deploys().into_iter().map(|deploy| json!(deploy)))
}

#[derive(Deserialize)]
struct Asked {
    repository: String,
    deploy: Dispatch,
}

async fn dispatch(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let asked: Asked = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return bad(&error),
    };
    match shared.dispatch(&asked.repository, &asked.deploy) {
        Some(deploy) => Json(json!(deploy)).into_response(),
        None => (StatusCode::NOT_FOUND, "no such repository or branch").into_response(),
    }
}
