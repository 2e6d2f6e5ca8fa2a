//! What the pretend Datadog has taken in.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Number, Value};

/// Seconds behind which a point is not stored.
const TOO_OLD: i64 = 3_600;
/// Seconds ahead of which a point is not stored.
const TOO_NEW: i64 = 600;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Seconds between two copies of an hour.
const BETWEEN: i64 = 4 * HOUR;
/// Points of an hour that are copied.
const COPIED: usize = 6;
/// Characters of a tag that are kept.
const TAG: usize = 200;

/// What tells one series from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The metric's name.
    pub metric: String,
    /// Sorted, as Datadog normalises them, each once.
    pub tags: Vec<String>,
    /// The resource of type `host`; empty without one.
    pub host: String,
}

/// One stored point: the last one that came for its series and second.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The value that counts.
    pub value: f64,
    /// How often this point came.
    pub received: u32,
    /// How many different values came, in the order of their first coming.
    pub values: Vec<f64>,
    /// 0 unspecified, 1 count, 2 rate, 3 gauge.
    pub kind: u8,
    /// Seconds, for counts and rates.
    pub interval: Option<i64>,
    /// The unit sent with the series.
    pub unit: Option<String>,
}

/// Everything received since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Received {
    /// The stored points by series and Unix second.
    pub series: BTreeMap<Series, BTreeMap<i64, Kept>>,
    /// Metadata by metric.
    pub metadata: BTreeMap<String, Value>,
    /// Accepted requests to the series intake.
    pub requests: u64,
    /// Bytes of their bodies as they came.
    pub bytes: u64,
    /// Points in them, stored or not.
    pub points: u64,
    /// Points behind by more than an hour: answered with 202, not stored.
    pub too_old: u64,
    /// Points more than ten minutes ahead: answered with 202, not stored.
    pub too_new: u64,
    /// Tags that were not in Datadog's form and had to be changed.
    pub changed_tags: u64,
    /// Refused requests to the series intake, by status.
    pub refused: BTreeMap<u16, u64>,
}

/// The body of `POST /api/v2/series`, with the fields of Datadog's `MetricPayload` and no others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    series: Vec<Sent>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    metric: String,
    points: Vec<Point>,
    #[serde(default)]
    r#type: u8,
    #[serde(default)]
    interval: Option<i64>,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    resources: Vec<Owner>,
    #[serde(default, rename = "source_type_name")]
    _source: Option<String>,
    #[serde(default, rename = "metadata")]
    _metadata: Option<Value>,
}

/// Read by way of a map: a plain derive would take the array `[timestamp, value]` too, which Datadog refuses here.
#[derive(Debug, Deserialize)]
#[serde(try_from = "BTreeMap<String, Number>")]
struct Point {
    timestamp: i64,
    value: f64,
}

impl TryFrom<BTreeMap<String, Number>> for Point {
    type Error = &'static str;

    fn try_from(fields: BTreeMap<String, Number>) -> Result<Self, Self::Error> {
        let timestamp = fields.get("timestamp").and_then(Number::as_i64).ok_or("a point needs a whole timestamp")?;
        let value = fields.get("value").and_then(Number::as_f64).ok_or("a point needs a value")?;
        if fields.len() == 2 { Ok(Self { timestamp, value }) } else { Err("a point has a timestamp and a value only") }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    #[serde(default)]
    name: String,
    #[serde(default)]
    r#type: String,
}

impl Received {
    /// Stores a payload as it stands at `now` (Unix seconds).
    ///
    /// # Errors
    /// What is wrong with it; nothing of it is stored then.
    pub(super) fn store(&mut self, body: &[u8], now: i64) -> Result<(), String> {
        let payload: Payload = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        for sent in &payload.series {
            check(sent)?;
        }
        for sent in payload.series {
            self.store_series(sent, now);
        }
        Ok(())
    }

    fn store_series(&mut self, sent: Sent, now: i64) {
        let mut tags = Vec::new();
        for tag in &sent.tags {
            let normal = normal_tag(tag);
            self.changed_tags += u64::from(normal != *tag);
            tags.push(normal);
        }
        tags.sort();
        tags.dedup();
        let host = sent.resources.into_iter().find(|r| r.r#type == "host");
        let series = Series { metric: sent.metric, tags, host: host.map(|r| r.name).unwrap_or_default() };
        let stored = self.series.entry(series).or_default();
        for point in sent.points {
            self.points += 1;
            if point.timestamp < now - TOO_OLD {
                self.too_old += 1;
                continue;
            }
            if point.timestamp > now + TOO_NEW {
                self.too_new += 1;
                continue;
            }
            let kept = stored.entry(point.timestamp).or_insert_with(|| Kept {
                value: 0.0,
                received: 0,
                values: Vec::new(),
                kind: 0,
                interval: None,
                unit: None,
            });
            kept.value = point.value;
            kept.received += 1;
            if !kept.values.iter().any(|v| v.to_bits() == point.value.to_bits()) {
                kept.values.push(point.value);
            }
            kept.kind = sent.r#type;
            kept.interval = sent.interval;
            kept.unit.clone_from(&sent.unit);
        }
    }

    /// Counts points without keeping them.
    pub(super) fn count(&mut self, body: &[u8]) {
        let stamps = body.windows(b"\"timestamp\"".len());
        self.points += stamps.filter(|w| *w == b"\"timestamp\"").count() as u64;
    }

    /// Copies the last hour of every series back over so many days: some of its points, every few hours.
    pub(super) fn remember(&mut self, days: u32) {
        for points in self.series.values_mut() {
            let Some(last) = points.keys().next_back().copied() else { continue };
            let hour: Vec<(i64, Kept)> =
                points.range(last - HOUR + 1..).map(|(at, kept)| (*at, kept.clone())).collect();
            let each = hour.len().div_ceil(COPIED);
            for step in 1..=i64::from(days) * DAY / BETWEEN {
                for (at, kept) in hour.iter().step_by(each) {
                    points.entry(at - step * BETWEEN).or_insert_with(|| kept.clone());
                }
            }
        }
    }

    /// Is there a point of this metric?
    #[must_use]
    pub fn knows(&self, metric: &str) -> bool {
        let stored = self.series.iter().filter(|(s, _)| s.metric == metric);
        stored.into_iter().any(|(_, points)| !points.is_empty())
    }
}

fn check(sent: &Sent) -> Result<(), String> {
    let metric = &sent.metric;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    if !metric.starts_with(|c: char| c.is_ascii_alphabetic()) || !metric.chars().all(legal) || metric.len() > 200 {
        return Err(format!("metric name {metric:?} is not legal"));
    }
    if sent.r#type > 3 {
        return Err(format!("{metric}: type {} is none of 0, 1, 2, 3", sent.r#type));
    }
    if matches!(sent.r#type, 1 | 2) && sent.interval.is_none_or(|seconds| seconds <= 0) {
        return Err(format!("{metric}: a count or rate needs an interval"));
    }
    if sent.points.is_empty() {
        return Err(format!("{metric}: no points"));
    }
    Ok(())
}

/// A tag as Datadog stores it.
pub(super) fn normal_tag(tag: &str) -> String {
    let lower = tag.chars().flat_map(char::to_lowercase);
    let kept = lower.skip_while(|c| !c.is_ascii_alphabetic()).take(TAG);
    let legal = |c: char| c.is_ascii_alphanumeric() || "_-:./".contains(c);
    kept.map(|c| if legal(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn body(points: &str) -> String {
        format!(r#"{{"series":[{{"metric":"a.b","type":1,"interval":60,"tags":["b:2","a:1"],"points":[{points}]}}]}}"#)
    }

    #[test]
    fn the_last_point_of_a_second_wins() {
        let mut received = Received::default();
        let twice = r#"{"timestamp":100,"value":1},{"timestamp":100,"value":2.5}"#;
        received.store(body(twice).as_bytes(), 120).unwrap();
        received.store(body(twice).as_bytes(), 120).unwrap();
        let (series, points) = received.series.iter().next().unwrap();
        assert_eq!(series.tags, ["a:1", "b:2"]);
        let kept = &points[&100];
        assert_eq!((kept.value, kept.received), (2.5, 4));
        assert_eq!(kept.values, [1.0, 2.5]);
    }

    #[test]
    fn what_is_too_old_or_too_new_is_counted_and_not_stored() {
        let mut received = Received::default();
        let points = r#"{"timestamp":399,"value":1},{"timestamp":400,"value":1},{"timestamp":4601,"value":1}"#;
        received.store(body(points).as_bytes(), 4_000).unwrap();
        assert_eq!((received.too_old, received.too_new), (1, 1));
        assert_eq!(received.series.values().next().unwrap().len(), 1);
    }

    #[test]
    fn a_bad_body_stores_nothing() {
        let mut received = Received::default();
        for bad in [
            "{",
            r#"{"series":[{"metric":"a","points":[]}]}"#,
            r#"{"series":[{"metric":"9a","points":[{"timestamp":1,"value":1}]}]}"#,
            r#"{"series":[{"metric":"a","type":1,"points":[{"timestamp":1,"value":1}]}]}"#,
            r#"{"series":[{"metric":"a","typ":1,"points":[{"timestamp":1,"value":1}]}]}"#,
        ] {
            assert!(received.store(bad.as_bytes(), 1).is_err(), "{bad}");
        }
        assert_eq!(received, Received::default());
    }

    #[test]
    fn tags_are_normalised() {
        assert_eq!(normal_tag("Team:Docs, {x}@y"), "team:docs___x__y");
        assert_eq!(normal_tag(&"x".repeat(300)).len(), 200);
    }
}
