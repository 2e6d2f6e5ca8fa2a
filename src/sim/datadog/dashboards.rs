//! Dashboards. <https://docs.datadoghq.com/api/latest/dashboards/>

use axum::{http::StatusCode, response::IntoResponse};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Asked, Refused, Reply, habits,
    objects::{ObjectKind, Objects, Write},
    ok,
};

const KIND: ObjectKind = ObjectKind::Dashboard;
/// What a caller may set.
const FIELDS: [&str; 10] = [
    "description",
    "layout_type",
    "notify_list",
    "reflow_type",
    "restricted_roles",
    "tags",
    "template_variable_presets",
    "template_variables",
    "title",
    "widgets",
];
/// What the list tells of each.
const LISTED: [&str; 9] =
    ["author_handle", "created_at", "description", "id", "is_read_only", "layout_type", "modified_at", "title", "url"];
/// Dashboards a page.
const PAGE: usize = 100;
const MOST_TAGS: usize = 5;

fn unknown(id: &str) -> Refused {
    Refused::not_found(&format!("Dashboard with ID {id} not found"))
}

pub(super) fn list(asked: &Asked<'_>) -> Reply {
    let (start, count) = (asked.number("start")?.unwrap_or(0), asked.number("count")?.unwrap_or(PAGE));
    let objects = asked.shared.objects();
    let deleted = asked.word("filter[deleted]") == Some("true");
    let listed: Vec<&Value> = if deleted {
        objects.deleted.values().collect()
    } else {
        objects.all(KIND).map(|(_, dashboard)| dashboard).collect()
    };
    let summary = |dashboard: &&Value| -> Value {
        let field = |key: &&str| ((*key).to_owned(), dashboard[*key].clone());
        Value::Object(LISTED.iter().map(field).collect())
    };
    let page: Vec<Value> = listed.iter().skip(start).take(count).map(summary).collect();
    Ok(ok(json!({"dashboards": page})))
}

pub(super) fn get(asked: &Asked<'_>) -> Reply {
    show(&mut asked.shared.objects(), &asked.id)
}

fn show(objects: &mut Objects, id: &str) -> Reply {
    let dashboard = objects.get(KIND, id).cloned().ok_or_else(|| unknown(id))?;
    Ok(ok(objects.show(dashboard)))
}

pub(super) fn create(asked: &Asked<'_>) -> Reply {
    let sent = asked.object()?;
    let mut objects = asked.shared.objects();
    let id = make(&mut objects, sent, asked.shared.options.clock.now())?;
    objects.count(KIND, Write::Create);
    show(&mut objects, &id)
}

/// Keeps a new dashboard and tells its id.
pub(super) fn make(objects: &mut Objects, sent: Map<String, Value>, now: DateTime<Utc>) -> Result<String, Refused> {
    check(&sent)?;
    let id = objects.new_id(KIND);
    let mut dashboard = objects.birth(KIND, now);
    dashboard["id"] = json!(id);
    fill(objects, &mut dashboard, sent);
    objects.put(KIND, &id, dashboard);
    Ok(id)
}

fn check(sent: &Map<String, Value>) -> Result<(), Refused> {
    let text = |key: &str| sent.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("title").ok_or_else(|| Refused::bad("title is a required property"))?;
    if !matches!(text("layout_type"), Some("ordered" | "free")) {
        return Err(Refused::bad("layout_type must be ordered or free"));
    }
    let widgets = sent.get("widgets").and_then(Value::as_array);
    check_widgets(widgets.ok_or_else(|| Refused::bad("widgets is a required property"))?)?;
    let tags = sent.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let teams = tags.iter().all(|tag| tag.as_str().is_some_and(|tag| tag.starts_with("team:")));
    if tags.len() > MOST_TAGS || !teams {
        return Err(Refused::bad(format!("tags must be at most {MOST_TAGS}, each team:<handle>")));
    }
    Ok(())
}

fn check_widgets(widgets: &[Value]) -> Result<(), Refused> {
    for widget in widgets {
        if !widget["definition"]["type"].is_string() {
            return Err(Refused::bad("definition.type is a required property of a widget"));
        }
        if let Some(inner) = widget["definition"]["widgets"].as_array() {
            check_widgets(inner)?;
        }
    }
    Ok(())
}

/// Puts what was sent, and what the server makes of it, in the place of what was there.
fn fill(objects: &mut Objects, dashboard: &mut Value, sent: Map<String, Value>) {
    let ours = sent.into_iter().filter(|(key, _)| FIELDS.contains(&key.as_str()));
    let mut kept = habits::lean_fields(ours.collect());
    for key in FIELDS {
        dashboard[key] = kept.remove(key).unwrap_or_else(|| match key {
            "template_variables" | "widgets" | "restricted_roles" => json!([]),
            _ => Value::Null,
        });
    }
    // `default` is the old name of the first of `defaults`.
    for variable in dashboard["template_variables"].as_array_mut().into_iter().flatten() {
        if let (Some(default), None) = (variable.get("default").cloned(), variable.get("defaults")) {
            variable["defaults"] = json!([default]);
        }
    }
    number(objects, &mut dashboard["widgets"]);
    let title: String = dashboard["title"].as_str().unwrap_or_default().to_lowercase();
    let slug = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let id = dashboard["id"].as_str().unwrap_or_default();
    dashboard["url"] = json!(format!("/dashboard/{id}/{}", slug.collect::<Vec<_>>().join("-")));
}

/// Gives every widget that has none an id.
fn number(objects: &mut Objects, widgets: &mut Value) {
    for widget in widgets.as_array_mut().into_iter().flatten() {
        if !widget["id"].is_i64() {
            // JSON's numbers are exact up to 2^53.
            widget["id"] = json!(objects.roll("widget") >> 11);
        }
        if let Some(inner) = widget.pointer_mut("/definition/widgets") {
            number(objects, inner);
        }
    }
}

pub(super) fn update(asked: &Asked<'_>) -> Reply {
    let sent = asked.object()?;
    let mut objects = asked.shared.objects();
    let mut changed = objects.get(KIND, &asked.id).cloned().ok_or_else(|| unknown(&asked.id))?;
    check(&sent)?;
    if sent.get("layout_type") != Some(&changed["layout_type"]) {
        return Err(Refused::bad("layout_type of a dashboard cannot be changed"));
    }
    fill(&mut objects, &mut changed, sent);
    objects.touch(KIND, &mut changed, asked.shared.options.clock.now());
    objects.put(KIND, &asked.id, changed);
    objects.count(KIND, Write::Update);
    show(&mut objects, &asked.id)
}

pub(super) fn delete(asked: &Asked<'_>) -> Reply {
    let mut objects = asked.shared.objects();
    objects.take(KIND, &asked.id).ok_or_else(|| unknown(&asked.id))?;
    objects.count(KIND, Write::Delete);
    Ok(ok(json!({"deleted_dashboard_id": asked.id})))
}

/// The body of both operations on many dashboards.
#[derive(Deserialize)]
struct Many {
    data: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    id: String,
    r#type: String,
}

fn many(asked: &Asked<'_>) -> Result<Vec<String>, Refused> {
    let many: Many = serde_json::from_slice(&asked.body).map_err(|why| Refused::bad(why.to_string()))?;
    if many.data.is_empty() || many.data.iter().any(|one| one.r#type != "dashboard") {
        return Err(Refused::bad("data must be a list of id and type, which is dashboard"));
    }
    Ok(many.data.into_iter().map(|one| one.id).collect())
}

pub(super) fn delete_all(asked: &Asked<'_>) -> Reply {
    let ids = many(asked)?;
    let mut objects = asked.shared.objects();
    if ids.iter().any(|id| objects.get(KIND, id).is_none()) {
        return Err(Refused::not_found("Dashboards Not Found"));
    }
    for id in ids {
        objects.take(KIND, &id);
        objects.count(KIND, Write::Delete);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) fn restore(asked: &Asked<'_>) -> Reply {
    let ids = many(asked)?;
    let mut objects = asked.shared.objects();
    if ids.iter().any(|id| !objects.deleted.contains_key(id)) {
        return Err(Refused::not_found("Dashboards Not Found"));
    }
    for id in ids {
        if let Some(dashboard) = objects.deleted.remove(&id) {
            objects.put(KIND, &id, dashboard);
            objects.count(KIND, Write::Restore);
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
