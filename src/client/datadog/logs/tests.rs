#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use crate::client::datadog::tests::{KEY, serve, settings};
use crate::client::datadog::{Client, SendError};

/// A client whose API is nowhere: logs have a host of their own.
fn client(logs_url: &str) -> Client {
    let mut settings = settings("http://127.0.0.1:1");
    logs_url.clone_into(&mut settings.logs_url);
    Client::new(&settings).unwrap()
}

async fn answered(status: u16, body: &'static str) -> Result<(), SendError> {
    let answer = move || async move { (StatusCode::from_u16(status).unwrap(), body) };
    let url = serve(Router::new().route("/api/v2/logs", post(answer))).await;
    client(&url).send_logs(b"[]".as_slice().into()).await
}

#[tokio::test]
async fn logs_go_to_their_own_host_with_the_api_key_alone() {
    let answer = |headers: HeaderMap, body: axum::body::Bytes| async move {
        assert_eq!(headers["dd-api-key"], KEY);
        assert_eq!(headers["content-encoding"], "gzip");
        assert_eq!(headers["content-type"], "application/json");
        assert!(headers.get("dd-application-key").is_none());
        assert_eq!(&body[..], b"[]");
        (StatusCode::ACCEPTED, "{}")
    };
    let url = serve(Router::new().route("/api/v2/logs", post(answer))).await;
    client(&format!("{url}/")).send_logs(b"[]".as_slice().into()).await.unwrap();
}

#[tokio::test]
async fn every_status_has_its_class() {
    for (status, tag, retriable) in [
        (302, "misdirected", false),
        (400, "bad_request", false),
        (401, "bad_key", false),
        (403, "bad_key", false),
        (404, "not_found", false),
        (408, "server", true),
        (413, "too_large", false),
        (429, "rate_limited", true),
        (500, "server", true),
        (503, "server", true),
    ] {
        let error =
            answered(status, r#"{"errors":[{"status":"400","title":"Bad Request","detail":"no"}]}"#).await.unwrap_err();
        assert_eq!((error.tag(), error.is_retriable()), (tag, retriable), "{status}: {error}");
    }
}

#[tokio::test]
async fn a_yes_that_datadog_cannot_have_said_is_none() {
    for (status, page) in [(200, "<html>Please log in</html>"), (202, "<html></html>"), (202, "OK"), (200, "\u{0}")] {
        let error = answered(status, page).await.unwrap_err();
        assert_eq!((error.tag(), error.is_retriable()), ("misdirected", false), "{page}: {error}");
        assert!(error.to_string().contains("`datadog.logs_url`"), "{error}");
    }
    let listed = answered(202, r#"{"errors":[{"detail":"no"}]}"#).await.unwrap_err();
    assert_eq!(listed.tag(), "bad_request");
    for yes in ["{}", "", "{\"errors\":[]}"] {
        answered(202, yes).await.unwrap();
    }
}

#[tokio::test]
async fn a_no_to_the_body_that_datadog_cannot_have_said_is_of_something_on_the_way() {
    for status in [400, 413, 422] {
        for page in
            ["<html>Request blocked</html>", "", "{}", "{\"errors\":[]}", "{\"error\":null}", "[]", "\"errors\""]
        {
            let error = answered(status, page).await.unwrap_err();
            assert_eq!((error.tag(), error.is_retriable()), ("misdirected", false), "{status} {page}: {error}");
            assert!(error.to_string().contains("`datadog.logs_url`") && !error.may_have_landed(), "{error}");
        }
        for said in [r#"{"errors":["no"]}"#, r#"{"errors":[{"detail":"no"}]}"#, r#"{"error":{"code":400}}"#] {
            let tag = answered(status, said).await.unwrap_err().tag();
            assert_eq!(tag, if status == 413 { "too_large" } else { "bad_request" }, "{status} {said}");
        }
    }
}

#[tokio::test]
async fn errors_name_the_setting_to_change() {
    let error = client("http://127.0.0.1:2").send_logs(b"[]".as_slice().into()).await.unwrap_err();
    let words = error.to_string();
    assert!(words.starts_with("http://127.0.0.1:2 cannot be reached: "), "{words}");
    assert!(words.ends_with("check `datadog.site`, `datadog.logs_url` and the network"), "{words}");
}
