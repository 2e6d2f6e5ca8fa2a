//! What a person reads when something is wrong, and that the rest goes on and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use ddsync::sim::{Fault, Rule};

use crate::scene::{Scene, Screen};

const DEV: &str = "aws_account:111122223333";
const PROD: &str = "aws_account:444455556666";
const PROD_ID: &str = "444455556666";

/// Pipelines' points of this account have arrived.
fn assert_measured(scene: &Scene, account: &str) {
    assert!(!scene.stored("mlpipeline.endpoint.backlog", account).is_empty(), "{account} has no points");
}

/// What this program says about itself has arrived, whatever else failed.
fn assert_reported(scene: &Scene) {
    assert!(!scene.stored("ddsync.heartbeat", "").is_empty());
}

/// Minutes of this account that are committed, by tier.
fn committed(scene: &Scene, account: &str) -> BTreeMap<String, i64> {
    let tiers = ["hot", "warm"].into_iter().filter_map(|tier| {
        let path = scene.path(&format!("state/{tier}/{account}/us-west-2.json"));
        let object: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        Some((tier.to_owned(), object["data"]["committed"].as_i64()?))
    });
    tiers.collect()
}

/// The checkpoints stand before everything that was read, so that it is read again however long it takes.
fn assert_nothing_committed(scene: &Scene) {
    let started = scene.sim.world().opened().timestamp();
    let checkpoints = committed(scene, "data_dev");
    assert_eq!(checkpoints.len(), 2);
    assert!(checkpoints.values().all(|checkpoint| *checkpoint <= started - 15 * 60), "{checkpoints:?}");
}

/// The points that a run left pending came with the next one. Of what both tiers compute, one of the two is unchanged.
fn assert_arrived(scene: &Scene, mended: &Screen, pending: u64) {
    let settled = mended.points("accepted") + mended.points("unchanged");
    assert!(settled >= pending, "{settled} of {pending} points that were pending have arrived");
    assert_measured(scene, DEV);
    assert_measured(scene, PROD);
}

async fn once(scene: &Scene) -> Screen {
    let screen = scene.run(&["once", "--json"]).await;
    let totals = screen.json();
    let sum: u64 =
        ["unchanged", "accepted", "refused", "too_old", "pending"].iter().map(|fate| screen.points(fate)).sum();
    assert_eq!(totals["points"]["collected"].as_u64(), Some(sum), "points are unaccounted for");
    screen
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used() {
    let mut scene = Scene::new().await;
    scene.environment.remove("AWS_REGION");
    for (name, text) in [
        ("not_yaml", "regions: [us-west-2]\nmetrics: [\n"),
        ("unknown_key", "regions: [us-west-2]\nmetrics: {dely: 120s}\n"),
        ("wrong_type", "regions: us-west-2\nagent: {unready_after: five}\n"),
        ("no_region", "datadog: {site: datadoghq.eu}\n"),
        ("unknown_region", "regions: [us-wset-2]\n"),
        ("bad_cron", "regions: [us-west-2]\nschedules: {hot: \"99 * * * *\"}\n"),
        ("bad_role", "regions: [us-west-2]\naccounts: [{name: a, role: ddsync-read}]\n"),
    ] {
        scene.config = text.to_owned();
        let screen = scene.run(&["validate"]).await;
        assert_eq!(screen.code, Some(2), "{name}");
        insta::assert_snapshot!(name, screen.whole());
        // The commands that work say the same and do nothing.
        assert_eq!(scene.run(&["once"]).await.stderr, screen.stderr, "{name}");
    }
    let missing = scene.run(&["validate", "--config", "absent.yaml"]).await;
    assert_eq!(missing.code, Some(2));
    insta::assert_snapshot!("missing_file", missing.whole());
    assert!(scene.sim.requests().is_empty());
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed() {
    let mut scene = Scene::new().await;
    scene.change("444455556666:role/ddsync-read", "444455556666:role/ddsync-raed");
    let screen = once(&scene).await;
    insta::assert_snapshot!(screen.complaints());
    assert_measured(&scene, DEV);
    assert_reported(&scene);
}

#[tokio::test]
async fn no_credentials() {
    let mut scene = Scene::new().await;
    scene.environment.retain(|name, _| !name.starts_with("AWS_ACCESS") && !name.starts_with("AWS_SECRET"));
    insta::assert_snapshot!(once(&scene).await.complaints());
    assert_reported(&scene);
    assert_eq!(committed(&scene, "data_dev"), BTreeMap::new());
}

#[tokio::test]
async fn credentials_that_nobody_gave_out() {
    let mut scene = Scene::new().await;
    scene.environment.insert("AWS_ACCESS_KEY_ID".to_owned(), "AKIANOBODY".to_owned());
    insta::assert_snapshot!(once(&scene).await.complaints());
    assert_reported(&scene);
}

#[tokio::test]
async fn credentials_that_have_expired() {
    let scene = Scene::new().await;
    scene.sim.faults().add(Rule::new("tagging", Fault::ExpiredToken).in_account(PROD_ID));
    insta::assert_snapshot!(once(&scene).await.complaints());
    assert_measured(&scene, DEV);
    scene.sim.faults().clear();
    assert_eq!(once(&scene).await.code, Some(0));
    assert_measured(&scene, PROD);
}

#[tokio::test]
async fn aws_cannot_be_reached() {
    let mut scene = Scene::new().await;
    scene.environment.insert("AWS_ENDPOINT_URL".to_owned(), "http://127.0.0.1:9".to_owned());
    insta::assert_snapshot!(once(&scene).await.complaints());
    assert_reported(&scene);
}

#[tokio::test]
async fn one_api_of_one_account_is_denied() {
    for (name, service, operation) in [
        ("denied_get_resources", "tagging", "GetResources"),
        ("denied_list_endpoints", "sagemaker", "ListEndpoints"),
        ("denied_describe_endpoint", "sagemaker", "DescribeEndpoint"),
        ("denied_describe_endpoint_config", "sagemaker", "DescribeEndpointConfig"),
        ("denied_get_metric_data", "cloudwatch", "GetMetricData"),
        ("denied_get_metric_statistics", "cloudwatch", "GetMetricStatistics"),
    ] {
        let mut scene = Scene::new().await;
        scene.change("level: error", "level: warn");
        scene.sim.faults().add(Rule::new(service, Fault::AccessDenied).on(operation).in_account(PROD_ID));
        let screen = once(&scene).await;
        insta::assert_snapshot!(name, unordered(&screen));
        assert_measured(&scene, DEV);
        assert_reported(&scene);
        scene.sim.faults().clear();
        assert_eq!(once(&scene).await.code, Some(0), "{name}");
        assert_measured(&scene, PROD);
    }
}

/// Answers come in any order, so the log may name any metric first, and both tiers may meet the same.
fn unordered(screen: &Screen) -> String {
    let lines = screen.stderr.lines().map(|line| line.split_once(" metric=").map_or(line, |(line, _)| line));
    let lines: BTreeSet<&str> = lines.collect();
    format!("{}\nexit {:?}\n", lines.into_iter().collect::<Vec<_>>().join("\n"), screen.code)
}

#[tokio::test]
async fn a_wrong_datadog_key_loses_nothing() {
    let mut scene = Scene::new().await;
    let good = scene.environment.insert("DD_API_KEY".to_owned(), "0123456789abcdef".to_owned());
    let screen = once(&scene).await;
    insta::assert_snapshot!(screen.complaints());
    assert_eq!(screen.points("pending"), screen.points("collected"));
    assert_nothing_committed(&scene);
    scene.environment.extend(good.map(|key| ("DD_API_KEY".to_owned(), key)));
    let mended = once(&scene).await;
    assert_eq!(mended.points("pending"), 0);
    assert_arrived(&scene, &mended, screen.points("pending"));
}

#[tokio::test]
async fn no_datadog_key() {
    let mut scene = Scene::new().await;
    scene.environment.remove("DD_API_KEY");
    insta::assert_snapshot!(scene.run(&["once"]).await.whole());
}

#[tokio::test]
async fn datadog_cannot_be_reached() {
    let mut scene = Scene::new().await;
    let good = scene.config.clone();
    let url = scene.sim.datadog_url();
    scene.change(&format!("base_url: \"{url}\""), "base_url: \"http://127.0.0.1:9\", deadline: 1s");
    let screen = once(&scene).await;
    insta::assert_snapshot!(screen.complaints());
    assert_eq!(screen.points("pending"), screen.points("collected"));
    assert_nothing_committed(&scene);
    scene.config = good;
    let mended = once(&scene).await;
    assert_eq!((mended.code, mended.points("pending")), (Some(0), 0));
    assert_arrived(&scene, &mended, screen.points("pending"));
}

#[tokio::test]
async fn a_state_of_a_future_version() {
    let scene = Scene::new().await;
    assert_eq!(once(&scene).await.code, Some(0));
    let path = scene.path("state/hot/data_dev/us-west-2.json");
    let object = std::fs::read_to_string(&path).expect("a checkpoint");
    let future = object.replacen("\"version\":1", "\"version\":99", 1);
    assert_ne!(future, object);
    std::fs::write(&path, &future).expect("the state is writable");
    let screen = once(&scene).await;
    insta::assert_snapshot!("future_state_once", screen.complaints());
    assert!(screen.points("accepted") > 0, "other work stopped");
    assert_eq!(std::fs::read_to_string(&path).ok(), Some(future), "it was overwritten");
    let daemon = scene.run(&["run", "--for", "10m"]).await;
    insta::assert_snapshot!("future_state_run", daemon.complaints());
    assert_eq!(daemon.code, Some(4));
}

#[tokio::test]
async fn a_corrupt_state_is_set_aside() {
    let scene = Scene::new().await;
    assert_eq!(once(&scene).await.code, Some(0));
    std::fs::write(scene.path("state/hot/data_dev/us-west-2.json"), "{\"version\":1,").expect("writable");
    let screen = once(&scene).await;
    let shown = screen.complaints();
    let (start, rest) = shown.split_once(".corrupt-").expect("the place is named");
    insta::assert_snapshot!(format!("{start}.corrupt-WRITTEN{}", rest.get(16..).unwrap_or_default()));
    assert_eq!(screen.code, Some(0));
}

#[tokio::test]
async fn a_state_that_cannot_be_written() {
    let mut scene = Scene::new().await;
    // A folder below a file: permissions alone do not stop root.
    scene.change("/state\"", "/ddsync.yaml/state\"");
    let screen = scene.run(&["once"]).await;
    assert_eq!(screen.code, Some(1));
    insta::assert_snapshot!(screen.whole());
    scene.change("/ddsync.yaml/state\"", "/state\"");
    // And one that stops being writable: the object's place is taken by a folder.
    std::fs::create_dir_all(scene.path("state/hot/data_dev/us-west-2.json/taken")).expect("a folder");
    let screen = once(&scene).await;
    insta::assert_snapshot!("one_object_cannot_be_written", screen.complaints());
    assert!(screen.points("accepted") > 0, "other work stopped");
    assert!(committed(&scene, "data_dev").contains_key("warm"));
}

#[tokio::test]
async fn two_daemons_on_one_state() {
    let scene = Scene::new().await;
    let mut first = scene.start(&["run"]);
    let lock = scene.path("state/ddsync.lock");
    while std::fs::read_to_string(&lock).is_ok_and(|text| text.is_empty()) || !lock.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let second = scene.run(&["run"]).await;
    assert_eq!(second.code, Some(1));
    insta::assert_snapshot!(second.whole());
    assert!(first.try_wait().expect("a child").is_none(), "the first has ended");
    first.kill().await.expect("it ends");
    assert_eq!(once(&scene).await.code, Some(0));
}

#[tokio::test]
async fn a_retagged_endpoint_repeats_no_minute() {
    const ENDPOINT: &str = "endpoint:lease-page-split";
    let scene = Scene::at_rate(60.0).await;
    assert_eq!(once(&scene).await.code, Some(0));
    assert!(scene.sim.world().retag("lease-page-split", "team", Some("Archive")));
    tokio::time::sleep(Duration::from_secs(9)).await;
    // A restart reads the last 15 minutes again.
    assert_eq!(once(&scene).await.code, Some(0));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(once(&scene).await.code, Some(0));
    let mut teams: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (metric, tags, at, _) in scene.stored("mlpipeline.", ENDPOINT) {
        let (team, others): (Vec<_>, Vec<_>) = tags.into_iter().partition(|tag| tag.starts_with("team:"));
        teams.entry((metric, others, at)).or_default().extend(team);
    }
    let seen: BTreeSet<&String> = teams.values().flatten().collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["team:archive", "team:docs"]);
    let twice: Vec<_> = teams.iter().filter(|(_, teams)| teams.len() != 1).collect();
    assert!(twice.is_empty(), "minutes under two teams: {twice:?}");
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off() {
    for (name, ahead) in [("clock_ahead", TimeDelta::hours(1)), ("clock_behind", -TimeDelta::hours(1))] {
        let mut scene = Scene::new().await;
        scene.set_clock_ahead(ahead);
        let screen = once(&scene).await;
        insta::assert_snapshot!(name, screen.complaints());
        assert_eq!(screen.code, Some(1));
        assert!(scene.stored("mlpipeline.", "").is_empty(), "points were sent by a wrong clock");
        assert_eq!(committed(&scene, "data_dev"), BTreeMap::new());
        assert!(!scene.path("state/discover").exists(), "epochs were stored by a wrong clock");
        let history = scene.run(&["dora", "backfill", "--since", "2026-09-01"]).await;
        insta::assert_snapshot!(format!("{name}_backfill"), history.whole());
        assert!(scene.sim.deployments().is_empty(), "deployments were sent by a wrong clock");
        assert!(!scene.path("state/ledger").exists(), "deployments were stored by a wrong clock");
        // It is said where it is seen, at the right time.
        let skew = scene.stored("ddsync.clock.skew", "");
        let now = scene.sim.clock().now().timestamp();
        assert!(
            skew.iter()
                .any(|(_, _, at, value)| { (value - ahead.as_seconds_f64()).abs() < 30.0 && (now - at).abs() < 60 }),
            "{skew:?}"
        );
        scene.set_clock_ahead(TimeDelta::zero());
        assert_eq!(once(&scene).await.code, Some(0), "{name}");
        assert_measured(&scene, DEV);
    }
}

#[tokio::test]
async fn an_endpoint_deleted_between_listing_and_describing() {
    let scene = Scene::new().await;
    assert!(scene.sim.world().vanish("lease-page-split"));
    let discover = scene.run(&["discover", "--json"]).await;
    assert_eq!(discover.code, Some(0), "{}", discover.stderr);
    let findings = discover.json()["findings"].as_array().expect("a list").clone();
    let deleted = findings.iter().filter(|finding| finding["kind"] == "deleted");
    assert_eq!(deleted.count(), 2, "one in each account: {findings:?}");
    let screen = scene.run(&["discover"]).await;
    let lines: Vec<&str> = screen.stdout.lines().collect();
    let about = lines.windows(2).filter(|pair| pair[0].starts_with("deleted")).map(|pair| pair.join("\n"));
    insta::assert_snapshot!(about.collect::<Vec<_>>().join("\n"));
    assert_eq!(once(&scene).await.code, Some(0));
    assert_measured(&scene, DEV);
    assert!(scene.stored("mlpipeline.", "endpoint:lease-page-split").is_empty());
}

#[tokio::test]
async fn hostile_tag_values() {
    let scene = Scene::new().await;
    let world = scene.sim.world();
    assert!(world.retag("fax-reader", "team", Some("}{{#is_alert}}@pagerduty-all{{/is_alert}}<<team>>")));
    assert!(world.retag("fax-reader", "model", Some("reader\nenv:prod,team:other|#x:y\u{1b}[31m")));
    assert!(world.retag("claim-router", "team", Some(&"\u{e9}\u{1f4c4}\u{4e2d}x".repeat(64))));
    assert!(world.retag("lease-table-reader", "pipeline", Some("\u{1f4c4}")));
    let screen = scene.run(&["discover"]).await;
    assert_eq!(screen.code, Some(0));
    insta::assert_snapshot!(screen.whole());
    assert!(!screen.stdout.contains('\u{1b}'));
    assert_eq!(once(&scene).await.code, Some(0));
    let ledger = scene.sim.ledger();
    assert_eq!(ledger.changed_tags, 0, "Datadog had to change tags");
    let tags: BTreeSet<&String> = ledger.series.keys().flat_map(|series| &series.tags).collect();
    let legal = |c: char| c.is_alphanumeric() || "_-:./".contains(c);
    let bad: Vec<_> = tags.iter().filter(|tag| !tag.chars().all(legal) || tag.chars().count() > 200).collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert_measured(&scene, PROD);
}
