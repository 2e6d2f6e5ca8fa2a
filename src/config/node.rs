//! The file as a tree in which every value knows its line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Spanned};

use crate::config::problem::{Findings, Place};

/// A value and where it stands. Deliberately without `Debug`: it may hold what should not be printed.
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) value: Value,
}

pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file, repeated keys included; a key that is not a scalar is told apart by its value alone.
    Map(Vec<(Node, Node)>),
}

/// A configuration is flat; deeper nesting, or aliases that multiply, is a mistake or an attack on the stack.
const MAX_DEPTH: usize = 24;
const MAX_NODES: usize = 50_000;

/// The tree of one YAML document. What is not YAML is reported, with an empty tree.
pub(super) fn parse(text: &str, findings: &mut Findings) -> Option<Node> {
    // An editor's byte order mark and a file of comments alone are both an empty configuration.
    if text.trim_start_matches('\u{feff}').lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
        return Some(Node { line: 0, column: 0, value: Value::Null });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, max_nodes: MAX_NODES },
        // Repeated keys are reported beside everything else that is wrong.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_NODES },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(node) => Some(node),
        Err(error) => {
            let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
            findings.problem(&Place::line(line, column, String::new()), said(&error));
            None
        }
    }
}

/// The parser's reason, only where its words cannot repeat a value of the file.
fn said(error: &Error) -> String {
    match error.without_snippet() {
        Error::ExternalMessage { msg, .. } => format!("not YAML: {msg}"),
        Error::MultipleDocuments { .. } => "holds a second document; remove what follows the `---`".to_owned(),
        Error::UnknownAnchor { .. } | Error::AliasError { .. } => {
            "not YAML: a `*` names an anchor that does not exist; put the text in quotes".to_owned()
        }
        Error::NonFiniteFloat { .. } => "holds a number that is not finite; put text in quotes".to_owned(),
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => {
            format!("is nested deeper than {MAX_DEPTH} levels or holds more than {MAX_NODES} values")
        }
        _ => "not YAML that can be read as keys, values and lists".to_owned(),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { line: referenced.line(), column: referenced.column(), value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}
