//! What a person added to an object of ours: told apart from differences, and kept when the object is written anew.

use serde_json::{Map, Value};

use super::place::Place;
use super::{align, rules, same_tag};
use crate::provision::object::Kind;

/// What a person added: settings that the template does not set and that are not Datadog's own, and tags. Each with its
/// place. A widget too many is a difference instead.
#[must_use]
pub fn extras(kind: Kind, desired: &Value, live: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    collect(&Place::top(kind), desired, live, false, &mut found);
    found
}

/// As [`extras`], for two bodies between which nothing differs: then what is where need not be looked for.
#[must_use]
pub fn extras_of_same(kind: Kind, desired: &Value, live: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    collect(&Place::top(kind), desired, live, true, &mut found);
    found
}

fn collect(at: &Place<'_>, desired: &Value, live: &Value, is_same: bool, found: &mut Vec<(String, Value)>) {
    match (desired, live) {
        // Most of what nobody has changed comes back as it was written.
        _ if desired == live => {}
        (Value::Object(desired), Value::Object(live)) => {
            for (key, value) in live {
                let at = at.key(key);
                match desired.get(key) {
                    Some(desired) => collect(&at, desired, value, is_same, found),
                    None => found.extend(addition(&at, value, desired, live).map(|value| (at.to_string(), value))),
                }
            }
        }
        (Value::Array(desired), Value::Array(live)) if at.is_field("tags") => {
            found.extend(added_tags(at.kind, desired, live).map(|tag| (at.to_string(), tag.clone())));
        }
        (Value::Array(desired), Value::Array(live)) if is_same && !rules::is_set(at) => {
            for (i, (desired, live)) in desired.iter().zip(live).enumerate() {
                collect(&at.index(i), desired, live, is_same, found);
            }
        }
        (Value::Array(desired), Value::Array(live)) if holds_fields(desired) => {
            for (i, j) in align::align(at, desired, live).into_iter().enumerate() {
                if let Some(j) = j {
                    collect(&at.index(i), &desired[i], &live[j], is_same, found);
                }
            }
        }
        _ => {}
    }
}

/// Puts into `body`, which is about to be written over `live`, what must outlive it: the ids of widgets, so that links to
/// them keep working, and what is for people alone to set. With `keep` also everything that [`extras`] finds; without it
/// only tags whose key `body` does not use. A mark on `live` is not carried.
pub fn carry(kind: Kind, body: &mut Value, live: &Value, keep: bool) {
    carry_at(&Place::top(kind), body, live, keep);
}

fn carry_at(at: &Place<'_>, body: &mut Value, live: &Value, keep: bool) {
    match (body, live) {
        (Value::Object(body), Value::Object(live)) => {
            for (key, value) in live {
                let at = at.key(key);
                if let Some(body) = body.get_mut(key) {
                    carry_at(&at, body, value, keep);
                } else if rules::is_widget_id(&at) || rules::is_personal(&at) && !rules::is_blank(value) {
                    body.insert(key.clone(), value.clone());
                } else if let Some(value) = addition(&at, value, body, live).filter(|_| keep || at.is_field("tags")) {
                    body.insert(key.clone(), value);
                }
            }
        }
        (Value::Array(body), Value::Array(live)) if at.is_field("tags") => {
            let stays = |tag: &&Value| keep || !body.iter().any(|other| tag_key(other) == tag_key(tag));
            let added: Vec<Value> = added_tags(at.kind, body, live).filter(stays).cloned().collect();
            body.extend(added);
        }
        (Value::Array(body), Value::Array(live)) if holds_fields(body) => {
            for (i, j) in align::align(at, body, live).into_iter().enumerate() {
                if let Some(j) = j {
                    carry_at(&at.index(i), &mut body[i], &live[j], keep);
                }
            }
        }
        _ => {}
    }
}

fn addition(at: &Place<'_>, value: &Value, beside: &Map<String, Value>, live: &Map<String, Value>) -> Option<Value> {
    if at.kind == Kind::Dashboard && at.is_field("description") {
        return Some(rules::description(live)).filter(|text| !rules::is_blank(text));
    }
    if at.is_field("tags") {
        let tags: Vec<Value> = added_tags(at.kind, &[], value.as_array()?).cloned().collect();
        return (!tags.is_empty()).then_some(Value::Array(tags));
    }
    rules::is_addition(at, value, beside).then(|| value.clone())
}

fn added_tags<'a>(kind: Kind, desired: &'a [Value], live: &'a [Value]) -> impl Iterator<Item = &'a Value> {
    let ours = move |live: &Value| desired.iter().any(|tag| same_tag(kind, tag, live));
    live.iter().filter(move |tag| !tag.as_str().is_some_and(rules::is_mark) && !ours(tag))
}

fn tag_key(tag: &Value) -> &str {
    tag.as_str().unwrap_or_default().split(':').next().unwrap_or_default()
}

fn holds_fields(items: &[Value]) -> bool {
    items.iter().any(|item| item.is_object() || item.is_array())
}
