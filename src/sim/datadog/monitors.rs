//! Monitors. <https://docs.datadoghq.com/api/latest/monitors/>

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    Asked, Refused, Reply, Shared, deletable,
    events::Transition,
    habits,
    objects::{ObjectKind, Objects, Write},
    ok,
};
use crate::query::{self, MonitorQuery};

mod check;
mod state;

pub(super) use state::State;

pub(super) const ORGANISATION: i64 = 569_146;

const KIND: ObjectKind = ObjectKind::Monitor;
/// What a caller may set.
const FIELDS: [&str; 9] =
    ["draft_status", "message", "name", "options", "priority", "query", "restricted_roles", "tags", "type"];
/// Monitors a page.
const PAGE: usize = 100;
const MOST_A_PAGE: usize = 1_000;

fn unknown() -> Refused {
    Refused::not_found("Monitor not found")
}

pub(super) fn list(asked: &Asked<'_>) -> Reply {
    let (page, size) = (asked.number("page")?, asked.number("page_size")?.unwrap_or(PAGE));
    if size > MOST_A_PAGE {
        return Err(Refused::bad(format!("page_size must be at most {MOST_A_PAGE}")));
    }
    let after = asked.number("id_offset")?.unwrap_or(0);
    let tags = asked.words("monitor_tags");
    let scope = asked.words("tags");
    let name = asked.word("name").unwrap_or_default().to_lowercase();
    let wanted = |monitor: &Value| {
        let text = |key: &str| monitor[key].as_str().unwrap_or_default();
        has_all(&monitor["tags"], &tags)
            && scope.iter().all(|tag| text("query").contains(tag))
            && text("name").to_lowercase().contains(&name)
    };
    let (skipped, most) = page.map_or((0, usize::MAX), |page| (page.saturating_mul(size), size));
    let mut objects = asked.shared.objects();
    let later = |id: &str| id.parse::<usize>().is_ok_and(|id| id > after);
    let found = objects.all(KIND).filter(|(id, monitor)| later(id) && wanted(monitor));
    let found: Vec<String> = found.map(|(id, _)| id.clone()).skip(skipped).take(most).collect();
    let states = asked.word("group_states").is_some();
    let shown = found.iter().filter_map(|id| shown(asked, &mut objects, id, states));
    Ok(ok(shown.collect()))
}

/// Does a list of tags hold all of these?
pub(super) fn has_all(list: &Value, tags: &[&str]) -> bool {
    tags.iter().all(|tag| list.as_array().into_iter().flatten().any(|one| one == tag))
}

/// A monitor as an answer shows it; with its states, it is evaluated first.
fn shown(asked: &Asked<'_>, objects: &mut Objects, id: &str, states: bool) -> Option<Value> {
    if states {
        state::refresh(objects, id, &asked.shared.received(), asked.shared.options.clock.now().timestamp());
    }
    let monitor = objects.get(KIND, id)?.clone();
    let mut shown = objects.show(monitor);
    let state = objects.states.get(id);
    shown["overall_state"] = json!(state.map_or("No Data", State::overall));
    if asked.word("group_states").is_some() {
        shown["state"] = json!({"groups": state.map(State::groups).unwrap_or_default()});
    }
    Some(shown)
}

/// What the monitors did since they were last asked this: monitor, group, what, and when in Unix seconds. All of them
/// are looked at for it.
pub(super) fn transitions(shared: &Shared) -> Vec<(Value, String, Transition, i64)> {
    let (mut objects, now) = (shared.objects(), shared.options.clock.now().timestamp());
    let ids: Vec<String> = objects.all(KIND).map(|(id, _)| id.clone()).collect();
    let received = shared.received();
    for id in &ids {
        state::refresh(&mut objects, id, &received, now);
    }
    let mut all = Vec::new();
    for id in ids {
        let done = objects.states.get_mut(&id).map(State::take_transitions).unwrap_or_default();
        if let Some(monitor) = objects.get(KIND, &id) {
            all.extend(done.into_iter().map(|(group, what, at)| (monitor.clone(), group, what, at)));
        }
    }
    all
}

pub(super) fn get(asked: &Asked<'_>) -> Reply {
    let mut objects = asked.shared.objects();
    let found = shown(asked, &mut objects, &asked.id, true);
    Ok(ok(found.ok_or_else(unknown)?))
}

pub(super) fn create(asked: &Asked<'_>) -> Reply {
    let sent = asked.object()?;
    let mut objects = asked.shared.objects();
    let id = make(&mut objects, sent, asked.shared.options.clock.now())?;
    objects.count(KIND, Write::Create);
    Ok(ok(shown(asked, &mut objects, &id, false).unwrap_or_default()))
}

/// Keeps a new monitor and tells its id.
pub(super) fn make(objects: &mut Objects, sent: Map<String, Value>, now: DateTime<Utc>) -> Result<String, Refused> {
    let fields = kept(sent);
    let query = check::check(&fields, objects)?;
    let fields = with_defaults(fields, query.as_ref());
    if let Some(twin) = twin(objects, &fields) {
        return Err(Refused::bad(format!("Duplicate of an existing monitor_id:{twin} org_id:{ORGANISATION}")));
    }
    let id = objects.new_id(KIND);
    let mut monitor = objects.birth(KIND, now);
    monitor["id"] = json!(id.parse::<i64>().unwrap_or_default());
    fill(&mut monitor, fields, query.as_ref());
    objects.put(KIND, &id, monitor);
    Ok(id)
}

/// What the server keeps of what it is sent.
fn kept(sent: Map<String, Value>) -> Map<String, Value> {
    let ours = sent.into_iter().filter(|(key, _)| FIELDS.contains(&key.as_str()));
    habits::lean_fields(ours.collect())
}

/// A monitor that is the same but for its tags and its priority.
fn twin(objects: &Objects, fields: &Map<String, Value>) -> Option<String> {
    let same = |monitor: &Value, key: &str| fields.get(key).unwrap_or(&Value::Null) == &monitor[key];
    let twin = |monitor: &Value| ["message", "options", "query"].iter().all(|key| same(monitor, key));
    let mut namesakes = objects.monitors_named(fields.get("name").unwrap_or(&Value::Null));
    namesakes.find(|(_, monitor)| twin(monitor)).map(|(id, _)| id.clone())
}

/// With the options that the server adds.
fn with_defaults(mut fields: Map<String, Value>, query: Option<&MonitorQuery>) -> Map<String, Value> {
    for key in ["name", "message"] {
        fields.entry(key).or_insert_with(|| json!(""));
    }
    let options = fields.entry("options").or_insert_with(|| json!({}));
    let mut defaults = json!({
        "include_tags": true, "notify_audit": false, "notify_no_data": false, "silenced": {}, "thresholds": {},
    });
    // The two exclude each other.
    if options.get("new_group_delay").is_none() {
        defaults["new_host_delay"] = json!(300);
    }
    if let Some((_, threshold)) = query.and_then(MonitorQuery::condition) {
        defaults["thresholds"]["critical"] = json!(threshold);
    }
    for (key, value) in defaults.as_object().into_iter().flatten() {
        if options.get(key).is_none() {
            options[key] = value.clone();
        }
    }
    fields
}

fn fill(monitor: &mut Value, fields: Map<String, Value>, query: Option<&MonitorQuery>) {
    for (key, value) in fields {
        monitor[key] = value;
    }
    if monitor["tags"].is_null() {
        monitor["tags"] = json!([]);
    }
    monitor["multi"] = json!(query.is_some_and(|query| !query.group_by().is_empty()));
    // `metric alert` and `query alert` are one; which of them Datadog answers depends on the query.
    let computed =
        query.and_then(MonitorQuery::expr).is_some_and(|expr| expr.has_arithmetic() || !expr.functions().is_empty());
    if computed && monitor["type"] == "metric alert" {
        monitor["type"] = json!("query alert");
    }
}

pub(super) fn update(asked: &Asked<'_>) -> Reply {
    let sent = asked.object()?;
    let mut objects = asked.shared.objects();
    let now = asked.shared.options.clock.now();
    let monitor = objects.get(KIND, &asked.id).ok_or_else(unknown)?;
    let mut changed = monitor.clone();
    if let Some(wanted) = sent.get("type")
        && check::family(wanted) != check::family(&changed["type"])
    {
        return Err(Refused::bad("Monitor type cannot be changed"));
    }
    // What is not sent stays; what is sent empty goes.
    let mut fields: Map<String, Value> = FIELDS.iter().map(|key| ((*key).to_owned(), changed[*key].clone())).collect();
    fields.extend(sent);
    let fields = kept(fields);
    let query = check::check(&fields, &objects)?;
    for key in ["priority", "restricted_roles"] {
        changed[key] = Value::Null;
    }
    changed["tags"] = Value::Null;
    fill(&mut changed, with_defaults(fields, query.as_ref()), query.as_ref());
    objects.touch(KIND, &mut changed, now);
    objects.put(KIND, &asked.id, changed);
    objects.count(KIND, Write::Update);
    Ok(ok(shown(asked, &mut objects, &asked.id, false).unwrap_or_default()))
}

pub(super) fn validate(asked: &Asked<'_>) -> Reply {
    check::check(&kept(asked.object()?), &asked.shared.objects())?;
    Ok(ok(json!({})))
}

pub(super) fn delete(asked: &Asked<'_>) -> Reply {
    let mut objects = asked.shared.objects();
    let monitor = objects.get(KIND, &asked.id).ok_or_else(unknown)?;
    let (number, by) = (monitor["id"].clone(), uses(&objects, &asked.id));
    if asked.word("force") != Some("true") && !by.is_empty() {
        return Err(Refused::bad(by.join("; ")));
    }
    objects.take(KIND, &asked.id);
    objects.count(KIND, Write::Delete);
    Ok(ok(json!({"deleted_monitor_id": number})))
}

pub(super) fn can_delete(asked: &Asked<'_>) -> Reply {
    let objects = asked.shared.objects();
    let (mut free, mut used) = (Vec::new(), Map::new());
    for id in asked.words("monitor_ids") {
        let monitor = objects.get(KIND, id).ok_or_else(unknown)?;
        let by = uses(&objects, id);
        if by.is_empty() {
            free.push(monitor["id"].clone());
        } else {
            used.insert(id.to_owned(), json!(by));
        }
    }
    Ok(deletable(&free, &used))
}

/// What needs a monitor.
fn uses(objects: &Objects, id: &str) -> Vec<String> {
    // The type goes first: few queries are worth reading.
    let combines = |monitor: &Value| {
        monitor["type"] == "composite"
            && matches!(query_of(monitor), Some(MonitorQuery::Composite(parts)) if parts.monitors().contains(&id))
    };
    let composites = objects.all(KIND).filter(|(_, monitor)| combines(monitor));
    let composites = composites.map(|(by, _)| format!("monitor [{id}] is referenced in composite monitors: [{by}]"));
    let number = id.parse().ok();
    let slos = objects.all(ObjectKind::Slo);
    let slos =
        slos.filter(|(_, slo)| slo["monitor_ids"].as_array().into_iter().flatten().any(|used| used.as_i64() == number));
    composites.chain(slos.map(|(by, _)| format!("monitor [{id}] is referenced in slos: [{by}]"))).collect()
}

/// The query of a monitor; none when it is in no language of ours.
pub(super) fn query_of(monitor: &Value) -> Option<MonitorQuery> {
    query::parse_monitor(monitor["query"].as_str()?).ok()
}
