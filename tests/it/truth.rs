//! What Datadog must hold once everything has arrived, computed from the company and not from what the program did.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use ddsync::{
    model::{
        catalogue::{self, Absence, Column, Metric, Target},
        resource::EndpointKind,
        series::Kind,
        tag::tag,
        unit::Unit,
    },
    sim::{
        Kept, Sim,
        world::{self, Mode, Resource},
    },
};

mod derived;

/// Seconds after which the warm tier has read again what has settled: its interval, the delay, and some for retries.
const READ_AGAIN: i64 = 300 + 120 + 180;
/// Seconds after its end within which CloudWatch shows a minute: what is not shown by then is nothing.
const SHOWN: i64 = 300;
/// Seconds before the first required minute for which the truth is known too: the first window begins there.
const BEFORE: i64 = 90 * 60;

/// A series by name and tags.
pub(crate) type Name = (String, Vec<String>);

/// One point that Datadog should hold.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    value: f64,
    /// 1 count, 3 gauge.
    kind: u8,
    unit: String,
    /// Whether it must be there; else it may be, with this value or an earlier one of the same minute.
    due: bool,
    /// Whether CloudWatch showed it so early that nobody may take its absence for a zero.
    in_time: bool,
}

/// Everything that Datadog should hold, by series and second.
pub(crate) type Book = BTreeMap<Name, BTreeMap<i64, Expected>>;

/// The difference between what should be there and what is.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    pub(crate) compared: usize,
    pub(crate) missing: Vec<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) extra: Vec<String>,
}

impl Difference {
    /// # Panics
    /// When there is a difference, with the first points of each kind.
    pub(crate) fn assert_none(&self, how: &str) {
        let mut text = String::new();
        for (what, points) in [("missing", &self.missing), ("wrong", &self.wrong), ("extra", &self.extra)] {
            if !points.is_empty() {
                let _ = writeln!(text, "{} points are {what}, of {} compared:", points.len(), self.compared);
                points.iter().take(25).for_each(|point| {
                    let _ = writeln!(text, "  {point}");
                });
            }
        }
        assert!(text.is_empty(), "{text}{how}");
        assert!(self.compared > 1000, "only {} points were compared; {how}", self.compared);
    }
}

/// Which minutes are required.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// First minute, Unix seconds.
    pub(crate) from: i64,
    /// When the program stopped, Unix seconds.
    pub(crate) stopped: i64,
}

/// Compares what Datadog holds with the truth.
pub(crate) fn compare(sim: &Sim, span: Span, of: impl Fn(&Resource) -> bool) -> Difference {
    let mut book = expected(sim, span, &of);
    derived::add(sim, span, &of, &mut book);
    let ledger = sim.ledger();
    let mut difference = Difference::default();
    let nothing = BTreeMap::new();
    let mut held: BTreeMap<Name, &BTreeMap<i64, Kept>> = BTreeMap::new();
    for (series, points) in &ledger.series {
        if series.metric.starts_with("mlpipeline.") && !derived::is_of_discovery(&series.metric) {
            assert_eq!(series.host, "", "no host is sent");
            held.insert((series.metric.clone(), series.tags.clone()), points);
        }
    }
    for (name, points) in &book {
        let held = held.get(name).copied().unwrap_or(&nothing);
        for (&minute, point) in points.iter().filter(|(_, point)| point.due) {
            difference.compared += 1;
            match held.get(&minute) {
                None => difference.missing.push(format!("{} = {}", shown(name, minute), point.value)),
                Some(kept) => difference.check(name, minute, point, kept),
            }
        }
    }
    for (name, held) in held {
        let points = book.get(&name);
        for (&minute, kept) in held {
            if points.is_none_or(|points| !points.contains_key(&minute)) {
                difference.extra.push(format!("{} = {}", shown(&name, minute), kept.value));
            }
        }
    }
    difference
}

impl Difference {
    fn check(&mut self, name: &Name, minute: i64, point: &Expected, kept: &Kept) {
        let close = (kept.value - point.value).abs() <= 1e-9 * point.value.abs().max(1.0);
        let interval = (point.kind == 1).then_some(60);
        let unit = kept.unit.clone().unwrap_or_default();
        if point.in_time && point.value != 0.0 && kept.values.first() == Some(&0.0) {
            self.wrong.push(format!("{}: a zero was sent before {}", shown(name, minute), point.value));
        }
        if !close || kept.kind != point.kind || (point.kind == 1 && kept.interval != interval) || unit != point.unit {
            self.wrong.push(format!(
                "{}: expected {} (type {}, unit {:?}), found {} after {:?} (type {}, interval {:?}, unit {unit:?})",
                shown(name, minute),
                point.value,
                point.kind,
                point.unit,
                kept.value,
                kept.values,
                kept.kind,
                kept.interval
            ));
        }
    }
}

fn shown((metric, tags): &Name, minute: i64) -> String {
    let at = DateTime::<Utc>::from_timestamp(minute, 0).unwrap_or_default();
    format!("{} {metric} {}", at.format("%H:%M"), tags.join(","))
}

/// What is read and filled.
fn expected(sim: &Sim, span: Span, of: &impl Fn(&Resource) -> bool) -> Book {
    let table = catalogue::table();
    let resources: BTreeMap<(String, String), Arc<Resource>> = sim
        .world()
        .resources()
        .into_iter()
        .filter(|r| is_measured(r) && of(r))
        .map(|r| ((r.account.clone(), r.name.clone()), r))
        .collect();
    let mut book = Book::new();
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    for row in sim.world().truth(at(span.from - BEFORE), at(span.stopped)) {
        let Some(resource) = resources.get(&(row.account.clone(), row.dimensions[0].1.clone())) else { continue };
        let metrics =
            table.iter().filter(|m| m.namespace == row.namespace && m.metric == row.metric && applies(m, resource));
        for metric in metrics {
            let dimensions: Vec<&str> = row.dimensions.iter().map(|(key, _)| *key).collect();
            assert_eq!(dimensions, metric.target.dimensions(), "{}", metric.name);
            for column in metric.columns.iter().filter(|c| c.statistic.cloudwatch() == row.statistic) {
                let minute = row.minute.timestamp();
                let due = minute >= span.from && row.settled.timestamp() + READ_AGAIN <= span.stopped;
                let value = row.value * factor(metric, column, row.unit);
                // A sum that is corrected later may have been a zero at first.
                let in_time = row.visible == row.settled && row.visible.timestamp() <= minute + 60 + SHOWN;
                let point = Expected { in_time, ..point(metric, column, value, due) };
                book.entry(name(resource, metric, column)).or_default().insert(minute, point);
            }
        }
    }
    for resource in resources.values() {
        zeros(&table, resource, span, &mut book);
    }
    book
}

/// Zeros for the minutes in which nothing happened.
fn zeros(table: &[Metric], resource: &Resource, span: Span, book: &mut Book) {
    if matches!(&resource.kind, world::Kind::Endpoint(endpoint) if endpoint.status != "InService") {
        return;
    }
    let first = span.from - BEFORE;
    let minutes = || (first - first.rem_euclid(60)..span.stopped).step_by(60);
    for metric in table.iter().filter(|metric| applies(metric, resource)) {
        for column in metric.columns.iter().filter(|column| column.absence == Absence::Zero) {
            let points = book.entry(name(resource, metric, column)).or_default();
            for minute in minutes() {
                let start = DateTime::from_timestamp(minute, 0).unwrap_or_default();
                // It has been there since it was asked for, to the second; in service it is later.
                if minute < resource.asked().timestamp() || resource.until.is_some_and(|until| until <= start) {
                    continue;
                }
                let known_by = |minute| minute + 60 + i64::from(metric.lateness) + READ_AGAIN;
                let known = known_by(minute) <= span.stopped;
                // What is gone is not in service: its last silent minutes stay open.
                let kept = resource.until.is_none_or(|until| known_by(minute) + 120 <= until.timestamp());
                let due = known && kept && minute >= span.from && resource.exists(start);
                points.entry(minute).or_insert_with(|| point(metric, column, 0.0, due));
            }
        }
    }
}

fn point(metric: &Metric, column: &Column, value: f64, due: bool) -> Expected {
    let unit = if column.statistic.in_unit() { metric.datadog_unit.to_string() } else { String::new() };
    Expected { value, kind: type_of(column.kind), unit, due, in_time: false }
}

/// Datadog's number of a type.
fn type_of(kind: Kind) -> u8 {
    match kind {
        Kind::Count => 1,
        Kind::Gauge => 3,
    }
}

fn factor(metric: &Metric, column: &Column, unit: &str) -> f64 {
    if !column.statistic.in_unit() {
        return 1.0;
    }
    let unit = Unit::from_cloudwatch(unit).expect("a unit of CloudWatch");
    unit.factor_to(metric.unit_out).unwrap_or(1.0)
}

/// Everything that carries the pipeline tag and publishes metrics.
fn is_measured(resource: &Resource) -> bool {
    let kind = match &resource.kind {
        world::Kind::Endpoint(endpoint) => endpoint.mode != Mode::Component,
        world::Kind::Function | world::Kind::Stream => true,
        _ => false,
    };
    kind && resource.listed && resource.tag("pipeline").is_some()
}

fn applies(metric: &Metric, resource: &Resource) -> bool {
    let kind = |mode| match mode {
        Mode::Async => EndpointKind::Async,
        Mode::RealTime => EndpointKind::RealTime,
        Mode::Serverless => EndpointKind::Serverless,
        Mode::Component => EndpointKind::InferenceComponents,
    };
    match &resource.kind {
        world::Kind::Endpoint(endpoint) => {
            let gpu = endpoint.instance.starts_with("ml.g") || endpoint.instance.starts_with("ml.p");
            matches!(metric.target, Target::Endpoint | Target::Variant)
                && metric.kinds.contains(&kind(endpoint.mode))
                && (gpu || !metric.gpu_only)
        }
        world::Kind::Function => metric.target == Target::Function,
        world::Kind::Stream => metric.target == Target::Stream,
        _ => false,
    }
}

fn name(resource: &Resource, metric: &Metric, column: &Column) -> Name {
    let mut tags = tags(resource);
    if let (Target::Variant, world::Kind::Endpoint(endpoint)) = (metric.target, &resource.kind) {
        tags.insert(tag("variant", &endpoint.variant));
    }
    (column.series.to_string(), tags.into_iter().collect())
}

/// The tag contract.
pub(crate) fn tags(resource: &Resource) -> BTreeSet<String> {
    let value = |key| resource.tag(key).unwrap_or_default();
    let named = !matches!(resource.kind, world::Kind::Stream);
    let stage = resource.tag("model").unwrap_or(if named { &resource.name } else { "" });
    let kind = match resource.kind {
        world::Kind::Function => "function",
        world::Kind::Stream => "stream",
        _ => "endpoint",
    };
    BTreeSet::from([
        tag("pipeline", value("pipeline")),
        tag("environment", value("environment")),
        tag("env", value("environment")),
        tag("team", value("team")),
        tag("stage", stage),
        tag(kind, &resource.name),
        tag("aws_account", &resource.account),
        tag("region", world::REGION),
    ])
}

/// # Panics
/// When a point of one thing and second came under two sets of tags.
pub(crate) fn assert_one_set_of_tags(sim: &Sim) {
    const WHAT: &[&str] = &["aws_account", "region", "endpoint", "function", "stream", "variant", "status"];
    let mut seen: BTreeMap<(String, Vec<String>, i64), Vec<String>> = BTreeMap::new();
    for (series, points) in &sim.ledger().series {
        let of_thing = |tag: &&String| tag.split_once(':').is_some_and(|(key, _)| WHAT.contains(&key));
        let thing: Vec<String> = series.tags.iter().filter(of_thing).cloned().collect();
        let named = |tag: &String| ["endpoint:", "function:", "stream:"].iter().any(|key| tag.starts_with(key));
        if !series.metric.starts_with("mlpipeline.") || !thing.iter().any(named) {
            continue;
        }
        for &second in points.keys() {
            let tags =
                seen.entry((series.metric.clone(), thing.clone(), second)).or_insert_with(|| series.tags.clone());
            assert_eq!(*tags, series.tags, "{} at {second} came under two sets of tags", series.metric);
        }
    }
}
