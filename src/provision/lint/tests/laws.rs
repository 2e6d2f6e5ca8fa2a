//! What holds for all objects.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::*;

/// `V` stands for the value of a tag.
const QUERIES: [&str; 7] = [
    "max(last_10m):max:mlpipeline.endpoint.oldest_request_age.max{pipeline:V} by {stage} > 900",
    "max(last_10m):max:mlpipeline.endpoint.oldest_request_age.max{pipeline:V,!nothing:V} by {stage} > 900",
    "avg(last_10m):avg:mlpipeline.endpoint.invocations.sum{pipeline:V} by {endpoint} > 800",
    "max(last_10m):max:mlpipeline.endpoint.nothing{pipeline:V} < 900",
    "max(last_10m):max:mlpipeline.endpoint.oldest_request_age.max{pipeline:V > 900",
    "error_budget(\"V\").over(\"30d\") > 75",
    "logs(\"V\").index(\"main\").rollup(\"count\").last(\"5m\") > 1",
];
const MESSAGES: [&str; 5] = [
    "V has waited {{value}} s at {{stage.name}}\nRunbook: look\n@slack-V",
    "{{#is_alert}}@pagerduty-V{{/is_alert}} {{value}} ms at {{endpoint.name}}",
    "{{#is_alert}}V",
    "{{V}}",
    "Runbook: @slack-V",
];
const COUNTS: [&str; 4] = [
    "sum:mlpipeline.endpoint.invocations.sum{pipeline:V}.as_count()",
    "sum:mlpipeline.endpoint.invocations.sum{pipeline:V}",
    "sum:mlpipeline.endpoint.invocations.sum{V:*}.as_count()",
    "sum:mlpipeline.endpoint.invocations.sum{pipeline:V.as_count()",
];

fn any_text(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    let value = select(&["lease", "docs", "a:b", "$v", ""][..]);
    (select(of), value).prop_map(|(text, value)| text.replace('V', value))
}

fn any_options() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"thresholds": {"critical": 900}, "evaluation_delay": 240}),
        json!({"thresholds": {"critical": 900}, "evaluation_delay": 240, "on_missing_data": "show_and_notify_no_data"}),
        json!({"thresholds": {"critical": 800, "warning": 1000}, "escalation_message": "{{host.name}}"}),
        json!({"new_group_delay": 1, "new_host_delay": 2, "on_missing_data": "resolve", "notify_no_data": true}),
        Value::Null,
    ])
}

fn any_body() -> impl Strategy<Value = (Kind, Value)> {
    let priority = select(vec![json!(2), json!(9), Value::Null]);
    let monitor = (any_text(&QUERIES), any_text(&MESSAGES), any_options(), priority);
    let monitor = monitor.prop_map(|(query, message, options, priority)| {
        let name = message.lines().next().unwrap_or_default();
        let body = json!({"name": name, "query": query, "message": message, "options": options, "priority": priority});
        (Kind::Monitor, body)
    });
    let slo = (select(&["metric", "monitor", "other"][..]), any_text(&COUNTS), any_text(&COUNTS));
    let slo = slo.prop_map(|(kind, numerator, denominator)| {
        (Kind::Slo, json!({"type": kind, "query": {"numerator": numerator, "denominator": denominator}}))
    });
    prop_oneof![3 => monitor, 1 => slo]
}

proptest! {
    #[test]
    fn for_all_objects_what_was_looked_at_before_leaves_no_trace(bodies in vec(any_body(), 1..12)) {
        let metrics = metrics();
        let mut linter = Linter::new(&metrics);
        for (index, (kind, body)) in bodies.into_iter().enumerate() {
            let identity = Identity::new(kind.word(), Subject::Team(index.to_string()));
            let object = Desired { kind, identity, body };
            linter.look(&object);
            prop_assert_eq!(std::mem::take(&mut linter.findings), lint(&[object], &metrics));
        }
    }
}
