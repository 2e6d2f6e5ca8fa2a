//! What goes wrong with logs costs only itself, and says what to change.

use ddsync::sim::Logs;
use ddsync::source::logs::following::{Checkpoint, Following};

use super::*;
use crate::process::{Place, wait_for};
use crate::scene::{NO_LOGS, Scene};

const PASS: [&str; 3] = ["once", "--only", "logs"];

async fn scene() -> Scene {
    let mut scene = Scene::new().await;
    scene.change(NO_LOGS, "logs: {requests_per_second: 1000}\n");
    scene.change("log: {level: error, format: human}", "log: {level: warn, format: human}");
    scene
}

/// Groups of which something has come.
fn groups(logs: &Logs) -> BTreeSet<String> {
    logs.lines.iter().map(|line| line.item["aws"]["awslogs"]["logGroup"].to_string()).collect()
}

#[tokio::test]
async fn a_group_that_is_deleted_or_denied_costs_only_itself() {
    let scene = scene().await;
    let rule = |fault| Rule::new("logs", fault).on("FilterLogEvents").at_most(1);
    scene.sim.faults().set(vec![rule(Fault::NotFound)]);
    let gone = scene.run(&PASS).await;
    assert_eq!((gone.code, gone.stderr.as_str()), (Some(0), ""), "{}", gone.whole());
    let without = groups(&scene.sim.logs()).len();
    assert!(without > 8, "{without}");

    let scene = self::scene().await;
    scene.sim.faults().set(vec![rule(Fault::AccessDenied)]);
    let denied = scene.run(&PASS).await;
    assert_eq!(denied.code, Some(0), "{}", denied.whole());
    assert!(
        denied.stderr.contains("allow logs:FilterLogEvents") && denied.stderr.contains("log group /aws/"),
        "{}",
        denied.stderr
    );
    assert_eq!(groups(&scene.sim.logs()).len(), without);
}

#[tokio::test]
async fn a_group_that_is_not_answered_for_costs_only_itself() {
    let all = scene().await;
    assert_eq!(all.run(&PASS).await.code, Some(0));
    let all = groups(&all.sim.logs());
    let scene = scene().await;
    // One look: what is not answered is asked twice.
    let rule = Rule::new("logs", Fault::ServerError(503)).on("FilterLogEvents").in_account(PRODUCTION).at_most(2);
    scene.sim.faults().set(vec![rule]);
    let screen = scene.run(&PASS).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    assert!(screen.stderr.contains("log group /aws/"), "{}", screen.stderr);
    assert_eq!(scene.sim.faults().fired(), 2);
    // It may have had another turn.
    assert!(groups(&scene.sim.logs()).len() >= all.len() - 1);
}

/// Most endpoints that nobody has invoked have no group.
#[tokio::test]
async fn many_groups_that_do_not_exist_do_not_hold_up_what_others_say() {
    let sim = Sim::start(Options { clock: SimClock::scaled(morning(), 60.0), ..Options::default() }).await;
    let sim = sim.expect("the pretend company starts");
    let settings = settings(&sim.config_yaml("unused"), sim.environment());
    let clock = Clock::parse(&sim.clock().to_env()).expect("a clock");
    let aws = client(&sim.aws_url(), &format!("ASIASIM0{PRODUCTION}"), &settings, clock).await;
    let mut following = Following::new(&settings.logs, Checkpoint::default()).expect("patterns");
    let now = || clock.now().timestamp_millis();
    let names = (0..400).map(|number| format!("/aws/lambda/nobody-{number}"));
    following.follow(names.map(|name| super::moto::group(&name)).collect(), now());
    let collected = following.collect(&aws, now).await;
    assert!((1..=3).contains(&collected.looks), "{} looks in one go", collected.looks);
    assert!(collected.pages == 0 && collected.failed.is_none() && collected.remarks.is_empty());
    sim.stop().await;
}

#[tokio::test]
async fn an_account_that_may_not_be_read_leaves_the_other_alone_and_is_told_shortly() {
    let scene = scene().await;
    let rule = Rule::new("logs", Fault::AccessDenied).in_account(PRODUCTION);
    scene.sim.faults().set(vec![rule]);
    let screen = scene.run(&PASS).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    assert!(!groups(&scene.sim.logs()).is_empty());
    let told = screen.stderr.lines().filter(|line| line.contains("FilterLogEvents")).count();
    assert!((1..=5).contains(&told), "{}", screen.stderr);
    assert!(screen.stderr.contains("the same is true of "), "{}", screen.stderr);
}

#[tokio::test]
async fn a_datadog_that_is_busy_is_waited_for_and_one_that_is_down_loses_nothing() {
    let mut scene = scene().await;
    // What is down is waited for no longer than that.
    scene.change("datadog: {", "datadog: {deadline: 3s, ");
    scene.sim.faults().set(vec![Rule::new("datadog", Fault::ServerError(503)).on("logs")]);
    let before = scene.run(&PASS).await;
    assert_eq!(before.code, Some(1), "{}", before.whole());
    assert!(scene.sim.logs().lines.is_empty());
    scene.sim.faults().clear();
    let after = scene.run(&PASS).await;
    assert_eq!(after.code, Some(0), "{}", after.whole());
    let lines = scene.sim.logs().lines;
    let ids: BTreeSet<&str> = lines.iter().map(|line| line.text("event_id")).collect();
    assert!(ids.len() == lines.len() && ids.len() > 300, "{} of {}", ids.len(), lines.len());
}

#[tokio::test]
async fn lines_do_not_wait_for_their_counts() {
    let mut scene = scene().await;
    scene.change("datadog: {", "datadog: {deadline: 3s, ");
    scene.sim.faults().set(vec![Rule::new("datadog", Fault::ServerError(503)).on("series")]);
    let before = scene.run(&PASS).await;
    assert_eq!(before.code, Some(1), "{}", before.whole());
    let all = groups(&scene.sim.logs()).len();
    assert!(all > 8, "lines of {all} groups");
    scene.sim.faults().clear();
    let after = scene.run(&PASS).await;
    assert_eq!(after.code, Some(0), "{}", after.whole());
    let lines = scene.sim.logs().lines;
    let ids: BTreeSet<&str> = lines.iter().map(|line| line.text("event_id")).collect();
    assert_eq!(ids.len(), lines.len());
    let ledger = scene.sim.ledger();
    let counted = ledger.series.iter().filter(|(series, _)| series.metric == "mlpipeline.logs.lines");
    let counted: f64 = counted.flat_map(|(_, points)| points.values()).map(|kept| kept.value).sum();
    assert_eq!(counted.to_string(), lines.len().to_string());
}

/// A disk that is full, for one.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_more_is_sent_while_nothing_can_be_saved() {
    let place = Place::open(36, morning(), 20.0, "logs: {requests_per_second: 20}\n").await;
    let mut process = place.start(&[], &[]);
    wait_for("no line has come", async || place.sim.logs().lines.len() > 1_000).await;
    let (state, away) = (place.state().join("logs"), place.state().join("away"));
    std::fs::rename(&state, &away).expect("moved");
    std::fs::write(&state, "no folder").expect("written");
    let sent = async || {
        place.pass(chrono::TimeDelta::minutes(2)).await;
        place.sim.logs().lines.len()
    };
    let before = sent().await;
    assert_eq!(sent().await, before, "{}", process.log());
    std::fs::remove_file(&state).expect("removed");
    std::fs::rename(&away, &state).expect("moved back");
    wait_for("no line comes any more", async || place.sim.logs().lines.len() > before).await;
    process.signal("TERM");
    assert_eq!(process.ends().await, Some(0), "{}", process.log());
    let lines = place.sim.logs().lines;
    let ids: BTreeSet<&str> = lines.iter().map(|line| line.text("event_id")).collect();
    assert_eq!(ids.len(), lines.len(), "a line came twice");
}

#[tokio::test]
async fn bodies_that_are_too_large_for_datadog_or_come_too_often_arrive_all_the_same() {
    let scene = scene().await;
    let rule = |fault, times| Rule::new("datadog", fault).on("logs").at_most(times);
    scene.sim.faults().set(vec![rule(Fault::ServerError(413), 3), rule(Fault::RateLimited, 2)]);
    let screen = scene.run(&PASS).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    assert_eq!(scene.sim.faults().fired(), 5);
    let lines = scene.sim.logs().lines;
    let ids: BTreeSet<&str> = lines.iter().map(|line| line.text("event_id")).collect();
    assert!(ids.len() == lines.len() && ids.len() > 300, "{} of {}", ids.len(), lines.len());
    assert!(screen.stdout.contains(&format!("logs       {} lines of", ids.len())), "{}", screen.stdout);
    assert!(screen.stdout.contains(" 0 lost"), "{}", screen.stdout);
}

/// As if it were run once every few hours.
#[tokio::test]
async fn a_pass_reads_all_that_was_written_since_the_last_one() {
    let scene = scene().await;
    assert_eq!(scene.run(&PASS).await.code, Some(0));
    let before: BTreeSet<String> = ids(&scene.sim.logs());
    set_back(&scene, 3 * HOUR);
    let screen = scene.run(&PASS).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    let after = ids(&scene.sim.logs());
    let now = morning().timestamp_millis();
    let group = "/aws/sagemaker/Endpoints/lease-page-split";
    let wanted = super::following::lines(&scene.sim, PRODUCTION, group, now - 3 * HOUR, now - HOUR);
    assert!(wanted.len() > 100, "{}", wanted.len());
    let missing: Vec<_> = wanted.keys().filter(|id| !after.contains(*id)).collect();
    assert!(missing.is_empty(), "{} of {} are missing", missing.len(), wanted.len());
    assert!(after.is_superset(&before));
}

fn ids(logs: &Logs) -> BTreeSet<String> {
    logs.lines.iter().map(|line| line.text("event_id").to_owned()).collect()
}

#[tokio::test]
async fn a_clock_that_is_off_moves_no_position() {
    let mut scene = scene().await;
    for ahead in [chrono::TimeDelta::hours(20), -chrono::TimeDelta::hours(1)] {
        scene.set_clock_ahead(ahead);
        let wrong = scene.run(&PASS).await;
        assert_eq!(wrong.code, Some(1), "{}", wrong.whole());
        assert!(scene.sim.logs().lines.is_empty() && !scene.path("state/logs").exists(), "{}", wrong.whole());
    }
    scene.set_clock_ahead(chrono::TimeDelta::zero());
    let right = scene.run(&PASS).await;
    assert_eq!(right.code, Some(0), "{}", right.whole());
    assert!(scene.sim.logs().lines.len() > 300);
}

#[tokio::test]
async fn what_lies_too_far_back_is_lost_and_named() {
    let scene = scene().await;
    assert_eq!(scene.run(&PASS).await.code, Some(0));
    set_back(&scene, 20 * HOUR);
    let screen = scene.run(&PASS).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    assert!(screen.stderr.contains("is lost: Datadog takes no line that is older than 18 hours"), "{}", screen.stderr);
    assert_eq!(scene.sim.logs().too_old, 0);
}

/// As if the program had stopped so long ago, in milliseconds.
fn set_back(scene: &Scene, by: i64) {
    let mut changed = 0;
    for file in walk(&scene.path("state/logs")) {
        let mut object: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("a text")).expect("JSON");
        for position in object["data"]["groups"].as_object_mut().expect("groups").values_mut() {
            for key in ["until", "open"] {
                position[key] = json!(position[key].as_i64().expect("an instant") - by);
            }
            changed += 1;
        }
        std::fs::write(&file, object.to_string()).expect("written");
    }
    assert!(changed > 8);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
