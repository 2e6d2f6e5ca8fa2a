//! `ddsync metrics`: the catalogue, for the screen, for the README and for programs.

use super::{MetricsArgs, print};
use crate::model::catalogue::{Absence, DERIVED, DeployMetric, LogMetric, Metric, table};
use crate::model::series::Kind;

const HEADER: [&str; 10] =
    ["Datadog", "type", "unit", "tier", "CloudWatch", "unit there", "dimensions", "endpoints", "absent means", "about"];
/// What a screen has room for.
const NARROW: [usize; 4] = [0, 2, 3, 9];

pub(super) fn run(args: &MetricsArgs) -> u8 {
    if args.json {
        print::json(&table());
    } else if args.markdown {
        print::line(markdown());
    } else {
        let narrow = |cells: Vec<String>| NARROW.map(|column| cells[column].clone()).to_vec();
        let header = NARROW.map(|column| HEADER[column]);
        print::line(print::table(&header, rows().into_iter().map(narrow).collect()));
        print::line("");
        print::note("`--markdown` and `--json` tell the metrics and dimensions of CloudWatch too.");
    }
    0
}

/// The reference of the README.
#[must_use]
fn markdown() -> String {
    let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let header = HEADER.map(str::to_owned);
    let mut lines = vec![row(&header), format!("|{}", "---|".repeat(HEADER.len()))];
    lines.extend(rows().iter().map(|cells| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        row(&cells)
    }));
    lines.join("\n")
}

fn rows() -> Vec<Vec<String>> {
    let read = table().into_iter().map(|metric| {
        vec![
            names(&metric),
            distinct(metric.columns.iter().map(|column| type_of(column.kind))),
            metric.datadog_unit.to_string(),
            metric.tier.to_string(),
            format!("{} {}", metric.namespace, metric.metric),
            metric.unit_in.to_string(),
            metric.target.dimensions().join(", "),
            metric.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            distinct(metric.columns.iter().map(|column| absence(column.absence))),
            metric.about.to_string(),
        ]
    });
    let derived = DERIVED.iter().map(|it| computed(it.name, Kind::Gauge, it.datadog_unit, "computed", it.about));
    let deploys = DeployMetric::ALL.iter();
    let deploys = deploys.map(|it| computed(it.name(), it.kind(), it.datadog_unit(), "from GitHub", it.about()));
    let logs = LogMetric::ALL.iter();
    let logs = logs.map(|it| computed(it.name(), it.kind(), it.datadog_unit(), "from logs", it.about()));
    read.chain(derived).chain(deploys).chain(logs).collect()
}

/// What is read from no metric of CloudWatch.
fn computed(name: &str, kind: Kind, unit: &str, from: &str, about: &str) -> Vec<String> {
    let absence = absence(Absence::Unknown);
    [name, type_of(kind), unit, "", from, "", "", "", absence, about].map(str::to_owned).into()
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Count => "count",
        Kind::Gauge => "gauge",
    }
}

fn absence(absence: Absence) -> &'static str {
    match absence {
        Absence::Zero => "zero",
        Absence::Unknown => "unknown",
    }
}

/// Each word once, in the order of the series.
fn distinct(words: impl Iterator<Item = &'static str>) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for word in words {
        if !distinct.contains(&word) {
            distinct.push(word);
        }
    }
    distinct.join(", ")
}

/// `name.{avg,max}`, and what is called otherwise beside it.
fn names(metric: &Metric) -> String {
    let prefix = format!("{}.", metric.name);
    let (own, other): (Vec<_>, Vec<_>) = metric.columns.iter().partition(|column| column.series.starts_with(&prefix));
    let suffixes: Vec<&str> = own.iter().map(|column| &column.series[prefix.len()..]).collect();
    let own = match suffixes.as_slice() {
        [one] => format!("{prefix}{one}"),
        many => format!("{prefix}{{{}}}", many.join(",")),
    };
    other.iter().fold(own, |names, column| format!("{names} {}", column.series))
}
