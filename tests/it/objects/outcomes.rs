//! How commands end: exit codes, what stays behind, and what is asked first.

use chrono::TimeDelta;
use ddsync::sim::{Fault, ObjectKind, Rule};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{FEW, ROUTES, applied, by_hand, edit, line, object, routed, seen, with_templates, write_template};
use crate::scene::Scene;

/// What cannot be changed is told beside what was done, and the command has failed.
#[tokio::test]
async fn what_is_blocked_does_not_hide_what_is_done() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    edit(&scene, ObjectKind::Monitor, "Lease (data_prod): requests fail", "/type", json!("log alert"));
    let plan = scene.run(&line(&[&["plan", "--detailed-exitcode"], &FEW])).await;
    assert_eq!(plan.code, Some(2), "something is not as it should be: {}", plan.whole());
    let more = line(&[&["apply", "--auto-approve"], &FEW, &["--only", "stuck-without-capacity"]]);
    let apply = scene.run(&more).await;
    insta::assert_snapshot!("blocked_and_done", seen(&apply));
    assert_eq!(apply.code, Some(1));
}

#[tokio::test]
async fn a_mistake_is_no_change() {
    let mut scene = routed().await;
    scene.config.push_str("templates: {variables: {Lease: {max: [}}}\n");
    assert_eq!(scene.run(&["plan", "--detailed-exitcode"]).await.code, Some(1));
    assert_eq!(scene.run(&["plan"]).await.code, Some(2));
}

/// A name that is mistyped is no success.
#[tokio::test]
async fn a_filter_that_means_nothing() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    let mut said = String::new();
    for command in [
        &["plan", "--pipeline", "Laese"][..],
        &["apply", "--auto-approve", "--only", "nothing"],
        &["destroy", "--auto-approve", "--pipeline", "leas"],
    ] {
        let screen = scene.run(command).await;
        assert_eq!(screen.code, Some(2), "{}", screen.whole());
        said.push_str(&screen.complaints());
    }
    insta::assert_snapshot!("filter_means_nothing", said);
    assert_eq!(scene.run(&line(&[&["plan"], &FEW])).await.code, Some(0));
}

/// By its title a monitor may take the name of one of ours.
#[tokio::test]
async fn a_built_in_template_is_not_replaced_by_chance() {
    let scene = with_templates().await;
    let mut monitor = by_hand();
    monitor["name"] = json!("Failure ratio");
    let monitor = scene.sim.create_by_hand(ObjectKind::Monitor, monitor).expect("it is made");
    let screen = scene.run(&["import", &monitor, "--write"]).await;
    insta::assert_snapshot!("import_built_in", seen(&screen));
    assert!(!scene.path("templates/monitors").exists(), "nothing is written");
}

/// A backup is put back where it came from.
#[tokio::test]
async fn a_backup_of_another_namespace() {
    let mut scene = routed().await;
    applied(&scene, &FEW).await;
    scene.run(&line(&[&["destroy", "--auto-approve", "--backup", "backup.json"], &super::LEASE])).await;
    let count = scene.sim.writes();
    scene.change("provision: {", "provision: {namespace: other, ");
    insta::assert_snapshot!(
        "restore_namespace",
        scene.run(&["restore", "backup.json", "--auto-approve"]).await.whole()
    );
    assert_eq!(scene.sim.writes(), count, "nothing is written");
}

/// First the file, then the object.
#[tokio::test]
async fn a_template_that_was_written_before() {
    let scene = with_templates().await;
    let monitor = scene.sim.create_by_hand(ObjectKind::Monitor, by_hand()).expect("it is made");
    let import = ["import", &monitor, "--as", "front-door"];
    assert_eq!(scene.run(&line(&[&import, &["--write"]])).await.code, Some(0));
    let adopted = scene.run(&line(&[&import, &["--adopt", "--auto-approve"]])).await;
    assert_eq!(adopted.code, Some(0), "{}", adopted.whole());
    let shown = scene.run(&import).await;
    assert!(shown.stderr.contains("needs no template: it is front-door/global"), "{}", shown.whole());
    assert!(shown.stdout.starts_with("ddsync:\n"), "{}", shown.whole());
}

/// The answer is lost and what was asked for is done, or not: the template is there when the object is ours.
#[tokio::test]
async fn a_template_stays_with_what_is_taken_over() {
    for (fault, stays) in [(Fault::LostAnswer, true), (Fault::ServerError(500), false)] {
        let mut scene = Scene::at_rate(3600.0).await;
        scene.config.push_str(ROUTES);
        scene.config.push_str("templates: {dir: ./templates}\n");
        std::fs::create_dir_all(scene.path("templates")).expect("a folder");
        let monitor = scene.sim.create_by_hand(ObjectKind::Monitor, by_hand()).expect("it is made");
        scene.sim.faults().add(Rule::new("datadog", fault).on("update_monitor"));
        let import = ["import", &monitor, "--as", "front-door", "--adopt", "--auto-approve"];
        let screen = scene.run(&import).await;
        assert_eq!(screen.code, Some(1), "{}", screen.whole());
        assert_eq!(scene.path("templates/monitors/front-door.yaml").exists(), stays, "{}", screen.whole());
        let words = if stays { "is ours, and" } else { "is not ours, and" };
        assert!(screen.whole().contains(words), "{}", screen.whole());
        scene.sim.faults().clear();
        // Without the template there is nothing to apply.
        let again = scene.run(&["apply", "--auto-approve", "--only", "front-door"]).await;
        assert_eq!(again.code, Some(if stays { 0 } else { 2 }), "{}", again.whole());
        assert_eq!(scene.sim.objects(ObjectKind::Monitor).len(), 1, "nothing is made a second time");
    }
}

/// A monitor that could not do what it is there for would stand in the way of every plan.
#[tokio::test]
async fn what_the_lint_refuses_is_not_taken_over() {
    let scene = with_templates().await;
    let mut monitor = by_hand();
    monitor["message"] = json!("{{#is_alert}}Something is wrong. @slack-ml");
    let monitor = scene.sim.create_by_hand(ObjectKind::Monitor, monitor).expect("it is made");
    let screen = scene.run(&["import", &monitor, "--as", "odd", "--adopt", "--auto-approve"]).await;
    insta::assert_snapshot!("import_lint", seen(&screen));
    assert!(!scene.path("templates/monitors/odd.yaml").exists());
    assert_eq!(scene.run(&["plan", "--only", "success"]).await.code, Some(0));
}

/// What logs are counted as is there for monitors of one's own, like everything else that is measured.
#[tokio::test]
async fn a_monitor_may_watch_what_logs_say() {
    let mut scene = with_templates().await;
    scene.change(crate::scene::NO_LOGS, "");
    let monitor = |metric: &str| {
        format!(
            "ddsync: {{about: The log says that memory ran out., scope: pipeline, when: settings.logs}}\n\
             name: \"<< pipeline.name >> (<< pipeline.environment >>): out of memory at {{{{stage.name}}}}\"\n\
             type: query alert\n\
             query: sum(last_10m):sum:{metric}{{<< filter >>,error_class:out_of_memory}} by {{stage}}.as_count() > 3\n\
             message: \"{{{{#is_alert}}}}Look at the log.{{{{/is_alert}}}} << notify >>\"\n\
             priority: 3\n\
             options: {{thresholds: {{critical: 3}}, on_missing_data: resolve, include_tags: true, notify_audit: false,\n  \
             evaluation_delay: 300, require_full_window: false, renotify_interval: 0}}\n"
        )
    };
    let apply = line(&[&["apply", "--auto-approve", "--only", "out-of-memory"], &super::LEASE]);
    write_template(&scene, "monitors/out-of-memory.yaml", &monitor("mlpipeline.logs.erors"));
    let misspelt = scene.run(&apply).await;
    assert_ne!(misspelt.code, Some(0), "{}", misspelt.whole());
    assert!(misspelt.whole().contains("mlpipeline.logs.errors"), "it names the right one: {}", misspelt.whole());
    write_template(&scene, "monitors/out-of-memory.yaml", &monitor("mlpipeline.logs.errors"));
    let right = scene.run(&apply).await;
    assert_eq!(right.code, Some(0), "{}", right.whole());
    let monitors = scene.sim.objects(ObjectKind::Monitor);
    assert_eq!(monitors.len(), 1);
    assert!(monitors[0]["query"].as_str().is_some_and(|query| query.contains("mlpipeline.logs.errors{pipeline:lease")));
}

/// Nobody is there to say yes.
#[tokio::test]
async fn what_writes_asks_first() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    let destroyed = line(&[&["destroy", "--auto-approve", "--backup", "backup.json"], &super::LEASE]);
    scene.run(&destroyed).await;
    let count = scene.sim.writes();
    for command in [&["restore", "backup.json"][..], &["page", "test", "--team", "docs"]] {
        let screen = scene.run(command).await;
        assert_eq!(screen.code, Some(1), "{}", screen.whole());
        assert!(screen.stderr.contains("run with --auto-approve"), "{}", screen.whole());
    }
    assert_eq!(scene.sim.writes(), count, "nothing is written");
}

/// What the templates that are about pipelines do not say well is told with no pipeline there.
#[tokio::test]
async fn warnings_about_templates_of_pipelines() {
    let mut scene = with_templates().await;
    scene.change("templates: {", "templates: {disable: [nothing], variables: {all: {nothing: 1}}, ");
    let text = "ddsync: {scope: pipeline}\nname: \"<< pipeline.name >>\"\ntype: query alert\n\
        query: \"avg(last_5m):avg:mlpipeline.endpoint.backlog_per_instance.avg{<< filter >>} > 5\"\nmessage: \"Look. << notify >>\"\n\
        options: {thresholds: {critical: 5}}\n";
    write_template(&scene, "monitors/terse.yaml", text);
    let screen = scene.run(&["validate"]).await;
    insta::assert_snapshot!("templates_warnings", screen.whole());
    assert_eq!(screen.code, Some(0));
}

/// All objects of a template, as they are sent: with the mark.
#[tokio::test]
async fn rendered_without_a_pipeline() {
    let scene = routed().await;
    let fleet = scene.run(&["render", "fleet"]).await.json();
    let description = fleet[0]["body"]["description"].as_str().expect("a text");
    assert!(description.contains("[ddsync namespace=main key=fleet/global"), "{description}");
    let all = scene.run(&["render", "success"]).await.json();
    let one = scene.run(&["render", "success", "--pipeline", "Lease"]).await.json();
    let (all, one) = (all.as_array().expect("a list"), one.as_array().expect("a list"));
    assert!(all.len() > one.len() && one.iter().all(|object| all.contains(object)), "{all:?}");
    applied(&scene, &FEW).await;
    let live = object(&scene, ObjectKind::Slo, "Lease (data_prod)");
    let sent = one.iter().find(|object| object["identity"] == "success/pipeline/lease/data_prod").expect("it is there");
    let tags = |body: &Value| {
        let mut tags: Vec<String> = body["tags"].as_array().expect("tags").iter().map(Value::to_string).collect();
        tags.sort();
        tags
    };
    assert_eq!(tags(&sent["body"]), tags(&live));
}

/// A clock that is ahead would make what has just gone look gone for long: Datadog's decides.
#[tokio::test]
async fn a_wrong_clock_ends_no_time_of_grace() {
    let mut scene = Scene::new().await;
    scene.config.push_str(ROUTES);
    let few = ["--only", "success", "--pipeline", "payroll"];
    applied(&scene, &few).await;
    let resources = scene.sim.world().resources();
    for gone in resources.iter().filter(|it| it.tag("pipeline") == Some("Payroll")) {
        assert!(scene.sim.world().vanish(&gone.name));
    }
    applied(&scene, &few).await;
    scene.set_clock_ahead(TimeDelta::hours(25));
    let plan = scene.run(&line(&[&["plan", "--prune", "--json"], &few])).await.json();
    assert_eq!((&plan["summary"]["delete"], &plan["summary"]["kept"]), (&json!(0), &json!(1)), "{plan}");
}

/// Types an answer once the question is there; the exit code and all that was on the terminal.
async fn on_terminal(
    scene: &Scene,
    arguments: &[&str],
    typed: &str,
    meanwhile: impl FnOnce(),
) -> (Option<i32>, String) {
    let mut program = scene.start_on_terminal(arguments);
    let (mut keys, mut screen) = (program.stdin.take().expect("keys"), program.stdout.take().expect("a screen"));
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("[y/N]") {
        assert!(screen.read_buf(&mut shown).await.expect("it is read") > 0, "{}", String::from_utf8_lossy(&shown));
    }
    meanwhile();
    keys.write_all(typed.as_bytes()).await.expect("it is typed");
    screen.read_to_end(&mut shown).await.expect("it is read");
    (program.wait().await.expect("it ends").code(), String::from_utf8_lossy(&shown).into_owned())
}

#[tokio::test]
async fn a_person_is_asked_and_shown_how_far_it_is() {
    let scene = routed().await;
    let apply = line(&[&["apply"], &FEW]);
    let (code, shown) = on_terminal(&scene, &apply, "n\n", || ()).await;
    assert!(code == Some(1) && shown.contains("nothing was done"), "{shown}");
    assert!(scene.sim.writes().is_empty());
    let (code, shown) = on_terminal(&scene, &apply, "y\n", || ()).await;
    assert!(code == Some(0) && shown.contains("4 done"), "{shown}");
    assert!(shown.contains("objects ["), "no bar: {shown}");
}

/// Whoever says yes has seen what will be done.
#[tokio::test]
async fn what_changes_while_the_question_waits_is_not_overrun() {
    let scene = routed().await;
    applied(&scene, &FEW).await;
    let name = "Lease (data_prod): requests fail";
    for command in [line(&[&["apply"], &FEW]), line(&[&["destroy", "--backup", "backup.json"], &super::LEASE])] {
        edit(&scene, ObjectKind::Monitor, name, "/priority", json!(5));
        let count = scene.sim.writes();
        let meanwhile = || edit(&scene, ObjectKind::Monitor, name, "/priority", json!(4));
        let (code, shown) = on_terminal(&scene, &command, "y\n", meanwhile).await;
        assert!(code == Some(1) && shown.contains("datadog has changed since the plan was shown"), "{shown}");
        assert_eq!(scene.sim.writes(), count, "nothing is written");
    }
}
