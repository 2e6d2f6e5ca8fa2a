//! Series and points, the form in which measurements leave.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How Datadog adds a series up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// How many in the interval; sums over time and over tags mean something.
    Count,
    /// A state at an instant.
    Gauge,
}

/// One value at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Unix seconds.
    pub at: i64,
    /// In the series' unit.
    pub value: f64,
}

/// Points of one name and one set of tags.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// For example `mlpipeline.endpoint.backlog.max`.
    pub name: Arc<str>,
    /// How it adds up.
    pub kind: Kind,
    /// Seconds that one value of a count stands for.
    pub interval: u32,
    /// Datadog's word for the unit, for example `second`; empty for none.
    pub unit: Cow<'static, str>,
    /// Normalised, sorted, without repetition.
    pub tags: Arc<[String]>,
    /// In ascending order of time, one for a second at most.
    pub points: Vec<Point>,
}

impl Series {
    /// A gauge of one point, as this program says things about itself.
    #[must_use]
    pub fn gauge(name: &str, unit: &'static str, tags: Vec<String>, at: i64, value: f64) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Gauge,
            interval: 60,
            unit: unit.into(),
            tags: sorted(tags),
            points: vec![Point { at, value }],
        }
    }
}

/// Tags in the order in which a series carries them.
#[must_use]
pub fn sorted(mut tags: Vec<String>) -> Arc<[String]> {
    tags.sort_unstable();
    tags.dedup();
    tags.into()
}

/// What became of points. Every point that was collected is in exactly one of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// Read, filled or derived.
    pub collected: u64,
    /// Sent before with the same value, so not sent again.
    pub unchanged: u64,
    /// Datadog said yes.
    pub accepted: u64,
    /// Datadog said no for good, or the value cannot be sent.
    pub refused: u64,
    /// Older than Datadog stores.
    pub too_old: u64,
    /// Not delivered in time; its window was not committed and is read again.
    pub pending: u64,
}

impl Fate {
    /// Whether every point is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.collected == self.unchanged + self.accepted + self.refused + self.too_old + self.pending
    }

    /// Each field under its name.
    #[must_use]
    pub fn words(&self) -> [(&'static str, u64); 6] {
        [
            ("collected", self.collected),
            ("unchanged", self.unchanged),
            ("accepted", self.accepted),
            ("refused", self.refused),
            ("too_old", self.too_old),
            ("pending", self.pending),
        ]
    }
}

impl std::ops::AddAssign<&Self> for Fate {
    fn add_assign(&mut self, other: &Self) {
        self.collected += other.collected;
        self.unchanged += other.unchanged;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.too_old += other.too_old;
        self.pending += other.pending;
    }
}
