//! What the jobs of an attempt say of it.

use chrono::{DateTime, Utc};

use super::attribution::called;
use crate::client::github::Job;
use crate::model::dora::{Attempt, AttemptState, Call, Pattern};

/// An attempt, by its deploy job. When several jobs deploy, it begins with the first, ends with the last, and went as the
/// worst of them. Jobs that were skipped, or carried over from an earlier attempt, are none of it: when none is left, it
/// touched nothing, as if it had been cancelled before it began.
pub(super) fn attempt(jobs: &[Job], number: u32, over: bool, url: String, call: &Call, pattern: &Pattern) -> Attempt {
    let jobs = deploying(jobs, call, pattern).into_iter();
    let jobs: Vec<&Job> =
        jobs.filter(|job| !is_skipped(job) && job.run_attempt.is_none_or(|own| own == number)).collect();
    let seconds = |at: DateTime<Utc>| at.timestamp();
    let began = jobs.iter().filter(|job| has_begun(job)).filter_map(|job| job.started_at).min().map(seconds);
    let state = match jobs.iter().map(|job| state(job)).max_by_key(|state| badness(*state)) {
        Some(state) => state,
        None if over => AttemptState::Cancelled,
        None => AttemptState::Running,
    };
    let ended = || jobs.iter().filter(|job| has_begun(job)).filter_map(|job| job.completed_at).max().map(seconds);
    let finished_at = if state == AttemptState::Running { None } else { ended() };
    Attempt { state, started_at: began, finished_at, url }
}

/// The jobs that deploy: those whose name says what was asked for, else those whose name says so of anything, else those
/// with the word `deploy` in their name, else all.
fn deploying<'a>(jobs: &'a [Job], call: &Call, pattern: &Pattern) -> Vec<&'a Job> {
    let told = |job: &Job| called(pattern, job.name.as_deref().unwrap_or_default());
    let with = |fits: &dyn Fn(&Job) -> bool| jobs.iter().filter(|job| fits(job)).collect::<Vec<_>>();
    let ways: [&dyn Fn(&Job) -> bool; 3] =
        [&|job| told(job).is_some_and(|told| agrees(&told, call)), &|job| told(job).is_some(), &|job| {
            let name = job.name.as_deref().unwrap_or_default();
            name.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case("deploy"))
        }];
    ways.into_iter().map(with).find(|found| !found.is_empty()).unwrap_or_else(|| jobs.iter().collect())
}

/// Whether two calls can be one; what one of them does not say is no difference.
fn agrees(one: &Call, other: &Call) -> bool {
    let same = |one: &Option<String>, other: &Option<String>| one.is_none() || other.is_none() || one == other;
    one.action == other.action
        && one.environment == other.environment
        && same(&one.yaml, &other.yaml)
        && same(&one.pipeline, &other.pipeline)
}

fn is_skipped(job: &Job) -> bool {
    job.conclusion.as_deref() == Some("skipped")
}

fn is_over(job: &Job) -> bool {
    job.status.as_deref() == Some("completed")
}

/// Whether a runner took it. One that waits, and one that was cancelled while it waited, have a time all the same.
fn has_begun(job: &Job) -> bool {
    match job.status.as_deref() {
        Some("completed") => job.conclusion.as_deref() != Some("cancelled") || job.runner_id.is_some_and(|id| id > 0),
        status => status == Some("in_progress"),
    }
}

/// <https://docs.github.com/en/rest/actions/workflow-jobs>
fn state(job: &Job) -> AttemptState {
    if !is_over(job) {
        return AttemptState::Running;
    }
    match job.conclusion.as_deref() {
        Some("success" | "neutral") => AttemptState::Succeeded,
        Some("timed_out") => AttemptState::TimedOut,
        Some("failure") => AttemptState::Failed,
        // What is over has a conclusion: asked again it will be told.
        None => AttemptState::Running,
        // Also `stale` and `action_required`: nobody says that it did anything.
        _ => AttemptState::Cancelled,
    }
}

const fn badness(state: AttemptState) -> u8 {
    match state {
        AttemptState::Succeeded => 0,
        AttemptState::Cancelled => 1,
        AttemptState::TimedOut => 2,
        AttemptState::Failed => 3,
        AttemptState::Running => 4,
    }
}
