//! Who an object is: the template it comes from and what it is about. Never its name, so that a rename is an update.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::tag::normalize_value;
use crate::provision::object::digest;

/// A tag holds 200 characters; the key of the tag and what follows it need some.
const MAX_CHARS: usize = 170;

/// Which object of an installation. Written as `template/scope/parts`, in characters that a tag may hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The template's key.
    pub template: String,
    /// What it is about.
    pub subject: Subject,
}

/// What an object is about. Every part is the value of a tag, normalised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Everything.
    Global,
    /// One environment.
    Environment(String),
    /// One team.
    Team(String),
    /// One pipeline of one environment, or one stage of it.
    Pipeline {
        /// Value of the tag `pipeline`.
        pipeline: String,
        /// Value of the tag `environment`.
        environment: String,
        /// Value of the tag `stage`, when it is about that stage alone.
        stage: Option<String>,
    },
    /// Too long to be written down: only its digest is known.
    Digest(String),
}

impl Identity {
    /// The identity of a template's object.
    #[must_use]
    pub fn new(template: &str, subject: Subject) -> Self {
        let whole = Self { template: template.to_owned(), subject };
        if whole.is_short() {
            return whole;
        }
        let text = whole.to_string();
        if text.len() <= MAX_CHARS {
            return whole;
        }
        let digest = digest(&serde_json::Value::String(text));
        Self { subject: Subject::Digest(digest), ..whole }
    }

    /// Whether it is written in [`MAX_CHARS`] bytes whatever is in it: most are, and need not be written to know. A byte
    /// becomes two at most, and nothing becomes two.
    fn is_short(&self) -> bool {
        let parts = match &self.subject {
            Subject::Global => 0,
            Subject::Environment(name) | Subject::Team(name) | Subject::Digest(name) => name.len(),
            Subject::Pipeline { pipeline, environment, stage } => {
                pipeline.len() + environment.len() + stage.as_ref().map_or(0, String::len)
            }
        };
        self.template.len() + "/environment///".len() + 3 * ":e".len() + 2 * parts <= MAX_CHARS
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<Cow<'_, str>> = text.split('/').map(unescaped).collect();
        let words: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        let (template, subject) = match *words.as_slice() {
            [template, "global"] => (template, Subject::Global),
            [template, "environment", name] => (template, Subject::Environment(name.to_owned())),
            [template, "team", name] => (template, Subject::Team(name.to_owned())),
            [template, "digest", digest] => (template, Subject::Digest(digest.to_owned())),
            [template, "pipeline", pipeline, environment] => (template, about(pipeline, environment, None)),
            [template, "pipeline", pipeline, environment, stage] => {
                (template, about(pipeline, environment, Some(stage.to_owned())))
            }
            _ => return None,
        };
        (!template.is_empty()).then(|| Self { template: template.to_owned(), subject })
    }
}

fn about(pipeline: &str, environment: &str, stage: Option<String>) -> Subject {
    Subject::Pipeline { pipeline: pipeline.to_owned(), environment: environment.to_owned(), stage }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.template)?;
        match &self.subject {
            Subject::Global => f.write_str("/global"),
            Subject::Environment(name) => write!(f, "/environment/{}", escaped(name)),
            Subject::Team(name) => write!(f, "/team/{}", escaped(name)),
            Subject::Digest(digest) => write!(f, "/digest/{digest}"),
            Subject::Pipeline { pipeline, environment, stage } => {
                write!(f, "/pipeline/{}/{}", escaped(pipeline), escaped(environment))?;
                stage.iter().try_for_each(|stage| write!(f, "/{}", escaped(stage)))
            }
        }
    }
}

/// Slashes part what a value may hold too. A colon begins an escape, so it is escaped itself.
fn escaped(value: &str) -> String {
    let mut value = normalize_value(value);
    if value.contains([':', '/']) {
        value = value.replace(':', ":c").replace('/', ":s");
    }
    // Datadog takes `_` away from the end of a tag, and an empty part would make two slashes.
    if value.is_empty() { ":e".to_owned() } else { value }
}

fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains(':') {
        return value.into();
    }
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == ':') {
            (_, true) => match chars.next() {
                Some('c') => out.push(':'),
                Some('s') => out.push('/'),
                _ => {}
            },
            (c, false) => out.push(c),
        }
    }
    out.into()
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no identity")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::tag::tag;

    fn any_subject() -> impl Strategy<Value = Subject> {
        let value = || "[a-z0-9_:./-]{0,30}".prop_map(|text| normalize_value(&text));
        prop_oneof![
            Just(Subject::Global),
            value().prop_map(Subject::Environment),
            value().prop_map(Subject::Team),
            (value(), value(), proptest::option::of(value()))
                .prop_map(|(pipeline, environment, stage)| Subject::Pipeline { pipeline, environment, stage }),
        ]
    }

    proptest! {
        #[test]
        fn for_all_subjects_an_identity_reads_back_and_is_a_legal_tag(subject in any_subject()) {
            let identity = Identity::new("oldest-request-age", subject);
            let text = identity.to_string();
            prop_assert_eq!(Identity::parse(&text), Some(identity));
            prop_assert_eq!(tag("ddsync_key", &text), format!("ddsync_key:{text}"));
        }

        #[test]
        fn for_all_texts_reading_does_no_harm(text in any::<String>()) {
            let _ = Identity::parse(&text);
        }
    }

    #[test]
    fn what_is_too_long_for_a_tag_is_known_by_its_digest() {
        let long = |end: &str| about(&("x".repeat(190) + end), "data_prod", None);
        let identity = Identity::new("a", long("1"));
        assert!(identity.to_string().starts_with("a/digest/"));
        assert_ne!(identity, Identity::new("a", long("2")));
        assert_eq!(Identity::parse(&identity.to_string()), Some(identity));
    }
}
