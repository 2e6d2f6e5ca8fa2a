//! The webhook of a running daemon: real HTTP into the built program.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::process::{Place, Process, wait_for};

const SECRET: &str = "a webhook's secret of 32 letters";

/// What GitHub says of a run, as far as it is read.
const BODY: &str = "{\"workflow_run\": {\"path\": \".github/workflows/deploy.yml\"}, \"repository\": {\"full_name\": \"acme/ml-pipelines\"}}";

fn origin() -> DateTime<Utc> {
    DateTime::from_timestamp(1_788_883_200, 0).expect("an instant")
}

/// The company, and a configuration with a webhook.
async fn place() -> Place {
    let place = Place::open(4, origin(), 60.0, "").await;
    place.change("repositories: [", "webhook: {listen: \"127.0.0.1:0\"}, repositories: [");
    place
}

async fn address(process: &Process) -> String {
    let told =
        || process.log().split("\"webhook\":\"").nth(1).and_then(|rest| Some(rest.split('"').next()?.to_owned()));
    wait_for("no address of a webhook in the log", async || told().is_some()).await;
    told().expect("an address")
}

fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length will do");
    mac.update(body.as_bytes());
    format!("sha256={:x}", bytes::Bytes::copy_from_slice(&mac.finalize().into_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_takes_what_github_signs_and_counts_the_rest() {
    let place = place().await;
    let process = place.start(&[], &[("GITHUB_WEBHOOK_SECRET", SECRET)]);
    let url = format!("http://{}/webhook", address(&process).await);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let body = BODY;
    for (signature, expected) in [(Some(signature(body)), 202), (Some(signature("")), 401), (None, 401)] {
        let mut request =
            client.post(&url).header("content-type", "application/json").header("x-github-event", "workflow_run");
        if let Some(signature) = signature {
            request = request.header("x-hub-signature-256", signature);
        }
        let answer = request.body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), expected);
    }
    let log = process.log();
    assert_eq!(log.matches("the webhook refused a request").count(), 1, "{log}");
    assert!(!log.contains(SECRET));
    for outcome in ["accepted", "bad_signature", "unsigned"] {
        let tag = format!("outcome:{outcome}");
        let counted = || {
            let all = place.sim.ledger().series;
            let ours = all.iter().find(|(one, _)| one.metric == "ddsync.webhook.requests" && one.tags.contains(&tag));
            ours.map(|(_, points)| points.values().map(|kept| kept.value).collect::<Vec<_>>())
        };
        wait_for(&tag, async || counted() == Some(vec![1.0])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_tells_of_is_looked_at_long_before_the_next_poll() {
    let place = place().await;
    place.configure("schedules: {deploys: \"0 0 1 1 *\"}\n");
    place.change("repositories: [", "webhook: {listen: \"127.0.0.1:0\"}, repositories: [");
    let process = place.start(&[], &[("GITHUB_WEBHOOK_SECRET", SECRET)]);
    let url = format!("http://{}/webhook", address(&process).await);
    let job = async || {
        let status = process.status().await;
        status["jobs"].as_array().expect("jobs").iter().find(|job| job["job"] == "deploys").cloned().expect("the job")
    };
    wait_for("no first look", async || job().await["runs"] == 1).await;
    let body = BODY;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(&url).header("content-type", "application/json").header("x-github-event", "workflow_run");
    let answer = request.header("x-hub-signature-256", signature(body)).body(body).send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
    wait_for("no look after the hint", async || job().await["runs"] == 2).await;
    let next = job().await["next_run"].clone();
    assert!(next.as_str().is_some_and(|next| next.starts_with("2027-01-01")), "the schedule stays: {next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_without_a_secret_does_not_start() {
    let place = place().await;
    let mut process = place.start(&[], &[]);
    assert_eq!(process.ends().await, Some(1));
    let log = process.log();
    assert!(log.contains("set GITHUB_WEBHOOK_SECRET or `github.webhook.secret_file`"), "{log}");
}
