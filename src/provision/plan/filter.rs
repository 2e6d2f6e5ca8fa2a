//! Which objects a plan is about.

use serde_json::Value;

use crate::model::tag::normalize_value;
use crate::provision::object::{Identity, Kind, Subject};

/// Which objects a plan is about: those that match one of each list that is not empty. The others stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Pipelines, as typed.
    pub pipelines: Vec<String>,
    /// Teams, as typed.
    pub teams: Vec<String>,
    /// Environments, as typed.
    pub environments: Vec<String>,
    /// Kinds.
    pub kinds: Vec<Kind>,
    /// Keys of templates.
    pub only: Vec<String>,
}

impl Filter {
    /// Whether it leaves anything out.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the object is meant. Its identity says what it is about, else its tags do.
    #[must_use]
    pub fn matches(&self, kind: Kind, identity: &Identity, body: &Value) -> bool {
        let Self { pipelines, teams, environments, kinds, only } = self;
        let about = |subject: Option<&str>, key: &str, wanted: &[String]| {
            let wanted: Vec<String> = wanted.iter().map(|name| normalize_value(name)).collect();
            let is_wanted = |value: &str| wanted.iter().any(|name| *name == normalize_value(value));
            wanted.is_empty() || subject.map_or_else(|| tags(body, key).any(is_wanted), is_wanted)
        };
        let (pipeline, environment, team) = match &identity.subject {
            Subject::Pipeline { pipeline, environment, .. } => (Some(pipeline), Some(environment), None),
            Subject::Environment(environment) => (None, Some(environment), None),
            Subject::Team(team) => (None, None, Some(team)),
            Subject::Global | Subject::Digest(_) => (None, None, None),
        };
        (kinds.is_empty() || kinds.contains(&kind))
            && (only.is_empty() || only.contains(&identity.template))
            && about(pipeline.map(String::as_str), "pipeline:", pipelines)
            && about(environment.map(String::as_str), "environment:", environments)
            && about(team.map(String::as_str), "team:", teams)
    }
}

fn tags<'a>(body: &'a Value, key: &'a str) -> impl Iterator<Item = &'a str> {
    let tags = body.get("tags").and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(move |tag| tag.as_str()?.strip_prefix(key))
}
