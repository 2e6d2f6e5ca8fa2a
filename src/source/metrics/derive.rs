//! Series that are computed from others: only from complete inputs, and again when one of them changes. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::minutes::Minutes;
use super::stall::{self, Run};
use super::window::{MINUTE, Window};
use crate::model::pipeline::{Pipeline, longest_path};
use crate::model::resource::{Endpoint, EndpointKind, ResourceKind};
use crate::model::series::{Point, sorted};
use crate::model::tag::tag;
use crate::source::discover::{Inventory, Tracked};

/// Minutes over which the rate of processing is taken.
const DRAIN_MINUTES: i64 = 5;

/// What a metric contributes to derived series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Maximum of the backlog.
    Backlog,
    /// Age of the oldest request, in seconds.
    Age,
    /// Maximum of `HasBacklogWithoutCapacity`.
    Stuck,
    /// Sum of processed invocations of one variant.
    Processed,
}

impl Input {
    /// The input that a series is, if any.
    #[must_use]
    pub fn of(series: &str) -> Option<Self> {
        Some(match series {
            "mlpipeline.endpoint.backlog.max" => Self::Backlog,
            "mlpipeline.endpoint.oldest_request_age.max" => Self::Age,
            "mlpipeline.endpoint.has_backlog_without_capacity.max" => Self::Stuck,
            "mlpipeline.endpoint.invocations_processed.sum" => Self::Processed,
            _ => return None,
        })
    }
}

/// Values of the inputs in the minutes that may still be derived from.
#[derive(Debug, Default)]
pub struct Observed {
    endpoints: HashMap<String, Inputs>,
}

/// The inputs of one endpoint.
#[derive(Debug, Default)]
struct Inputs {
    backlog: Minutes,
    age: Minutes,
    stuck: Minutes,
    /// By variant, in the order of their names.
    processed: Vec<(String, Minutes)>,
}

impl Observed {
    /// Notes one value; `variant` is empty for what an endpoint publishes as a whole.
    pub fn note(&mut self, endpoint: &str, variant: &str, input: Input, minute: i64, value: f64) {
        let inputs = match self.endpoints.get_mut(endpoint) {
            Some(inputs) => inputs,
            None => self.endpoints.entry(endpoint.to_owned()).or_default(),
        };
        let minutes = match input {
            Input::Backlog => &mut inputs.backlog,
            Input::Age => &mut inputs.age,
            Input::Stuck => &mut inputs.stuck,
            Input::Processed => {
                let place = inputs.processed.binary_search_by(|(known, _)| known.as_str().cmp(variant));
                let index = place.unwrap_or_else(|index| {
                    inputs.processed.insert(index, (variant.to_owned(), Minutes::default()));
                    index
                });
                &mut inputs.processed[index].1
            }
        };
        minutes.set(minute, value);
    }

    /// Forgets minutes before `oldest`.
    pub fn forget_before(&mut self, oldest: i64) {
        self.endpoints.retain(|_, inputs| {
            let Inputs { backlog, age, stuck, processed } = inputs;
            processed.retain_mut(|(_, minutes)| minutes.forget_before(oldest));
            let left = [backlog, age, stuck].map(|minutes| minutes.forget_before(oldest));
            left.contains(&true) || !processed.is_empty()
        });
    }

    /// Whether there was a backlog and no instance, 0 or 1.
    fn stuck(&self, endpoint: &str, minute: i64) -> Option<f64> {
        self.endpoints.get(endpoint)?.stuck.get(minute)
    }

    /// The age of the oldest request; an empty queue has no oldest request and counts as zero.
    fn age(&self, endpoint: &str, minute: i64) -> Option<f64> {
        let Inputs { age, backlog, .. } = self.endpoints.get(endpoint)?;
        age.get(minute).or_else(|| backlog.get(minute).filter(|&backlog| backlog == 0.0))
    }

    /// Seconds until the backlog is worked off at the rate of the last five minutes.
    fn drain(&self, endpoint: &str, variants: usize, minute: i64) -> Option<f64> {
        let Inputs { backlog, processed: by_variant, .. } = self.endpoints.get(endpoint)?;
        let backlog = backlog.get(minute)?;
        let mut processed = 0.0;
        for minute in (0..DRAIN_MINUTES).map(|back| minute - back * MINUTE) {
            let known = by_variant.iter().filter_map(|(_, minutes)| minutes.get(minute));
            if known.clone().count() < variants {
                return None;
            }
            processed += known.sum::<f64>();
        }
        match (backlog, processed) {
            (0.0, _) => Some(0.0),
            (_, 0.0) => None,
            #[expect(clippy::cast_precision_loss, reason = "a handful of minutes")]
            (backlog, processed) => Some(backlog / (processed / (DRAIN_MINUTES * MINUTE) as f64)),
        }
    }
}

/// Derived values of one series, whose tags are the same in all of its minutes.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Whose it is, unique within a scope.
    pub key: Arc<str>,
    /// The series' name.
    pub name: Arc<str>,
    /// Datadog's word for its unit.
    pub unit: &'static str,
    /// As a series carries them.
    pub tags: Arc<[String]>,
    /// In ascending order of time, at least one.
    pub points: Vec<Point>,
}

/// Everything that can be derived for the minutes of a window.
#[must_use]
pub fn derive(observed: &Observed, inventory: &Inventory, window: Window) -> Vec<Derived> {
    let mut derived = Vec::new();
    let name: Arc<str> = "mlpipeline.endpoint.drain_time".into();
    for (tracked, endpoint) in asynchronous(inventory) {
        let value = |minute| observed.drain(&tracked.resource.name, endpoint.variants.len(), minute);
        of_endpoint(tracked, &name, "second", window, value, &mut derived);
    }
    let in_service = asynchronous(inventory).filter(|(_, endpoint)| endpoint.in_service()).map(|(tracked, _)| tracked);
    let by_arn: HashMap<&str, (usize, &Tracked)> = in_service
        .enumerate()
        .map(|(place, tracked)| (tracked.resource.arn.as_str(), (place, tracked.as_ref())))
        .collect();
    for (pipeline, since) in inventory.pipelines.iter().zip(&inventory.shaped_since) {
        let arns = pipeline.stages.iter().flat_map(|stage| &stage.resources);
        // In the order of their ARNs, so that a pipeline's tags are always those of the same endpoint.
        let endpoints: BTreeMap<usize, &Tracked> = arns.filter_map(|arn| by_arn.get(arn.as_str()).copied()).collect();
        let endpoints: Vec<&Tracked> = endpoints.into_values().collect();
        // Minutes in which it was made of something else keep what was computed then.
        let window = Window { start: window.start.max(*since), ..window };
        of_pipeline(observed, pipeline, &endpoints, window, &mut derived);
    }
    derived
}

/// Stall minutes of every endpoint, and the runs to remember.
#[must_use]
pub fn stalls(
    observed: &Observed,
    inventory: &Inventory,
    window: Window,
    runs: &BTreeMap<String, Vec<Run>>,
) -> (Vec<Derived>, BTreeMap<String, Vec<Run>>) {
    let mut derived = Vec::new();
    let mut remembered = BTreeMap::new();
    let series: Arc<str> = "mlpipeline.endpoint.stall_minutes".into();
    for (tracked, _) in asynchronous(inventory) {
        let name = &tracked.resource.name;
        let known = runs.get(name).map_or(&[][..], Vec::as_slice);
        let (counted, kept) = stall::count(known, window, |minute| observed.stuck(name, minute));
        let mut counted = counted.into_iter().peekable();
        let value = |minute| {
            let (_, minutes) = counted.next_if(|(at, _)| *at == minute)?;
            #[expect(clippy::cast_precision_loss, reason = "minutes of a stall are far below 2^52")]
            Some(minutes as f64)
        };
        of_endpoint(tracked, &series, "minute", window, value, &mut derived);
        if !kept.is_empty() {
            remembered.insert(name.clone(), kept);
        }
    }
    (derived, remembered)
}

fn asynchronous(inventory: &Inventory) -> impl Iterator<Item = (&Arc<Tracked>, &Endpoint)> {
    inventory.resources.iter().filter_map(|tracked| match &tracked.resource.kind {
        ResourceKind::Endpoint(Some(endpoint)) if endpoint.kind == EndpointKind::Async => Some((tracked, endpoint)),
        _ => None,
    })
}

/// One series of an endpoint; `value` is asked for the minutes in ascending order.
fn of_endpoint(
    tracked: &Tracked,
    name: &Arc<str>,
    unit: &'static str,
    window: Window,
    mut value: impl FnMut(i64) -> Option<f64>,
    derived: &mut Vec<Derived>,
) {
    let minutes: Vec<i64> = window.iter().collect();
    for minutes in with_same_tags(tracked, &minutes) {
        let points: Vec<Point> = minutes.iter().filter_map(|&at| Some(Point { at, value: value(at)? })).collect();
        if let Some(first) = points.first() {
            let key = format!("endpoint:{}", tracked.resource.name).into();
            let tags = Arc::clone(tracked.tags_at(first.at));
            derived.push(Derived { key, name: Arc::clone(name), unit, tags, points });
        }
    }
}

/// Cuts minutes where the tags of a resource change.
fn with_same_tags<'a>(tracked: &Tracked, minutes: &'a [i64]) -> impl Iterator<Item = &'a [i64]> {
    minutes.chunk_by(|a, b| Arc::ptr_eq(tracked.tags_at(*a), tracked.tags_at(*b)))
}

/// A pipeline's lag and its bottleneck, for the minutes in which every asynchronous endpoint in service has an age.
fn of_pipeline(
    observed: &Observed,
    pipeline: &Pipeline,
    endpoints: &[&Tracked],
    window: Window,
    derived: &mut Vec<Derived>,
) {
    let Some(first) = endpoints.first() else { return };
    // Minutes in which it was made of something else, or its endpoints were another's, keep what was computed then.
    let since = endpoints.iter().filter_map(|tracked| tracked.epochs.last()).map(|epoch| epoch.since).max();
    let window = Window { start: window.start.max(since.unwrap_or(window.start)), ..window };
    // By their tags: resources of one stage may spell its name each in its own way.
    let of_stage = |name: &String| tag("stage", name);
    let graph: Vec<(String, Vec<String>)> = pipeline
        .stages
        .iter()
        .map(|stage| (of_stage(&stage.name), stage.depends_on.iter().map(of_stage).collect()))
        .collect();
    let stages: Vec<(&str, String)> =
        endpoints.iter().map(|tracked| (tracked.resource.name.as_str(), of_stage(&tracked.stage))).collect();
    let key = format!("pipeline:{}/{}", pipeline.name, pipeline.environment);
    let minutes: Vec<i64> = window.iter().collect();
    for minutes in with_same_tags(first, &minutes) {
        let mut lags = Vec::new();
        let mut bottlenecks: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
        for &at in minutes {
            let Some(ages) = ages(observed, &stages, at) else { continue };
            let (lag, _) = longest_path(&graph, |stage| ages.get(stage).copied().unwrap_or(0.0));
            lags.push(Point { at, value: lag });
            let oldest = ages.values().copied().fold(0.0, f64::max);
            let bottleneck = ages.iter().find(|(_, age)| oldest > 0.0 && **age >= oldest).map(|(stage, _)| *stage);
            for stage in ages.keys() {
                let value = f64::from(u8::from(bottleneck == Some(*stage)));
                bottlenecks.entry(stage).or_default().push(Point { at, value });
            }
        }
        let Some(minute) = lags.first().map(|lag| lag.at) else { continue };
        let of_one = |tag: &&String| tag.starts_with("stage:") || tag.starts_with("endpoint:");
        let tags: Vec<String> = first.tags_at(minute).iter().filter(|tag| !of_one(tag)).cloned().collect();
        for (stage, points) in bottlenecks {
            let mut tags = tags.clone();
            tags.push(stage.to_owned());
            derived.push(Derived {
                key: format!("{key}/{stage}").into(),
                name: "mlpipeline.pipeline.bottleneck".into(),
                unit: "",
                tags: sorted(tags),
                points,
            });
        }
        derived.push(Derived {
            key: key.as_str().into(),
            name: "mlpipeline.pipeline.lag".into(),
            unit: "second",
            tags: sorted(tags),
            points: lags,
        });
    }
}

/// The age of the oldest request of each stage, given as endpoints with their stages; `None` unless all are known.
fn ages<'a>(observed: &Observed, stages: &'a [(&str, String)], minute: i64) -> Option<BTreeMap<&'a str, f64>> {
    let mut ages: BTreeMap<&str, f64> = BTreeMap::new();
    for (endpoint, stage) in stages {
        let age = observed.age(endpoint, minute)?;
        let oldest = ages.entry(stage).or_insert(age);
        *oldest = oldest.max(age);
    }
    Some(ages)
}

#[cfg(test)]
mod tests;
