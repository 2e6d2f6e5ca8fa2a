//! What a query amounts to, on points that somebody has stored.
//!
//! In the order in which Datadog goes about it:
//!
//! 1. **Time.** The points of each source become one a bucket. Buckets are aligned to Unix time. Gauges are averaged;
//!    `.as_count()`, `.as_rate()` and `sum:` of a count add up; `.rollup()` has the last word.
//! 2. **Gaps.** Gauges of several sources are interpolated over at most five minutes, counts and rates are not;
//!    `.fill()` has the last word. <https://docs.datadoghq.com/metrics/guide/interpolation-the-fill-modifier-explained/>
//! 3. **Space.** The sources of a group become one series. Who has no value for a key of `by {..}` is in the group
//!    [`NO_VALUE`].
//! 4. **Functions and arithmetic**, group by group. A side without groups goes with every group of the other side. A
//!    bucket that one side lacks is dropped, unless that side is counted or rated, or in `default_zero()`: then it is 0
//!    there. A group that one side lacks is dropped, unless that side is in `default_zero()`. What is not finite, as after
//!    a division by zero, is dropped.
//!    <https://docs.datadoghq.com/monitors/guide/monitor-arithmetic-and-sparse-metrics/>
//!
//! Known differences: functions come after aggregation in space, `diff()` too; `dt()` looks at buckets; percentiles and
//! `count:` need distributions, which nobody stores here.

use std::collections::{BTreeMap, BTreeSet};

use super::Unchecked;
use super::ast::{Expr, Method};
use super::monitor::Fold;

mod arithmetic;
mod call;
mod monitor;
mod select;
#[cfg(test)]
mod tests;

pub use monitor::{Verdict, evaluate_monitor};

/// The value of a key of `by {..}` that a source has no tag for.
pub const NO_VALUE: &str = "N/A";

/// More buckets than anybody may ask for: 30 days of minutes are 43,200.
const MOST_BUCKETS: i64 = 200_000;

/// One stored source of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// Each `key:value`, its host too.
    pub tags: &'a [String],
    /// What its values mean.
    pub kind: Kind,
    /// By Unix second.
    pub points: &'a BTreeMap<i64, f64>,
}

/// What the values of a source mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// How often something happened in `interval` seconds.
    Count {
        /// Seconds.
        interval: i64,
    },
    /// How often a second something happened, over `interval` seconds.
    Rate {
        /// Seconds.
        interval: i64,
    },
    /// What something was.
    Gauge,
}

/// One series that came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The values of the keys of `by {..}`.
    pub tags: BTreeMap<String, String>,
    /// Unix seconds at which buckets begin, rising, and values; at least one.
    pub points: Vec<(i64, f64)>,
}

/// Evaluates a query on the points from `from` to `to`, both Unix seconds and both included, in buckets of `interval`
/// seconds, or of those of a longer `.rollup()`. Groups without a point are left out.
///
/// `store` gives every source of a metric, in any order, with all of its points.
///
/// # Errors
///
/// When something in it is known by name only, or needs a template variable.
pub fn evaluate<'a>(
    expr: &Expr,
    store: &dyn Fn(&str) -> Vec<Stored<'a>>,
    from: i64,
    to: i64,
    interval: i64,
) -> Result<Vec<Group>, Unchecked> {
    let rows = Evaluator::new(store, from, to, interval)?.rows(expr)?;
    let with_points = rows.groups.into_iter().filter(|(_, points)| !points.is_empty());
    Ok(with_points.map(|(tags, points)| Group { tags, points: points.into_iter().collect() }).collect())
}

type Tags = BTreeMap<String, String>;
type Points = BTreeMap<i64, f64>;

/// What an expression amounts to.
#[derive(Debug, Clone)]
enum Value {
    Number(f64),
    Rows(Rows),
}

/// Series by group, those without a point in the window included.
#[derive(Debug, Clone)]
struct Rows {
    by: BTreeSet<String>,
    groups: BTreeMap<Tags, Points>,
    /// Seconds of a bucket.
    interval: i64,
    lacking: Lacking,
}

/// What arithmetic takes where these rows lack something and the other side does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lacking {
    /// Nothing comes out.
    Null,
    /// 0 in place of a point.
    ZeroPoints,
    /// 0 in place of a point, and of a whole group.
    ZeroGroups,
}

struct Evaluator<'s, 'a> {
    store: &'s dyn Fn(&str) -> Vec<Stored<'a>>,
    from: i64,
    to: i64,
    interval: i64,
    /// Fold the window before arithmetic, not after it.
    fold: Option<Fold>,
}

impl<'s, 'a> Evaluator<'s, 'a> {
    fn new(store: &'s dyn Fn(&str) -> Vec<Stored<'a>>, from: i64, to: i64, interval: i64) -> Result<Self, Unchecked> {
        let interval = interval.max(1);
        if to.saturating_sub(from) / interval > MOST_BUCKETS {
            return Err(Unchecked::value(format!("a window of more than {MOST_BUCKETS} points")));
        }
        Ok(Self { store, from, to, interval, fold: None })
    }

    fn rows(&self, expr: &Expr) -> Result<Rows, Unchecked> {
        Ok(match self.value(expr)? {
            Value::Rows(rows) => rows,
            Value::Number(number) => {
                let points = self.buckets(self.interval).into_iter().map(|at| (at, number)).collect();
                let groups = BTreeMap::from([(Tags::new(), points)]);
                Rows { by: BTreeSet::new(), groups, interval: self.interval, lacking: Lacking::Null }.finite()
            }
        })
    }

    fn value(&self, expr: &Expr) -> Result<Value, Unchecked> {
        if let Some(fold) = self.fold
            && !expr.has_arithmetic()
        {
            let whole = Self { fold: None, ..*self }.value(expr)?;
            return Ok(whole.map_rows(|rows| rows.folded(fold, self.to)));
        }
        match expr {
            Expr::Number(number) => Ok(Value::Number(*number)),
            Expr::Series(selector) => self.select(selector).map(Value::Rows),
            Expr::Negate(inner) => arithmetic::combine(&|a, b| a * b, self.value(inner)?, Value::Number(-1.0)),
            Expr::Binary { op, left, right } => {
                arithmetic::combine(&|a, b| op.apply(a, b), self.value(left)?, self.value(right)?)
            }
            Expr::Call { function, arguments } => self.call(function, arguments),
        }
    }

    /// The same on another window.
    fn over(&self, from: i64, to: i64) -> Result<Self, Unchecked> {
        Ok(Self { fold: self.fold, ..Self::new(self.store, from, to, self.interval)? })
    }

    /// Where the buckets of the window begin.
    fn buckets(&self, interval: i64) -> Vec<i64> {
        if self.fold.is_some() {
            return vec![self.to];
        }
        let first = bucket(self.from, interval);
        let all = std::iter::successors(Some(first), |at| at.checked_add(interval));
        all.take_while(|at| *at <= self.to).collect()
    }
}

/// Where the bucket begins that holds `at`.
fn bucket(at: i64, interval: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(interval))
}

impl Value {
    fn map_rows(self, change: impl FnOnce(Rows) -> Rows) -> Self {
        match self {
            Self::Number(number) => Self::Number(number),
            Self::Rows(rows) => Self::Rows(change(rows)),
        }
    }
}

impl Rows {
    /// Each series changed, without what is not finite in the end.
    fn map(mut self, change: impl Fn(Points) -> Points) -> Self {
        for points in self.groups.values_mut() {
            *points = change(std::mem::take(points));
        }
        self.lacking = Lacking::Null;
        self.finite()
    }

    fn finite(mut self) -> Self {
        self.groups.values_mut().for_each(|points| points.retain(|_, value| value.is_finite()));
        self
    }

    /// One point a series, at `at`.
    fn folded(mut self, fold: Fold, at: i64) -> Self {
        for points in self.groups.values_mut() {
            let values: Vec<f64> = points.values().copied().collect();
            *points = Method::from(fold).of(&values).map(|value| (at, value)).into_iter().collect();
        }
        self
    }
}

impl Method {
    /// One value of many; none of none.
    fn of(self, values: &[f64]) -> Option<f64> {
        let sum = || values.iter().sum::<f64>();
        let one = match self {
            Self::Avg => sum() / count(values.len()),
            Self::Sum => sum(),
            Self::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Count => count(values.len()),
        };
        (!values.is_empty()).then_some(one)
    }
}

impl From<Fold> for Method {
    fn from(fold: Fold) -> Self {
        match fold {
            Fold::Avg => Self::Avg,
            Fold::Sum => Self::Sum,
            Fold::Min => Self::Min,
            Fold::Max => Self::Max,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "seconds of spans of time, far below 2^53")]
fn seconds(span: i64) -> f64 {
    span as f64
}
