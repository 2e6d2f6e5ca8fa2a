//! The pretend GitHub as other processes reach it.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn other_processes_deploy_and_see_what_it_was() {
    let sim = company().await;
    let http = reqwest::Client::new();
    let url = format!("{}/_sim/deploys", sim.datadog_url());
    let deploy = json!({"pipeline": "Lease", "action": "up", "environment": "data_prod", "branch": "main",
                        "cause": "rollback", "minutes": 4, "conclusion": "timed_out"});
    let send = |repository: &str| {
        let body = json!({"repository": repository, "deploy": deploy}).to_string();
        http.post(&url).body(body).send()
    };
    let before = sim.deploys().len();
    assert_eq!(send("acme/nothing").await.unwrap().status().as_u16(), 404);
    let made = send("acme/ml-pipelines").await.unwrap().text().await.unwrap();
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(sim.deploys().len(), before + 1);
    let shown = http.get(&url).send().await.unwrap().text().await.unwrap();
    let shown: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(shown.len(), before + 1);
    assert!(shown.contains(&made));
    let run = format!("{}/repos/acme/ml-pipelines/actions/runs/{}", sim.github_url(), made["id"]);
    let run = http.get(run).bearer_auth("ghp_pretend-github-token").send().await.unwrap().text().await.unwrap();
    assert!(run.contains("up pipelines/lease.yaml to data_prod from main"), "{run}");
    http.post(format!("{}/_sim/reset", sim.datadog_url())).send().await.unwrap();
    assert_eq!(sim.deploys().len(), before);
    sim.stop().await;
}

#[tokio::test]
async fn the_same_seed_is_the_same_history() {
    let (one, two) = (company().await, company().await);
    assert_eq!(one.deploys(), two.deploys());
    assert!(one.deploys().len() > 1_400);
    one.stop().await;
    two.stop().await;
}
