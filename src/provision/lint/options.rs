//! The options of a monitor.

use serde_json::Value;

use super::{About, Rule};
use crate::query::MonitorQuery;

/// What Datadog knows. <https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor>
const KNOWN: [&str; 33] = [
    "aggregation",
    "avalanche_window",
    "device_ids",
    "enable_logs_sample",
    "enable_samples",
    "escalation_message",
    "evaluation_delay",
    "group_retention_duration",
    "groupby_simple_monitor",
    "include_tags",
    "locked",
    "min_failure_duration",
    "min_location_failed",
    "new_group_delay",
    "new_host_delay",
    "no_data_timeframe",
    "notification_preset_name",
    "notify_audit",
    "notify_by",
    "notify_no_data",
    "on_missing_data",
    "renotify_interval",
    "renotify_occurrences",
    "renotify_statuses",
    "require_full_window",
    "restriction_query",
    "scheduling_options",
    "silenced",
    "synthetics_check_id",
    "threshold_windows",
    "thresholds",
    "timeout_h",
    "variables",
];
const STATUSES: [&str; 3] = ["alert", "warn", "no data"];
/// Hours after which a monitor may resolve by itself, at most.
const LONGEST_TIMEOUT: f64 = 24.0;

pub(super) fn check(options: &Value, query: Option<&MonitorQuery>, about: &mut About<'_>) {
    for (key, _) in options.as_object().into_iter().flatten() {
        if !KNOWN.contains(&key.as_str()) {
            about.unknown(Rule::Options, &format!("options.{key}"), format!("`{key}` is an option that is not known"));
        }
    }
    let set = |key: &str| options.get(key).is_some_and(|value| !value.is_null());
    let mut wrong = |key: &str, message: String| about.found(Rule::Options, &format!("options.{key}"), message);
    if set("new_group_delay") && set("new_host_delay") {
        wrong("new_host_delay", "excludes `new_group_delay`, and Datadog refuses both; take it away".to_owned());
    }
    if let Some(hours) = options.get("timeout_h").and_then(Value::as_f64)
        && hours > LONGEST_TIMEOUT
    {
        wrong("timeout_h", format!("is {hours}, and Datadog takes at most {LONGEST_TIMEOUT} hours; lower it"));
    }
    for status in options.get("renotify_statuses").and_then(Value::as_array).into_iter().flatten() {
        if !status.as_str().is_some_and(|status| STATUSES.contains(&status)) {
            let known = STATUSES.map(|status| format!("`{status}`")).join(", ");
            wrong("renotify_statuses", format!("{status} is no status; write some of {known}"));
        }
    }
    let of_slo = matches!(query, Some(MonitorQuery::ErrorBudget { .. } | MonitorQuery::BurnRate { .. }));
    if of_slo && set("evaluation_delay") {
        let message = "does nothing for an alert on an SLO; take it away";
        about.found(Rule::EvaluationDelay, "options.evaluation_delay", message);
    }
}
