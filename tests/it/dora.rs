//! `ddsync dora` as a process, over a state that the test has written.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use ddsync::clock::Clock;
use ddsync::config::settings::StateLocation;
use ddsync::model::dora::{
    Action, Attempt, AttemptState, Attribution, Commit, CommitSource, Deployment, Fact, Origin, Run, RunState, Unit,
};
use ddsync::state::{Store, StoredLedger};

use crate::scene::{Scene, morning};

const PIPELINE: &str = "lease";

/// An `up` of a pipeline that ended so many hours before the company's morning.
fn up(run: u64, pipeline: &str, hours_ago: i64) -> Deployment {
    let ended = (morning() - TimeDelta::hours(hours_ago)).timestamp();
    let url = format!("https://github.com/acme/ml/actions/runs/{run}");
    Deployment {
        run,
        action: Action::Up,
        unit: Unit::new(pipeline, "data_prod"),
        created_at: ended - 600,
        origin: Origin {
            by: Attribution::Title,
            as_of: ended,
            repository: "acme/ml".into(),
            workflow: ".github/workflows/deploy.yml".into(),
            title: format!("up pipelines/{pipeline}.yaml to data_prod from main"),
            url: url.clone(),
            yaml: format!("pipelines/{pipeline}.yaml"),
            branch: Some("main".into()),
        },
        commit: Commit::Known { from: CommitSource::DispatchedRef, resolved_at: ended, sha: format!("{run:040x}") },
        team: Some("docs".into()),
        version: None,
        attempts: BTreeMap::from([(
            1,
            Attempt {
                state: AttemptState::Succeeded,
                started_at: Some(ended - 300),
                finished_at: Some(ended),
                url: format!("{url}/attempts/1"),
            },
        )]),
    }
}

/// A company with a ledger in its state, and the lock on it, as a daemon holds it.
struct Followed {
    scene: Scene,
    store: Store,
    ledger: StoredLedger,
}

impl Followed {
    async fn new() -> Self {
        // Its clock stands still, as far as a person can see.
        let mut scene = Scene::at_rate(1e-6).await;
        scene.environment.insert("USER".to_owned(), "ana".to_owned());
        let location = StateLocation::Folder(scene.path("state"));
        let store = Store::open(&location, "daemon", Clock::Real).expect("a state");
        let mut ledger = StoredLedger::load(&store, now()).await.expect("a ledger");
        let facts = [up(101, PIPELINE, 200), up(102, PIPELINE, 100), up(103, "invoice", 50)].map(Fact::Deployment);
        let unknown = Run {
            as_of: morning().timestamp(),
            state: RunState::NoInputs,
            id: 104,
            created_at: (morning() - TimeDelta::hours(10)).timestamp(),
            repository: "acme/ml".into(),
            workflow: ".github/workflows/deploy.yml".into(),
            title: "Deploy self-service infrastructure".into(),
            url: "https://github.com/acme/ml/actions/runs/104".into(),
        };
        for fact in facts.into_iter().chain([Fact::Run(unknown)]) {
            ledger.observe(fact);
        }
        ledger.save(&store).await.expect("it is saved");
        Self { scene, store, ledger }
    }

    /// Takes over what people have said, as a poll does.
    async fn poll(&mut self) {
        let inbox = self.store.inbox().await.expect("an inbox");
        assert!(!inbox.is_empty() && inbox.unreadable().is_empty());
        for fact in inbox.facts() {
            self.ledger.observe(fact);
        }
        self.ledger.save(&self.store).await.expect("it is saved");
        self.store.clear(&inbox).await.expect("it is cleared");
    }

    /// Failures of `lease`, as the report counts them.
    async fn failures(&self) -> u64 {
        let report = self.scene.run(&["dora", "report", "--json", "--pipeline", PIPELINE]).await.json();
        assert_eq!(report["version"], 1);
        report["units"][0]["summary"]["change_failure_rate"]["k"].as_u64().expect("a number")
    }
}

fn now() -> DateTime<Utc> {
    morning()
}

#[tokio::test]
async fn a_person_is_heard_while_a_daemon_runs_and_the_opposite_undoes_it() {
    let mut followed = Followed::new().await;
    assert_eq!(followed.failures().await, 0);
    let mark = async |followed: &Followed, verdict: &str| {
        followed.scene.run(&["dora", "mark", "102", verdict, "--because", "pages were late"]).await
    };
    let said = mark(&followed, "--failed").await;
    insta::assert_snapshot!("mark_failed", said.whole());
    assert_eq!(followed.failures().await, 1, "a report knows it at once");
    followed.poll().await;
    assert_eq!(followed.failures().await, 1, "and after the daemon has taken it over");
    assert_eq!(mark(&followed, "--ok").await.code, Some(0));
    assert_eq!(followed.failures().await, 0);
    followed.poll().await;
    let explained = followed.scene.run(&["dora", "explain", "ddsync:00000000102"]).await;
    assert_eq!((explained.code, explained.stderr.as_str()), (Some(0), ""));
    for words in ["ana: failed, because \"pages were late\"", "ana: no failure, because \"pages were late\""] {
        assert!(explained.stdout.contains(words), "{}", explained.stdout);
    }
    let explained = followed.scene.run(&["dora", "explain", "102", "--json"]).await.json();
    assert_eq!((&explained["failure"], &explained["words"][1]["by"]), (&false.into(), &"ana".into()));
}

#[tokio::test]
async fn a_report_as_it_is_read_by_people_and_by_programs() {
    let followed = Followed::new().await;
    let report = followed.scene.run(&["dora", "report", "--window", "28d"]).await;
    insta::assert_snapshot!("report", report.whole());
    let csv = followed.scene.run(&["dora", "report", "--csv", "--blended", "--window", "7d"]).await;
    assert_eq!((csv.code, csv.stderr.as_str()), (Some(0), ""));
    let rows: Vec<&str> = csv.stdout.lines().collect();
    assert_eq!(rows.len(), 4, "{}", csv.stdout);
    assert!(rows[0].starts_with("scope,pipeline,environment,teams,from,to,days,deployments,"), "{}", rows[0]);
    assert!(rows[1].starts_with("unit,invoice,data_prod,docs,") && rows[3].starts_with("blended,,,docs,"), "{rows:?}");
    let terminal = followed.scene.start_on_terminal(&["dora", "report"]);
    let shown = terminal.wait_with_output().await.expect("it ends").stdout;
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(shown.contains("WEEKS") && shown.contains('█'), "{shown}");
    assert!(!report.stdout.contains("WEEKS"), "bars are for a terminal");
}

#[tokio::test]
async fn what_is_not_there_is_said_with_what_is() {
    let followed = Followed::new().await;
    let mut screens = Vec::new();
    for arguments in [
        &["dora", "report", "--pipeline", "leese"][..],
        &["dora", "report", "--json", "--csv"],
        &["dora", "report", "--window", "30d"],
        &["dora", "explain", "10"],
        &["dora", "explain", "ddsync:"],
        &["dora", "explain", "104"],
        &["dora", "mark", "999", "--ok", "--because", "x"],
        &["dora", "mark", "102", "--because", "x"],
        &["dora", "mark", "102", "--ok", "--failed", "--because", "x"],
        &["dora", "mark", "102", "--ok", "--because", " "],
    ] {
        let screen = followed.scene.run(arguments).await;
        assert_eq!((screen.code, screen.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        screens.push(format!("$ ddsync {}\n{}", arguments.join(" "), screen.complaints()));
    }
    insta::assert_snapshot!("not_there", screens.join("\n"));
    assert!(followed.store.inbox().await.expect("an inbox").is_empty(), "nothing was said");
}

#[tokio::test]
async fn help() {
    let scene = Scene::at_rate(1e-6).await;
    for command in ["report", "explain", "mark"] {
        insta::assert_snapshot!(format!("help_{command}"), scene.run(&["dora", command, "--help"]).await.whole());
    }
}

#[tokio::test]
async fn before_anything_is_known() {
    let scene = Scene::at_rate(1e-6).await;
    insta::assert_snapshot!("nothing_known", scene.run(&["dora", "report"]).await.whole());
    let screen = scene.run(&["dora", "mark", "1", "--ok", "--because", "x"]).await;
    assert_eq!(screen.code, Some(2));
    assert!(!scene.path("state").exists(), "nobody has made a state");
}
