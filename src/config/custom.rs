//! `metrics.custom`: metrics of the user's own, beside the catalogue.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::config::echo::quoted;
use crate::config::field::{Field, Section};
use crate::config::problem::Findings;
use crate::model::catalogue::{Absence, DERIVED, DeployMetric, LogMetric, Metric, Statistic, Target, Tier};
use crate::model::resource::EndpointKind;
use crate::model::series::Kind;
use crate::model::unit::Unit;

const KEYS: &[&str] =
    &["name", "namespace", "metric", "target", "statistics", "unit", "unit_out", "tier", "absence", "kinds"];

const UNITS: &[(&str, Unit)] = &[
    ("none", Unit::None),
    ("count", Unit::Count),
    ("percent", Unit::Percent),
    ("bytes", Unit::Bytes),
    ("seconds", Unit::Seconds),
    ("milliseconds", Unit::Milliseconds),
    ("microseconds", Unit::Microseconds),
];

const TARGETS: &[(&str, Target)] = &[
    ("endpoint", Target::Endpoint),
    ("variant", Target::Variant),
    ("function", Target::Function),
    ("stream", Target::Stream),
    ("textract_operation", Target::TextractOperation),
];

const KINDS: &[(&str, EndpointKind)] =
    &[("async", EndpointKind::Async), ("real_time", EndpointKind::RealTime), ("serverless", EndpointKind::Serverless)];

/// Names that Datadog and `ddsync` itself use.
const RESERVED: &[&str] = &["aws.", "dora.", "ddsync."];
/// <https://docs.datadoghq.com/metrics/custom_metrics/#naming-custom-metrics>
const MAX_NAME: usize = 200;
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html>
const MAX_CLOUDWATCH_NAME: usize = 255;
/// A Lambda function's point carries the start of an invocation, which may run for 15 minutes.
const FUNCTION_LATENESS: u32 = 15 * 60;

pub(super) fn read(section: &Section<'_>, catalogue: &[Metric], findings: &mut Findings) -> Vec<Metric> {
    let series = |metric: &Metric| metric.columns.iter().map(|column| column.series.to_string()).collect::<Vec<_>>();
    let mut taken: BTreeSet<String> = catalogue.iter().flat_map(series).collect();
    taken.extend(catalogue.iter().map(|metric| metric.name.to_string()));
    taken.extend(DERIVED.iter().map(|derived| derived.name.to_owned()));
    taken.extend(DeployMetric::ALL.iter().map(|metric| metric.name().to_owned()));
    taken.extend(LogMetric::ALL.iter().map(|metric| metric.name().to_owned()));
    let mut custom = Vec::new();
    for item in section.list("custom", findings) {
        let entry = item.section(KEYS, findings);
        let Some(metric) = metric(&entry, findings) else { continue };
        let names: Vec<String> = std::iter::once(metric.name.to_string()).chain(series(&metric)).collect();
        if let Some(name) = names.iter().find(|name| taken.contains(*name)) {
            let place = entry.get("name").map_or(&item.place, |field| &field.place);
            findings.problem(place, format!("{} is the name of another metric; choose one of your own", quoted(name)));
        }
        taken.extend(names);
        custom.push(metric);
    }
    custom
}

fn metric(entry: &Section<'_>, findings: &mut Findings) -> Option<Metric> {
    let name = entry.needed("name", "company.endpoint.tokens", findings);
    let namespace = entry.needed("namespace", "Company/Models", findings);
    let metric = entry.needed("metric", "Tokens", findings);
    let target = entry.needed("target", "variant", findings).and_then(|_| entry.word("target", TARGETS, findings));
    let statistics = statistics(entry, findings);
    if let Some((name, field)) = name.zip(entry.get("name")) {
        check_name(name, &statistics, field, findings);
    }
    for (key, text) in [("namespace", namespace), ("metric", metric)] {
        if let Some((field, text)) = entry.get(key).zip(text) {
            check_cloudwatch_name(text, field, findings);
        }
    }
    let unit_in = entry.word("unit", UNITS, findings).unwrap_or(Unit::None);
    let unit_out = unit_out(entry, unit_in, findings);
    let kinds = kinds(entry, target, findings);
    let tier = entry.word("tier", &[("hot", Tier::Hot), ("warm", Tier::Warm)], findings);
    let absence = entry.word("absence", &[("zero", Absence::Zero), ("unknown", Absence::Unknown)], findings);
    if absence == Some(Absence::Zero)
        && statistics.iter().all(|statistic| statistic.kind() != Kind::Count)
        && let Some(field) = entry.get("absence")
    {
        findings
            .warning(&field.place, "only `Sum` and `SampleCount` are zero where nothing happened; it has no effect");
    }

    let target = target?;
    let mut metric =
        Metric::new(target, name?.to_owned(), namespace?.to_owned(), metric?.to_owned()).statistics(&statistics);
    metric.unit_in = unit_in;
    metric.unit_out = unit_out;
    metric.datadog_unit = datadog_unit(unit_out).into();
    metric.kinds = Cow::Owned(kinds);
    metric.tier = tier.unwrap_or(metric.tier);
    for column in metric.columns.iter_mut().filter(|_| absence == Some(Absence::Zero)) {
        // Where nothing happened, sums and counts are zero; an average or a percentile does not exist.
        if column.kind == Kind::Count {
            column.absence = Absence::Zero;
        }
    }
    if target == Target::Function {
        metric.lateness = FUNCTION_LATENESS;
    }
    Some(metric)
}

fn statistics(entry: &Section<'_>, findings: &mut Findings) -> Vec<Statistic> {
    if entry.get("statistics").is_none_or(Field::list_is_empty) {
        findings.problem(&entry.place, "needs `statistics`, for example `statistics: [Sum, p99]`");
    }
    let mut statistics = Vec::new();
    for (field, text) in entry.texts("statistics", findings) {
        match Statistic::from_cloudwatch(text) {
            Some(statistic) if statistics.contains(&statistic) => {
                field.problem(findings, format!("{} stands twice", field.shown()));
            }
            Some(statistic) => statistics.push(statistic),
            None => {
                let known = "Average, Maximum, Minimum, Sum, SampleCount, p1 to p99";
                field.problem(findings, format!("{} is no statistic; known: {known}", field.shown()));
            }
        }
    }
    statistics
}

/// Times leave in seconds unless another unit of time is asked for, as those of the catalogue do.
fn unit_out(entry: &Section<'_>, unit_in: Unit, findings: &mut Findings) -> Unit {
    let natural = if unit_in.factor_to(Unit::Seconds).is_some() { Unit::Seconds } else { unit_in };
    let Some(unit_out) = entry.word("unit_out", UNITS, findings) else { return natural };
    if unit_in.factor_to(unit_out).is_none()
        && let Some(field) = entry.get("unit_out")
    {
        field.problem(findings, format!("{unit_in} cannot be turned into {unit_out}; leave `unit_out` out"));
    }
    unit_out
}

/// All kinds, unless some are named; none for what is not an endpoint.
fn kinds(entry: &Section<'_>, target: Option<Target>, findings: &mut Findings) -> Vec<EndpointKind> {
    let of_endpoint = matches!(target, Some(Target::Endpoint | Target::Variant));
    let Some(field) = entry.get("kinds") else {
        return if of_endpoint { KINDS.iter().map(|(_, kind)| *kind).collect() } else { Vec::new() };
    };
    if target.is_some() && !of_endpoint {
        field.problem(findings, "only metrics of an endpoint or a variant have kinds; leave it out");
    } else if field.list_is_empty() {
        field.problem(findings, "names no kind; leave it out for all of them");
    }
    let mut kinds = Vec::new();
    for item in field.list(findings) {
        kinds.extend(item.word(KINDS, findings).filter(|kind| !kinds.contains(kind)));
    }
    kinds
}

fn check_name(name: &str, statistics: &[Statistic], field: &Field<'_>, findings: &mut Findings) {
    let suffix = statistics.iter().map(|statistic| statistic.suffix().len() + 1).max().unwrap_or(0);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        field.problem(findings, format!("{} has to start with a letter", field.shown()));
    } else if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')) {
        field.problem(findings, format!("{} takes letters, digits, `_` and `.`", field.shown()));
    } else if name.len() + suffix > MAX_NAME {
        field.problem(findings, format!("with its statistic, a name has at most {MAX_NAME} characters"));
    } else if let Some(prefix) = RESERVED.iter().find(|prefix| name.to_ascii_lowercase().starts_with(**prefix)) {
        let message = format!("{} starts with `{prefix}`, which is not for metrics of your own", field.shown());
        field.problem(findings, message);
    }
}

fn check_cloudwatch_name(text: &str, field: &Field<'_>, findings: &mut Findings) {
    if text.len() > MAX_CLOUDWATCH_NAME
        || text.starts_with(':')
        || !text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
    {
        let message = format!(
            "expected at most {MAX_CLOUDWATCH_NAME} ASCII characters, the first not a colon, found {}",
            field.shown()
        );
        field.problem(findings, message);
    }
}

/// Datadog's word. <https://docs.datadoghq.com/metrics/units/>
fn datadog_unit(unit: Unit) -> &'static str {
    match unit {
        Unit::None | Unit::Count => "",
        Unit::Percent => "percent",
        Unit::Bytes => "byte",
        Unit::Seconds => "second",
        Unit::Milliseconds => "millisecond",
        Unit::Microseconds => "microsecond",
    }
}
