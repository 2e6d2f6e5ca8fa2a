//! A deployment, and what is said of it later, as Datadog takes them. Pure.

use serde_json::{Value, json};

use crate::model::dora::{Deployment, DeploymentId, Judged, Outcome, Rules};
use crate::model::tag::{MAX_TAG_CHARS, normalize_value, tag};
use crate::sink::dora::decide::{Mark, Remedy};

/// Most tags of one's own. <https://docs.datadoghq.com/api/latest/dora-metrics/>
const MAX_TAGS: usize = 100;

/// When the attempt that decided began and ended, Unix seconds; `None` while there is none.
pub(super) fn times(judged: &Judged<'_>) -> Option<(i64, i64)> {
    let attempts = &judged.deployment.attempts;
    let (attempt, finished_at) = match judged.outcome {
        Outcome::Reached { started_at, finished_at, .. } => return Some((started_at.min(finished_at), finished_at)),
        Outcome::Failed { attempt, finished_at } => (attempts.get(&attempt), finished_at),
        Outcome::Cancelled { finished_at } => (attempts.last_key_value().map(|(_, last)| last), finished_at?),
        Outcome::Pending => return None,
    };
    let started_at = attempt.and_then(|attempt| attempt.started_at).unwrap_or(finished_at);
    Some((started_at.min(finished_at), finished_at))
}

/// The body of `POST /api/v2/dora/deployment`. `tags` are put on everything that is sent. Times in seconds.
pub(super) fn deployment(
    judged: &Judged<'_>,
    started_at: i64,
    finished_at: i64,
    rules: &Rules,
    tags: &[String],
) -> Value {
    let deployment = judged.deployment;
    let unit = deployment.unit.key();
    let mut attributes = json!({
        "id": judged.id.as_str(),
        "service": unit.pipeline,
        "env": unit.environment,
        "started_at": started_at,
        "finished_at": finished_at,
        "custom_tags": custom_tags(deployment, tags),
    });
    if let Some(team) = deployment.team.as_deref().map(normalize_value).filter(|team| !team.is_empty()) {
        attributes["team"] = json!(team);
    }
    if !rules.is_development(&deployment.unit.environment) {
        if let Some(version) = deployment.version.as_deref().map(plain).filter(|version| !version.is_empty()) {
            attributes["version"] = json!(version);
        }
        if let Some(git) = git(deployment) {
            attributes["git"] = git;
        }
    }
    json!({ "data": { "attributes": attributes } })
}

/// What filters and what leads back to the run. A link that a tag cannot hold whole is left out.
fn custom_tags(deployment: &Deployment, everywhere: &[String]) -> Vec<String> {
    let origin = &deployment.origin;
    let mut tags = vec![
        tag("pipeline", &deployment.unit.pipeline),
        tag("environment", &deployment.unit.environment),
        tag("repository", &origin.repository),
        tag("workflow", origin.workflow.rsplit('/').next().unwrap_or_default()),
        tag("run", &deployment.run.to_string()),
    ];
    tags.extend(origin.branch.as_deref().map(|branch| tag("branch", branch)));
    tags.extend(deployment.commit.sha().map(|sha| tag("commit", sha)));
    let run_url = tag("run_url", &origin.url);
    if run_url.strip_prefix("run_url:").is_some_and(|url| url.eq_ignore_ascii_case(&origin.url)) {
        tags.push(run_url);
    }
    tags.extend(everywhere.iter().cloned());
    tags.sort_unstable();
    tags.dedup();
    tags.truncate(MAX_TAGS);
    tags
}

/// Datadog takes a whole commit and the address of its repository, or neither.
fn git(deployment: &Deployment) -> Option<Value> {
    let sha = deployment.commit.sha().filter(|sha| sha.len() == 40 && sha.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let repository = deployment.origin.repository_url()?;
    let legal = |c: char| c.is_ascii_graphic() && !"<>\"'`\\".contains(c);
    let is_address = repository.starts_with("https://") || repository.starts_with("http://");
    (is_address && repository.chars().all(legal))
        .then(|| json!({ "commit_sha": sha.to_ascii_lowercase(), "repository_url": repository }))
}

/// A text from outside, cut and without what no screen should get.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TAG_CHARS).collect::<String>().trim().to_owned()
}

/// The body of `PATCH /api/v2/dora/deployments/{id}`.
pub(super) fn patch(id: &DeploymentId, mark: &Mark<'_>) -> Value {
    let attributes = match mark {
        Mark::Sound => json!({ "change_failure": false }),
        Mark::Failed(None) => json!({ "change_failure": true }),
        Mark::Failed(Some(Remedy { by, is_rollback })) => {
            let kind = if *is_rollback { "rollback" } else { "rollforward" };
            json!({ "change_failure": true, "remediation": { "id": by.as_str(), "type": kind } })
        }
    };
    json!({ "data": { "attributes": attributes, "id": id.as_str(), "type": "dora_deployment_patch_request" } })
}
