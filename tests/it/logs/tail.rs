//! `ddsync logs tail` in the pretend company: one request's way, what may not be read, what goes on.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use ddsync::sim::{Fault, LogEvent, Rule};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;
use crate::scene::{NO_LOGS, Scene};

const MINUTE: i64 = 60_000;
/// Those of the pipeline Lease, in the order in which a request comes to them.
const GROUPS: [&str; 4] = [
    "/aws/lambda/lease-trigger",
    "/aws/sagemaker/Endpoints/lease-page-split",
    "/aws/sagemaker/Endpoints/lease-clause-tagger",
    "/aws/sagemaker/Endpoints/lease-table-reader",
];
const LEASE: [&str; 6] = ["logs", "tail", "--pipeline", "Lease", "--environment", "data_prod"];

/// In the rush hour: earlier the slow stage has nothing to do.
fn rush() -> DateTime<Utc> {
    morning() + TimeDelta::minutes(40)
}

/// A company whose logs are read as fast as it answers, and no key of Datadog.
fn scene(mut scene: Scene, logs: &str) -> Scene {
    scene.change(NO_LOGS, &format!("logs: {{requests_per_second: 1000{logs}}}\n"));
    scene.environment.remove("DD_API_KEY");
    scene
}

fn events(scene: &Scene, group: &str) -> Vec<LogEvent> {
    let now = rush().timestamp_millis();
    scene.sim.world().log_events(PRODUCTION, group, now - 40 * MINUTE, now - 10 * MINUTE)
}

/// The inference id that a text names.
fn inference(text: &str) -> Option<&str> {
    let names = ["inference_id=", "inference_id\":\"", "[sagemaker logs] ["];
    names.iter().find_map(|name| text.split_once(name))?.1.get(..36)
}

/// The inference id of the first request that fails in the last group and has been in all others.
fn failing(scene: &Scene) -> String {
    let [others @ .., last] = GROUPS.map(|group| events(scene, group));
    let others = others.map(|events| -> BTreeSet<String> {
        events.iter().filter_map(|event| inference(&event.text)).map(str::to_owned).collect()
    });
    let failed = last.iter().filter(|event| event.text.contains("failed"));
    let mut ids = failed.filter_map(|event| inference(&event.text));
    ids.find(|id| others.iter().all(|ids| ids.contains(*id))).expect("a request fails in the last stage").to_owned()
}

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    LEASE.iter().chain(more).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_request_is_followed_through_three_stages() {
    // Of this seed a request fails in the last stage that the slow one has taken too.
    let company = Options { seed: 4, clock: SimClock::scaled(rush(), 1.0), ..Options::default() };
    let company = Scene::of(company).await;
    let scene = scene(company, ", redact: {patterns: [\"invoked endpoint [a-z-]+\"]}");
    let id = failing(&scene);
    let since = ["--since", "45m", "--id"];
    let screen = scene.run(&arguments(&[&since[..], &[&id]].concat())).await;
    assert_eq!((screen.code, screen.stderr.as_str()), (Some(0), ""), "{}", screen.whole());
    // With its times, which are the company's.
    let output = scene.start_heard(&arguments(&[&since[..], &[&id]].concat())).wait_with_output().await;
    insta::assert_snapshot!("way", String::from_utf8(output.expect("the program runs").stdout).expect("UTF-8"));
    // The beginning of it, as the screen shows it, is enough.
    let short = scene.run(&arguments(&[&since[..], &[&id[..13]]].concat())).await;
    assert_eq!(short.whole(), screen.whole());
    let json = scene.run(&arguments(&[&since[..], &[&id, "--json"]].concat())).await;
    let mut objects: Vec<Value> =
        json.stdout.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    let way = objects.pop().expect("the way");
    let stages = way["stages"].as_array().expect("stages");
    let names: BTreeSet<&str> = stages.iter().filter_map(|step| step["stage"].as_str()).collect();
    assert_eq!(names, BTreeSet::from(["page-split", "clause-tagger", "table-reader"]));
    let failed: Vec<&Value> = stages.iter().filter(|step| !step["failed"].is_null()).collect();
    assert_eq!((failed.len(), &failed[0]["stage"]), (1, &json!("table-reader")), "{way}");
    // Whatever carries the id is there, and of the function what carries its request's.
    let told: BTreeSet<&str> = objects.iter().filter_map(|line| line["event_id"].as_str()).collect();
    assert_eq!(told.len(), objects.len(), "a line came twice");
    for group in GROUPS {
        for event in events(&scene, group).iter().filter(|event| event.text.contains(&id)) {
            assert!(told.contains(&*event.id), "{group}: {}", event.text);
        }
    }
    let lifecycle = |line: &&Value| line["message"].as_str().is_some_and(|text| text.starts_with("START RequestId: "));
    assert_eq!(objects.iter().filter(lifecycle).count(), 1);
    assert!(!scene.sim.requests().keys().any(|(service, _)| service == "datadog"), "Datadog was asked");
    assert!(!scene.path("state").exists(), "a state was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_all_stages_come_in_the_order_of_time_and_can_be_chosen() {
    let scene = scene(Scene::new().await, "");
    // Pages are small and some are empty, and one group has been deleted.
    scene.sim.faults().set(vec![
        Rule::new("logs", Fault::NotFound).in_account(PRODUCTION).at_most(1),
        Rule::new("logs", Fault::SmallPages(70)).with_probability(0.5),
        Rule::new("logs", Fault::EmptyPageWithToken).with_probability(0.2),
    ]);
    let lines = async |more: &[&str]| -> Vec<Value> {
        let screen = scene.run(&arguments(&[&["--since", "2h", "--json"], more].concat())).await;
        assert_eq!((screen.code, screen.stderr.as_str()), (Some(0), ""));
        screen.stdout.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
    };
    let without_one: BTreeSet<String> = lines(&[]).await.iter().map(|line| line["log_group"].to_string()).collect();
    assert_eq!(without_one.len(), 3, "{without_one:?}");
    let all = lines(&[]).await;
    let times: Vec<&str> = all.iter().filter_map(|line| line["time"].as_str()).collect();
    assert!(times.is_sorted() && times.len() > 1_000, "{} lines", times.len());
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in &all {
        let (group, id) = (line["log_group"].as_str().expect("a group"), line["event_id"].as_str().expect("an id"));
        assert!(groups.entry(group).or_default().insert(id), "{id} came twice");
    }
    assert_eq!(groups.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from(GROUPS));
    let now = morning().timestamp_millis();
    for group in GROUPS {
        for id in super::following::lines(&scene.sim, PRODUCTION, group, now - 100 * MINUTE, now - 10 * MINUTE).keys() {
            assert!(groups[group].contains(&**id), "{group}: {id}");
        }
    }
    let errors = lines(&["--errors"]).await;
    assert!(!errors.is_empty() && errors.iter().all(|line| line["status"] == "error"));
    assert_eq!(errors.len(), all.iter().filter(|line| line["status"] == "error").count());
    let stage = lines(&["--stage", "Table-Reader"]).await;
    assert!(!stage.is_empty() && stage.iter().all(|line| line["stage"] == "table-reader"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_told() {
    let scene = scene(Scene::new().await, "");
    insta::assert_snapshot!("help", scene.run(&["logs", "tail", "--help"]).await.whole());
    let mut told = String::new();
    for more in [
        &["--pipeline", "Leese"][..],
        &["--pipeline", "Lease", "--environment", "data_prd"],
        &["--pipeline", "Lease", "--stage", "page"],
        &["--pipeline", "Lease", "--since", "8d"],
        &["--pipeline", "Lease", "--id", "x", "--errors"],
        &["--pipeline", "Lease", "--id", "no-such-request"],
        &["--pipeline", "Lease", "--environment", "data_prod", "--since", "1ms", "--errors"],
        &["--pipeline", "FaxIntake", "--environment", "data_prod", "--id", "\u{1b}[2J"],
    ] {
        let screen = scene.run(&[&["logs", "tail"], more].concat()).await;
        assert_eq!(screen.stdout, "", "{more:?}");
        told += &[&*format!("{more:?}"), &screen.complaints(), ""].join("\n");
    }
    insta::assert_snapshot!("told", told);
    // One group may not be read, and the others are shown.
    scene.sim.faults().set(vec![Rule::new("logs", Fault::AccessDenied).in_account(PRODUCTION).at_most(1)]);
    let screen = scene.run(&arguments(&["--json"])).await;
    insta::assert_snapshot!("denied", screen.complaints());
    let groups: BTreeSet<&str> = GROUPS.into_iter().filter(|group| screen.stdout.contains(group)).collect();
    assert_eq!(groups, BTreeSet::from([GROUPS[1], GROUPS[2], GROUPS[3]]));
    // What nobody could see is no word that is wrong.
    scene.sim.faults().set(vec![Rule::new("tagging", Fault::AccessDenied)]);
    let screen = scene.run(&arguments(&[])).await;
    assert_eq!(screen.code, Some(1), "{}", screen.whole());
    assert!(screen.stderr.contains("; not everything could be seen, as told above"), "{}", screen.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_followed_goes_on_until_it_is_interrupted() {
    let scene = scene(Scene::at_rate(60.0).await, "");
    let mut following = scene.start_heard(&arguments(&["--since", "10m", "--follow", "--json"]));
    let mut lines = BufReader::new(following.stdout.take().expect("its output")).lines();
    let until = morning() + TimeDelta::minutes(12);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    // It shows what was written long after it was started.
    loop {
        let line = lines.next_line().await.expect("a line").expect("it has not ended");
        let line: Value = serde_json::from_str(&line).expect("one object a line");
        assert!(seen.insert(format!("{}{}", line["log_group"], line["event_id"])), "{line} came twice");
        let at: DateTime<Utc> = line["time"].as_str().expect("a time").parse().expect("an instant");
        if at > until {
            break;
        }
    }
    let pid = following.id().expect("it runs").to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
    while let Some(line) = lines.next_line().await.expect("a line") {
        let line: Value = serde_json::from_str(&line).expect("one object a line");
        assert!(seen.insert(format!("{}{}", line["log_group"], line["event_id"])), "{line} came twice");
    }
    let output = following.wait_with_output().await.expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // Nothing of the time before it was interrupted is missing.
    let (from, to) = (morning().timestamp_millis() - 9 * MINUTE, until.timestamp_millis() - 6 * MINUTE);
    for group in GROUPS {
        for id in super::following::lines(&scene.sim, PRODUCTION, group, from, to).keys() {
            assert!(seen.contains(&format!("\"{group}\"\"{id}\"")), "{group}: {id}");
        }
    }
    // Nor does it go on when nobody reads it.
    let mut unheard = scene.start_heard(&arguments(&["--since", "10m", "--follow"]));
    drop(unheard.stdout.take());
    let status = unheard.wait().await.expect("it ends");
    assert_eq!(status.code(), Some(0));
}
