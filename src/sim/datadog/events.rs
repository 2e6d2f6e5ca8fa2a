//! Events: what was posted, and the alerts of monitors. <https://docs.datadoghq.com/api/latest/events/>

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Asked, Refused, Reply, Shared, monitors, objects::ObjectKind, ok};

/// Seconds behind which an event is not taken.
const TOO_OLD: i64 = 18 * 3_600;
/// Characters.
const TEXT: usize = 4_000;
const KEY: usize = 100;
/// Events an answer at most, and when nobody says how many.
const MOST: usize = 1_000;
const USUAL: usize = 10;
const FIELDS: [&str; 11] = [
    "aggregation_key",
    "alert_type",
    "date_happened",
    "device_name",
    "host",
    "priority",
    "related_event_id",
    "source_type_name",
    "tags",
    "text",
    "title",
];
const ALERT_TYPES: [&str; 7] = ["error", "warning", "info", "success", "user_update", "recommendation", "snapshot"];

/// One event.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Event {
    /// Unix milliseconds.
    at: i64,
    source: String,
    /// As a search answers it.
    shown: Value,
}

impl Event {
    fn fits(&self, term: &str) -> bool {
        let tags = self.shown["attributes"]["tags"].as_array();
        match term.split_once(':') {
            Some(("source", source)) => self.source == source,
            Some(("tags", tag)) => tags.is_some_and(|tags| tags.iter().any(|own| own == tag)),
            Some(_) => tags.is_some_and(|tags| tags.iter().any(|own| own == term)),
            None => self.shown["attributes"]["attributes"]["title"].as_str().is_some_and(|title| title.contains(term)),
        }
    }
}

/// What a monitor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transition {
    Alert,
    Recovery,
}

pub(super) fn post(asked: &Asked<'_>) -> Reply {
    let sent = asked.object()?;
    if let Some(key) = sent.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(Refused::bad(format!("{key} is not accepted")));
    }
    let text = |key: &str| sent.get(key).and_then(Value::as_str).unwrap_or_default();
    let long = |key: &str, most: usize| text(key).chars().count() > most;
    if text("title").is_empty() || !sent.get("text").is_some_and(Value::is_string) {
        return Err(Refused::bad("title and text are required"));
    }
    if long("text", TEXT) || long("aggregation_key", KEY) {
        return Err(Refused::bad(format!("text takes {TEXT} characters, aggregation_key {KEY}")));
    }
    let tags = sent.get("tags").cloned().unwrap_or_else(|| json!([]));
    if !tags.as_array().is_some_and(|tags| tags.iter().all(Value::is_string)) {
        return Err(Refused::bad("tags must be a list of texts"));
    }
    if sent.contains_key("alert_type") && !ALERT_TYPES.contains(&text("alert_type")) {
        return Err(Refused::bad(format!("alert_type must be one of {}", ALERT_TYPES.join(", "))));
    }
    let now = asked.shared.options.clock.now().timestamp();
    let at = sent.get("date_happened").map_or(Some(now), Value::as_i64);
    let at = at.ok_or_else(|| Refused::bad("date_happened must be a time in seconds"))?;
    if now - at > TOO_OLD {
        return Err(Refused::bad("date_happened must not be older than 18 hours"));
    }
    let mut events = asked.shared.events();
    let id = id(events.len());
    let source = if text("source_type_name").is_empty() { "my_apps" } else { text("source_type_name") };
    let status = if text("alert_type").is_empty() { "info" } else { text("alert_type") };
    let attributes = json!({
        "aggregation_key": text("aggregation_key"), "evt": {"id": id.to_string(), "name": text("title")},
        "title": text("title"), "source_type_name": source, "status": status, "tags": tags, "timestamp": at * 1_000,
    });
    let shown = shown(id, at * 1_000, &tags, text("text"), &attributes);
    events.push(Event { at: at * 1_000, source: source.to_owned(), shown });
    let event = json!({"id": id, "title": text("title"), "text": text("text"), "tags": tags, "date_happened": at});
    Ok((StatusCode::ACCEPTED, Json(json!({"status": "ok", "event": event}))).into_response())
}

fn id(number: usize) -> i64 {
    7_000_000_000_000_000_000 + i64::try_from(number).unwrap_or(0)
}

fn shown(id: i64, at: i64, tags: &Value, message: &str, attributes: &Value) -> Value {
    let instant: DateTime<Utc> = DateTime::from_timestamp_millis(at).unwrap_or_default();
    json!({"id": format!("AgAA{id}"), "type": "event", "attributes": {
        "timestamp": instant.to_rfc3339_opts(SecondsFormat::Millis, true), "tags": tags, "message": message,
        "attributes": attributes,
    }})
}

impl Shared {
    /// Keeps what a monitor did to a group at an instant, Unix seconds. False when there is no such monitor.
    pub(in crate::sim) fn raise(&self, monitor: &str, group: &str, at: i64) -> bool {
        let monitor = self.objects().get(ObjectKind::Monitor, monitor).cloned();
        monitor.is_some_and(|monitor| {
            self.note(&monitor, group, Transition::Alert, at);
            true
        })
    }

    fn note(&self, monitor: &Value, group: &str, transition: Transition, at: i64) {
        let mut events = self.events();
        let event = of_monitor(id(events.len()), monitor, group, transition, at);
        events.push(event);
    }

    /// Every event, the oldest first: first those of the company's past.
    pub(in crate::sim) fn all_events(&self) -> Vec<Value> {
        let mut events = incidents(self);
        events.extend(self.events().iter().cloned());
        events.sort_by_key(|event| event.at);
        events.into_iter().map(|event| event.shown).collect()
    }
}

/// An alert as a search answers it. Tags are those of the monitor and of the group.
fn of_monitor(id: i64, monitor: &Value, group: &str, transition: Transition, at: i64) -> Event {
    let groups: Vec<&str> = group.split(',').filter(|tag| tag.contains(':')).collect();
    let mut tags: Vec<&str> = monitor["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    tags.extend(&groups);
    tags.push("monitor");
    let name = monitor["name"].as_str().unwrap_or_default();
    let templated = groups
        .iter()
        .filter_map(|group| group.split_once(':'))
        .fold(name.to_owned(), |name, (key, value)| name.replace(&format!("{{{{{key}.name}}}}"), value));
    let (status, word, kind) = match transition {
        Transition::Alert => ("error", "Triggered", "alert"),
        Transition::Recovery => ("ok", "Recovered", "alert recovery"),
    };
    let priority = monitor["priority"].as_i64();
    let title = match priority {
        Some(priority) => format!("[P{priority}] [{word}] {templated}"),
        None => format!("[{word}] {templated}"),
    };
    let of_monitor = json!({
        "id": monitor["id"], "name": name, "templated_name": templated, "query": monitor["query"], "type": monitor["type"],
        "tags": monitor["tags"], "message": monitor["message"], "groups": groups, "priority": priority,
        "transition": {"trans_name": word, "transition_type": kind},
    });
    let mut attributes = json!({
        "aggregation_key": format!("monitor_id:{}", monitor["id"]), "evt": {"id": id.to_string(), "type": "monitor"},
        "monitor": of_monitor, "monitor_id": monitor["id"], "monitor_groups": groups, "status": status,
        "sourcecategory": "monitor_alert", "tags": tags, "timestamp": at * 1_000, "title": title,
    });
    if let Some(priority) = priority {
        attributes["priority"] = json!(priority.to_string());
    }
    let shown = shown(id, at * 1_000, &json!(tags), &title, &attributes);
    Event { at: at * 1_000, source: "alert".to_owned(), shown }
}

/// What the monitors of production said when somebody had deployed something bad: of every other one, before it was
/// put right.
fn incidents(shared: &Shared) -> Vec<Event> {
    let alert = |(number, (pipeline, at)): (usize, (String, DateTime<Utc>))| {
        let tag = pipeline.to_lowercase();
        let monitor = json!({
            "id": 900_000 + number, "name": format!("{pipeline} (data_prod): requests wait too long"), "priority": 2,
            "query": format!("max(last_10m):max:mlpipeline.endpoint.oldest_request_age.max{{pipeline:{tag}}} > 900"),
            "type": "query alert", "message": "They wait. @pagerduty-ml",
            "tags": [
                format!("pipeline:{tag}"), "environment:data_prod", "team:docs", "ddsync_namespace:main",
                format!("ddsync_key:oldest-request-age/pipeline/{tag}/data_prod"),
            ],
        });
        let id = 6_000_000_000_000_000_000 + i64::try_from(number).unwrap_or(0);
        of_monitor(id, &monitor, "stage:reader", Transition::Alert, at.timestamp())
    };
    let now = shared.options.clock.now();
    let bad = shared.bad_deploys().into_iter().step_by(2).map(|(pipeline, at)| (pipeline, at + TimeDelta::minutes(9)));
    bad.enumerate().map(alert).filter(|event| event.at <= now.timestamp_millis()).collect()
}

pub(super) fn search(asked: &Asked<'_>) -> Reply {
    for (monitor, group, transition, at) in monitors::transitions(asked.shared) {
        asked.shared.note(&monitor, &group, transition, at);
    }
    let body = if asked.body.is_empty() { serde_json::Map::new() } else { asked.object()? };
    let body = Value::Object(body);
    let now = asked.shared.options.clock.now();
    let (filter, page) = (&body["filter"], &body["page"]);
    let bound = |key: &str, usual: DateTime<Utc>| match filter[key].as_str() {
        None => Ok(usual.timestamp_millis()),
        Some(text) => instant(text, now).ok_or_else(|| Refused::bad(format!("filter.{key} is not a time: {text}"))),
    };
    let (from, to) = (bound("from", now - TimeDelta::minutes(15))?, bound("to", now)?);
    let limit = page["limit"].as_u64().unwrap_or(USUAL as u64);
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=MOST).contains(limit));
    let limit = limit.ok_or_else(|| Refused::bad(format!("page.limit must be from 1 to {MOST}")))?;
    let start = page["cursor"].as_str().map_or(Ok(0), str::parse::<usize>);
    let start = start.map_err(|_| Refused::bad("page.cursor is none that was given"))?;
    let query = filter["query"].as_str().unwrap_or("*");
    if query.contains(['(', '"']) {
        return Err(Refused::bad("only single terms are understood here"));
    }
    let mut events = incidents(asked.shared);
    events.extend(asked.shared.events().iter().cloned());
    let terms: Vec<&str> = query.split_whitespace().filter(|term| !matches!(*term, "AND" | "*")).collect();
    events.retain(|event| (from..=to).contains(&event.at) && terms.iter().all(|term| event.fits(term)));
    events.sort_by_key(|event| event.at);
    if body["sort"] != "timestamp" {
        events.reverse();
    }
    Ok(page_of(&events, start, limit))
}

fn page_of(events: &[Event], start: usize, limit: usize) -> Response {
    let data: Vec<&Value> = events.iter().skip(start).take(limit).map(|event| &event.shown).collect();
    let mut answer = json!({"data": data, "meta": {"status": "done", "elapsed": 1}});
    if start + limit < events.len() {
        answer["meta"]["page"] = json!({"after": (start + limit).to_string()});
    }
    ok(answer)
}

/// A time of RFC 3339, in milliseconds, or as `now-15m`.
fn instant(text: &str, now: DateTime<Utc>) -> Option<i64> {
    if let Some(back) = text.strip_prefix("now") {
        let Some(back) = back.strip_prefix('-') else { return back.is_empty().then(|| now.timestamp_millis()) };
        let (number, unit) = back.split_at(back.len().checked_sub(1)?);
        let seconds = match unit {
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        return Some(now.timestamp_millis() - number.parse::<i64>().ok()? * seconds * 1_000);
    }
    text.parse().ok().or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()))
}
