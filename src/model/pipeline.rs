//! Resources grouped into pipelines and stages by the tag contract, and what is wrong with their tags.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::resource::{EndpointKind, Resource, ResourceKind, Scope};
use crate::model::tag::{TagKeys, tag};

mod dependencies;
mod finding;
mod group;

pub use dependencies::{check_dependencies, longest_path, resolve};
pub(crate) use finding::quoted;
pub use finding::{Finding, FindingKind};
pub use group::group;

/// Stands for an environment that no tag names.
pub const NO_ENVIRONMENT: &str = "none";

/// One pipeline of one environment in one account and region.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pipeline {
    /// As the tag says; the most common spelling when there are several.
    pub name: String,
    /// As the tag says; [`NO_ENVIRONMENT`] without one.
    pub environment: String,
    /// Who owns it: the most common value of the team tag.
    pub team: Option<String>,
    /// The name of a route: the most common value of the owner tag.
    pub owner: Option<String>,
    /// Where it runs.
    pub scope: Scope,
    /// In the order of their names.
    pub stages: Vec<Stage>,
    /// ARNs of what belongs to no stage: buckets and streams without a stage tag.
    pub resources: Vec<String>,
    /// Whether a pipeline file declares it.
    pub declared: bool,
}

/// One step of a pipeline: an endpoint, and the functions around it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Stage {
    /// As the stage tag says, or the name of the endpoint or function without one.
    pub name: String,
    /// ARNs, in order.
    pub resources: Vec<String>,
    /// Upstream stages: names of stages of this pipeline where they are known, as typed where not.
    pub depends_on: Vec<String>,
    /// Kinds of its endpoints that have been described.
    pub kinds: BTreeSet<EndpointKind>,
    /// Template variables that its tags override, without the tags' prefix.
    pub overrides: BTreeMap<String, String>,
    /// Whether a pipeline file says that it calls Textract.
    pub textract: bool,
}

impl Pipeline {
    /// Whether a pipeline of this name and environment is this one, compared as their series are.
    #[must_use]
    pub fn is(&self, name: &str, environment: &str) -> bool {
        tag("pipeline", &self.name) == tag("pipeline", name)
            && tag("environment", &self.environment) == tag("environment", environment)
    }

    /// The stage of this name, compared as series are.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        let wanted = tag("stage", name);
        self.stages.iter().find(|stage| tag("stage", &stage.name) == wanted)
    }
}

/// The stage that a resource belongs to: its tag, or an endpoint's or function's own name. `None` for what belongs to
/// the pipeline itself.
#[must_use]
pub fn stage_of<'a>(resource: &'a Resource, keys: &TagKeys) -> Option<&'a str> {
    filled(resource, &keys.stage).or(match resource.kind {
        ResourceKind::Endpoint(_) | ResourceKind::Function => Some(resource.name.as_str()),
        ResourceKind::Bucket | ResourceKind::Stream | ResourceKind::LogGroup | ResourceKind::Other(_) => None,
    })
}

/// The value of a tag, when there is more in it than white space.
fn filled<'a>(resource: &'a Resource, key: &str) -> Option<&'a str> {
    resource.tags.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
}
