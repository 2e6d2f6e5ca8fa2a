//! The five metrics. Each carries the ids that it is made of, so that it can be worked out again by hand.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::dora::commits::{Lead, NoLead};
use crate::model::dora::id::DeploymentId;
use crate::model::dora::judge::{Judged, Standing};
use crate::model::dora::percentile::percentile;
use crate::model::dora::report::{DAY, Window};

/// The five metrics of some deployments in a window, and the weeks that it is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// How often.
    pub frequency: Frequency,
    /// Failures among the deployments.
    pub change_failure_rate: Rate,
    /// How old the delivered commits were.
    pub lead_time: LeadTimes,
    /// How long failures lasted.
    pub recovery_time: Recoveries,
    /// Rollbacks, reverts and hotfixes of a failure among the deployments.
    pub rework_rate: Rate,
    /// The oldest first. Weeks are counted back from the window's end; the oldest may be shorter.
    pub weeks: Vec<Week>,
}

/// Deployment frequency: the `up`s that reached the environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Frequency {
    /// Which, and of when; their number is n.
    pub deployments: Vec<Ended>,
    /// n / days.
    pub per_day: f64,
    /// 7 * n / days.
    pub per_week: f64,
    /// Days of the window's zone with at least one. A window that does not begin at midnight touches one day more.
    pub active_days: usize,
}

/// A deployment that reached the environment: with the window's zone it says which day and which week it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Which.
    pub id: DeploymentId,
    /// The end of its deploy job, Unix seconds.
    pub finished_at: i64,
}

/// k of n.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// The k.
    pub hits: Vec<DeploymentId>,
    /// The n; the k are among them.
    pub of: Vec<DeploymentId>,
}

impl Rate {
    /// k / n, and `None` when n is 0: nothing deployed is not "no failures".
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of deployments are far below 2^52")]
    pub fn value(&self) -> Option<f64> {
        (!self.of.is_empty()).then(|| self.hits.len() as f64 / self.of.len() as f64)
    }
}

/// Durations in seconds, by [`percentile`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Durations {
    /// In the order of time; their number is n.
    pub observations: Vec<Observation>,
    /// `None` when n is 0.
    pub median: Option<i64>,
    /// `None` when n is 0.
    pub p90: Option<i64>,
}

/// One duration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Observation {
    /// How long.
    pub seconds: i64,
    /// The deployment that delivered, or that failed.
    pub deployment: DeploymentId,
    /// The commit that was delivered, or the deployment that put it right.
    pub with: String,
}

/// Lead times: one for each commit and unit that it was delivered to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeadTimes {
    /// Author date -> deployment finished.
    pub durations: Durations,
    /// Deployments that delivered no commit of this pipeline.
    pub without_commits: Vec<DeploymentId>,
    /// Deployments of which it is not known, and why.
    pub unknown: Vec<(DeploymentId, NoLead)>,
}

/// Failed deployment recovery times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Recoveries {
    /// Failed deployment finished -> remediation finished.
    pub durations: Durations,
    /// Failures that nothing has put right yet. They are in no median.
    pub open: Vec<DeploymentId>,
}

/// One week of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Week {
    /// From this instant on.
    pub from: i64,
    /// Up to this one, which is in the next week.
    pub to: i64,
    /// Deployments: the bar.
    pub deployments: usize,
    /// k of the change failure rate.
    pub failures: usize,
    /// n of the change failure rate.
    pub of: usize,
}

/// The metrics of those deployments that ended in the window. Failures belong to the window in which they were deployed,
/// whenever they were found out or put right.
#[must_use]
pub fn metrics(judged: &[&Judged<'_>], window: &Window) -> Metrics {
    let within: Vec<&Judged<'_>> = judged.iter().copied().filter(|it| window.holds(it.finished_at())).collect();
    let counted: Vec<&Judged<'_>> = within.iter().copied().filter(|it| it.standing == Standing::Counts).collect();
    let at_risk: Vec<&Judged<'_>> = within.iter().copied().filter(|it| is_at_risk(it)).collect();
    Metrics {
        frequency: frequency(&counted, window),
        change_failure_rate: rate(&at_risk, |it| it.failure),
        lead_time: lead_time(&counted),
        recovery_time: recovery_time(&at_risk),
        rework_rate: rate(&counted, |it| !it.remedies.is_empty()),
        weeks: window.weeks().map(|(from, to)| week(&within, from, to)).collect(),
    }
}

fn is_at_risk(judged: &Judged<'_>) -> bool {
    matches!(judged.standing, Standing::Counts | Standing::CountsAsFailedUp)
}

#[expect(clippy::cast_precision_loss, reason = "counts of deployments are far below 2^52")]
fn frequency(counted: &[&Judged<'_>], window: &Window) -> Frequency {
    let (n, days) = (counted.len() as f64, f64::from(window.days));
    let day = |at: i64| at.saturating_add(window.zone.local_minus_utc().into()).div_euclid(DAY);
    let ended = counted.iter().filter_map(|it| Some(Ended { id: it.id.clone(), finished_at: it.finished_at()? }));
    let deployments: Vec<Ended> = ended.collect();
    let active: BTreeSet<i64> = deployments.iter().map(|ended| day(ended.finished_at)).collect();
    let share = |count: f64| if days > 0.0 { count / days } else { 0.0 };
    Frequency { deployments, per_day: share(n), per_week: share(7.0 * n), active_days: active.len() }
}

fn rate(of: &[&Judged<'_>], hit: impl Fn(&Judged<'_>) -> bool) -> Rate {
    let hits = of.iter().filter(|it| hit(it)).map(|it| it.id.clone()).collect();
    Rate { hits, of: ids(of) }
}

fn lead_time(counted: &[&Judged<'_>]) -> LeadTimes {
    let mut times = LeadTimes::default();
    let mut observations = Vec::new();
    for judged in counted {
        match &judged.lead {
            Lead::Unknown(why) => times.unknown.push((judged.id.clone(), *why)),
            Lead::Known { commits, .. } if commits.is_empty() => times.without_commits.push(judged.id.clone()),
            Lead::Known { commits, .. } => observations.extend(commits.iter().map(|commit| Observation {
                seconds: commit.seconds,
                deployment: judged.id.clone(),
                with: commit.sha.clone(),
            })),
        }
    }
    times.durations = durations(observations);
    times
}

fn recovery_time(at_risk: &[&Judged<'_>]) -> Recoveries {
    let mut observations = Vec::new();
    let mut open = Vec::new();
    for failed in at_risk.iter().filter(|it| it.failure) {
        match &failed.recovery {
            None => open.push(failed.id.clone()),
            Some(recovery) => observations.push(Observation {
                seconds: recovery.seconds,
                deployment: failed.id.clone(),
                with: recovery.by.to_string(),
            }),
        }
    }
    Recoveries { durations: durations(observations), open }
}

fn durations(observations: Vec<Observation>) -> Durations {
    let seconds: Vec<i64> = observations.iter().map(|observation| observation.seconds).collect();
    Durations { median: percentile(&seconds, 50), p90: percentile(&seconds, 90), observations }
}

fn week(within: &[&Judged<'_>], from: i64, to: i64) -> Week {
    let inside = || within.iter().filter(|it| it.finished_at().is_some_and(|at| (from..to).contains(&at)));
    Week {
        from,
        to,
        deployments: inside().filter(|it| it.standing == Standing::Counts).count(),
        failures: inside().filter(|it| it.failure).count(),
        of: inside().filter(|it| is_at_risk(it)).count(),
    }
}

fn ids(judged: &[&Judged<'_>]) -> Vec<DeploymentId> {
    judged.iter().map(|it| it.id.clone()).collect()
}
