//! Which objects a plan is about.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::model::tag::normalize_value;
use crate::provision::object::{Desired, Identity, Kind, Subject, World};

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
}

/// A filter beside the objects that it chooses from.
#[derive(Debug)]
pub struct Choice<'a> {
    pipelines: Vec<String>,
    teams: Vec<String>,
    environments: Vec<String>,
    kinds: &'a [Kind],
    only: &'a [String],
    /// Pipeline and environment of every object that has a team of the filter: a dashboard has no tag that tells its own.
    of_teams: HashSet<(&'a str, &'a str)>,
}

impl<'a> Choice<'a> {
    /// A pipeline that changes its team is of both until that is applied.
    #[must_use]
    pub fn new(filter: &'a Filter, desired: &'a [Desired], world: &'a World) -> Self {
        let normalized = |names: &[String]| names.iter().map(|name| normalize_value(name)).collect();
        let Filter { pipelines, teams, environments, kinds, only } = filter;
        let mut choice = Self {
            pipelines: normalized(pipelines),
            teams: normalized(teams),
            environments: normalized(environments),
            kinds,
            only,
            of_teams: HashSet::new(),
        };
        if !teams.is_empty() {
            let live = world.objects.iter().filter_map(|live| Some((&live.mark.as_ref()?.identity, &live.body)));
            let all = desired.iter().map(|desired| (&desired.identity, &desired.body)).chain(live);
            choice.of_teams = all.filter_map(|(identity, body)| choice.with_team(identity, body)).collect();
        }
        choice
    }

    /// The pipeline and environment of an object with a tag that names a team of the filter.
    fn with_team(&self, identity: &'a Identity, body: &Value) -> Option<(&'a str, &'a str)> {
        let Subject::Pipeline { pipeline, environment, .. } = &identity.subject else { return None };
        tags(body, "team:").any(|team| is_among(&self.teams, team)).then_some((pipeline, environment))
    }

    /// Whether the object is meant. Its identity says what it is about, else its tags do.
    #[must_use]
    pub fn has(&self, kind: Kind, identity: &Identity, body: &Value) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (self.only.is_empty() || self.only.contains(&identity.template))
            && self.is_about(identity, body)
    }

    fn is_about(&self, identity: &Identity, body: &Value) -> bool {
        let (pipeline, environment, team) = match &identity.subject {
            Subject::Pipeline { pipeline, environment, .. } => (Some(pipeline), Some(environment), None),
            Subject::Environment(environment) => (None, Some(environment), None),
            Subject::Team(team) => (None, None, Some(team)),
            Subject::Global | Subject::Digest(_) => (None, None, None),
        };
        let means = |wanted: &[String], told: Option<&String>, key| match told {
            _ if wanted.is_empty() => true,
            Some(value) => is_among(wanted, value),
            None => tags(body, key).any(|value| is_among(wanted, value)),
        };
        let of_team = match pipeline.zip(environment) {
            Some((pipeline, environment)) if !self.teams.is_empty() => {
                self.of_teams.contains(&(pipeline.as_str(), environment.as_str()))
            }
            _ => means(&self.teams, team, "team:"),
        };
        of_team
            && means(&self.pipelines, pipeline, "pipeline:")
            && means(&self.environments, environment, "environment:")
    }
}

fn is_among(wanted: &[String], value: &str) -> bool {
    wanted.iter().any(|name| *name == normalize_value(value))
}

fn tags<'a>(body: &'a Value, key: &'a str) -> impl Iterator<Item = &'a str> {
    let tags = body.get("tags").and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(move |tag| tag.as_str()?.strip_prefix(key))
}

/// What the chosen objects refer to and Datadog does not have is chosen with them: nothing can be written that leads to
/// what is not there.
pub(super) fn with_needed<'a>(
    chosen: Vec<&'a Desired>,
    desired: &'a [Desired],
    is_there: &dyn Fn(Kind, &Identity) -> bool,
) -> Vec<&'a Desired> {
    let by_key: HashMap<(Kind, &Identity), &Desired> =
        desired.iter().rev().map(|one| ((one.kind, &one.identity), one)).collect();
    let mut have: HashSet<(Kind, &Identity)> = chosen.iter().map(|one| (one.kind, &one.identity)).collect();
    let mut all = chosen;
    let mut looked = 0;
    while let Some(one) = all.get(looked) {
        looked += 1;
        for (kind, identity) in one.refers_to() {
            if let Some(&needed) = by_key.get(&(kind, &identity))
                && !is_there(kind, &identity)
                && have.insert((kind, &needed.identity))
            {
                all.push(needed);
            }
        }
    }
    all
}
