//! Dashboards, monitors and SLOs in the pretend company: alive where they should be, loud where something is wrong,
//! harmless whatever people tag, and there once whatever happens.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use ddsync::provision::object::{Identity, Kind, Mark};
use ddsync::sim::ObjectKind;
use serde_json::Value;

use crate::process::wait_for;
use crate::program;
use crate::scene::{NO_LOGS, Scene, Screen};

mod alarms;
mod deploys;
mod firing;
mod hostile;
mod killed;
mod logs;
mod messages;
mod ourselves;
mod queries;

/// Who is told. Every handle is one that the pretend Datadog knows.
const ROUTES: &str = r#"
routes:
  default: {notify: "@slack-ml", page: "@pagerduty-ml"}
  teams: {Docs: {notify: "@slack-docs", page: "@pagerduty-Docs"}}
"#;

/// Input is expected everywhere, so that the monitor of it is made.
const EXPECT_INPUT: &str = "templates: {variables: {\"*\": {expect_input_every_minutes: 30}}}\n";

/// 20 past 8 on a Tuesday morning, Pacific time: the rush hour grows for more than an hour.
fn morning() -> DateTime<Utc> {
    DateTime::from_timestamp(1_788_884_400, 0).expect("an instant")
}

/// The text of every template of a folder that we ship, by its key.
fn templates(folder: &str) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(program::root().join(folder)).expect("a folder");
    let paths = files.map(|file| file.expect("a file").path()).filter(|path| path.is_file());
    let key = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    paths.map(|path| (key(&path), std::fs::read_to_string(&path).expect("a text"))).collect()
}

/// The folders of templates.
const FOLDERS: [&str; 3] = ["dashboards", "monitors", "monitors/slos"];

/// The company of `rate` with routes for everybody.
async fn scene(rate: f64) -> Scene {
    let mut scene = Scene::at(morning(), rate).await;
    scene.config = scene.config.replace(NO_LOGS, logs::AT_THE_START);
    scene.config.push_str(ROUTES);
    scene.environment.insert("XDG_CACHE_HOME".to_owned(), scene.path("cache").to_string_lossy().into_owned());
    scene
}

/// The same, with everything that makes us make every object there is.
async fn whole(rate: f64) -> Scene {
    let mut scene = scene(rate).await;
    scene.config.push_str(EXPECT_INPUT);
    scene.declare();
    scene
}

/// What Datadog keeps, with who each is, if it is ours.
fn kept(scene: &Scene) -> Vec<(Kind, Option<Mark>, Value)> {
    let kinds =
        [(Kind::Monitor, ObjectKind::Monitor), (Kind::Slo, ObjectKind::Slo), (Kind::Dashboard, ObjectKind::Dashboard)];
    let all = kinds.into_iter().flat_map(|(kind, theirs)| {
        scene.sim.objects(theirs).into_iter().map(move |body| (kind, Mark::read(kind, &body), body))
    });
    all.collect()
}

/// The same where nobody else has made anything.
fn stored(scene: &Scene) -> Vec<(Kind, Mark, Value)> {
    let marked = |(kind, mark, body): (Kind, Option<Mark>, Value)| match mark {
        Some(mark) => (kind, mark, body),
        None => panic!("no mark on {body}"),
    };
    kept(scene).into_iter().map(marked).collect()
}

/// How often each object of ours is there.
pub(crate) fn census(scene: &Scene) -> BTreeMap<(Kind, Identity), usize> {
    let mut census = BTreeMap::new();
    for (kind, mark, _) in kept(scene) {
        if let Some(mark) = mark {
            *census.entry((kind, mark.identity)).or_default() += 1;
        }
    }
    census
}

/// Connections to Datadog are kept.
static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);

/// Asks Datadog for something.
async fn ask(scene: &Scene, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
    let address = reqwest::Url::parse_with_params(&format!("{}{path}", scene.sim.datadog_url()), query);
    answer(scene, CLIENT.get(address.expect("an address"))).await
}

/// Sends series to Datadog, which has to take them.
async fn send(scene: &Scene, series: &Value) {
    let request = CLIENT.post(format!("{}/api/v2/series", scene.sim.datadog_url())).json(series);
    let (status, said) = answer(scene, request).await;
    assert_eq!(status, 202, "{said}");
}

/// The answer to a request with our keys.
async fn answer(scene: &Scene, request: reqwest::RequestBuilder) -> (u16, Value) {
    let keys = ["api", "application"].map(|name| format!("dd-{name}-key"));
    let [api, app] = ["DD_API_KEY", "DD_APP_KEY"].map(|name| scene.environment[name].clone());
    let answer = request.header(&keys[0], api).header(&keys[1], app).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn apply(scene: &Scene) -> Screen {
    scene.run(&["apply", "--auto-approve"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_has_points_and_only_what_is_wrong_alerts() {
    let scene = whole(120.0).await;
    let mut daemon = scene.start(&["run"]);
    let until = |minutes| {
        let (clock, end) = (scene.sim.clock(), morning() + TimeDelta::minutes(minutes));
        async move { wait_for("the clock stands still", async || clock.now() >= end).await }
    };
    until(40).await;
    let applied = apply(&scene).await;
    assert_eq!(applied.code, Some(0), "{}", applied.whole());
    until(62).await;

    deploys::send(&scene).await;
    logs::send(&scene).await;
    let at = scene.sim.clock().now().timestamp();
    let alarms = alarms::wrong(&scene).await;
    // Long windows look further back than this test has run.
    scene.sim.remember(30);
    let queries = queries::dead(&scene, at).await;
    daemon.kill().await.expect("the daemon ends");
    assert!(alarms.is_empty() && queries.is_empty(), "{alarms}\n{queries}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_monitor_speaks_past_its_threshold_and_not_before() {
    let scene = whole(60.0).await;
    let applied = apply(&scene).await;
    assert_eq!(applied.code, Some(0), "{}", applied.whole());
    let wrong = firing::wrong(&scene).await;
    assert!(wrong.is_empty(), "{wrong}");
}
