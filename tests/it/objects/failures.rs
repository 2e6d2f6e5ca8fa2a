//! What is seen when something goes wrong: what happened, what to change, and an exit code.

use std::time::Duration;

use ddsync::provision::object::Kind;
use ddsync::sim::{Fault, ObjectKind, Rule};
use serde_json::json;

use super::{
    FEW, LEASE, ROUTES, applied, edit, id, line, object, routed, seen, settled, with_templates, write_template,
};
use crate::provision::census;
use crate::scene::Scene;

#[tokio::test]
async fn no_application_key() {
    let mut scene = routed().await;
    scene.environment.remove("DD_APP_KEY");
    for command in ["plan", "destroy"] {
        let screen = scene.run(&[command]).await;
        insta::assert_snapshot!(format!("no_app_key_{command}"), screen.whole());
    }
}

#[tokio::test]
async fn a_wrong_application_key() {
    let mut scene = routed().await;
    scene.environment.insert("DD_APP_KEY".to_owned(), "of-somebody-else".to_owned());
    insta::assert_snapshot!("wrong_app_key", scene.run(&["plan"]).await.whole());
}

/// The key may look and not write: each kind is tried once, and what it lacks is named.
#[tokio::test]
async fn a_key_without_a_scope() {
    let scene = routed().await;
    scene.sim.faults().add(Rule::new("datadog", Fault::Forbidden).on("create_monitor"));
    let screen = scene.run(&line(&[&["apply", "--auto-approve", "--on-error", "continue"], &FEW])).await;
    insta::assert_snapshot!("forbidden", seen(&screen));
    assert_eq!(screen.code, Some(1));
}

#[tokio::test]
async fn a_storm_of_refusals_passes() {
    let scene = quick().await;
    scene.sim.faults().add(Rule::new("datadog", Fault::RateLimited).at_most(12));
    let screen = applied(&scene, &FEW).await;
    assert!(screen.stdout.ends_with("4 done\n"), "{}", screen.whole());
    assert!(scene.sim.faults().fired() >= 12);
    scene.sim.faults().set(vec![Rule::new("datadog", Fault::RateLimited)]);
    insta::assert_snapshot!("rate_limited", scene.run(&["plan"]).await.whole());
}

#[tokio::test]
async fn datadog_is_ill() {
    let scene = quick().await;
    scene.sim.faults().add(Rule::new("datadog", Fault::ServerError(503)).at_most(6));
    applied(&scene, &FEW).await;
    scene.sim.faults().set(vec![Rule::new("datadog", Fault::ServerError(503))]);
    insta::assert_snapshot!("server_error", scene.run(&["plan"]).await.whole());
}

/// A company whose hour is a second, so that waits are over before a person looks.
async fn quick() -> Scene {
    let mut scene = Scene::at_rate(3600.0).await;
    scene.config.push_str(ROUTES);
    scene
}

#[tokio::test]
async fn datadog_is_not_there() {
    let mut scene = quick().await;
    let url = scene.sim.datadog_url();
    scene.change(&url, "http://127.0.0.1:1");
    insta::assert_snapshot!("unreachable", scene.run(&["plan"]).await.whole());
}

/// Datadog refuses one monitor: without more, nothing is begun after that; else all goes on that does not need it.
#[tokio::test]
async fn half_failed() {
    for (on_error, name) in [("stop", "half_failed_stop"), ("continue", "half_failed_continue")] {
        let scene = with_broken_template().await;
        let filters = ["--only", "broken", "--only", "success"];
        let screen = scene.run(&line(&[&["apply", "--auto-approve", "--on-error", on_error], &filters])).await;
        assert_eq!(screen.code, Some(1));
        // What is under way beside the one that is refused is finished, and what that is is chance.
        if on_error == "continue" {
            insta::assert_snapshot!(name, seen(&screen));
        } else {
            assert!(screen.stderr.contains("error: monitor broken/global: datadog refused"), "{}", screen.stderr);
            assert!(
                screen.stderr.contains("not tried, since monitor broken/global failed before it\n"),
                "{}",
                screen.stderr
            );
        }
        let remote = scene.run(&["validate", "--remote"]).await;
        insta::assert_snapshot!(format!("{name}_validate"), seen(&remote));
        assert_eq!(remote.code, Some(1));
    }
}

/// A monitor that the lint does not understand and Datadog does not want.
async fn with_broken_template() -> Scene {
    let scene = with_templates().await;
    let body = "name: Broken\ntype: query alert\nquery: avg(last_5m):avg:company.queue.length{a:b AND c:d,e:f} > 5\n\
        message: \"Look at https://example.com << notify >>\"\npriority: 3\n\
        options: {thresholds: {critical: 5}, evaluation_delay: 120}\n";
    write_template(&scene, "monitors/broken.yaml", body);
    scene
}

#[tokio::test]
async fn a_list_that_has_shrunk() {
    let scene = routed().await;
    let all = ["--kind", "monitor", "--kind", "dashboard", "--kind", "slo"];
    applied(&scene, &all).await;
    let monitors = scene.sim.objects(ObjectKind::Monitor);
    for monitor in monitors.iter().skip(3) {
        assert!(scene.sim.delete_by_hand(ObjectKind::Monitor, &id(monitor)));
    }
    insta::assert_snapshot!("list_shrunk", seen(&scene.run(&["plan"]).await));
    let plan = scene.run(&["plan", "--accept-shrunk-list", "--json"]).await.json();
    assert_eq!(plan["summary"]["create"], monitors.len() - 3);
}

#[tokio::test]
async fn a_type_that_datadog_cannot_change() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    edit(&scene, ObjectKind::Monitor, "Lease (data_prod): requests fail", "/type", json!("log alert"));
    let apply = scene.run(&line(&[&["apply", "--auto-approve"], &FEW])).await;
    insta::assert_snapshot!("type_change", seen(&apply));
    assert_eq!(apply.code, Some(1));
    insta::assert_snapshot!(
        "type_change_recreate",
        seen(&scene.run(&line(&[&["apply", "--auto-approve", "--recreate"], &FEW])).await)
    );
    settled(&scene, &FEW).await;
}

#[tokio::test]
async fn a_monitor_that_others_use() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    let ours = id(&object(&scene, ObjectKind::Monitor, "Lease (data_prod): requests fail"));
    let theirs =
        json!({"name": "Of others", "type": "composite", "query": format!("{ours} && {ours}"), "message": "@slack-ml"});
    scene.sim.create_by_hand(ObjectKind::Monitor, theirs).expect("it is made");
    let destroy = scene
        .run(&line(&[&["destroy", "--auto-approve", "--backup", "one.json", "--on-error", "continue"], &LEASE]))
        .await;
    insta::assert_snapshot!("destroy_used", seen(&destroy));
    assert_eq!(destroy.code, Some(1));
    let forced = scene.run(&line(&[&["destroy", "--auto-approve", "--backup", "two.json", "--force"], &LEASE])).await;
    insta::assert_snapshot!("destroy_used_force", seen(&forced));
}

#[tokio::test]
async fn a_backup_that_cannot_be_written() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    let destroy = scene.run(&line(&[&["destroy", "--auto-approve", "--backup", "no/such/folder.json"], &LEASE])).await;
    insta::assert_snapshot!("destroy_no_backup", seen(&destroy));
    assert_eq!(scene.sim.objects(ObjectKind::Monitor).len(), 2, "nothing is deleted");
}

/// What was deleted before can be restored from nothing else.
#[tokio::test]
async fn a_backup_that_is_there_already() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    std::fs::write(scene.path("backup.json"), "of yesterday").expect("it is written");
    let destroy = scene.run(&line(&[&["destroy", "--backup", "backup.json"], &LEASE])).await;
    insta::assert_snapshot!("destroy_backup_there", destroy.complaints());
    assert_eq!(std::fs::read_to_string(scene.path("backup.json")).expect("it is there"), "of yesterday");
    assert_eq!(scene.sim.objects(ObjectKind::Monitor).len(), 2, "nothing is deleted");
}

#[tokio::test]
async fn an_account_that_does_not_answer() {
    let scene = routed().await;
    scene.sim.faults().add(Rule::new("tagging", Fault::AccessDenied).in_account("444455556666"));
    let screen = scene.run(&["plan"]).await;
    insta::assert_snapshot!("discovery_error", screen.whole());
    assert!(scene.sim.requests().keys().all(|(service, _)| service != "datadog"), "Datadog is not even asked");
}

#[tokio::test]
async fn nobody_to_ask() {
    let scene = routed().await;
    let screen = scene.run(&line(&[&["apply"], &FEW])).await;
    insta::assert_snapshot!("no_terminal", screen.complaints());
    applied(&scene, &FEW).await;
    insta::assert_snapshot!("no_terminal_destroy", seen(&scene.run(&line(&[&["destroy"], &LEASE])).await));
    assert_eq!(scene.sim.objects(ObjectKind::Slo).len(), 1);
}

/// Datadog takes a dashboard and an SLO twice, and so the monitors that name them: what two runs have made twice the next
/// one takes away.
#[tokio::test]
async fn two_at_once() {
    let scene = routed().await;
    // Both look before either has made anything.
    let slow = ["create_slo", "create_dashboard"].map(|what| Rule::new("datadog", Fault::Slow(1_500)).on(what));
    scene.sim.faults().set(slow.into());
    let apply = line(&[&["apply", "--auto-approve"], &LEASE]);
    let both = tokio::join!(scene.run(&apply), scene.run(&apply));
    scene.sim.faults().clear();
    let last = applied(&scene, &LEASE).await;
    let said = format!("{}\n{}\n{}", both.0.whole(), both.1.whole(), last.whole());
    settled(&scene, &LEASE).await;
    let census = census(&scene);
    assert!(Kind::ALL.iter().all(|kind| census.keys().any(|(of, _)| of == kind)), "{census:?}");
    assert!(census.values().all(|times| *times == 1), "{census:?}\n{said}");
}

/// Ctrl-C in the middle: the next apply goes on from there.
#[tokio::test]
async fn stopped_in_the_middle() {
    let scene = routed().await;
    scene.sim.faults().add(Rule::new("datadog", Fault::Slow(300)).on("create_monitor"));
    let apply = scene.start_heard(&line(&[&["apply", "--auto-approve"], &LEASE]));
    let process = apply.id().expect("it runs").to_string();
    while scene.sim.objects(ObjectKind::Monitor).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let killed = tokio::process::Command::new("kill").args(["-INT", &process]).status().await.expect("kill runs");
    assert!(killed.success());
    let screen = scene.screen(&apply.wait_with_output().await.expect("it ends"));
    insta::assert_snapshot!("stopped", screen.complaints());
    scene.sim.faults().clear();
    let (done, all) = (scene.sim.objects(ObjectKind::Monitor).len(), applied(&scene, &LEASE).await);
    assert!(done < scene.sim.objects(ObjectKind::Monitor).len(), "{}", all.whole());
    settled(&scene, &LEASE).await;
}
