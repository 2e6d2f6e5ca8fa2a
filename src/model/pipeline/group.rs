//! The tag contract applied: resources in, pipelines and findings out.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{cut, quoted};
use super::{Finding, FindingKind, NO_ENVIRONMENT, Pipeline, Stage, filled, resolve, stage_of};
use crate::model::resource::{EndpointKind, Resource, ResourceKind, Scope};
use crate::model::tag::{TagKeys, normalize_value, split_names, tag};

/// Groups the resources of one account and region. Those without the pipeline tag are ignored; those of no measured
/// type are findings and in no pipeline. `environments` are the values that the environment tag may have; empty accepts
/// any. Both lists are in order, and neither depends on the order of `resources`.
///
/// Dependencies are resolved but not checked: a pipeline file may still add some. See
/// [`check_dependencies`](super::check_dependencies).
#[must_use]
pub fn group(
    resources: &[Resource],
    scope: &Scope,
    keys: &TagKeys,
    environments: &BTreeSet<String>,
) -> (Vec<Pipeline>, Vec<Finding>) {
    let environments: BTreeSet<String> = environments.iter().map(|name| tag("environment", name)).collect();
    let judge = Judge { scope, keys, environments: &environments };
    let mut ours: Vec<&Resource> =
        resources.iter().filter(|resource| resource.tags.contains_key(&keys.pipeline)).collect();
    ours.sort_by(|a, b| a.arn.cmp(&b.arn));
    let (others, ours): (Vec<&Resource>, Vec<&Resource>) =
        ours.into_iter().partition(|resource| matches!(resource.kind, ResourceKind::Other(_)));

    let mut findings = judge.others(&others);
    let mut groups: BTreeMap<(String, String), Vec<&Resource>> = BTreeMap::new();
    for resource in ours {
        findings.extend(judge.tags(resource));
        findings.extend(judge.endpoint(resource));
        let name = tag("pipeline", typed(resource, &keys.pipeline));
        let environment = tag("environment", typed(resource, &keys.environment));
        groups.entry((name, environment)).or_default().push(resource);
    }
    findings.extend(judge.names(&groups));
    let mut pipelines = Vec::with_capacity(groups.len());
    for members in groups.values() {
        let (pipeline, conflicts) = judge.pipeline(members);
        pipelines.push(pipeline);
        findings.extend(conflicts);
    }
    findings.sort();
    (pipelines, findings)
}

/// What every decision needs to know.
struct Judge<'a> {
    scope: &'a Scope,
    keys: &'a TagKeys,
    environments: &'a BTreeSet<String>,
}

impl Judge<'_> {
    fn finding(&self, resource: &str, pipeline: &str, kind: FindingKind, detail: String) -> Finding {
        Finding {
            scope: self.scope.clone(),
            resource: resource.to_owned(),
            pipeline: Some(pipeline.to_owned()).filter(|name| !name.is_empty()),
            kind,
            detail,
        }
    }

    /// One finding for each pipeline and type: a deployment tags everything it makes.
    fn others(&self, others: &[&Resource]) -> Vec<Finding> {
        let mut types: BTreeMap<(&str, &str), Vec<&Resource>> = BTreeMap::new();
        for resource in others {
            let kind = resource.kind.word();
            // Parts of an endpoint, measured with it.
            if !matches!(kind, "sagemaker:model" | "sagemaker:endpoint-config") {
                types.entry((typed(resource, &self.keys.pipeline), kind)).or_default().push(resource);
            }
        }
        let finding = |((pipeline, kind), members): (&(&str, &str), &Vec<&Resource>)| {
            let of = match members.len() {
                1 => String::new(),
                count => format!(", {count} resources"),
            };
            let (found, detail) = match *kind {
                "sagemaker:inference-component" => {
                    (FindingKind::InferenceComponents, format!("an inference component{of}"))
                }
                _ => (FindingKind::UnknownType, format!("of type {}{of}", quoted(kind))),
            };
            members.first().map(|resource| self.finding(&resource.arn, pipeline, found, detail))
        };
        types.iter().filter_map(finding).collect()
    }

    fn tags(&self, resource: &Resource) -> Vec<Finding> {
        let keys = self.keys;
        let pipeline = typed(resource, &keys.pipeline);
        let mut findings = Vec::new();
        let mut found = |kind, detail| findings.push(self.finding(&resource.arn, pipeline, kind, detail));
        if pipeline.is_empty() {
            found(FindingKind::EmptyPipeline, format!("the tag `{}` is empty", keys.pipeline));
        }
        match filled(resource, &keys.environment) {
            None => found(FindingKind::MissingEnvironment, format!("no tag `{}`", keys.environment)),
            Some(value) if !self.environments.is_empty() && !self.environments.contains(&tag("environment", value)) => {
                found(FindingKind::UnknownEnvironment, format!("`{}` is {}", keys.environment, quoted(value)));
            }
            Some(_) => {}
        }
        if filled(resource, &keys.team).is_none() {
            found(FindingKind::MissingTeam, format!("no tag `{}`", keys.team));
        }
        if filled(resource, &keys.stage).is_none()
            && matches!(resource.kind, ResourceKind::Endpoint(_) | ResourceKind::Function)
        {
            found(FindingKind::MissingStage, format!("no tag `{}`", keys.stage));
        }
        let contract = [
            ("pipeline", &keys.pipeline),
            ("environment", &keys.environment),
            ("team", &keys.team),
            ("stage", &keys.stage),
        ];
        for (name, key) in contract {
            if let Some(value) = filled(resource, key)
                && let Some(stored) = altered(name, value)
            {
                let detail = format!("`{key}` is {}, which becomes {}", quoted(value), cut(&stored));
                found(FindingKind::ImpossibleValue, detail);
            }
        }
        findings
    }

    fn endpoint(&self, resource: &Resource) -> Vec<Finding> {
        let ResourceKind::Endpoint(Some(endpoint)) = &resource.kind else {
            return Vec::new();
        };
        let pipeline = typed(resource, &self.keys.pipeline);
        let mut findings = Vec::new();
        if endpoint.kind == EndpointKind::InferenceComponents {
            let detail = "hosts inference components, which are not measured yet".to_owned();
            findings.push(self.finding(&resource.arn, pipeline, FindingKind::InferenceComponents, detail));
        }
        if !endpoint.in_service() {
            let reason =
                endpoint.failure_reason.as_deref().map(|text| format!(": {}", quoted_long(text).trim_end_matches('.')));
            let detail = format!("status {}{}", quoted(&endpoint.status), reason.unwrap_or_default());
            findings.push(self.finding(&resource.arn, pipeline, FindingKind::NotInService, detail));
        }
        findings
    }

    /// Names that differ as typed and are one in Datadog, over all environments.
    fn names(&self, groups: &BTreeMap<(String, String), Vec<&Resource>>) -> Vec<Finding> {
        let mut spellings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for ((name, _), members) in groups {
            let typed = members.iter().map(|resource| typed(resource, &self.keys.pipeline));
            spellings.entry(name).or_default().extend(typed.filter(|name| !name.is_empty()));
        }
        let finding = |(stored, names): (&str, BTreeSet<&str>)| {
            let list: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            let detail = format!("{} are all {stored}", list.join(", "));
            self.finding("", names.first().unwrap_or(&""), FindingKind::AmbiguousPipeline, detail)
        };
        spellings.into_iter().filter(|(_, names)| names.len() > 1).map(finding).collect()
    }

    fn pipeline(&self, members: &[&Resource]) -> (Pipeline, Vec<Finding>) {
        let keys = self.keys;
        let name = common(members, &keys.pipeline).unwrap_or_else(|| tag("pipeline", "").replace("pipeline:", ""));
        let mut conflicts = Vec::new();
        for key in [&keys.team, &keys.owner] {
            let values: BTreeSet<&str> = members.iter().filter_map(|resource| filled(resource, key)).collect();
            if values.len() > 1 {
                let list: Vec<String> = values.into_iter().map(quoted).collect();
                let detail = format!("`{key}` is {}", list.join(" and "));
                conflicts.push(self.finding("", &name, FindingKind::ConflictingValues, detail));
            }
        }
        let mut stages: BTreeMap<String, Stage> = BTreeMap::new();
        let mut resources = Vec::new();
        for resource in members {
            let Some(stage) = stage_of(resource, keys) else {
                resources.push(resource.arn.clone());
                continue;
            };
            let entry = stages.entry(tag("stage", stage)).or_default();
            if entry.name.is_empty() {
                stage.clone_into(&mut entry.name);
            }
            extend(entry, resource, keys);
        }
        let mut stages: Vec<Stage> = stages.into_values().collect();
        resolve(&mut stages);
        let pipeline = Pipeline {
            environment: common(members, &keys.environment).unwrap_or_else(|| NO_ENVIRONMENT.to_owned()),
            team: common(members, &keys.team),
            owner: common(members, &keys.owner),
            scope: self.scope.clone(),
            name,
            stages,
            resources,
            declared: false,
        };
        (pipeline, conflicts)
    }
}

fn extend(stage: &mut Stage, resource: &Resource, keys: &TagKeys) {
    stage.resources.push(resource.arn.clone());
    if let Some(names) = filled(resource, &keys.depends_on) {
        stage.depends_on.extend(split_names(names));
    }
    if let ResourceKind::Endpoint(Some(endpoint)) = &resource.kind {
        stage.kinds.insert(endpoint.kind);
    }
    for (key, value) in &resource.tags {
        if let Some(variable) = key.strip_prefix(&keys.override_prefix).filter(|name| !name.is_empty()) {
            stage.overrides.entry(variable.to_owned()).or_insert_with(|| value.clone());
        }
    }
}

/// A tag's value without the white space around it; empty without the tag.
fn typed<'a>(resource: &'a Resource, key: &str) -> &'a str {
    filled(resource, key).unwrap_or_default()
}

/// The most common value; of equally common ones the first in alphabetical order.
fn common(members: &[&Resource], key: &str) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in members.iter().filter_map(|resource| filled(resource, key)) {
        *counts.entry(value).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|&(_, count)| count == most).map(|(value, _)| value.to_owned())
}

/// What Datadog stores, when that is not what was typed. Case and spaces are nobody's mistake.
fn altered(key: &str, value: &str) -> Option<String> {
    let stored = tag(key, value);
    let expected = value.to_lowercase().replace(' ', "_");
    (stored[key.len() + 1..] != expected || normalize_value(value).is_empty()).then_some(stored)
}

/// AWS's own words may be longer than a name.
fn quoted_long(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests;
