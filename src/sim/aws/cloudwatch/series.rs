//! The points of one metric in one window, as they are visible at one moment.

use std::sync::Arc;

use chrono::DateTime;
use serde_json::Value;

use super::super::{
    Call, Refusal,
    wire::{list, text},
};
use crate::sim::{
    values::{self, BY_LOG_GROUP, Metric, Summary},
    world::{Resource, logs::LogGroup},
};

/// A span of time cut into periods, as seen at one moment.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Unix seconds of the first period.
    pub(super) first: i64,
    /// Unix seconds, exclusive.
    pub(super) end: i64,
    pub(super) period: i64,
    /// Unix milliseconds: what is visible is decided by it, and it stays the same from page to page.
    seen: i64,
}

impl Window {
    pub(super) fn new(start: i64, end: i64, period: Option<usize>, seen: i64) -> Result<Self, Refusal> {
        let period = i64::try_from(period.unwrap_or(0)).unwrap_or(0);
        if period <= 0 || period % 60 != 0 {
            return Err(Refusal::validation("The parameter Period must be a multiple of 60 for these metrics."));
        }
        if start >= end {
            return Err(Refusal::validation("The parameter StartTime must be less than the parameter EndTime."));
        }
        Ok(Self {
            first: start.div_euclid(1000).div_euclid(period) * period,
            end: (end + 999).div_euclid(1000),
            period,
            seen,
        })
    }

    pub(super) fn starts(self) -> impl Iterator<Item = i64> {
        let step = usize::try_from(self.period).unwrap_or(usize::MAX);
        (self.first..self.end).step_by(step)
    }
}

/// A metric with what it belongs to.
pub(super) struct Found {
    of: Of,
    pub(super) metric: &'static Metric,
}

/// What has metrics.
enum Of {
    Resource(Arc<Resource>),
    LogGroup(LogGroup),
}

impl Found {
    /// What is shown of the period that starts at `start`.
    pub(super) fn period(&self, call: &Call<'_>, window: Window, start: i64) -> Option<Summary> {
        let seen = DateTime::from_timestamp_millis(window.seen)?;
        let world = &call.shared.world;
        match &self.of {
            Of::Resource(resource) => {
                let minutes = (start..start + window.period).step_by(60);
                minutes.filter_map(|minute| world.shown(resource, self.metric, minute, seen)).reduce(Summary::with)
            }
            Of::LogGroup(group) => {
                let written = world.written(group, start, start + window.period, seen)?;
                let sum = if self.metric.name == "IncomingBytes" { written.bytes } else { written.events };
                #[expect(clippy::cast_precision_loss, reason = "what a company writes is far below 2^52")]
                let sum = sum as f64;
                Some(Summary::of_one(sum))
            }
        }
    }

    /// The points of one statistic, ascending.
    pub(super) fn points(&self, call: &Call<'_>, window: Window, statistic: &str) -> Vec<(i64, f64)> {
        let value = |start| {
            let summary = self.period(call, window, start)?;
            Some((start, summary.statistic(statistic, self.metric)?))
        };
        window.starts().filter_map(value).collect()
    }
}

/// The metric with exactly these dimensions.
pub(super) fn find(call: &Call<'_>, metric: &Value) -> Option<Found> {
    let dimensions: Vec<_> = list(metric, "Dimensions").iter().map(|d| (text(d, "Name"), text(d, "Value"))).collect();
    let (namespace, wanted) = (text(metric, "Namespace"), text(metric, "MetricName"));
    let is_wanted = |m: &&Metric| m.namespace == namespace && m.name == wanted;
    if let [("LogGroupName", group)] = dimensions[..] {
        let metric = BY_LOG_GROUP.iter().find(is_wanted)?;
        let group = call.shared.world.log_group(&call.account, group, call.now).filter(|_| call.here())?;
        return Some(Found { of: Of::LogGroup(group), metric });
    }
    let (key, name) = dimensions.iter().find_map(|(key, name)| {
        let keys = ["EndpointName", "FunctionName", "DeliveryStreamName", "Operation"];
        Some((keys.into_iter().find(|k| k == key)?, *name))
    })?;
    let account = if call.here() { call.account.as_str() } else { "" };
    let resource = call.shared.world.by_dimension(account, key, name)?;
    let metric = values::metrics_of(&resource.kind).find(is_wanted)?;
    let exact = values::dimensions(&resource, metric);
    let same = exact.len() == dimensions.len() && exact.iter().all(|(k, v)| dimensions.contains(&(*k, v.as_str())));
    same.then_some(Found { of: Of::Resource(resource), metric })
}
