//! What `estimate` tells of logs: as much as is there, and that it is not known where it may not be asked.

use ddsync::sim::company::{DEVELOPMENT, PRODUCTION};
use ddsync::sim::{Fault, Rule};
use serde_json::Value;

use crate::scene::{NO_LOGS, Scene, morning};

const DAY: i64 = 86_400_000;

/// A company whose logs are followed: all of them, or those of one pipeline.
async fn scene(logs: &str, pipeline: Option<&str>) -> Scene {
    let mut scene = Scene::new().await;
    let pipelines = pipeline.map(|pipeline| format!("pipelines: {{include: [{pipeline}]}}\n")).unwrap_or_default();
    scene.change(NO_LOGS, &format!("logs: {logs}\n{pipelines}"));
    scene
}

fn denied() -> Rule {
    Rule::new("cloudwatch", Fault::AccessDenied).on("GetMetricData")
}

fn requests(scene: &Scene) -> u64 {
    scene.sim.requests().get(&("cloudwatch".to_owned(), "GetMetricData".to_owned())).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs() {
    let scene = scene("{daily_megabytes: 5}", None).await;
    insta::assert_snapshot!("logs", scene.run(&["estimate"]).await.whole());
    assert_eq!(requests(&scene), 2, "one for each account");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_what_is_written() {
    let scene = scene("{}", Some("FaxIntake")).await;
    let group = "/aws/sagemaker/Endpoints/fax-reader";
    let end = morning().timestamp_millis().div_euclid(DAY) * DAY;
    let (mut bytes, mut events) = (0, 0);
    for account in [DEVELOPMENT, PRODUCTION] {
        for event in scene.sim.world().log_events(account, group, end - 7 * DAY, end) {
            (bytes, events) = (bytes + event.text.len() as u64, events + 1);
        }
    }
    let said = scene.run(&["estimate", "--json"]).await;
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    let logs = &said.json()["logs"];
    assert_eq!((&logs["groups"], &logs["silent"], &logs["days"]), (&2.into(), &0.into(), &7.into()));
    // Of a day the pretend CloudWatch counts one minute in thirty.
    for (name, written) in [("bytes_per_day", bytes / 7), ("events_per_month", events * 30 / 7)] {
        let told = logs[name].as_u64().expect("a number");
        assert!(written > 1_000 && told.abs_diff(written) * 20 < written, "{name}: {told}, not {written}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_not_be_asked_is_unknown_and_the_other_is_told() {
    let scene = scene("{}", Some("FaxIntake")).await;
    scene.sim.faults().set(vec![denied().in_account(PRODUCTION)]);
    insta::assert_snapshot!("denied_in_one", scene.run(&["estimate"]).await.whole());
    scene.sim.faults().set(vec![denied()]);
    insta::assert_snapshot!("denied", scene.run(&["estimate"]).await.whole());
    let said = scene.run(&["estimate", "--json"]).await;
    let logs = &said.json()["logs"];
    assert_eq!((&logs["groups"], &logs["unknown"], &logs["events_per_month"]), (&2.into(), &2.into(), &Value::Null));
    assert_eq!(said.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_part_is_asked_again() {
    let scene = scene("{}", Some("FaxIntake")).await;
    let whole = scene.run(&["estimate", "--json"]).await.json();
    for (fault, times) in [(Fault::PartialData, 3), (Fault::InternalError, 3)] {
        let (fired, asked) = (scene.sim.faults().fired(), requests(&scene));
        scene.sim.faults().set(vec![Rule::new("cloudwatch", fault).on("GetMetricData").at_most(times)]);
        assert_eq!(scene.run(&["estimate", "--json"]).await.json(), whole, "{fault:?}");
        // Three of four results: both accounts are asked twice.
        assert_eq!((scene.sim.faults().fired() - fired, requests(&scene) - asked), (times, 4), "{fault:?}");
        scene.sim.faults().clear();
    }
}

#[tokio::test]
async fn logs_that_are_not_followed_or_not_there_are_not_asked_for() {
    let not_followed = Scene::new().await;
    assert_eq!(not_followed.run(&["estimate", "--json"]).await.json()["logs"], Value::Null);
    assert_eq!(requests(&not_followed), 0);
    let imagined = scene("{}", None).await;
    let said = imagined.run(&["estimate", "--endpoints", "3", "--json"]).await;
    assert_eq!((said.code, &said.json()["logs"]), (Some(0), &Value::Null));
    assert!(imagined.sim.requests().is_empty(), "AWS was asked");
}
