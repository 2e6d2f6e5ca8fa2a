//! What logs cost at Datadog, as far as CloudWatch knows how much is written.

use serde::Serialize;

use crate::config::settings::Settings;
use crate::source::logs::volume::Total;

/// Days of a month.
const MONTH: f64 = 30.0;
/// Bytes of a GB, and events of a million: by them Datadog asks.
const GIGABYTE: f64 = 1e9;
const MILLION: f64 = 1e6;

/// `logs` of `estimate --json`. The figures are null when of no log group is known what is written, and as long as
/// CloudWatch has a full day of none.
#[derive(Debug, Serialize)]
pub(super) struct Logs {
    /// Log groups that would be followed.
    groups: usize,
    /// Those into which nothing was written in the last seven days.
    silent: usize,
    /// Those of which nothing is known, for example since it may not be read. They are not in the figures.
    unknown: usize,
    /// Full days, UTC, of which the mean was taken. Of a group that is younger, it is the mean of its own.
    days: u32,
    /// Bytes that are written a day.
    bytes_per_day: Option<u64>,
    /// Bytes of them that are sent at most: as many, or what `logs.daily_megabytes` lets through. Errors above that, which
    /// are sent too, are not among them.
    sent_bytes_per_day: Option<u64>,
    /// Events that Datadog is sent in 30 days at most: stack traces are put together, and `logs.rules` leave some out. What a
    /// ceiling leaves out is taken off in proportion to the bytes.
    events_per_month: Option<u64>,
    /// What Datadog asks for both in 30 days, by the prices in `limits`.
    dollars_per_month: Option<f64>,
}

impl Logs {
    pub(super) fn of(total: &Total, settings: &Settings) -> Self {
        let Total { groups, silent, unknown, days, bytes, sent_bytes, sent_events, .. } = *total;
        let dollars = sent_bytes / GIGABYTE * settings.limits.dollars_per_gigabyte_of_logs
            + sent_events / MILLION * settings.limits.dollars_per_million_log_events;
        // A group of today has no full day, and looks like one that is silent.
        let is_known = days > 0 || groups == 0;
        let whole = |value: f64| is_known.then(|| rounded(value));
        Self {
            groups,
            silent,
            unknown,
            days,
            bytes_per_day: whole(bytes),
            sent_bytes_per_day: whole(sent_bytes),
            events_per_month: whole(sent_events * MONTH),
            dollars_per_month: is_known.then_some(dollars * MONTH),
        }
    }

    /// Rows of the table: what, how much, and the ceiling.
    pub(super) fn rows(&self, settings: &Settings) -> Vec<Vec<String>> {
        if self.groups == 0 {
            return Vec::new();
        }
        // What is not known must not look like nothing.
        let without = match self.unknown {
            0 => String::new(),
            unknown => format!(", {unknown} of {} groups unknown", self.groups),
        };
        let nothing = if self.is_too_early() { "unknown yet" } else { "unknown" };
        let row = |what: &str, value: Option<String>, ceiling: String| {
            let value = value.map_or_else(|| nothing.to_owned(), |value| value + &without);
            vec![what.to_owned(), value, ceiling]
        };
        let mut rows = vec![row("Logs written a day", self.bytes_per_day.map(bytes), String::new())];
        if let Some(cap) = settings.logs.daily_bytes {
            let sent = self.sent_bytes_per_day.map(|sent| format!("at most {}", bytes(sent)));
            rows.push(row("Logs sent a day", sent, format!("{} a pipeline and account", bytes(cap))));
        }
        // Which lines a ceiling leaves out is not known, and so not how long they are.
        let how = if settings.logs.daily_bytes.is_some() { "about" } else { "at most" };
        let events = self.events_per_month.map(|events| format!("{how} {}", count(events)));
        rows.push(row("Datadog log events a month", events, String::new()));
        let dollars = self.dollars_per_month.map(|dollars| format!("about ${dollars:.2}"));
        rows.push(row("Datadog logs a month", dollars, String::new()));
        rows
    }

    /// Whether CloudWatch could be asked, and has a full day of no group.
    fn is_too_early(&self) -> bool {
        self.days == 0 && self.unknown < self.groups
    }

    /// What the rows mean.
    pub(super) fn note(&self, settings: &Settings) -> Option<String> {
        if self.groups == self.unknown {
            return None;
        }
        if self.is_too_early() {
            let those = if self.groups == 1 { "the log group" } else { "the log groups" };
            return Some(format!(
                "logs: CloudWatch has no full day (UTC) of {those} yet, so what they cost is not known"
            ));
        }
        let days = if self.days == 1 { "day".to_owned() } else { format!("{} days", self.days) };
        let above = if settings.logs.daily_bytes.is_some() { "errors above the ceiling come on top; " } else { "" };
        Some(format!(
            "logs: mean of the last {days}, {} of {} log groups silent; events before stack traces are put together and \
             `logs.rules` leave some out; {above}prices as in `limits`",
            self.silent, self.groups
        ))
    }
}

fn rounded(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts; casts saturate")]
    let rounded = value.round() as u64;
    rounded
}

/// `12.3 GB`.
fn bytes(count: u64) -> String {
    let (value, unit) = scaled(count, &["", "k", "M", "G", "T", "P"]);
    if unit.is_empty() { format!("{count} B") } else { format!("{value:.1} {unit}B") }
}

/// `4.1 million`; in full below a million.
fn count(count: u64) -> String {
    match scaled(count, &["", "", "million", "billion", "trillion"]) {
        (_, "") => count.to_string(),
        (value, unit) => format!("{value:.1} {unit}"),
    }
}

/// A number in steps of a thousand, rounded to a tenth of the step, and the step's name.
fn scaled<'a>(count: u64, names: &[&'a str]) -> (f64, &'a str) {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut value = count as f64;
    let mut step = 0;
    // Below it, one decimal shows less than a thousand.
    while value >= 999.95 && step + 1 < names.len() {
        value /= 1_000.0;
        step += 1;
    }
    (value, names.get(step).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::config;
    use crate::source::logs::volume::{Volume, total};

    fn told(volumes: &[Option<Volume>]) -> (Vec<String>, Option<String>, serde_json::Value) {
        let environment = config::settings::Environment::new();
        let settings = config::read("regions: [us-west-2]", "ddsync.yaml", &environment).unwrap().settings;
        let logs = Logs::of(&total(volumes.iter().map(|volume| ("lease", *volume)), None), &settings);
        let values = logs.rows(&settings).into_iter().map(|row| row[1].clone()).collect();
        (values, logs.note(&settings), serde_json::to_value(&logs).unwrap())
    }

    #[test]
    fn without_a_full_day_nothing_is_known_yet() {
        let figures = ["bytes_per_day", "sent_bytes_per_day", "events_per_month", "dollars_per_month"];
        for volumes in [vec![Some(Volume::default()); 2], vec![Some(Volume::default()), None]] {
            let (values, note, json) = told(&volumes);
            assert!(!values.is_empty() && values.iter().all(|value| value == "unknown yet"), "{values:?}");
            let wanted = "logs: CloudWatch has no full day (UTC) of the log groups yet, so what they cost is not known";
            assert_eq!(note.as_deref(), Some(wanted));
            assert!(figures.iter().all(|figure| json[figure].is_null()), "{json}");
        }
        let (values, note, json) = told(&[None]);
        assert!(values.iter().all(|value| value == "unknown") && note.is_none(), "{values:?}");
        assert!(figures.iter().all(|figure| json[figure].is_null()), "{json}");
    }

    #[test]
    fn a_group_with_a_day_is_told_beside_one_without() {
        let (values, note, json) = told(&[Some(Volume { days: 1, bytes: 2e9, events: 1e6 }), Some(Volume::default())]);
        assert_eq!(values[0], "2.0 GB");
        assert!(note.unwrap().starts_with("logs: mean of the last day, 1 of 2 log groups silent"));
        assert_eq!(json["bytes_per_day"], 2_000_000_000_u64);
    }

    #[test]
    fn figures_have_a_fitting_unit() {
        let cases = [
            (0, "0 B", "0"),
            (999, "999 B", "999"),
            (1_000, "1.0 kB", "1000"),
            (999_949, "999.9 kB", "999949"),
            (999_950, "1.0 MB", "1.0 million"),
            (4_140_000, "4.1 MB", "4.1 million"),
            (12_340_000_000, "12.3 GB", "12.3 billion"),
            (u64::MAX, "18446.7 PB", "18446744.1 trillion"),
        ];
        for (value, as_bytes, as_count) in cases {
            assert_eq!((bytes(value).as_str(), count(value).as_str()), (as_bytes, as_count));
        }
    }
}
