//! Every query of everything that is shipped has points.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use ddsync::provision::object::{Kind, Mark, Subject};
use ddsync::query::{self, Expr, MonitorQuery};
use serde_json::Value;

use super::{FOLDERS, ask, stored, templates};
use crate::scene::Scene;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Objects whose queries may have no points, and metrics for which that is so: no instance of claim-router has ever run in
/// production, so nothing was processed, timed or divided by.
const SILENT: (&str, &[&str]) = (
    "pipeline/claimtriage/data_prod",
    &[
        "mlpipeline.endpoint.backlog_per_instance.",
        "mlpipeline.endpoint.drain_time",
        "mlpipeline.endpoint.invocations_processed.",
        "mlpipeline.endpoint.model_latency.avg",
        "mlpipeline.endpoint.request_download_latency.",
        "mlpipeline.endpoint.response_upload_latency.",
        "mlpipeline.endpoint.time_in_backlog.",
        "mlpipeline.endpoint.total_processing_time.",
        "mlpipeline.instance.",
    ],
);

/// A state in which no endpoint of the company is: a monitor waits for it.
const NEVER: &str = "status:rollingback";

/// What our events about deployments are found by, on a dashboard with these variables.
const DEPLOYS: &str = "ddsync_event:deploy pipeline:$pipeline.value environment:$environment.value";
const FAILURES: &str = "ddsync_event:failures pipeline:$pipeline.value environment:$environment.value";

/// What lines of a pipeline are found by, likewise.
const LINES: &str = "$pipeline $environment $stage";

/// Whether a query has points between two instants.
async fn has_points(scene: &Scene, expr: &Expr, from: i64, to: i64) -> bool {
    let (from, to, text) = (from.to_string(), to.to_string(), expr.to_string());
    let (status, answer) = ask(scene, "/api/v1/query", &[("from", &from), ("to", &to), ("query", &text)]).await;
    assert_eq!(status, 200, "{text}: {answer}");
    let series = answer["series"].as_array().expect("a list");
    series.iter().any(|one| one["pointlist"].as_array().is_some_and(|points| !points.is_empty()))
}

/// The query, then each metric that it reads by itself: a sum of nothing and something has points too.
fn with_selectors(expr: &Expr) -> impl Iterator<Item = Expr> {
    let alone = expr.selectors().into_iter().cloned().map(Expr::Series);
    std::iter::once(expr.clone()).chain(alone.collect::<Vec<_>>())
}

/// What is asked, in which span, and where it stands.
struct Question {
    place: String,
    expr: Expr,
    from: i64,
    to: i64,
}

/// A line for each query without a point at `now`; nothing when all have some.
pub(super) async fn dead(scene: &Scene, now: i64) -> String {
    let (mut questions, mut words) = (Vec::new(), String::new());
    let all = stored(scene);
    for (kind, mark, body) in &all {
        let place = format!("{kind} {}", mark.identity);
        let before = questions.len();
        match kind {
            Kind::Monitor => of_monitor(body, &place, now, &mut questions),
            Kind::Slo => {
                for part in ["numerator", "denominator"] {
                    let text = body["query"][part].as_str().expect("a query");
                    let expr = query::parse(text).unwrap_or_else(|why| panic!("{place}: {why}: {text}"));
                    questions.push(Question { place: place.clone(), expr, from: now - 30 * DAY, to: now });
                }
            }
            Kind::Dashboard => {
                let variables = variables(body);
                let everything: BTreeMap<String, String> =
                    variables.keys().map(|name| (name.clone(), "*".to_owned())).collect();
                for values in [&variables, &everything] {
                    widgets(&body["widgets"], &place, values, now, &mut questions);
                }
                for widget in flat(&body["widgets"]) {
                    for overlay in widget["definition"]["events"].as_array().into_iter().flatten() {
                        let is_known = [DEPLOYS, FAILURES].contains(&overlay["q"].as_str().unwrap_or_default());
                        assert!(is_known, "{place}: {overlay}");
                    }
                    if !shows_something(&widget["definition"], &mark.identity.subject, &all) {
                        let _ = writeln!(words, "shows nothing: {place}: {widget}");
                    }
                }
            }
        }
        let alert_of_slo = body["type"] == "slo alert";
        assert!(questions.len() > before || alert_of_slo, "{place} asks nothing");
    }
    assert!(questions.len() > 1_000, "only {} queries", questions.len());
    let selectors = questions.iter().flat_map(|question| question.expr.selectors());
    let read: BTreeSet<&str> = selectors.map(|selector| selector.metric.as_str()).collect();
    for metric in named().iter().filter(|metric| !read.contains(metric.as_str())) {
        let _ = writeln!(words, "never asked, although a template has it: {metric}");
    }
    let (mut asked, mut used) = (BTreeSet::new(), BTreeSet::new());
    for Question { place, expr, from, to } in questions {
        for expr in with_selectors(&expr) {
            if !asked.insert((expr.to_string(), from)) || has_points(scene, &expr, from, to).await {
                continue;
            }
            if expr.to_string().contains(NEVER) {
                used.insert(NEVER);
                continue;
            }
            let metric = expr.selectors().first().map(|selector| selector.metric.clone()).unwrap_or_default();
            let silent = SILENT.1.iter().find(|silent| place.contains(SILENT.0) && metric.starts_with(**silent));
            match silent {
                Some(silent) => used.insert(*silent),
                None => writeln!(words, "no points: {place}: {expr}").is_err(),
            };
        }
    }
    assert_eq!(used.len(), SILENT.1.len() + 1, "some of SILENT, or NEVER, has points: {used:?}");
    words
}

/// Every metric whose name stands in a template.
fn named() -> BTreeSet<String> {
    let texts: Vec<String> = FOLDERS.into_iter().flat_map(templates).map(|(_, text)| text).collect();
    let words = texts.iter().flat_map(|text| text.split(|c: char| !(c.is_ascii_alphanumeric() || "._".contains(c))));
    words.filter(|word| word.starts_with("mlpipeline.")).map(str::to_owned).collect()
}

fn of_monitor(body: &Value, place: &str, now: i64, questions: &mut Vec<Question>) {
    let text = body["query"].as_str().expect("a query");
    let query = query::parse_monitor(text).unwrap_or_else(|why| panic!("{place}: {why}: {text}"));
    match query {
        MonitorQuery::Metric { window_seconds, expr, .. } => {
            let window = i64::try_from(window_seconds).expect("seconds");
            let to = now - body["options"]["evaluation_delay"].as_i64().unwrap_or(0);
            questions.push(Question { place: place.to_owned(), expr, from: to - window, to });
        }
        MonitorQuery::BurnRate { .. } | MonitorQuery::ErrorBudget { .. } => {}
        MonitorQuery::Composite(_) => panic!("{place} is made of others"),
    }
}

/// What a dashboard's variables are by default: a pipeline's own values.
pub(super) fn variables(body: &Value) -> BTreeMap<String, String> {
    let all = body["template_variables"].as_array().into_iter().flatten();
    let value = |variable: &Value| {
        let default = variable["defaults"][0].as_str().unwrap_or("*");
        let (name, key) = (variable["name"].as_str()?, variable["prefix"].as_str()?);
        let value = if default == "*" { "*".to_owned() } else { format!("{key}:{default}") };
        Some((name.to_owned(), value))
    };
    all.filter_map(value).collect()
}

/// Widgets, and those within them.
fn flat(list: &Value) -> Vec<&Value> {
    let widgets = list.as_array().into_iter().flatten();
    widgets.flat_map(|widget| std::iter::once(widget).chain(flat(&widget["definition"]["widgets"]))).collect()
}

/// Whether a widget refers to something that there is, and that is about the same; queries are asked elsewhere.
fn shows_something(definition: &Value, about: &Subject, all: &[(Kind, Mark, Value)]) -> bool {
    let of_kind = |wanted| all.iter().filter(move |(kind, ..)| *kind == wanted);
    match definition["type"].as_str() {
        Some("group") => definition["widgets"].as_array().is_some_and(|inner| !inner.is_empty()),
        Some("slo") => {
            let mut slos = of_kind(Kind::Slo).filter(|(.., slo)| slo["id"] == definition["slo_id"]);
            slos.next().is_some_and(|(_, mark, _)| mark.identity.subject == *about)
        }
        Some("manage_status") => {
            // `tag:("pipeline:lease" AND "environment:data_prod")`
            let query = definition["query"].as_str().expect("a query");
            let tags: Vec<&str> = query.split('"').skip(1).step_by(2).collect();
            let spelled = tags.iter().map(|tag| format!("\"{tag}\"")).collect::<Vec<_>>().join(" AND ");
            assert!([format!("tag:({spelled})"), format!("tag:{spelled}")].contains(&query.to_owned()), "{query}");
            let has_all = |monitor: &Value| {
                let own = monitor["tags"].as_array().into_iter().flatten();
                let own: Vec<&str> = own.filter_map(Value::as_str).collect();
                tags.iter().all(|tag| own.contains(tag))
            };
            of_kind(Kind::Monitor).any(|(.., monitor)| has_all(monitor))
        }
        Some("note") => definition["content"].as_str().is_some_and(|text| text.len() > 100),
        Some("event_stream") => [DEPLOYS, FAILURES].contains(&definition["query"].as_str().unwrap_or_default()),
        _ => definition["requests"].as_array().is_some_and(|requests| !requests.is_empty()),
    }
}

/// Every query of every widget, and every formula over them.
fn widgets(list: &Value, place: &str, values: &BTreeMap<String, String>, now: i64, questions: &mut Vec<Question>) {
    for widget in list.as_array().into_iter().flatten() {
        let definition = &widget["definition"];
        let title = definition["title"].as_str().unwrap_or_default();
        let place = format!("{place} / {title}");
        widgets(&definition["widgets"], &place, values, now, questions);
        for request in definition["requests"].as_array().into_iter().flatten() {
            if definition["type"] == "list_stream" {
                let query = &request["query"];
                assert_eq!(query["data_source"], "logs_stream", "{place}");
                assert!(query["query_string"].as_str().is_some_and(|text| text.ends_with(LINES)), "{place}: {query}");
                continue;
            }
            let mut named = BTreeMap::new();
            for one in request["queries"].as_array().into_iter().flatten() {
                assert_eq!(one["data_source"], "metrics", "{place}");
                let (name, text) = (&one["name"], one["query"].as_str().expect("a query"));
                named.insert(name.as_str().expect("a name"), text);
            }
            assert!(!named.is_empty(), "{place} has a request without a query");
            let formulas = request["formulas"].as_array().into_iter().flatten();
            let formulas = formulas.map(|one| filled(one["formula"].as_str().expect("a formula"), &named));
            for text in named.values().map(|text| (*text).to_owned()).chain(formulas.collect::<Vec<_>>()) {
                let text = with_values(text, values);
                let expr = query::parse(&text).unwrap_or_else(|why| panic!("{place}: {why}: {text}"));
                questions.push(Question { place: place.clone(), expr, from: now - HOUR, to: now });
            }
        }
    }
}

/// A query with what its variables stand for in their places, as Datadog puts it there; `$name.value` is the part after
/// the colon.
pub(super) fn with_values(text: String, values: &BTreeMap<String, String>) -> String {
    // One name may be the beginning of another, which then comes after it.
    values.iter().rev().fold(text, |text, (name, tag)| {
        let value = tag.split_once(':').map_or(tag.as_str(), |(_, value)| value);
        text.replace(&format!("${name}.value"), value).replace(&format!("${name}"), tag)
    })
}

/// A formula with the queries in the place of their names.
fn filled(formula: &str, named: &BTreeMap<&str, &str>) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in formula.chars().chain([' ']) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
        } else {
            out.push_str(named.get(word.as_str()).unwrap_or(&word.as_str()));
            out.push(c);
            word.clear();
        }
    }
    out.trim_end().to_owned()
}
