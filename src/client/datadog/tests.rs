#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, put};

use super::*;

pub(super) const KEY: &str = "0123456789abcdef0123456789abcdef";

pub(super) fn settings(base_url: &str) -> Datadog {
    Datadog {
        site: "datadoghq.eu".into(),
        base_url: base_url.into(),
        logs_url: base_url.into(),
        api_key: Some(Secret::new(KEY)),
        app_key: Some(Secret::new("app-key")),
        compression: Compression::Zstd,
        tags: Vec::new(),
        deadline: Duration::from_secs(1),
    }
}

pub(super) async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

pub(super) fn client(base_url: &str) -> Client {
    Client::new(&settings(base_url)).unwrap()
}

async fn answered(status: u16, headers: &'static [(&'static str, &'static str)], body: &'static str) -> SendError {
    let answer = move || async move {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        (StatusCode::from_u16(status).unwrap(), map, body)
    };
    let url = serve(Router::new().route("/api/v2/series", any(answer))).await;
    let client = Client::new(&settings(&url)).unwrap();
    client.send_series(Bytes::from_static(b"{}"), Compression::Gzip).await.unwrap_err()
}

#[tokio::test]
async fn every_status_has_its_class() {
    for (status, tag, retriable) in [
        (302, "misdirected", false),
        (400, "bad_request", false),
        (401, "bad_key", false),
        (403, "bad_key", false),
        (404, "not_found", false),
        (405, "misdirected", false),
        (408, "server", true),
        (413, "too_large", false),
        (429, "rate_limited", true),
        (500, "server", true),
        (503, "server", true),
    ] {
        let error = answered(status, &[], "no").await;
        assert_eq!((error.tag(), error.is_retriable()), (tag, retriable), "{status}: {error}");
    }
    let error = answered(202, &[], r#"{"errors":["metric name is bad"]}"#).await;
    assert_eq!(error.to_string(), "datadog refused the request (HTTP 202): metric name is bad");
    let error = answered(202, &[], r#"{"errors":"all of it"}"#).await;
    assert_eq!(error.to_string(), "datadog refused the request (HTTP 202): all of it");
}

#[tokio::test]
async fn a_yes_that_datadog_cannot_have_said_is_none() {
    for (status, page) in [(200, "<html>Please log in</html>"), (202, "OK"), (202, "{\"errors\":["), (200, "\u{0}")] {
        let error = answered(status, &[], page).await;
        assert_eq!((error.tag(), error.is_retriable()), ("misdirected", false), "{page}: {error}");
    }
    for yes in ["{\"errors\":[]}", "{\"errors\":null}", "{\"status\":\"ok\"}", "", "\r\n"] {
        let url = serve(Router::new().route("/api/v2/series", any(move || async move { yes }))).await;
        let client = Client::new(&settings(&url)).unwrap();
        client.send_series(Bytes::from_static(b"{}"), Compression::Gzip).await.unwrap();
    }
}

#[tokio::test]
async fn what_datadog_asks_to_wait_is_read() {
    let wait = |error: SendError| error.retry_after().map(|wait| wait.as_secs());
    assert_eq!(wait(answered(429, &[("retry-after", "7"), ("x-ratelimit-reset", "9")], "").await), Some(7));
    assert_eq!(wait(answered(429, &[("x-ratelimit-reset", "9")], "").await), Some(9));
    assert_eq!(wait(answered(503, &[("retry-after", "3")], "").await), Some(3));
    assert_eq!(wait(answered(429, &[("x-ratelimit-reset", "1700000000")], "").await), None);
    assert_eq!(wait(answered(429, &[("retry-after", "-1")], "").await), None);
    assert_eq!(wait(answered(429, &[("retry-after", "NaN")], "").await), None);
}

#[tokio::test]
async fn an_error_never_shows_the_key_nor_a_long_or_unprintable_answer() {
    let body: &'static str = Box::leak(format!("{}{KEY} \u{1b}[31m\n{}", "y".repeat(190), "x".repeat(9000)).into());
    let SendError::BadRequest { answer, .. } = answered(400, &[], body).await else { panic!("another class") };
    assert!(!answer.contains(&KEY[..8]), "{answer}");
    assert!(answer.chars().count() <= 200 && !answer.chars().any(char::is_control), "{answer}");
    let client = Client::new(&settings("http://127.0.0.1:1")).unwrap();
    assert!(!format!("{client:?}").contains(&KEY[..8]));
}

#[tokio::test]
async fn a_redirect_does_not_take_the_key_along() {
    let (sender, mut reached) = tokio::sync::mpsc::channel::<()>(1);
    let there = serve(Router::new().fallback(move || {
        let sender = sender.clone();
        async move { sender.try_send(()).unwrap() }
    }))
    .await;
    let answer = move || async move { (StatusCode::TEMPORARY_REDIRECT, [("location", there)]) };
    let url = serve(Router::new().fallback(answer)).await;
    let client = Client::new(&settings(&url)).unwrap();
    assert_eq!(client.validate().await.unwrap_err().tag(), "misdirected");
    assert!(reached.try_recv().is_err());
}

#[tokio::test]
async fn metadata_goes_with_both_keys_and_a_metric_unseen_is_not_found() {
    let answer = |headers: HeaderMap, body: String| async move {
        assert_eq!(headers["dd-api-key"], KEY);
        assert_eq!(headers["dd-application-key"], "app-key");
        assert!(headers["user-agent"].to_str().unwrap().starts_with("ddsync/"));
        assert_eq!(body, r#"{"description":"Waiting.","type":"gauge","unit":"item"}"#);
    };
    let url = serve(Router::new().route("/api/v1/metrics/mlpipeline.backlog", put(answer))).await;
    let client = Client::new(&settings(&url)).unwrap();
    client.put_metadata("mlpipeline.backlog", "item", "Waiting.", "gauge").await.unwrap();
    let error = client.put_metadata("mlpipeline.other", "item", "Waiting.", "gauge").await.unwrap_err();
    assert_eq!(error.tag(), "not_found");
}

#[tokio::test]
async fn errors_name_the_setting_to_change() {
    let client = Client::new(&settings("http://127.0.0.1:1")).unwrap();
    let error = client.validate().await.unwrap_err();
    assert_eq!(error.tag(), "unreachable");
    assert!(error.to_string().starts_with("http://127.0.0.1:1 cannot be reached: "), "{error}");
    assert!(error.to_string().contains("`datadog.base_url`"), "{error}");
    assert_eq!(
        answered(403, &[], "").await.to_string(),
        "datadog refused the key (HTTP 403): check DD_API_KEY, and that it belongs to `datadog.site` datadoghq.eu"
    );
}

#[test]
fn a_client_needs_a_key_that_a_header_can_carry() {
    let mut none = settings("http://127.0.0.1:1");
    none.api_key = None;
    assert!(Client::new(&none).unwrap_err().to_string().contains("DD_API_KEY"));
    none.api_key = Some(Secret::new("a\nb"));
    let error = Client::new(&none).unwrap_err().to_string();
    assert!(error.starts_with("DD_API_KEY holds"), "{error}");
}
