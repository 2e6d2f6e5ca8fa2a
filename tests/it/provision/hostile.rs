//! Whoever may tag can say anything: what Datadog keeps in the end is harmless.

use std::collections::{BTreeMap, BTreeSet};

use ddsync::model::tag::tag;
use ddsync::provision::object::{Kind, Mark, Subject};
use ddsync::query::{self, Expr, Filter, Pattern};
use ddsync::sim::world;
use serde_json::Value;

use super::queries::{variables, with_values};
use super::{FOLDERS, apply, scene, stored, templates};
use crate::scene::Scene;

const CORPUS: &[&str] = &[
    "Docs},*:{} {{#is_alert}} @all,env:prod\n<<x>>|#a:b",
    "<% for x in range(9) %>x<% endfor %>",
    "<< settings.namespace >>",
    "<ref:slo:x/global>",
    "@pagerduty-x",
    "{{/is_alert}} @slack-x {{^is_alert}}",
    "[click](https://evil.example) `x` **y**",
    "$environment",
    "*",
    "a OR b:c",
    "a) OR (pipeline:lease",
    "lease,environment:data_prod",
    "\u{202e}\u{200b}\u{feff}",
    "\" OR \"",
    "\\u0040all",
    "[ddsync namespace=other key=fleet/global digest=0 owned=0/0/0]",
];

/// Everything that a person may say about a resource, but for its environment.
const KEYS: [&str; 7] =
    ["pipeline", "team", "model", "owner", "depends-on", "ddsync:max-age-seconds", "ddsync:zebra\u{202e} @all"];

/// What Datadog adds of its own, where a name has an at sign.
const THEIRS: [&str; 5] = ["creator", "modifier", "author_handle", "author_name", "url"];

fn corpus() -> Vec<String> {
    let long = ["é".repeat(256), "\u{1f4c4}{".repeat(128), "@a ".repeat(85)];
    CORPUS.iter().map(|text| (*text).to_owned()).chain(long).collect()
}

/// Gives everything a text of its own in all of its tags, another one in each `round`.
fn retag(scene: &Scene, corpus: &[String], round: usize) {
    let all = scene.sim.world().resources();
    // An operation of Textract has no tags.
    let tagged = all.iter().filter(|one| one.kind != world::Kind::Operation);
    let names: BTreeSet<&str> = tagged.map(|one| one.name.as_str()).collect();
    for (index, name) in names.into_iter().enumerate() {
        let text = &corpus[(index + round) % corpus.len()];
        // Every other one stays in its environment, so that some are in production.
        for key in KEYS.iter().chain((index % 2 == 1).then_some(&"environment")) {
            assert!(scene.sim.world().retag(name, key, Some(text)), "{name}");
        }
    }
}

/// Every text in an object, but for what Datadog says of itself.
fn texts<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => out.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(fields) => {
            fields.iter().filter(|(key, _)| !THEIRS.contains(&key.as_str())).for_each(|(_, value)| texts(value, out));
        }
        _ => {}
    }
}

/// Datadog's blocks and variables in a text, each up to what it compares a tag with, which is a tag's value.
fn blocks(text: &str, tag_values: &BTreeSet<String>) -> Vec<String> {
    let inner = text.split("{{").skip(1).map(|rest| rest.split_once("}}").map_or(rest, |(inner, _)| inner));
    let block = |inner: &str| match inner.strip_prefix("#is_exact_match ") {
        None => inner.to_owned(),
        Some(compared) => {
            let parts: Vec<&str> = compared.split('"').collect();
            let [_, variable, _, value, ""] = parts.as_slice() else { panic!("{inner:?} compares something else") };
            assert!(value.starts_with("<<") || tag_values.contains(*value), "{value:?} is no value of a tag");
            format!("#is_exact_match {variable}")
        }
    };
    inner.map(block).collect()
}

fn queries(body: &Value, kind: Kind, out: &mut Vec<Expr>) {
    match kind {
        Kind::Monitor => {
            let query = query::parse_monitor(body["query"].as_str().expect("a query")).expect("a query that is one");
            out.extend(query.expr().cloned());
        }
        Kind::Slo => {
            let parts = ["numerator", "denominator"].map(|part| body["query"][part].as_str().expect("a query"));
            out.extend(parts.map(|text| query::parse(text).expect("a query that is one")));
        }
        Kind::Dashboard => match body {
            Value::Array(items) => items.iter().for_each(|item| queries(item, kind, out)),
            // A search of logs, which has nothing of a tag in it.
            Value::Object(fields) if fields.get("data_source").is_some_and(|source| source == "logs_stream") => {
                assert!(fields["query_string"].as_str().expect("a text").ends_with("$pipeline $environment $stage"));
            }
            Value::Object(fields) if fields.get("data_source").is_some() => {
                let text = fields["query"].as_str().expect("a query");
                out.push(query::parse(text).expect("a query that is one"));
            }
            Value::Object(fields) => fields.values().for_each(|value| queries(value, kind, out)),
            _ => {}
        },
    }
}

/// Whether a filter takes one of several.
fn either(filter: &Filter) -> bool {
    match filter {
        Filter::Everything | Filter::Tag { .. } | Filter::Variable(_) => false,
        Filter::Not(inner) => either(inner),
        Filter::And(all) => all.iter().any(either),
        Filter::Or(_) => true,
    }
}

/// The values of tags, as Datadog has them, that this test has given away.
struct Given {
    pipelines: BTreeSet<String>,
    environments: BTreeSet<String>,
    stages: BTreeSet<String>,
}

/// What may stand in a scope, and has to: the object's own pipeline and environment, and stages, each as a tag has it.
fn check_scope(mark: &Mark, expr: &Expr, given: &Given) {
    let Given { pipelines, environments, stages } = given;
    for selector in expr.selectors() {
        let of_pipeline = selector.filter.tags().iter().any(|(key, _)| ["pipeline", "shared_by"].contains(key));
        let global = mark.identity.subject == Subject::Global;
        assert!(of_pipeline != global, "{} looks at every pipeline, or at one: {expr}", mark.identity);
        assert!(!either(&selector.filter), "{} looks at one thing or another: {expr}", mark.identity);
        for (key, Pattern(value)) in selector.filter.tags() {
            let own = match (&mark.identity.subject, key) {
                (Subject::Pipeline { pipeline, .. }, "pipeline" | "shared_by") => value == pipeline,
                (Subject::Pipeline { environment, .. }, "environment") => value == environment,
                // The identity is too long to be written down.
                (Subject::Digest(_), "pipeline" | "shared_by") => pipelines.contains(value),
                (Subject::Digest(_), "environment") => environments.contains(value),
                (Subject::Pipeline { .. } | Subject::Digest(_), "stage") => stages.contains(value),
                (Subject::Pipeline { .. } | Subject::Digest(_), "status") => value == "rollingback",
                (_, "window") => ["7d", "28d", "90d"].contains(&value.as_str()),
                (Subject::Global, "budget") => true,
                _ => false,
            };
            assert!(own, "{} looks at {key}:{value}: {expr}", mark.identity);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_tags_are_harmless_text_in_all_that_datadog_keeps() {
    let scene = scene(1.0).await;
    let corpus = corpus();
    let value = |key: &str, text: &str| tag(key, text).split_off(key.len() + 1);
    let of = |key: &'static str| -> BTreeSet<String> { corpus.iter().map(|text| value(key, text)).collect() };
    let of_company = ["data_dev", "data_prod", "none"].map(str::to_owned);
    let environments = of("environment").into_iter().chain(of_company).collect();
    let given = Given { pipelines: of("pipeline"), environments, stages: of("stage") };
    let names = scene.sim.world().resources();
    let names = names.iter().flat_map(|one| [value("function", &one.name), value("endpoint", &one.name)]);
    let tag_values: BTreeSet<String> = given.stages.iter().cloned().chain(names).collect();
    for round in [0, 5, 11] {
        retag(&scene, &corpus, round);
        let applied = apply(&scene).await;
        assert_eq!(applied.code, Some(0), "{}", applied.whole());
        let said = applied.whole();
        let unseen = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}\u{feff}".contains(c));
        assert!(!said.contains(unseen), "{said:?}");
    }

    let shipped = FOLDERS.into_iter().flat_map(templates);
    let known: BTreeSet<String> = shipped.flat_map(|(_, text)| blocks(&text, &tag_values)).collect();
    assert!(known.contains("#is_alert") && known.contains("#is_exact_match stage.name"), "{known:?}");
    let handles = BTreeSet::from(["@slack-ml", "@pagerduty-ml"]);

    let all = stored(&scene);
    let (mut seen, mut hidden, mut asked) = (BTreeSet::new(), 0, BTreeMap::<Kind, usize>::new());
    for (kind, mark, body) in &all {
        let mut found = Vec::new();
        texts(body, &mut found);
        for text in found {
            for bad in ["<<", ">>", "<%", "%>", "<ref:", "<#"] {
                assert!(!text.contains(bad), "{}: {bad} in {text}", mark.identity);
            }
            // A block of a message ends a word as white space does.
            let ends = |c: char| c.is_whitespace() || "{}".contains(c);
            for word in text.split(ends).filter(|word| word.contains('@')) {
                assert!(handles.contains(word), "{}: {word:?} in {text}", mark.identity);
                seen.insert(word);
            }
            for block in blocks(text, &tag_values) {
                assert!(known.contains(&block), "{}: {{{{{block}}}}} in {text}", mark.identity);
            }
            let unseen = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}\u{feff}".contains(c));
            assert!(!text.contains(unseen), "{}: {text:?}", mark.identity);
        }
        assert_eq!(mark.namespace, "main");
        let mut exprs = Vec::new();
        queries(body, *kind, &mut exprs);
        let may_ask_nothing = *kind == Kind::Dashboard || body["type"] == "slo alert";
        assert!(!exprs.is_empty() || may_ask_nothing, "{} asks nothing", mark.identity);
        *asked.entry(*kind).or_default() += exprs.len();
        // As a dashboard is before anybody has chosen something else.
        let chosen = variables(body);
        for expr in &exprs {
            let asked = query::parse(&with_values(expr.to_string(), &chosen)).expect("a query that is one");
            check_scope(mark, &asked, &given);
        }
        match &mark.identity.subject {
            Subject::Pipeline { pipeline, environment, .. } => {
                assert!(given.pipelines.contains(pipeline), "{}", mark.identity);
                assert!(given.environments.contains(environment), "{}", mark.identity);
            }
            Subject::Digest(_) => hidden += 1,
            other => assert_eq!(*other, Subject::Global),
        }
    }
    assert_eq!(seen, handles, "every route is told, and nobody else");
    assert!(Kind::ALL.iter().all(|kind| asked[kind] > 50), "{asked:?}");
    assert!(all.len() > 400 && hidden > 10, "{} objects, {hidden} of long names", all.len());
}
