//! Pipeline files: what should be deployed, against what is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::declared::{Declared, DeclaredModel, DeclaredPipeline, parse};
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

/// Takes from the files what the tags do not tell: dependencies of stages that have none, who calls Textract, and that a
/// pipeline is declared.
pub fn complete(files: &[Declared], pipelines: &mut [Pipeline]) {
    for pipeline in pipelines {
        pipeline.declared = is_declared(files, pipeline);
        for model in models(files, pipeline) {
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
    files: &[Declared],
    pipelines: &[Pipeline],
    by_arn: &BTreeMap<&str, &Resource>,
    instances: impl Fn(&str) -> Option<u32>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for pipeline in pipelines {
        let models = models(files, pipeline);
        if !is_declared(files, pipeline) {
            continue;
        }
        let mut found = |resource: &str, kind, detail| {
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
pub fn stages(files: &[Declared], pipelines: &[Pipeline], by_arn: &BTreeMap<&str, &Resource>) -> Vec<DeclaredStage> {
    let of_pipeline = |(index, pipeline): (usize, &Pipeline)| {
        let stages = models(files, pipeline).into_iter().filter_map(|model| {
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
/// name and environment, the latter empty when the file declares them for any.
#[must_use]
pub fn undeployed(files: &[Declared], pipelines: &[Pipeline]) -> Vec<(String, String)> {
    let mut missing = Vec::new();
    for (environment, declared) in files.iter().flat_map(|file| &file.environments) {
        for entry in declared {
            let deployed = pipelines.iter().any(|pipeline| is_meant(environment, entry, pipeline));
            if !deployed {
                missing.push((entry.name.clone(), environment.clone()));
            }
        }
    }
    missing.sort();
    missing.dedup();
    missing
}

fn is_meant(environment: &str, entry: &DeclaredPipeline, pipeline: &Pipeline) -> bool {
    let environment = if environment.is_empty() { pipeline.environment.as_str() } else { environment };
    pipeline.is(&entry.name, environment)
}

fn declarations<'a>(files: &'a [Declared], pipeline: &Pipeline) -> impl Iterator<Item = &'a DeclaredPipeline> {
    let all = files.iter().flat_map(|file| &file.environments);
    all.flat_map(move |(environment, entries)| {
        entries.iter().filter(move |entry| is_meant(environment, entry, pipeline))
    })
}

fn is_declared(files: &[Declared], pipeline: &Pipeline) -> bool {
    declarations(files, pipeline).next().is_some()
}

fn models<'a>(files: &'a [Declared], pipeline: &Pipeline) -> Vec<&'a DeclaredModel> {
    declarations(files, pipeline).flat_map(|entry| &entry.models).collect()
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
