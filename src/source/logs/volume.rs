//! How much is written into log groups, which CloudWatch knows without any event being read. Pure but for [`read`].

use std::collections::BTreeMap;
use std::ops::Range;

use super::group::Group;
use crate::client::aws::cloudwatch::{Answer, MAX_QUERIES, Query};
use crate::client::aws::{Api, Aws, AwsError, Class};

/// Seconds.
const DAY: i64 = 86_400;
/// Full days, UTC, that are looked at. CloudWatch keeps them for fifteen months.
const DAYS: i64 = 7;
/// What is asked of each group: bytes of its events before they are compressed, and the events. Whether the 26 bytes that
/// AWS bills with each event are among them is not documented.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html>
const METRICS: [&str; 2] = ["IncomingBytes", "IncomingLogEvents"];
/// How often what came back partial is asked for.
const ROUNDS: usize = 3;

/// What is written into a group on a mean day.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Volume {
    /// Days of which it is the mean: from the first on which anything was written, those without anything included. 0 when
    /// nothing was.
    pub days: u32,
    /// Bytes a day.
    pub bytes: f64,
    /// Events a day. A stack trace is many.
    pub events: f64,
}

/// What was read of the groups of one account and region.
#[derive(Debug, Clone)]
pub struct Volumes {
    /// One for each group, in their order; `None` where that is not known.
    pub of_groups: Vec<Option<Volume>>,
    /// Why.
    pub error: Option<AwsError>,
}

/// What is written into many groups on a mean day.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Total {
    /// Groups.
    pub groups: usize,
    /// Those into which nothing was written.
    pub silent: usize,
    /// Those of which nothing is known. They are not in the sums.
    pub unknown: usize,
    /// The most days of which a mean was taken.
    pub days: u32,
    /// Bytes a day.
    pub bytes: f64,
    /// Events a day.
    pub events: f64,
    /// Bytes a day that are sent at most, errors above the cap aside.
    pub sent_bytes: f64,
    /// Events a day, in proportion to the bytes that are sent.
    pub sent_events: f64,
}

/// The last full days before `now`, Unix seconds.
fn span(now: i64) -> Range<i64> {
    let end = now.div_euclid(DAY) * DAY;
    end - DAYS * DAY..end
}

/// The queries of some groups, those of a group side by side.
fn queries<'a>(names: &'a [[String; 1]]) -> Vec<Query<'a>> {
    let of_group = |values: &'a [String; 1]| {
        METRICS.map(|metric| Query {
            namespace: "AWS/Logs",
            metric,
            dimensions: &["LogGroupName"],
            values,
            statistic: "Sum",
        })
    };
    names.iter().flat_map(of_group).collect()
}

/// The mean day of a group up to `end` (Unix seconds), from its bytes and its events by day. Nothing is published of a day
/// on which nothing is written, or on which there is no group: so the first day that has a point is the first that counts.
fn mean(bytes: &[(i64, f64)], events: &[(i64, f64)], end: i64) -> Volume {
    let written = |points: &[(i64, f64)]| points.iter().find(|(_, value)| *value > 0.0).map(|(day, _)| *day);
    let Some(first) = written(bytes).into_iter().chain(written(events)).min() else { return Volume::default() };
    let days = u32::try_from((end - first).div_euclid(DAY)).unwrap_or(0).max(1);
    let a_day = |points: &[(i64, f64)]| points.iter().map(|(_, value)| value).sum::<f64>() / f64::from(days);
    Volume { days, bytes: a_day(bytes), events: a_day(events) }
}

/// Reads the volumes of groups at `now` (Unix seconds): two metrics of each, which costs $0.00002. The first request that
/// fails is the last.
pub async fn read(aws: &Aws, groups: &[Group], now: i64) -> Volumes {
    let span = span(now);
    let names: Vec<[String; 1]> = groups.iter().map(|group| [group.name.clone()]).collect();
    let mut of_groups = vec![None; groups.len()];
    for _ in 0..ROUNDS {
        let open: Vec<usize> = (0..groups.len()).filter(|index| of_groups[*index].is_none()).collect();
        for part in open.chunks(MAX_QUERIES / METRICS.len()) {
            let names: Vec<[String; 1]> = part.iter().map(|index| names[*index].clone()).collect();
            let answers = match aws.metric_data(&queries(&names), DAY, span.start, span.end).await {
                Ok(answers) => answers,
                Err(error) => return Volumes { of_groups, error: Some(error) },
            };
            for (index, both) in part.iter().zip(answers.chunks(METRICS.len())) {
                of_groups[*index] = of_answers(both, span.end);
            }
        }
    }
    let open = of_groups.iter().filter(|volume| volume.is_none()).count();
    let error = (open > 0).then(|| AwsError {
        scope: aws.scope().clone(),
        api: Api::GetMetricData,
        class: Class::Server,
        detail: format!("what is written into {open} of {} log groups came back in part only", groups.len()),
    });
    Volumes { of_groups, error }
}

/// `None` when not all of it came.
fn of_answers(both: &[Answer], end: i64) -> Option<Volume> {
    let [bytes, events] = both else { return None };
    (bytes.complete && events.complete).then(|| mean(&bytes.points, &events.points, end))
}

/// The sum of groups, each with its [`Group::ceiling_key`]. `cap` is what those of one key may send, in bytes a day.
#[must_use]
pub fn total<'a>(groups: impl IntoIterator<Item = (&'a str, Option<Volume>)>, cap: Option<u64>) -> Total {
    let mut total = Total::default();
    let mut pipelines: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (pipeline, volume) in groups {
        total.groups += 1;
        let Some(Volume { days, bytes, events }) = volume else {
            total.unknown += 1;
            continue;
        };
        total.silent += usize::from(days == 0);
        total.days = total.days.max(days);
        let of_pipeline = pipelines.entry(pipeline).or_default();
        *of_pipeline = (of_pipeline.0 + bytes, of_pipeline.1 + events);
    }
    for (bytes, events) in pipelines.into_values() {
        #[expect(clippy::cast_precision_loss, reason = "a cap on bytes a day is far below 2^52")]
        let share = cap.map_or(1.0, |cap| (cap as f64 / bytes).min(1.0));
        total.bytes += bytes;
        total.events += events;
        total.sent_bytes += bytes * share;
        total.sent_events += events * share;
    }
    total
}

impl Total {
    /// Adds what is written in another account or region: a cap is for each of them.
    pub fn add(&mut self, other: &Self) {
        self.groups += other.groups;
        self.silent += other.silent;
        self.unknown += other.unknown;
        self.days = self.days.max(other.days);
        self.bytes += other.bytes;
        self.events += other.events;
        self.sent_bytes += other.sent_bytes;
        self.sent_events += other.sent_events;
    }
}

#[cfg(test)]
mod tests;
