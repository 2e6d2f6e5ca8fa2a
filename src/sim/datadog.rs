//! Datadog: the intakes of series and logs with their real limits, queries over what came in, deployments and events, and dashboards,
//! monitors and SLOs with the habits of the real server.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use serde_json::{Map, Value, json};

use super::{
    Shared,
    faults::{self, Fault},
};

mod by_hand;
mod dashboards;
pub(super) mod dora;
pub(super) mod events;
mod habits;
mod handles;
mod intake;
pub(super) mod limits;
pub(super) mod logs;
mod monitors;
pub(super) mod objects;
mod query;
mod slos;

/// Does what is asked for, once everything that all operations share is done.
type Work = fn(&Asked<'_>) -> Reply;

type Reply = Result<Response, Refused>;

/// Every operation that needs both keys, under the name that [`super::Sim::requests`] and rules of faults have for it.
const OPERATIONS: &[(MethodFilter, &str, &str, Work)] = &[
    (MethodFilter::GET, "/api/v1/metrics/{name}", "get_metadata", intake::metadata),
    (MethodFilter::PUT, "/api/v1/metrics/{name}", "set_metadata", intake::set_metadata),
    (MethodFilter::GET, "/api/v1/query", "query", query::answer),
    (MethodFilter::GET, "/api/v2/notifications/handles", "list_handles", handles::list),
    (MethodFilter::GET, "/api/v1/monitor", "list_monitors", monitors::list),
    (MethodFilter::POST, "/api/v1/monitor", "create_monitor", monitors::create),
    (MethodFilter::POST, "/api/v1/monitor/validate", "validate_monitor", monitors::validate),
    (MethodFilter::GET, "/api/v1/monitor/can_delete", "can_delete_monitor", monitors::can_delete),
    (MethodFilter::GET, "/api/v1/monitor/{id}", "get_monitor", monitors::get),
    (MethodFilter::PUT, "/api/v1/monitor/{id}", "update_monitor", monitors::update),
    (MethodFilter::DELETE, "/api/v1/monitor/{id}", "delete_monitor", monitors::delete),
    (MethodFilter::GET, "/api/v1/dashboard", "list_dashboards", dashboards::list),
    (MethodFilter::POST, "/api/v1/dashboard", "create_dashboard", dashboards::create),
    (MethodFilter::DELETE, "/api/v1/dashboard", "delete_dashboards", dashboards::delete_all),
    (MethodFilter::PATCH, "/api/v1/dashboard", "restore_dashboards", dashboards::restore),
    (MethodFilter::GET, "/api/v1/dashboard/{id}", "get_dashboard", dashboards::get),
    (MethodFilter::PUT, "/api/v1/dashboard/{id}", "update_dashboard", dashboards::update),
    (MethodFilter::DELETE, "/api/v1/dashboard/{id}", "delete_dashboard", dashboards::delete),
    (MethodFilter::GET, "/api/v1/slo", "list_slos", slos::list),
    (MethodFilter::POST, "/api/v1/slo", "create_slo", slos::create),
    (MethodFilter::GET, "/api/v1/slo/can_delete", "can_delete_slo", slos::can_delete),
    (MethodFilter::GET, "/api/v1/slo/{id}", "get_slo", slos::get),
    (MethodFilter::PUT, "/api/v1/slo/{id}", "update_slo", slos::update),
    (MethodFilter::DELETE, "/api/v1/slo/{id}", "delete_slo", slos::delete),
    (MethodFilter::POST, "/api/v2/dora/deployments", "list_deployments", dora::list),
    (MethodFilter::GET, "/api/v2/dora/deployments/{id}", "get_deployment", dora::get),
    (MethodFilter::PATCH, "/api/v2/dora/deployments/{id}", "patch_deployment", dora::patch),
    (MethodFilter::POST, "/api/v2/events/search", "search_events", events::search),
];

/// The same for those that need the API key alone.
const OPEN: &[(MethodFilter, &str, &str, Work)] = &[
    (MethodFilter::POST, "/api/v2/dora/deployment", "send_deployment", dora::send),
    (MethodFilter::POST, "/api/v1/events", "post_event", events::post),
];

pub(super) fn router() -> Router<Arc<Shared>> {
    let operations = OPERATIONS.iter().map(|operation| (operation, true));
    let operations = operations.chain(OPEN.iter().map(|operation| (operation, false)));
    operations.fold(intake::router(), |router, ((method, path, operation, work), app_key)| {
        router.route(path, serve(*method, operation, *work, app_key))
    })
}

/// What an operation is given.
struct Asked<'a> {
    shared: &'a Shared,
    /// The last part of the path, where it names an object.
    id: String,
    query: HashMap<String, String>,
    body: Bytes,
}

impl Asked<'_> {
    fn word(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn number(&self, key: &str) -> Result<Option<usize>, Refused> {
        let number = |text: &str| text.parse().map_err(|_| Refused::bad(format!("{key} must be a whole number")));
        self.word(key).map(number).transpose()
    }

    fn words(&self, key: &str) -> Vec<&str> {
        self.word(key).into_iter().flat_map(|text| text.split(',')).map(str::trim).collect()
    }

    /// The body, which is to be a JSON object.
    fn object(&self) -> Result<Map<String, Value>, Refused> {
        serde_json::from_slice(&self.body).map_err(|error| Refused::bad(format!("Invalid JSON: {error}")))
    }
}

/// A no, with the reason as Datadog words it.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    message: String,
}

impl Refused {
    fn bad(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    fn not_found(message: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.to_owned() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refuse(self.status, &self.message)
    }
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"errors": [message]}))).into_response()
}

fn ok(value: Value) -> Response {
    Json(value).into_response()
}

/// Ids that may go and those that others need, as both `can_delete` answer: 409 when there is one of the latter.
fn deletable(ok: &[Value], errors: &Map<String, Value>) -> Response {
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::CONFLICT };
    (status, Json(json!({"data": {"ok": ok}, "errors": errors}))).into_response()
}

/// What becomes of an answer.
enum Fate {
    Sent,
    /// The work is done and the connection closes before the answer.
    Lost,
}

fn serve(method: MethodFilter, operation: &'static str, work: Work, app_key: bool) -> MethodRouter<Arc<Shared>> {
    let handler = async move |State(shared): State<Arc<Shared>>,
                              id: Option<Path<String>>,
                              Query(query): Query<HashMap<String, String>>,
                              headers: HeaderMap,
                              body: Bytes| {
        let fate = match enter(&shared, operation, &headers, app_key).await {
            Ok(fate) => fate,
            Err(refusal) => return refusal,
        };
        let standing = shared.standing(operation);
        let answer = if standing.over() {
            refuse(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded")
        } else {
            let id = id.map(|Path(id)| id).unwrap_or_default();
            work(&Asked { shared: &shared, id, query, body }).unwrap_or_else(IntoResponse::into_response)
        };
        if let Fate::Lost = fate {
            super::hang_up();
        }
        (standing.headers(operation), answer).into_response()
    };
    on(method, handler)
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
            Fault::RateLimited | Fault::Throttle | Fault::HourUsedUp(_) | Fault::SecondaryLimit(_) => {
                return Err(limits::refusal(operation));
            }
            Fault::Forbidden | Fault::AccessDenied | Fault::ExpiredToken => {
                return Err(refuse(StatusCode::FORBIDDEN, "Forbidden"));
            }
            Fault::LostAnswer => lost = true,
            Fault::PartialData
            | Fault::InternalError
            | Fault::SmallPages(_)
            | Fault::EmptyPageWithToken
            | Fault::NotFound
            | Fault::Nothing => {}
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
