//! What a month costs, and what is given up when it would cost more than it may. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::plan::{Query, Subject, billed, of_metric};
use crate::config::settings::Limits;
use crate::model::catalogue::{DeployMetric, LogMetric, Metric, Target, Tier};
use crate::model::pipeline::Pipeline;
use crate::model::resource::EndpointKind;

/// Seconds of an average month.
const MONTH_SECONDS: f64 = 365.25 * 86_400.0 / 12.0;
/// Giving up begins at this share of a limit, so that new pipelines do not go over it at once.
const NEAR: f64 = 0.95;
/// What was given up is taken back below this share, so that an endpoint that comes and goes does not switch metrics on
/// and off.
const EASY: f64 = 0.85;
/// What the warm tier is slowed down to, step by step, in seconds. Lateness of every metric stays within the 15 minutes
/// that the tier reads back.
const SLOWER: [u64; 2] = [600, 900];

/// What one metric of the catalogue costs in one account and region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// Metrics billed a poll.
    pub billed: u64,
    /// Series in Datadog.
    pub series: u64,
}

/// Demand by name of metric.
pub type Demands = BTreeMap<String, (Tier, Option<u8>, Demand)>;

/// What may be read within the limits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// Seconds between two polls of the warm tier.
    pub warm_every: u64,
    /// Metrics that are not read, in the order in which they were given up.
    pub given_up: Vec<String>,
    /// CloudWatch dollars a month of what is read.
    pub dollars: f64,
    /// Series in Datadog of what is read.
    pub series: u64,
    /// Dollars a month that were allowed.
    pub dollars_limit: Option<f64>,
    /// Series that were allowed.
    pub series_limit: Option<u64>,
    /// Whether the limits hold, now that everything that may be given up was.
    pub within: bool,
}

impl Fit {
    /// Whether anything is slowed or given up.
    #[must_use]
    pub fn degraded(&self, warm_every: Duration) -> bool {
        !self.given_up.is_empty() || self.warm_every > warm_every.as_secs()
    }

    /// Names of the metrics that are not read.
    #[must_use]
    pub fn given_up(&self) -> BTreeSet<String> {
        self.given_up.iter().cloned().collect()
    }
}

/// What a full plan of one scope asks for, by metric, and the series that are computed of it. `declared` is how many
/// stages pipeline files declare there.
#[must_use]
pub fn demands(
    catalogue: &[Metric],
    subjects: &[Subject],
    pipelines: &[Pipeline],
    declared: usize,
    limits: &Limits,
) -> Demands {
    let mut demands = computed(subjects, pipelines, declared);
    for (index, metric) in (0_u16..).zip(catalogue) {
        let queries: Vec<Query> = of_metric(index, metric, subjects);
        let entry = demands.entry(metric.name.to_string()).or_insert((metric.tier, metric.shed, Demand::default()));
        entry.2.billed += billed(&queries, limits.statistics_billed_as_one);
        entry.2.series += queries.len() as u64;
    }
    demands
}

/// Nothing is asked for what is computed, and none of it is given up.
fn computed(subjects: &[Subject], pipelines: &[Pipeline], declared: usize) -> Demands {
    let there = subjects.iter().filter(|subject| subject.until == i64::MAX);
    let count = |target: Target, kinds: &[EndpointKind]| {
        let of =
            |subject: &&Subject| subject.target == target && subject.kind.is_some_and(|kind| kinds.contains(&kind));
        there.clone().filter(of).count()
    };
    let queues = count(Target::Endpoint, &[EndpointKind::Async]);
    let endpoints = queues + count(Target::Endpoint, &[EndpointKind::RealTime, EndpointKind::Serverless]);
    let waits = |pipeline: &&Pipeline| pipeline.stages.iter().any(|stage| stage.kinds.contains(&EndpointKind::Async));
    [
        ("mlpipeline.endpoint.drain_time", queues),
        ("mlpipeline.endpoint.stall_minutes", queues),
        ("mlpipeline.endpoint.status", endpoints),
        ("mlpipeline.endpoint.in_service", endpoints),
        (
            "mlpipeline.endpoint.instances_desired",
            count(Target::Variant, &[EndpointKind::Async, EndpointKind::RealTime]),
        ),
        ("mlpipeline.stage.missing", declared),
        ("mlpipeline.pipeline.bottleneck", queues),
        ("mlpipeline.pipeline.lag", pipelines.iter().filter(waits).count()),
    ]
    .map(|(name, series)| (name.to_owned(), (Tier::Hot, None, Demand { billed: 0, series: series as u64 })))
    .into()
}

/// The series about deployments of these pipelines. None of them is asked of CloudWatch or given up.
#[must_use]
pub fn of_deployments(pipelines: &[Pipeline]) -> Demands {
    let demand = |metric: &DeployMetric| Demand { billed: 0, series: metric.series(pipelines.len()) as u64 };
    DeployMetric::ALL.iter().map(|metric| (metric.name().to_owned(), (Tier::Warm, None, demand(metric)))).collect()
}

/// The series about so many log groups, of which so many are functions'; errors of one class each. None of them is asked of
/// CloudWatch or given up.
#[must_use]
pub fn of_logs(groups: usize, functions: usize) -> Demands {
    let demand = |metric: &LogMetric| {
        let of_all = matches!(metric, LogMetric::Lines | LogMetric::Bytes | LogMetric::Errors);
        Demand { billed: 0, series: if of_all { groups } else { functions } as u64 }
    };
    LogMetric::ALL.iter().map(|metric| (metric.name().to_owned(), (Tier::Hot, None, demand(metric)))).collect()
}

/// Adds the demand of another scope.
pub fn add(total: &mut Demands, other: &Demands) {
    for (name, (tier, shed, demand)) in other {
        let entry = total.entry(name.clone()).or_insert((*tier, *shed, Demand::default()));
        entry.2.billed += demand.billed;
        entry.2.series += demand.series;
    }
}

/// The most that can be read within the limits: the warm tier is slowed first, then metrics are given up in the order of
/// `shed` of [`Metric`], lowest first. The four backlog metrics never are. What was slowed or given up `before` stays so
/// until there is room to spare.
#[must_use]
pub fn fit(demands: &Demands, hot_every: Duration, warm_every: Duration, limits: &Limits, before: Option<&Fit>) -> Fit {
    let needed = fit_below(NEAR, demands, hot_every, warm_every, limits, Floor::default());
    let Some(before) = before.filter(|before| before.degraded(warm_every)) else { return needed };
    let spared = fit_below(EASY, demands, hot_every, warm_every, limits, Floor::default());
    let floor = Floor {
        warm_every: before.warm_every.min(spared.warm_every),
        given_up: before.given_up.len().min(spared.given_up.len()),
    };
    fit_below(NEAR, demands, hot_every, warm_every, limits, floor)
}

/// What is slowed and given up at least.
#[derive(Debug, Clone, Copy, Default)]
struct Floor {
    warm_every: u64,
    given_up: usize,
}

/// What can be read below `share` of the limits.
fn fit_below(
    share: f64,
    demands: &Demands,
    hot_every: Duration,
    warm_every: Duration,
    limits: &Limits,
    floor: Floor,
) -> Fit {
    let mut kept: BTreeSet<&str> = demands.keys().map(String::as_str).collect();
    let mut sheddable: Vec<(u8, &str)> =
        demands.iter().filter_map(|(name, (_, shed, _))| Some(((*shed)?, name.as_str()))).collect();
    sheddable.sort_unstable();
    sheddable.reverse();

    let dollars = |kept: &BTreeSet<&str>, warm: u64| -> f64 {
        kept.iter()
            .filter_map(|name| demands.get(*name))
            .map(|(tier, _, demand)| {
                let every = match tier {
                    Tier::Hot => hot_every.as_secs(),
                    Tier::Warm => warm,
                };
                dollars_a_month(demand.billed, every, limits.dollars_per_thousand_metrics)
            })
            .sum()
    };
    let series = |kept: &BTreeSet<&str>| -> u64 {
        kept.iter().filter_map(|name| demands.get(*name)).map(|(_, _, demand)| demand.series).sum()
    };
    let dollars_over = |value: f64| limits.cloudwatch_dollars_per_month.is_some_and(|limit| value > limit * share);
    #[expect(clippy::cast_precision_loss, reason = "a count of series is far below 2^52")]
    let series_over = |value: u64| limits.datadog_series.is_some_and(|limit| value as f64 > limit as f64 * share);

    let mut warm = warm_every.as_secs().max(1).max(floor.warm_every);
    for slower in SLOWER {
        if dollars_over(dollars(&kept, warm)) {
            warm = warm.max(slower);
        }
    }
    let mut given_up = Vec::new();
    while given_up.len() < floor.given_up || dollars_over(dollars(&kept, warm)) || series_over(series(&kept)) {
        let Some((_, name)) = sheddable.pop() else { break };
        // A metric that costs nothing here is no use to give up.
        if demands.get(name).is_some_and(|(_, _, demand)| demand.series > 0) {
            kept.remove(name);
            given_up.push(name.to_owned());
        }
    }
    let (dollars, series) = (dollars(&kept, warm), series(&kept));
    Fit {
        warm_every: warm,
        given_up,
        dollars,
        series,
        dollars_limit: limits.cloudwatch_dollars_per_month,
        series_limit: limits.datadog_series,
        within: limits.cloudwatch_dollars_per_month.is_none_or(|limit| dollars <= limit)
            && limits.datadog_series.is_none_or(|limit| series <= limit),
    }
}

/// What a month of polls costs, in dollars.
#[must_use]
pub fn dollars_a_month(billed: u64, every_seconds: u64, per_thousand: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of metrics are far below 2^52")]
    let (billed, every) = (billed as f64, every_seconds.max(1) as f64);
    billed * MONTH_SECONDS / every * per_thousand / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalogue::DERIVED;
    use crate::model::pipeline::Stage;
    use crate::model::resource::Scope;
    use crate::source::metrics::plan::Owner;

    fn limits(dollars: Option<f64>, series: Option<u64>) -> Limits {
        Limits {
            cloudwatch_dollars_per_month: dollars,
            datadog_series: series,
            dollars_per_thousand_metrics: 0.01,
            dollars_per_gigabyte_of_logs: 0.1,
            dollars_per_million_log_events: 1.7,
            statistics_billed_as_one: 5,
            requests_per_second: 50,
            points_per_second: 180_000,
        }
    }

    fn demands() -> Demands {
        let row = |tier, shed, billed, series| (tier, shed, Demand { billed, series });
        Demands::from([
            ("backlog".to_owned(), row(Tier::Hot, None, 100, 200)),
            ("disk".to_owned(), row(Tier::Warm, Some(10), 100, 200)),
            ("failures".to_owned(), row(Tier::Warm, Some(90), 100, 100)),
            ("nothing".to_owned(), row(Tier::Warm, Some(5), 0, 0)),
        ])
    }

    fn fitted(limits: &Limits) -> Fit {
        fit(&demands(), Duration::from_mins(1), Duration::from_mins(5), limits, None)
    }

    #[test]
    fn what_was_given_up_comes_back_when_there_is_room_to_spare() {
        let next = |limit, before: &Fit| {
            fit(&demands(), Duration::from_mins(1), Duration::from_mins(5), &limits(limit, None), Some(before))
        };
        let slowed = fitted(&limits(Some(56.0), None));
        assert_eq!(slowed.warm_every, 600);
        // Everything costs $61.36 a month: that is within 95 % of 65, and not within 85 % of it.
        assert_eq!(fitted(&limits(Some(65.0), None)).warm_every, 300);
        assert_eq!(next(Some(65.0), &slowed).warm_every, 600);
        assert_eq!(next(Some(73.0), &slowed).warm_every, 300);
        let given_up = fitted(&limits(None, Some(400)));
        let roomy = |series| {
            fit(
                &demands(),
                Duration::from_mins(1),
                Duration::from_mins(5),
                &limits(None, Some(series)),
                Some(&given_up),
            )
        };
        assert_eq!((roomy(540).given_up.len(), roomy(600).given_up.len()), (1, 0));
    }

    #[test]
    fn every_series_that_is_computed_counts() {
        let subject = |target| Subject {
            kind: Some(EndpointKind::Async),
            ..Subject::new(target, "split", Owner::Shared(Vec::new().into()))
        };
        let pipeline = Pipeline {
            name: "Lease".to_owned(),
            environment: "data_dev".to_owned(),
            team: None,
            owner: None,
            scope: Scope { account: "dev".to_owned(), region: "us-west-2".to_owned() },
            stages: vec![Stage { kinds: [EndpointKind::Async].into(), ..Stage::default() }],
            resources: Vec::new(),
            declared: true,
        };
        let subjects = [subject(Target::Endpoint), subject(Target::Variant)];
        let demands = super::demands(&[], &subjects, std::slice::from_ref(&pipeline), 3, &limits(None, None));
        let counted = demands.iter().map(|(name, (_, _, demand))| (name.as_str(), demand.series)).collect();
        let series = |name: &str| if name == "mlpipeline.stage.missing" { 3 } else { 1 };
        let expected: BTreeMap<&str, u64> =
            DERIVED.iter().map(|derived| (derived.name, series(derived.name))).collect();
        assert_eq!(expected, counted);
        // 8 gauges of 3 windows each, 2 of the newest deployment, and one count for each of 4 results; then, whatever there
        // is, runs in 3 windows by 3 words.
        let of_deployments = super::of_deployments(&[pipeline.clone(), pipeline]);
        assert_eq!(of_deployments.values().map(|(_, _, demand)| demand.series).sum::<u64>(), 2 * (8 * 3 + 2 + 4) + 9);
        assert!(of_deployments.values().all(|(_, shed, demand)| shed.is_none() && demand.billed == 0));
        // Lines, bytes and errors of each group; cold starts and memory, used and given, of functions.
        assert_eq!(super::of_logs(5, 2).values().map(|(_, _, demand)| demand.series).sum::<u64>(), 5 * 3 + 2 * 3);
    }

    #[test]
    fn without_limits_everything_is_read() {
        let fit = fitted(&limits(None, None));
        assert!(fit.within && fit.given_up.is_empty() && fit.warm_every == 300);
        assert!((fit.dollars - (100.0 * 43_830.0 + 200.0 * 8_766.0) * 1e-5).abs() < 1e-9, "{}", fit.dollars);
    }

    #[test]
    fn near_a_limit_of_dollars_the_warm_tier_is_slowed_before_a_metric_is_given_up() {
        let fit = fitted(&limits(Some(56.0), None));
        assert_eq!((fit.warm_every, fit.given_up.len(), fit.within), (600, 0, true));
        let fit = fitted(&limits(Some(50.0), None));
        assert_eq!((fit.warm_every, fit.given_up, fit.within), (900, vec!["disk".to_owned()], true));
    }

    #[test]
    fn a_limit_of_series_gives_metrics_up_and_never_the_backlog() {
        let fit = fitted(&limits(None, Some(400)));
        assert_eq!((fit.warm_every, fit.series, fit.given_up), (300, 300, vec!["disk".to_owned()]));
        let fit = fitted(&limits(None, Some(10)));
        assert_eq!((fit.series, fit.within), (200, false));
    }
}
