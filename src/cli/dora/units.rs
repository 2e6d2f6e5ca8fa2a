//! One row of a report: a pipeline in an environment, or all of them together.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::dora::{Deployment, DeploymentId, Durations, Ledger, Metrics, Rate, UnitKey};

/// A row, with all that its numbers are made of.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    /// `None` for all units together: blended.
    #[serde(flatten)]
    pub(super) unit: Option<UnitKey>,
    /// As the pipelines' files said when these deployments were made.
    pub(super) teams: BTreeSet<String>,
    pub(super) summary: Numbers,
    #[serde(flatten)]
    pub(super) metrics: Metrics,
}

/// The numbers of a row. Durations in seconds; `None` of nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Numbers {
    pub(super) deployments: usize,
    pub(super) per_day: f64,
    pub(super) per_week: f64,
    pub(super) active_days: usize,
    pub(super) lead_time: Spread,
    /// Deployments of which it is not known.
    pub(super) lead_time_unknown: usize,
    /// Deployments that delivered no commit.
    pub(super) lead_time_without_commits: usize,
    pub(super) change_failure_rate: Share,
    pub(super) recovery_time: Spread,
    /// Failures that nothing has put right.
    pub(super) recovery_open: usize,
    pub(super) rework_rate: Share,
}

/// Durations in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Spread {
    pub(super) n: usize,
    pub(super) median: Option<i64>,
    pub(super) p90: Option<i64>,
}

/// k of n.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) rate: Option<f64>,
}

impl Row {
    pub(super) fn of(unit: Option<UnitKey>, metrics: Metrics, ledger: &Ledger, wanted: &[&Deployment]) -> Self {
        let Metrics { frequency, change_failure_rate, lead_time, recovery_time, rework_rate, weeks: _ } = &metrics;
        let summary = Numbers {
            deployments: frequency.deployments.len(),
            per_day: frequency.per_day,
            per_week: frequency.per_week,
            active_days: frequency.active_days,
            lead_time: spread(&lead_time.durations),
            lead_time_unknown: lead_time.unknown.len(),
            lead_time_without_commits: lead_time.without_commits.len(),
            change_failure_rate: share(change_failure_rate),
            recovery_time: spread(&recovery_time.durations),
            recovery_open: recovery_time.open.len(),
            rework_rate: share(rework_rate),
        };
        let counted = frequency.deployments.iter().map(|ended| &ended.id).chain(&change_failure_rate.of);
        let teams = teams(counted, unit.as_ref(), ledger, wanted);
        Self { unit, teams, summary, metrics }
    }
}

/// Teams of those that are counted; where none is, of the newest deployment.
fn teams<'a>(
    counted: impl Iterator<Item = &'a DeploymentId>,
    unit: Option<&UnitKey>,
    ledger: &Ledger,
    wanted: &[&Deployment],
) -> BTreeSet<String> {
    let team = |id: &DeploymentId| ledger.entries.get(id)?.deployment.as_ref()?.team.clone();
    let teams: BTreeSet<String> = counted.filter_map(team).collect();
    if !teams.is_empty() {
        return teams;
    }
    let own = wanted.iter().filter(|it| unit.is_some_and(|unit| it.unit.key() == *unit) && it.team.is_some());
    own.max_by_key(|it| it.created_at).and_then(|it| it.team.clone()).into_iter().collect()
}

fn spread(durations: &Durations) -> Spread {
    Spread { n: durations.observations.len(), median: durations.median, p90: durations.p90 }
}

fn share(rate: &Rate) -> Share {
    Share { k: rate.hits.len(), n: rate.of.len(), rate: rate.value() }
}
