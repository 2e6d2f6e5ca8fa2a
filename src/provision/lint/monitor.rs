//! Monitors.

use std::collections::BTreeSet;

use serde_json::Value;

use super::message::{self, Says, Watches};
use super::{About, Finding, Level, Metrics, Rule, burn, options, series, text};
use crate::query::{Comparator, Fold, MonitorQuery, parse_monitor, same_but_for_values};

/// What Datadog advises for the slowest integrations, seconds: longer helps nobody.
/// <https://docs.datadoghq.com/monitors/configuration/>
const LONGEST_DELAY: u64 = 900;
const HIGHEST_PRIORITY: u64 = 1;
const LOWEST_PRIORITY: u64 = 5;
const RUNBOOK: &str = "Runbook:";

/// What was found in the last monitor of a template, but for its texts. Most of the next are about other values of the
/// same tags, and what is found in those is the same.
#[derive(Debug, Default)]
pub(super) struct Seen(Option<Looked>);

#[derive(Debug)]
struct Looked {
    query: String,
    options: Value,
    priority: Value,
    asks: Asks,
    findings: Vec<Finding>,
}

/// What the texts of a monitor depend on.
#[derive(Debug)]
struct Asks {
    watches: Watches,
    /// Tag keys; `None` when not known.
    groups: Option<BTreeSet<String>>,
    unit: Option<String>,
}

pub(super) fn check(body: &Value, metrics: &Metrics, slos: &burn::Slos, seen: &mut Seen, about: &mut About<'_>) {
    let query = text(body, "query");
    let options = body.get("options").unwrap_or(&Value::Null);
    let priority = body.get("priority").unwrap_or(&Value::Null);
    let same = |last: &&Looked| {
        same_but_for_values(&last.query, query) && last.options == *options && last.priority == *priority
    };
    if let Some(last) = seen.0.as_ref().filter(same) {
        about.repeat(&last.findings);
        return check_texts(body, options, &last.asks, about);
    }
    let before = about.findings.len();
    let read = match parse_monitor(query) {
        Ok(query) => Some(query),
        Err(unchecked) => {
            about.found(Rule::Query, "query", unchecked.to_string());
            None
        }
    };
    let asks = check_query(read.as_ref(), options, metrics, slos, about);
    check_priority(priority, about);
    options::check(options, read.as_ref(), about);
    if options.get("on_missing_data").is_some() && options.get("notify_no_data").is_some() {
        let message = "`on_missing_data` and `notify_no_data` exclude each other; take the latter away";
        about.found(Rule::MissingData, "options.notify_no_data", message);
    }
    let findings = about.findings[before..].to_vec();
    check_texts(body, options, &asks, about);
    // What cannot be read may be wrong in another place, and an alert on an SLO is about another one.
    let is_like_others = matches!(read, Some(MonitorQuery::Metric { .. }));
    let (query, options, priority) = (query.to_owned(), options.clone(), priority.clone());
    seen.0 = is_like_others.then_some(Looked { query, options, priority, asks, findings });
}

fn check_query(
    query: Option<&MonitorQuery>,
    options: &Value,
    metrics: &Metrics,
    slos: &burn::Slos,
    about: &mut About<'_>,
) -> Asks {
    let mut asks = Asks { watches: Watches::Other, groups: None, unit: None };
    let Some(query) = query else { return asks };
    match query {
        MonitorQuery::Metric { fold, expr, .. } => {
            series::check(expr, "query", metrics, &|_| None, about);
            asks.unit = series::unit(expr, "query", metrics, about);
            if *fold != Fold::Sum && expr.selectors().iter().any(|selector| selector.is_count()) {
                let message = "`.as_count()` is evaluated over the whole window; write `sum(last_..)` in front of it";
                about.found(Rule::MetricType, "query", message);
            }
            asks.groups = Some(expr.group_by().into_iter().map(str::to_owned).collect());
            check_delay(options, expr.metrics().into_iter().filter_map(|name| metrics.get(name)), metrics, about);
        }
        MonitorQuery::ErrorBudget { .. } => asks.watches = Watches::ErrorBudget,
        MonitorQuery::BurnRate { .. } => asks.watches = Watches::BurnRate,
        MonitorQuery::Composite(_) => {}
    }
    burn::check(query, slos, about);
    if let Some((comparator, threshold)) = query.condition() {
        check_thresholds(options, comparator, threshold, about);
    }
    asks
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

fn check_texts(body: &Value, options: &Value, asks: &Asks, about: &mut About<'_>) {
    let Asks { watches, groups, unit } = asks;
    let says = Says { groups: groups.as_ref(), watches: *watches };
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
            && let Some(unit) = unit.as_ref().filter(|unit| *unit != said)
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
