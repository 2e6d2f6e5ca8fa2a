//! Two daemons on one state in S3, as moto keeps it: the second writer is noticed and named.

use std::time::Duration;

use reqwest::{StatusCode, header};

use crate::{
    emulators::{MOTO, loopback},
    scene::Scene,
};

/// How long both may run until one of them has noticed.
const PATIENCE: Duration = Duration::from_mins(2);

/// Nobody checks the signature; without one only the first write of an object is allowed.
const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-west-2/s3/aws4_request, SignedHeaders=host, Signature=0";

async fn bucket(name: &str) -> String {
    let url = format!("{}/{name}", MOTO.url());
    let made = loopback().put(&url).send().await.expect("moto answers");
    assert!(made.status().is_success(), "{}", made.status());
    url
}

/// What the rest relies on: an emulator that ignored conditions would let both write.
#[tokio::test]
async fn the_emulator_honours_conditional_writes() {
    let object = format!("{}/object", bucket("conditions").await);
    let client = loopback();
    let put = async |name: header::HeaderName, value: &str, body: &'static str| {
        let sent = client
            .put(&object)
            .header(header::AUTHORIZATION, SIGNED)
            .header(name, value)
            .body(body)
            .send()
            .await
            .expect("moto answers");
        let tag = sent.headers().get(header::ETAG).map(|tag| tag.to_str().expect("text").to_owned());
        (sent.status(), tag.unwrap_or_default())
    };
    let (made, first) = put(header::IF_NONE_MATCH, "*", "1").await;
    assert_eq!(made, StatusCode::OK);
    assert_eq!(put(header::IF_NONE_MATCH, "*", "2").await.0, StatusCode::PRECONDITION_FAILED);
    let (updated, second) = put(header::IF_MATCH, &first, "3").await;
    assert_eq!(updated, StatusCode::OK);
    assert_ne!(second, first);
    assert_eq!(put(header::IF_MATCH, &first, "4").await.0, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_on_one_state_in_s3() {
    let objects = bucket("two-daemons").await;
    let mut scene = Scene::at_rate(20.0).await;
    let folder = scene.path("state").to_string_lossy().into_owned();
    scene.change(&format!("\"{folder}\""), "s3://two-daemons/check/points");
    scene.environment.insert("AWS_ENDPOINT_URL_S3".to_owned(), MOTO.url());
    let (mut first, mut second) = (scene.start_heard(&["run"]), scene.start_heard(&["run"]));
    // Whoever writes a checkpoint that the other has read, or made, is noticed by the other at its next save.
    let loser = async {
        tokio::select! {
            _ = first.wait() => {}
            _ = second.wait() => {}
        }
    };
    tokio::time::timeout(PATIENCE, loser).await.expect("a second writer is noticed");
    let (lost, mut won) = if first.try_wait().expect("a child").is_some() { (first, second) } else { (second, first) };
    let lost = lost.wait_with_output().await.expect("it has ended");
    let screen = scene.screen(&lost);
    assert_eq!(screen.code, Some(4), "{}", screen.stderr);
    let told = screen.stderr.lines().find(|line| line.starts_with("error:")).unwrap_or_default().to_owned();
    assert!(told.contains("in s3://two-daemons/check/points was written meanwhile by HOST pid "), "{}", screen.stderr);
    assert!(told.contains("run one writer, or point `state:` elsewhere"), "{told}");
    won.start_kill().expect("it can be killed");
    won.wait().await.expect("it ends");
    let listed = loopback().get(format!("{objects}?list-type=2")).send().await.expect("moto answers");
    let listed = listed.text().await.expect("a listing");
    assert!(listed.contains("<Key>check/points/"), "{listed}");
    // Alone, the next one goes on from what is there.
    let next = scene.run(&["once", "--json"]).await;
    assert_eq!(next.code, Some(0), "{}", next.stderr);
}
