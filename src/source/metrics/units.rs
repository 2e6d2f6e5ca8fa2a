//! Units as CloudWatch really publishes them. AWS has changed the unit of a metric under its name, and
//! `GetMetricData` does not tell: each metric is asked for once a day and region, where it is a time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::catalogue::Metric;
use crate::model::unit::Unit;

/// How long a learned unit is believed, in seconds.
const BELIEVED: i64 = 24 * 3600;
/// How long after a failed question the next one is asked, in seconds.
const PAUSE: i64 = 15 * 60;
/// In the place of a metric's name; every real one has a space.
const EVERYTHING: &str = "";

/// Units of one account and region, kept in the state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Units {
    learned: BTreeMap<String, Learned>,
    /// When a question failed, Unix seconds; not kept in the state.
    #[serde(skip)]
    failed: BTreeMap<String, i64>,
}

/// What `GetMetricStatistics` said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Learned {
    unit: Unit,
    /// Unix seconds.
    at: i64,
}

impl Units {
    /// Whether the unit of this metric has to be asked for.
    #[must_use]
    pub fn wants(&self, metric: &Metric, now: i64) -> bool {
        let key = key(metric);
        metric.unit_in.drifts()
            && self.learned.get(&key).is_none_or(|known| now - known.at > BELIEVED)
            && [&key, EVERYTHING].iter().all(|key| self.failed.get(*key).is_none_or(|failed| now - failed > PAUSE))
    }

    /// Notes that CloudWatch could not be asked, about this metric or (`None`) about any, so that it is not asked again
    /// at once for every endpoint.
    pub fn fail(&mut self, metric: Option<&Metric>, now: i64) {
        self.failed.insert(metric.map_or_else(|| EVERYTHING.to_owned(), key), now);
    }

    /// Notes CloudWatch's answer; true when it differs from what the catalogue expects. A unit that this program does
    /// not know, or that cannot be converted, changes nothing but is a difference too.
    pub fn learn(&mut self, metric: &Metric, answer: &str, now: i64) -> bool {
        let unit = Unit::from_cloudwatch(answer).filter(|unit| unit.factor_to(metric.unit_out).is_some());
        let believed = unit.unwrap_or(metric.unit_in);
        self.learned.insert(key(metric), Learned { unit: believed, at: now });
        unit != Some(metric.unit_in)
    }

    /// What a value is multiplied with to be in the unit that is sent.
    #[must_use]
    pub fn factor(&self, metric: &Metric) -> f64 {
        let unit = self.learned.get(&key(metric)).map_or(metric.unit_in, |known| known.unit);
        unit.factor_to(metric.unit_out).unwrap_or(1.0)
    }
}

fn key(metric: &Metric) -> String {
    format!("{} {}", metric.namespace, metric.metric)
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::float_cmp,
        clippy::expect_used,
        reason = "factors are exact constants; a test fails by panicking"
    )]
    use super::*;
    use crate::model::catalogue;

    fn metric(name: &str) -> Metric {
        catalogue::table().into_iter().find(|metric| metric.name == name).expect(name)
    }

    #[test]
    fn a_unit_that_has_drifted_is_believed_and_told() {
        let backlog_time = metric("mlpipeline.endpoint.time_in_backlog");
        let mut units = Units::default();
        assert!(units.wants(&backlog_time, 0));
        assert_eq!(units.factor(&backlog_time), 1e-3);
        assert!(!units.learn(&backlog_time, "Milliseconds", 0));
        assert!(units.learn(&backlog_time, "Microseconds", 0));
        assert_eq!(units.factor(&backlog_time), 1e-6);
        assert!(!units.wants(&backlog_time, 3600));
        assert!(units.wants(&backlog_time, BELIEVED + 1));
    }

    #[test]
    fn a_unit_that_measures_something_else_is_told_and_not_believed() {
        let latency = metric("mlpipeline.endpoint.model_latency");
        let mut units = Units::default();
        assert!(units.learn(&latency, "None", 0));
        assert_eq!(units.factor(&latency), 1e-6);
    }

    #[test]
    fn a_question_that_failed_is_not_asked_again_at_once() {
        let latency = metric("mlpipeline.endpoint.model_latency");
        let mut units = Units::default();
        let setup = metric("mlpipeline.endpoint.model_setup_time");
        units.fail(Some(&latency), 1000);
        assert!(!units.wants(&latency, 1000 + PAUSE));
        assert!(units.wants(&latency, 1001 + PAUSE));
        assert!(units.wants(&setup, 1000));
        units.fail(None, 2000);
        assert!(!units.wants(&setup, 2000));
    }

    #[test]
    fn counts_are_not_asked_for() {
        assert!(!Units::default().wants(&metric("mlpipeline.endpoint.invocation_failures"), 0));
    }
}
