//! GitHub's REST API over the company's repositories: the part that a follower of deployments reads, with its pages, its
//! conditions and its limits. Under `/api/v3` too, as on a server of one's own.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{
        HeaderMap, HeaderValue, StatusCode, Uri,
        header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH, LINK, LOCATION},
    },
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    RateLimit, Shared, dice,
    faults::{self, Fault},
};

mod bodies;
mod code;
mod deployments;
pub mod history;
mod limits;
mod runs;
mod story;

use self::history::{Deploy, Dispatch, Repository};

/// The App that may ask for a token of its installation.
pub const APP: (u64, u64) = (4_711, 815);
/// What an installation is given.
const INSTALLATION_TOKEN: &str = "ghs_pretend-installation-token";
/// A name that a repository had before.
pub const MOVED: &str = "acme/old-pipelines";

/// What GitHub remembers.
#[derive(Debug)]
pub(super) struct Memory {
    opened: DateTime<Utc>,
    repositories: Vec<Repository>,
    used: limits::Used,
}

impl Memory {
    pub(super) fn new(seed: u64, opened: DateTime<Utc>, runs: usize) -> Self {
        Self { opened, repositories: story::repositories(seed, opened, runs), used: limits::Used::default() }
    }
}

impl Shared {
    fn github(&self) -> MutexGuard<'_, Memory> {
        self.github.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was dispatched, and what was asked.
    pub(super) fn forget_github(&self) {
        let mut github = self.github();
        *github = Memory::new(self.options.seed, github.opened, self.options.github_runs);
    }

    /// Every run that has been dispatched, oldest first by repository.
    pub(super) fn deploys(&self) -> Vec<Deploy> {
        let now = self.options.clock.now();
        let github = self.github();
        let all = github.repositories.iter().flat_map(|repository| &repository.deploys);
        all.filter(|deploy| deploy.created() <= now).cloned().collect()
    }

    /// What went bad in production, and when it was there: what a rollback or a hotfix of its pipeline followed.
    pub(super) fn bad_deploys(&self) -> Vec<(String, DateTime<Utc>)> {
        let github = self.github();
        let mut bad = Vec::new();
        for repository in &github.repositories {
            let mut live: HashMap<&str, DateTime<Utc>> = HashMap::new();
            for deploy in &repository.deploys {
                let Some(last) = deploy.attempts.last() else { continue };
                let reached = last.conclusion == history::Conclusion::Success && deploy.action == history::Action::Up;
                if !reached || deploy.environment != "data_prod" {
                    continue;
                }
                let before = live.insert(&deploy.pipeline, last.completed);
                if deploy.cause != history::Cause::Planned {
                    bad.extend(before.map(|before| (deploy.pipeline.clone(), before)));
                }
            }
        }
        bad
    }

    pub(super) fn dispatch(&self, repository: &str, asked: &Dispatch) -> Option<Deploy> {
        let now = self.options.clock.now();
        let mut github = self.github();
        github.repositories.iter_mut().find(|own| own.name == repository)?.dispatch(asked, now)
    }
}

/// Does what is asked for, once everything that all operations share is done.
type Work = fn(&Asked<'_>) -> Result<Answer, Refused>;

/// Every operation below a repository, under the name that [`super::Sim::requests`] and rules of faults have for it.
const OPERATIONS: &[(&str, &str, Work)] = &[
    ("", "repository", runs::repository),
    ("/actions/workflows", "workflows", runs::workflows),
    ("/actions/workflows/{workflow}/runs", "runs", runs::list),
    ("/actions/runs/{id}", "run", runs::one),
    ("/actions/runs/{id}/attempts/{attempt}", "attempt", runs::attempt),
    ("/actions/runs/{id}/attempts/{attempt}/jobs", "jobs", runs::jobs),
    ("/actions/runs/{id}/artifacts", "artifacts", runs::artifacts),
    ("/commits", "commits", code::commits),
    ("/compare/{*basehead}", "compare", code::compare),
    ("/git/ref/heads/{*branch}", "branch", code::branch),
    ("/contents/{*path}", "contents", code::contents),
    ("/deployments", "deployments", deployments::list),
    ("/deployments/{id}/statuses", "statuses", deployments::statuses),
];

pub(super) fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new().fallback(async || refuse(StatusCode::NOT_FOUND, "Not Found"));
    for base in ["", "/api/v3"] {
        router = router
            .route(&format!("{base}/app/installations/{{id}}/access_tokens"), post(token))
            .route(&format!("{base}/repositories/{{*rest}}"), get(followed));
        for (path, operation, work) in OPERATIONS {
            router = router.route(&format!("{base}/repos/{{owner}}/{{name}}{path}"), serve(operation, *work));
        }
    }
    router
}

/// What an operation is given.
struct Asked<'a> {
    repository: &'a Repository,
    path: HashMap<String, String>,
    query: HashMap<String, String>,
    now: DateTime<Utc>,
    raw: bool,
}

impl Asked<'_> {
    fn word(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.path.get(key)?.parse().ok()
    }

    fn part(&self, key: &str) -> &str {
        self.path.get(key).map_or("", String::as_str)
    }

    /// One page of `all`, at most `most` of which are ever shown, as `{"total_count", NAME: [..]}` or as a bare list.
    fn page<T>(&self, all: &[T], most: usize, name: &str, shown: impl Fn(&T) -> Value) -> Answer {
        let number = |key: &str| self.word(key).and_then(|text| text.parse().ok());
        let per_page = number("per_page").unwrap_or(30).clamp(1, 100);
        let page: usize = number("page").unwrap_or(1).max(1);
        let end = all.len().min(most);
        let from = ((page - 1) * per_page).min(end);
        let to = (from + per_page).min(end);
        let items: Vec<Value> = all[from..to].iter().map(shown).collect();
        let body = if name.is_empty() { json!(items) } else { json!({"total_count": all.len(), name: items}) };
        Answer { body: body.to_string(), next: (to < end).then_some(page + 1), kind: "application/json; charset=utf-8" }
    }
}

/// A yes.
struct Answer {
    body: String,
    /// The page after this one.
    next: Option<usize>,
    kind: &'static str,
}

impl From<Value> for Answer {
    fn from(body: Value) -> Self {
        Self { body: body.to_string(), next: None, kind: "application/json; charset=utf-8" }
    }
}

/// A no, with the reason as GitHub words it.
struct Refused(StatusCode, &'static str);

const NOT_FOUND: Refused = Refused(StatusCode::NOT_FOUND, "Not Found");

fn refuse(status: StatusCode, message: &str) -> Response {
    let page = "https://docs.github.com/rest";
    let body = json!({"message": message, "documentation_url": page, "status": status.as_str()});
    (status, Json(body)).into_response()
}

fn serve(operation: &'static str, work: Work) -> MethodRouter<Arc<Shared>> {
    get(
        async move |State(shared): State<Arc<Shared>>,
                    Path(path): Path<HashMap<String, String>>,
                    Query(query): Query<HashMap<String, String>>,
                    uri: Uri,
                    headers: HeaderMap| {
            if let Err(refusal) = enter(&shared, operation, &headers).await {
                return refusal;
            }
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            let now = shared.options.clock.now();
            let limit = shared.options.github_limit;
            let mut github = shared.github();
            if let Some(refusal) = github.used.refusal(limit, now) {
                return refusal;
            }
            let name = format!("{}/{}", path["owner"], path["name"]);
            if name == MOVED {
                let place = format!("http://{host}/repositories/701");
                return (
                    StatusCode::MOVED_PERMANENTLY,
                    [(LOCATION, place)],
                    Json(json!({"message": "Moved Permanently"})),
                )
                    .into_response();
            }
            let raw = headers
                .get("accept")
                .is_some_and(|accept| accept.as_bytes().starts_with(b"application/vnd.github.raw"));
            let found = github.repositories.iter().find(|repository| repository.name == name);
            let answer = found
                .ok_or(NOT_FOUND)
                .and_then(|repository| work(&Asked { repository, path, query: query.clone(), now, raw }));
            let (answer, free) = match answer {
                Ok(answer) => sent(answer, &headers, host, uri.path(), &query),
                Err(Refused(status, message)) => (refuse(status, message), false),
            };
            (github.used.count(limit, now, free), answer).into_response()
        },
    )
}

/// The answer with its tag and its links, and whether it costs nothing.
fn sent(
    answer: Answer,
    asked: &HeaderMap,
    host: &str,
    path: &str,
    query: &HashMap<String, String>,
) -> (Response, bool) {
    let etag = format!("W/\"{:016x}\"", dice::roll(0, &[&answer.body], 0));
    let tag = [(ETAG, etag.clone())];
    if asked.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return ((StatusCode::NOT_MODIFIED, tag).into_response(), true);
    }
    let mut response = (tag, [(CONTENT_TYPE, answer.kind)], answer.body).into_response();
    if let Some(next) = answer.next {
        let rest: Vec<String> =
            query.iter().filter(|(key, _)| *key != "page").map(|(key, value)| format!("{key}={value}")).collect();
        let link = format!("<http://{host}{path}?{}&page={next}>; rel=\"next\"", rest.join("&"));
        if let Ok(link) = HeaderValue::try_from(link) {
            response.headers_mut().insert(LINK, link);
        }
    }
    (response, false)
}

/// Waits, counts, applies the faults and checks the token.
async fn enter(shared: &Shared, operation: &str, headers: &HeaderMap) -> Result<(), Response> {
    shared.count("github", operation);
    if !shared.options.latency.is_zero() {
        tokio::time::sleep(shared.options.latency).await;
    }
    let now = shared.options.clock.now();
    for fault in shared.faults.of_request(faults::Request { service: "github", operation, account: "" }) {
        match fault {
            Fault::Slow(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Fault::Reset | Fault::LostAnswer => super::hang_up(),
            Fault::ServerError(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                return Err(refuse(status, "Server Error"));
            }
            Fault::HourUsedUp(seconds) => return Err(limits::used_up(shared.options.github_limit, now, seconds)),
            Fault::Throttle | Fault::RateLimited => return Err(limits::burst(StatusCode::TOO_MANY_REQUESTS, Some(1))),
            Fault::SecondaryLimit(after) => return Err(limits::burst(StatusCode::FORBIDDEN, after)),
            Fault::Forbidden | Fault::AccessDenied => {
                let needs = [("x-accepted-github-permissions", "actions=read"), ("x-oauth-scopes", "read:user")];
                let refusal = refuse(StatusCode::FORBIDDEN, "Resource not accessible by personal access token");
                return Err((needs, refusal).into_response());
            }
            Fault::ExpiredToken => return Err(refuse(StatusCode::UNAUTHORIZED, "Bad credentials")),
            Fault::NotFound => return Err(refuse(StatusCode::NOT_FOUND, "Not Found")),
            Fault::Nothing => return Err(Json(json!({"total_count": 0, operation: []})).into_response()),
            Fault::PartialData | Fault::InternalError | Fault::SmallPages(_) | Fault::EmptyPageWithToken => {}
        }
    }
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = given.strip_prefix("Bearer ").or_else(|| given.strip_prefix("token ")).unwrap_or_default();
    if token == shared.options.github_token || token == INSTALLATION_TOKEN {
        Ok(())
    } else {
        Err(refuse(StatusCode::UNAUTHORIZED, "Bad credentials"))
    }
}

/// A token for the App's installation. Its signature is not looked at, only that there is one.
async fn token(State(shared): State<Arc<Shared>>, Path(id): Path<u64>, headers: HeaderMap, _: Bytes) -> Response {
    shared.count("github", "access_token");
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let signed =
        given.strip_prefix("Bearer ").is_some_and(|jwt| jwt.split('.').filter(|part| !part.is_empty()).count() == 3);
    if !signed {
        return refuse(StatusCode::UNAUTHORIZED, "A JSON web token could not be decoded");
    }
    if id != APP.1 {
        return refuse(StatusCode::NOT_FOUND, "Not Found");
    }
    let ends = (shared.options.clock.now() + TimeDelta::hours(1)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let permissions = json!({"actions": "read", "contents": "read", "deployments": "read", "metadata": "read"});
    let body = json!({"token": INSTALLATION_TOKEN, "expires_at": ends, "permissions": permissions, "repository_selection": "all"});
    (StatusCode::CREATED, Json(body)).into_response()
}

/// Whoever comes here has followed a redirect.
async fn followed(State(shared): State<Arc<Shared>>) -> Response {
    shared.count("github", "followed");
    refuse(StatusCode::NOT_FOUND, "Not Found")
}
