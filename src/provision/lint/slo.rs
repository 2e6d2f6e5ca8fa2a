//! Service level objectives.

use serde_json::Value;

use super::{About, Finding, Metrics, Rule, series, text};
use crate::query::{parse, same_but_for_values};

/// What is counted: what went well, of all.
const PARTS: [&str; 2] = ["numerator", "denominator"];

/// What was found in the last SLO of a template. Most of the next are about other values of the same tags, and what is
/// found in those is the same.
#[derive(Debug, Default)]
pub(super) struct Seen(Option<([String; 2], Vec<Finding>)>);

pub(super) fn check(body: &Value, metrics: &Metrics, seen: &mut Seen, about: &mut About<'_>) {
    match text(body, "type") {
        "metric" => check_counts(body.get("query").unwrap_or(&Value::Null), metrics, seen, about),
        // A monitor SLO names monitors, which are looked at themselves.
        "monitor" => {}
        other => about.found(Rule::Query, "type", format!("not checked: an SLO of the type `{other}`")),
    }
}

fn check_counts(query: &Value, metrics: &Metrics, Seen(seen): &mut Seen, about: &mut About<'_>) {
    let counts = PARTS.map(|part| text(query, part));
    if let Some((last, findings)) = seen
        && last.iter().zip(counts).all(|(last, count)| same_but_for_values(last, count))
    {
        return about.repeat(findings);
    }
    let before = about.findings.len();
    for (part, count) in PARTS.iter().zip(counts) {
        check_count(count, &format!("query.{part}"), metrics, about);
    }
    // What cannot be read may be wrong in another place.
    let findings = about.findings[before..].to_vec();
    let is_read = findings.iter().all(|finding| finding.rule != Rule::Query);
    *seen = is_read.then(|| (counts.map(str::to_owned), findings));
}

fn check_count(query: &str, place: &str, metrics: &Metrics, about: &mut About<'_>) {
    let expr = match parse(query) {
        Ok(expr) => expr,
        Err(unchecked) => return about.found(Rule::Query, place, unchecked.to_string()),
    };
    series::check(&expr, place, metrics, &|_| None, about);
    series::unit(&expr, place, metrics, about);
    for selector in expr.selectors().into_iter().filter(|selector| !selector.is_count()) {
        about.found(Rule::SloCount, place, format!("an SLO counts; write `{}.as_count()`", selector.metric));
    }
}
