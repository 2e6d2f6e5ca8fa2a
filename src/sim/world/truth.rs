//! What is true of the company once every late point has come and every provisional sum is final.

use chrono::{DateTime, Utc};

use super::{
    super::{lateness, values},
    REGION, Resource, World,
};

/// One final value of one statistic of one minute.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// Twelve digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// `CloudWatch`'s namespace.
    pub namespace: &'static str,
    /// `CloudWatch`'s metric name.
    pub metric: &'static str,
    /// The exact set of dimensions.
    pub dimensions: Vec<(&'static str, String)>,
    /// `Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount`, `p50` and so on.
    pub statistic: &'static str,
    /// `CloudWatch`'s unit.
    pub unit: &'static str,
    /// Start of the minute.
    pub minute: DateTime<Utc>,
    /// The value once nothing more changes.
    pub value: f64,
    /// From when `CloudWatch` shows a value at all.
    pub visible: DateTime<Utc>,
    /// From when it shows this value.
    pub settled: DateTime<Utc>,
    /// The pipeline tag of the resource now, if it has one.
    pub pipeline: Option<String>,
}

impl World {
    /// Every value published for the minutes that start in `from..to`, of every statistic, once nothing more changes.
    pub fn truth(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = Truth> {
        let first = from.timestamp().div_euclid(60) * 60;
        let first = first + if first < from.timestamp() { 60 } else { 0 };
        let minutes = (first..to.timestamp()).step_by(60);
        let all = self.resources();
        minutes.flat_map(move |minute| {
            let rows: Vec<_> = all.iter().flat_map(|resource| self.rows(resource, minute)).collect();
            rows
        })
    }

    fn rows(&self, resource: &Resource, minute: i64) -> Vec<Truth> {
        let mut rows = Vec::new();
        for metric in values::metrics_of(&resource.kind) {
            let Some(summary) = self.summary(resource, metric, minute) else {
                continue;
            };
            let arrival = lateness::arrival(self.seed, resource, metric, minute);
            let at = |seconds| DateTime::from_timestamp(minute + seconds, 0).unwrap_or_default();
            let settled = if summary.changes() { arrival.settled } else { arrival.visible };
            for statistic in metric.statistics() {
                let Some(value) = summary.statistic(statistic, metric) else {
                    continue;
                };
                rows.push(Truth {
                    account: resource.account.clone(),
                    region: REGION.to_owned(),
                    namespace: metric.namespace,
                    metric: metric.name,
                    dimensions: values::dimensions(resource, metric),
                    statistic,
                    unit: metric.unit,
                    minute: at(0),
                    value,
                    visible: at(arrival.visible),
                    settled: at(settled),
                    pipeline: resource.tag("pipeline").map(ToOwned::to_owned),
                });
            }
        }
        rows
    }
}
