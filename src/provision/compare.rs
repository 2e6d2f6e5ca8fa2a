//! What differs between a body that should be and the one that Datadog has.
//!
//! Only what the template sets is compared, since Datadog adds defaults of its own, and people add what they need. Null,
//! `false`, `""`, `[]` and nothing are the same, since it drops them; numbers are compared by value, texts without the
//! blanks around them. The tables of its other habits are in `rules`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::provision::object::{Kind, resolves_to};
use crate::provision::plan::FieldChange;

mod addition;
mod align;
mod body;
mod place;
mod rules;
#[cfg(test)]
mod tests;

pub use addition::{carry, extras, extras_of_same};
pub use body::{Ids, cleaned, resolved, written};
use place::Place;
pub use rules::SERVERS;

/// Where differences go; `None` when it is enough to know that there is one.
type Found<'a> = Option<&'a mut Vec<FieldChange>>;

/// Every difference, with the place, what is there and what should be. `live` may carry a mark.
///
/// An item of a list that should not be there is named by its index in `live`, every other one by that in `desired`.
#[must_use]
pub fn differences(kind: Kind, desired: &Value, live: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    differ(&Place::top(kind), desired, live, &mut Some(&mut found));
    found
}

/// Whether nothing differs, with ids in place of the references in `desired`. Nothing is copied.
#[must_use]
pub fn is_same(kind: Kind, desired: &Value, live: &Value, ids: Ids<'_>) -> bool {
    same(&Place::with_ids(kind, ids), desired, live)
}

fn same(at: &Place<'_>, desired: &Value, live: &Value) -> bool {
    !differ(at, desired, live, &mut None)
}

fn differ(at: &Place<'_>, desired: &Value, live: &Value, found: &mut Found<'_>) -> bool {
    match (desired, live) {
        // Most of what nobody has changed comes back as it was written.
        _ if desired == live => false,
        (Value::Object(desired), Value::Object(live)) => fields_differ(at, desired, live, found),
        (Value::Object(desired), live) if rules::is_blank(live) => fields_differ(at, desired, &Map::new(), found),
        (Value::Array(desired), Value::Array(live)) => lists_differ(at, desired, live, found),
        (Value::Array(desired), live) if rules::is_blank(live) => {
            !rules::is_default(at, &Value::Array(desired.clone())) && lists_differ(at, desired, &[], found)
        }
        _ if same_value(at, desired, live) => false,
        _ => report(found, || at.to_string(), live, desired),
    }
}

fn report(found: &mut Found<'_>, path: impl FnOnce() -> String, old: &Value, new: &Value) -> bool {
    if let Some(found) = found {
        found.push(FieldChange { path: path(), old: old.clone(), new: new.clone() });
    }
    true
}

fn fields_differ(
    at: &Place<'_>,
    desired: &Map<String, Value>,
    live: &Map<String, Value>,
    found: &mut Found<'_>,
) -> bool {
    let mut any = false;
    for (key, value) in desired {
        let at = at.key(key);
        if !rules::is_servers(&at) && !rules::gives_way(&at, value, desired) {
            any |= differ(&at, value, &as_written(&at, value, live), found);
        }
        if any && found.is_none() {
            return true;
        }
    }
    any
}

/// What `live` has at that place, in the form in which a template writes it.
fn as_written<'a>(at: &Place<'_>, desired: &Value, live: &'a Map<String, Value>) -> Cow<'a, Value> {
    let there = |key: &str| live.get(key).filter(|value| !rules::is_blank(value));
    let name = at.name();
    if at.kind == Kind::Dashboard && at.is_field("description") {
        return Cow::Owned(rules::description(live));
    }
    if at.kind == Kind::Dashboard && at.is_in_item_of("template_variables") && matches!(name, "default" | "defaults") {
        let first = there("defaults").and_then(|list| list.as_array()?.first());
        let all = || Value::from("*");
        return match (desired, there("defaults")) {
            (Value::Array(_), Some(list)) => Cow::Borrowed(list),
            (Value::Array(_), None) => Cow::Owned(Value::Array(vec![there("default").cloned().unwrap_or_else(all)])),
            // One default is not the same as several that begin with it.
            (_, Some(list)) if list.as_array().is_some_and(|list| list.len() > 1) => Cow::Borrowed(list),
            _ => first.or(there("default")).map_or_else(|| Cow::Owned(all()), Cow::Borrowed),
        };
    }
    Cow::Borrowed(live.get(name).unwrap_or(&Value::Null))
}

fn lists_differ(at: &Place<'_>, desired: &[Value], live: &[Value], found: &mut Found<'_>) -> bool {
    if at.is_field("tags") {
        return tags_differ(at, desired, live, found);
    }
    let in_place = |(i, (desired, live)): (usize, (&Value, &Value))| same(&at.index(i), desired, live);
    if desired.len() == live.len() && desired.iter().zip(live).enumerate().all(in_place) {
        return false;
    }
    if found.is_none() && (desired.len() != live.len() || !rules::is_set(at)) {
        return true;
    }
    let aligned = align::align(at, desired, live);
    let mut any = false;
    for (i, (desired, pair)) in desired.iter().zip(&aligned).enumerate() {
        let at = at.index(i);
        any |= match pair {
            Some(j) => differ(&at, desired, &live[*j], found),
            None => report(found, || at.to_string(), &Value::Null, desired),
        };
    }
    for (j, live) in live.iter().enumerate().filter(|(j, _)| !aligned.contains(&Some(*j))) {
        any |= report(found, || at.index(j).to_string(), live, &Value::Null);
    }
    let kept: Vec<usize> = aligned.iter().flatten().copied().collect();
    if !rules::is_set(at) && !kept.is_sorted() {
        let new = kept.iter().map(|&j| align::label(&live[j])).collect();
        let mut before = kept;
        before.sort_unstable();
        let old = before.iter().map(|&j| align::label(&live[j])).collect();
        any |= report(found, || format!("{at} (order)"), &Value::Array(old), &Value::Array(new));
    }
    any
}

/// Tags of `desired` that are missing; further ones do no harm. Datadog writes those of an SLO in lower case.
fn tags_differ(at: &Place<'_>, desired: &[Value], live: &[Value], found: &mut Found<'_>) -> bool {
    let mut any = false;
    for tag in desired.iter().filter(|tag| !live.iter().any(|live| same_tag(at.kind, tag, live))) {
        any |= report(found, || at.to_string(), &Value::Null, tag);
    }
    any
}

fn same_tag(kind: Kind, one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) if kind == Kind::Slo => one.to_lowercase() == other.to_lowercase(),
        _ => one == other,
    }
}

fn same_value(at: &Place<'_>, desired: &Value, live: &Value) -> bool {
    let equal = match (desired, live) {
        (Value::Number(desired), Value::Number(live)) => desired == live || desired.as_f64() == live.as_f64(),
        (Value::String(desired), Value::String(live)) => {
            let (desired, live) = (desired.trim(), live.trim());
            desired == live
                || at.kind == Kind::Monitor && at.is_field("type") && one_type(desired) == one_type(live)
                || body::refers(desired) && at.ids().is_some_and(|ids| resolves_to(desired, live, ids))
        }
        // A reference is a text, also where Datadog has a number.
        (Value::String(desired), Value::Number(live)) if at.is_item_of("monitor_ids") => {
            let live = live.to_string();
            *desired == live || at.ids().is_some_and(|ids| resolves_to(desired, &live, ids))
        }
        _ => desired == live,
    };
    equal
        || rules::is_blank(desired) && rules::is_blank(live)
        || rules::is_blank(live) && rules::is_default(at, desired)
        || rules::is_blank(desired) && !desired.is_boolean() && rules::is_default(at, live)
}

/// A `metric alert` and a `query alert` are one type, whatever it was called when it was written.
fn one_type(name: &str) -> &str {
    if name == "metric alert" { "query alert" } else { name }
}

/// What Datadog cannot change in an object once it is made, when `desired` wants it otherwise.
#[must_use]
pub fn frozen(kind: Kind, desired: &Value, live: &Value) -> Option<String> {
    let key = if kind == Kind::Dashboard { "layout_type" } else { "type" };
    let word = |body: &'_ Value| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let (new, old) = word(desired).zip(word(live))?;
    (one_type(&new) != one_type(&old)).then(|| format!("datadog cannot change {key} from {old:?} to {new:?}"))
}
