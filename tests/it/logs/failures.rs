//! Where failures rise, an event on the pipeline says which requests they were.

use std::sync::LazyLock;

use ddsync::sim::Sim;
use regex::Regex;

use super::*;
use crate::process::{Place, wait_for};
use crate::scene::{NO_LOGS, Scene};

static UUID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("a pattern"));

/// The events about failures, as a search answers them.
pub(super) fn told(sim: &Sim) -> Vec<Value> {
    let is_ours =
        |event: &Value| event["tags"].as_array().is_some_and(|tags| tags.contains(&json!("ddsync_event:failures")));
    let all = sim.events().into_iter().map(|event| event["attributes"].clone());
    all.filter(is_ours).collect()
}

fn tag<'a>(event: &'a Value, key: &str) -> &'a str {
    let tags = event["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    tags.filter_map(|tag| tag.split_once(':')).find(|(own, _)| *own == key).map_or("", |(_, value)| value)
}

/// The stage that an event is about.
fn stage(event: &Value) -> [String; 3] {
    ["pipeline", "environment", "stage"].map(|key| tag(event, key).to_owned())
}

/// The ids of the list in its text.
fn ids(event: &Value) -> BTreeSet<String> {
    let text = event["message"].as_str().unwrap_or_default();
    let items = text.lines().filter_map(|line| line.strip_prefix("- `")?.split_once('`'));
    items.map(|(id, _)| id.to_owned()).collect()
}

/// The inferences of which a group says that they failed, around the minute that an event is about.
fn failed(sim: &Sim, event: &Value) -> BTreeSet<String> {
    let at = event["attributes"]["timestamp"].as_i64().expect("an instant");
    let all = sim.world().resources();
    let name = all.iter().map(|it| it.name.as_str()).find(|name| name.to_lowercase() == tag(event, "endpoint"));
    let name = name.expect("an endpoint");
    let account = if tag(event, "environment") == "data_prod" { PRODUCTION } else { super::following::DEVELOPMENT };
    let group = format!("/aws/sagemaker/Endpoints/{name}");
    let events = sim.world().log_events(account, &group, at - 30_000, at + 90_000);
    let said = events.iter().filter(|event| event.text.contains(" failed"));
    said.filter_map(|event| Some(UUID.find(&event.text)?.as_str().to_owned())).collect()
}

#[tokio::test]
async fn an_event_names_the_inferences_that_failed_and_a_second_pass_tells_nothing_again() {
    let mut scene = Scene::new().await;
    scene.change(NO_LOGS, "logs: {requests_per_second: 1000}\n");
    let recorder = Recorder::start(scene.sim.datadog_url()).await;
    scene.config = scene.config.replace(&scene.sim.datadog_url(), recorder.url());
    let screen = scene.run(&["once"]).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    let first = told(&scene.sim);
    let counts: Value = serde_json::from_slice(&python::agrees(
        "judge_dora.py",
        python::run("judge_dora.py", &[], &[], &recorder.sent()),
    ))
    .expect("JSON");
    assert!(counts["event"].as_u64().is_some_and(|events| events > first.len() as u64), "{counts}");
    assert!(screen.stdout.contains(&format!("{} events about failures", first.len())), "{}", screen.stdout);
    let mut endpoints: Vec<&Value> = first.iter().filter(|event| !tag(event, "endpoint").is_empty()).collect();
    endpoints.sort_by_key(|event| stage(event));
    assert!(endpoints.len() >= 2, "{first:#?}");
    for event in &endpoints {
        let (named, failed) = (ids(event), failed(&scene.sim, event));
        assert!(!named.is_empty() && named == failed, "{failed:?} failed, and it says {event:#}");
        assert_eq!(event["attributes"]["status"], "error");
        assert!(event["message"].as_str().is_some_and(|text| text.contains("in `mlpipeline.endpoint.")), "{event:#}");
        for key in ["team", "model", "aws_account", "region", "error_class"] {
            assert!(!tag(event, key).is_empty(), "{key}: {event:#}");
        }
    }
    let stages: BTreeSet<_> = first.iter().map(stage).collect();
    assert_eq!(stages.len(), first.len(), "a stage is told of once: {first:#?}");
    let again = scene.run(&["once"]).await;
    assert_eq!(again.code, Some(0), "{}", again.whole());
    let both: Vec<_> = told(&scene.sim).iter().map(stage).collect();
    assert_eq!(both.iter().collect::<BTreeSet<_>>().len(), both.len(), "a stage was told of again");
    insta::assert_snapshot!(endpoints[0]["message"].as_str().unwrap_or_default());
}

/// Restarts see the same failures again, and a day has more of them than anybody wants to be told of.
#[tokio::test(flavor = "multi_thread")]
async fn a_stage_is_told_of_once_an_hour_through_kills() {
    const HOURS: i64 = 2;
    let more = "logs: {requests_per_second: 3}\nlog: {level: warn}\n";
    let place = Place::open(7, morning(), 60.0, more).await;
    let began = place.sim.clock().now();
    let mut process = place.start(&[], &[]);
    for _ in 0..4 {
        place.pass(chrono::TimeDelta::minutes(HOURS * 60 / 4)).await;
        assert!(process.runs(), "it ended by itself:\n{}", process.log());
        process.kill();
        process = place.start(&[], &[]);
    }
    wait_for("it works again", async || place.sim.clock().now() - began > chrono::TimeDelta::minutes(HOURS * 60 + 3))
        .await;
    process.signal("TERM");
    assert_eq!(process.ends().await, Some(0), "{}", process.log());
    let mut counted: BTreeMap<[String; 3], usize> = BTreeMap::new();
    for event in told(&place.sim) {
        *counted.entry(stage(&event)).or_default() += 1;
    }
    assert!(counted.len() >= 4, "{counted:?}");
    assert!(counted.values().any(|times| *times > 1), "nobody was told of again after an hour: {counted:?}");
    assert!(counted.values().all(|times| *times <= 3), "{counted:?}");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_and_an_event_that_is_refused_cost_nothing_else() {
    let mut scene = Scene::new().await;
    scene.change(NO_LOGS, "logs: {requests_per_second: 1000}\n");
    scene.change("log: {level: error, format: human}", "log: {level: warn, format: human}");
    scene.sim.faults().set(vec![
        Rule::new("logs", Fault::AccessDenied).on("FilterLogEvents").at_most(1),
        Rule::new("datadog", Fault::ServerError(503)).on("post_event"),
    ]);
    let screen = scene.run(&["once"]).await;
    // What deployments are told by is refused too.
    assert!(!screen.stderr.contains("error: logs"), "{}", screen.whole());
    assert!(screen.stderr.contains("datadog did not take an event about requests that failed"), "{}", screen.stderr);
    assert!(scene.sim.logs().lines.len() > 300);
    assert!(told(&scene.sim).is_empty());
}
