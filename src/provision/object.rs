//! What is provisioned: kinds of objects, who they are, and the mark by which they are known as ours.

use std::cell::RefCell;
use std::fmt::{self, Write as _};

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
    // Writing JSON into memory has no way to fail, nor has writing into a text.
    let mut written = Vec::with_capacity(WRITTEN);
    let _infallible = serde_json::to_writer(&mut written, body).is_ok();
    Sha256::digest(&written).iter().take(6).fold(String::with_capacity(12), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes that most bodies take when they are written.
const WRITTEN: usize = 4096;

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

fn resolve_text(text: &str, id: &dyn Fn(Kind, &Identity) -> Option<String>) -> (String, bool) {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut open = false;
    while let Some(start) = rest.find("<ref:") {
        let Some(end) = rest[start..].find('>').map(|end| start + end) else { break };
        out.push_str(&rest[..start]);
        let named = rest[start + "<ref:".len()..end].split_once(':');
        let known = named.and_then(|(kind, key)| id(Kind::parse(kind)?, &Identity::parse(key)?));
        open |= known.is_none();
        out.push_str(known.as_deref().unwrap_or(&rest[start..=end]));
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    (out, open)
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
    fn a_digest_does_not_depend_on_the_order_of_keys() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[2]}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":[2],"a":1}"#).unwrap();
        assert_eq!(digest(&one), digest(&other));
        assert_eq!(digest(&one).len(), 12);
        assert_ne!(digest(&one), digest(&json!({"a": 1, "b": [3]})));
    }
}
