//! From an answer of CloudWatch to points that are new or have changed. Pure but for the memory it is given.

use std::collections::HashMap;
use std::sync::Arc;

use super::derive::Input;
use super::memory::SeriesKey;
use super::plan::{Query, Subject};
use super::rise::{Rise, counts_failures};
use super::units::Units;
use super::window::{MINUTE, Next};
use super::{Collected, Poll, Recent};
use crate::client::aws::cloudwatch::Answer;
use crate::model::catalogue::{Absence, Column, Metric, Tier};
use crate::model::series::{Point, Series, sorted};
use crate::model::tag::tag;

/// Decodes the answers of one poll.
pub(super) struct Decoder<'a> {
    pub(super) subjects: &'a [Subject],
    catalogue: &'a [Metric],
    tier: Tier,
    next: Next,
    now: i64,
    restarted: bool,
    /// Tags with the variant added, by subject and by the tags they were made from.
    tags: HashMap<(u32, usize), Arc<[String]>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(poll: &Poll<'a>, subjects: &'a [Subject], next: Next) -> Self {
        Self {
            subjects,
            catalogue: poll.catalogue,
            tier: poll.tier,
            next,
            now: poll.now.timestamp(),
            restarted: poll.restarted || poll.catches_up,
            tags: HashMap::new(),
        }
    }

    /// Adds what is new in one answer to `collected`.
    pub(super) fn decode(
        &mut self,
        query: Query,
        answer: &Answer,
        units: &Units,
        recent: &mut Recent,
        collected: &mut Collected,
    ) {
        let subject = &self.subjects[query.subject as usize];
        let metric = &self.catalogue[usize::from(query.metric)];
        let column = &metric.columns[usize::from(query.column)];
        let factor = if column.statistic.in_unit() { units.factor(metric) } else { 1.0 };
        let key: SeriesKey = (Arc::clone(&subject.key), Arc::clone(&column.series));
        let input = Input::of(&column.series);
        let Recent { hot, warm, observed, .. } = recent;
        let sent = match self.tier {
            Tier::Hot => hot.of(&key),
            Tier::Warm => warm.of(&key),
        };
        let mut given = answer.points.iter().peekable();
        let mut series: Option<Series> = None;
        let counts_failures = counts_failures(metric, column);
        let mut last: Option<f64> = None;
        for minute in self.next.read.iter().take_while(|minute| *minute < subject.until) {
            while given.next_if(|(at, _)| *at < minute).is_some() {}
            let read = given.next_if(|(at, _)| *at == minute).map(|(_, value)| value * factor);
            let value = match read {
                Some(value) => {
                    collected.origin.read += 1;
                    value
                }
                None if answer.complete && self.means_zero(metric, column, subject, minute) => {
                    collected.origin.filled += 1;
                    0.0
                }
                None => {
                    last = None;
                    continue;
                }
            };
            let before = last.replace(value);
            collected.fate.collected += 1;
            if let Some(input) = input {
                let variant = subject.variant.as_deref().unwrap_or_default();
                observed.note(&subject.values[0], variant, input, minute, value);
            }
            if sent.is_some_and(|sent| sent.holds(minute, value)) {
                collected.fate.unchanged += 1;
                continue;
            }
            if sent.is_some_and(|sent| sent.knows(minute)) {
                collected.origin.repaired += 1;
            } else if read.is_some() && minute < self.next.fresh.start && !self.restarted {
                collected.origin.late += 1;
            }
            if counts_failures {
                let before = before.or_else(|| sent?.value(minute - MINUTE));
                collected.rises.extend(Rise::of(subject, column, minute, value, before));
            }
            let tags = self.tags_at(query.subject, minute);
            match &mut series {
                Some(open) if Arc::ptr_eq(&open.tags, &tags) => open.points.push(Point { at: minute, value }),
                _ => {
                    collected.add(&key, series.take());
                    let most = usize::try_from((self.next.read.end - minute) / MINUTE).unwrap_or(0);
                    let mut points = Vec::with_capacity(most);
                    points.push(Point { at: minute, value });
                    series = Some(begin(metric, column, tags, points));
                }
            }
        }
        collected.add(&key, series);
    }

    /// Whether a minute without a point is a zero: the metric says so, the endpoint was there and in service, and a
    /// late point can no longer be expected.
    fn means_zero(&self, metric: &Metric, column: &Column, subject: &Subject, minute: i64) -> bool {
        column.absence == Absence::Zero
            && subject.in_service
            && minute >= subject.created_at
            && minute + MINUTE + i64::from(metric.lateness) <= self.now
    }

    /// A minute's tags: the owner's of that minute, and the variant.
    fn tags_at(&mut self, index: u32, minute: i64) -> Arc<[String]> {
        let subject = &self.subjects[index as usize];
        let owner = subject.owner.tags_at(minute);
        let Some(variant) = &subject.variant else {
            return Arc::clone(owner);
        };
        let with_variant = || {
            let mut tags = owner.to_vec();
            tags.push(tag("variant", variant));
            sorted(tags)
        };
        Arc::clone(self.tags.entry((index, owner.as_ptr().addr())).or_insert_with(with_variant))
    }
}

impl Collected {
    fn add(&mut self, key: &SeriesKey, series: Option<Series>) {
        if let Some(series) = series {
            self.series.push(series);
            self.keys.push((key.clone(), false));
        }
    }
}

fn begin(metric: &Metric, column: &Column, tags: Arc<[String]>, points: Vec<Point>) -> Series {
    Series {
        name: Arc::clone(&column.series),
        kind: column.kind,
        interval: 60,
        unit: if column.statistic.in_unit() { metric.datadog_unit.clone() } else { "".into() },
        tags,
        points,
    }
}
