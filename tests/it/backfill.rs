//! `ddsync dora backfill`: the company's history, from its GitHub into the ledger and on to its Datadog.

use std::collections::BTreeMap;
use std::time::Duration;

use ddsync::clock;
use ddsync::config::settings::StateLocation;
use ddsync::model::dora::{Commit, Ledger, Life};
use ddsync::sim::{Clock, Fault, KeptDeployment, Options, RateLimit, Rule};
use ddsync::state::{Store, StoredLedger};
use serde_json::Value;

use crate::process::wait_for;
use crate::scene::{Scene, Screen, morning};

/// All that the company has.
const EVERYTHING: [&str; 4] = ["dora", "backfill", "--since", "2026-02-20"];

/// A part of it, where nothing depends on how much it is.
const WEEKS: [&str; 4] = ["dora", "backfill", "--since", "2026-08-20"];

/// A company with so many runs, whose clock stands still as far as a person can see.
async fn company(github_runs: usize) -> Scene {
    let options = Options {
        clock: Clock::scaled(morning(), 1e-6),
        github_limit: RateLimit { requests: 1_000_000, seconds: 3_600 },
        github_runs,
        ..Options::default()
    };
    Scene::of(options).await
}

fn asked(scene: &Scene, service: &str, operation: &str) -> u64 {
    scene.sim.requests().get(&(service.to_owned(), operation.to_owned())).copied().unwrap_or(0)
}

/// Everything that Datadog was given, but for how often: that one is no failure may be said or left open.
fn content(scene: &Scene) -> BTreeMap<String, (Value, i64, i64, bool, Option<Value>)> {
    let kept = scene.sim.deployments();
    assert!(!kept.iter().any(|one| one.clashes), "two deployments of a service share a second");
    let count = kept.len();
    let content: BTreeMap<_, _> = kept
        .into_iter()
        .map(|one| {
            let KeptDeployment { id, attributes, started_at, finished_at, change_failure, remediation, .. } = one;
            (id, (attributes, started_at, finished_at, change_failure == Some(true), remediation))
        })
        .collect();
    assert_eq!(content.len(), count, "something is there twice");
    content
}

/// Titles and times of the markers on dashboards.
fn markers(scene: &Scene) -> Vec<String> {
    let own = |event: &&Value| event["attributes"]["attributes"]["source_type_name"] == "my_apps";
    let mut titles: Vec<String> = (scene.sim.events().iter().filter(own))
        .map(|event| format!("{} {}", event["attributes"]["timestamp"], event["attributes"]["tags"]))
        .collect();
    titles.sort();
    titles
}

/// What is known, but for when it was found out.
async fn ledger(scene: &Scene) -> Ledger {
    let store = Store::peek(&StateLocation::Folder(scene.path("state"))).expect("a state");
    let mut ledger = StoredLedger::load(&store, morning()).await.expect("a ledger").ledger().clone();
    for entry in ledger.entries.values_mut() {
        let Life { sent, remedied, .. } = entry.life.clone();
        entry.life = Life::default();
        entry.life.sent = sent.map(|sent| ddsync::model::dora::Sent { at: 0, ..sent });
        entry.life.remedied = remedied.map(|it| ddsync::model::dora::Remedied { at: 0, ..it });
        let Some(deployment) = &mut entry.deployment else { continue };
        deployment.origin.as_of = 0;
        if let Commit::Known { resolved_at, .. } = &mut deployment.commit {
            *resolved_at = 0;
        }
    }
    for run in ledger.runs.values_mut() {
        run.as_of = 0;
    }
    ledger
}

#[tokio::test]
async fn history_arrives_whole_and_a_second_run_sends_nothing() {
    let scene = company(300).await;
    let first = scene.run(&EVERYTHING).await;
    insta::assert_snapshot!("everything", first.whole());
    let (there, markers_there) = (content(&scene), markers(&scene));
    assert!(there.len() > 150, "{}", there.len());
    let writes =
        |scene: &Scene| ["send_deployment", "patch_deployment", "post_event"].map(|it| asked(scene, "datadog", it));
    let (before, jobs) = (writes(&scene), asked(&scene, "github", "jobs"));
    let second = scene.run(&EVERYTHING).await;
    insta::assert_snapshot!("everything_again", second.whole());
    assert_eq!(writes(&scene), before, "nothing is sent again");
    assert!(asked(&scene, "github", "jobs") - jobs < 5, "only what goes on is looked at");
    assert_eq!((content(&scene), markers(&scene)), (there.clone(), markers_there.clone()));
    // A state that is lost costs requests, and nothing at Datadog.
    std::fs::remove_dir_all(scene.path("state")).expect("a state");
    let third = scene.run(&EVERYTHING).await;
    assert_eq!(third.code, Some(0), "{}", third.whole());
    assert!(third.stdout.contains(&format!("0 deployments sent, {} found there", there.len())), "{}", third.stdout);
    assert_eq!((content(&scene), markers(&scene)), (there, markers_there));
}

#[tokio::test]
async fn a_rehearsal_tells_what_would_be_sent_and_touches_nothing() {
    let mut scene = company(300).await;
    let rehearse = [&EVERYTHING[..], &["--dry-run"]].concat();
    let rehearsal = scene.run(&rehearse).await;
    insta::assert_snapshot!("rehearsal", rehearsal.whole());
    assert!(scene.sim.deployments().is_empty() && markers(&scene).is_empty());
    assert!(!scene.path("state").exists(), "nobody has made a state");
    // Nor does it need the lock, or the application key.
    let location = StateLocation::Folder(scene.path("state"));
    let held = Store::open(&location, "host-1 pid 4711", clock::Clock::Real).expect("a state");
    let app_key = scene.environment.remove("DD_APP_KEY").expect("a key");
    let rehearsal = scene.run(&rehearse).await;
    assert_eq!(rehearsal.code, Some(0), "{}", rehearsal.whole());
    assert!(rehearsal.stdout.contains("what of it Datadog has already is not known"), "{}", rehearsal.stdout);
    scene.environment.insert("DD_APP_KEY".to_owned(), app_key);
    drop(held);
    assert_eq!(scene.run(&WEEKS).await.code, Some(0));
    let sent = scene.sim.deployments().len();
    std::fs::remove_dir_all(scene.path("state")).expect("a state");
    let rehearsal = scene.run(&rehearse).await;
    assert!(rehearsal.stdout.contains(&format!("Datadog has {sent} others already")), "{}", rehearsal.stdout);
    assert_eq!(scene.sim.deployments().len(), sent);
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_with_what_to_change() {
    let mut scene = company(300).await;
    let mut screens = Vec::new();
    let mut tell = |what: &str, screen: &Screen| screens.push(format!("# {what}\n{}", screen.complaints()));
    let location = StateLocation::Folder(scene.path("state"));
    let held = Store::open(&location, "host-1 pid 4711", clock::Clock::Real).expect("a state");
    tell("a daemon runs", &scene.run(&WEEKS).await);
    drop(held);
    for since in ["tomorrow", "2026-09-09", "2025-01-01"] {
        tell(since, &scene.run(&["dora", "backfill", "--since", since]).await);
    }
    tell("no date", &scene.run(&["dora", "backfill"]).await);
    for (name, value) in [("GITHUB_TOKEN", "ghp_wrong"), ("DD_APP_KEY", "wrong"), ("DD_API_KEY", "wrong")] {
        let right = scene.environment.insert(name.to_owned(), value.to_owned()).expect("a key");
        tell(&format!("a wrong {name}"), &scene.run(&WEEKS).await);
        scene.environment.remove(name);
        tell(&format!("no {name}"), &scene.run(&WEEKS).await);
        scene.environment.insert(name.to_owned(), right);
    }
    let (before, _) = scene.config.split_once("github:").expect("a section");
    scene.config = format!("{before}state: {}\n", Value::from(&*scene.path("state").to_string_lossy()));
    tell("no repositories", &scene.run(&WEEKS).await);
    tell("nor in one pass", &scene.run(&["once", "--only", "dora"]).await);
    insta::assert_snapshot!("in_the_way", screens.join("\n"));
    assert!(scene.sim.deployments().is_empty());
}

#[tokio::test]
async fn an_hour_without_quota_ends_it_with_what_it_has_and_the_same_command_goes_on() {
    let undisturbed = company(300).await;
    assert_eq!(undisturbed.run(&EVERYTHING).await.code, Some(0));
    let scene = company(300).await;
    scene.sim.faults().set(vec![Rule::new("github", Fault::HourUsedUp(3_600)).on("jobs").with_probability(0.01)]);
    let limited = scene.run(&EVERYTHING).await;
    insta::assert_snapshot!("limited", limited.complaints());
    let sent = scene.sim.deployments().len();
    assert!(limited.stdout.contains(&format!("Datadog  {sent} deployments sent")), "{}", limited.stdout);
    assert!(sent > 0 && sent < undisturbed.sim.deployments().len(), "{sent}");
    scene.sim.faults().clear();
    let rest = scene.run(&EVERYTHING).await;
    assert_eq!(rest.code, Some(0), "{}", rest.whole());
    assert_eq!(content(&scene), content(&undisturbed));
    same(&ledger(&scene).await, &ledger(&undisturbed).await);
}

fn same(one: &Ledger, other: &Ledger) {
    assert_eq!(one.entries.keys().collect::<Vec<_>>(), other.entries.keys().collect::<Vec<_>>());
    for (id, entry) in &one.entries {
        assert_eq!(entry, &other.entries[id], "{id}");
    }
    assert_eq!(one, other);
}

#[tokio::test]
async fn killed_anywhere_the_next_run_ends_where_an_undisturbed_one_does() {
    let undisturbed = company(300).await;
    assert_eq!(undisturbed.run(&EVERYTHING).await.code, Some(0));
    let (there, known) = (content(&undisturbed), ledger(&undisturbed).await);
    let scene = company(300).await;
    // Slow enough to be met in the middle of each part.
    let slow = |service, operation, ms| Rule::new(service, Fault::Slow(ms)).on(operation);
    scene.sim.faults().set(vec![
        slow("github", "jobs", 5),
        slow("github", "compare", 5),
        slow("datadog", "send_deployment", 20),
        slow("datadog", "patch_deployment", 200),
    ]);
    for (service, operation, times) in [
        ("github", "runs", 1),
        ("github", "jobs", 70),
        ("github", "compare", 60),
        ("datadog", "send_deployment", 1),
        ("datadog", "send_deployment", 60),
        ("datadog", "patch_deployment", 3),
    ] {
        let before = asked(&scene, service, operation);
        let mut child = scene.start(&EVERYTHING);
        wait_for(operation, async || asked(&scene, service, operation) >= before + times).await;
        child.start_kill().expect("it runs");
        let status = child.wait().await.expect("it ends");
        assert_eq!(status.code(), None, "{operation}: it had ended by itself");
        // Nobody waits for what the servers still do.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scene.sim.faults().clear();
    let last = scene.run(&EVERYTHING).await;
    assert_eq!((last.code, last.stderr.as_str()), (Some(0), undisturbed.run(&EVERYTHING).await.stderr.as_str()));
    assert!(last.stdout.contains("no difference"), "{}", last.stdout);
    assert_eq!(content(&scene), there);
    assert_eq!(markers(&scene), markers(&undisturbed));
    same(&ledger(&scene).await, &known);
}

#[tokio::test]
async fn signals_end_it_at_once_and_what_it_has_is_kept() {
    for signal in ["INT", "TERM"] {
        let scene = company(300).await;
        scene.sim.faults().set(vec![Rule::new("github", Fault::Slow(20)).on("jobs")]);
        let child = scene.start_heard(&EVERYTHING);
        wait_for("jobs", async || asked(&scene, "github", "jobs") >= 80).await;
        let id = child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([format!("-{signal}"), id]).status();
        assert!(sent.expect("kill runs").success());
        let screen = scene.screen(&child.wait_with_output().await.expect("it ends"));
        assert_eq!(screen.code, Some(5), "{}", screen.whole());
        insta::assert_snapshot!("stopped", screen.whole());
        assert!(ledger(&scene).await.deployments().count() > 20, "what was read is kept");
    }
}

#[tokio::test]
async fn a_bar_is_shown_on_a_terminal() {
    let scene = company(300).await;
    let terminal = scene.start_on_terminal(&WEEKS);
    let shown = terminal.wait_with_output().await.expect("it ends").stdout;
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(shown.contains("runs [") && shown.contains("no difference"), "{shown}");
}

#[tokio::test]
async fn help() {
    let scene = company(300).await;
    insta::assert_snapshot!("help", scene.run(&["dora", "backfill", "--help"]).await.whole());
}
