//! Deployments. <https://docs.datadoghq.com/api/latest/dora-metrics/>

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Asked, Refused, Reply, ok};

/// Deployments an answer at most, and when nobody says how many.
const MOST: usize = 1_000;
const USUAL: usize = 10;
/// Tags that a deployment may have of its sender's own.
const TAGS: usize = 100;
const ID: std::ops::RangeInclusive<usize> = 16..=128;
const FIELDS: [&str; 9] =
    ["custom_tags", "env", "finished_at", "git", "id", "service", "started_at", "team", "version"];

/// One deployment as Datadog keeps it. One that comes twice is there twice: nothing is told of an id that is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kept {
    /// Its sender's, or one that it was given.
    pub id: String,
    /// The attributes as they came.
    pub attributes: Value,
    /// Unix seconds.
    pub started_at: i64,
    /// Unix seconds.
    pub finished_at: i64,
    /// Whether another one of its service ended in the same second, which Datadog cannot tell apart.
    pub clashes: bool,
    /// What was said of it last.
    pub change_failure: Option<bool>,
    /// What put it right, as it came last: `id` or `version`, and `type`.
    pub remediation: Option<Value>,
    /// How often something was said of it.
    pub patches: u32,
}

pub(super) fn send(asked: &Asked<'_>) -> Reply {
    let attributes = attributes(asked, "dora_deployment", false)?;
    let (started_at, finished_at) = check(&attributes)?;
    let mut kept = asked.shared.deployments();
    let given = format!("given-{:016x}", kept.len() + 1);
    let id = attributes.get("id").and_then(Value::as_str).map_or(given, str::to_owned);
    let service = &attributes["service"];
    let clashes = kept.iter().any(|one| one.attributes["service"] == *service && one.finished_at == finished_at);
    kept.push(Kept {
        id: id.clone(),
        attributes: Value::Object(attributes),
        started_at,
        finished_at,
        clashes,
        change_failure: None,
        remediation: None,
        patches: 0,
    });
    Ok(ok(json!({"data": {"id": id, "type": "dora_deployment"}})))
}

/// `data.attributes` of the body.
fn attributes(asked: &Asked<'_>, kind: &str, typed: bool) -> Result<Map<String, Value>, Refused> {
    let mut body = asked.object()?;
    let data = body.get_mut("data").ok_or_else(|| Refused::bad("data is required"))?;
    if data.get("type").map_or(typed, |told| told != kind) {
        return Err(Refused::bad(format!("data.type must be {kind}")));
    }
    match data.get_mut("attributes").map(Value::take) {
        Some(Value::Object(attributes)) => Ok(attributes),
        _ => Err(Refused::bad("data.attributes is required")),
    }
}

/// Begin and end of a good deployment, in Unix seconds.
fn check(attributes: &Map<String, Value>) -> Result<(i64, i64), Refused> {
    let unknown = attributes.keys().find(|key| !FIELDS.contains(&key.as_str()));
    if let Some(key) = unknown {
        return Err(Refused::bad(format!("{key} is not accepted")));
    }
    let text = |key: &str| match attributes.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.as_str())),
        Some(_) => Err(Refused::bad(format!("{key} must be a text"))),
    };
    for key in ["env", "team", "version"] {
        text(key)?;
    }
    text("service")?.ok_or_else(|| Refused::bad("service is required"))?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if text("id")?.is_some_and(|id| !ID.contains(&id.len()) || !id.chars().all(legal)) {
        return Err(Refused::bad("id must be 16-128 characters of a-z, A-Z, 0-9, -, _, ., :"));
    }
    check_tags(attributes.get("custom_tags").unwrap_or(&Value::Null))?;
    check_git(attributes.get("git"))?;
    let time = |key: &str| {
        let number = attributes.get(key).and_then(Value::as_i64);
        number.and_then(seconds).ok_or_else(|| Refused::bad(format!("{key} must be a time in ns, ms or s")))
    };
    let (started_at, finished_at) = (time("started_at")?, time("finished_at")?);
    if finished_at < started_at {
        return Err(Refused::bad("finished_at must not be before started_at"));
    }
    Ok((started_at, finished_at))
}

fn check_tags(tags: &Value) -> Result<(), Refused> {
    let pair = |tag: &Value| tag.as_str().and_then(|tag| tag.split_once(':')).is_some_and(|(key, _)| !key.is_empty());
    match tags {
        Value::Null => Ok(()),
        Value::Array(tags) if tags.len() > TAGS => Err(Refused::bad(format!("at most {TAGS} custom_tags"))),
        Value::Array(tags) if tags.iter().all(pair) => Ok(()),
        _ => Err(Refused::bad("custom_tags must be a list of key:value")),
    }
}

fn check_git(git: Option<&Value>) -> Result<(), Refused> {
    let Some(git) = git else { return Ok(()) };
    let text = |key: &str| git[key].as_str().unwrap_or_default();
    let sha = text("commit_sha");
    if sha.len() != 40 || !sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refused::bad("git.commit_sha must be a full commit SHA"));
    }
    if !text("repository_url").contains("://") || git.as_object().is_none_or(|git| git.len() != 2) {
        return Err(Refused::bad("git must have commit_sha and repository_url"));
    }
    Ok(())
}

/// A time in nanoseconds, milliseconds or seconds: no two of them can be meant.
fn seconds(time: i64) -> Option<i64> {
    match time {
        1_000_000_000..100_000_000_000 => Some(time),
        1_000_000_000_000..100_000_000_000_000 => Some(time / 1_000),
        1_000_000_000_000_000_000.. => Some(time / 1_000_000_000),
        _ => None,
    }
}

pub(super) fn patch(asked: &Asked<'_>) -> Reply {
    let id = asked.object()?.get("data").map(|data| data["id"].clone()).unwrap_or_default();
    let attributes = attributes(asked, "dora_deployment_patch_request", true)?;
    if id != asked.id.as_str() {
        return Err(Refused::bad("data.id must be the id of the path"));
    }
    if attributes.keys().any(|key| key != "change_failure" && key != "remediation") {
        return Err(Refused::bad("only change_failure and remediation can be patched"));
    }
    let failure = attributes.get("change_failure");
    if failure.is_some_and(|failure| !failure.is_boolean()) {
        return Err(Refused::bad("change_failure must be true or false"));
    }
    let mut kept = asked.shared.deployments();
    let remediation = attributes.get("remediation");
    if let Some(remediation) = remediation {
        let (by_id, by_version) = (remediation["id"].as_str(), remediation["version"].as_str());
        let kinds = ["rollback", "rollforward"];
        if by_id.is_some() == by_version.is_some() || !kinds.iter().any(|kind| remediation["type"] == *kind) {
            return Err(Refused::bad("remediation needs id or version, and type: rollback or rollforward"));
        }
        if by_id.is_some_and(|id| !kept.iter().any(|one| one.id == id)) {
            return Err(Refused::bad("the remediation deployment does not exist"));
        }
    }
    let one = kept.iter_mut().rfind(|one| one.id == asked.id).ok_or_else(unknown)?;
    one.change_failure = failure.and_then(Value::as_bool).or(one.change_failure);
    one.remediation = remediation.cloned().or_else(|| one.remediation.take());
    one.patches += 1;
    Ok(StatusCode::ACCEPTED.into_response())
}

fn unknown() -> Refused {
    Refused::not_found("deployment not found")
}

pub(super) fn get(asked: &Asked<'_>) -> Reply {
    let kept = asked.shared.deployments();
    let one = kept.iter().rfind(|one| one.id == asked.id).ok_or_else(unknown)?;
    Ok(ok(json!({"data": shown(one)})))
}

pub(super) fn list(asked: &Asked<'_>) -> Reply {
    let attributes = attributes(asked, "dora_deployments_list_request", false)?;
    let text = |key: &str| attributes.get(key).and_then(Value::as_str);
    let instant = |key: &str| {
        let time = text(key).map(DateTime::parse_from_rfc3339).transpose();
        time.map_err(|_| Refused::bad(format!("{key} must be a time of RFC 3339")))
    };
    let (from, to) = (instant("from")?, instant("to")?);
    let limit = attributes.get("limit").map_or(Some(USUAL as u64), Value::as_u64);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| (1..=MOST).contains(limit));
    let limit = limit.ok_or_else(|| Refused::bad(format!("limit must be from 1 to {MOST}")))?;
    let within = |at: i64| from.is_none_or(|from| at >= from.timestamp()) && to.is_none_or(|to| at <= to.timestamp());
    let asked_for = |one: &Kept| {
        text("query")
            .unwrap_or_default()
            .split_whitespace()
            .all(|term| term.split_once(':').is_some_and(|(key, value)| one.attributes[key] == value))
    };
    let kept = asked.shared.deployments();
    let mut found: Vec<&Kept> = kept.iter().filter(|one| within(one.started_at) && asked_for(one)).collect();
    found.sort_by_key(|one| one.started_at);
    if text("sort") != Some("started_at") {
        found.reverse();
    }
    Ok(listed(found.into_iter().take(limit)))
}

fn listed<'a>(found: impl Iterator<Item = &'a Kept>) -> Response {
    ok(json!({"data": found.map(shown).collect::<Vec<_>>()}))
}

/// As an answer shows it: neither what was said of it nor where its repository is, and its times as numbers when they
/// came in nanoseconds.
fn shown(one: &Kept) -> Value {
    let mut attributes = one.attributes.clone();
    for (key, at) in [("started_at", one.started_at), ("finished_at", one.finished_at)] {
        if attributes[key].as_i64().is_some_and(|time| time < 1_000_000_000_000_000_000) {
            let instant: DateTime<Utc> = DateTime::from_timestamp(at, 0).unwrap_or_default();
            attributes[key] = json!(instant.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
    }
    if let Some(fields) = attributes.as_object_mut() {
        fields.remove("id");
    }
    if let Some(git) = attributes["git"].as_object_mut() {
        let url = git.remove("repository_url").unwrap_or_default();
        let url = url.as_str().unwrap_or_default();
        git.insert("repository_id".to_owned(), json!(url.split_once("://").map_or(url, |(_, rest)| rest)));
    } else if let Some(fields) = attributes.as_object_mut() {
        fields.remove("git");
    }
    json!({"id": one.id, "type": "dora_deployment", "attributes": attributes})
}
