#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, patch, post};
use axum::{Json, Router};

use super::*;
use crate::client::datadog::tests::{client, serve, settings};

const ID: &str = "ddsync:00000000001:up:data_prod:lease";

fn deployment() -> Value {
    json!({ "data": { "attributes": { "id": ID, "service": "lease", "started_at": 1, "finished_at": 2 } } })
}

async fn answering(status: u16, body: &'static str) -> Client {
    let answer = move || async move { (StatusCode::from_u16(status).unwrap(), body) };
    client(&serve(Router::new().fallback(any(answer))).await)
}

#[tokio::test]
async fn a_deployment_and_an_event_need_the_api_key_alone_and_the_rest_both() {
    let keys = |headers: HeaderMap| headers.contains_key("dd-application-key");
    let sent = move |headers: HeaderMap, Json(body): Json<Value>| async move {
        assert!(!keys(headers) && body == deployment());
        Json(json!({ "data": { "id": ID, "type": "dora_deployment" } }))
    };
    let event = move |headers: HeaderMap| async move {
        assert!(!keys(headers));
        (StatusCode::ACCEPTED, Json(json!({ "status": "ok", "event": { "id": 1 } })))
    };
    let patched = move |headers: HeaderMap, request: Request| async move {
        assert!(keys(headers));
        assert_eq!(request.uri().path(), "/api/v2/dora/deployments/a%2Fb");
        StatusCode::ACCEPTED
    };
    let app = Router::new()
        .route("/api/v2/dora/deployment", post(sent))
        .route("/api/v1/events", post(event))
        .route("/api/v2/dora/deployments/{id}", patch(patched));
    let url = serve(app).await;
    let client = client(&url);
    client.send_deployment(&deployment()).await.unwrap();
    client.post_event(&json!({ "title": "a" })).await.unwrap();
    client.patch_deployment("a/b", &json!({})).await.unwrap();

    let mut settings = settings(&url);
    settings.app_key = None;
    let client = Client::new(&settings).unwrap();
    client.send_deployment(&deployment()).await.unwrap();
    client.post_event(&json!({ "title": "a" })).await.unwrap();
    assert_eq!(client.patch_deployment("a", &json!({})).await, Err(SendError::NoAppKey));
    assert_eq!(client.list_deployments(0, 1).await, Err(SendError::NoAppKey));
    assert_eq!(client.search_events("a:b", 0, 1).await, Err(SendError::NoAppKey));
}

#[tokio::test]
async fn refusals_have_their_class_and_name_what_the_key_lacks() {
    let refused = async |status, body| answering(status, body).await.send_deployment(&deployment()).await.unwrap_err();
    for (status, tag, landed) in [
        (400, "bad_request", false),
        (403, "bad_key", false),
        (404, "not_found", false),
        (429, "rate_limited", false),
        (500, "server", true),
        (503, "server", true),
    ] {
        let error = refused(status, r#"{"errors":["no"]}"#).await;
        assert_eq!((error.tag(), error.may_have_landed()), (tag, landed), "{error}");
    }
    assert!(refused(403, "").await.to_string().contains("check DD_API_KEY, and"), "no word of another key");
    let client = answering(403, r#"{"errors":["Forbidden"]}"#).await;
    let words = |result: Result<Value, SendError>| result.unwrap_err().to_string();
    let patched = words(client.patch_deployment(ID, &json!({})).await.map(Value::from));
    assert!(patched.contains("`dora_metrics_write`"), "{patched}");
    let listed = words(client.list_deployments(0, 1).await.map(Value::from));
    assert!(listed.contains("`dora_metrics_read`"), "{listed}");
    let found = words(client.search_events("a:b", 0, 1).await.map(Value::from));
    assert!(found.contains("`events_read`"), "{found}");
}

/// Whatever is dropped after a yes: a login page says yes to everything.
#[tokio::test]
async fn a_page_in_the_place_of_datadog_has_taken_nothing_and_lists_nothing() {
    let other = r#"{"data":{"id":"ddsync:another:deployment","type":"dora_deployment"}}"#;
    for page in ["<html>sign in</html>", "{}", "", r#"{"status":"error"}"#, r#"{"data":null}"#, other] {
        let client = answering(200, page).await;
        let sent = client.send_deployment(&deployment()).await.unwrap_err();
        assert_eq!((sent.tag(), sent.may_have_landed()), ("misdirected", true), "{page}");
        assert_eq!(client.post_event(&json!({})).await.unwrap_err().tag(), "misdirected", "{page}");
        assert_eq!(client.list_deployments(0, 1).await.unwrap_err().tag(), "misdirected", "{page}");
        assert_eq!(client.search_events("a:b", 0, 1).await.unwrap_err().tag(), "misdirected", "{page}");
    }
    assert_eq!(answering(200, "<html>").await.patch_deployment(ID, &json!({})).await.unwrap_err().tag(), "misdirected");
}

#[tokio::test]
async fn a_full_answer_is_asked_again_in_halves_until_everything_is_listed_once() {
    // Two deployments a second for an hour, in any order, both ends of a window inside.
    let requests = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&requests);
    let answer = move |Json(body): Json<Value>| {
        *counted.lock().unwrap() += 1;
        let attributes = body["data"]["attributes"].clone();
        let instant = move |key: &str| {
            let text = attributes[key].as_str().unwrap().to_owned();
            DateTime::parse_from_rfc3339(&text).unwrap().timestamp()
        };
        let (from, to) = (instant("from").max(0), instant("to").min(3_599));
        let ids = (from..=to).rev().flat_map(|second| [second * 2 + 1, second * 2]).take(PAGE);
        let data: Vec<Value> = ids.map(|id| json!({ "id": id.to_string() })).collect();
        async move { Json(json!({ "data": data })) }
    };
    let client = client(&serve(Router::new().route(DEPLOYMENTS, post(answer))).await);
    let listed = client.list_deployments(-10, 4_000).await.unwrap();
    assert_eq!(listed.len(), 7_200);
    assert!(*requests.lock().unwrap() < 40, "{requests:?}");
}

#[tokio::test]
async fn what_cannot_be_listed_whole_is_an_error() {
    let answer = || async { Json(json!({ "data": (0..PAGE).map(|id| json!({ "id": id })).collect::<Vec<_>>() })) };
    let client = client(&serve(Router::new().route(DEPLOYMENTS, post(answer))).await);
    let error = client.list_deployments(100, 108).await.unwrap_err().to_string();
    assert!(error.contains("1000 deployments or more in the second 100"), "{error}");
}

#[tokio::test]
async fn events_are_read_to_their_last_page() {
    let answer = |Json(body): Json<Value>| async move {
        assert_eq!(body["filter"]["query"], "source:alert ddsync_namespace:main");
        assert_eq!(body["filter"]["from"], "1970-01-01T00:00:00Z");
        assert_eq!(body["sort"], "timestamp");
        let start = body["page"]["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        let data: Vec<Value> = (start..2_300.min(start + PAGE)).map(|id| json!({ "id": id })).collect();
        let mut answer = json!({ "data": data, "meta": { "status": "done" } });
        if start + PAGE < 2_300 {
            answer["meta"]["page"]["after"] = json!((start + PAGE).to_string());
        }
        Json(answer)
    };
    let client = client(&serve(Router::new().route("/api/v2/events/search", post(answer))).await);
    let found = client.search_events("source:alert ddsync_namespace:main", 0, 100).await.unwrap();
    assert_eq!(found.len(), 2_300);
}

#[tokio::test]
async fn a_cursor_that_goes_on_for_ever_is_an_error_and_one_that_stands_still_is_the_end() {
    let number = Arc::new(Mutex::new(0));
    let answer = move || {
        let mut number = number.lock().unwrap();
        *number += 1;
        let body = json!({ "data": [], "meta": { "page": { "after": number.to_string() } } });
        async move { Json(body) }
    };
    let endless = client(&serve(Router::new().fallback(any(answer))).await);
    assert_eq!(endless.search_events("a", 0, 1).await.unwrap_err().tag(), "misdirected");
    let still = answering(200, r#"{"data":[1],"meta":{"page":{"after":"x"}}}"#).await;
    assert_eq!(still.search_events("a", 0, 1).await.unwrap().len(), 2);
}
