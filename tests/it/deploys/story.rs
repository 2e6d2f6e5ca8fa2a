//! The company's half year ends in the ledger as it happened.

use std::collections::BTreeSet;

use ddsync::model::dora::{
    Action, AttemptState, Attribution, Change, Changes, Commit, CommitSource, Comparison, NoCommit, Outcome, Relation,
    Rules, state,
};
use ddsync::sim::Dispatch;
use ddsync::sim::github::history;

use tokio::sync::OnceCell;

use super::*;

/// Of a preview nothing is recorded.
fn is_described(deploy: &Deploy) -> bool {
    deploy.described && deploy.action != history::Action::Preview
}

/// Whether anything says which file was deployed, and not only which pipeline.
fn names_file(deploy: &Deploy) -> bool {
    deploy.named_jobs || is_described(deploy)
}

/// A job of the pretend company is stopped after an hour.
fn rules() -> Rules {
    Rules { job_timeout: 3_600, ..Rules::default() }
}

fn action(of: &Deploy) -> Action {
    match of.action {
        history::Action::Up => Action::Up,
        history::Action::Preview => Action::Preview,
        history::Action::Destroy => Action::Destroy,
    }
}

fn state_of(conclusion: history::Conclusion) -> AttemptState {
    match conclusion {
        history::Conclusion::Success => AttemptState::Succeeded,
        history::Conclusion::Failure => AttemptState::Failed,
        history::Conclusion::Cancelled => AttemptState::Cancelled,
        history::Conclusion::TimedOut => AttemptState::TimedOut,
    }
}

/// Names of what a run deployed: one file declares two pipelines, which an artifact's name cannot tell.
fn pipelines(deploy: &Deploy) -> BTreeSet<String> {
    let second = (deploy.pipeline == "FaxIntake" && names_file(deploy)).then(|| "FaxArchive".to_owned());
    std::iter::once(deploy.pipeline.clone()).chain(second).collect()
}

fn check_attempts(deploy: &Deploy, deployment: &Deployment, now: DateTime<Utc>) {
    let asked = deploy.attempts.iter().filter(|attempt| attempt.asked <= now);
    let wanted: Vec<_> = asked
        .map(|attempt| {
            let over = attempt.completed <= now;
            let began = attempt.started <= now;
            let state = if over { state_of(attempt.conclusion) } else { AttemptState::Running };
            let seconds = |at: DateTime<Utc>| at.timestamp();
            (state, began.then(|| seconds(attempt.started)), over.then(|| seconds(attempt.completed)))
        })
        .collect();
    let told = deployment.attempts.values();
    let told: Vec<_> = told.map(|it| (state(it, &rules()), it.started_at, it.finished_at)).collect();
    assert_eq!(told, wanted, "{deploy:?}");
}

/// What the ledger must say of the commit; nothing where nobody could know.
fn check_commit(deploy: &Deploy, deployment: &Deployment) {
    let told = &deployment.commit;
    let from = |wanted: CommitSource| {
        assert!(matches!(told, Commit::Known { from, .. } if *from == wanted), "{told:?} {deploy:?}");
        assert_eq!(told.sha(), Some(deploy.commit.as_str()), "{deploy:?}");
    };
    match deploy.branch.as_str() {
        _ if !deploy.titled => assert_eq!(told, &Commit::Unknown(NoCommit::BranchUnknown), "{deploy:?}"),
        // GitHub does not say what it was dispatched on, so the branch's own line has to.
        "main" if deploy.nulls.contains(&"head_branch") => {
            assert!(!matches!(told, Commit::Known { from: CommitSource::DispatchedRef, .. }), "{told:?}");
        }
        "main" => from(CommitSource::DispatchedRef),
        sha if sha.len() == 40 => from(CommitSource::Run),
        branch if branch.starts_with("hotfix/") => {
            assert_eq!(told, &Commit::Unknown(NoCommit::BranchDeleted), "{deploy:?}");
        }
        _ => {
            assert!(!matches!(told, Commit::Known { from: CommitSource::DispatchedRef, .. }), "{told:?}");
            assert_ne!(told.sha(), Some(deploy.head_sha.as_str()), "never what it was dispatched on: {deploy:?}");
        }
    }
}

/// The half year, collected once for all tests that only look at it.
struct HalfYear {
    summary: Summary,
    ledger: Ledger,
    truth: Vec<Deploy>,
}

static HALF_YEAR: OnceCell<HalfYear> = OnceCell::const_new();

async fn half_year() -> &'static HalfYear {
    let collect = async || {
        let mut follower = Follower::new().await;
        let summary = follower.round().await;
        let truth = follower.sim.deploys();
        follower.sim.stop().await;
        HalfYear { summary, ledger: follower.ledger, truth }
    };
    HALF_YEAR.get_or_init(collect).await
}

impl HalfYear {
    fn of_run(&self, run: u64) -> Vec<&Deployment> {
        self.ledger.deployments().filter(|deployment| deployment.run == run).collect()
    }

    fn commit(&self, run: &Deploy) -> &Commit {
        &self.of_run(run.id)[0].commit
    }

    fn titled(&self) -> impl Iterator<Item = &Deploy> {
        self.truth.iter().filter(|deploy| deploy.titled)
    }

    /// The newest run that has ended and is such.
    fn newest(&self, wanted: impl Fn(&Deploy) -> bool) -> &Deploy {
        let fits = |deploy: &&Deploy| last(deploy).completed < morning() && wanted(deploy);
        self.truth.iter().rev().find(fits).expect("one of these")
    }

    fn outcome(&self, of: &Deploy) -> Outcome {
        Outcome::of(self.of_run(of.id)[0], &rules())
    }
}

fn last(deploy: &Deploy) -> &history::Attempt {
    deploy.attempts.last().expect("an attempt")
}

#[tokio::test]
async fn half_a_year_is_in_the_ledger_as_it_happened() {
    let year = half_year().await;
    let HalfYear { summary, truth, ledger } = year;
    let now = morning();
    assert!(truth.len() > 1_400);
    assert_eq!((summary.listed, summary.stopped.clone()), (truth.len(), None));
    assert_eq!(summary.attributed + summary.unattributed + summary.pending, summary.listed);
    assert_eq!((summary.unattributed, summary.troubles.as_slice()), (0, &[][..]));
    assert_eq!(summary.unfit, [], "some titles of every workflow fit");
    let mut by_run: BTreeMap<u64, Vec<&Deployment>> = BTreeMap::new();
    for deployment in ledger.deployments() {
        by_run.entry(deployment.run).or_default().push(deployment);
    }
    let mut ways = BTreeSet::new();
    for deploy in truth {
        let Some(deployments) = by_run.get(&deploy.id) else {
            assert!(deploy.attempts[0].started > now && ledger.runs.contains_key(&deploy.id), "{deploy:?}");
            continue;
        };
        let names: BTreeSet<String> = deployments.iter().map(|it| it.unit.pipeline.clone()).collect();
        assert_eq!(names, pipelines(deploy), "{deploy:?}");
        for deployment in deployments {
            // Runs older than `run-name` are told by their jobs, older ones by what they left, and the oldest by what was
            // recorded of them, which a preview is not.
            let by = match (deploy.titled, deploy.named_jobs) {
                (true, _) => Attribution::Title,
                (false, true) => Attribution::JobName,
                (false, false) if is_described(deploy) => Attribution::DeploymentsApi,
                (false, false) => Attribution::Artifact,
            };
            ways.insert(by);
            assert_eq!((deployment.origin.by, deployment.action), (by, action(deploy)), "{deploy:?}");
            assert_eq!(deployment.unit.environment, deploy.environment);
            assert_eq!(deployment.created_at, deploy.created().timestamp());
            assert_eq!(deployment.team.as_deref(), names_file(deploy).then_some("Docs"));
            check_attempts(deploy, deployment, now);
            check_commit(deploy, deployment);
        }
    }
    assert_eq!(ways.len(), 4, "{ways:?}");
    assert!(ledger.questions().is_empty());
}

#[tokio::test]
async fn a_run_that_failed_and_went_well_again_is_one_deployment() {
    let year = half_year().await;
    let again = year.newest(|it| it.attempts.len() == 2 && last(it).conclusion == history::Conclusion::Success);
    let finished_at = last(again).completed.timestamp();
    let outcome = year.outcome(again);
    assert!(
        matches!(outcome, Outcome::Reached { attempt: 2, finished_at: at, .. } if at == finished_at),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_github_calls_cancelled_may_be_a_timeout() {
    let year = half_year().await;
    let slow = year.newest(|it| last(it).conclusion == history::Conclusion::TimedOut);
    assert!(matches!(year.outcome(slow), Outcome::Failed { .. }));
    let stopped = year.newest(|it| last(it).conclusion == history::Conclusion::Cancelled);
    assert!(matches!(year.outcome(stopped), Outcome::Cancelled { .. }));
}

#[tokio::test]
async fn a_file_with_two_pipelines_is_two_deployments_of_one_run() {
    let year = half_year().await;
    let fax = year.newest(|it| it.pipeline == "FaxIntake" && it.action == history::Action::Preview);
    let both = year.of_run(fax.id);
    assert_eq!(both.iter().map(|it| it.unit.pipeline.as_str()).collect::<Vec<_>>(), ["FaxArchive", "FaxIntake"]);
    assert!(both.iter().all(|it| it.action == Action::Preview));
    assert_eq!(both[0].attempts, both[1].attempts);
}

#[tokio::test]
async fn a_rollback_names_its_commit_which_lies_behind() {
    let year = half_year().await;
    let rollbacks = year.titled().filter(|it| it.cause == history::Cause::Rollback);
    let behind = rollbacks.filter(|rollback| {
        let entry = &year.ledger.entries[&year.of_run(rollback.id)[0].id()];
        let back = |it: &Comparison| it.relation == Some(Relation::Behind) && it.changes == Changes::Known(Vec::new());
        entry.comparisons.values().any(back)
    });
    assert!(behind.count() > 3);
}

#[tokio::test]
async fn only_commits_that_touch_the_pipeline_are_changes() {
    let year = half_year().await;
    let comparisons = year.ledger.entries.values().flat_map(|entry| entry.comparisons.values());
    let changes: Vec<&Vec<Change>> = (comparisons.map(|comparison| &comparison.changes))
        .filter_map(|changes| match changes {
            Changes::Known(changes) => Some(changes),
            Changes::Unknown(_) => None,
        })
        .collect();
    let touching: usize = changes.iter().map(|changes| changes.len()).sum();
    // Three commits of ten touch a pipeline's file, one of four pipelines at a time.
    assert!(changes.len() > 50 && touching > 20, "{} {touching}", changes.len());
}

#[tokio::test]
async fn a_branch_that_was_replaced_and_one_that_is_gone_leave_the_commit_unknown() {
    let year = half_year().await;
    let of = |start: &str, why: NoCommit| {
        let runs = year.titled().filter(|it| it.branch.starts_with(start));
        runs.filter(|it| *year.commit(it) == Commit::Unknown(why)).count()
    };
    assert!(of("experiment/layout", NoCommit::ForcePushed) > 3);
    assert!(of("feature/", NoCommit::BranchDeleted) > 50);
    assert!(of("hotfix/", NoCommit::BranchDeleted) > 3);
}

#[tokio::test]
async fn a_branch_that_was_not_dispatched_on_has_a_commit_of_its_own() {
    let year = half_year().await;
    let open = year.titled().filter(|it| it.branch.starts_with("feature/") && it.commit != it.head_sha);
    let right = open.filter(|it| year.commit(it).sha() == Some(&it.commit)).count();
    assert!(right > 3, "{right}");
}

#[tokio::test]
async fn a_run_is_followed_while_it_goes_on() {
    let clock = Clock::scaled(morning(), 600.0);
    let mut follower = Follower::of(|options| Options { clock, github_runs: 300, ..options }, &|yaml| yaml).await;
    follower.since = morning() - TimeDelta::days(1);
    let deploy = |branch: &str| Dispatch {
        pipeline: "Lease".into(),
        action: history::Action::Up,
        environment: "data_prod".into(),
        branch: branch.into(),
        cause: history::Cause::Planned,
        minutes: 60,
        conclusion: history::Conclusion::Failure,
    };
    let made = follower.sim.dispatch(ML, &deploy("feature/27")).expect("an open branch");
    let ours = clock::Clock::parse(&clock.to_env()).expect("a clock");
    ours.sleep_until(made.attempts[0].started + TimeDelta::seconds(5)).await;
    let deadline = morning() + TimeDelta::days(1);
    let summary = follower.round_until(deadline, &|_| ()).await;
    assert_eq!(summary.troubles, []);
    let running = follower.of_run(made.id)[0].clone();
    assert_eq!((running.attempts[&1].state, running.attempts[&1].finished_at), (AttemptState::Running, None));
    assert!(matches!(running.commit, Commit::Known { from: CommitSource::BranchAtStart, .. }), "{:?}", running.commit);
    assert_eq!(running.commit.sha(), Some(made.commit.as_str()));
    assert_ne!(made.commit, made.head_sha);
    ours.sleep_until(made.attempts[0].completed + TimeDelta::seconds(60)).await;
    follower.round_until(deadline, &|_| ()).await;
    let over = follower.of_run(made.id)[0].clone();
    assert_eq!(over.attempts[&1].state, AttemptState::Failed);
    assert_eq!(over.attempts[&1].finished_at, Some(made.attempts[0].completed.timestamp()));
    assert_eq!(over.commit, running.commit);
    follower.sim.stop().await;
}

#[tokio::test]
async fn a_run_again_is_seen_though_it_keeps_its_time() {
    let mut follower = Follower::of(|options| Options { github_runs: 600, ..options }, &|yaml| yaml).await;
    follower.round().await;
    let whole = follower.ledger.clone();
    // As the ledger was before somebody ran those of the last 30 days again.
    let recent = (morning() - TimeDelta::days(29)).timestamp();
    let mut again = 0;
    for deployment in follower.ledger.entries.values_mut().filter_map(|entry| entry.deployment.as_mut()) {
        if deployment.created_at > recent {
            let before = deployment.attempts.len();
            deployment.attempts.retain(|number, _| *number == 1);
            again += before - deployment.attempts.len();
        }
    }
    assert!(again > 5, "{again}");
    let jobs = follower.asked("jobs");
    follower.round().await;
    assert_eq!(follower.ledger, whole);
    assert!(follower.asked("jobs") - jobs <= again as u64 + 5, "only what is new is asked for");
    follower.sim.stop().await;
}

#[tokio::test]
async fn the_ledger_is_the_same_after_a_restart_from_the_store() {
    let mut follower = Follower::of(|options| Options { github_runs: 300, ..options }, &|yaml| yaml).await;
    follower.round().await;
    let folder = tempfile::tempdir().expect("a folder");
    let location = StateLocation::Folder(folder.path().to_owned());
    let store = Store::open(&location, "test", clock::Clock::Real).expect("a store");
    let mut stored = StoredLedger::load(&store, morning()).await.expect("loaded");
    let mut round = Round::open(
        &follower.client,
        &follower.settings,
        stored.ledger(),
        &Watermarks::default(),
        follower.since,
        follower.client.now() + TimeDelta::minutes(1),
        &|_| (),
    )
    .await;
    let facts = round.step().await;
    for fact in facts {
        stored.observe(fact);
    }
    assert!(stored.save(&store).await.expect("saved") > 1);
    store.save(&ledger::WATERMARKS, &follower.watermarks).await.expect("saved");
    store.save(&ledger::ANSWERS, &follower.client.kept()).await.expect("saved");
    drop(store);
    let reader = Store::peek(&location).expect("a reader");
    let read = StoredLedger::load(&reader, morning()).await.expect("read");
    assert_eq!(read.ledger(), stored.ledger());
    let watermarks = reader.load::<Watermarks>(&ledger::WATERMARKS).await.expect("read");
    assert_eq!(watermarks.data.as_ref(), Some(&follower.watermarks));
    assert!(reader.load::<Cache>(&ledger::ANSWERS).await.expect("read").data.is_some_and(|cache| !cache.is_empty()));
    follower.sim.stop().await;
}
