//! A window, the metrics of every unit in it, and how much of the truth they rest on.

use std::collections::{BTreeMap, BTreeSet};

use chrono::FixedOffset;
use serde::Serialize;

use crate::model::dora::deployment::{Deployment, Run, RunState};
use crate::model::dora::id::UnitKey;
use crate::model::dora::judge::Judged;
use crate::model::dora::ledger::Ledger;
use crate::model::dora::metrics::{Metrics, metrics};
use crate::model::dora::rules::Rules;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// From so many days before an instant up to it; the instant itself is outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// 7, 28 or 90, each of 86,400 seconds.
    pub days: u32,
    /// Unix seconds.
    pub end: i64,
    /// Only what is a day depends on it.
    pub zone: FixedOffset,
}

impl Window {
    /// The first instant inside.
    #[must_use]
    pub fn start(&self) -> i64 {
        self.end.saturating_sub(i64::from(self.days) * DAY)
    }

    /// Whether an instant is inside.
    #[must_use]
    pub fn holds(&self, at: Option<i64>) -> bool {
        at.is_some_and(|at| (self.start()..self.end).contains(&at))
    }

    /// Begin and end of its weeks, counted back from its end; the oldest, which comes first, may be shorter.
    pub fn weeks(&self) -> impl Iterator<Item = (i64, i64)> {
        let (start, end) = (self.start(), self.end);
        (0..i64::from(self.days.div_ceil(7))).rev().map(move |back| {
            let to = end.saturating_sub(back * 7 * DAY);
            (to.saturating_sub(7 * DAY).max(start), to)
        })
    }
}

/// The metrics of a window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// First instant.
    pub from: i64,
    /// Last instant, outside.
    pub to: i64,
    /// Of each unit that was asked for and has a deployment, however old; in the order of their names.
    pub units: Vec<UnitMetrics>,
    /// Of all of them together: say that it is blended wherever it is shown. A commit that reached two units is in it
    /// twice.
    pub blended: Metrics,
    /// What it rests on.
    pub honesty: Honesty,
    /// The definitions in force.
    pub rules: Rules,
}

/// The metrics of one unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnitMetrics {
    /// Which.
    #[serde(flatten)]
    pub unit: UnitKey,
    /// What.
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// The runs that were created in the window, whatever they deployed: those of the whole ledger, since nobody knows to
/// which unit the others belong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Honesty {
    /// All: the three below together.
    pub listed: usize,
    /// Those with a deployment.
    pub attributed: usize,
    /// Ids of those of which nobody can say what they deployed.
    pub unattributed: Vec<u64>,
    /// Ids of those that have not ended, or were not asked about yet.
    pub pending: Vec<u64>,
    /// Title of the newest unattributed run, for whoever has to mend the pattern.
    pub example: Option<String>,
    /// When the oldest run in the ledger was created. Later than the window's begin: the window is not full.
    pub known_since: Option<i64>,
}

/// The report of those deployments that are `wanted`.
#[must_use]
pub fn report(ledger: &Ledger, rules: &Rules, window: &Window, wanted: &dyn Fn(&Deployment) -> bool) -> Report {
    let judged = ledger.judge(rules);
    let wanted: Vec<&Judged<'_>> = judged.iter().filter(|it| wanted(it.deployment)).collect();
    let mut units: BTreeMap<UnitKey, Vec<&Judged<'_>>> = BTreeMap::new();
    for judged in &wanted {
        units.entry(judged.deployment.unit.key()).or_default().push(judged);
    }
    Report {
        from: window.start(),
        to: window.end,
        units: (units.into_iter())
            .map(|(unit, judged)| UnitMetrics { unit, metrics: metrics(&judged, window) })
            .collect(),
        blended: metrics(&wanted, window),
        honesty: honesty(ledger, window),
        rules: rules.clone(),
    }
}

/// How much is known of the runs that were created in the window.
#[must_use]
pub fn honesty(ledger: &Ledger, window: &Window) -> Honesty {
    let within = |created_at: i64| window.holds(Some(created_at));
    let attributed: BTreeSet<u64> =
        ledger.deployments().filter(|it| within(it.created_at)).map(|deployment| deployment.run).collect();
    let runs: Vec<&Run> = ledger.runs.values().filter(|run| within(run.created_at)).collect();
    let (pending, unattributed): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|run| run.state == RunState::Pending);
    let all = ledger.deployments().map(|it| it.created_at).chain(ledger.runs.values().map(|run| run.created_at));
    Honesty {
        listed: attributed.len() + runs.len(),
        attributed: attributed.len(),
        example: unattributed.iter().max_by_key(|run| (run.created_at, run.id)).map(|run| run.title.clone()),
        unattributed: unattributed.into_iter().map(|run| run.id).collect(),
        pending: pending.into_iter().map(|run| run.id).collect(),
        known_since: all.min(),
    }
}
