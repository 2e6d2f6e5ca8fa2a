//! One round of discovery, in steps, so that collection can go on while a cold start describes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use futures_util::stream;

use super::memory::{Memory, Remembered};
use super::series_tags::{resource, series_tags};
use super::{Inventory, Tracked, declared};
use crate::client::aws::sagemaker::{self, Description, ListedEndpoint};
use crate::client::aws::{Aws, AwsError, Class};
use crate::config::Settings;
use crate::model::declared::{Declared, Deployed};
use crate::model::pipeline::{Finding, FindingKind, Pipeline, Stage, check_dependencies, group, stage_of};
use crate::model::resource::{EndpointKind, Resource, ResourceKind, Scope};
use crate::model::series::sorted;
use crate::model::tag::{TagKeys, tag};

/// Endpoints that are described in one step.
const STEP: usize = 200;

/// A round under way. After [`open`](Self::open) and after every [`step`](Self::step) there is an
/// [`inventory`](Self::inventory) to use.
pub struct Round<'a> {
    aws: &'a Aws,
    settings: &'a Settings,
    /// Those of the wanted pipelines that exist, as far as is known. Endpoints carry no description here.
    resources: Vec<Resource>,
    pending: VecDeque<Pending>,
    /// Descriptions that are good for this round only, because a part is missing; by name in lower case.
    partial: BTreeMap<String, Remembered>,
    files: Vec<Declared>,
    deployed: &'a [Deployed],
    findings: Vec<Finding>,
    errors: Vec<AwsError>,
    described: usize,
}

/// An endpoint to be described.
struct Pending {
    arn: String,
    pipeline: String,
    name: String,
    /// Whether `ListEndpoints` told it. One that is tagged and not listed is asked for all the same: it may have been
    /// made a moment ago.
    listed: bool,
}

impl Pending {
    fn of(resource: &Resource, keys: &TagKeys, listed: bool) -> Self {
        Self {
            arn: resource.arn.clone(),
            pipeline: resource.tags.get(&keys.pipeline).cloned().unwrap_or_default(),
            name: resource.name.clone(),
            listed,
        }
    }
}

impl<'a> Round<'a> {
    /// Asks for tags and lists endpoints. What the memory knows of endpoints that have not changed is used at once.
    /// `deployed` is what GitHub tells of pipelines' files.
    ///
    /// # Errors
    /// When the tagged resources could not be had; the memory is as it was.
    pub async fn open(
        aws: &'a Aws,
        settings: &'a Settings,
        deployed: &'a [Deployed],
        memory: &mut Memory,
    ) -> Result<Self, AwsError> {
        let keys = &settings.tags;
        let tagged = aws.tagged(&keys.pipeline).await?;
        let resources = tagged.into_iter().map(resource);
        let wanted =
            |resource: &Resource| settings.pipelines.wants(resource.tags.get(&keys.pipeline).map_or("", |v| v.trim()));
        let resources: Vec<Resource> = resources.filter(wanted).collect();
        let (files, findings) = declared::read(&settings.pipelines.files, aws.scope()).await;
        let mut round = Self {
            aws,
            settings,
            resources,
            pending: VecDeque::new(),
            partial: BTreeMap::new(),
            files,
            deployed,
            findings,
            errors: Vec::new(),
            described: 0,
        };
        if round.resources.iter().any(|resource| matches!(resource.kind, ResourceKind::Endpoint(_))) {
            match aws.endpoints().await {
                Ok(listed) => round.match_endpoints(listed, memory),
                Err(error) => {
                    round.note(error);
                    round.ask_for_unknown(memory);
                }
            }
        }
        Ok(round)
    }

    /// Endpoints that are still to be described.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Describes up to 200 endpoints, `metrics.concurrency` at once. Does nothing when none is pending.
    pub async fn step(&mut self, memory: &mut Memory) {
        let aws = self.aws;
        let at_once = self.settings.metrics.concurrency.max(1);
        let batch: Vec<Pending> = self.pending.drain(..self.pending.len().min(STEP)).collect();
        let answers = concurrently(batch, at_once, |endpoint: Pending| async move {
            let answer = aws.describe_endpoint(&endpoint.name).await;
            (endpoint, answer)
        })
        .await;
        let told = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok().map(|answer| &answer.config_name));
        let unknown: BTreeSet<String> =
            told.filter(|name| !name.is_empty() && memory.config(name).is_none()).cloned().collect();
        let configs = concurrently(unknown.into_iter().collect(), at_once, |name: String| async move {
            let answer = aws.describe_endpoint_config(&name).await;
            (name, answer)
        })
        .await;
        let mut failed = BTreeMap::new();
        for (name, answer) in configs {
            match answer {
                Ok(config) => memory.remember_config(name, config),
                Err(error) => {
                    failed.insert(name, error);
                }
            }
        }
        for (endpoint, answer) in answers {
            match answer {
                Ok(description) => self.describe(&endpoint, description, &failed, memory),
                Err(error) => self.fail(&endpoint, error, memory),
            }
        }
    }

    /// What is known by `now`, from when on changes of tags count. Store the memory, then use the inventory: the two
    /// within the time that a minute is left alone before it is read (`metrics.delay`), or a minute could be sent under
    /// its old tags meanwhile.
    #[must_use]
    pub fn inventory(&self, memory: &mut Memory, now: DateTime<Utc>) -> Inventory {
        let keys = &self.settings.tags;
        let scope = self.aws.scope();
        let there = self.resources.iter().filter(|resource| !memory.is_orphan(resource));
        let resources: Vec<Resource> = there.map(|resource| self.known(resource, memory)).collect();
        let now = memory.open(now.timestamp());
        for resource in resources.iter().filter(|resource| is_measured(resource)) {
            memory.see(&resource.arn, &series_tags(resource, scope, keys), now);
        }
        let (mut pipelines, mut findings) = group(&resources, scope, keys, &self.settings.environments);
        let files = declared::Files { deployed: self.deployed, named: &self.files };
        declared::complete(files, &mut pipelines);
        findings.extend(self.findings.iter().cloned());
        findings.extend(pipelines.iter().flat_map(check_dependencies));
        let instances = |config: &str| memory.config(config).and_then(sagemaker::EndpointConfig::instances);
        let by_arn = declared::by_arn(&resources);
        findings.extend(declared::compare(files, &pipelines, &by_arn, instances));
        findings.sort();
        let declared = declared::stages(files, &pipelines, &by_arn);
        let shaped_since = self.shapes(&pipelines, &resources, memory);
        let textract = textract_tags(&pipelines, &resources, scope);
        if !textract.is_empty() {
            memory.see(TEXTRACT, &textract, now);
        }
        memory.miss();
        let tracked = |resource: Resource| {
            let stage = stage_of(&resource, keys).unwrap_or_default().to_owned();
            Arc::new(Tracked { epochs: memory.epochs(&resource.arn), stage, resource })
        };
        Inventory {
            scope: scope.clone(),
            resources: resources.into_iter().filter(is_measured).map(tracked).collect(),
            gone: memory.gone().into_iter().map(|(resource, until)| (tracked(resource), until)).collect(),
            pipelines,
            shaped_since,
            textract: if textract.is_empty() { Arc::from([]) } else { memory.epochs(TEXTRACT) },
            declared,
            findings,
            errors: self.errors.clone(),
            described: self.described,
            pending: self.pending.len(),
        }
    }

    /// Since when each pipeline has had its asynchronous endpoints in service and its order of stages.
    fn shapes(&self, pipelines: &[Pipeline], resources: &[Resource], memory: &mut Memory) -> Vec<i64> {
        let queues: BTreeSet<&str> = resources.iter().filter(|r| is_queue(r)).map(|r| r.arn.as_str()).collect();
        let of_stage = |stage: &Stage| {
            let here = stage.resources.iter().filter(|arn| queues.contains(arn.as_str()));
            let before = stage.depends_on.iter().map(|before| format!("{} after {before}", stage.name));
            here.map(|arn| format!("{} {arn}", stage.name)).chain(before).collect::<Vec<_>>()
        };
        let since = |pipeline: &Pipeline| {
            let parts = pipeline.stages.iter().flat_map(of_stage).collect();
            let name = format!("{}/{}", pipeline.name, pipeline.environment);
            memory.shaped_since(name, parts, self.pending.is_empty())
        };
        pipelines.iter().map(since).collect()
    }

    /// Finds the tagged endpoints among those listed, and those that have to be described.
    fn match_endpoints(&mut self, listed: Vec<ListedEndpoint>, memory: &mut Memory) {
        // Names are unique without regard to case, and the case of an ARN's may differ.
        let mut by_name: BTreeMap<String, ListedEndpoint> =
            listed.into_iter().map(|endpoint| (endpoint.name.to_lowercase(), endpoint)).collect();
        let (mut tagged, mut unlisted) = (BTreeSet::new(), BTreeSet::new());
        for resource in &mut self.resources {
            if !matches!(resource.kind, ResourceKind::Endpoint(_)) {
                continue;
            }
            let lower = resource.name.to_lowercase();
            let found = by_name.remove(&lower);
            tagged.insert(lower);
            if let Some(endpoint) = &found {
                resource.name.clone_from(&endpoint.name);
                memory.forget_config_of_recreated(endpoint);
            } else {
                unlisted.insert(resource.arn.clone());
            }
            if found.as_ref().is_none_or(|endpoint| memory.is_outdated(endpoint)) {
                self.pending.push_back(Pending::of(resource, &self.settings.tags, found.is_some()));
            }
        }
        memory.keep_endpoints(&tagged);
        memory.keep_orphans(&unlisted);
        memory.sweep_configs();
    }

    /// Without a list, endpoints that tags name and the memory does not know are asked for one by one.
    fn ask_for_unknown(&mut self, memory: &Memory) {
        for resource in &self.resources {
            if matches!(resource.kind, ResourceKind::Endpoint(_)) && memory.endpoint(&resource.name).is_none() {
                self.pending.push_back(Pending::of(resource, &self.settings.tags, false));
            }
        }
    }

    /// The resource with what is known of it.
    fn known(&self, resource: &Resource, memory: &Memory) -> Resource {
        let mut resource = resource.clone();
        if let ResourceKind::Endpoint(endpoint) = &mut resource.kind {
            let known = self.partial.get(&resource.name.to_lowercase()).or_else(|| memory.endpoint(&resource.name));
            if let Some(Remembered { name, endpoint: known }) = known {
                resource.name.clone_from(name);
                *endpoint = Some(known.clone());
            }
        }
        resource
    }

    fn describe(
        &mut self,
        pending: &Pending,
        description: Description,
        failed: &BTreeMap<String, AwsError>,
        memory: &mut Memory,
    ) {
        self.described += 1;
        let name = description.name.clone();
        // A configuration may be deleted while its endpoint lives on: then nobody can tell more.
        let config = memory.config(&description.config_name);
        let error = failed.get(&description.config_name).filter(|error| error.class != Class::NotFound);
        let endpoint = sagemaker::endpoint(description, config);
        match error {
            None => memory.remember(name, endpoint),
            Some(error) => {
                self.deny(pending, error);
                self.note(error.clone());
                self.partial.insert(name.to_lowercase(), Remembered { name, endpoint });
            }
        }
    }

    fn fail(&mut self, pending: &Pending, error: AwsError, memory: &mut Memory) {
        if error.class != Class::NotFound {
            self.deny(pending, &error);
            self.note(error);
            return;
        }
        memory.forget(&pending.name);
        memory.orphan(&pending.arn);
        self.resources.retain(|resource| resource.arn != pending.arn);
        let (kind, detail) = if pending.listed {
            (FindingKind::Deleted, "listed, and deleted before it could be described")
        } else {
            (FindingKind::Orphan, "tagged, and it does not exist")
        };
        self.found(pending, kind, detail.to_owned());
    }

    fn deny(&mut self, pending: &Pending, error: &AwsError) {
        if error.class == Class::AccessDenied {
            let detail = format!("{} is not allowed", error.api.action());
            self.found(pending, FindingKind::AccessDenied, detail);
        }
    }

    fn found(&mut self, pending: &Pending, kind: FindingKind, detail: String) {
        self.findings.push(Finding {
            scope: self.aws.scope().clone(),
            resource: pending.arn.clone(),
            pipeline: Some(pending.pipeline.clone()).filter(|name| !name.is_empty()),
            kind,
            detail,
        });
    }

    /// A thousand endpoints that fail in the same way are one error.
    fn note(&mut self, error: AwsError) {
        if !self.errors.iter().any(|known| known.api == error.api && known.class == error.class) {
            self.errors.push(error);
        }
    }
}

/// Stands for an ARN in the memory: what all pipelines of an account share has none.
const TEXTRACT: &str = "textract";

/// Tags of the account's Textract series; empty when no pipeline here declares that it calls Textract.
fn textract_tags(pipelines: &[Pipeline], resources: &[Resource], scope: &Scope) -> Arc<[String]> {
    let callers = pipelines.iter().filter(|pipeline| pipeline.stages.iter().any(|stage| stage.textract));
    let mut tags: Vec<String> = callers.map(|pipeline| tag("shared_by", &pipeline.name)).collect();
    if !tags.is_empty() {
        let mut ids = resources.iter().map(Resource::account_id);
        tags.push(tag("aws_account", ids.find(|id| !id.is_empty()).unwrap_or_default()));
        tags.push(tag("region", &scope.region));
    }
    sorted(tags)
}

fn is_queue(resource: &Resource) -> bool {
    matches!(&resource.kind, ResourceKind::Endpoint(Some(e)) if e.kind == EndpointKind::Async && e.in_service())
}

fn is_measured(resource: &Resource) -> bool {
    !matches!(resource.kind, ResourceKind::Other(_))
}

/// Makes one call for each item, so many at once, and gives the answers as they came.
async fn concurrently<T, U, F>(items: Vec<T>, at_once: usize, call: impl Fn(T) -> F) -> Vec<U>
where
    F: Future<Output = U>,
{
    stream::iter(items).map(call).buffer_unordered(at_once).collect().await
}

#[cfg(test)]
mod tests;
