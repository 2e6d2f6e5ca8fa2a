//! A little Datadog, pure: it keeps objects, with the habits of the real one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::provision::compare::resolved;
use crate::provision::object::{Identity, Kind, Live, World};
use crate::provision::plan::{Action, Plan, fingerprint};

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Server {
    pub(super) objects: BTreeMap<(Kind, String), Value>,
    made: u64,
}

impl Server {
    pub(super) fn world(&self) -> World {
        let objects = self.objects.iter().filter_map(|((kind, _), body)| Live::new(*kind, body.clone())).collect();
        World::of(objects)
    }

    /// What a person sees of objects that carry a mark; the others stay unseen, as in the real list.
    pub(super) fn create(&mut self, kind: Kind, body: &Value) -> String {
        self.made += 1;
        // Ids of dashboards and SLOs are in no order.
        let id = match kind {
            Kind::Monitor => json!(1000 + self.made),
            _ => json!(format!("{:x}-{}", self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15), self.made)),
        };
        self.put(kind, id, body)
    }

    pub(super) fn put(&mut self, kind: Kind, id: Value, body: &Value) -> String {
        let key = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        let mut body = self.stored(kind, body);
        body.insert("id".to_owned(), id);
        self.objects.insert((kind, key.clone()), Value::Object(body));
        key
    }

    /// Carries out a plan, as long as nothing has changed since.
    pub(super) fn apply(&mut self, plan: &Plan) {
        for step in &plan.steps {
            let id = step.action.id().map(|id| (step.kind, id.to_owned()));
            let old = id.as_ref().map(|key| self.objects[key].clone());
            let was = old.as_ref().and_then(|body| Live::new(step.kind, body.clone())).map(|live| fingerprint(&live));
            assert_eq!(was, step.was, "{step:?}");
            match &step.action {
                Action::Create { body } => {
                    let body = self.settled(step.kind, body);
                    self.create(step.kind, &body);
                }
                Action::Update { body, .. } => {
                    let body = self.settled(step.kind, body);
                    self.put(step.kind, old.map(|old| old["id"].clone()).unwrap_or_default(), &body);
                }
                Action::Recreate { body, .. } => {
                    self.objects.remove(&id.unwrap_or((step.kind, String::new())));
                    let body = self.settled(step.kind, body);
                    self.create(step.kind, &body);
                }
                Action::Delete { .. } => {
                    self.objects.remove(&id.unwrap_or((step.kind, String::new())));
                }
                Action::Blocked { .. } => {}
            }
        }
    }

    /// Every reference has to be known by now: that is what the order of steps is for.
    fn settled(&self, kind: Kind, body: &Value) -> Value {
        let world = self.world();
        let id = |kind: Kind, identity: &Identity| {
            let is_it = |live: &&Live| live.kind == kind && live.mark.as_ref().is_some_and(|m| m.identity == *identity);
            world.objects.iter().find(is_it).map(|live| live.id.clone())
        };
        let (body, open) = resolved(kind, body, &id);
        assert!(!open, "an open reference in {body}");
        body
    }

    fn stored(&mut self, kind: Kind, body: &Value) -> Map<String, Value> {
        let mut body = self.habits("", body);
        let fields = body.as_object_mut().map(std::mem::take).unwrap_or_default();
        let mut body = fields;
        body.insert("modified".to_owned(), json!(format!("2026-01-01T00:00:{:02}+00:00", self.made % 60)));
        match kind {
            Kind::Monitor => of_monitor(&mut body),
            Kind::Slo => of_slo(&mut body),
            Kind::Dashboard => {
                body.insert("url".to_owned(), json!("/dashboard/x"));
                body.insert("author_handle".to_owned(), json!("somebody"));
            }
        }
        body
    }

    /// What happens to every value: what is empty is dropped, sets are reordered, widgets get ids and defaults.
    fn habits(&mut self, key: &str, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut fields: Map<String, Value> =
                    fields.iter().map(|(key, value)| (key.clone(), self.habits(key, value))).collect();
                // One whose default is true says so when it is false.
                let empty = [json!(null), json!(false), json!(""), json!([])];
                fields.retain(|key, value| key == "include_tags" || !empty.contains(value));
                self.of_fields(key, &mut fields);
                Value::Object(fields)
            }
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.habits(key, item)).collect();
                if matches!(key, "tags" | "conditional_formats" | "monitor_ids") {
                    items.sort_by_key(|item| item.to_string().bytes().rev().collect::<Vec<u8>>());
                }
                Value::Array(items)
            }
            Value::String(text) => json!(text.trim()),
            Value::Number(number) if key == "critical" => json!(number.as_f64()),
            other => other.clone(),
        }
    }

    fn of_fields(&mut self, list: &str, fields: &mut Map<String, Value>) {
        if list == "widgets" {
            self.made += 1;
            fields.entry("id").or_insert(json!(1_000_000_000 + self.made));
            fields.entry("layout").or_insert(json!({"x": 0, "y": 0, "width": 4, "height": 2}));
        }
        if list == "definition" {
            fields.entry("title_size").or_insert(json!("16"));
            fields.entry("legend_layout").or_insert(json!("auto"));
        }
        if list == "template_variables" {
            let default = fields.remove("default").unwrap_or(json!("*"));
            fields.entry("defaults").or_insert(json!([default]));
        }
    }
}

fn of_monitor(body: &mut Map<String, Value>) {
    for (key, value) in [("overall_state", json!("OK")), ("creator", json!({"handle": "me"})), ("multi", json!(true))] {
        body.insert(key.to_owned(), value);
    }
    if let Some(kind) = body.get_mut("type") {
        *kind = match kind.as_str() {
            Some("metric alert") => json!("query alert"),
            Some("query alert") => json!("metric alert"),
            _ => kind.clone(),
        };
    }
    if let Some(options) = body.entry("options").or_insert(json!({})).as_object_mut() {
        options.entry("include_tags").or_insert(json!(true));
        let grouped = options.contains_key("new_group_delay");
        if grouped || options.get("new_host_delay") == Some(&json!(300)) {
            options.remove("new_host_delay");
        } else {
            options.entry("new_host_delay").or_insert(json!(300));
        }
    }
}

fn of_slo(body: &mut Map<String, Value>) {
    body.insert("created_at".to_owned(), json!(1_700_000_000));
    if let Some(tags) = body.get_mut("tags").and_then(Value::as_array_mut) {
        for tag in tags {
            *tag = json!(tag.as_str().unwrap_or_default().to_lowercase());
        }
    }
    if let Some(thresholds) = body.get_mut("thresholds").and_then(Value::as_array_mut) {
        for threshold in thresholds.iter_mut() {
            threshold["target_display"] = json!(format!("{}.", threshold["target"]));
        }
        thresholds.sort_by_key(|threshold| threshold["timeframe"].to_string());
    }
    body.insert("timeframe".to_owned(), json!("7d"));
}
