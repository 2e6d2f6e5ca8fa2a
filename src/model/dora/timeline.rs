//! What happened to one unit, in the order of time.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::declared::Source;
use crate::model::dora::deployment::{Attempt, AttemptState, Deployment, Entry};
use crate::model::dora::id::{Action, DeploymentId, Unit, UnitKey};
use crate::model::dora::ledger::Ledger;
use crate::model::dora::rules::Rules;

/// How a deployment ended, all attempts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Outcome {
    /// An attempt succeeded; the first that did gives the times.
    Reached {
        /// Its number.
        attempt: u32,
        /// When its deploy job began.
        started_at: i64,
        /// When its deploy job ended: the time of the deployment.
        finished_at: i64,
    },
    /// The last attempt failed or timed out, and none succeeded.
    Failed {
        /// Its number.
        attempt: u32,
        /// When its deploy job ended.
        finished_at: i64,
    },
    /// The last attempt was cancelled, and none succeeded.
    Cancelled {
        /// When its deploy job ended; `None` when it never began.
        finished_at: Option<i64>,
    },
    /// Waiting, running, or its times are not known yet.
    Pending,
}

impl Outcome {
    /// How all attempts of a deployment together ended.
    #[must_use]
    pub fn of(deployment: &Deployment, rules: &Rules) -> Self {
        if let Some((attempt, started_at, finished_at)) = successes(deployment).next() {
            return Self::Reached { attempt, started_at, finished_at };
        }
        let Some((number, last)) = deployment.attempts.last_key_value() else { return Self::Pending };
        match (state(last, rules), last.finished_at) {
            (AttemptState::Failed | AttemptState::TimedOut, Some(finished_at)) => {
                Self::Failed { attempt: *number, finished_at }
            }
            (AttemptState::Cancelled, finished_at) => Self::Cancelled { finished_at },
            _ => Self::Pending,
        }
    }

    /// When it ended.
    #[must_use]
    pub fn finished_at(self) -> Option<i64> {
        match self {
            Self::Reached { finished_at, .. } | Self::Failed { finished_at, .. } => Some(finished_at),
            Self::Cancelled { finished_at } => finished_at,
            Self::Pending => None,
        }
    }
}

/// How an attempt ended: a job that was cancelled after as long as its timeout has timed out.
#[must_use]
pub fn state(attempt: &Attempt, rules: &Rules) -> AttemptState {
    let ran = attempt.started_at.zip(attempt.finished_at).map(|(started, finished)| finished.saturating_sub(started));
    match attempt.state {
        AttemptState::Cancelled if ran.is_some_and(|ran| ran >= rules.job_timeout) => AttemptState::TimedOut,
        state => state,
    }
}

/// Attempts that succeeded and whose end is known: number, begin, end.
fn successes(deployment: &Deployment) -> impl Iterator<Item = (u32, i64, i64)> {
    deployment.attempts.iter().filter(|(_, attempt)| attempt.state == AttemptState::Succeeded).filter_map(
        |(number, attempt)| {
            let finished = attempt.finished_at?;
            Some((*number, attempt.started_at.unwrap_or(finished), finished))
        },
    )
}

/// One time that something reached the environment: a re-run that succeeds again does so again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) id: &'a DeploymentId,
    pub(super) entry: &'a Entry,
    pub(super) deployment: &'a Deployment,
    pub(super) finished_at: i64,
    /// Whether it is the deployment's first: the only one that is counted.
    pub(super) first: bool,
}

impl Arrival<'_> {
    pub(super) fn is_destroy(&self) -> bool {
        self.deployment.action == Action::Destroy
    }

    pub(super) fn sha(&self) -> Option<&str> {
        self.deployment.commit.sha()
    }
}

/// All arrivals of each unit, in the order in which they ended.
pub(super) fn timelines(ledger: &Ledger) -> BTreeMap<UnitKey, Vec<Arrival<'_>>> {
    let mut timelines: BTreeMap<UnitKey, Vec<Arrival<'_>>> = BTreeMap::new();
    for (id, entry) in &ledger.entries {
        let Some(deployment) = &entry.deployment else { continue };
        if deployment.action == Action::Preview {
            continue;
        }
        let timeline = timelines.entry(deployment.unit.key()).or_default();
        for (index, (_, _, finished_at)) in successes(deployment).enumerate() {
            timeline.push(Arrival { id, entry, deployment, finished_at, first: index == 0 });
        }
    }
    for timeline in timelines.values_mut() {
        timeline.sort_by_key(|arrival| (arrival.finished_at, arrival.id, !arrival.first));
    }
    timelines
}

impl Ledger {
    /// What each unit was last made from: the file that its newest arrival was deployed from, at that commit. Nothing is
    /// said of a unit that was destroyed since, or whose commit or file is not known.
    #[must_use]
    pub fn in_force(&self) -> Vec<(Unit, Source)> {
        let of_unit = |timeline: Vec<Arrival<'_>>| {
            let last = timeline.last().filter(|arrival| !arrival.is_destroy())?;
            let Deployment { unit, origin, commit, .. } = last.deployment;
            let (repository, yaml) = (origin.repository.clone(), origin.yaml.clone());
            let source = Source { repository, yaml, sha: commit.sha()?.to_owned() };
            (!source.yaml.is_empty()).then(|| (unit.clone(), source))
        };
        timelines(self).into_values().filter_map(of_unit).collect()
    }
}

/// One time that something was about to change the environment, whether or not it got there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touch<'a> {
    pub(super) id: &'a DeploymentId,
    pub(super) action: Action,
    pub(super) started_at: i64,
    /// `None` while it runs.
    pub(super) finished_at: Option<i64>,
}

/// All attempts of each unit that began, in the order in which they did.
pub(super) fn touches(ledger: &Ledger) -> BTreeMap<UnitKey, Vec<Touch<'_>>> {
    let mut touches: BTreeMap<UnitKey, Vec<Touch<'_>>> = BTreeMap::new();
    for (id, entry) in &ledger.entries {
        let Some(deployment) = &entry.deployment else { continue };
        let action = deployment.action;
        let begun = deployment.attempts.values().filter_map(|attempt| {
            let started_at = attempt.started_at.or(attempt.finished_at)?;
            Some(Touch { id, action, started_at, finished_at: attempt.finished_at })
        });
        if action != Action::Preview {
            touches.entry(deployment.unit.key()).or_default().extend(begun);
        }
    }
    for touches in touches.values_mut() {
        touches.sort_by_key(|touch| (touch.started_at, touch.id, touch.finished_at));
    }
    touches
}
