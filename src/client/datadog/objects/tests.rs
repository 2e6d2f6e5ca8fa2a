#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, Query, Request};
use axum::http::StatusCode;
use axum::routing::{any, delete, get, patch, put};
use axum::{Json, Router};

use super::*;
use crate::client::datadog::call::MAX_OBJECTS_BYTES;
use crate::client::datadog::tests::{client, serve};

type Asked = Query<HashMap<String, String>>;

/// A client of a server that answers everything so.
async fn answering(status: u16, body: &'static str) -> Client {
    let answer = move || async move { (StatusCode::from_u16(status).unwrap(), body) };
    client(&serve(Router::new().fallback(any(answer))).await)
}

fn numbered(from: usize, to: usize) -> Vec<Value> {
    (from..to).map(|id| json!({ "id": id })).collect()
}

#[tokio::test]
async fn lists_are_read_to_their_last_page() {
    let number = |asked: &Asked, name: &str| asked[name].parse::<usize>().unwrap();
    let monitors = move |asked: Asked| async move {
        assert_eq!((&*asked["monitor_tags"], &*asked["page_size"]), ("ddsync_namespace:main", "1000"));
        let start = number(&asked, "page") * 1000;
        Json(json!(numbered(start, 2300.min(start + 1000))))
    };
    let slos = move |asked: Asked| async move {
        assert_eq!((&*asked["tags_query"], &*asked["limit"]), ("ddsync_namespace:main", "1000"));
        let start = number(&asked, "offset");
        Json(json!({ "data": numbered(start, 1001.min(start + 1000)), "errors": [] }))
    };
    // It gives less than it is asked for, and an object moves on to the next page meanwhile.
    let dashboards = move |asked: Asked| async move {
        assert_eq!(asked["count"], "1000");
        let start = number(&asked, "start");
        Json(json!({ "dashboards": numbered(start.saturating_sub(1), 250.min(start + 100)) }))
    };
    let app = Router::new()
        .route("/api/v1/monitor", get(monitors))
        .route("/api/v1/slo", get(slos))
        .route("/api/v1/dashboard", get(dashboards));
    let client = client(&serve(app).await);
    assert_eq!(client.list_monitors("ddsync_namespace:main").await.unwrap(), numbered(0, 2300));
    assert_eq!(client.list_slos("ddsync_namespace:main").await.unwrap(), numbered(0, 1001));
    assert_eq!(client.list_dashboards().await.unwrap(), numbered(0, 250));
}

#[tokio::test]
async fn a_long_list_is_read_whole_and_an_endless_one_is_an_error() {
    let text: &'static str = Box::leak(json!([{"id": 1, "message": "x".repeat(3_000_000)}]).to_string().into());
    let listed = answering(200, text).await.list_monitors("a:b").await.unwrap();
    assert_eq!(listed[0]["message"].as_str().map(str::len), Some(3_000_000));

    let app = Router::new().fallback(any(|| async { "[".repeat(MAX_OBJECTS_BYTES + 1) }));
    let error = client(&serve(app).await).list_monitors("a:b").await.unwrap_err();
    assert_eq!((error.tag(), error.is_retriable(), error.may_have_landed()), ("too_long", false, false), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_no_empty_list() {
    for body in ["<html>sign in</html>", r#"{"errors":[]}"#, "[1", "null"] {
        let client = answering(200, body).await;
        for listed in [client.list_monitors("a:b").await, client.list_slos("a:b").await, client.list_dashboards().await]
        {
            assert_eq!(listed.unwrap_err().tag(), "misdirected", "{body}");
        }
    }
}

/// Whatever is dropped after a yes: a login page says yes to everything.
#[tokio::test]
async fn a_page_in_the_place_of_datadog_has_done_nothing() {
    for status in [200, 202] {
        let client = answering(status, "<html>sign in</html>").await;
        for done in [
            client.delete(Objects::Monitors, "5", false).await,
            client.delete_dashboards(&["a"]).await,
            client.restore_dashboards(&["a"]).await,
            client.validate_monitor(&json!({})).await,
            client.update(Objects::Slos, "a", &json!({})).await,
            client.create(Objects::Slos, &json!({})).await.map(drop),
        ] {
            let error = done.unwrap_err();
            assert_eq!((error.tag(), error.may_have_landed()), ("misdirected", true));
            assert!(error.to_string().contains(&format!("(HTTP {status}): <html>sign in</html>; check")), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_written_has_to_tell_its_id() {
    let update = async |body, id| answering(200, body).await.update(Objects::Monitors, id, &json!({})).await;
    assert_eq!(update(r#"{"id":5}"#, "5").await, Ok(()));
    for body in [r#"{"id":6}"#, r#"{"id":null}"#, "{}", "[]", "true"] {
        assert_eq!(update(body, "5").await.unwrap_err().tag(), "misdirected", "{body}");
    }
    let create = async |body| answering(200, body).await.create(Objects::Slos, &json!({})).await;
    assert_eq!(create(r#"{"data":[{"id":"a1"}]}"#).await.as_deref(), Ok("a1"));
    for body in [r#"{"data":[]}"#, r#"{"data":[{"name":"x"}]}"#, "{}"] {
        assert_eq!(create(body).await.unwrap_err().tag(), "misdirected", "{body}");
    }
}

#[tokio::test]
async fn an_answer_cut_short_is_no_answer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 4096];
        tokio::io::AsyncReadExt::read(&mut stream, &mut asked).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n[{\"id\":1}]";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
    });
    let error = client(&url).list_monitors("a:b").await.unwrap_err();
    assert_eq!((error.tag(), error.may_have_landed()), ("unreachable", true));
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let refused =
        async |status, body| answering(status, body).await.create(Objects::Monitors, &json!({})).await.unwrap_err();
    let duplicate = refused(400, r#"{"errors":["Duplicate of an existing monitor_id:123 org_id:7"]}"#).await;
    assert_eq!(duplicate, SendError::Duplicate { id: "123".into() });
    let other = refused(400, r#"{"errors":["The value provided for parameter 'query' is invalid"]}"#).await;
    assert!(other.to_string().ends_with("(HTTP 400): The value provided for parameter 'query' is invalid"), "{other}");
    let forbidden = refused(403, r#"{"errors":["Forbidden"]}"#).await.to_string();
    assert!(forbidden.contains("the scope `monitors_write`") && forbidden.contains("datadoghq.eu"), "{forbidden}");
    assert_eq!(refused(401, "").await.tag(), "bad_key");
    assert_eq!(refused(409, r#"{"errors":["in use"]}"#).await, SendError::Conflict { answer: "in use".into() });
    for (status, landed) in [(400, false), (403, false), (408, true), (429, false), (500, true), (503, true)] {
        assert_eq!(refused(status, "").await.may_have_landed(), landed, "{status}");
    }
    assert!(refused(201, "ok").await.may_have_landed());
    for (objects, scope) in [(Objects::Slos, "slos_read"), (Objects::Dashboards, "dashboards_read")] {
        let error = answering(403, "").await.get(objects, "1").await.unwrap_err();
        assert!(error.to_string().contains(scope), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_asked_without_an_application_key() {
    let mut settings = crate::client::datadog::tests::settings("http://127.0.0.1:1");
    settings.app_key = None;
    let client = Client::new(&settings).unwrap();
    assert_eq!(client.list_dashboards().await, Err(SendError::NoAppKey));
}

#[tokio::test]
async fn objects_come_out_of_their_envelopes_and_ids_stay_in_their_place() {
    let seen = |request: &Request| {
        let uri = request.uri().to_string();
        json!({ "id": format!("{} {uri}", request.method()), "uri": uri })
    };
    let plain = move |request: Request| async move { Json(seen(&request)) };
    let listed = move |request: Request| async move { Json(json!({ "data": [seen(&request)] })) };
    let alone = move |request: Request| async move { Json(json!({ "data": seen(&request) })) };
    let app =
        Router::new().route("/api/v1/slo", any(listed)).route("/api/v1/slo/{id}", get(alone)).fallback(any(plain));
    let client = client(&serve(app).await);
    let uri = |answer: Value| answer["uri"].as_str().unwrap().to_owned();
    assert_eq!(client.create(Objects::Slos, &json!({})).await.unwrap(), "POST /api/v1/slo");
    assert_eq!(uri(client.get(Objects::Slos, "a1").await.unwrap()), "/api/v1/slo/a1");
    let hostile = uri(client.get(Objects::Monitors, "1/../../v2/users?x=#").await.unwrap());
    assert_eq!(hostile, "/api/v1/monitor/1%2F..%2F..%2Fv2%2Fusers%3Fx=%23");
    let query = uri(client.query(1, 2, "avg:a.b{c:d} by {e}+1").await.unwrap());
    assert_eq!(query, "/api/v1/query?from=1&to=2&query=avg%3Aa.b%7Bc%3Ad%7D+by+%7Be%7D%2B1");
}

#[tokio::test]
async fn what_cannot_be_deleted_is_told_with_its_reasons() {
    let monitors = |asked: Asked| async move {
        let ids: Vec<&str> = asked["monitor_ids"].split(',').collect();
        assert!(ids.len() <= 100);
        if ids.contains(&"7") {
            let answer = json!({ "data": { "ok": [1] }, "errors": { "7": ["used by SLO abc", "and by 9"] } });
            (StatusCode::CONFLICT, Json(answer))
        } else {
            (StatusCode::OK, Json(json!({ "data": { "ok": [2] }, "errors": null })))
        }
    };
    let slos =
        |asked: Asked| async move { Json(json!({ "data": {}, "errors": { asked["ids"].clone(): "a monitor" } })) };
    let app =
        Router::new().route("/api/v1/monitor/can_delete", get(monitors)).route("/api/v1/slo/can_delete", get(slos));
    let client = client(&serve(app).await);
    let ids: Vec<String> = (0..150).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let blocked = client.can_delete_monitors(&ids).await.unwrap();
    assert_eq!(blocked, BTreeMap::from([("7".into(), vec!["used by SLO abc".into(), "and by 9".into()])]));
    let blocked = client.can_delete_slos(&["abc"]).await.unwrap();
    assert_eq!(blocked, BTreeMap::from([("abc".into(), vec!["a monitor".into()])]));
    assert_eq!(answering(500, "").await.can_delete_slos(&["abc"]).await.unwrap_err().tag(), "server");
}

#[tokio::test]
async fn dashboards_are_deleted_and_restored_in_bulk_and_monitors_deleted_with_force() {
    let both = |request: Request| async move {
        let body = axum::body::to_bytes(request.into_body(), 1000).await.unwrap();
        let data = json!([{ "id": "a", "type": "dashboard" }, { "id": "b", "type": "dashboard" }]);
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({ "data": data }));
        StatusCode::NO_CONTENT
    };
    let one = |Path(id): Path<String>, asked: Asked| async move {
        assert_eq!((&*id, asked.get("force").map(String::as_str)), ("5", Some("true")));
        Json(json!({ "deleted_monitor_id": 5 }))
    };
    let app = Router::new()
        .route("/api/v1/dashboard", delete(both).merge(patch(both)))
        .route("/api/v1/monitor/{id}", delete(one));
    let client = client(&serve(app).await);
    client.delete_dashboards(&["a", "b"]).await.unwrap();
    client.restore_dashboards(&["a", "b"]).await.unwrap();
    client.delete(Objects::Monitors, "5", true).await.unwrap();
}

#[tokio::test]
async fn handles_and_states_are_found_in_their_answers() {
    let handles = json!({ "data": [{ "type": "slack", "handles": ["@slack-a", { "value": "@b@c.d", "name": "b" }] }] });
    let state = json!({ "overall_state": "Alert", "state": { "groups": { "stage:a": { "status": "OK" }, "b": {} } } });
    let asked_handles = |asked: Asked| async move {
        assert_eq!(asked["group_limit"], "500");
        Json(handles)
    };
    let asked_state = |asked: Asked| async move {
        assert_eq!(asked["group_states"], "all");
        Json(state)
    };
    let app = Router::new()
        .route("/api/v2/notifications/handles", get(asked_handles))
        .route("/api/v1/monitor/5", get(asked_state));
    let client = client(&serve(app).await);
    assert_eq!(client.handles(500).await.unwrap(), BTreeSet::from(["@slack-a".into(), "@b@c.d".into()]));
    let state = client.monitor_state("5").await.unwrap();
    assert_eq!(state.overall, "Alert");
    assert_eq!(state.groups, BTreeMap::from([("stage:a".into(), "OK".into()), ("b".into(), "Unknown".into())]));
}

#[tokio::test]
async fn requests_wait_for_the_window_that_the_headers_name() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    let answer = move |Path(id): Path<String>| {
        noted.lock().unwrap().push(Instant::now());
        let headers = [("x-ratelimit-name", "slo_write"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")];
        async move { (headers, Json(json!({ "data": [{ "id": id }] }))) }
    };
    let client = client(&serve(Router::new().route("/api/v1/slo/{id}", put(answer))).await);
    client.update(Objects::Slos, "a", &json!({})).await.unwrap();
    client.clone().update(Objects::Slos, "b", &json!({})).await.unwrap();
    let times = times.lock().unwrap();
    assert!(times[1] - times[0] >= Duration::from_millis(900), "{:?}", times[1] - times[0]);
}

#[tokio::test]
async fn a_refusal_does_not_show_the_keys() {
    let echo = |request: Request| async move {
        let key = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        (StatusCode::BAD_REQUEST, Json(json!({ "errors": [key("dd-api-key"), key("dd-application-key")] })))
    };
    let client = client(&serve(Router::new().fallback(any(echo))).await);
    let error = client.validate_monitor(&json!({})).await.unwrap_err();
    assert_eq!(error, SendError::BadRequest { status: 400, answer: "***; ***".into() });
    assert!(!format!("{client:?}").contains("app-key"));
}
