//! Service level objectives. <https://docs.datadoghq.com/api/latest/service-level-objectives/>

use axum::{Json, http::StatusCode, response::IntoResponse};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    super::received::Received,
    Asked, Refused, Reply, deletable, habits, monitors,
    objects::{ObjectKind, Objects, Write},
    ok,
    query::Sources,
};
use crate::query::{self, MonitorQuery, Selector};

const KIND: ObjectKind = ObjectKind::Slo;
/// What a caller may set.
const FIELDS: [&str; 13] = [
    "description",
    "groups",
    "monitor_ids",
    "monitor_tags",
    "name",
    "query",
    "sli_specification",
    "tags",
    "target_threshold",
    "thresholds",
    "timeframe",
    "type",
    "warning_threshold",
];
/// SLOs a page.
const PAGE: usize = 1_000;
/// Seconds of a point that is summed up.
const MINUTE: i64 = 60;

fn unknown() -> Refused {
    Refused::not_found("SLO not found")
}

pub(super) fn list(asked: &Asked<'_>) -> Reply {
    let (limit, offset) = (asked.number("limit")?.unwrap_or(PAGE), asked.number("offset")?.unwrap_or(0));
    let (ids, tags) = (asked.words("ids"), asked.words("tags_query"));
    let name = asked.word("query").unwrap_or_default().to_lowercase();
    let mut objects = asked.shared.objects();
    let wanted = |(id, slo): &(&String, &Value)| {
        (ids.is_empty() || ids.contains(&id.as_str()))
            && monitors::has_all(&slo["tags"], &tags)
            && slo["name"].as_str().is_some_and(|text| text.to_lowercase().contains(&name))
    };
    let total = objects.all(KIND).count();
    let found: Vec<Value> = objects.all(KIND).filter(wanted).map(|(_, slo)| slo.clone()).collect();
    let counts = json!({"total_count": total, "total_filtered_count": found.len()});
    let page: Vec<Value> = found.into_iter().skip(offset).take(limit).map(|slo| objects.show(slo)).collect();
    Ok(ok(json!({"data": page, "errors": [], "metadata": {"page": counts}})))
}

pub(super) fn get(asked: &Asked<'_>) -> Reply {
    let mut objects = asked.shared.objects();
    let slo = objects.get(KIND, &asked.id).cloned().ok_or_else(unknown)?;
    Ok(ok(json!({"data": objects.show(slo), "errors": []})))
}

/// The answer of a write: a list of one.
fn written(objects: &mut Objects, id: &str, write: Write) -> Reply {
    objects.count(KIND, write);
    let slo = objects.get(KIND, id).cloned().ok_or_else(unknown)?;
    Ok(ok(json!({"data": [objects.show(slo)], "errors": []})))
}

pub(super) fn create(asked: &Asked<'_>) -> Reply {
    let sent = asked.object()?;
    let mut objects = asked.shared.objects();
    let id = make(&mut objects, sent, asked.shared.options.clock.now())?;
    written(&mut objects, &id, Write::Create)
}

/// Keeps a new SLO and tells its id.
pub(super) fn make(objects: &mut Objects, sent: Map<String, Value>, now: DateTime<Utc>) -> Result<String, Refused> {
    let fields = kept(sent);
    check(&fields, objects)?;
    let id = objects.new_id(KIND);
    let mut slo = objects.birth(KIND, now);
    slo["id"] = json!(id);
    fill(&mut slo, fields);
    objects.put(KIND, &id, slo);
    Ok(id)
}

fn kept(sent: Map<String, Value>) -> Map<String, Value> {
    let ours = sent.into_iter().filter(|(key, _)| FIELDS.contains(&key.as_str()));
    habits::lean_fields(ours.collect())
}

fn check(fields: &Map<String, Value>, objects: &Objects) -> Result<(), Refused> {
    let bad = |why: &str| Refused::bad(format!("Invalid payload: {why}"));
    fields.get("name").and_then(Value::as_str).ok_or_else(|| bad("name is required"))?;
    let thresholds = fields.get("thresholds").and_then(Value::as_array);
    let good = |threshold: &Value| {
        let target = threshold["target"].as_f64();
        let frames = ["7d", "30d", "90d", "custom"];
        target.is_some_and(|target| target > 0.0 && target < 100.0)
            && threshold["timeframe"].as_str().is_some_and(|frame| frames.contains(&frame))
            && threshold["warning"].as_f64().is_none_or(|warning| target.is_some_and(|target| warning > target))
    };
    if !thresholds.is_some_and(|thresholds| thresholds.iter().all(good)) {
        return Err(bad("thresholds need a timeframe, a target between 0 and 100, and warnings above it"));
    }
    match fields.get("type").and_then(Value::as_str) {
        Some("metric") => {
            for part in ["numerator", "denominator"] {
                let text = fields.get("query").and_then(|query| query[part].as_str());
                let text = text.ok_or_else(|| bad(&format!("query.{part} is required")))?;
                let expr = query::parse(text).map_err(|why| bad(&format!("query.{part}: {why}")))?;
                if !expr.selectors().into_iter().all(Selector::is_count) {
                    return Err(bad(&format!("query.{part} must use .as_count()")));
                }
            }
            Ok(())
        }
        Some("monitor") => {
            let ids = fields.get("monitor_ids").and_then(Value::as_array);
            let known = |id: &Value| objects.get(ObjectKind::Monitor, &id.to_string()).is_some();
            let good = ids.is_some_and(|ids| ids.iter().all(known));
            if good { Ok(()) } else { Err(bad("monitor_ids must name monitors")) }
        }
        Some("time_slice") if fields.contains_key("sli_specification") => Ok(()),
        _ => Err(bad("type must be metric, monitor, or time_slice with its sli_specification")),
    }
}

/// Puts what was sent, and what the server makes of it, in the place of what was there.
fn fill(slo: &mut Value, mut fields: Map<String, Value>) {
    for key in FIELDS {
        match fields.remove(key) {
            Some(value) => slo[key] = value,
            None if ["tags", "monitor_tags"].contains(&key) => slo[key] = json!([]),
            None => {
                slo.as_object_mut().and_then(|slo| slo.remove(key));
            }
        }
    }
    for tag in slo["tags"].as_array_mut().into_iter().flatten() {
        *tag = json!(tag.as_str().unwrap_or_default().to_lowercase());
    }
    for threshold in slo["thresholds"].as_array_mut().into_iter().flatten() {
        for (number, display) in [("target", "target_display"), ("warning", "warning_display")] {
            if let Some(number) = threshold[number].as_f64() {
                threshold[display] = json!(format!("{number:?}"));
            }
        }
    }
    let first = slo["thresholds"][0].clone();
    for (key, of_first) in
        [("timeframe", "timeframe"), ("target_threshold", "target"), ("warning_threshold", "warning")]
    {
        if slo.get(key).is_none() && !first[of_first].is_null() {
            slo[key] = first[of_first].clone();
        }
    }
}

pub(super) fn update(asked: &Asked<'_>) -> Reply {
    let fields = kept(asked.object()?);
    let mut objects = asked.shared.objects();
    let mut changed = objects.get(KIND, &asked.id).cloned().ok_or_else(unknown)?;
    check(&fields, &objects)?;
    if fields.get("type") != Some(&changed["type"]) {
        return Err(Refused::bad("Invalid payload: type cannot be changed"));
    }
    fill(&mut changed, fields);
    objects.touch(KIND, &mut changed, asked.shared.options.clock.now());
    objects.put(KIND, &asked.id, changed);
    written(&mut objects, &asked.id, Write::Update)
}

pub(super) fn delete(asked: &Asked<'_>) -> Reply {
    let mut objects = asked.shared.objects();
    objects.get(KIND, &asked.id).ok_or_else(unknown)?;
    if let (Some(by), false) = (uses(&objects, &asked.id), asked.word("force") == Some("true")) {
        let body = json!({"data": [], "errors": {asked.id.clone(): by}});
        return Ok((StatusCode::CONFLICT, Json(body)).into_response());
    }
    objects.take(KIND, &asked.id);
    objects.count(KIND, Write::Delete);
    Ok(ok(json!({"data": [asked.id], "errors": {}})))
}

pub(super) fn can_delete(asked: &Asked<'_>) -> Reply {
    let objects = asked.shared.objects();
    let (mut free, mut used) = (Vec::new(), Map::new());
    for id in asked.words("ids") {
        objects.get(KIND, id).ok_or_else(unknown)?;
        match uses(&objects, id) {
            None => free.push(json!(id)),
            Some(by) => {
                used.insert(id.to_owned(), json!(by));
            }
        }
    }
    Ok(deletable(&free, &used))
}

/// What needs an SLO, in words.
fn uses(objects: &Objects, id: &str) -> Option<String> {
    let reads = |query| match query {
        MonitorQuery::ErrorBudget { slo, .. } | MonitorQuery::BurnRate { slo, .. } => slo == id,
        _ => false,
    };
    let alert = |monitor: &Value| monitor["type"] == "slo alert" && monitors::query_of(monitor).is_some_and(reads);
    let alerts = objects.all(ObjectKind::Monitor).filter(|(_, monitor)| alert(monitor));
    let alerts = alerts.map(|(by, _)| format!("monitor {by}"));
    let dashboards = objects.all(ObjectKind::Dashboard).filter(|(_, dashboard)| shows(&dashboard["widgets"], id));
    let all: Vec<String> = alerts.chain(dashboards.map(|(by, _)| format!("dashboard {by}"))).collect();
    (!all.is_empty()).then(|| format!("SLO {id} is used by {}", all.join(", ")))
}

/// Is there a widget of this SLO?
fn shows(value: &Value, id: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| shows(item, id)),
        Value::Object(fields) => {
            fields.get("slo_id").is_some_and(|slo| slo == id) || fields.values().any(|value| shows(value, id))
        }
        _ => false,
    }
}

/// The part of an SLO's events between two instants that were bad, 0 to 1; none without events, and for an SLO that
/// counts none.
pub(super) fn bad_part(slo: &Value, received: &Received, from: i64, to: i64) -> Option<f64> {
    let sum = |part: &str| {
        let expr = query::parse(slo["query"][part].as_str()?).ok()?;
        let sources = Sources::of(&expr, received);
        let groups = query::evaluate(&expr, &|metric| sources.stored(metric), from + 1, to, MINUTE).ok()?;
        Some(groups.iter().flat_map(|group| &group.points).map(|(_, value)| value).sum::<f64>())
    };
    let (good, all) = (sum("numerator")?, sum("denominator")?);
    (all > 0.0).then(|| (1.0 - good / all).max(0.0))
}

/// The part of an SLO's events that may be bad, by its target over so many days.
pub(super) fn budget(slo: &Value, days: u32) -> Option<f64> {
    let thresholds = slo["thresholds"].as_array()?;
    let of_days = thresholds.iter().find(|threshold| threshold["timeframe"] == format!("{days}d"));
    Some(1.0 - of_days.or(thresholds.first())?["target"].as_f64()? / 100.0)
}
