//! `ddsync metrics`: the catalogue, for the screen, for the README and for programs.

use super::{MetricsArgs, print};
use crate::model::catalogue::{DERIVED, Metric, table};

const HEADER: [&str; 6] = ["Datadog", "CloudWatch", "dimensions", "unit", "tier", "about"];

pub(super) fn run(args: &MetricsArgs) -> u8 {
    if args.json {
        print::json(&table());
    } else if args.markdown {
        print::line(markdown());
    } else {
        // Both of CloudWatch's columns would make every line too wide for a screen.
        let narrow = |cells: Vec<String>| [0, 3, 4, 5].map(|column| cells[column].clone()).to_vec();
        let header = [0, 3, 4, 5].map(|column| HEADER[column]);
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
            format!("{} {}", metric.namespace, metric.metric),
            metric.target.dimensions().join(", "),
            metric.datadog_unit.to_string(),
            metric.tier.to_string(),
            metric.about.to_string(),
        ]
    });
    let derived = DERIVED.iter().map(|derived| {
        vec![
            derived.name.to_owned(),
            "computed".to_owned(),
            String::new(),
            derived.datadog_unit.to_owned(),
            String::new(),
            derived.about.to_owned(),
        ]
    });
    read.chain(derived).collect()
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
