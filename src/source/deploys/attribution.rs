//! What a run was asked to do, by what its title and the names of its jobs, deployments and artifacts say.

use crate::client::github::{Artifact, Deployment, Job};
use crate::config::settings::Workflow;
use crate::model::dora::{Call, Pattern};

/// What an artifact is called that says what its run deployed. A slash cannot be in such a name, so it is the pipeline.
/// <https://github.com/actions/upload-artifact>
const ARTIFACT: &str = "deploy-{pipeline}-{action}-{environment}";

/// Deployments that a run can be asked for, at most.
const MOST_CALLS: usize = 50;

/// A job's name, also as a called workflow's job has it: `outer / inner`.
pub(super) fn called(pattern: &Pattern, name: &str) -> Option<Call> {
    pattern.read(name).or_else(|| pattern.read(name.rsplit_once(" / ")?.1))
}

/// What the names of jobs say, each thing once.
pub(super) fn by_jobs(workflow: &Workflow, jobs: &[Job]) -> Vec<Call> {
    distinct(jobs.iter().filter_map(|job| called(&workflow.job_name, job.name.as_deref()?)))
}

/// What a recorded deployment says: that of a job has the job's environment alone, which names no pipeline unless somebody
/// called it so; one that a program made has a description.
pub(super) fn by_deployment(workflow: &Workflow, deployment: &Deployment) -> Option<Call> {
    let texts = [&deployment.description, &deployment.environment].into_iter().flatten();
    texts.into_iter().find_map(|text| workflow.run_name.read(text).or_else(|| called(&workflow.job_name, text)))
}

/// What the names of artifacts say. Also of those whose content is gone.
pub(super) fn by_artifacts(workflow: &Workflow, artifacts: &[Artifact]) -> Vec<Call> {
    let usual = Pattern::parse(ARTIFACT).ok();
    distinct(artifacts.iter().filter_map(|artifact| {
        let name = artifact.name.as_deref()?;
        let own = workflow.run_name.read(name).or_else(|| workflow.job_name.read(name));
        own.or_else(|| usual.as_ref()?.read(name))
    }))
}

fn distinct(calls: impl Iterator<Item = Call>) -> Vec<Call> {
    let mut found: Vec<Call> = Vec::new();
    for call in calls {
        if !found.contains(&call) && found.len() < MOST_CALLS {
            found.push(call);
        }
    }
    found
}
