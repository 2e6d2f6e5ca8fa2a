//! What the real server does to an object that it keeps: what it leaves out, and what it puts in another order.

use serde_json::{Map, Value};

use super::super::dice;

/// Switches that are on when they are absent, so that `false` has to be kept.
const ON_WITHOUT: [&str; 8] = [
    "has_background",
    "has_border",
    "has_padding",
    "include_tags",
    "include_zero",
    "require_full_window",
    "show_tick",
    "show_title",
];

/// Lists that come back in any order.
const UNORDERED: [&str; 2] = ["conditional_formats", "tags"];

/// Without the fields that say nothing: null, false, and what is empty. Items of lists stay.
pub(super) fn lean(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(lean_fields(fields)),
        Value::Array(items) => items.into_iter().map(lean).collect(),
        other => other,
    }
}

/// [`lean`], for the fields of an object.
pub(super) fn lean_fields(fields: Map<String, Value>) -> Map<String, Value> {
    let fields = fields.into_iter().map(|(key, value)| (key, lean(value)));
    fields.filter(|(key, value)| says_something(key, value)).collect()
}

fn says_something(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on || ON_WITHOUT.contains(&key),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Number(_) => true,
    }
}

/// The order that an answer comes in.
#[derive(Debug)]
pub(super) struct Disorder {
    seed: u64,
    draws: i64,
}

impl Disorder {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, draws: 0 }
    }

    /// Shuffles what has no order, in place.
    pub(super) fn stir(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.stir(item)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value {
                        Value::Array(items) if UNORDERED.contains(&key.as_str()) => self.shuffle(items),
                        value => self.stir(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn shuffle(&mut self, items: &mut [Value]) {
        for last in (1..items.len()).rev() {
            self.draws += 1;
            let bound = last as u64 + 1;
            let other = dice::roll(self.seed, &["order"], self.draws) % bound;
            items.swap(last, usize::try_from(other).unwrap_or(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_says_nothing_is_left_out_everywhere_but_in_lists() {
        let sent = json!({
            "a": null, "b": false, "c": "", "d": [], "e": {"f": null}, "g": 0, "h": [null, "", {"i": ""}],
            "include_tags": false, "notify_audit": false, "j": {"k": true},
        });
        let kept = json!({"g": 0, "h": [null, "", {}], "include_tags": false, "j": {"k": true}});
        assert_eq!(lean(sent), kept);
    }

    #[test]
    fn only_what_has_no_order_loses_it() {
        let numbers: Vec<Value> = (0..9).map(Value::from).collect();
        let mut value = json!({"tags": numbers, "widgets": [{"conditional_formats": numbers, "requests": numbers}]});
        let before = value.clone();
        Disorder::new(1).stir(&mut value);
        assert_ne!(value["tags"], before["tags"]);
        assert_ne!(value["widgets"][0]["conditional_formats"], before["tags"]);
        assert_eq!(value["widgets"][0]["requests"], before["tags"]);
        let mut again = before.clone();
        Disorder::new(1).stir(&mut again);
        assert_eq!(again, value, "the seed decides");
        let sorted = |items: &Value| {
            let mut items: Vec<_> = items.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
            items.sort_unstable();
            items
        };
        assert_eq!(sorted(&value["tags"]), sorted(&before["tags"]));
    }
}
