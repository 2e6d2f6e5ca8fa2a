//! A body as it may be written: without what Datadog alone sets.

use std::borrow::Cow;

use serde_json::Value;

use super::place::Place;
use super::rules;
use crate::provision::object::{Identity, Kind, resolve};

/// `body` without what Datadog sets itself, ids of widgets included.
#[must_use]
pub fn cleaned(kind: Kind, body: &Value) -> Value {
    clean(&Place::top(kind), body)
}

fn clean(at: &Place<'_>, value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let written = fields.iter().filter(|(key, value)| {
                let at = at.key(key);
                !rules::is_servers(&at) && !rules::gives_way(&at, value, fields)
            });
            Value::Object(written.map(|(key, value)| (key.clone(), clean(&at.key(key), value))).collect())
        }
        Value::Array(items) => {
            let items = items.iter().enumerate().map(|(i, item)| clean(&at.index(i), item));
            Value::Array(items.collect())
        }
        other => other.clone(),
    }
}

/// `body` with the ids that are known in place of references, and whether any reference is left. The ids of an SLO's
/// monitors become numbers, as Datadog wants them.
#[must_use]
pub fn resolved<'a>(
    kind: Kind,
    body: &'a Value,
    id: &dyn Fn(Kind, &Identity) -> Option<String>,
) -> (Cow<'a, Value>, bool) {
    if !refers(body) {
        return (Cow::Borrowed(body), false);
    }
    let (mut body, open) = resolve(body, id);
    if let (Kind::Slo, Some(ids)) = (kind, body.get_mut("monitor_ids").and_then(Value::as_array_mut)) {
        for id in ids {
            if let Some(number) = id.as_str().and_then(|text| text.parse::<u64>().ok()) {
                *id = number.into();
            }
        }
    }
    (Cow::Owned(body), open)
}

fn refers(body: &Value) -> bool {
    match body {
        Value::String(text) => text.contains("<ref:"),
        Value::Array(items) => items.iter().any(refers),
        Value::Object(fields) => fields.values().any(refers),
        _ => false,
    }
}
