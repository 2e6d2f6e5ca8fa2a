//! The metrics that AWS publishes for each kind of resource, and the value of any minute as a pure function of the seed.
//!
//! Names, dimensions and units are AWS's own: the metric tables of the guides of `SageMaker`, Lambda, Firehose and Textract.

use super::{
    dice,
    world::{Endpoint, Kind, Load, Mode, Resource},
};

mod summary;
mod table;

pub(super) use summary::Summary;
pub(super) use table::BY_LOG_GROUP;
use table::{BY_FUNCTION, BY_OPERATION, BY_STREAM, HOST, OF_ASYNC, OF_REAL_TIME, OF_SERVERLESS};

/// One metric of one kind of resource.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// With the dimension `VariantName` besides `EndpointName`.
    pub(super) by_variant: bool,
    /// Percentiles are answered.
    pub(super) percentiles: bool,
    pub(super) shape: Shape,
}

/// How a metric's minute comes about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Requests waiting.
    Backlog,
    /// Requests waiting for each instance; nothing at zero instances.
    BacklogPerInstance,
    /// Seconds that the oldest request has waited.
    OldestAge,
    /// 1 while work waits at zero instances.
    Stalled,
    /// What was done, nothing when nothing was done.
    Done,
    /// What was done, zero when nothing was done.
    DoneOrZero,
    /// What was done, by each instance.
    DonePerInstance,
    /// Failures among what was done.
    Failed,
    /// What goes wrong now and then: in a healthy company hardly ever, and somebody looks at it.
    Mishap,
    /// Average time of one piece of work, in the metric's unit.
    Time(f64),
    /// Average level of an instance at full load, 0 to 100 for each core or card.
    Level(f64),
    /// As `Level`, on GPU instances.
    Card(f64),
    /// How many at once.
    AtOnce,
    /// So many bytes for each piece.
    Bytes(f64),
    /// Always 1.
    Success,
    /// Age in seconds of what is not yet delivered.
    Freshness,
    /// What is written into a log group: its events say how much.
    Written,
}

/// The part of the work that fails where all is well.
const FAILURES: f64 = 0.002;
/// The part of the work that fails where something is broken.
const MANY_FAILURES: f64 = 0.33;
/// The part of the minutes in which something goes wrong: one in two weeks.
const MISHAPS: f64 = 0.000_05;

const BASIC: [&str; 5] = ["Sum", "Average", "Minimum", "Maximum", "SampleCount"];
const WITH_PERCENTILES: [&str; 9] = ["Sum", "Average", "Minimum", "Maximum", "SampleCount", "p50", "p90", "p95", "p99"];

impl Metric {
    /// The statistics that the truth lists.
    pub(super) fn statistics(&self) -> &'static [&'static str] {
        if self.percentiles { &WITH_PERCENTILES } else { &BASIC }
    }

    /// Is it one whose sum is what counts?
    pub(super) fn is_sum(&self) -> bool {
        matches!(self.shape, Shape::Done | Shape::DoneOrZero | Shape::Failed | Shape::Bytes(_))
    }
}

/// The metrics that AWS publishes for a resource of this kind.
pub(super) fn metrics_of(kind: &Kind) -> impl Iterator<Item = &'static Metric> {
    let (own, host): (&'static [Metric], &'static [Metric]) = match kind {
        Kind::Endpoint(endpoint) => match endpoint.mode {
            Mode::Async => (OF_ASYNC, HOST),
            Mode::RealTime => (OF_REAL_TIME, HOST),
            Mode::Serverless => (OF_SERVERLESS, &[]),
            Mode::Component => (&[], &[]),
        },
        Kind::Function => (BY_FUNCTION, &[]),
        Kind::Stream => (BY_STREAM, &[]),
        Kind::Operation => (BY_OPERATION, &[]),
        Kind::Orphan | Kind::Bucket | Kind::Job => (&[], &[]),
    };
    own.iter().chain(host)
}

/// Those of them that `resource` publishes at some time.
pub(super) fn published(resource: &Resource) -> impl Iterator<Item = &'static Metric> {
    let (silent, card) = (resource.load == Load::Silent, has_card(resource));
    metrics_of(&resource.kind).filter(move |m| !silent && (card || !matches!(m.shape, Shape::Card(_))))
}

/// The first dimension of the metrics of a kind, whose value is the resource's name.
pub(super) fn dimension(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Endpoint(_) => Some("EndpointName"),
        Kind::Function => Some("FunctionName"),
        Kind::Stream => Some("DeliveryStreamName"),
        Kind::Operation => Some("Operation"),
        Kind::Orphan | Kind::Bucket | Kind::Job => None,
    }
}

/// The exact dimensions of a metric of `resource`.
pub(super) fn dimensions(resource: &Resource, metric: &Metric) -> Vec<(&'static str, String)> {
    let mut dimensions = Vec::new();
    if let Some(first) = dimension(&resource.kind) {
        dimensions.push((first, resource.name.clone()));
    }
    if let (true, Kind::Endpoint(endpoint)) = (metric.by_variant, &resource.kind) {
        dimensions.push(("VariantName", endpoint.variant.clone()));
    }
    dimensions
}

/// The summary of one minute of one metric; `None` when AWS publishes nothing.
pub(super) fn summary(seed: u64, resource: &Resource, metric: &Metric, minute: i64) -> Option<Summary> {
    if resource.load == Load::Silent {
        return None;
    }
    if resource.load == Load::Uniform {
        return Some(Summary::new(1.0, uniform(minute), 0.0));
    }
    let roll = |what: &str| {
        let words = [resource.account.as_str(), &resource.name, what];
        dice::unit(dice::roll(seed, &words, minute))
    };
    let at = Minute {
        instances: instances(resource, minute),
        done: done(seed, resource, minute),
        waiting: waiting(seed, resource, minute),
    };
    let noise = 0.8 + 0.4 * roll(metric.name);
    at.summary(resource, metric, minute, noise, roll("mishap"))
}

/// The value that every metric of a uniform endpoint has in a minute.
pub(super) fn uniform(minute: i64) -> f64 {
    let turn = u8::try_from(minute.div_euclid(60).rem_euclid(7)).unwrap_or_default();
    1.0 + f64::from(turn)
}

/// What a resource does in a minute.
struct Minute {
    instances: f64,
    done: f64,
    waiting: f64,
}

impl Minute {
    fn summary(&self, resource: &Resource, metric: &Metric, minute: i64, noise: f64, luck: f64) -> Option<Summary> {
        let Self { instances, done, waiting } = *self;
        let slow = if resource.load == Load::Slow { 12.0 } else { 1.0 };
        let busy = f64::from(u8::from(done > 0.0));
        match metric.shape {
            Shape::Backlog => Some(Summary::new(3.0, waiting, if waiting > 4.0 { 0.25 } else { 0.0 })),
            Shape::BacklogPerInstance | Shape::Level(_) | Shape::Card(_) if instances == 0.0 => None,
            Shape::Done | Shape::Failed | Shape::Mishap | Shape::Time(_) | Shape::Bytes(_) if done == 0.0 => None,
            Shape::BacklogPerInstance => Some(Summary::new(3.0, waiting / instances, 0.0)),
            Shape::OldestAge => Some(Summary::new(1.0, age(resource, minute, waiting, slow), 0.0)),
            Shape::Stalled => {
                let stalled = instances == 0.0 && waiting > 0.0;
                Some(Summary::of_ones(1.0, f64::from(u8::from(stalled))))
            }
            Shape::Done | Shape::DoneOrZero => Some(Summary::of_ones(done.max(1.0), done)),
            Shape::DonePerInstance => Some(Summary::of_ones(done.max(1.0), (done / instances.max(1.0)).floor())),
            Shape::Failed => {
                let share = if resource.load == Load::Failing { MANY_FAILURES } else { FAILURES };
                // Rounded up as often as the fraction says, so that the share is right however little is done.
                Some(Summary::of_ones(done, (done * share * noise + luck).floor().min(done)))
            }
            Shape::Mishap => Some(Summary::of_ones(done, if luck < MISHAPS { 1.0 } else { 0.0 })),
            Shape::Time(mean) => Some(Summary::new(done, (mean * slow * noise).round(), 0.4)),
            Shape::Bytes(each) => Some(Summary::new(done, (each * noise).round(), 0.3)),
            Shape::Card(_) if !has_card(resource) => None,
            Shape::Level(full) | Shape::Card(full) => {
                Some(Summary::new(instances, full * noise * (0.2 + 0.6 * busy), 0.15))
            }
            Shape::AtOnce => Some(Summary::new(2.0, (done / 6.0).ceil().max(busy), 0.0)),
            Shape::Success => Some(Summary::of_ones(busy.max(1.0), 1.0)),
            Shape::Freshness => Some(Summary::new(1.0, (60.0 * noise).round(), 0.0)),
            Shape::Written => None,
        }
    }
}

fn has_card(resource: &Resource) -> bool {
    matches!(&resource.kind, Kind::Endpoint(e) if e.instance.starts_with("ml.g") || e.instance.starts_with("ml.p"))
}

/// How busy the company is, 0 to 1: rush hours around 10 and 15 o'clock, eight hours behind UTC.
fn rush(minute: i64) -> f64 {
    let of_day = (minute.div_euclid(60) - 8 * 60).rem_euclid(1440);
    let hour = f64::from(u16::try_from(of_day).unwrap_or_default()) / 60.0;
    let hump = |peak: f64| (-((hour - peak) / 2.0).powi(2)).exp();
    (0.12 + 0.9 * hump(10.0) + 0.8 * hump(15.0)).min(1.0)
}

/// Pieces of work done in a minute.
fn done(seed: u64, resource: &Resource, minute: i64) -> f64 {
    let words = [resource.account.as_str(), &resource.name];
    let luck = dice::unit(dice::roll(seed, &words, minute));
    let size = 10.0 + 50.0 * dice::unit(dice::roll(seed, &words, -1));
    match resource.load {
        Load::Stuck | Load::Silent => 0.0,
        Load::Rare => f64::from(u8::from(luck < 0.1)),
        Load::Slow => (size * 0.1 * rush(minute) * (0.7 + 0.6 * luck)).floor(),
        Load::Steady | Load::Failing | Load::Uniform => (size * rush(minute) * (0.7 + 0.6 * luck)).floor(),
    }
}

/// Length of the stretch after which a stuck endpoint's queue is emptied by hand, in minutes.
const STUCK_FOR: i64 = 720;

fn stuck_for(minute: i64) -> f64 {
    let minutes = minute.div_euclid(60).rem_euclid(STUCK_FOR);
    f64::from(u16::try_from(minutes).unwrap_or_default())
}

/// Requests waiting in a minute.
fn waiting(seed: u64, resource: &Resource, minute: i64) -> f64 {
    let words = [resource.account.as_str(), &resource.name, "waiting"];
    let luck = dice::unit(dice::roll(seed, &words, minute));
    match resource.load {
        Load::Stuck => 40.0 + 3.0 * stuck_for(minute),
        Load::Slow => (60.0 * rush(minute) * (0.8 + 0.4 * luck)).floor(),
        Load::Rare | Load::Silent => 0.0,
        Load::Steady | Load::Failing | Load::Uniform => (20.0 * (rush(minute) - 0.4).max(0.0) * (0.5 + luck)).floor(),
    }
}

/// Seconds that the oldest request has waited.
fn age(resource: &Resource, minute: i64, waiting: f64, slow: f64) -> f64 {
    match resource.load {
        Load::Stuck => 600.0 + 60.0 * stuck_for(minute),
        _ => (waiting * 7.0 * slow).floor(),
    }
}

/// Instances of an endpoint in a minute: all in the rush hours, half of them, but at least one, in the others.
pub(super) fn instances(resource: &Resource, minute: i64) -> f64 {
    let Kind::Endpoint(Endpoint { count, mode, .. }) = &resource.kind else {
        return 0.0;
    };
    match (resource.load, mode) {
        (Load::Stuck, _) | (_, Mode::Serverless | Mode::Component) => 0.0,
        _ if rush(minute) < 0.4 => (f64::from(*count) / 2.0).ceil(),
        _ => f64::from(*count),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use chrono::DateTime;

    use crate::sim::{Company, World, company};

    fn world() -> World {
        let opened = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        World::new(3, &Company::Example, opened)
    }

    #[test]
    fn statistics_of_a_minute_agree() {
        let world = world();
        for resource in world.resources() {
            for metric in super::metrics_of(&resource.kind) {
                for minute in (1_699_990_020..1_700_030_000).step_by(660) {
                    let value = |statistic| world.value(&resource, metric.name, statistic, minute);
                    let Some(average) = value("Average") else {
                        continue;
                    };
                    let (low, high) = (value("Minimum").unwrap(), value("Maximum").unwrap());
                    assert!(low <= average && average <= high, "{metric:?} {minute}");
                    assert!(value("SampleCount").unwrap() >= 1.0);
                }
            }
        }
    }

    #[test]
    fn an_endpoint_without_instances_has_a_backlog_and_no_host_metrics() {
        let world = world();
        let all = world.resources();
        let stuck = all.iter().find(|r| r.name == "claim-router" && r.account == company::PRODUCTION).unwrap();
        let value = |metric| world.value(stuck, metric, "Maximum", 1_700_000_040);
        assert_eq!(value("HasBacklogWithoutCapacity"), Some(1.0));
        assert!(value("ApproximateBacklogSize").unwrap() > 0.0);
        for absent in [
            "CPUUtilization",
            "InvocationsProcessed",
            "Invocations",
            "ModelLatency",
            "ApproximateBacklogSizePerInstance",
        ] {
            assert_eq!(value(absent), None, "{absent}");
        }
    }

    #[test]
    fn the_samples_of_cpu_are_the_instances() {
        let world = world();
        let all = world.resources();
        let split = all.iter().find(|r| r.name == "lease-page-split").unwrap();
        let count = |minute| world.value(split, "CPUUtilization", "SampleCount", minute);
        let midnight = 1_699_920_000;
        assert_eq!(count(midnight + 18 * 3_600), Some(4.0), "rush hour");
        assert_eq!(count(midnight + 9 * 3_600), Some(2.0), "night");
        assert_eq!(world.value(split, "GPUUtilization", "Average", 1_700_000_040), None);
    }
}
