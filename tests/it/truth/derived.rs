//! What is computed from other series, by the definitions of the reference and not by the program's code.

use std::collections::{BTreeMap, BTreeSet};

use ddsync::{
    model::tag::tag,
    sim::{
        Sim,
        world::{self, Mode, Resource},
    },
};

use super::{BEFORE, Book, Expected, READ_AGAIN, Span, is_measured, tags};

/// Seconds after a minute at which everything it is computed from has been read for good.
const SETTLED: i64 = 540;
/// Seconds without data through which a run of stalled minutes goes on.
const HOLE: i64 = 15 * 60;
/// Seconds of a minute.
const MINUTE: i64 = 60;

/// Whether discovery says it, or the job that follows deployments, once a round and about that moment.
pub(super) fn is_of_discovery(metric: &str) -> bool {
    [
        "mlpipeline.endpoint.status",
        "mlpipeline.endpoint.in_service",
        "mlpipeline.endpoint.instances_desired",
        "mlpipeline.stage.missing",
    ]
    .contains(&metric)
        || metric.starts_with("mlpipeline.deploy.")
}

/// Adds drain time, stall minutes, lag and bottleneck.
pub(super) fn add(sim: &Sim, span: Span, of: &impl Fn(&Resource) -> bool, book: &mut Book) {
    let queues: Vec<_> = sim.world().resources().into_iter().filter(|r| is_queue(r) && of(r)).collect();
    let first = span.from - BEFORE;
    let minutes: Vec<i64> = (first - first.rem_euclid(MINUTE)..span.stopped).step_by(60).collect();
    // Five minutes are needed for a rate. Nothing is computed for what is gone, whenever that was noticed.
    let due = |queue: &Resource, minute: i64| {
        let lives = queue.until.is_none_or(|until| until.timestamp() > span.stopped);
        lives && minute >= span.from + 5 * MINUTE && minute + SETTLED + READ_AGAIN <= span.stopped
    };
    let mut put = |metric: &str, tags: BTreeSet<String>, minute: i64, value: f64, unit: &str, due: bool| {
        let point = Expected { value, kind: 3, unit: unit.to_owned(), due, in_time: false };
        book.entry((metric.to_owned(), tags.into_iter().collect())).or_default().insert(minute, point);
    };
    for queue in &queues {
        let held = stalls_held(sim, queue);
        let mut run = 0.0;
        for &minute in &minutes {
            if let Some(value) = drain(sim, queue, minute) {
                // While it is new, what came before it is not known to be nothing.
                let old = minute - 5 * MINUTE >= queue.since.timestamp();
                put("mlpipeline.endpoint.drain_time", tags(queue), minute, value, "second", old && due(queue, minute));
            }
            let stuck = sim.world().value(queue, "HasBacklogWithoutCapacity", "Maximum", minute);
            // A run that began before the first look is counted from there.
            if let Some(stuck) = stuck.filter(|_| held.first().is_some_and(|first| minute >= *first)) {
                // Nor is one known to go on through a long hole.
                let before = held.range(..minute).next_back();
                let run_on = if before.is_some_and(|before| minute - before <= HOLE) { run } else { 0.0 };
                run = if stuck >= 1.0 { run_on + 1.0 } else { 0.0 };
                put("mlpipeline.endpoint.stall_minutes", tags(queue), minute, run, "minute", due(queue, minute));
            }
        }
    }
    let mut pipelines: BTreeMap<(String, String, String), Vec<&Resource>> = BTreeMap::new();
    for queue in &queues {
        let of = |key| queue.tag(key).unwrap_or_default().to_owned();
        pipelines.entry((queue.account.clone(), of("pipeline"), of("environment"))).or_default().push(queue);
    }
    for stages in pipelines.values() {
        let common: BTreeSet<String> =
            tags(stages[0]).into_iter().filter(|t| !t.starts_with("stage:") && !t.starts_with("endpoint:")).collect();
        for &minute in &minutes {
            let ages: Option<Vec<f64>> = stages.iter().map(|queue| age(sim, queue, minute)).collect();
            let Some(ages) = ages else { continue };
            let due = stages.iter().all(|queue| due(queue, minute));
            put("mlpipeline.pipeline.lag", common.clone(), minute, lag(stages, &ages), "second", due);
            let oldest = ages.iter().copied().fold(0.0, f64::max);
            let mut worst: Vec<&str> = stages
                .iter()
                .zip(&ages)
                .filter(|(_, age)| oldest > 0.0 && **age >= oldest)
                .map(|(s, _)| stage(s))
                .collect();
            worst.sort_unstable();
            for queue in stages {
                let mut tags = common.clone();
                tags.insert(tag("stage", stage(queue)));
                let value = f64::from(u8::from(worst.first() == Some(&stage(queue))));
                put("mlpipeline.pipeline.bottleneck", tags, minute, value, "", due);
            }
        }
    }
}

/// An asynchronous endpoint in service.
fn is_queue(resource: &Resource) -> bool {
    let queue = matches!(&resource.kind, world::Kind::Endpoint(e) if e.mode == Mode::Async && e.status == "InService");
    queue && is_measured(resource)
}

fn stage(resource: &Resource) -> &str {
    resource.tag("model").unwrap_or(&resource.name)
}

/// The minutes of which Datadog has stall minutes of this endpoint.
fn stalls_held(sim: &Sim, queue: &Resource) -> BTreeSet<i64> {
    let wanted: Vec<String> = tags(queue).into_iter().collect();
    let ledger = sim.ledger();
    let found = ledger.series.iter().find(|(s, _)| s.metric == "mlpipeline.endpoint.stall_minutes" && s.tags == wanted);
    found.map(|(_, points)| points.keys().copied().collect()).unwrap_or_default()
}

/// Backlog by what was processed a second over five minutes; none while nothing is processed.
fn drain(sim: &Sim, queue: &Resource, minute: i64) -> Option<f64> {
    let backlog = sim.world().value(queue, "ApproximateBacklogSize", "Maximum", minute)?;
    let of = |minute| sim.world().value(queue, "InvocationsProcessed", "Sum", minute).unwrap_or(0.0);
    let processed: f64 = (0..5).map(|back| of(minute - back * MINUTE)).sum();
    match (backlog > 0.0, processed > 0.0) {
        (false, _) => Some(0.0),
        (true, false) => None,
        (true, true) => Some(backlog / (processed / 300.0)),
    }
}

/// Age of the oldest request; an empty queue has none.
fn age(sim: &Sim, queue: &Resource, minute: i64) -> Option<f64> {
    let value = |metric| sim.world().value(queue, metric, "Maximum", minute);
    value("ApproximateAgeOfOldestRequest").or(value("ApproximateBacklogSize").filter(|backlog| *backlog <= 0.0))
}

/// The longest of all paths, each summed up from its end backwards.
fn lag(stages: &[&Resource], ages: &[f64]) -> f64 {
    fn along(name: &str, stages: &[&Resource], ages: &[f64]) -> f64 {
        let Some(at) = stages.iter().position(|s| stage(s) == name) else { return 0.0 };
        let before = stages[at].tag("depends-on").unwrap_or_default().split_whitespace();
        ages[at] + before.map(|name| along(name, stages, ages)).fold(0.0, f64::max)
    }
    stages.iter().map(|s| along(stage(s), stages, ages)).fold(0.0, f64::max)
}
