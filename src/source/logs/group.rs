//! Which log groups belong to what was discovered.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::catalogue::Target;
use crate::model::log::Origin;
use crate::model::resource::ResourceKind;
use crate::model::tag::tag;
use crate::source::discover::{Inventory, Tracked};
use crate::source::logs::choose::Whose;

/// Where endpoints log to.
/// <https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html>
const ENDPOINTS: &str = "/aws/sagemaker/Endpoints/";
/// Where functions log to, unless they were told otherwise.
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html>
const FUNCTIONS: &str = "/aws/lambda/";

/// A log group that is followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What all its lines carry.
    pub origin: Arc<Origin>,
    /// Its pipeline, as the tag `pipeline` of its lines says it.
    pub pipeline: String,
    /// Its stage, likewise; empty when it belongs to the pipeline itself.
    pub stage: String,
    /// Whose lines they are: the tags of the series about them.
    pub owner: Arc<Tracked>,
}

impl Group {
    /// Whether a function writes it.
    #[must_use]
    pub fn is_function(&self) -> bool {
        self.owner.resource.kind == ResourceKind::Function
    }

    /// Whose its lines are.
    #[must_use]
    pub fn whose(&self) -> Whose<'_> {
        let environment = self.origin.tags.iter().find_map(|tag| tag.strip_prefix("environment:"));
        Whose { pipeline: &self.pipeline, environment: environment.unwrap_or_default(), stage: &self.stage }
    }

    /// What a daily ceiling is for: its pipeline in its environment.
    #[must_use]
    pub fn ceiling_key(&self) -> String {
        let Whose { pipeline, environment, .. } = self.whose();
        [pipeline, environment].join("/")
    }

    /// What tells its stage from others of the account: pipeline, environment, stage.
    #[must_use]
    pub fn stage_key(&self) -> String {
        let Whose { pipeline, environment, stage } = self.whose();
        [pipeline, environment, stage].join("/")
    }
}

/// The groups of endpoints and functions, and those that carry the pipeline's tag themselves, in the order of their names.
/// Also those of what is gone as long as its last minutes are read.
#[must_use]
pub fn groups(inventory: &Inventory) -> Vec<Group> {
    let all = inventory.resources.iter().chain(inventory.gone.iter().map(|(tracked, _)| tracked));
    let mut found: BTreeMap<String, Group> = BTreeMap::new();
    for tracked in all {
        let Some(group) = group(tracked) else { continue };
        // What is there goes before what is gone, and whose group it is before who tagged it.
        match found.get(&group.name) {
            Some(known) if !is_tagged_itself(&known.owner) || is_tagged_itself(tracked) => {}
            _ => _ = found.insert(group.name.clone(), group),
        }
    }
    found.into_values().collect()
}

/// The group of what a metric is asked of; `None` for what writes none.
#[must_use]
pub fn name_of(target: Target, name: &str) -> Option<String> {
    match target {
        Target::Endpoint | Target::Variant => Some(format!("{ENDPOINTS}{name}")),
        Target::Function => Some(format!("{FUNCTIONS}{name}")),
        Target::Stream | Target::TextractOperation => None,
    }
}

/// How many there are, and how many of them are functions'.
#[must_use]
pub fn counted(groups: &[Group]) -> (usize, usize) {
    let functions = groups.iter().filter(|group| group.is_function()).count();
    (groups.len(), functions)
}

fn is_tagged_itself(tracked: &Tracked) -> bool {
    tracked.resource.kind == ResourceKind::LogGroup
}

fn group(tracked: &Arc<Tracked>) -> Option<Group> {
    let resource = &tracked.resource;
    let (name, source) = match &resource.kind {
        ResourceKind::Endpoint(_) => (format!("{ENDPOINTS}{}", resource.name), "sagemaker"),
        ResourceKind::Function => (format!("{FUNCTIONS}{}", resource.name), "lambda"),
        ResourceKind::LogGroup => (resource.name.clone(), "cloudwatch"),
        ResourceKind::Other(_) | ResourceKind::Bucket | ResourceKind::Stream => return None,
    };
    let mut tags: Vec<String> = tracked.epochs.last()?.tags.to_vec();
    if !tracked.stage.is_empty() {
        tags.push(tag("model", &tracked.stage));
    }
    if is_tagged_itself(tracked) {
        tags.push(tag("log_group", &name));
    }
    tags.sort();
    tags.dedup();
    let value = |key: &str| {
        let value = tags.iter().find_map(|tag| tag.strip_prefix(key)?.strip_prefix(':'));
        value.unwrap_or_default().to_owned()
    };
    let (pipeline, stage) = (value("pipeline"), if tracked.stage.is_empty() { String::new() } else { value("stage") });
    let origin =
        Origin { group: name.clone(), service: pipeline.clone(), source: source.to_owned(), tags: tags.into() };
    Some(Group { name, origin: Arc::new(origin), pipeline, stage, owner: Arc::clone(tracked) })
}
