use super::*;
use crate::client::github::Commit;
use crate::sim::github::history::Cause;

#[tokio::test]
async fn a_comparison_of_more_than_a_page_is_whole() {
    let sim = company().await;
    let client = client_of(&sim);
    let github = client.repository(ML, opened());
    let truth = truth(&sim, ML);
    let (old, new) = (&truth.last().unwrap().head_sha, &truth[0].head_sha);
    let all = github.compare(old, new).await.unwrap();
    assert_eq!((all.status.as_str(), all.behind_by, all.cut), ("ahead", 0, false));
    assert_eq!(all.commits.len(), usize::try_from(all.ahead_by).unwrap());
    assert!(all.commits.len() > 250, "{}", all.commits.len());
    assert_eq!(&all.commits.last().unwrap().sha, new);
    assert!(all.commits.is_sorted_by_key(Commit::committed));
    assert!(all.commits.iter().any(Commit::is_merge));
    assert!(all.commits.iter().any(|commit| commit.authored() < commit.committed()), "a squash was written before");
    let back = github.compare(new, old).await.unwrap();
    assert_eq!((back.status.as_str(), back.commits.len(), back.behind_by), ("behind", 0, all.ahead_by));
    assert_eq!(github.compare(new, new).await.unwrap().status, "identical");
    sim.stop().await;
}

#[tokio::test]
async fn what_a_forced_push_left_behind_is_not_found_and_a_rollback_is() {
    let sim = company().await;
    let client = client_of(&sim);
    let github = client.repository(ML, opened());
    let truth = truth(&sim, ML);
    let lost = truth.iter().find(|deploy| deploy.branch == "experiment/layout").unwrap();
    let error = github.compare(&lost.head_sha, &lost.commit).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(error.to_string().contains(&lost.commit), "{error}");
    let back = truth.iter().find(|deploy| deploy.cause == Cause::Rollback).unwrap();
    assert_eq!(github.compare(&back.head_sha, &back.commit).await.unwrap().status, "behind");
    sim.stop().await;
}

#[tokio::test]
async fn a_branch_is_a_commit_until_it_is_deleted() {
    let sim = company().await;
    let client = client_of(&sim);
    let github = client.repository(ML, opened());
    let head = github.branch("main").await.unwrap();
    assert_eq!(head, github.commits("main", "", None, 1).await.unwrap().items[0].sha);
    assert_eq!(github.branch("feature/28").await.unwrap().len(), 40);
    let gone = github.branch("feature/1").await.unwrap_err();
    assert_eq!(gone, Error::NotFound { repository: ML.into(), what: "branch feature/1".into() });
    // A commit is no branch.
    assert!(github.branch(&head).await.unwrap_err().is_not_found());
    sim.stop().await;
}

#[tokio::test]
async fn commits_are_those_of_the_path_and_files_those_of_the_commit() {
    let sim = company().await;
    let client = client_of(&sim);
    let github = client.repository(ML, opened());
    let all = github.commits("main", "", None, 50).await.unwrap();
    let some = github.commits("main", "pipelines/lease.yaml", None, 50).await.unwrap();
    assert!(!all.cut && !some.cut);
    assert!(some.items.len() > 10 && some.items.len() * 3 < all.items.len(), "{}", some.items.len());
    let late = github.commits("main", "pipelines/lease.yaml", Some(since(30)), 50).await.unwrap();
    assert!(late.items.len() < some.items.len());
    assert!(github.commits("main", "", None, 1).await.unwrap().cut);
    let (new, old) = (&all.items[0].sha, &all.items[1].sha);
    let [new, old] = [
        github.contents("pipelines/lease.yaml", new).await.unwrap(),
        github.contents("pipelines/lease.yaml", old).await.unwrap(),
    ];
    assert!(String::from_utf8_lossy(&new).contains("\"name\": \"Lease\""));
    assert_ne!(new, old);
    for path in ["pipelines/other.yaml", "pipelines"] {
        assert!(github.contents(path, "main").await.unwrap_err().is_not_found(), "{path}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn deployments_name_their_runs() {
    let sim = company().await;
    let client = client_of(&sim);
    let github = client.repository(ML, opened());
    let from = since(20);
    let found = github.deployments(Some("data_prod"), from).await.unwrap();
    let truth = truth(&sim, ML);
    let wanted: usize = truth
        .iter()
        .filter(|deploy| {
            deploy.environment == "data_prod" && deploy.action != crate::sim::github::history::Action::Preview
        })
        .map(|deploy| deploy.attempts.iter().filter(|a| a.asked >= from && a.asked <= opened()).count())
        .sum();
    assert_eq!((found.items.len(), found.cut), (wanted, false));
    let statuses = github.deployment_statuses(found.items.last().unwrap().id).await.unwrap().items;
    let run = statuses[0].run().unwrap();
    assert!(truth.iter().any(|deploy| deploy.id == run && deploy.environment == "data_prod"));
    assert!(["success", "failure"].contains(&statuses[0].state.as_str()));
    assert!(github.deployments(Some("nowhere"), from).await.unwrap().items.is_empty());
    sim.stop().await;
}
