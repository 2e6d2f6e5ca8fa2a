//! What goes wrong costs only itself, and says what to change.

use ddsync::model::dora::DeploymentId;
use ddsync::sim::{Fault, Rule};
use ddsync::source::deploys::Stopped;

use super::*;

/// What a person reads of a round.
fn words(summary: &Summary, sim: &Sim) -> String {
    let troubles = summary.troubles.iter().map(ToString::to_string);
    let stopped = summary.stopped.iter().map(|stopped| format!("stopped: {stopped}"));
    let lines: Vec<String> = troubles.chain(stopped).collect();
    lines.join("\n").replace(&sim.github_url(), "http://GITHUB")
}

async fn small(configure: &dyn Fn(String) -> String) -> Follower {
    let mut follower = Follower::of(|options| Options { github_runs: 300, ..options }, configure).await;
    follower.since = morning() - TimeDelta::days(20);
    follower
}

#[tokio::test]
async fn a_token_that_is_refused_ends_the_round() {
    let mut follower = small(&|yaml| yaml).await;
    follower.settings = settings(&follower.sim, &|yaml| yaml, &[("GITHUB_TOKEN", "ghp_wrong")]);
    follower.client = client(&follower.sim, &follower.settings);
    let summary = follower.round().await;
    insta::assert_snapshot!(words(&summary, &follower.sim), @"stopped: github refused the credential (HTTP 401): check GITHUB_TOKEN or `github.token_file`, and that it belongs to `github.base_url` http://GITHUB");
    assert!(matches!(summary.stopped, Some(Stopped::Failing(_))));
    assert_eq!((follower.asked("runs"), follower.watermarks.looked_at()), (1, None));
    follower.sim.stop().await;
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    let mut follower = small(&|yaml| yaml).await;
    follower.sim.faults().set(vec![Rule::new("github", Fault::Forbidden).on("runs")]);
    let summary = follower.round().await;
    insta::assert_snapshot!(words(&summary, &follower.sim), @r#"
    acme/ml-pipelines, deploy.yml: github does not allow it (HTTP 403): it takes `actions=read`, and the token has `read:user`; check GITHUB_TOKEN or `github.token_file`; it said: Resource not accessible by personal access token
    acme/claims, release.yml: github does not allow it (HTTP 403): it takes `actions=read`, and the token has `read:user`; check GITHUB_TOKEN or `github.token_file`; it said: Resource not accessible by personal access token
    "#);
    follower.sim.faults().set(vec![Rule::new("github", Fault::Forbidden).on("contents").at_most(1)]);
    let summary = follower.round().await;
    assert_eq!((summary.troubles.len(), summary.pending, summary.stopped), (1, 1, None));
    // What could not be read waits, and is read once it can be.
    assert_eq!(follower.ledger.runs.len(), 1);
    let summary = follower.round().await;
    assert_eq!((summary.pending, follower.ledger.runs.len()), (0, 0));
    follower.sim.stop().await;
}

/// GitHub says of what has just happened that it did not, once.
#[tokio::test]
async fn what_github_does_not_have_yet_is_asked_for_again() {
    let whole = {
        let mut follower = small(&|yaml| yaml).await;
        follower.round().await;
        follower.sim.stop().await;
        follower.ledger
    };
    for operation in ["jobs", "contents", "compare"] {
        let mut follower = small(&|yaml| yaml).await;
        let fault = if operation == "jobs" { Fault::Nothing } else { Fault::NotFound };
        // The newest run is read first; of the comparisons all are denied.
        let rule = Rule::new("github", fault).on(operation);
        follower.sim.faults().set(vec![if operation == "compare" { rule } else { rule.at_most(1) }]);
        follower.round().await;
        assert_ne!(follower.ledger, whole, "{operation}");
        follower.sim.faults().clear();
        follower.round().await;
        let young = |id: &DeploymentId| {
            let deployment = whole.entries[id].deployment.as_ref().expect("a deployment");
            morning().timestamp() - deployment.origin.as_of < 20 * 3_600
        };
        let mut healed = 0;
        for (id, entry) in whole.entries.iter().filter(|(id, _)| young(id)) {
            let now = &follower.ledger.entries[id];
            assert_eq!(
                (&now.deployment, &now.comparisons),
                (&entry.deployment, &entry.comparisons),
                "{operation}: {id}"
            );
            healed += 1;
        }
        assert!(healed > 0);
        follower.sim.stop().await;
    }
}

#[tokio::test]
async fn a_repository_and_a_workflow_that_are_gone_cost_only_themselves() {
    let mut follower = small(&|yaml| {
        yaml.replace("{repo: acme/claims, workflows: [release.yml]}", "{repo: acme/claims, workflows: [deploy.yml, release.yml]}, {repo: acme/gone, workflows: [deploy.yml]}, {repo: acme/old-pipelines, workflows: [deploy.yml]}")
    })
    .await;
    let summary = follower.round().await;
    insta::assert_snapshot!(words(&summary, &follower.sim), @r#"
    acme/claims, deploy.yml: acme/claims has no workflow `deploy.yml`; it has release.yml; check `workflows` in `github.repositories`
    acme/gone, deploy.yml: no repository acme/gone (HTTP 404): it is gone, was renamed, or may not be read; check `github.repositories`, and that GITHUB_TOKEN or `github.token_file` may read it
    acme/old-pipelines, deploy.yml: acme/old-pipelines has moved (HTTP 301); write its new name into `github.repositories`
    "#);
    assert!(summary.attributed > 10 && summary.stopped.is_none());
    let repositories: std::collections::BTreeSet<&str> =
        follower.ledger.deployments().map(|it| it.origin.repository.as_str()).collect();
    assert_eq!(repositories.into_iter().collect::<Vec<_>>(), ["acme/claims", ML]);
    follower.sim.stop().await;
}

#[tokio::test]
async fn a_pattern_that_fits_nothing_is_shown_with_a_title() {
    let run_name = "github: {run_name: \"{action}: {yaml} ({environment})\", ";
    let mut follower = small(&|yaml| yaml.replace("github: {", run_name)).await;
    let summary = follower.round().await;
    assert_eq!(summary.unattributed, 0, "the names of jobs still tell");
    let unfit = summary.unfit.iter().find(|unfit| unfit.repository == ML).expect("a title");
    let newest = follower.truth(ML).pop().expect("a run");
    let title =
        format!("pipelines/{}.yaml to {} from {}", newest.pipeline.to_lowercase(), newest.environment, newest.branch);
    assert_eq!((unfit.repository.as_str(), unfit.workflow.as_str()), (ML, "deploy.yml"));
    assert!(unfit.title.ends_with(&title), "{} {title}", unfit.title);
    follower.sim.stop().await;
}

#[tokio::test]
async fn a_github_that_fails_for_one_run_is_asked_for_the_others_and_left_alone_when_it_fails_for_all() {
    let clock = Clock::scaled(morning(), 600.0);
    let mut follower = Follower::of(|options| Options { clock, github_runs: 300, ..options }, &|yaml| yaml).await;
    follower.since = morning() - TimeDelta::days(20);
    let deadline = morning() + TimeDelta::days(1);
    // Three tries are one failure.
    follower.sim.faults().set(vec![Rule::new("github", Fault::ServerError(502)).on("jobs").at_most(3)]);
    let summary = follower.round_until(deadline, &|_| ()).await;
    insta::assert_snapshot!(words(&summary, &follower.sim).replace(char::is_numeric, "N"), @"acme/ml-pipelines, deploy.yml, run NNNNNNNNNN: github failed (HTTP NNN): Server Error");
    assert!(summary.attributed > 10);
    let mut follower = Follower { ledger: Ledger::default(), watermarks: Watermarks::default(), ..follower };
    follower.sim.faults().set(vec![Rule::new("github", Fault::ServerError(502)).on("jobs")]);
    let jobs = follower.asked("jobs");
    let summary = follower.round_until(deadline, &|_| ()).await;
    assert!(matches!(summary.stopped, Some(Stopped::Failing(_))));
    assert_eq!((follower.asked("jobs") - jobs, summary.attributed, summary.pending), (9, 0, summary.listed));
    assert_eq!(follower.ledger.runs.len(), summary.listed, "each is known to wait");
    follower.sim.stop().await;
}
