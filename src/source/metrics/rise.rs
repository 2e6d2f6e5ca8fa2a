//! Minutes with more failures than the one before. Pure.

use std::sync::Arc;

use super::plan::Subject;
use crate::model::catalogue::{Column, Metric, Statistic, Target};

/// More failures in a minute than in the one before, of something that writes a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Rise {
    /// What it is of: an endpoint, by its variant, or a function.
    pub target: Target,
    /// The endpoint's name, or the function's.
    pub name: String,
    /// [`Subject::key`]: an endpoint may have several variants.
    pub subject: Arc<str>,
    /// The series that has risen, for example `mlpipeline.endpoint.invocation_failures.sum`.
    pub series: Arc<str>,
    /// Start of the minute, Unix seconds.
    pub at: i64,
    /// Failures in it.
    pub failures: f64,
}

/// Whether a series counts failures of what writes a log. Throttled requests and such reach no program, so no program
/// writes about them: the catalogue calls what failed an error.
pub(super) fn counts_failures(metric: &Metric, column: &Column) -> bool {
    let writes_log = matches!(metric.target, Target::Endpoint | Target::Variant | Target::Function);
    writes_log && metric.datadog_unit == "error" && column.statistic == Statistic::Sum
}

impl Rise {
    /// Of a minute with so many failures, after one with `before`. A minute that nothing is known of had none.
    pub(super) fn of(subject: &Subject, column: &Column, at: i64, failures: f64, before: Option<f64>) -> Option<Self> {
        let has_risen = failures > before.unwrap_or(0.0);
        has_risen.then(|| Self {
            target: subject.target,
            name: subject.values.first().cloned().unwrap_or_default(),
            subject: Arc::clone(&subject.key),
            series: Arc::clone(&column.series),
            at,
            failures,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::discover::Epoch;
    use crate::source::metrics::plan::Owner;

    #[test]
    fn only_more_failures_than_in_the_minute_before_are_a_rise_of_what_writes_a_log() {
        let metrics = crate::model::catalogue::table();
        let told = metrics.iter().flat_map(|metric| metric.columns.iter().map(move |column| (metric, column)));
        let told: Vec<&str> =
            told.filter(|(metric, column)| counts_failures(metric, column)).map(|(metric, _)| &*metric.name).collect();
        assert!(told.contains(&"mlpipeline.endpoint.invocation_failures"), "{told:?}");
        assert!(
            !told.contains(&"mlpipeline.function.throttles") && told.iter().all(|name| !name.contains("textract")),
            "{told:?}"
        );
        let owner = Owner::Shared(Arc::from([Epoch { since: 0, tags: Arc::from([]) }]));
        let subject = Subject::new(Target::Function, "split", owner);
        let sum = metrics[0].columns[0].clone();
        let rise = |failures, before| Rise::of(&subject, &sum, 60, failures, before).map(|rise| rise.failures);
        assert_eq!(rise(2.0, Some(1.0)), Some(2.0));
        assert_eq!(rise(2.0, None), Some(2.0));
        assert_eq!((rise(2.0, Some(2.0)), rise(1.0, Some(2.0)), rise(0.0, None)), (None, None, None));
    }
}
