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
pub mod rise;
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
use rise::Rise;
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
    /// The first minute in which something could not be asked for, since it was not described yet; Unix seconds.
    #[serde(default)]
    pub unread_since: Option<i64>,
    /// What the configuration adds to the tags of every series.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The first minute that carries them, when earlier ones carried others; Unix seconds.
    #[serde(default)]
    pub tags_since: Option<i64>,
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

    /// The same for series that carry `tags` beside their own. When those are others than before, what is committed is
    /// not read again: it would be sent a second time, under the new tags.
    #[must_use]
    pub fn under(mut self, tags: &[String]) -> Self {
        if self.tags != tags {
            self.tags = tags.to_vec();
            self.tags_since = self.committed;
        }
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
    /// Whether something can be asked for now that could not be before: its minutes are still to be read.
    pub catches_up: bool,
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
    /// Minutes in which more failed than in the one before, among the new and changed points.
    pub rises: Vec<Rise>,
    /// The windows that were read, committed and lost.
    pub next: Next,
    /// `collected` and `unchanged`; the rest is decided by delivery.
    pub fate: Fate,
    /// Where the collected points come from, and what was late or repaired.
    pub origin: Origin,
    /// What was asked and what was answered.
    pub coverage: Coverage,
    /// The checkpoint before this window, with the runs of stalled minutes after it.
    base: Checkpoint,
    /// Whether minutes were read that could not be before.
    caught_up: bool,
    /// What failed; other requests went on.
    pub errors: Vec<AwsError>,
    /// Queries that CloudWatch refuses: asking again does not help, so they hold nothing up.
    pub refused: Vec<AwsError>,
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
    /// Whether every query was answered in full, but for those that are refused whenever they are asked.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.coverage.complete + self.refused.len() as u64 == self.coverage.asked
    }

    /// The checkpoint to save once everything is delivered. While an answer is missing the minutes stay uncommitted and
    /// are read again by the next poll, but for those that are lost.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let whole = self.is_whole();
        let committed = if whole { self.next.fresh.end } else { self.next.fresh.start };
        let before = self.base.unread_since;
        let unread_since = match (self.coverage.blind, whole && self.caught_up) {
            (0, true) => None,
            (0, false) => before,
            _ => before.or(Some(self.next.fresh.start)),
        };
        Checkpoint { committed: Some(committed), unread_since, ..self.base.clone() }
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
    let unread = before.unread_since.filter(|_| poll.catches_up);
    let next = window::next(before.committed, poll.restarted, poll.now, poll.rules)?;
    let next = next.reaching(unread, before.tags_since, poll.now, poll.rules);
    let subjects = plan::subjects(poll.inventory);
    let queries = plan::plan(poll.catalogue, &subjects, poll.tier, poll.given_up);
    let mut collected = Collected {
        series: Vec::new(),
        keys: Vec::new(),
        rises: Vec::new(),
        next,
        fate: Fate::default(),
        origin: Origin::default(),
        coverage: Coverage {
            asked: queries.len() as u64,
            blind: poll.inventory.undescribed() as u64,
            billed: plan::billed(&queries, poll.billed_as_one),
            ..Coverage::default()
        },
        base: before.clone(),
        caught_up: before.unread_since.is_none() || poll.catches_up,
        errors: Vec::new(),
        refused: Vec::new(),
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
    if collected.coverage.complete == 0 {
        // What refuses everything may not be CloudWatch at all: nothing is left out for it.
        collected.errors.append(&mut collected.refused);
    }
    derive(poll, &mut lock(recent), &mut collected);
    Some(collected)
}

/// Adds what can be computed now, new or changed.
fn derive(poll: &Poll<'_>, recent: &mut Recent, collected: &mut Collected) {
    let read = collected.next.read;
    let mut derived = derive::derive(&recent.observed, poll.inventory, read);
    if poll.tier == Tier::Hot {
        let (stalls, runs) = derive::stalls(&recent.observed, poll.inventory, read, &collected.base.runs);
        derived.extend(stalls);
        collected.base.runs = runs;
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

/// The whole catalogue of a configuration: the table and the user's own metrics, each in the tier that was chosen for
/// it, without what is disabled.
#[must_use]
pub fn catalogue(metrics: &crate::config::settings::Metrics) -> Arc<[Metric]> {
    let all = crate::model::catalogue::table().into_iter().chain(metrics.custom.iter().cloned());
    all.filter(|metric| !named(&metrics.disable, metric))
        .map(|metric| match (named(&metrics.hot, &metric), named(&metrics.warm, &metric)) {
            (true, _) => Metric { tier: Tier::Hot, ..metric },
            (false, true) => Metric { tier: Tier::Warm, ..metric },
            (false, false) => metric,
        })
        .collect()
}

/// Names of the series that `metrics.disable` leaves out.
#[must_use]
pub fn disabled(metrics: &crate::config::settings::Metrics) -> Vec<String> {
    let all = crate::model::catalogue::table().into_iter().chain(metrics.custom.iter().cloned());
    let out = all.filter(|metric| named(&metrics.disable, metric));
    out.flat_map(|metric| metric.columns).map(|column| column.series.to_string()).collect()
}

fn named(patterns: &[String], metric: &Metric) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => metric.name.starts_with(prefix),
        None => metric.name == *pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::window::Window;
    use super::*;

    fn collected(complete: u64, blind: u64, base: Checkpoint) -> Collected {
        let fresh = Window { start: 6000, end: 9000 };
        Collected {
            series: Vec::new(),
            keys: Vec::new(),
            rises: Vec::new(),
            next: Next { read: fresh, fresh, lost: Some(Window { start: 600, end: 6000 }) },
            fate: Fate::default(),
            origin: Origin::default(),
            coverage: Coverage { asked: 2, complete, blind, ..Coverage::default() },
            caught_up: base.unread_since.is_none(),
            base,
            errors: Vec::new(),
            refused: Vec::new(),
            learned: false,
        }
    }

    #[test]
    fn minutes_that_are_lost_are_lost_once_while_an_answer_is_missing() {
        let committed = |complete| collected(complete, 0, Checkpoint::default()).checkpoint().committed;
        assert_eq!(committed(1), Some(6000));
        assert_eq!(committed(2), Some(9000));
    }

    #[test]
    fn minutes_of_what_is_not_described_stay_unread_until_they_have_been_read() {
        let first = collected(2, 1, Checkpoint::default()).checkpoint();
        assert_eq!((first.committed, first.unread_since), (Some(9000), Some(6000)));
        let before = Checkpoint { unread_since: Some(1200), ..Checkpoint::default() };
        let unread = |complete, blind, caught_up| {
            Collected { caught_up, ..collected(complete, blind, before.clone()) }.checkpoint().unread_since
        };
        assert_eq!(unread(2, 1, true), Some(1200), "one more is not described");
        assert_eq!(unread(2, 0, false), Some(1200), "nothing was read yet");
        assert_eq!(unread(1, 0, true), Some(1200), "an answer is missing");
        assert_eq!(unread(2, 0, true), None);
    }

    #[test]
    fn a_metric_is_read_in_the_tier_that_was_chosen_for_it() {
        let file = "regions: [us-west-2]\nmetrics: {tiers: {hot: [mlpipeline.function.*], warm: [mlpipeline.endpoint.backlog]}, \
                    disable: [mlpipeline.function.duration]}";
        let loaded = crate::config::read(file, "ddsync.yaml", &BTreeMap::new());
        let catalogue = loaded.map(|loaded| catalogue(&loaded.settings.metrics)).unwrap_or_default();
        let tier = |name: &str| catalogue.iter().find(|metric| metric.name == name).map(|metric| metric.tier);
        assert_eq!(tier("mlpipeline.function.errors"), Some(Tier::Hot));
        assert_eq!(tier("mlpipeline.function.duration"), None);
        assert_eq!(tier("mlpipeline.endpoint.backlog"), Some(Tier::Warm));
        assert_eq!(tier("mlpipeline.endpoint.oldest_request_age"), Some(Tier::Hot));
    }

    #[test]
    fn other_tags_begin_where_the_old_ones_ended() {
        let tags = |text: &str| vec![text.to_owned()];
        let fresh = Checkpoint::default().under(&tags("a:b"));
        assert_eq!((fresh.tags.clone(), fresh.tags_since), (tags("a:b"), None), "nothing carries others");
        let kept = Checkpoint { committed: Some(6000), ..fresh }.under(&tags("a:b"));
        assert_eq!(kept.tags_since, None);
        let changed = kept.under(&tags("a:c"));
        assert_eq!((changed.tags.clone(), changed.tags_since), (tags("a:c"), Some(6000)));
        let later = Checkpoint { committed: Some(9000), ..changed }.under(&tags("a:c"));
        assert_eq!(later.tags_since, Some(6000));
    }
}
