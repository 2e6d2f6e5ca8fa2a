//! The text of a template as a tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Dashboards nest groups, widgets, requests and queries.
const MAX_DEPTH: usize = 64;
const MAX_NODES: usize = 200_000;

/// The tree, or the line where it ends to be one (0 when unknown) and why.
pub(super) fn parse(text: &str, json: bool) -> Result<Value, (u64, String)> {
    // JSON by its own parser: YAML knows no surrogate pairs, which exports are written with.
    let parsed = if json {
        serde_json::from_str::<Tree>(text).map_err(|error| (error.line() as u64, without_place(&error.to_string())))
    } else {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: MAX_NODES },
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES },
            duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
            strict_booleans: true,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options::<Tree>(text, options).map_err(|error| {
            let line = error.location().map_or(0, |at| at.line());
            let message = match error.without_snippet() {
                serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => twice(key),
                other => without_place(&other.to_string()),
            };
            (line, message)
        })
    };
    parsed.map(|Tree(value)| value)
}

/// Both parsers end their messages with a place, which is told apart.
fn without_place(message: &str) -> String {
    let end = message.find(" at line ").unwrap_or(message.len());
    message[..end].to_owned()
}

fn twice(key: &str) -> String {
    format!("the key `{key}` stands twice")
}

/// A value in which no key stands twice.
struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Self)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Tree(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(twice(&key)));
            }
            let Tree(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_and_json_give_the_same_tree() {
        let yaml = "a: 1\n\"2\": 1.5\n3: [x, no, true, null, 08]\ntext: |\n  {{#is_alert}} << x >>\n";
        let json = r#"{"a": 1, "2": 1.5, "3": ["x", "no", true, null, "08"], "text": "{{#is_alert}} << x >>\n"}"#;
        let expected = json!({"a": 1, "2": 1.5, "3": ["x", "no", true, null, "08"], "text": "{{#is_alert}} << x >>\n"});
        assert_eq!(parse(yaml, false).unwrap(), expected);
        assert_eq!(parse(json, true).unwrap(), expected);
        assert_eq!(parse(r#"{"a": "\ud83d\ude00\/"}"#, true).unwrap(), json!({"a": "😀/"}));
    }

    #[test]
    fn a_key_that_stands_twice_is_named_with_its_line() {
        assert_eq!(parse("a: 1\nb: {c: 1,\n  c: 2}", false).unwrap_err(), (3, "the key `c` stands twice".into()));
        assert_eq!(parse("{\"a\": 1,\n\"a\": 2}", true).unwrap_err(), (2, "the key `a` stands twice".into()));
    }

    #[test]
    fn what_is_broken_names_its_line_and_bombs_do_not_go_off() {
        assert_eq!(parse("a: [\n", false).unwrap_err().0, 1);
        assert_eq!(parse("{\"a\":\n!}", true).unwrap_err().0, 2);
        assert!(parse(&"- ".repeat(5_000), false).is_err());
        assert!(parse(&"[".repeat(5_000), true).is_err());
    }
}
