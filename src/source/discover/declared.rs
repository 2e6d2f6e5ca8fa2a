//! Pipeline files: what should be deployed, against what is.
//!
//! A pipeline is declared by the files that the configuration names, else by its own file as it was at the commit that
//! was last deployed, where that is known from GitHub.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::declared::{Declared, DeclaredModel, DeclaredPipeline, Deployed, Source, parse};
use crate::model::pipeline::{Finding, FindingKind, Pipeline, Stage, quoted, resolve};
use crate::model::resource::{Endpoint, EndpointKind, Resource, ResourceKind, Scope};
use crate::model::tag::tag;

/// Reads pipeline files. What cannot be read is a finding, and the others are used.
pub async fn read(files: &[PathBuf], scope: &Scope) -> (Vec<Declared>, Vec<Finding>) {
    let mut declared = Vec::new();
    let mut findings = Vec::new();
    for path in files {
        let mut unreadable = |detail| {
            findings.push(Finding {
                scope: scope.clone(),
                resource: path.display().to_string(),
                pipeline: None,
                kind: FindingKind::UnreadableFile,
                detail,
            });
        };
        let text = match tokio::fs::read_to_string(path).await {
            Ok(text) => text,
            Err(error) => {
                unreadable(format!("named in `pipelines.files`: {error}"));
                continue;
            }
        };
        match parse(&text) {
            Ok(file) => {
                file.problems.iter().cloned().for_each(unreadable);
                declared.push(file);
            }
            Err(error) => unreadable(error),
        }
    }
    (declared, findings)
}

/// What is declared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files<'a> {
    /// At the commits that were deployed.
    pub deployed: &'a [Deployed],
    /// Those of `pipelines.files`.
    pub named: &'a [Declared],
}

/// What is declared of one pipeline, and where.
struct Declaration<'a> {
    pipeline: &'a DeclaredPipeline,
    /// `None` for a file that the configuration names.
    source: Option<&'a Source>,
}

/// Takes from the files what the tags do not tell: dependencies of stages that have none, who calls Textract, and that a
/// pipeline is declared.
pub fn complete(files: Files<'_>, pipelines: &mut [Pipeline]) {
    for pipeline in pipelines {
        let declarations = declarations(files, pipeline);
        pipeline.declared = !declarations.is_empty();
        for model in models(&declarations) {
            let wanted = tag("stage", &model.name);
            let Some(stage) = pipeline.stages.iter_mut().find(|stage| tag("stage", &stage.name) == wanted) else {
                continue;
            };
            stage.textract |= model.textract;
            if stage.depends_on.is_empty() {
                stage.depends_on.clone_from(&model.depends_on.models);
            }
        }
        resolve(&mut pipeline.stages);
    }
}

/// Resources by their ARNs, for [`compare`] and [`stages`].
#[must_use]
pub fn by_arn(resources: &[Resource]) -> BTreeMap<&str, &Resource> {
    resources.iter().map(|resource| (resource.arn.as_str(), resource)).collect()
}

/// Compares each pipeline that a file declares with what is deployed of it. A pipeline of which nothing is deployed
/// here may be deployed elsewhere: see [`undeployed`]. `instances` gives the instances that an endpoint configuration
/// starts with, by its name: those of now are the autoscaler's.
#[must_use]
pub fn compare(
    files: Files<'_>,
    pipelines: &[Pipeline],
    by_arn: &BTreeMap<&str, &Resource>,
    instances: impl Fn(&str) -> Option<u32>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for pipeline in pipelines {
        let declarations = declarations(files, pipeline);
        let Some(first) = declarations.first() else { continue };
        let models: Vec<&DeclaredModel> = models(&declarations).collect();
        let source = first.source.map(|source| format!(", says {}", told(source))).unwrap_or_default();
        let mut found = |resource: &str, kind, detail: String| {
            let detail = detail + &source;
            findings.push(Finding {
                scope: pipeline.scope.clone(),
                resource: resource.to_owned(),
                pipeline: Some(pipeline.name.clone()),
                kind,
                detail,
            });
        };
        for model in &models {
            let Some(endpoints) = described(pipeline, &model.name, by_arn) else { continue };
            let mut serving = endpoints.iter().filter(|(_, endpoint)| endpoint.in_service()).peekable();
            if serving.peek().is_none() {
                let state = if endpoints.is_empty() { "has no endpoint" } else { "has no endpoint in service" };
                let detail = format!("model {} is declared and {state}", quoted(&model.name));
                found("", FindingKind::NotDeployed, detail);
            }
            for (arn, endpoint) in serving {
                for detail in differences(model, endpoint, instances(&endpoint.config_name)) {
                    found(arn, FindingKind::DiffersFromFile, detail);
                }
            }
        }
        for stage in &pipeline.stages {
            let name = tag("stage", &stage.name);
            let endpoints = endpoints(stage, by_arn);
            if let Some((arn, _)) = endpoints.first()
                && !models.iter().any(|model| tag("stage", &model.name) == name)
            {
                let detail = format!("stage {} is deployed and not declared", quoted(&stage.name));
                found(arn, FindingKind::NotDeclared, detail);
            }
        }
    }
    findings
}

/// A stage that a pipeline file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredStage {
    /// Place of its pipeline in the list of pipelines.
    pub pipeline: usize,
    /// As the file says.
    pub stage: String,
    /// Whether no endpoint of it is in service.
    pub missing: bool,
}

/// Every declared stage of the pipelines of one account and region, and whether it is there. Nothing is said of one
/// whose endpoints have not been described yet.
#[must_use]
pub fn stages(files: Files<'_>, pipelines: &[Pipeline], by_arn: &BTreeMap<&str, &Resource>) -> Vec<DeclaredStage> {
    let of_pipeline = |(index, pipeline): (usize, &Pipeline)| {
        let declarations = declarations(files, pipeline);
        let stages = models(&declarations).filter_map(|model| {
            let endpoints = described(pipeline, &model.name, by_arn)?;
            let missing = !endpoints.iter().any(|(_, endpoint)| endpoint.in_service());
            Some(DeclaredStage { pipeline: index, stage: model.name.clone(), missing })
        });
        stages.collect::<Vec<_>>()
    };
    pipelines.iter().enumerate().flat_map(of_pipeline).collect()
}

/// The endpoints of a stage by their ARNs; `None` while one of them has not been described.
fn described<'a>(
    pipeline: &'a Pipeline,
    stage: &str,
    by_arn: &BTreeMap<&'a str, &'a Resource>,
) -> Option<Vec<(&'a str, &'a Endpoint)>> {
    let endpoints = pipeline.stage(stage).map(|stage| endpoints(stage, by_arn)).unwrap_or_default();
    endpoints.into_iter().map(|(arn, endpoint)| Some((arn, endpoint?))).collect()
}

/// Declared pipelines of which nothing is deployed in any of `pipelines`, which are those of every account and region:
/// name and environment, the latter empty when the file declares them for any. What a deployment has declared is told
/// only for environments of which something was found: the others are in accounts that nobody has asked.
#[must_use]
pub fn undeployed(files: Files<'_>, pipelines: &[Pipeline]) -> Vec<(String, String)> {
    let named = files.named.iter().flat_map(|file| &file.environments);
    let named = named.flat_map(|(environment, list)| list.iter().map(move |entry| (&entry.name, environment)));
    let mut missing: Vec<(String, String)> = named
        .filter(|(name, environment)| !pipelines.iter().any(|pipeline| is_meant(name, environment, pipeline)))
        .map(|(name, environment)| (name.clone(), environment.clone()))
        .collect();
    for Deployed { unit, .. } in files.deployed.iter().filter(|deployed| deployed.pipeline.is_some()) {
        let wanted = tag("environment", &unit.environment);
        let seen = pipelines.iter().any(|pipeline| tag("environment", &pipeline.environment) == wanted);
        if seen && !pipelines.iter().any(|pipeline| pipeline.is(&unit.pipeline, &unit.environment)) {
            missing.push((unit.pipeline.clone(), unit.environment.clone()));
        }
    }
    missing.sort();
    missing.dedup();
    missing
}

fn is_meant(name: &str, environment: &str, pipeline: &Pipeline) -> bool {
    let environment = if environment.is_empty() { pipeline.environment.as_str() } else { environment };
    pipeline.is(name, environment)
}

fn declarations<'a>(files: Files<'a>, pipeline: &Pipeline) -> Vec<Declaration<'a>> {
    let all = files.named.iter().flat_map(|file| &file.environments);
    let all = all.flat_map(|(environment, entries)| entries.iter().map(move |entry| (environment, entry)));
    let named = all.filter(|(environment, entry)| is_meant(&entry.name, environment, pipeline));
    let named: Vec<_> = named.map(|(_, pipeline)| Declaration { pipeline, source: None }).collect();
    if !named.is_empty() {
        return named;
    }
    let deployed = files.deployed.iter().filter(|it| pipeline.is(&it.unit.pipeline, &it.unit.environment));
    deployed.filter_map(|it| Some(Declaration { pipeline: it.pipeline.as_ref()?, source: Some(&it.source) })).collect()
}

fn models<'a>(declarations: &[Declaration<'a>]) -> impl Iterator<Item = &'a DeclaredModel> {
    declarations.iter().flat_map(|declaration| &declaration.pipeline.models)
}

/// `"pipelines/lease.yaml" of acme/ml at commit 1a2b3c4d5e6f`.
fn told(Source { repository, yaml, sha }: &Source) -> String {
    let sha: String = sha.chars().take(12).collect();
    format!("{} of {repository} at commit {sha}", quoted(yaml))
}

fn endpoints<'a>(stage: &Stage, by_arn: &BTreeMap<&'a str, &'a Resource>) -> Vec<(&'a str, Option<&'a Endpoint>)> {
    let resources = stage.resources.iter().filter_map(|arn| by_arn.get(arn.as_str()).copied());
    resources
        .filter_map(|resource| match &resource.kind {
            ResourceKind::Endpoint(endpoint) => Some((resource.arn.as_str(), endpoint.as_ref())),
            _ => None,
        })
        .collect()
}

fn differences(model: &DeclaredModel, endpoint: &Endpoint, instances: Option<u32>) -> Vec<String> {
    let mut differences = Vec::new();
    if model.is_async != (endpoint.kind == EndpointKind::Async) {
        let declared = if model.is_async { "async" } else { "not async" };
        differences.push(format!("declared as {declared}, deployed as {}", endpoint.kind));
    }
    if let Some(wanted) = &model.instance_type {
        let types = endpoint.variants.iter().filter_map(|variant| variant.instance_type.as_deref());
        for other in types.filter(|kind| kind != wanted) {
            differences.push(format!("declared on {}, deployed on {other}", quoted(wanted)));
        }
    }
    if let (Some(wanted), Some(deployed)) = (model.count, instances)
        && wanted != deployed
    {
        differences.push(format!("declared with {wanted} instances, deployed with {deployed}"));
    }
    differences
}

#[cfg(test)]
mod tests;
