//! Lines, counted by the minute: what metrics are made of.

use std::collections::{BTreeMap, HashSet};

use super::classify::Class;
use super::group::Group;
use super::lambda::Lambda;
use super::read::Reading;
use crate::model::catalogue::LogMetric;
use crate::model::series::{Point, Series, sorted};
use crate::model::tag::tag;

const MINUTE: i64 = 60_000;

/// What a group said in one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Lines; a stack trace is one.
    pub lines: u64,
    /// Bytes of their texts.
    pub bytes: u64,
    /// Lines that are errors.
    pub errors: u64,
    /// Errors by kind, in the order of [`Class::ALL`].
    pub classes: [u64; Class::ALL.len()],
    /// Invocations of a function that waited for an environment to be made.
    pub cold_starts: u64,
    /// The most memory that an invocation used, in MB.
    pub used_mb: Option<f64>,
    /// Memory that the function is given, in MB: the least when it was changed.
    pub memory_mb: Option<f64>,
}

impl Tally {
    /// Errors of one kind.
    #[must_use]
    pub fn of(&self, class: Class) -> u64 {
        Class::ALL.iter().position(|known| *known == class).map_or(0, |at| self.classes[at])
    }

    fn add(&mut self, reading: &Reading) {
        self.lines += 1;
        self.bytes += reading.bytes as u64;
        if let Some(class) = reading.class {
            self.errors += 1;
            for (known, count) in Class::ALL.iter().zip(&mut self.classes) {
                *count += u64::from(*known == class);
            }
        }
        if let Some(Lambda::Report(report)) = &reading.lambda {
            self.cold_starts += u64::from(report.init_ms.is_some());
            let of_both = |one: Option<f64>, other: Option<f64>, choose: fn(f64, f64) -> f64| match (one, other) {
                (Some(one), Some(other)) => Some(choose(one, other)),
                (one, other) => one.or(other),
            };
            self.used_mb = of_both(self.used_mb, report.used_mb, f64::max);
            self.memory_mb = of_both(self.memory_mb, report.memory_mb, f64::min);
        }
    }
}

/// The minutes of one group that may still change. A line is counted once, however often it is read: the key of
/// its first event is remembered as long as its minute is open. A minute that is to be counted anew is forgotten first.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    minutes: BTreeMap<i64, (HashSet<u64>, Tally)>,
    /// Unix milliseconds. What is older is counted no more.
    closed: Option<i64>,
}

impl Counts {
    /// Counts a line in the minute in which it was written. False when it was counted before, or its minute is closed.
    pub fn add(&mut self, reading: &Reading) -> bool {
        let minute = floor(reading.line.at);
        if self.closed.is_some_and(|closed| minute < closed) {
            return false;
        }
        let (keys, tally) = self.minutes.entry(minute).or_default();
        let new = reading.keys.first().is_some_and(|(_, key)| keys.insert(*key));
        if new {
            tally.add(reading);
        }
        new
    }

    /// Forgets the minutes from `start` up to but without `end` (Unix milliseconds), so that they can be counted anew.
    pub fn forget(&mut self, start: i64, end: i64) {
        self.minutes.retain(|minute, _| !(floor(start)..end).contains(minute));
    }

    /// The minutes that are open, by their starts in Unix milliseconds.
    pub fn minutes(&self) -> impl Iterator<Item = (i64, &Tally)> {
        self.minutes.iter().map(|(minute, (_, tally))| (*minute, tally))
    }

    /// Hands out the minutes before `before` (Unix milliseconds) and opens none of them again.
    pub fn close(&mut self, before: i64) -> Vec<(i64, Tally)> {
        let before = floor(before);
        self.closed = self.closed.max(Some(before));
        let open = self.minutes.split_off(&before);
        let closed = std::mem::replace(&mut self.minutes, open);
        closed.into_iter().map(|(minute, (_, tally))| (minute, tally)).collect()
    }
}

/// The series of a group's minutes (Unix milliseconds), each with the tags of its minute. Whole values: what is sent again
/// replaces what was sent.
#[must_use]
pub fn series(group: &Group, minutes: &[(i64, Tally)]) -> Vec<Series> {
    let mut points: BTreeMap<(LogMetric, Vec<String>), Vec<Point>> = BTreeMap::new();
    for (minute, tally) in minutes {
        let at = minute.div_euclid(1_000);
        let mut tags = group.owner.tags_at(at).to_vec();
        if !tags.iter().any(|tag| tag.starts_with("endpoint:") || tag.starts_with("function:")) {
            tags.push(tag("log_group", &group.name));
        }
        let mut add = |metric: LogMetric, own: Option<String>, value: f64| {
            let tags = tags.iter().cloned().chain(own).collect();
            points.entry((metric, tags)).or_default().push(Point { at, value });
        };
        add(LogMetric::Lines, None, count(tally.lines));
        add(LogMetric::Bytes, None, count(tally.bytes));
        // A minute without errors says so.
        for class in Class::ALL.into_iter().filter(|class| *class == Class::Other || tally.of(*class) > 0) {
            add(LogMetric::Errors, Some(tag("error_class", class.word())), count(tally.of(class)));
        }
        if tally.cold_starts > 0 {
            add(LogMetric::ColdStarts, None, count(tally.cold_starts));
        }
        for (metric, value) in [(LogMetric::MemoryUsed, tally.used_mb), (LogMetric::MemorySize, tally.memory_mb)] {
            if let Some(value) = value {
                add(metric, None, value);
            }
        }
    }
    let series = points.into_iter().map(|((metric, tags), points)| Series {
        name: metric.name().into(),
        kind: metric.kind(),
        interval: 60,
        unit: metric.datadog_unit().into(),
        tags: sorted(tags),
        points,
    });
    series.collect()
}

#[expect(clippy::cast_precision_loss, reason = "lines and bytes of a minute are far below 2^52")]
fn count(count: u64) -> f64 {
    count as f64
}

fn floor(at: i64) -> i64 {
    at.div_euclid(MINUTE).saturating_mul(MINUTE)
}

#[cfg(test)]
mod tests;
