//! Service level objectives.

use serde_json::Value;

use super::{About, Metrics, Rule, series, text};
use crate::query::parse;

pub(super) fn check(body: &Value, metrics: &Metrics, about: &mut About<'_>) {
    match text(body, "type") {
        "metric" => {
            for part in ["numerator", "denominator"] {
                let query = body.get("query").map(|query| text(query, part)).unwrap_or_default();
                check_count(query, &format!("query.{part}"), metrics, about);
            }
        }
        // A monitor SLO names monitors, which are looked at themselves.
        "monitor" => {}
        other => about.found(Rule::Query, "type", format!("not checked: an SLO of the type `{other}`")),
    }
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
