//! What is provisioned: kinds of objects, who they are, and the mark by which they are known as ours.

use std::cell::RefCell;
use std::fmt::{self, Write as _};

use memchr::memchr_iter;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

mod identity;
mod mark;

pub use identity::{Identity, Subject};
pub use mark::{Counts, Mark};

/// A kind of object, in the order in which they are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A monitor.
    Monitor,
    /// A service level objective.
    Slo,
    /// A dashboard.
    Dashboard,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Monitor, Self::Slo, Self::Dashboard];

    /// One lower-case word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Slo => "slo",
            Self::Dashboard => "dashboard",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Where an object says what it is called.
    #[must_use]
    pub fn title_key(self) -> &'static str {
        match self {
            Self::Monitor | Self::Slo => "name",
            Self::Dashboard => "title",
        }
    }

    /// What `body` is called; empty when it does not say.
    #[must_use]
    pub fn title(self, body: &Value) -> &str {
        body.get(self.title_key()).and_then(Value::as_str).unwrap_or_default()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What should be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub identity: Identity,
    /// Datadog's JSON, without the mark. Ids of other objects may stand in it as references: see [`reference()`].
    pub body: Value,
}

impl Desired {
    /// Tells one body from another: see [`digest`].
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.body)
    }

    /// The objects whose ids stand in it as references.
    #[must_use]
    pub fn refers_to(&self) -> Vec<(Kind, Identity)> {
        let named = RefCell::new(Vec::new());
        let note = |kind, identity: &Identity| {
            named.borrow_mut().push((kind, identity.clone()));
            None
        };
        let _unchanged = resolve(&self.body, &note);
        named.into_inner()
    }
}

/// An object that Datadog has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// What it is.
    pub kind: Kind,
    /// Datadog's id, a number or a text; for an SLO and a dashboard as it is, for a monitor in digits.
    pub id: String,
    /// As Datadog tells it, the mark included.
    pub body: Value,
    /// Who it is, when it is ours.
    pub mark: Option<Mark>,
}

impl Live {
    /// An object as Datadog tells it; `None` when it tells no id.
    #[must_use]
    pub fn new(kind: Kind, body: Value) -> Option<Self> {
        let id = match body.get("id")? {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => return None,
        };
        let mark = Mark::read(kind, &body);
        Some(Self { kind, id, body, mark })
    }
}

/// What Datadog has that concerns us.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// Every object with a mark of ours, in no order; of other namespaces there may be some.
    pub objects: Vec<Live>,
    /// Whether any dashboard was listed at all, whoever's it is: a list without a single one may be a broken answer.
    pub lists_dashboards: bool,
}

impl World {
    /// A world of these objects and nothing else.
    #[must_use]
    pub fn of(objects: Vec<Live>) -> Self {
        let lists_dashboards = objects.iter().any(|live| live.kind == Kind::Dashboard);
        Self { objects, lists_dashboards }
    }
}

/// The first 12 hexadecimal digits of the SHA-256 of a body. Keys are in order in it, whatever order they came in.
#[must_use]
pub fn digest(body: &Value) -> String {
    digest_in(body, &mut Vec::new())
}

/// As [`digest`]; `written` is written over, and can be used again.
#[must_use]
pub fn digest_in(body: &Value, written: &mut Vec<u8>) -> String {
    written.clear();
    write_down(body, written);
    Sha256::digest(&written).iter().take(6).fold(String::with_capacity(12), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// A byte that stands in no text.
const END: u8 = 0xff;

/// Every value says what it is and where it ends, so that no two bodies are written alike. JSON would do too, but its
/// escapes are the greater part of the time that a digest takes.
fn write_down(body: &Value, written: &mut Vec<u8>) {
    let text = |kind: u8, text: &str, written: &mut Vec<u8>| {
        written.push(kind);
        written.extend_from_slice(text.as_bytes());
        written.push(END);
    };
    match body {
        Value::Null => written.push(b'n'),
        Value::Bool(flag) => written.push(if *flag { b't' } else { b'f' }),
        Value::Number(number) => text(b'#', &number.to_string(), written),
        Value::String(string) => text(b'"', string, written),
        Value::Array(items) => {
            written.push(b'[');
            for item in items {
                write_down(item, written);
            }
            written.push(END);
        }
        Value::Object(fields) => {
            written.push(b'{');
            for (key, value) in fields {
                text(b':', key, written);
                write_down(value, written);
            }
            written.push(END);
        }
    }
}

/// Stands in a body for the id of another object, until that is known.
#[must_use]
pub fn reference(kind: Kind, identity: &Identity) -> String {
    format!("<ref:{kind}:{identity}>")
}

/// `body` with every reference replaced by what `id` knows; the others stay. The second part says whether any did.
#[must_use]
pub fn resolve(body: &Value, id: &dyn Fn(Kind, &Identity) -> Option<String>) -> (Value, bool) {
    match body {
        Value::String(text) => {
            let (text, open) = resolve_text(text, id);
            (Value::String(text), open)
        }
        Value::Array(items) => {
            let (items, open): (Vec<Value>, Vec<bool>) = items.iter().map(|item| resolve(item, id)).unzip();
            (Value::Array(items), open.contains(&true))
        }
        Value::Object(fields) => {
            let mut left = false;
            let resolved = fields.iter().map(|(key, value)| {
                let (value, open) = resolve(value, id);
                left |= open;
                (key.clone(), value)
            });
            let resolved = resolved.collect();
            (Value::Object(resolved), left)
        }
        other => (other.clone(), false),
    }
}

/// Whether `text` is `other`, but for references that stand in it for what `id` knows. Nothing is copied.
#[must_use]
pub fn resolves_to(text: &str, other: &str, id: &dyn Fn(Kind, &Identity) -> Option<String>) -> bool {
    let (mut rest, mut other) = (text, other);
    while let Some(Reference { before, whole, after }) = Reference::first_in(rest) {
        let known = Reference::id(whole, id);
        let end = other.strip_prefix(before).and_then(|end| end.strip_prefix(known.as_deref().unwrap_or(whole)));
        let Some(end) = end else { return false };
        (rest, other) = (after, end);
    }
    rest == other
}

fn resolve_text(text: &str, id: &dyn Fn(Kind, &Identity) -> Option<String>) -> (String, bool) {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut open = false;
    while let Some(Reference { before, whole, after }) = Reference::first_in(rest) {
        let known = Reference::id(whole, id);
        out.push_str(before);
        open |= known.is_none();
        out.push_str(known.as_deref().unwrap_or(whole));
        rest = after;
    }
    out.push_str(rest);
    (out, open)
}

/// A text with a [`reference()`] in it.
struct Reference<'t> {
    before: &'t str,
    whole: &'t str,
    after: &'t str,
}

impl<'t> Reference<'t> {
    const BEGIN: &'static str = "<ref:";

    fn first_in(text: &'t str) -> Option<Self> {
        // To look for one byte is many times faster than to look for a word.
        let start = memchr_iter(b'<', text.as_bytes()).find(|at| text[*at..].starts_with(Self::BEGIN))?;
        let (before, rest) = text.split_at(start);
        let (whole, after) = rest.split_at(rest.find('>')? + 1);
        Some(Self { before, whole, after })
    }

    fn id(whole: &str, id: &dyn Fn(Kind, &Identity) -> Option<String>) -> Option<String> {
        let (kind, key) = whole.strip_prefix(Self::BEGIN)?.strip_suffix('>')?.split_once(':')?;
        id(Kind::parse(kind)?, &Identity::parse(key)?)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reference_gives_way_to_an_id_and_says_when_it_does_not() {
        let slo = Identity::new("success", Subject::Global);
        let body = json!({"query": format!("burn_rate(\"{}\")", reference(Kind::Slo, &slo)), "n": [1, null]});
        let known = |kind, identity: &Identity| (kind == Kind::Slo && *identity == slo).then(|| "abc".to_owned());
        assert_eq!(resolve(&body, &known), (json!({"query": "burn_rate(\"abc\")", "n": [1, null]}), false));
        assert_eq!(resolve(&body, &|_, _| None), (body.clone(), true));
    }

    #[test]
    fn a_text_resolves_to_what_resolving_makes_of_it_and_to_nothing_else() {
        let [one, other] = ["one", "other"].map(|key| reference(Kind::Slo, &Identity::new(key, Subject::Global)));
        let known = |_, identity: &Identity| (identity.template == "one").then(|| "7".to_owned());
        let texts =
            [format!("a {one} b {other}"), one.clone(), format!("{one}{one}"), "<ref:slo:".into(), "< 1".into()];
        for text in &texts {
            let (resolved, _) = resolve_text(text, &known);
            assert!(resolves_to(text, &resolved, &known), "{text}");
            for wrong in [format!("{resolved}x"), format!("x{resolved}"), resolved.replace('7', "8") + "8"] {
                assert!(!resolves_to(text, &wrong, &known), "{text}: {wrong}");
            }
        }
    }

    #[test]
    fn bodies_that_differ_are_written_down_differently() {
        let all = [
            json!(null),
            json!(false),
            json!(0),
            json!("0"),
            json!(["0"]),
            json!([["0"]]),
            json!([0, "0"]),
            json!({}),
            json!([]),
            json!({"a": "b"}),
            json!({"a": {"b": "c"}}),
            json!({"a": {}, "b": "c"}),
            json!(["a", "b"]),
            json!(["ab"]),
            json!(["a", ["b"]]),
            json!([["a"], "b"]),
            json!(""),
            json!([""]),
        ];
        let digests: std::collections::BTreeSet<String> = all.iter().map(digest).collect();
        assert_eq!(digests.len(), all.len());
    }

    #[test]
    fn a_digest_does_not_depend_on_the_order_of_keys() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[2]}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":[2],"a":1}"#).unwrap();
        assert_eq!(digest(&one), digest(&other));
        assert_eq!(digest(&one).len(), 12);
        assert_ne!(digest(&one), digest(&json!({"a": 1, "b": [3]})));
    }
}
