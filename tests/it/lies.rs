//! Servers that answer in the place of AWS and Datadog, and are neither: pages of proxies, rubbish, redirects.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use crate::scene::Scene;

const PAGE: &str = "<html><title>Please log in</title></html>";

/// Answers everything with one status and one body.
async fn liar(status: StatusCode, body: &'static [u8]) -> String {
    let answer = move || async move { (status, [(header::LOCATION, "http://127.0.0.1:9/")], body).into_response() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.expect("it serves") });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_the_place_of_datadog_takes_no_point() {
    let mut scene = Scene::new().await;
    let good = scene.config.clone();
    let url = liar(StatusCode::ACCEPTED, PAGE.as_bytes()).await;
    scene.change(&scene.sim.datadog_url(), &url);
    let screen = scene.run(&["once", "--json"]).await;
    assert_eq!(screen.code, Some(1));
    insta::assert_snapshot!("a_page_in_the_place_of_datadog", screen.complaints().replace(&url, "http://LIAR"));
    assert_eq!((screen.points("accepted"), screen.points("pending")), (0, screen.points("collected")));
    // Nothing was committed: once the page is gone, everything arrives.
    scene.config = good;
    let mended = scene.run(&["once", "--json"]).await;
    assert_eq!((mended.code, mended.points("pending")), (Some(0), 0));
    assert!(mended.points("accepted") + mended.points("unchanged") >= screen.points("pending"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_in_the_place_of_aws_is_named() {
    let mut told = Vec::new();
    for (status, body) in [
        (StatusCode::OK, PAGE.as_bytes()),
        (StatusCode::TEMPORARY_REDIRECT, b""),
        (StatusCode::BAD_GATEWAY, b"\xff\x00\x1b[31m"),
    ] {
        for service in ["CLOUDWATCH", "SAGEMAKER", "RESOURCE_GROUPS_TAGGING_API"] {
            let mut scene = Scene::new().await;
            scene.environment.insert(format!("AWS_ENDPOINT_URL_{service}"), liar(status, body).await);
            let screen = scene.run(&["once", "--json"]).await;
            assert_eq!(screen.code, Some(1), "{service} {status}");
            assert_eq!(screen.points("pending"), 0);
            told.push(format!("{service} {}:\n{}", status.as_u16(), screen.stderr));
        }
    }
    insta::assert_snapshot!(told.join("\n"));
}
