//! Datadog's deployments and events, and an alert on request.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;

use super::super::Shared;
use super::{bad, lines};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/deployments", get(deployments))
        .route("/_sim/events", get(events))
        .route("/_sim/alerts", post(alert))
}

async fn deployments(State(shared): State<Arc<Shared>>) -> Response {
    lines(shared.deployments().iter().map(|deployment| json!(deployment)))
}

async fn events(State(shared): State<Arc<Shared>>) -> Response {
    lines(shared.all_events().into_iter())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raised {
    monitor: String,
    #[serde(default)]
    group: String,
}

async fn alert(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let raised: Raised = match serde_json::from_slice(&body) {
        Ok(raised) => raised,
        Err(error) => return bad(&error),
    };
    if shared.raise(&raised.monitor, &raised.group, shared.options.clock.now().timestamp()) {
        StatusCode::NO_CONTENT.into_response()
    } else {
        (StatusCode::NOT_FOUND, "no such monitor").into_response()
    }
}
