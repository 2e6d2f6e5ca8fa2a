#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::model::catalogue::{Metric, Statistic, Target};
use crate::model::series;
use crate::provision::object::Subject;

mod laws;
mod shipped;

fn metrics() -> Metrics {
    let coverage =
        Known::at_once("ddsync.coverage", series::Kind::Gauge, "percent", &["aws_account", "region", "tier"]);
    Metrics::new(&[], &[coverage], &["company:acme".to_owned()], Delays { hot: 240, warm: 480 })
}

fn object(kind: Kind, body: Value) -> Desired {
    Desired { kind, identity: Identity::new("key", Subject::Global), body }
}

/// Each finding as `level place: message [rule]`.
fn said(kind: Kind, body: Value) -> Vec<String> {
    let findings = lint(&[object(kind, body)], &metrics());
    findings.iter().map(|f| format!("{} {}: {} [{}]", f.level, f.place, f.message, f.rule)).collect()
}

fn monitor() -> Value {
    json!({
        "name": "requests wait at {{stage.name}}",
        "type": "query alert",
        "query": "max(last_10m):max:mlpipeline.endpoint.oldest_request_age.max{pipeline:lease} by {stage} > 900",
        "message": "{{#is_alert}}{{value}} s{{/is_alert}} since {{first_triggered_at}}\nRunbook:\n1. Look.\n@slack-docs",
        "priority": 2,
        "options": {"thresholds": {"critical": 900, "warning": 300}, "evaluation_delay": 240, "on_missing_data": "resolve"},
    })
}

/// What is said of the good monitor with one value changed.
fn changed(pointer: &str, value: Value) -> Vec<String> {
    let mut body = monitor();
    let (holder, key) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(holder).unwrap()[key] = value;
    said(Kind::Monitor, body)
}

fn message(text: &str) -> Vec<String> {
    changed("/message", json!(format!("{text}\nRunbook: look\n@slack-docs")))
}

fn query(text: &str) -> Vec<String> {
    changed("/query", json!(format!("max(last_10m):{text} > 900")))
}

fn dashboard(mut definition: Value) -> Vec<String> {
    let fields = definition.as_object_mut().unwrap();
    fields.entry("title").or_insert_with(|| json!("what it shows"));
    let variables = json!([{"name": "pipeline", "prefix": "pipeline"}, {"name": "stage", "prefix": "stage"}]);
    let mut body = json!({"template_variables": variables, "widgets": [{}]});
    body["widgets"][0]["definition"] = definition;
    said(Kind::Dashboard, body)
}

/// A timeseries with one request for each query.
fn drawn(queries: &[&str]) -> Vec<String> {
    let requests: Vec<Value> = queries.iter().map(|query| json!({"q": query})).collect();
    dashboard(json!({"type": "timeseries", "requests": requests}))
}

fn slo(numerator: &str) -> Vec<String> {
    let denominator = "sum:mlpipeline.endpoint.invocations.sum{*}.as_count()";
    said(Kind::Slo, json!({"type": "metric", "query": {"numerator": numerator, "denominator": denominator}}))
}

const FINE: [&str; 0] = [];

#[test]
fn what_is_right_is_not_talked_about() {
    assert_eq!(said(Kind::Monitor, monitor()), FINE);
    assert_eq!(drawn(&["max:mlpipeline.endpoint.backlog.max{$pipeline,$stage} by {endpoint}"]), FINE);
    assert_eq!(slo("sum:mlpipeline.endpoint.invocations.sum{*}.as_count()"), FINE);
}

#[test]
fn braces_balance() {
    let rule = "[braces]";
    assert_eq!(
        message("for {{value} s"),
        [format!("error message: `{{{{value}} s` is not closed; end it with `}}}}` {rule}")]
    );
    assert_eq!(
        message("for {{value {{value}}"),
        [format!("error message: `{{{{value {{{{value}}}}` is not closed; end it with `}}}}` {rule}")]
    );
    assert_eq!(
        message("for value}} s"),
        [format!("error message: `}}}}` after `for value` closes nothing; take it away or open it {rule}")]
    );
    assert_eq!(
        changed("/name", json!("{{x")),
        [format!("error name: `{{{{x` is not closed; end it with `}}}}` {rule}")]
    );
    assert_eq!(changed("/options/escalation_message", json!("}}")).len(), 1);
}

#[test]
fn blocks_end_where_they_should() {
    assert_eq!(
        message("{{#is_alert}}a"),
        ["error message: `{{#is_alert}}` is not ended; write `{{/is_alert}}` [block]"]
    );
    assert_eq!(message("a{{/is_alert}}"), ["error message: `{{/is_alert}}` ends nothing; take it away [block]"]);
    assert_eq!(
        message("{{#is_alert}}{{^is_warning}}a{{/is_alert}}{{/is_warning}}"),
        ["error message: `{{/is_alert}}` ends `is_warning`; write `{{/is_warning}}` before it [block]"]
    );
}

#[test]
fn group_variables_are_groups_of_the_query() {
    let missing = "stays empty: write `by {endpoint}` in the query, or take it away [group-variable]";
    assert_eq!(message("{{endpoint.name}}"), [format!("error message: `{{{{endpoint.name}}}}` {missing}")]);
    for part in ["{{#is_exact_match \"endpoint.name\" \"a\"}}x{{/is_exact_match}}", "{{urlencode 'endpoint.name'}}"] {
        assert_eq!(message(part), [format!("error message: `{{{{endpoint.name}}}}` {missing}")], "{part}");
    }
    assert_eq!(message("{{[stage].name}} {{local_time 'last_triggered_at' 'Asia/Tokyo'}}"), FINE);
    let composite = json!({"query": "1 && 2", "message": "{{stage.name}} @a Runbook: x", "priority": 1});
    let groups = "depends on groups that the query does not tell [group-variable]";
    assert_eq!(said(Kind::Monitor, composite), [format!("not checked message: `{{{{stage.name}}}}` {groups}")]);
}

#[test]
fn other_variables_are_datadogs() {
    assert_eq!(
        message("{{valeu}}"),
        ["warning message: `{{valeu}}` is nothing that Datadog is known to fill in; take it away [variable]"]
    );
    assert_eq!(message("{{threshold}} {{! said nowhere }} {{eval \"now_epoch-60\"}}"), FINE);
}

#[test]
fn variables_of_an_slo_alert_are_its_own() {
    let nothing = |name: &str| {
        format!(
            "warning message: `{{{{{name}}}}}` is nothing that Datadog is known to fill in; take it away [variable]"
        )
    };
    let of = |query: &str, text: &str| {
        let text = format!("{text} Runbook: look @slack-docs");
        let options = json!({"thresholds": {"critical": 3}});
        said(Kind::Monitor, json!({"query": query, "message": text, "priority": 1, "options": options}))
    };
    let burn = r#"burn_rate("a").over("30d").long_window("1h").short_window("5m") > 3"#;
    let budget = r#"error_budget("a").over("30d") > 3"#;
    assert_eq!(of(burn, "{{timeframe}} {{long_window_burn_rate}} {{short_window_burn_rate}}"), FINE);
    assert_eq!(
        of(burn, "{{value}}"),
        ["warning message: `{{value}}` stays empty, since a burn rate has none; write `{{long_window_burn_rate}}` \
          [variable]"]
    );
    assert_eq!(of(budget, "{{timeframe}} {{value}}"), FINE);
    assert_eq!(of(budget, "{{long_window_burn_rate}}"), [nothing("long_window_burn_rate")]);
    assert_eq!(message("{{timeframe}}"), [nothing("timeframe")]);
}

#[test]
fn somebody_is_told() {
    let nobody = "warning message: nobody is told; name a route in `routes`, or put `<< notify >>` in it [no-handle]";
    assert_eq!(changed("/message", json!("Runbook: look, or write to jo@example.com")), [nobody]);
    // Nobody is told of missing data unless the options say so.
    let only_missing = "Runbook: look{{#is_no_data}}@a{{/is_no_data}}{{#is_recovery}}@a{{/is_recovery}}";
    assert_eq!(changed("/message", json!(only_missing)), [nobody]);
}

#[test]
fn who_is_told_of_an_alert_is_told_of_its_end() {
    let open = |word: &str, block: &str| {
        format!(
            "error message: `@oncall-docs` is told of the {word} and not of its end, so its page stays open; \
             put it outside of `{{{{#{block}}}}}` [recovery-handle]"
        )
    };
    for (block, word) in [("is_alert", "alert"), ("is_warning", "warning"), ("is_no_data", "missing data")] {
        assert_eq!(message(&format!("{{{{#{block}}}}}@oncall-docs{{{{/{block}}}}}")), [open(word, block)]);
    }
    assert_eq!(message("{{^is_recovery}}@oncall-docs{{/is_recovery}}").len(), 3);
    assert_eq!(
        message("{{#is_alert}}@oncall-docs{{/is_alert}}{{#is_alert_recovery}}@oncall-docs{{/is_alert_recovery}}"),
        FINE
    );
    assert_eq!(message("{{#is_alert}}@oncall-docs{{/is_alert}}{{#is_recovery}}@oncall-docs{{/is_recovery}}"), FINE);
}

#[test]
fn a_message_says_what_to_do() {
    for text in ["@slack-docs", "Runbook: @slack-docs", "Runbook:\n\n@slack-docs"] {
        assert_eq!(
            changed("/message", json!(text)),
            ["warning message: says not what to do; write `Runbook:` and the steps, or a link [runbook]"],
            "{text}"
        );
    }
}

#[test]
fn a_monitor_has_a_priority() {
    assert_eq!(
        changed("/priority", json!(null)),
        ["warning priority: says nothing; set it from 1 (wake somebody) to 5 [priority]"]
    );
    for value in [json!(0), json!(9), json!("1")] {
        assert_eq!(
            changed("/priority", value.clone()),
            [format!(
                "error priority: is {value}, which Datadog refuses; set it from 1 (wake somebody) to 5 [priority]"
            )]
        );
    }
}

#[test]
fn thresholds_of_query_and_options_agree() {
    let place = "options.thresholds.critical";
    assert_eq!(
        changed("/options/thresholds/critical", json!(901)),
        [format!("error {place}: is 901, and 900 in the query; make them equal [threshold]")]
    );
    assert_eq!(
        changed("/options/thresholds", json!({})),
        [format!("error {place}: is missing; set it to 900, as in the query [threshold]")]
    );
    assert_eq!(changed("/options/thresholds/critical", json!(900.0)), FINE);
    assert_eq!(
        changed("/options/thresholds/warning", json!(900)),
        ["error options.thresholds.warning: is 900 and would come after the alert; it has to be below 900 [threshold]"]
    );
    let burning = json!({
        "query": "burn_rate(\"<ref:slo:success/global>\").over(\"30d\").long_window(\"1h\").short_window(\"5m\") > 14.4",
        "message": "@a Runbook: x", "priority": 1, "options": {"thresholds": {"critical": 14.5}},
    });
    assert_eq!(
        said(Kind::Monitor, burning),
        [format!("error {place}: is 14.5, and 14.4 in the query; make them equal [threshold]")]
    );
}

#[test]
fn an_evaluation_waits_for_the_data_and_no_longer() {
    let place = "warning options.evaluation_delay";
    for (delay, message) in [
        (json!(180), "is 180 s, and data comes up to 240 s late; set it to 240"),
        (json!(null), "is 0 s, and data comes up to 240 s late; set it to 240"),
        (json!(901), "is 901 s, and data comes within 240 s; set it to 240"),
    ] {
        assert_eq!(changed("/options/evaluation_delay", delay), [format!("{place}: {message} [evaluation-delay]")]);
    }
    let warm = query("max:mlpipeline.endpoint.total_processing_time.max{*} by {stage}");
    assert_eq!(warm, [format!("{place}: is 240 s, and data comes up to 480 s late; set it to 480 [evaluation-delay]")]);
}

#[test]
fn missing_data_is_dealt_with_once() {
    assert_eq!(
        changed("/options/notify_no_data", json!(false)),
        [
            "error options.notify_no_data: `on_missing_data` and `notify_no_data` exclude each other; take the latter away \
          [missing-data]"
        ]
    );
}

#[test]
fn metrics_exist() {
    assert_eq!(
        query("max:mlpipeline.endpoint.backlogs.max{*} by {stage}"),
        ["error query: there is no metric `mlpipeline.endpoint.backlogs.max`; did you mean \
          `mlpipeline.endpoint.backlog.max`? [metric]"]
    );
    assert_eq!(query("max:ddsync.coverag{*} by {stage}").len(), 1);
    assert_eq!(
        query("max:aws.sqs.age{*} by {stage}"),
        ["not checked query: `aws.sqs.age` is no metric of ddsync: whether it exists is not known [metric]"]
    );
}

#[test]
fn metrics_of_a_configuration_are_known() {
    let custom = Metric::new(Target::Variant, "acme.tokens", "Acme", "Tokens").statistics(&[Statistic::Sum]);
    let metrics = Metrics::new(&[custom], &[], &[], Delays { hot: 60, warm: 120 });
    let tokens = metrics.get("acme.tokens.sum").unwrap();
    assert_eq!((tokens.kind, metrics.delay(tokens)), (series::Kind::Count, 120));
    assert!(metrics.has_tag(tokens, "variant") && !metrics.has_tag(tokens, "function"));
}

#[test]
fn a_metric_that_is_switched_off_is_told() {
    let name = "mlpipeline.endpoint.oldest_request_age.max";
    let findings = lint(&[object(Kind::Monitor, monitor())], &metrics().without([name.to_owned()]));
    let words: Vec<String> = findings.iter().map(|f| format!("{} {}: {}", f.level, f.place, f.message)).collect();
    assert_eq!(
        words,
        [format!(
            "warning query: `{name}` is switched off by `metrics.disable`, so there is nothing to see; `templates.disable` \
             leaves a template out"
        )]
    );
}

#[test]
fn a_search_of_logs_names_variables_that_there_are() {
    let of = |search: &str| {
        let query = json!({"data_source": "logs_stream", "query_string": search});
        dashboard(json!({"type": "list_stream", "requests": [{"response_format": "event_list", "query": query}]}))
    };
    assert_eq!(of("status:error $pipeline stage:$stage.value"), FINE);
    assert_eq!(
        of("$pipelin"),
        [
            "error widgets[0].definition.requests[0].query.query_string: `$pipelin` is no template variable here; declare it in \
          `template_variables` [tag]"
        ]
    );
}

#[test]
fn counts_are_counted_and_gauges_are_not() {
    let failures = "mlpipeline.endpoint.invocation_failures.sum";
    assert_eq!(
        drawn(&[&format!("avg:{failures}{{*}}.as_count()")]),
        [format!(
            "error widgets[0].definition.requests[0].q: `{failures}` is a count; write `sum:{failures}` [metric-type]"
        )]
    );
    assert_eq!(
        drawn(&[&format!("sum:{failures}{{*}}")]),
        [format!(
            "error widgets[0].definition.requests[0].q: `{failures}` is a count; write `.as_count()` after it [metric-type]"
        )]
    );
    for fine in ["as_rate()", "rollup(sum, 60)"] {
        assert_eq!(drawn(&[&format!("sum:{failures}{{*}}.{fine}")]), FINE);
    }
    assert_eq!(
        drawn(&["sum:ddsync.coverage{*}.as_count()"]),
        [
            "error widgets[0].definition.requests[0].q: `ddsync.coverage` is a gauge; take `.as_count()` or `.as_rate()` away \
          [metric-type]"
        ]
    );
    let folded = changed("/options/evaluation_delay", json!(480));
    assert_eq!(folded, FINE);
    assert!(query(&format!("sum:{failures}{{*}} by {{stage}}.as_count()")).contains(
        &"error query: `.as_count()` is evaluated over the whole window; write `sum(last_..)` in front of it [metric-type]"
            .to_owned()
    ));
}

#[test]
fn metrics_have_the_tags() {
    let lag = "mlpipeline.pipeline.lag";
    let has = "it has: aws_account, company, env, environment, pipeline, region, team";
    let place = "error widgets[0].definition.requests[0].q";
    for part in ["{stage:a}", "{!stage:a}", "{$stage}", "{*} by {stage}"] {
        assert_eq!(
            drawn(&[&format!("max:{lag}{part}")]),
            [format!("{place}: `{lag}` has no tag `stage`; {has} [tag]")],
            "{part}"
        );
    }
    assert_eq!(
        drawn(&[&format!("max:{lag}{{$team}}")]),
        [format!("{place}: `$team` is no template variable here; declare it in `template_variables` [tag]")]
    );
    assert_eq!(drawn(&[&format!("max:{lag}{{company:acme,environment:$pipeline.value}}")]), FINE);
    for (name, key) in [
        ("function.throttles.sum", "function"),
        ("stream.incoming_bytes.sum", "stream"),
        ("endpoint.expired_requests.sum", "variant"),
        ("textract.throttled.sum", "shared_by"),
    ] {
        assert_eq!(drawn(&[&format!("sum:mlpipeline.{name}{{*}} by {{{key}}}.as_count()")]), FINE);
    }
    assert_eq!(drawn(&["max:mlpipeline.endpoint.backlog.max{*} by {variant}"]).len(), 1);
}

#[test]
fn one_axis_has_one_unit() {
    let seconds = "max:mlpipeline.endpoint.oldest_request_age.max{*}";
    let minutes = "max:mlpipeline.endpoint.stall_minutes{*}";
    let failures = "sum:mlpipeline.endpoint.invocation_failures.sum{*}.as_count()";
    let expired = "sum:mlpipeline.endpoint.expired_requests.sum{*}.as_count()";
    let place = "warning widgets[0].definition";
    assert_eq!(
        drawn(&[seconds, minutes]),
        [format!("{place}: draws minute and second on one axis; make two widgets, or set `on_right_yaxis` [unit]")]
    );
    assert_eq!(drawn(&[failures, expired]), FINE);
    assert_eq!(drawn(&[&format!("100 * {failures} / ({failures} + {expired})"), "max:ddsync.coverage{*}"]), FINE);
    let right = json!([{"q": seconds}, {"q": minutes, "on_right_yaxis": true}]);
    assert_eq!(dashboard(json!({"type": "timeseries", "requests": right})), FINE);
    assert_eq!(dashboard(json!({"type": "toplist", "requests": [{"q": seconds}]})), FINE);
    assert_eq!(
        drawn(&[&format!("{seconds} + {minutes}")]),
        [format!("{place}.requests[0].q: adds second and minute; bring them to one unit [unit]")]
    );
    assert_eq!(drawn(&[&format!("{seconds} / {minutes} * 2")]), FINE);
}

#[test]
fn a_message_names_the_unit_of_the_query() {
    assert_eq!(
        message("{{value}} minutes"),
        ["warning message: `{{value}} minutes`: the query gives second; write that, or convert it [unit]"]
    );
    assert_eq!(message("{{value}} seconds, that is {{value}} too many"), FINE);
    assert_eq!(message("{{eval \"int(value)\"}} s"), FINE);
    assert_eq!(message("{{eval \"int(value)\"}} minutes").len(), 1);
}

#[test]
fn formulas_are_read_with_their_queries() {
    let query = |name: &str, query: &str| json!({"data_source": "metrics", "name": name, "query": query});
    let requests = |formulas: Value| {
        let queries = [
            query("age", "max:mlpipeline.endpoint.oldest_request_age.max{*}"),
            query("waiting", "max:mlpipeline.endpoint.backlog.max{*}"),
        ];
        json!({"type": "timeseries", "requests": [{"queries": queries, "formulas": formulas}]})
    };
    let place = "widgets[0].definition.requests[0].formulas[0].formula";
    assert_eq!(dashboard(requests(json!([{"formula": "age"}]))), FINE);
    assert_eq!(
        dashboard(requests(json!([{"formula": "age - waiting"}]))),
        [format!("warning {place}: adds second and things; bring them to one unit [unit]")]
    );
    assert_eq!(dashboard(requests(json!([{"formula": "age"}, {"formula": "waiting"}]))).len(), 1);
    assert_eq!(dashboard(requests(json!([]))).len(), 1, "without formulas all queries are drawn");
    let unknown = dashboard(requests(json!([{"formula": "aeg"}])));
    assert!(matches!(unknown.as_slice(), [one] if one.starts_with(&format!("not checked {place}: "))), "{unknown:?}");
}

#[test]
fn a_widget_shows_something() {
    let place = "error widgets[0].definition";
    for (definition, message) in [
        (json!({"type": "timeseries"}), ": a widget `timeseries` without requests shows nothing; add one"),
        (json!({"type": "query_value", "requests": [{}]}), ".requests[0]: asks for nothing; add `queries` or `q`"),
        (json!({"type": "slo"}), ": a widget `slo` without `slo_id` shows nothing; set it"),
        (
            json!({"type": "manage_status", "query": ""}),
            ": a widget `manage_status` without `query` shows nothing; set it",
        ),
        (json!({"type": "group", "widgets": []}), ": a group without widgets; put some in, or take it away"),
        (
            json!({"type": "toplist", "requests": [{"queries": [{"name": "a", "query": "avg:a{*}"}]}]}),
            ".requests[0].queries[0]: say `data_source: metrics`",
        ),
        (
            json!({"type": "group", "widgets": [{"definition": {"type": "slo", "title": "a"}}]}),
            ".widgets[0].definition: a widget `slo` without `slo_id` shows nothing; set it",
        ),
    ] {
        assert_eq!(dashboard(definition), [format!("{place}{message} [data-source]")]);
    }
    assert_eq!(dashboard(json!({"type": "note", "content": "a"})), FINE);
}

#[test]
fn an_slo_counts() {
    assert_eq!(
        slo("sum:mlpipeline.endpoint.invocations.sum{*}.as_rate()"),
        ["error query.numerator: an SLO counts; write `mlpipeline.endpoint.invocations.sum.as_count()` [slo-count]"]
    );
    assert_eq!(said(Kind::Slo, json!({"type": "monitor", "monitor_ids": [1]})), FINE);
}

#[test]
fn datadog_takes_the_options() {
    let mut body = monitor();
    let options = json!({
        "new_group_delay": 60, "new_host_delay": 300, "timeout_h": 25, "renotify_statuses": ["alert", "warning", "no data"],
        "renotify_intervall": 60,
    });
    body["options"].as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    insta::assert_snapshot!(said(Kind::Monitor, body).join("\n"), @r#"
    not checked options.renotify_intervall: `renotify_intervall` is an option that is not known [options]
    error options.new_host_delay: excludes `new_group_delay`, and Datadog refuses both; take it away [options]
    error options.timeout_h: is 25, and Datadog takes at most 24 hours; lower it [options]
    error options.renotify_statuses: "warning" is no status; write some of `alert`, `warn`, `no data` [options]
    "#);
    let options =
        json!({"new_group_delay": 60, "new_host_delay": null, "timeout_h": 24, "renotify_statuses": ["warn"]});
    let mut body = monitor();
    body["options"].as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    assert_eq!(said(Kind::Monitor, body), FINE);
}

#[test]
fn an_slo_alert_has_two_windows_and_no_delay() {
    let query = r#"burn_rate("a").over("30d").long_window("1h").short_window("1h") > 3"#;
    let options = json!({"thresholds": {"critical": 3}, "evaluation_delay": 300});
    let body = json!({"query": query, "message": "Runbook: look @slack-docs", "priority": 1, "options": options});
    insta::assert_snapshot!(said(Kind::Monitor, body).join("\n"), @r"
    error query: its short window has to be shorter than the long one; take a twelfth of that [slo-alert]
    warning options.evaluation_delay: does nothing for an alert on an SLO; take it away [evaluation-delay]
    ");
}

#[test]
fn a_widget_has_a_title_and_a_place() {
    let requests = json!([{"q": "max:mlpipeline.endpoint.backlog.max{*}", "display_type": "lines"}]);
    let widget = json!({
        "layout": {"x": 8, "y": 0, "width": 6, "height": 2},
        "definition": {"type": "timeseries", "requests": requests},
    });
    let mut body = json!({"layout_type": "ordered", "widgets": [widget]});
    insta::assert_snapshot!(said(Kind::Dashboard, body.clone()).join("\n"), @r"
    error widgets[0].layout: ends at column 14, and there are 12; make it narrower [display]
    warning widgets[0].definition: a widget `timeseries` without a title; say what it shows [title]
    error widgets[0].definition.requests[0].display_type: there is no `lines`; write one of `area`, `bars`, `line`, `overlay` [display]
    ");
    body["layout_type"] = json!("free");
    body["widgets"][0]["definition"] = json!({"type": "note", "content": "a"});
    assert_eq!(said(Kind::Dashboard, body), FINE);
}

#[test]
fn an_alert_on_an_slo_fits_the_slo() {
    let slo = object(Kind::Slo, json!({"type": "monitor", "thresholds": [{"timeframe": "30d", "target": 90}]}));
    let id = crate::provision::object::reference(Kind::Slo, &slo.identity);
    let of = |over: &str, threshold: f64| {
        let query =
            format!("burn_rate(\"{id}\").over(\"{over}\").long_window(\"1h\").short_window(\"5m\") > {threshold}");
        let options = json!({"thresholds": {"critical": threshold}});
        let body = json!({"query": query, "message": "Runbook: look @slack-docs", "priority": 1, "options": options});
        let identity = Identity::new("alert", Subject::Global);
        let found = lint(&[Desired { kind: Kind::Monitor, identity, body }, slo.clone()], &metrics());
        found.iter().map(|f| format!("{} {}: {} [{}]", f.level, f.place, f.message, f.rule)).collect::<Vec<_>>()
    };
    assert_eq!(of("30d", 10.0), FINE);
    assert_eq!(
        of("30d", 14.4),
        [
            "error query: waits for 14.4, and with a target of 90 % nothing burns faster than 10.0, so Datadog refuses it; \
          set it below that [slo-alert]"
        ]
    );
    assert_eq!(
        of("7d", 2.0),
        ["error query: is over 7d, and its SLO has a target for 30d; take one of those [slo-alert]"]
    );
}

#[test]
fn an_object_stands_once_and_a_key_is_one_template() {
    let note = || object(Kind::Dashboard, json!({"widgets": []}));
    let message = |objects: &[Desired]| lint(objects, &metrics()).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        message(&[note(), note(), note()]),
        ["dashboard key/global: title: stands twice; only one of them can be there: rename or remove a template \
          [duplicate]"]
    );
    let monitor = object(Kind::Monitor, monitor());
    assert_eq!(
        message(&[note(), monitor]),
        ["monitor key/global: name: a dashboard has the template key `key` too; rename one of the files \
          [shared-key]"]
    );
}

/// Never as fine: what is not understood is a finding of its own level.
#[test]
fn what_cannot_be_checked_is_told() {
    let level = |said: Vec<String>| said.iter().filter(|one| one.starts_with("not checked ")).count();
    assert_eq!(level(changed("/query", json!("logs(\"*\").index(\"main\").rollup(\"count\").last(\"5m\") > 1"))), 2);
    assert_eq!(level(drawn(&["nonsense(("])), 1);
    assert_eq!(level(slo("nonsense((")), 1);
    assert_eq!(level(said(Kind::Slo, json!({"type": "time_slice"}))), 1);
    assert_eq!(level(dashboard(json!({"type": "funnel"}))), 1);
    assert_eq!(level(dashboard(json!({"type": "hostmap", "requests": {"fill": {"q": "avg:a{*}"}}}))), 1);
    assert_eq!(level(dashboard(json!({"type": "timeseries", "requests": [{"log_query": {}}]}))), 1);
    let logs = json!([{"queries": [{"data_source": "logs", "name": "a"}], "formulas": [{"formula": "a"}]}]);
    assert_eq!(level(dashboard(json!({"type": "timeseries", "requests": logs}))), 1);
}

#[test]
fn every_rule_has_a_word_of_its_own() {
    let words: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.word()).collect();
    assert_eq!(words.len(), Rule::ALL.len());
    for rule in Rule::ALL {
        assert_eq!(serde_json::to_value(rule).unwrap(), json!(rule.word()));
    }
}
