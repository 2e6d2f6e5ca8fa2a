//! Repositories, workflows, runs, attempts, jobs and artifacts.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Value, json};

use super::{
    Answer, Asked, NOT_FOUND, Refused, bodies,
    history::{Attempt, Deploy},
};

/// What a list shows at most when it is filtered.
const MOST_FILTERED: usize = 1_000;

/// Parameters that filter. <https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-workflow>
const FILTERS: [&str; 7] = ["actor", "branch", "check_suite_id", "created", "event", "head_sha", "status"];

#[expect(clippy::unnecessary_wraps, reason = "one form for all operations")]
pub(super) fn repository(asked: &Asked<'_>) -> Result<Answer, Refused> {
    Ok(bodies::repository(asked.repository).into())
}

#[expect(clippy::unnecessary_wraps, reason = "one form for all operations")]
pub(super) fn workflows(asked: &Asked<'_>) -> Result<Answer, Refused> {
    Ok(asked.page(&[asked.repository], 1, "workflows", |repository| bodies::workflow(repository)))
}

pub(super) fn list(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let workflow = asked.part("workflow");
    if workflow != asked.repository.workflow && workflow != asked.repository.workflow_id.to_string() {
        return Err(NOT_FOUND);
    }
    let span = asked.word("created").map(span);
    let fits = |deploy: &&Deploy| span.is_none_or(|(from, to)| (from..=to).contains(&deploy.created()));
    let found: Vec<&Deploy> = asked.repository.deploys_at(asked.now).filter(fits).collect();
    let most = if FILTERS.iter().any(|filter| asked.word(filter).is_some()) { MOST_FILTERED } else { usize::MAX };
    Ok(asked.page(&found, most, "workflow_runs", |deploy| newest(asked, deploy)))
}

/// `>=A`, `<=B`, `A..B`, with a star for an open end; a day is the whole of it.
fn span(text: &str) -> (DateTime<Utc>, DateTime<Utc>) {
    let (earliest, latest) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    if let Some((from, to)) = text.split_once("..") {
        return (instant(from, false).unwrap_or(earliest), instant(to, true).unwrap_or(latest));
    }
    if let Some(from) = text.strip_prefix(">=") {
        return (instant(from, false).unwrap_or(earliest), latest);
    }
    if let Some(to) = text.strip_prefix("<=") {
        return (earliest, instant(to, true).unwrap_or(latest));
    }
    (instant(text, false).unwrap_or(earliest), instant(text, true).unwrap_or(latest))
}

fn instant(text: &str, end: bool) -> Option<DateTime<Utc>> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        let time = if end { NaiveTime::from_hms_opt(23, 59, 59)? } else { NaiveTime::MIN };
        return Some(day.and_time(time).and_utc());
    }
    text.parse().ok()
}

/// A run as its newest attempt leaves it.
fn newest(asked: &Asked<'_>, deploy: &Deploy) -> Value {
    bodies::run(asked.repository, deploy, deploy.attempts_at(asked.now).len(), asked.now)
}

fn deploy<'a>(asked: &'a Asked<'_>) -> Result<&'a Deploy, Refused> {
    let id = asked.number("id");
    asked.repository.deploys_at(asked.now).find(|deploy| Some(deploy.id) == id).ok_or(NOT_FOUND)
}

pub(super) fn one(asked: &Asked<'_>) -> Result<Answer, Refused> {
    Ok(newest(asked, deploy(asked)?).into())
}

/// The run and the number of the attempt that is asked for.
fn attempted<'a>(asked: &'a Asked<'_>) -> Result<(&'a Deploy, usize), Refused> {
    let deploy = deploy(asked)?;
    let attempts: &[Attempt] = deploy.attempts_at(asked.now);
    let number = asked.number("attempt").and_then(|number| usize::try_from(number).ok());
    let number = number.filter(|number| (1..=attempts.len()).contains(number)).ok_or(NOT_FOUND)?;
    Ok((deploy, number))
}

pub(super) fn attempt(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let (deploy, number) = attempted(asked)?;
    Ok(bodies::run(asked.repository, deploy, number, asked.now).into())
}

pub(super) fn jobs(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let (deploy, number) = attempted(asked)?;
    let jobs = bodies::jobs(asked.repository, deploy, number, asked.now);
    Ok(asked.page(&jobs, usize::MAX, "jobs", Value::clone))
}

pub(super) fn artifacts(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let artifact = bodies::artifact(asked.repository, deploy(asked)?, asked.now);
    Ok(json!({"total_count": 1, "artifacts": [artifact]}).into())
}
