//! Deployments on their way from the company's GitHub to its Datadog, by the daemon.

use std::time::Duration;

use ddsync::sim::github::history::{Action, Cause, Conclusion};
use ddsync::sim::{Clock, Deploy, Dispatch, Fault, KeptDeployment, ObjectKind, Options, Rule, Sim};
use serde_json::{Value, json};

use crate::kill::life;
use crate::process::{Place, Process, wait_for};
use crate::scene::morning;

const ML: &str = "acme/ml-pipelines";

/// Nothing but deployments, so that a busy machine has time for them.
const QUIET: &str = "schedules: {hot: \"0 0 1 1 *\", warm: \"0 0 1 1 *\", discover: \"0 0 1 1 *\"}\n";

/// A company with few deployments behind it, at so many times real time.
async fn place(seed: u64, rate: f64, more: &str) -> Place {
    let options = Options { seed, clock: Clock::scaled(morning(), rate), github_runs: 60, ..Options::default() };
    Place::with(options, more).await
}

/// An `up` of the pipeline Lease in production, which takes a minute.
fn deploy(sim: &Sim, branch: &str, cause: Cause) -> Deploy {
    let asked = Dispatch {
        pipeline: "Lease".into(),
        action: Action::Up,
        environment: "data_prod".into(),
        branch: branch.into(),
        cause,
        minutes: 1,
        conclusion: Conclusion::Success,
    };
    sim.dispatch(ML, &asked).expect("a branch")
}

/// What Datadog has of a run.
fn kept(sim: &Sim, run: u64) -> Option<KeptDeployment> {
    sim.deployments().into_iter().find(|kept| kept.id.contains(&run.to_string()))
}

fn failed(sim: &Sim, run: u64) -> bool {
    kept(sim, run).is_some_and(|kept| kept.change_failure == Some(true))
}

/// The markers on dashboards.
fn markers(sim: &Sim) -> Vec<Value> {
    let mut events = sim.events();
    events.retain(|event| event["attributes"]["attributes"]["source_type_name"] == "my_apps");
    events
}

async fn job(process: &Process, name: &str) -> Value {
    let status = process.status().await;
    let jobs = status["jobs"].as_array().expect("jobs");
    jobs.iter().find(|job| job["job"] == name).cloned().unwrap_or_default()
}

async fn runs(process: &Process) -> u64 {
    job(process, "deploys").await["runs"].as_u64().unwrap_or_default()
}

/// Waits until all that is past has been read and sent.
async fn settled(process: &Process) {
    let all = async || {
        let job = job(process, "deploys").await;
        let note = job["note"].as_str().unwrap_or_default();
        note.contains("listed") && !note.contains("not read yet") && !note.contains("sent") && !note.contains("round")
    };
    wait_for("the past is not read", all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deployed_is_in_datadog_soon_and_what_went_bad_is_marked() {
    let place = place(41, 120.0, QUIET).await;
    let sim = &place.sim;
    let monitor = json!({
        "name": "Lease (data_prod): stuck", "type": "query alert", "message": "", "priority": 1,
        "query": "max(last_5m):max:mlpipeline.endpoint.backlog.max{pipeline:lease} > 5",
        "tags": ["pipeline:lease", "environment:data_prod", "ddsync_namespace:main", "ddsync_key:x/global"],
    });
    let monitor = sim.create_by_hand(ObjectKind::Monitor, monitor).expect("a monitor");
    let process = place.start(&[], &[]);
    settled(&process).await;

    let now = sim.clock().now();
    let past = sim.deploys().into_iter().rfind(|run| {
        run.repository == ML && run.branch == "main" && run.titled && run.attempts.iter().all(|it| it.completed < now)
    });
    let old = past.expect("a deployment").commit;
    let good = deploy(sim, &old, Cause::Planned);
    wait_for("the first is not in Datadog", async || kept(sim, good.id).is_some()).await;
    let bad = deploy(sim, "main", Cause::Planned);
    assert_ne!(bad.commit, good.commit);
    wait_for("the second is not in Datadog", async || kept(sim, bad.id).is_some()).await;
    assert!(!failed(sim, bad.id));
    assert!(sim.alert(&monitor, "stage:page-split", sim.clock().now().timestamp()));
    wait_for("the alert marks nothing", async || failed(sim, bad.id)).await;
    let back = deploy(sim, &old, Cause::Rollback);
    let remedied = || kept(sim, bad.id).and_then(|kept| kept.remediation);
    wait_for("no remediation is told", async || remedied().is_some()).await;
    let remediation = remedied().expect("told");
    assert_eq!(remediation["type"], "rollback");
    assert!(remediation["id"].as_str().expect("an id").contains(&back.id.to_string()), "{remediation}");

    let told = || {
        let markers = markers(sim);
        let titles = markers.iter().map(|event| event["attributes"]["attributes"]["title"].clone());
        titles.filter(|title| *title == "lease deployed to data_prod").count()
    };
    wait_for("a deployment has no marker", async || told() == 3).await;
    let gauge = |name: &str, tags: &[&str]| {
        let ledger = sim.ledger();
        let found = ledger.series.iter().find(|(series, _)| {
            series.metric == name && tags.iter().all(|tag| series.tags.iter().any(|own| own == tag))
        });
        found.and_then(|(_, points)| points.values().last().map(|kept| kept.value))
    };
    let of = ["pipeline:lease", "environment:data_prod", "window:7d"];
    let counted = || gauge("mlpipeline.deploy.deployments", &of) >= Some(3.0);
    wait_for("the gauge does not follow", async || counted()).await;
    assert!(gauge("mlpipeline.deploy.failures", &of) >= Some(1.0));
    assert!(gauge("mlpipeline.deploy.count", &["pipeline:lease", "result:succeeded"]).is_some());

    let said = place.run(&["dora", "mark", &back.id.to_string(), "--failed", "--because", "pages were late"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    wait_for("a person is not heard", async || failed(sim, back.id)).await;
    assert!(std::fs::read_dir(place.state().join("words")).map_or(0, Iterator::count) == 0, "the inbox is empty");
    assert_eq!(job(&process, "deploys").await["failures"], 0, "{}", process.log());
    assert!(!sim.deployments().iter().any(|kept| kept.clashes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_with_nothing_new_costs_no_quota_and_sends_no_deployment() {
    let place = place(42, 60.0, QUIET).await;
    let process = place.start(&[], &[]);
    settled(&process).await;
    let quota = async || process.status().await["extra"]["github"].clone();
    let asked = |service: &str, operation: &str| {
        place.sim.requests().get(&(service.to_owned(), operation.to_owned())).copied().unwrap_or_default()
    };
    let begun = runs(&process).await;
    wait_for("no further poll", async || runs(&process).await > begun).await;
    let (before, listed, sent) = (quota().await, asked("github", "runs"), asked("datadog", "send_deployment"));
    let begun = runs(&process).await;
    wait_for("no further polls", async || runs(&process).await > begun + 2).await;
    assert!(before["remaining"].as_u64().is_some());
    assert_eq!(quota().await, before);
    assert!(asked("github", "runs") > listed, "it has looked");
    assert_eq!(asked("datadog", "send_deployment"), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_sends_no_deployment_and_no_marker_twice() {
    let place = place(43, 120.0, QUIET).await;
    let sim = &place.sim;
    sim.faults().add(Rule::new("datadog", Fault::LostAnswer).with_probability(0.2));
    let mut process = place.start(&[], &[]);
    for kill in 0..8 {
        deploy(sim, "main", Cause::Planned);
        tokio::time::sleep(life(43, kill, (200, 1_500))).await;
        assert!(process.runs(), "{}", process.log());
        process.kill();
        process = place.start(&[], &[]);
    }
    sim.faults().clear();
    let last = deploy(sim, "main", Cause::Planned);
    wait_for("the last is not in Datadog", async || kept(sim, last.id).is_some()).await;
    settled(&process).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let kept = sim.deployments();
    let mut ids: Vec<&str> = kept.iter().map(|kept| kept.id.as_str()).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(all, ids.len(), "{ids:?}");
    assert!(all >= 9 && !kept.iter().any(|kept| kept.clashes), "{kept:#?}");
    let events = markers(sim);
    let mut markers: Vec<String> = events.iter().map(|event| event["attributes"]["tags"].to_string()).collect();
    let posted = markers.len();
    markers.sort();
    markers.dedup();
    assert_eq!((posted, posted >= 9), (markers.len(), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_github_token_is_named_while_metrics_go_on() {
    let place = place(44, 60.0, "").await;
    let process = place.start(&[], &[("GITHUB_TOKEN", "mistyped")]);
    wait_for("the job does not fail", async || {
        job(&process, "deploys").await["consecutive_failures"].as_u64() > Some(2)
    })
    .await;
    let job = job(&process, "deploys").await;
    assert_eq!(job["last_error"]["tag"], "bad_credential");
    let message = job["last_error"]["message"].as_str().expect("words").to_owned();
    assert!(message.contains("check GITHUB_TOKEN or `github.token_file`"), "{message}");
    wait_for("metrics do not go on", async || place.checkpoints() == 4).await;
    let (code, reasons) = process.get("/readyz").await;
    assert!(code == 503 && reasons.lines().count() == 1 && reasons.contains("GITHUB_TOKEN"), "{reasons}");
    assert!(process.log().contains("GITHUB_TOKEN") && !process.log().contains("mistyped"), "{}", process.log());
}
