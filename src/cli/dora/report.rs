//! What a report shows, on the screen, as JSON and as CSV.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::advice::run_name;
use super::definitions::{Definition, definitions};
use super::filter::FilterArgs;
use super::units::Row;
use super::zone_name;
use crate::config::settings::{Dora, GitHub};
use crate::model::dora::{Attribution, Deployment, Honesty, Ledger, Rules, Run, RunState, Window, report};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) dora: &'a Dora,
    pub(super) github: Option<&'a GitHub>,
    pub(super) window: Window,
    /// When every workflow had last been looked at whole.
    pub(super) looked_at: Option<DateTime<Utc>>,
    pub(super) filter: &'a FilterArgs,
    pub(super) blended: bool,
}

/// The JSON object of `dora report --json`. Instants are Unix seconds, durations seconds.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Shown {
    /// Version of this object.
    version: u32,
    /// First instant of the window.
    pub(super) from: i64,
    /// Last instant, outside.
    pub(super) to: i64,
    pub(super) days: u32,
    pub(super) zone: String,
    /// What was asked for; empty lists are everything.
    pub(super) only: FilterArgs,
    /// One for each unit that has ever been deployed.
    pub(super) units: Vec<Row>,
    /// All units together, when asked for.
    pub(super) blended: Option<Row>,
    pub(super) honesty: Honest,
    pub(super) definitions: Vec<Definition>,
    rules: Rules,
}

/// How much of the truth the numbers rest on.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Honest {
    #[serde(flatten)]
    pub(super) runs: Honesty,
    /// When GitHub was last read whole.
    pub(super) looked_at: Option<i64>,
    /// Whether there are titles of that run's workflow, and its pattern fits none of them.
    pub(super) nothing_fits: bool,
    /// Runs whose title does not fit it, and of which nothing else says what they deployed.
    pub(super) unfit: usize,
    /// The newest of them.
    pub(super) unfit_title: Option<String>,
    /// Its page.
    pub(super) unfit_url: Option<String>,
    /// Runs whose pipelines' file cannot be read.
    pub(super) without_file: usize,
    /// The line for its workflow, so that later titles fit.
    pub(super) run_name: Option<String>,
}

impl Shown {
    pub(super) fn of(ledger: &Ledger, asked: &Asked<'_>) -> Self {
        let Asked { dora, window, filter, blended, .. } = asked;
        let wanted: Vec<&Deployment> = ledger.deployments().filter(|it| filter.wants(it)).collect();
        let report = report(ledger, &dora.rules, window, &|deployment| filter.wants(deployment));
        let units = report.units.into_iter().map(|unit| Row::of(Some(unit.unit), unit.metrics, ledger, &wanted));
        Self {
            version: 1,
            from: report.from,
            to: report.to,
            days: window.days,
            zone: zone_name(window.zone),
            only: (*filter).clone(),
            units: units.collect(),
            blended: blended.then(|| Row::of(None, report.blended, ledger, &wanted)),
            honesty: honest(ledger, asked, report.honesty),
            definitions: definitions(&report.rules),
            rules: report.rules,
        }
    }
}

fn honest(ledger: &Ledger, asked: &Asked<'_>, runs: Honesty) -> Honest {
    let Asked { github, window, looked_at, .. } = asked;
    let within = |created_at: i64| window.holds(Some(created_at));
    let of_state = |state: RunState| {
        let mut runs: Vec<&Run> =
            ledger.runs.values().filter(|it| it.state == state && within(it.created_at)).collect();
        runs.sort_by_key(|run| Reverse((run.created_at, run.id)));
        runs
    };
    let (unfit, without_file) = (of_state(RunState::NoInputs), of_state(RunState::NoFile));
    let newest = unfit.first().map(|run| (&run.repository, &run.workflow));
    let fits = |it: &Deployment| {
        let of = newest == Some((&it.origin.repository, &it.origin.workflow));
        of && it.origin.by == Attribution::Title && within(it.created_at)
    };
    Honest {
        looked_at: looked_at.map(|at| at.timestamp()),
        nothing_fits: !unfit.is_empty() && without_file.is_empty() && !ledger.deployments().any(fits),
        unfit: unfit.len(),
        unfit_title: unfit.first().map(|run| run.title.clone()),
        unfit_url: unfit.first().map(|run| run.url.clone()),
        without_file: without_file.len(),
        run_name: unfit.first().and_then(|run| run_name(*github, run)),
        runs,
    }
}
