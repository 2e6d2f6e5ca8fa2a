//! The two monitors that watch us, without which silence would look like health.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use ddsync::sim::{Fault, Rule, company};

use super::{ask, scene};
use crate::process::wait_for;
use crate::scene::Scene;

/// How the groups of coverage in production begin.
const PRODUCTION: &str = "aws_account:data_prod,";

/// The groups of the monitors that watch us, each with its state.
async fn states(scene: &Scene) -> BTreeMap<(&'static str, String), String> {
    let (status, monitors) = ask(scene, "/api/v1/monitor", &[("group_states", "all")]).await;
    assert_eq!(status, 200, "{monitors}");
    let mut found = BTreeMap::new();
    for monitor in monitors.as_array().expect("a list") {
        let name = monitor["name"].as_str().expect("a name");
        let key = if name.starts_with("ddsync has stopped") { "heartbeat" } else { "blind" };
        assert!(key == "heartbeat" || name.starts_with("ddsync is blind"), "{name}");
        for (group, state) in monitor["state"]["groups"].as_object().expect("groups") {
            found.insert((key, group.clone()), state["status"].as_str().expect("a word").to_owned());
        }
    }
    found
}

/// Waits so long in the company's time.
async fn pass(scene: &Scene, minutes: i64) {
    let (clock, end) = (scene.sim.clock(), scene.sim.clock().now() + TimeDelta::minutes(minutes));
    wait_for("the clock stands still", async || clock.now() >= end).await;
}

/// How the heartbeat should be, and coverage in production and in development.
type Wanted = [&'static str; 3];

fn wanted(wanted: Wanted, (key, group): &(&str, String)) -> &'static str {
    match *key {
        "heartbeat" => wanted[0],
        _ if group.starts_with(PRODUCTION) => wanted[1],
        _ => wanted[2],
    }
}

/// Waits until every group is as it should be; until then each is as it was.
async fn turn(scene: &Scene, was: Wanted, becomes: Wanted) {
    let mut last = BTreeMap::new();
    for _minute in 0..40 {
        last = states(scene).await;
        // The heartbeat, and two tiers in two accounts.
        if last.len() == 5 && last.iter().all(|(group, state)| state == wanted(becomes, group)) {
            return;
        }
        let turns = last.iter().all(|(group, state)| [was, becomes].iter().any(|one| state == wanted(*one, group)));
        assert!(turns, "from {was:?} to {becomes:?}, and it is {last:?}");
        pass(scene, 1).await;
    }
    panic!("from {was:?} to {becomes:?}, and in the end it is {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn they_speak_when_we_are_blind_or_gone_and_only_then() {
    let scene = scene(120.0).await;
    let mut daemon = scene.start(&["run"]);
    let only = ["agent-heartbeat", "collection-blind", "fleet"].map(|key| ["--only", key]).concat();
    let screen = scene.run(&[&["apply", "--auto-approve"], &*only].concat()).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    let fine = ["OK", "OK", "OK"];
    turn(&scene, ["No Data"; 3], fine).await;

    let refused = Rule::new("cloudwatch", Fault::AccessDenied).on("GetMetricData");
    scene.sim.faults().add(refused.in_account(company::PRODUCTION));
    let blind = ["OK", "Alert", "OK"];
    turn(&scene, fine, blind).await;
    scene.sim.faults().clear();
    turn(&scene, blind, fine).await;

    daemon.kill().await.expect("the daemon ends");
    // What has no points any more is as it last was: the heartbeat speaks for it.
    let gone = ["No Data", "OK", "OK"];
    turn(&scene, fine, gone).await;
    let mut daemon = scene.start(&["run"]);
    turn(&scene, gone, fine).await;
    daemon.kill().await.expect("the daemon ends");
}
