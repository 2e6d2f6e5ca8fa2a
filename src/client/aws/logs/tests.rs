#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudwatch::config::Credentials;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::config;
use crate::model::resource::Scope;

/// What was asked: operation and input.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A client of a server that gives these answers in turn, and the last one from then on.
async fn answered(answers: Vec<(u16, Value)>) -> (Aws, Asked) {
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let answer = move |headers: HeaderMap, body: String| {
        let mut asked = kept.lock().unwrap();
        let (status, answer) = answers[asked.len().min(answers.len() - 1)].clone();
        let target = headers["x-amz-target"].to_str().unwrap().to_owned();
        asked.push((target, serde_json::from_str(&body).unwrap()));
        async move { (StatusCode::from_u16(status).unwrap(), answer.to_string()) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await.unwrap() });
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::from_static("us-west-2"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    let environment = config::settings::Environment::new();
    let settings = config::read("regions: [us-west-2]", "ddsync.yaml", &environment).unwrap().settings;
    let scope = Scope { account: "dev".into(), region: "us-west-2".into() };
    let clock = Clock::Scaled { real_origin_ms: 0, sim_origin_ms: 0, rate: 1_000.0 };
    (Aws::over(&sdk, scope, &settings.limits, &settings.logs, clock), asked)
}

fn one_event(id: &str, at: i64) -> Value {
    json!({"eventId": id, "logStreamName": "AllTraffic/i-1", "timestamp": at, "ingestionTime": at + 500, "message": "x\n"})
}

#[tokio::test]
async fn a_page_is_asked_for_with_an_inclusive_end() {
    let events = json!({"events": [one_event("a", 1_000)], "nextToken": "t-1"});
    let (aws, asked) = answered(vec![(200, events), (200, json!({"events": [], "nextToken": "t-2"}))]).await;
    let page = aws.filter_events("/aws/lambda/x", 1_000, 2_000, None).await.unwrap();
    let event = Event {
        id: "a".to_owned(),
        stream: "AllTraffic/i-1".to_owned(),
        at: 1_000,
        ingested_at: 1_500,
        text: "x\n".to_owned(),
    };
    assert_eq!(page, EventPage { events: vec![event], next: Some("t-1".to_owned()) });
    let page = aws.filter_events("/aws/lambda/x", 1_000, 2_000, Some("t-1")).await.unwrap();
    assert_eq!(page, EventPage { events: Vec::new(), next: Some("t-2".to_owned()) });
    let input = json!({"logGroupName": "/aws/lambda/x", "startTime": 1_000, "endTime": 1_999, "limit": 10_000});
    let mut further = input.clone();
    further["nextToken"] = json!("t-1");
    let operation = "Logs_20140328.FilterLogEvents".to_owned();
    assert_eq!(*asked.lock().unwrap(), [(operation.clone(), input), (operation, further)]);
}

#[tokio::test]
async fn a_range_without_a_millisecond_is_not_asked_for() {
    let (aws, asked) = answered(vec![(500, Value::Null)]).await;
    assert_eq!(aws.filter_events("/x", 2_000, 2_000, None).await.unwrap(), EventPage::default());
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_group_that_is_gone_is_told_from_one_that_is_forbidden() {
    for (status, code, class, words) in [
        (400, "ResourceNotFoundException", Class::NotFound, "logs:FilterLogEvents: it does not exist (any more)"),
        (400, "AccessDeniedException", Class::AccessDenied, "access denied; allow logs:FilterLogEvents"),
        (400, "InvalidParameterException", Class::Refused, "the request was refused"),
    ] {
        let (aws, asked) = answered(vec![(status, json!({"__type": code, "message": "no"}))]).await;
        let error = aws.filter_events("/aws/lambda/x", 0, 1, None).await.unwrap_err();
        assert_eq!(error.class, class, "{error}");
        assert!(
            error.to_string().contains(words) && error.to_string().ends_with(": log group /aws/lambda/x: no"),
            "{error}"
        );
        assert_eq!(asked.lock().unwrap().len(), 1, "{code} is asked again");
    }
}

#[tokio::test]
async fn what_is_throttled_is_asked_again_and_names_the_setting() {
    let throttled = json!({"__type": "ThrottlingException", "message": "Rate exceeded"});
    let (aws, _) = answered(vec![(400, throttled.clone()), (200, json!({"events": []}))]).await;
    assert_eq!(aws.filter_events("/x", 0, 1, None).await.unwrap(), EventPage::default());
    assert_eq!(aws.requests(), [(Api::FilterLogEvents, 2)].into());
    let (aws, _) = answered(vec![(400, throttled)]).await;
    let error = aws.filter_events("/x", 0, 1, None).await.unwrap_err();
    assert!(error.to_string().contains("`logs.requests_per_second`"), "{error}");
}

#[tokio::test]
async fn a_group_that_does_not_answer_does_not_keep_its_account_waiting() {
    let (aws, asked) = answered(vec![(503, Value::Null)]).await;
    assert!(aws.filter_events("/x", 0, 1, None).await.is_err());
    assert_eq!((asked.lock().unwrap().len(), aws.requests()), (2, [(Api::FilterLogEvents, 2)].into()));
    let limit =
        aws.logs.config().timeout_config().and_then(aws_config::timeout::TimeoutConfig::operation_attempt_timeout);
    assert_eq!(limit, Some(Duration::from_secs(10)));
    // Other calls have as many attempts as before.
    assert!(aws.tagged("pipeline").await.is_err());
    assert_eq!(aws.requests()[&Api::GetResources], 5);
}

#[tokio::test]
async fn what_aws_does_not_answer_is_an_error() {
    let (mut nameless, mut timeless) = (one_event("a", 1), one_event("a", 1));
    nameless["eventId"] = Value::Null;
    timeless["timestamp"] = Value::Null;
    for (answer, words) in [
        (json!({"events": [nameless]}), "no id"),
        (json!({"events": [timeless]}), "no time"),
        (json!({"events": [], "nextToken": "t"}), "the same page for ever"),
    ] {
        let (aws, _) = answered(vec![(200, answer)]).await;
        let error = aws.filter_events("/x", 0, 1, Some("t")).await.unwrap_err();
        assert_eq!(error.class, Class::Server);
        assert!(error.to_string().contains(words), "{error}");
    }
}
