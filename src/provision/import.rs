//! An object made by hand becomes a template.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Value, json};

use crate::provision::compare::cleaned;
use crate::provision::object::{Kind, Mark};

/// What a person looks for first, in this order; the rest follows by name.
const FIRST: &[&str] = &[
    "ddsync",
    "title",
    "name",
    "description",
    "type",
    "layout_type",
    "reflow_type",
    "about",
    "scope",
    "query",
    "message",
    "priority",
    "tags",
    "template_variables",
    "definition",
    "options",
];

/// What comes last, since it is long.
const LAST: &[&str] = &["widgets", "layout"];

/// The template of an object as Datadog tells it, or as its user interface exports it. What Datadog sets itself, ids, a
/// mark and what is null are left out, and every text renders to itself.
#[must_use]
pub fn template(kind: Kind, body: &Value) -> Value {
    let mut body = cleaned(kind, body);
    Mark::strip(kind, &mut body);
    let title = kind.title(&body).to_owned();
    let mut template = verbatim(&body);
    if let Some(fields) = template.as_object_mut() {
        let about =
            if title.is_empty() { format!("A {kind} made by hand.") } else { format!("{title}, made by hand.") };
        fields.insert("ddsync".to_owned(), json!({"about": about, "scope": "global"}));
    }
    template
}

/// A template as YAML.
///
/// # Errors
/// None that are known of; the serializer has the last word.
pub fn yaml(template: &Value) -> Result<String, serde_saphyr::ser::Error> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: true };
    serde_saphyr::to_string_with_options(&InOrder(template), options)
}

/// A body whose every text renders to itself; what is null is left out.
#[must_use]
pub fn verbatim(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(escaped_text(text)),
        Value::Array(items) => items.iter().map(verbatim).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(key, value)| (key.clone(), verbatim(value))).collect())
        }
        other => other.clone(),
    }
}

/// What would begin an expression, a block or a comment becomes an expression that says it.
fn escaped_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = ["<<", "<%", "<#"].iter().filter_map(|start| rest.find(start)).min() {
        let (before, after) = rest.split_at(at);
        let (start, after) = after.split_at(2);
        out.extend([before, "<< \"", start, "\" >>"]);
        rest = after;
    }
    out + rest
}

/// Serializes mappings in the order in which people read them.
struct InOrder<'a>(&'a Value);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
                fields.sort_by_key(|(key, _)| rank(key));
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, &InOrder(value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    seq.serialize_element(&InOrder(item))?;
                }
                seq.end()
            }
            other => other.serialize(serializer),
        }
    }
}

fn rank(key: &str) -> usize {
    let place = |list: &[&str]| list.iter().position(|other| *other == key);
    place(FIRST).or_else(|| place(LAST).map(|at| FIRST.len() + 1 + at)).unwrap_or(FIRST.len())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::provision::object::{Identity, Subject};

    #[test]
    fn an_object_becomes_a_file_that_a_person_can_read() {
        let mut body = json!({
            "id": 7, "created": "then", "creator": {"handle": "me"}, "overall_state": "OK", "priority": null,
            "options": {"thresholds": {"critical": 1}, "silenced": {}, "evaluation_delay": null},
            "message": "{{#is_alert}}\nIt is down: a << b.\n{{/is_alert}}\n@slack-x", "tags": ["team:docs"],
            "query": "avg(last_5m):avg:a{*} > 1", "type": "query alert", "name": "Down",
        });
        let identity = Identity::new("a", Subject::Global);
        let mark = Mark { namespace: "main".into(), identity, digest: "0".into(), gone_since: None, owned: None };
        mark.write(Kind::Monitor, &mut body);
        let text = yaml(&template(Kind::Monitor, &body)).unwrap();
        let expected = "\
ddsync:
  about: Down, made by hand.
  scope: global
name: Down
type: query alert
query: avg(last_5m):avg:a{*} > 1
message: |-
  {{#is_alert}}
  It is down: a << \"<<\" >> b.
  {{/is_alert}}
  @slack-x
tags:
- team:docs
options:
  silenced: {}
  thresholds:
    critical: 1
";
        assert_eq!(text, expected);
    }

    #[test]
    fn widgets_come_last_and_without_their_ids() {
        let body = json!({
            "id": "abc", "url": "/x", "layout_type": "ordered", "title": "T", "description": "[ddsync namespace=a key=b/global digest=0]",
            "widgets": [{"id": 1, "layout": {"x": 0}, "definition": {"requests": [], "title": "W", "type": "note"}}],
            "template_variables": [{"prefix": "p", "name": "v"}],
        });
        let text = yaml(&template(Kind::Dashboard, &body)).unwrap();
        let keys: Vec<&str> = text.lines().filter_map(|line| line.split(':').next()).collect();
        let expected = [
            "ddsync",
            "  about",
            "  scope",
            "title",
            "description",
            "layout_type",
            "template_variables",
            "- name",
            "  prefix",
            "widgets",
            "- definition",
            "    title",
            "    type",
            "    requests",
            "  layout",
            "    x",
        ];
        assert_eq!(keys, expected, "{text}");
        assert!(!text.contains("[ddsync"));
    }

    #[test]
    fn what_would_be_rendered_is_escaped() {
        for (text, expected) in [
            ("a < b >> c", "a < b >> c"),
            ("<<", "<< \"<<\" >>"),
            ("<<<", "<< \"<<\" >><"),
            ("<<% x %>", "<< \"<<\" >>% x %>"),
            ("a <# b <% c", "a << \"<#\" >> b << \"<%\" >> c"),
        ] {
            assert_eq!(escaped_text(text), expected);
        }
    }
}
