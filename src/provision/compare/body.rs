//! A body as it may be written: without what Datadog alone sets, and with ids in place of references.

use serde_json::Value;

use super::place::Place;
use super::rules;
use crate::provision::object::{Identity, Kind, resolve};

/// Which id an object has, when that is known.
pub type Ids<'a> = &'a dyn Fn(Kind, &Identity) -> Option<String>;

/// `body` without what Datadog sets itself, ids of widgets included.
#[must_use]
pub fn cleaned(kind: Kind, body: &Value) -> Value {
    written(kind, body, &|_, _| None).0
}

/// As [`cleaned`], and with the ids that are known in place of references. The second part says whether any is left.
#[must_use]
pub fn written(kind: Kind, body: &Value, ids: Ids<'_>) -> (Value, bool) {
    let mut open = false;
    let body = write(&Place::top(kind), body, ids, &mut open);
    (body, open)
}

fn write(at: &Place<'_>, value: &Value, ids: Ids<'_>, open: &mut bool) -> Value {
    match value {
        Value::Object(fields) => {
            let mut out = serde_json::Map::new();
            for (key, value) in fields {
                let at = at.key(key);
                if !rules::is_servers(&at) && !rules::gives_way(&at, value, fields) {
                    out.insert(key.clone(), write(&at, value, ids, open));
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => {
            let items = items.iter().enumerate().map(|(i, item)| write(&at.index(i), item, ids, open));
            Value::Array(items.collect())
        }
        Value::String(text) if refers(text) => {
            let (text, left) = resolve(value, ids);
            *open |= left;
            if at.is_item_of("monitor_ids") { as_number(text) } else { text }
        }
        other => other.clone(),
    }
}

/// A body that has been [`written`], with the ids that are known by now, and whether any reference is left.
#[must_use]
pub fn resolved(kind: Kind, body: &Value, ids: Ids<'_>) -> (Value, bool) {
    let (mut body, open) = resolve(body, ids);
    if let (Kind::Slo, Some(ids)) = (kind, body.get_mut("monitor_ids").and_then(Value::as_array_mut)) {
        for id in ids {
            *id = as_number(id.take());
        }
    }
    (body, open)
}

/// The ids of an SLO's monitors are numbers.
fn as_number(id: Value) -> Value {
    id.as_str().and_then(|text| text.parse::<u64>().ok()).map_or(id, Value::from)
}

pub(super) fn refers(text: &str) -> bool {
    text.contains("<ref:")
}
