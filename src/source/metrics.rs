//! Points of CloudWatch, from a window of time to series that are new or have changed.
//!
//! [`collect`] is one straight line: which minutes, what to ask, ask it, learn units, decode, derive. Nothing is
//! committed here: the caller delivers, then calls [`settle`] and saves the checkpoint.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

mod ask;
pub mod budget;
mod decode;
pub mod derive;
pub mod memory;
mod minutes;
pub mod plan;
pub mod stall;
pub mod units;
pub mod window;

use crate::client::aws::{Aws, AwsError};
use crate::model::catalogue::{Metric, Tier};
use crate::model::series::{Fate, Kind, Series};
use crate::source::discover::Inventory;
use ask::ask;
use decode::Decoder;
use derive::{Derived, Observed};
use memory::{Memory, SeriesKey};
use stall::Run;
use units::Units;
use window::{MINUTE, Next, Rules};

/// How often results that came back partial are asked for again within one poll.
const ASK_AGAIN: usize = 2;
/// Seconds of observed values that are kept for deriving, beside the window being read.
const OBSERVED_KEPT: i64 = 35 * MINUTE;

/// What a tier of one account and region remembers between polls, in the state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Unix seconds of the first minute that has not been delivered.
    pub committed: Option<i64>,
    /// Runs of stalled minutes by endpoint; of the hot tier.
    #[serde(default)]
    pub runs: BTreeMap<String, Vec<Run>>,
}

/// What one account and region remembers in memory, shared by both tiers.
#[derive(Debug, Default)]
pub struct Recent {
    hot: Memory,
    warm: Memory,
    derived: Memory,
    observed: Observed,
}

impl Checkpoint {
    /// The same without a time that no clock can have shown: state is a file, and files are edited.
    #[must_use]
    pub fn plausible(mut self) -> Self {
        self.committed = self.committed.map(window::floor_plausible);
        self
    }
}

impl Recent {
    fn of(&mut self, tier: Tier) -> &mut Memory {
        match tier {
            Tier::Hot => &mut self.hot,
            Tier::Warm => &mut self.warm,
        }
    }
}

/// What a poll needs to know.
pub struct Poll<'a> {
    /// The account and region.
    pub aws: &'a Aws,
    /// Which part of the catalogue.
    pub tier: Tier,
    /// Everything that can be read.
    pub catalogue: &'a [Metric],
    /// What there is to read it of.
    pub inventory: &'a Inventory,
    /// Names of metrics that the budget gave up.
    pub given_up: &'a std::collections::BTreeSet<String>,
    /// How windows are cut.
    pub rules: Rules,
    /// Requests under way at once.
    pub concurrency: usize,
    /// Statistics of a metric that are billed as one.
    pub billed_as_one: u32,
    /// True until a poll of this process has been delivered.
    pub restarted: bool,
    /// Now.
    pub now: DateTime<Utc>,
}

/// What a poll found.
#[derive(Debug)]
pub struct Collected {
    /// New and changed points, to be delivered.
    pub series: Vec<Series>,
    /// Whose they are, in the same order.
    keys: Vec<(SeriesKey, bool)>,
    /// The windows that were read, committed and lost.
    pub next: Next,
    /// `collected` and `unchanged`; the rest is decided by delivery.
    pub fate: Fate,
    /// Where the collected points come from, and what was late or repaired.
    pub origin: Origin,
    /// What was asked and what was answered.
    pub coverage: Coverage,
    /// Runs of stalled minutes after this window.
    runs: BTreeMap<String, Vec<Run>>,
    /// What failed; other requests went on.
    pub errors: Vec<AwsError>,
    /// Whether a unit was learned, so that the units have to be saved.
    pub learned: bool,
}

/// Where points come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Read from CloudWatch.
    pub read: u64,
    /// Zeros for minutes in which nothing happened.
    pub filled: u64,
    /// Computed from others.
    pub derived: u64,
    /// Came after their minute had been read without them.
    pub late: u64,
    /// Came with another value than the one that was sent.
    pub repaired: u64,
}

impl std::ops::AddAssign<&Self> for Origin {
    fn add_assign(&mut self, other: &Self) {
        self.read += other.read;
        self.filled += other.filled;
        self.derived += other.derived;
        self.late += other.late;
        self.repaired += other.repaired;
    }
}

/// What was asked and what was answered in full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Queries.
    pub asked: u64,
    /// Queries whose answer was complete.
    pub complete: u64,
    /// Endpoints of which nothing can be asked, since they could not be described.
    pub blind: u64,
    /// Results that came back partial and were asked for again.
    pub asked_again: u64,
    /// Metrics billed, those of results that were asked for again included.
    pub billed: u64,
}

impl Coverage {
    /// From 0 to 1; 1 when there was nothing to ask. An endpoint that is not described counts as a query without answer.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let expected = self.asked + self.blind;
        #[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
        if expected == 0 { 1.0 } else { self.complete as f64 / expected as f64 }
    }
}

impl Collected {
    /// Whether every query was answered in full.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.coverage.complete == self.coverage.asked
    }

    /// The checkpoint to save once everything is delivered. While an answer is missing the minutes stay uncommitted and
    /// are read again by the next poll, but for those that are lost.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let committed = if self.is_whole() { self.next.fresh.end } else { self.next.fresh.start };
        Checkpoint { committed: Some(committed), runs: self.runs.clone() }
    }
}

/// Reads what is new since the checkpoint and reads again what may have changed; `None` when no minute is ready.
///
/// A request that fails leaves the others alone: what is missing shows in [`Collected::coverage`] and
/// [`Collected::errors`].
pub async fn collect(
    poll: &Poll<'_>,
    recent: &Mutex<Recent>,
    units: &Mutex<Units>,
    before: &Checkpoint,
) -> Option<Collected> {
    let next = window::next(before.committed, poll.restarted, poll.now, poll.rules)?;
    let subjects = plan::subjects(poll.inventory);
    let queries = plan::plan(poll.catalogue, &subjects, poll.tier, poll.given_up);
    let mut collected = Collected {
        series: Vec::new(),
        keys: Vec::new(),
        next,
        fate: Fate::default(),
        origin: Origin::default(),
        coverage: Coverage {
            asked: queries.len() as u64,
            blind: poll.inventory.undescribed() as u64,
            billed: plan::billed(&queries, poll.billed_as_one),
            ..Coverage::default()
        },
        runs: before.runs.clone(),
        errors: Vec::new(),
        learned: false,
    };
    let mut decoder = Decoder::new(poll, &subjects, next);
    let mut open = queries;
    for round in 0..=ASK_AGAIN {
        if round > 0 {
            collected.coverage.asked_again += open.len() as u64;
            collected.coverage.billed += plan::billed(&open, poll.billed_as_one);
        }
        let last = round == ASK_AGAIN;
        open = ask(poll, &open, last, &mut decoder, recent, units, &mut collected).await;
        if open.is_empty() {
            break;
        }
    }
    derive(poll, &mut lock(recent), &mut collected);
    Some(collected)
}

/// Adds what can be computed now, new or changed.
fn derive(poll: &Poll<'_>, recent: &mut Recent, collected: &mut Collected) {
    let read = collected.next.read;
    let mut derived = derive::derive(&recent.observed, poll.inventory, read);
    if poll.tier == Tier::Hot {
        let (stalls, runs) = derive::stalls(&recent.observed, poll.inventory, read, &collected.runs);
        derived.extend(stalls);
        collected.runs = runs;
    }
    for Derived { key, name, unit, tags, mut points } in derived {
        let all = points.len() as u64;
        let key: SeriesKey = (key, Arc::clone(&name));
        if let Some(sent) = recent.derived.of(&key) {
            points.retain(|point| !sent.holds(point.at, point.value));
        }
        collected.fate.collected += all;
        collected.origin.derived += all;
        collected.fate.unchanged += all - points.len() as u64;
        if !points.is_empty() {
            points.shrink_to_fit();
            collected.series.push(Series { name, kind: Kind::Gauge, interval: 60, unit: unit.into(), tags, points });
            collected.keys.push((key, true));
        }
    }
    let kept = read.start.min(read.end - OBSERVED_KEPT);
    recent.observed.forget_before(kept);
    recent.derived.forget_before(kept);
}

/// Remembers what was delivered: `settled` tells for each series of [`Collected::series`] whether it is decided, be it
/// accepted or refused for good. What is not is sent again by the next poll.
pub fn settle(recent: &Mutex<Recent>, tier: Tier, collected: &Collected, settled: &[bool], reread: i64) {
    let mut recent = lock(recent);
    for ((series, (key, derived)), _) in
        collected.series.iter().zip(&collected.keys).zip(settled).filter(|(_, settled)| **settled)
    {
        let memory = if *derived { &mut recent.derived } else { recent.of(tier) };
        memory.note(key, &series.points);
    }
    recent.of(tier).forget_before(collected.next.fresh.start - reread);
}

fn lock(recent: &Mutex<Recent>) -> MutexGuard<'_, Recent> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The whole catalogue of a configuration: the table, the user's own metrics, without what is disabled.
#[must_use]
pub fn catalogue(metrics: &crate::config::settings::Metrics) -> Arc<[Metric]> {
    let disabled = |name: &str| {
        metrics.disable.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        })
    };
    let all = crate::model::catalogue::table().into_iter().chain(metrics.custom.iter().cloned());
    all.filter(|metric| !disabled(&metric.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::window::Window;
    use super::*;

    #[test]
    fn minutes_that_are_lost_are_lost_once_while_an_answer_is_missing() {
        let fresh = Window { start: 6000, end: 9000 };
        let lost = Some(Window { start: 600, end: 6000 });
        let collected = |complete| Collected {
            series: Vec::new(),
            keys: Vec::new(),
            next: Next { read: fresh, fresh, lost },
            fate: Fate::default(),
            origin: Origin::default(),
            coverage: Coverage { asked: 2, complete, ..Coverage::default() },
            runs: BTreeMap::new(),
            errors: Vec::new(),
            learned: false,
        };
        assert_eq!(collected(1).checkpoint().committed, Some(6000));
        assert_eq!(collected(2).checkpoint().committed, Some(9000));
    }
}
