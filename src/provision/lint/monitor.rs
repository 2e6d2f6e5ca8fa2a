//! Monitors.

use std::collections::BTreeSet;

use serde_json::Value;

use super::message::{self, Says, Watches};
use super::{About, Level, Metrics, Rule, burn, options, series, text};
use crate::query::{Comparator, Fold, MonitorQuery, parse_monitor};

/// What Datadog advises for the slowest integrations, seconds: longer helps nobody.
/// <https://docs.datadoghq.com/monitors/configuration/>
const LONGEST_DELAY: u64 = 900;
const HIGHEST_PRIORITY: u64 = 1;
const LOWEST_PRIORITY: u64 = 5;
const RUNBOOK: &str = "Runbook:";

pub(super) fn check(body: &Value, metrics: &Metrics, slos: &burn::Slos, about: &mut About<'_>) {
    let query = match parse_monitor(text(body, "query")) {
        Ok(query) => Some(query),
        Err(unchecked) => {
            about.found(Rule::Query, "query", unchecked.to_string());
            None
        }
    };
    let options = body.get("options").unwrap_or(&Value::Null);
    let mut unit = None;
    let mut groups = None;
    if let Some(query) = &query {
        if let MonitorQuery::Metric { fold, expr, .. } = query {
            series::check(expr, "query", metrics, &|_| None, about);
            unit = series::unit(expr, "query", metrics, about);
            if *fold != Fold::Sum && expr.selectors().iter().any(|selector| selector.is_count()) {
                let message = "`.as_count()` is evaluated over the whole window; write `sum(last_..)` in front of it";
                about.found(Rule::MetricType, "query", message);
            }
            groups = Some(expr.group_by().into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
            check_delay(options, expr.metrics().into_iter().filter_map(|name| metrics.get(name)), metrics, about);
        }
        burn::check(query, slos, about);
        if let Some((comparator, threshold)) = query.condition() {
            check_thresholds(options, comparator, threshold, about);
        }
    }
    let watches = match &query {
        Some(MonitorQuery::ErrorBudget { .. }) => Watches::ErrorBudget,
        Some(MonitorQuery::BurnRate { .. }) => Watches::BurnRate,
        _ => Watches::Other,
    };
    check_message(body, options, unit.as_deref(), Says { groups: groups.as_ref(), watches }, about);
    check_priority(body.get("priority").unwrap_or(&Value::Null), about);
    options::check(options, query.as_ref(), about);
    if options.get("on_missing_data").is_some() && options.get("notify_no_data").is_some() {
        let message = "`on_missing_data` and `notify_no_data` exclude each other; take the latter away";
        about.found(Rule::MissingData, "options.notify_no_data", message);
    }
}

fn check_priority(priority: &Value, about: &mut About<'_>) {
    let range = format_args!("{HIGHEST_PRIORITY} (wake somebody) to {LOWEST_PRIORITY}");
    if priority.is_null() {
        about.found(Rule::Priority, "priority", format!("says nothing; set it from {range}"));
    } else if !priority.as_u64().is_some_and(|priority| (HIGHEST_PRIORITY..=LOWEST_PRIORITY).contains(&priority)) {
        let message = format!("is {priority}, which Datadog refuses; set it from {range}");
        about.push(Rule::Priority, Level::Error, "priority", message);
    }
}

fn check_message(body: &Value, options: &Value, unit: Option<&str>, says: Says<'_>, about: &mut About<'_>) {
    message::check_text(text(body, "name"), "name", says, about);
    message::check_text(text(options, "escalation_message"), "options.escalation_message", says, about);
    let message = text(body, "message");
    let tokens = message::check_text(message, "message", says, about);
    if let Some(tokens) = &tokens {
        let on_missing_data = text(options, "on_missing_data") == "show_and_notify_no_data"
            || options.get("notify_no_data").and_then(Value::as_bool) == Some(true);
        message::check_handles(tokens, on_missing_data, about);
    }
    let steps = message::after(message, RUNBOOK).map(str::trim);
    if steps.is_none_or(|steps| steps.is_empty() || steps.starts_with('@')) {
        about.found(
            Rule::Runbook,
            "message",
            format!("says not what to do; write `{RUNBOOK}` and the steps, or a link"),
        );
    }
    for word in tokens.iter().flat_map(|tokens| message::units(tokens)) {
        if let Some(said) = series::unit_of_word(word)
            && let Some(unit) = unit.filter(|unit| *unit != said)
        {
            let message = format!("`{{{{value}}}} {word}`: the query gives {unit}; write that, or convert it");
            about.found(Rule::Unit, "message", message);
        }
    }
}

fn check_thresholds(options: &Value, comparator: Comparator, threshold: f64, about: &mut About<'_>) {
    let place = "options.thresholds.critical";
    let of = |key: &str| options.get("thresholds")?.get(key)?.as_f64();
    match of("critical") {
        None => about.found(Rule::Threshold, place, format!("is missing; set it to {threshold}, as in the query")),
        Some(critical) if !same(critical, threshold) => {
            about.found(
                Rule::Threshold,
                place,
                format!("is {critical}, and {threshold} in the query; make them equal"),
            );
        }
        Some(_) => {}
    }
    let (above, below) = match comparator {
        Comparator::Above | Comparator::AtLeast => (true, false),
        Comparator::Below | Comparator::AtMost => (false, true),
        Comparator::Equal | Comparator::NotEqual => (false, false),
    };
    if let Some(warning) = of("warning")
        && (above && warning >= threshold || below && warning <= threshold)
    {
        let side = if above { "below" } else { "above" };
        let message = format!("is {warning} and would come after the alert; it has to be {side} {threshold}");
        about.found(Rule::Threshold, "options.thresholds.warning", message);
    }
}

/// Numbers of one text each: equal, but for what their ways through parsers do to the last digit.
fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= f64::EPSILON * one.abs().max(other.abs())
}

fn check_delay<'k>(
    options: &Value,
    read: impl Iterator<Item = &'k super::Known>,
    metrics: &Metrics,
    about: &mut About<'_>,
) {
    let needed = read.map(|known| metrics.delay(known)).max().unwrap_or(0);
    let delay = options.get("evaluation_delay").and_then(Value::as_u64).unwrap_or(0);
    let place = "options.evaluation_delay";
    if delay < needed {
        let message = format!("is {delay} s, and data comes up to {needed} s late; set it to {needed}");
        about.found(Rule::EvaluationDelay, place, message);
    } else if delay > LONGEST_DELAY.max(needed) {
        let message = format!("is {delay} s, and data comes within {needed} s; set it to {needed}");
        about.found(Rule::EvaluationDelay, place, message);
    }
}
