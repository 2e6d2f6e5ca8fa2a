use std::collections::{HashMap, HashSet};

use super::*;
use crate::model::dora::{JOB_NAME, Pattern, TITLE};
use crate::sim::github::history::{Action, Cause, Conclusion, Dispatch};

#[tokio::test]
async fn every_run_is_listed_once_though_a_search_ends_at_a_thousand() {
    let sim = company().await;
    let client = client_of(&sim);
    let listed = client.repository(ML, opened()).runs("deploy.yml", since(200)).await.unwrap();
    let truth = truth(&sim, ML);
    assert!(truth.len() > 1_200 && !listed.cut);
    assert_eq!(listed.items.iter().map(|run| run.id).collect::<HashSet<_>>().len(), listed.items.len());
    let ids = |ids: &mut Vec<u64>| ids.sort_unstable();
    let (mut ours, mut theirs): (Vec<u64>, Vec<u64>) =
        (listed.items.iter().map(|run| run.id).collect(), truth.iter().map(|deploy| deploy.id).collect());
    ids(&mut ours);
    ids(&mut theirs);
    assert_eq!(ours, theirs);
    assert!(listed.items.is_sorted_by(|newer, older| newer.created_at >= older.created_at));
    // Ten pages show a thousand runs, three the rest with what is seen twice.
    assert_eq!(asked(&sim, "runs"), 13);
    sim.stop().await;
}

#[tokio::test]
async fn ten_thousand_runs_take_about_a_hundred_requests() {
    let sim = company_with(0.0, |options| Options { github_runs: 10_150, ..options }).await;
    let client = client_of(&sim);
    let listed = client.repository(ML, opened()).runs("deploy.yml", since(200)).await.unwrap();
    assert_eq!(listed.items.len(), truth(&sim, ML).len());
    assert!(listed.items.len() > 10_000, "{}", listed.items.len());
    assert!(asked(&sim, "runs") <= 115, "{}", asked(&sim, "runs"));
    sim.stop().await;
}

#[tokio::test]
async fn only_runs_since_the_instant_are_given_and_the_question_stays_the_same_all_day() {
    let sim = company().await;
    let client = client_of(&sim);
    let of = |since| {
        let client = client.clone();
        async move { client.repository(ML, opened()).runs("deploy.yml", since).await.unwrap().items }
    };
    let from = since(3) + TimeDelta::hours(5);
    let runs = of(from).await;
    let wanted = truth(&sim, ML).into_iter().filter(|deploy| deploy.created() >= from).count();
    assert_eq!(runs.len(), wanted);
    let left = client.quota().unwrap().remaining;
    assert!(of(from + TimeDelta::hours(10)).await.len() < wanted);
    assert_eq!(client.quota().unwrap().remaining, left, "the second answer is free");
    sim.stop().await;
}

#[tokio::test]
async fn titles_attempts_and_nulls_come_through() {
    let sim = company().await;
    let client = client_of(&sim);
    let github = client.repository(ML, opened());
    let runs: HashMap<u64, Run> =
        github.runs("deploy.yml", since(200)).await.unwrap().items.into_iter().map(|run| (run.id, run)).collect();
    let truth = truth(&sim, ML);
    let titled = truth.iter().filter(|deploy| deploy.titled);
    for deploy in titled {
        let title = format!(
            "{} pipelines/{}.yaml to {} from {}",
            match deploy.action {
                Action::Up => "up",
                Action::Preview => "preview",
                Action::Destroy => "destroy",
            },
            deploy.pipeline.to_lowercase(),
            deploy.environment,
            deploy.branch
        );
        assert_eq!(runs[&deploy.id].display_title.as_deref(), Some(title.as_str()));
        assert_eq!(runs[&deploy.id].head_sha, deploy.head_sha);
    }
    let untitled = truth.iter().filter(|deploy| !deploy.titled).count();
    assert_eq!(runs.values().filter(|run| run.display_title.as_deref() == Some("Deploy")).count(), untitled);
    assert!(untitled > 100);
    for null in ["name", "head_branch"] {
        let wanted = truth.iter().filter(|deploy| deploy.nulls.contains(&null)).count();
        let field = |run: &&Run| if null == "name" { run.name.is_none() } else { run.head_branch.is_none() };
        assert_eq!(runs.values().filter(field).count(), wanted, "{null}");
        assert!(wanted > 0);
    }
    let again = truth.iter().find(|deploy| deploy.attempts.len() == 3).unwrap();
    let run = github.run(again.id).await.unwrap();
    assert_eq!(run, runs[&again.id]);
    let attempts = github.attempts(&run).await.unwrap();
    let started: Vec<_> = attempts.iter().map(|attempt| attempt.run_started_at.unwrap()).collect();
    assert_eq!(started, again.attempts.iter().map(|attempt| attempt.asked).collect::<Vec<_>>());
    assert!(attempts.iter().all(|attempt| attempt.created_at == again.created()), "re-runs keep the first's time");
    assert_eq!(attempts.iter().map(|attempt| attempt.run_attempt).collect::<Vec<_>>(), [1, 2, 3]);
    sim.stop().await;
}

#[tokio::test]
async fn jobs_leave_waiting_out_and_a_timeout_looks_cancelled() {
    let sim = company().await;
    let client = client_of(&sim);
    let github = client.repository(ML, opened());
    let truth = truth(&sim, ML);
    let slow = truth.iter().find(|deploy| deploy.attempts[0].conclusion == Conclusion::TimedOut).unwrap();
    let jobs = github.jobs(slow.id, 1).await.unwrap().items;
    let (job, attempt) = (jobs.last().unwrap(), &slow.attempts[0]);
    assert_eq!(job.conclusion.as_deref(), Some("cancelled"));
    assert_eq!((job.started_at, job.completed_at), (Some(attempt.started), Some(attempt.completed)));
    let named = truth.iter().find(|deploy| deploy.named_jobs && deploy.action == Action::Preview).unwrap();
    let jobs = github.jobs(named.id, 1).await.unwrap().items;
    let name = format!("deploy (preview, {}, pipelines/{}.yaml)", named.environment, named.pipeline.to_lowercase());
    assert_eq!(jobs.last().unwrap().name.as_deref(), Some(name.as_str()));
    assert!(!truth.last().unwrap().named_jobs);
    let artifacts = github.artifacts(named.id).await.unwrap().items;
    let name = format!("deploy-{}-preview-{}", named.pipeline, named.environment);
    assert_eq!(artifacts[0].name.as_deref(), Some(name.as_str()));
    for cause in [Cause::Rollback, Cause::Hotfix] {
        assert!(truth.iter().any(|deploy| deploy.cause == cause), "{cause:?}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn what_is_dispatched_now_runs_and_ends() {
    let sim = company_with(600.0, |options| options).await;
    let client = client_of(&sim);
    let asked = Dispatch {
        pipeline: "Lease".into(),
        action: Action::Up,
        environment: "data_prod".into(),
        branch: "main".into(),
        cause: Cause::Planned,
        minutes: 5,
        conclusion: Conclusion::Failure,
    };
    let deploy = sim.dispatch(ML, &asked).unwrap();
    assert!(sim.dispatch(ML, &Dispatch { branch: "feature/1".into(), ..asked }).is_none(), "a deleted branch");
    let clock = Clock::parse(&sim.clock().to_env()).unwrap();
    let deadline = deploy.created() + TimeDelta::hours(9);
    let run = client.repository(ML, deadline).run(deploy.id).await.unwrap();
    assert_eq!(run.display_title.as_deref(), Some("up pipelines/lease.yaml to data_prod from main"));
    clock.sleep_until(deploy.attempts[0].completed + TimeDelta::seconds(1)).await;
    let run = client.repository(ML, deadline).run(deploy.id).await.unwrap();
    assert_eq!((run.status.as_deref(), run.conclusion.as_deref()), (Some("completed"), Some("failure")));
    sim.stop().await;
}

/// What the workflow of the pretend company writes, the model reads: nothing is attributed by chance.
#[tokio::test]
async fn titles_and_jobs_tell_what_was_asked_for() {
    let sim = company().await;
    let client = client_of(&sim);
    let github = client.repository(ML, opened());
    let (title, job) = (Pattern::parse(TITLE).unwrap(), Pattern::parse(JOB_NAME).unwrap());
    let truth = truth(&sim, ML);
    let (titled, others): (Vec<&Deploy>, Vec<&Deploy>) = truth.iter().partition(|deploy| deploy.titled);
    assert!(titled.len() > 100 && others.len() > 100);
    for deploy in titled.iter().step_by(40) {
        let run = github.run(deploy.id).await.unwrap();
        let asked = title.read(run.display_title.as_deref().unwrap()).unwrap();
        let yaml = format!("pipelines/{}.yaml", deploy.pipeline.to_lowercase());
        let (environment, branch) = (deploy.environment.as_str(), deploy.branch.as_str());
        assert_eq!((asked.yaml.as_deref(), asked.environment.as_str()), (Some(yaml.as_str()), environment));
        assert_eq!(
            (asked.branch.as_deref(), format!("{:?}", asked.action)),
            (Some(branch), format!("{:?}", deploy.action))
        );
        let jobs = github.jobs(deploy.id, 1).await.unwrap().items;
        let told = job.read(jobs.last().unwrap().name.as_deref().unwrap()).unwrap();
        assert_eq!((told.yaml.as_deref(), told.environment.as_str()), (Some(yaml.as_str()), environment));
    }
    for deploy in others.iter().step_by(40) {
        let run = github.run(deploy.id).await.unwrap();
        assert_eq!(title.read(run.display_title.as_deref().unwrap_or_default()), None);
    }
    let workflow = github.contents(".github/workflows/deploy.yml", &titled[0].commit).await.unwrap();
    let workflow = String::from_utf8_lossy(&workflow);
    assert!(workflow.contains(&title.run_name()), "{workflow}");
    sim.stop().await;
}
