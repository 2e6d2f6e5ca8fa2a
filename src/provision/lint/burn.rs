//! Alerts on how fast the error budget of an SLO burns.

use std::collections::HashMap;

use serde_json::Value;

use super::{About, Rule, text};
use crate::provision::object::{Desired, reference};
use crate::query::MonitorQuery;

/// What is known of SLOs: their targets, by the reference that stands for the id of one.
#[derive(Debug, Default)]
pub(super) struct Slos(HashMap<String, Vec<Value>>);

impl Slos {
    pub(super) fn note(&mut self, Desired { kind, identity, body }: &Desired) {
        if let Some(targets) = body.get("thresholds").and_then(Value::as_array) {
            self.0.insert(reference(*kind, identity), targets.clone());
        }
    }
}

/// Looks at the windows, and compares the query with its SLO as far as that is known.
pub(super) fn check(query: &MonitorQuery, Slos(slos): &Slos, about: &mut About<'_>) {
    let (MonitorQuery::BurnRate { slo, over_days, .. } | MonitorQuery::ErrorBudget { slo, over_days, .. }) = query
    else {
        return;
    };
    if let MonitorQuery::BurnRate { long_window_seconds: long, short_window_seconds: short, .. } = query
        && short >= long
    {
        let message = "its short window has to be shorter than the long one; take a twelfth of that";
        about.found(Rule::SloAlert, "query", message);
    }
    let Some(objectives) = slos.get(slo) else {
        return;
    };
    let over = format!("{over_days}d");
    let Some(objective) = objectives.iter().find(|objective| text(objective, "timeframe") == over) else {
        let all: Vec<&str> = objectives.iter().map(|objective| text(objective, "timeframe")).collect();
        let message = format!("is over {over}, and its SLO has a target for {}; take one of those", all.join(", "));
        return about.found(Rule::SloAlert, "query", message);
    };
    if let MonitorQuery::BurnRate { threshold, .. } = query
        && let Some(target) = objective.get("target").and_then(Value::as_f64)
        && let most = fastest(target)
        && *threshold > most
    {
        let message = format!(
            "waits for {threshold}, and with a target of {target} % nothing burns faster than {most:.1}, so Datadog \
             refuses it; set it below that"
        );
        about.found(Rule::SloAlert, "query", message);
    }
}

/// How many times faster than allowed a budget burns when everything fails. Datadog refuses a threshold beyond it.
/// <https://github.com/DataDog/terraform-provider-datadog/issues/1093>
fn fastest(target_percent: f64) -> f64 {
    // As the target of an SLO has at most three decimals, what is left of it is rounded to as many.
    let left = ((100.0 - target_percent) * 1_000.0).round() / 1_000.0;
    100.0 / left
}
