//! From stored sources to the series of a selector: time, gaps, space.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evaluator, Kind, Lacking, NO_VALUE, Points, Rows, Stored, Tags, bucket, seconds};
use crate::query::Unchecked;
use crate::query::ast::{Aggregation, Fill, Method, Modifier, Selector};
use crate::query::filter::values_of;

/// Seconds of the longest gap that is filled, when the query does not say.
/// <https://docs.datadoghq.com/dashboards/functions/interpolation/>
const FILL_LIMIT: u32 = 300;

/// What a selector asks for.
struct How {
    /// How sources become one.
    space: Method,
    /// How points become one, when the query says.
    time: Option<Method>,
    /// `.as_count()` or `.as_rate()`
    counted: bool,
    rate: bool,
    /// Seconds of a bucket.
    interval: i64,
    /// What fills gaps, when the query says.
    fill: Option<Fill>,
    /// Seconds.
    limit: i64,
}

impl How {
    fn new(selector: &Selector, interval: i64) -> Result<Self, Unchecked> {
        let space = match &selector.aggregation {
            Aggregation::Avg => Method::Avg,
            Aggregation::Sum => Method::Sum,
            Aggregation::Min => Method::Min,
            Aggregation::Max => Method::Max,
            other => return Err(Unchecked::value(format!("the value of `{other}:`, which needs a distribution"))),
        };
        let limit = FILL_LIMIT.into();
        let mut how = Self { space, time: None, counted: false, rate: false, interval, fill: None, limit };
        for modifier in &selector.modifiers {
            match *modifier {
                Modifier::AsCount => how.counted = true,
                Modifier::AsRate => (how.counted, how.rate) = (true, true),
                Modifier::Weighted => {}
                Modifier::Fill { method, limit } => {
                    (how.fill, how.limit) = (Some(method), limit.unwrap_or(FILL_LIMIT).into());
                }
                Modifier::Rollup { method, seconds } => {
                    how.time = method.or(how.time);
                    how.interval = how.interval.max(seconds.unwrap_or(0).into());
                }
            }
        }
        Ok(how)
    }

    /// The points of each bucket become one.
    /// <https://docs.datadoghq.com/metrics/custom_metrics/type_modifiers/>
    fn in_time(&self, buckets: BTreeMap<i64, Vec<f64>>, kind: Kind) -> Points {
        let counted = self.counted && kind != Kind::Gauge;
        let adds_up = counted || matches!(kind, Kind::Count { .. }) && self.space == Method::Sum;
        let method = self.time.unwrap_or(if adds_up { Method::Sum } else { Method::Avg });
        let to_count = match kind {
            Kind::Rate { interval } if counted => seconds(interval),
            _ => 1.0,
        };
        let to_rate = if counted && self.rate { seconds(self.interval) } else { 1.0 };
        let one = |values: Vec<f64>| method.of(&values).map(|value| value * to_count / to_rate);
        buckets.into_iter().filter_map(|(at, values)| Some((at, one(values)?))).collect()
    }

    /// The values of each bucket become one. They are sorted, so that a sum does not depend on the order of sources.
    fn in_space(&self, cells: BTreeMap<i64, Vec<f64>>) -> Points {
        let one = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            self.space.of(&values)
        };
        cells.into_iter().filter_map(|(at, values)| Some((at, one(values)?))).collect()
    }
}

impl Evaluator<'_, '_> {
    pub(super) fn select(&self, selector: &Selector) -> Result<Rows, Unchecked> {
        if let Some(name) = selector.filter.variables().first() {
            return Err(Unchecked::value(format!("the value of the template variable `${name}`")));
        }
        let how = How::new(selector, self.interval)?;
        let mut sources = (self.store)(&selector.metric);
        sources.retain(|source| selector.filter.matches(source.tags));
        let several = sources.len() > 1;
        let mut cells: BTreeMap<Tags, BTreeMap<i64, Vec<f64>>> = BTreeMap::new();
        for source in &sources {
            let interpolated = several && source.kind == Kind::Gauge;
            let fill = how.fill.unwrap_or(if interpolated { Fill::Linear } else { Fill::Null });
            let points = self.in_buckets(source, &how, fill);
            for tags in groups_of(source.tags, &selector.by) {
                let group = cells.entry(tags).or_default();
                for (at, value) in &points {
                    group.entry(*at).or_default().push(*value);
                }
            }
        }
        let no_gauge = sources.iter().all(|source| source.kind != Kind::Gauge);
        Ok(Rows {
            by: selector.by.iter().cloned().collect(),
            groups: cells.into_iter().map(|(tags, cells)| (tags, how.in_space(cells))).collect(),
            interval: how.interval,
            lacking: if how.counted && no_gauge { Lacking::ZeroPoints } else { Lacking::Null },
        }
        .finite())
    }

    /// One source, its gaps filled from what was before the window too.
    fn in_buckets(&self, source: &Stored<'_>, how: &How, fill: Fill) -> Points {
        let first = bucket(self.from, how.interval);
        let earliest =
            if fill == Fill::Null { self.from } else { bucket(first.saturating_sub(how.limit), how.interval) };
        let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        if earliest <= self.to {
            for (at, value) in source.points.range(earliest..=self.to) {
                // Of the bucket that the window begins in, only what is in the window counts.
                if *at >= self.from || *at < first {
                    buckets.entry(bucket(*at, how.interval)).or_default().push(*value);
                }
            }
        }
        let mut points = how.in_time(buckets, source.kind);
        if fill != Fill::Null && !points.is_empty() {
            fill_gaps(&mut points, &self.buckets(how.interval), fill, how.limit);
        }
        points.split_off(&first)
    }
}

/// Looks at what was there before filling only.
fn fill_gaps(points: &mut Points, buckets: &[i64], fill: Fill, limit: i64) {
    let mut filled = Points::new();
    for at in buckets.iter().filter(|at| !points.contains_key(at)) {
        let Some((before, value)) = points.range(..at).next_back() else { continue };
        let since = |at: &i64| at.saturating_sub(*before);
        let after = points.range(at..).next().filter(|(after, _)| since(after) <= limit);
        let line = |(after, end): (&i64, &f64)| value + (end - value) * seconds(since(at)) / seconds(since(after));
        let value = match fill {
            Fill::Null => None,
            Fill::Zero => (since(at) <= limit).then_some(0.0),
            Fill::Last => (since(at) <= limit).then_some(*value),
            Fill::Linear => after.map(line),
        };
        filled.extend(value.map(|value| (*at, value)));
    }
    points.append(&mut filled);
}

/// The groups a source belongs to: more than one when it has several values of a key.
fn groups_of(tags: &[String], by: &[String]) -> Vec<Tags> {
    let mut groups = vec![Tags::new()];
    for key in by {
        let mut values: BTreeSet<&str> = values_of(tags, key).collect();
        if values.is_empty() {
            values.insert(NO_VALUE);
        }
        let with = |group: &Tags, value: &str| {
            let mut group = group.clone();
            group.insert(key.clone(), value.to_owned());
            group
        };
        groups = groups.iter().flat_map(|group| values.iter().map(|value| with(group, value))).collect();
    }
    groups
}
