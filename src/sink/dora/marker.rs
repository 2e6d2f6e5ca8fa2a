//! An event for each deployment, which dashboards draw as a line over their graphs. Pure.
//!
//! A query for it: `ddsync_event:deploy pipeline:lease environment:data_prod`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::catalogue::RESULTS;
use crate::model::dora::{Action, Judged, Outcome};
use crate::model::tag::{normalize_value, tag};
use crate::sink::dora::body::times;
use crate::sink::events::{MAX_TITLE, SOURCE, link};

/// What finds all of them.
pub(super) const QUERY: &str = "ddsync_event:deploy";

/// Datadog takes an event for 18 hours; some minutes less, since it has to arrive.
/// <https://docs.datadoghq.com/api/latest/events/#post-an-event>
pub(super) const MAX_AGE: i64 = 18 * 3_600 - 600;

/// How a deployment ended, as the tag `result` says it; `None` for what changes nothing and what has not ended.
pub(super) fn result(judged: &Judged<'_>) -> Option<&'static str> {
    let [succeeded, failed, cancelled, destroyed] = RESULTS;
    match (judged.deployment.action, judged.outcome) {
        (Action::Up, Outcome::Reached { .. }) => Some(succeeded),
        (Action::Destroy, Outcome::Reached { .. }) => Some(destroyed),
        (Action::Up, Outcome::Failed { .. }) => Some(failed),
        (Action::Up, Outcome::Cancelled { .. }) => Some(cancelled),
        (Action::Preview | Action::Destroy, _) | (_, Outcome::Pending) => None,
    }
}

/// The tags of a unit, as its series have them.
pub(super) fn unit_tags(judged: &Judged<'_>, team: Option<&str>) -> Vec<String> {
    let unit = &judged.deployment.unit;
    vec![
        tag("pipeline", &unit.pipeline),
        tag("environment", &unit.environment),
        tag("env", &unit.environment),
        tag("team", team.unwrap_or_default()),
    ]
}

/// The body of `POST /api/v1/events`.
///
/// A name in it could call people (`@pagerduty-x`) or be markup, so every text from outside is as in a tag.
pub(super) fn event(judged: &Judged<'_>, everywhere: &[String]) -> Value {
    let deployment = judged.deployment;
    let unit = deployment.unit.key();
    let result = result(judged).unwrap_or("none");
    let (title, alert_type) = match result {
        "destroyed" => (format!("{} destroyed in {}", unit.pipeline, unit.environment), "info"),
        "succeeded" => (format!("{} deployed to {}", unit.pipeline, unit.environment), "success"),
        _ => (format!("{} failed to deploy to {}", unit.pipeline, unit.environment), "error"),
    };
    let mut tags = unit_tags(judged, deployment.team.as_deref());
    tags.extend([QUERY.to_owned(), tag("result", result), own_tag(judged)]);
    tags.extend(everywhere.iter().cloned());
    json!({
        "title": title.chars().take(MAX_TITLE).collect::<String>(),
        "text": text(judged),
        "date_happened": judged.finished_at(),
        "alert_type": alert_type,
        "source_type_name": SOURCE,
        "tags": tags,
    })
}

fn text(judged: &Judged<'_>) -> String {
    let deployment = judged.deployment;
    let origin = &deployment.origin;
    let mut lines = vec![link(&format!("Run {}", deployment.run), &origin.url)];
    if let Some((started_at, finished_at)) = times(judged) {
        lines.push(format!("It took {} min.", (finished_at - started_at + 30) / 60));
    }
    let from = origin.branch.as_deref().map(|branch| format!(" from {}", normalize_value(branch)));
    if let Some(sha) = deployment.commit.sha().map(normalize_value) {
        let short: String = sha.chars().take(12).collect();
        let repository = origin.repository_url().unwrap_or_default();
        let commit = link(&format!("Commit {short}"), &format!("{repository}/commit/{sha}"));
        lines.push(format!("{commit}{}", from.unwrap_or_default()));
    }
    format!("%%% \n{}\n %%%", lines.join("\n\n"))
}

/// The tag that only the event of this deployment has, and of this end: a re-run may end otherwise. A digest: in a tag, two
/// ids could look alike.
pub(super) fn own_tag(judged: &Judged<'_>) -> String {
    let written = format!("{} {}", judged.finished_at().unwrap_or_default(), judged.id.as_str());
    let digest = Sha256::digest(written.as_bytes());
    let digest = digest.iter().take(8).fold(0_u64, |digest, byte| (digest << 8) | u64::from(*byte));
    format!("deployment:{digest:016x}")
}

/// The tags by which the events of a search are known.
pub(super) fn own_tags(events: &[Value]) -> BTreeSet<&str> {
    let tags = events.iter().filter_map(|event| event["attributes"]["tags"].as_array()).flatten();
    tags.filter_map(Value::as_str).filter(|tag| tag.starts_with("deployment:")).collect()
}
