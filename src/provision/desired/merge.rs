//! Pipelines over all accounts and regions: objects are about a pipeline of an environment, wherever it runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::pipeline::{Pipeline, Stage, quoted};
use crate::model::resource::{Endpoint, EndpointKind, Resource, ResourceKind, Variant};
use crate::model::tag::tag;

/// A pipeline of an environment. Names are as typed, untrusted; tags are values as series carry them.
#[derive(Debug, Default)]
pub(in crate::provision) struct Merged {
    pub(in crate::provision) name: String,
    pub(in crate::provision) tag: String,
    pub(in crate::provision) environment: String,
    pub(in crate::provision) environment_tag: String,
    pub(in crate::provision) team: Option<String>,
    pub(in crate::provision) owner: Option<String>,
    /// Twelve digits each.
    pub(in crate::provision) accounts: BTreeSet<String>,
    pub(in crate::provision) regions: BTreeSet<String>,
    /// In the order of their tags.
    pub(in crate::provision) stages: Vec<MergedStage>,
    pub(in crate::provision) streams: bool,
    pub(in crate::provision) declared: bool,
}

/// A stage of one.
#[derive(Debug, Default)]
pub(in crate::provision) struct MergedStage {
    pub(in crate::provision) name: String,
    pub(in crate::provision) tag: String,
    kinds: BTreeSet<EndpointKind>,
    pub(in crate::provision) textract: bool,
    pub(in crate::provision) gpu: bool,
    pub(in crate::provision) endpoints: Vec<Place>,
    pub(in crate::provision) functions: Vec<Place>,
    pub(in crate::provision) depends_on: Vec<String>,
    /// By the name of the variable, as templates spell it.
    pub(in crate::provision) overrides: BTreeMap<String, String>,
}

/// A resource and where it is.
#[derive(Debug)]
pub(in crate::provision) struct Place {
    pub(in crate::provision) name: String,
    pub(in crate::provision) tag: String,
    pub(in crate::provision) partition: String,
    pub(in crate::provision) region: String,
    pub(in crate::provision) account: String,
}

impl Merged {
    /// The pipeline as a person knows it, for a finding.
    pub(in crate::provision) fn shown(&self) -> String {
        format!("pipeline {} of {}", quoted(&self.name), quoted(&self.environment))
    }

    /// `none` without a team, as in series.
    pub(in crate::provision) fn team_tag(&self) -> String {
        value_of("team", self.team.as_deref().unwrap_or_default())
    }
}

impl MergedStage {
    pub(in crate::provision) fn is_async(&self) -> bool {
        self.kinds.contains(&EndpointKind::Async)
    }

    pub(in crate::provision) fn is_realtime(&self) -> bool {
        self.kinds.contains(&EndpointKind::RealTime)
    }

    pub(in crate::provision) fn is_serverless(&self) -> bool {
        self.kinds.contains(&EndpointKind::Serverless)
    }
}

/// The value of a tag as series carry it; `none` for nothing.
pub(in crate::provision) fn value_of(key: &str, value: &str) -> String {
    tag(key, value).split_off(key.len() + 1)
}

/// Pipelines of one name and environment become one; what they disagree about is a finding. In the order of their tags.
pub(in crate::provision) fn merge(
    pipelines: &[Pipeline],
    resources: &[Resource],
    findings: &mut BTreeSet<String>,
) -> Vec<Merged> {
    let by_arn: BTreeMap<&str, &Resource> =
        resources.iter().map(|resource| (resource.arn.as_str(), resource)).collect();
    let mut groups: BTreeMap<(String, String), Vec<&Pipeline>> = BTreeMap::new();
    for pipeline in pipelines {
        let key = (value_of("pipeline", &pipeline.name), value_of("environment", &pipeline.environment));
        groups.entry(key).or_default().push(pipeline);
    }
    let merged = groups.into_iter().map(|((tag, environment_tag), mut members)| {
        members.sort_by(|a, b| a.scope.cmp(&b.scope));
        let mut merged = Merged { tag, environment_tag, ..Merged::default() };
        merged.name =
            members.iter().map(|member| member.name.clone()).find(|name| !name.is_empty()).unwrap_or_default();
        merged.environment = members.first().map(|member| member.environment.clone()).unwrap_or_default();
        for (what, key, value) in
            [("name", "pipeline", &merged.tag), ("environment", "environment", &merged.environment_tag)]
        {
            if value == "none" {
                let shown = merged.shown();
                findings.insert(format!(
                    "{shown} has no {what} that Datadog can store; its objects are about `{key}:none`"
                ));
            }
        }
        merged.team = agreed(&merged, "team", members.iter().map(|member| member.team.as_deref()), findings);
        merged.owner = agreed(&merged, "owner", members.iter().map(|member| member.owner.as_deref()), findings);
        for member in members {
            merged.add(member, &by_arn, findings);
        }
        merged.stages.sort_by(|a, b| a.tag.cmp(&b.tag));
        merged
    });
    merged.collect()
}

/// The first value; that there are others is a finding.
fn agreed<'a>(
    pipeline: &Merged,
    key: &str,
    values: impl Iterator<Item = Option<&'a str>>,
    findings: &mut BTreeSet<String>,
) -> Option<String> {
    let values: Vec<&str> = values.flatten().collect();
    let first = *values.first()?;
    if let Some(other) = values.iter().find(|other| tag(key, other) != tag(key, first)) {
        let [first, other] = [first, other].map(quoted);
        findings.insert(format!(
            "{}: the {key} is {first} in one account or region and {other} in another; {first} is used",
            pipeline.shown()
        ));
    }
    Some(first.to_owned())
}

impl Merged {
    fn add(&mut self, pipeline: &Pipeline, by_arn: &BTreeMap<&str, &Resource>, findings: &mut BTreeSet<String>) {
        self.regions.insert(pipeline.scope.region.clone());
        self.declared |= pipeline.declared;
        let stages = pipeline.stages.iter().flat_map(|stage| &stage.resources);
        for resource in stages.chain(&pipeline.resources).filter_map(|arn| by_arn.get(arn.as_str())) {
            self.streams |= resource.kind == ResourceKind::Stream;
            self.accounts.extend(Some(resource.account_id().to_owned()).filter(|id| !id.is_empty()));
        }
        let shown = self.shown();
        for stage in &pipeline.stages {
            let tag = value_of("stage", &stage.name);
            let index = self.stages.iter().position(|known| known.tag == tag).unwrap_or_else(|| {
                self.stages.push(MergedStage { name: stage.name.clone(), tag, ..MergedStage::default() });
                self.stages.len() - 1
            });
            self.stages[index].add(stage, by_arn, &shown, findings);
        }
    }
}

impl MergedStage {
    fn add(
        &mut self,
        stage: &Stage,
        by_arn: &BTreeMap<&str, &Resource>,
        pipeline: &str,
        findings: &mut BTreeSet<String>,
    ) {
        self.kinds.extend(&stage.kinds);
        self.textract |= stage.textract;
        for name in &stage.depends_on {
            if !self.depends_on.contains(name) {
                self.depends_on.push(name.clone());
            }
        }
        for (name, value) in &stage.overrides {
            let name = name.to_lowercase().replace('-', "_");
            let known = self.overrides.entry(name.clone()).or_insert_with(|| value.clone());
            if known != value {
                let [stage, name, first, other] = [&self.name, &name, known, value].map(|text| quoted(text));
                findings.insert(format!(
                    "{pipeline}, stage {stage}: the variable {name} is {first} in one tag and {other} in another; {first} is used"
                ));
            }
        }
        for resource in stage.resources.iter().filter_map(|arn| by_arn.get(arn.as_str())) {
            match &resource.kind {
                ResourceKind::Endpoint(described) => {
                    self.gpu |= described.as_ref().is_some_and(measures_gpu);
                    self.endpoints.push(Place::of(resource, "endpoint"));
                }
                ResourceKind::Function => self.functions.push(Place::of(resource, "function")),
                ResourceKind::Bucket | ResourceKind::Stream | ResourceKind::LogGroup | ResourceKind::Other(_) => {}
            }
        }
    }
}

/// The instances behind inference components are measured under names that nobody reads.
fn measures_gpu(endpoint: &Endpoint) -> bool {
    matches!(endpoint.kind, EndpointKind::Async | EndpointKind::RealTime)
        && endpoint.variants.iter().any(Variant::has_gpu)
}

impl Place {
    fn of(resource: &Resource, key: &str) -> Self {
        let part = |index| resource.arn.split(':').nth(index).unwrap_or_default().to_owned();
        Self {
            name: resource.name.clone(),
            tag: value_of(key, &resource.name),
            partition: part(1),
            region: part(3),
            account: part(4),
        }
    }
}
