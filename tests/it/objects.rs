//! What a person sees of dashboards, monitors and SLOs: plan, apply, destroy, restore, import, validate, render.

mod failures;
mod files;
mod outcomes;
mod pages;
mod screens;

use ddsync::sim::ObjectKind;
use serde_json::{Value, json};

use crate::scene::{Scene, Screen};

/// Routes for everybody, so that nothing is said about them.
const ROUTES: &str = "routes: {default: {notify: \"@slack-ml\", page: \"@pagerduty-ml\"}}\n";

/// A company with routes. `grace` is none, so that what has vanished may be pruned at once.
async fn routed() -> Scene {
    let mut scene = Scene::new().await;
    scene.config.push_str(ROUTES);
    scene.config.push_str("provision: {grace: 0s}\n");
    scene
}

/// The same, with templates of one's own, of which there are none yet.
async fn with_templates() -> Scene {
    let mut scene = routed().await;
    scene.config.push_str("templates: {dir: ./templates}\n");
    std::fs::create_dir(scene.path("templates")).expect("a folder");
    scene
}

/// Writes a template, by its path in the folder.
fn write_template(scene: &Scene, file: &str, text: &str) {
    let path = scene.path("templates").join(file);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("it is written");
}

/// One pipeline of one environment.
const LEASE: [&str; 4] = ["--pipeline", "lease", "--environment", "data_prod"];

/// A few objects of every kind of it.
const FEW: [&str; 12] = [
    "--pipeline",
    "lease",
    "--environment",
    "data_prod",
    "--only",
    "failure-ratio",
    "--only",
    "success",
    "--only",
    "slo-burn-fast",
    "--only",
    "pipeline",
];

/// A command line out of its parts.
fn line<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
    parts.concat()
}

/// Applies what the filters say, which has to work.
async fn applied(scene: &Scene, filters: &[&str]) -> Screen {
    let screen = scene.run(&line(&[&["apply", "--auto-approve"], filters])).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    screen
}

/// Plans what the filters say, of which nothing may be left to do.
async fn settled(scene: &Scene, filters: &[&str]) -> Screen {
    let screen = scene.run(&line(&[&["plan", "--detailed-exitcode"], filters])).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    screen
}

/// The object of that kind whose title begins so.
fn object(scene: &Scene, kind: ObjectKind, title: &str) -> Value {
    let key = if kind == ObjectKind::Dashboard { "title" } else { "name" };
    let all = scene.sim.objects(kind);
    let found = all.iter().find(|object| object[key].as_str().is_some_and(|text| text.starts_with(title)));
    found.unwrap_or_else(|| panic!("{title} is not among {} objects", all.len())).clone()
}

fn id(object: &Value) -> String {
    object["id"].as_str().map_or_else(|| object["id"].to_string(), str::to_owned)
}

/// A person changes an object in Datadog.
fn edit(scene: &Scene, kind: ObjectKind, title: &str, pointer: &str, value: Value) {
    let id = id(&object(scene, kind, title));
    assert!(scene.sim.edit_by_hand(kind, &id, pointer, value), "{title} {pointer}");
}

/// A monitor that a person made.
fn by_hand() -> Value {
    json!({
        "name": "Errors of the front door",
        "type": "query alert",
        "query": "sum(last_5m):sum:aws.sagemaker.errors{pipeline:lease}.as_count() > 5",
        "message": "{{#is_alert}}Something is wrong.{{/is_alert}} @slack-ml",
        "tags": ["team:docs"],
        "options": {"thresholds": {"critical": 5}, "include_tags": true},
    })
}

/// Text with the ids that Datadog gives replaced: in which order objects are made differs from run to run.
fn steady(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let places = ["/monitors/", "/dashboard/", "slo_id=", "monitor ", "dashboard ", "slo ", "["];
    while let Some((at, place)) = places.iter().filter_map(|place| Some((rest.find(place)?, place))).min() {
        let (before, after) = rest.split_at(at + place.len());
        out.push_str(before);
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(after.len());
        let word = &after[..end];
        let dashed: Vec<usize> = word.split('-').map(str::len).collect();
        let is_id =
            word.len() >= 6 && word.chars().any(|c| c.is_ascii_digit()) && !word.contains('-') || dashed == [3, 3, 3];
        out.push_str(if is_id { "ID" } else { word });
        rest = &after[end..];
    }
    instants_hidden(&(out + rest))
}

/// Instants in Unix seconds, which differ by how long the test took.
fn instants_hidden(text: &str) -> String {
    let number = |word: &str| word.len() == 10 && word.chars().all(|c| c.is_ascii_digit());
    text.split_inclusive([' ', '\n'])
        .map(|part| if number(part.trim_end()) { part.replace(part.trim_end(), "SECONDS") } else { part.to_owned() })
        .collect()
}

/// The whole screen, as a snapshot keeps it.
fn seen(screen: &Screen) -> String {
    steady(&screen.whole())
}
