//! What Datadog refuses of a monitor.

use serde_json::{Map, Value};

use super::super::{
    Refused,
    objects::{ObjectKind, Objects},
    slos,
};
use crate::query::{Comparator, MonitorQuery, parse_monitor};

/// Types whose queries are in languages that nobody here reads.
const FOREIGN: [&str; 15] = [
    "audit alert",
    "ci-pipelines alert",
    "ci-tests alert",
    "cost alert",
    "database-monitoring alert",
    "error-tracking alert",
    "event alert",
    "event-v2 alert",
    "log alert",
    "network-path alert",
    "network-performance alert",
    "process alert",
    "rum alert",
    "service check",
    "trace-analytics alert",
];

/// The type, with those that are one under one name.
pub(super) fn family(kind: &Value) -> Option<&str> {
    kind.as_str().map(|kind| if kind == "metric alert" { "query alert" } else { kind })
}

/// The query of a good monitor; none when it is in a foreign language.
pub(super) fn check(fields: &Map<String, Value>, objects: &Objects) -> Result<Option<MonitorQuery>, Refused> {
    let kind = fields.get("type").ok_or_else(|| Refused::bad("Missing required attribute type"))?;
    let text = fields.get("query").and_then(Value::as_str);
    let text = text.ok_or_else(|| Refused::bad("Missing required attribute query"))?;
    let tags = fields.get("tags").and_then(Value::as_array);
    if fields.contains_key("tags") && !tags.is_some_and(|tags| tags.iter().all(Value::is_string)) {
        return Err(Refused::bad("tags must be a list of strings"));
    }
    if fields.get("priority").is_some_and(|p| !p.as_i64().is_some_and(|p| (1..=5).contains(&p))) {
        return Err(Refused::bad("priority must be an integer from 1 to 5"));
    }
    let options = fields.get("options").unwrap_or(&Value::Null);
    if options.get("new_host_delay").is_some() && options.get("new_group_delay").is_some() {
        return Err(Refused::bad("new_host_delay and new_group_delay cannot both be set"));
    }
    let query = match family(kind) {
        Some("query alert" | "slo alert" | "composite") => {
            parse_monitor(text).map_err(|why| invalid(&why.to_string()))?
        }
        Some(kind) if FOREIGN.contains(&kind) => return Ok(None),
        _ => return Err(Refused::bad(format!("{kind} is not a type of monitors"))),
    };
    if family(kind) != Some(check_references(&query, objects)?) {
        return Err(invalid("it is not one of this type"));
    }
    check_burn_rate(&query, objects)?;
    if let Some((comparator, threshold)) = query.condition() {
        check_thresholds(options.get("thresholds"), comparator, threshold)?;
    }
    Ok(Some(query))
}

fn invalid(why: &str) -> Refused {
    Refused::bad(format!("The value provided for parameter 'query' is invalid: {why}"))
}

/// The type of a query whose monitors and SLOs exist.
fn check_references(query: &MonitorQuery, objects: &Objects) -> Result<&'static str, Refused> {
    match query {
        MonitorQuery::Metric { .. } => Ok("query alert"),
        MonitorQuery::ErrorBudget { slo, .. } | MonitorQuery::BurnRate { slo, .. } => {
            let found = objects.get(ObjectKind::Slo, slo).is_some();
            if found { Ok("slo alert") } else { Err(Refused::bad(format!("SLO {slo} not found"))) }
        }
        MonitorQuery::Composite(parts) => {
            let found = parts.monitors().iter().all(|id| objects.get(ObjectKind::Monitor, id).is_some());
            if found { Ok("composite") } else { Err(Refused::bad("Some monitor IDs are invalid")) }
        }
    }
}

/// <https://github.com/DataDog/terraform-provider-datadog/issues/1093>
fn check_burn_rate(query: &MonitorQuery, objects: &Objects) -> Result<(), Refused> {
    let MonitorQuery::BurnRate { slo, over_days, threshold, .. } = query else { return Ok(()) };
    let budget = objects.get(ObjectKind::Slo, slo).and_then(|slo| slos::budget(slo, *over_days));
    // What is left of a percentage is not exact in binary.
    let Some(most) = budget.map(|budget| (1e6 / budget).round() / 1e6).filter(|most| threshold > most) else {
        return Ok(());
    };
    let range = format!("must be in range 0 to {most:.1} for burn rate alerts (max threshold = 1/1-slo target).");
    Err(Refused::bad(format!("Alert threshold ({threshold}) {range}")))
}

fn check_thresholds(thresholds: Option<&Value>, comparator: Comparator, threshold: f64) -> Result<(), Refused> {
    let Some(thresholds) = thresholds else { return Ok(()) };
    let number = |key: &str| thresholds.get(key).and_then(Value::as_f64);
    let critical = number("critical").ok_or_else(|| Refused::bad("thresholds need a critical one"))?;
    if !Comparator::Equal.holds(critical, threshold) {
        let message = format!("Alert threshold ({critical}) does not match that used in the query ({threshold})");
        return Err(Refused::bad(message));
    }
    let rises = matches!(comparator, Comparator::Above | Comparator::AtLeast);
    let falls = matches!(comparator, Comparator::Below | Comparator::AtMost);
    let late = |warning: f64| (rises && warning >= critical) || (falls && warning <= critical);
    if number("warning").is_some_and(late) {
        return Err(Refused::bad("Warning threshold must be reached before the alert threshold"));
    }
    Ok(())
}
