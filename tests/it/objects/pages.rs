//! `ddsync page test`, with a clock that runs fast.

use std::time::Duration;

use ddsync::sim::{Fault, ObjectKind, Rule};
use serde_json::json;

use crate::scene::Scene;

const DOCS: &str =
    "routes: {default: {notify: \"@slack-ml\"}, teams: {Docs: {page: \"@pagerduty-Docs\", notify: \"@slack-docs\"}}}\n";

async fn quick() -> Scene {
    let mut scene = Scene::at_rate(120.0).await;
    scene.config.push_str(DOCS);
    scene
}

/// Times of day differ from run to run.
fn untimed(text: &str) -> String {
    let line = |line: &str| {
        let timed = line.len() > 8 && line.is_char_boundary(8) && line[..8].chars().filter(|c| *c == ':').count() == 2;
        if timed { format!("HH:MM:SS{}\n", &line[8..]) } else { format!("{line}\n") }
    };
    let text: String = text.lines().map(line).collect();
    let digits = |word: &str| {
        if word.len() > 5 && word.chars().all(|c| c.is_ascii_digit()) { "ID".to_owned() } else { word.to_owned() }
    };
    text.split_inclusive(['\n', ' ']).map(|word| digits(word.trim_end()) + &word[word.trim_end().len()..]).collect()
}

#[tokio::test]
async fn a_route_is_proved() {
    let scene = quick().await;
    let screen = scene.run(&["page", "test", "--auto-approve", "--team", "docs"]).await;
    insta::assert_snapshot!("page_test", untimed(&screen.whole()));
    assert_eq!(screen.code, Some(0));
    assert!(scene.sim.objects(ObjectKind::Monitor).is_empty(), "the monitor is gone");
}

#[tokio::test]
async fn what_can_be_wrong_with_a_route() {
    let mut scene = quick().await;
    scene.sim.faults().add(Rule::new("datadog", Fault::Forbidden).on("create_monitor"));
    insta::assert_snapshot!(
        "page_test_forbidden",
        untimed(&scene.run(&["page", "test", "--auto-approve", "--team", "Typo", "--owner", "nobody"]).await.whole())
    );
    scene.change(DOCS, "routes: {default: {page: \"@pagerduty-ml\"}}\n");
    insta::assert_snapshot!(
        "page_test_development",
        scene.run(&["page", "test", "--auto-approve", "--environment", "data_dev"]).await.whole()
    );
    scene.change("routes: {default: {page: \"@pagerduty-ml\"}}\n", "");
    insta::assert_snapshot!(
        "page_test_no_route",
        scene.run(&["page", "test", "--auto-approve", "--team", "docs"]).await.whole()
    );
}

/// A scheduler ends what it has begun with SIGTERM; with SIGKILL the next test tidies up.
#[tokio::test]
async fn a_test_that_is_stopped_leaves_no_monitor_in_alert() {
    let mut scene = Scene::new().await;
    scene.config.push_str(DOCS);
    let run = scene.sim.clock().now().timestamp() - 3600;
    let left = json!({
        "name": "[test]", "type": "query alert", "query": "max(last_1m):max:ddsync.page_test{*} >= 1", "message": "@slack-docs",
        "tags": [format!("ddsync_page_test:main-{run}-1"), "route:teams.docs"], "options": {"thresholds": {"critical": 1}},
    });
    let left = scene.sim.create_by_hand(ObjectKind::Monitor, left).expect("it is made");
    // The pretend Datadog alerts at once; this keeps the test waiting for it.
    scene.sim.faults().add(Rule::new("datadog", Fault::Slow(20_000)).on("get_monitor"));
    let mut test = scene.start_heard(&["page", "test", "--auto-approve", "--team", "docs"]);
    let process = test.id().expect("it runs").to_string();
    let ids = || scene.sim.objects(ObjectKind::Monitor).iter().map(super::id).collect::<Vec<_>>();
    while ids().is_empty() || ids().contains(&left) {
        assert!(test.try_wait().expect("it is known").is_none(), "it has ended with {:?}", ids());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let killed = tokio::process::Command::new("kill").args(["-TERM", &process]).status().await.expect("kill runs");
    assert!(killed.success());
    let screen = scene.screen(&test.wait_with_output().await.expect("it ends"));
    assert_eq!(ids(), [""; 0], "{}", screen.whole());
    let first = screen.stdout.lines().nth(1);
    assert_eq!(first, Some("removed what earlier tests have left: 1"));
    insta::assert_snapshot!("page_test_stopped", screen.complaints());
}
