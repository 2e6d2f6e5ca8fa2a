//! Dashboards, monitors and SLOs in the pretend company: alive where they should be, loud where something is wrong,
//! harmless whatever people tag, and there once whatever happens.

use chrono::{DateTime, TimeDelta, Utc};
use ddsync::provision::object::{Kind, Mark};
use ddsync::sim::ObjectKind;
use serde_json::Value;

use crate::process::wait_for;
use crate::scene::{Scene, Screen};

mod alarms;
mod hostile;
mod killed;
mod queries;

/// Who is told. Every handle is one that the pretend Datadog knows.
const ROUTES: &str = r#"
routes:
  default: {notify: "@slack-ml", page: "@pagerduty-ml"}
  teams: {Docs: {notify: "@slack-docs", page: "@pagerduty-Docs"}}
"#;

/// Input is expected everywhere, so that the monitor of it is made.
const EXPECT_INPUT: &str = "templates: {variables: {\"*\": {expect_input_every_minutes: 30}}}\n";

/// A stage that its file declares and nobody deployed.
const FILE: &str = "
team: Docs
identifier: LeaseAbstraction
data_prod:
  sagemakerPipelines:
    - name: Lease
      models: [{name: signature-finder, async: true, count: 1, dependsOn: {models: [page-split]}}]
";

/// 20 past 8 on a Tuesday morning, Pacific time: the rush hour grows for more than an hour.
fn morning() -> DateTime<Utc> {
    DateTime::from_timestamp(1_788_884_400, 0).expect("an instant")
}

/// The company of `rate` with routes for everybody.
async fn scene(rate: f64) -> Scene {
    let mut scene = Scene::at(morning(), rate).await;
    scene.config.push_str(ROUTES);
    scene.environment.insert("XDG_CACHE_HOME".to_owned(), scene.path("cache").to_string_lossy().into_owned());
    scene
}

/// What Datadog keeps of what we made, with who each is.
fn stored(scene: &Scene) -> Vec<(Kind, Mark, Value)> {
    let kinds =
        [(Kind::Monitor, ObjectKind::Monitor), (Kind::Slo, ObjectKind::Slo), (Kind::Dashboard, ObjectKind::Dashboard)];
    let all = kinds.into_iter().flat_map(|(kind, theirs)| {
        scene.sim.objects(theirs).into_iter().map(move |body| {
            let mark = Mark::read(kind, &body).unwrap_or_else(|| panic!("no mark on {body}"));
            (kind, mark, body)
        })
    });
    all.collect()
}

/// Asks Datadog for something.
async fn ask(scene: &Scene, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
    let address = reqwest::Url::parse_with_params(&format!("{}{path}", scene.sim.datadog_url()), query);
    let client = reqwest::Client::new().get(address.expect("an address"));
    let keys = ["api", "application"].map(|name| format!("dd-{name}-key"));
    let [api, app] = ["DD_API_KEY", "DD_APP_KEY"].map(|name| scene.environment[name].clone());
    let answer = client.header(&keys[0], api).header(&keys[1], app).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn apply(scene: &Scene) -> Screen {
    scene.run(&["apply", "--auto-approve"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_has_points_and_only_what_is_wrong_alerts() {
    let mut scene = scene(120.0).await;
    scene.config.push_str(EXPECT_INPUT);
    std::fs::create_dir_all(scene.path("pipelines")).expect("a folder");
    std::fs::write(scene.path("pipelines/lease.yaml"), FILE).expect("a pipeline file");
    scene.config.push_str("pipelines: {files: [\"pipelines/*.yaml\"]}\n");
    let mut daemon = scene.start(&["run"]);
    let until = |minutes| {
        let (clock, end) = (scene.sim.clock(), morning() + TimeDelta::minutes(minutes));
        async move { wait_for("the clock stands still", async || clock.now() >= end).await }
    };
    until(40).await;
    let applied = apply(&scene).await;
    assert_eq!(applied.code, Some(0), "{}", applied.whole());
    until(62).await;

    let at = scene.sim.clock().now().timestamp();
    let alarms = alarms::wrong(&scene).await;
    // Long windows look further back than this test has run.
    scene.sim.remember(30);
    let queries = queries::dead(&scene, at).await;
    daemon.kill().await.expect("the daemon ends");
    assert!(alarms.is_empty() && queries.is_empty(), "{alarms}\n{queries}");
}
