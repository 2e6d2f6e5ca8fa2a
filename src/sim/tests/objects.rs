//! Dashboards, monitors and SLOs as a program meets them that is not Datadog's own client: answers that get lost, limits,
//! and the server's habits.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::*;

struct Caller {
    sim: Sim,
    http: reqwest::Client,
}

impl Caller {
    async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// An hour after `MINUTE`, the clock standing still.
    async fn with(options: Options) -> Self {
        let clock = Clock::scaled(at(MINUTE + 3_600), 0.0);
        let sim = Sim::start(Options { clock, ..options }).await.unwrap();
        Self { sim, http: reqwest::Client::builder().retry(reqwest::retry::never()).build().unwrap() }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> reqwest::Result<reqwest::Response> {
        let request = self.http.request(method, format!("{}{path}", self.sim.datadog_url()));
        let request = request.header("DD-API-KEY", "pretend-api-key").header("DD-APPLICATION-KEY", "pretend-app-key");
        request.json(body).send().await
    }

    /// Status and body of an answer.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let answer = self.send(method, path, body).await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    /// Stores a point of a gauge so many seconds ago.
    async fn gauge(&self, metric: &str, ago: i64, value: f64) {
        let point = json!({"timestamp": MINUTE + 3_600 - ago, "value": value});
        let series = json!({"metric": metric, "type": 3, "points": [point], "tags": ["stage:ocr"]});
        let (status, _) = self.ask(Method::POST, "/api/v2/series", &json!({"series": [series]})).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
}

fn monitor(query: &str) -> Value {
    json!({"type": "metric alert", "name": "high", "query": query, "message": ""})
}

#[tokio::test]
async fn an_object_whose_answer_was_lost_is_there() {
    let caller = Caller::new().await;
    caller.sim.faults().add(Rule::new("datadog", Fault::LostAnswer).on("create_monitor").at_most(1));
    let monitor = monitor("max(last_5m):max:a{*} > 5");
    assert!(caller.send(Method::POST, "/api/v1/monitor", &monitor).await.is_err());
    let kept = caller.sim.objects(ObjectKind::Monitor);
    assert_eq!(kept.len(), 1);
    assert_eq!(caller.sim.writes(), BTreeMap::from([((ObjectKind::Monitor, Write::Create), 1)]));

    let (status, said) = caller.ask(Method::POST, "/api/v1/monitor", &monitor).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let duplicate = format!("Duplicate of an existing monitor_id:{} ", kept[0]["id"]);
    assert!(said["errors"][0].as_str().unwrap().starts_with(&duplicate), "{said}");
    caller.sim.stop().await;
}

#[tokio::test]
async fn a_monitor_that_was_renamed_or_deleted_has_no_twin() {
    let caller = Caller::new().await;
    let make = || caller.sim.create_by_hand(ObjectKind::Monitor, monitor("max(last_5m):max:a{*} > 5"));
    let (first, duplicate) = (make().unwrap(), make().unwrap_err());
    assert!(duplicate.contains(&first), "{duplicate}");
    assert!(caller.sim.edit_by_hand(ObjectKind::Monitor, &first, "/name", json!("other")));
    let second = make().unwrap();
    assert!(make().unwrap_err().contains(&second));
    assert!(caller.sim.delete_by_hand(ObjectKind::Monitor, &second));
    make().unwrap();
    assert!(caller.sim.edit_by_hand(ObjectKind::Monitor, &first, "/name", json!("high")), "a person may make a twin");
    assert!(make().unwrap_err().contains(&first), "the older one is named");
    caller.sim.stop().await;
}

#[tokio::test]
async fn a_burn_rate_that_no_failure_reaches_is_refused() {
    let caller = Caller::new().await;
    let count = "sum:a{*}.as_count()";
    let thresholds = json!([{"timeframe": "30d", "target": 90}]);
    let query = json!({"numerator": count, "denominator": count});
    let slo = json!({"type": "metric", "name": "a", "query": query, "thresholds": thresholds});
    let id = caller.sim.create_by_hand(ObjectKind::Slo, slo).unwrap();
    let alert = |rate: f64| {
        let query = format!("burn_rate(\"{id}\").over(\"30d\").long_window(\"1h\").short_window(\"5m\") > {rate}");
        let monitor = json!({"type": "slo alert", "name": "burns", "query": query, "message": ""});
        caller.sim.create_by_hand(ObjectKind::Monitor, monitor)
    };
    let said = alert(14.4).unwrap_err();
    assert!(said.contains("Alert threshold (14.4) must be in range 0 to 10.0 for burn rate alerts"), "{said}");
    alert(10.0).unwrap();
    caller.sim.stop().await;
}

#[tokio::test]
async fn over_the_limit_is_429_and_changes_nothing() {
    let options = Options { rate_limit: RateLimit { requests: 2, seconds: 10 }, ..Options::default() };
    let caller = Caller::with(options).await;
    for (number, left) in [(0, Some("1")), (1, Some("0")), (2, Some("0"))] {
        let monitor = monitor(&format!("max(last_5m):max:a{{*}} > {number}"));
        let answer = caller.send(Method::POST, "/api/v1/monitor", &monitor).await.unwrap();
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(answer.status() == StatusCode::TOO_MANY_REQUESTS, number == 2);
        assert_eq!(header("x-ratelimit-remaining"), left);
        assert_eq!(header("x-ratelimit-name"), Some("create_monitor"));
        assert!((1..=10).contains(&header("x-ratelimit-reset").unwrap().parse::<i64>().unwrap()));
    }
    assert_eq!(caller.sim.objects(ObjectKind::Monitor).len(), 2);
    caller.sim.stop().await;
}

#[tokio::test]
async fn the_server_changes_what_it_keeps() {
    let caller = Caller::new().await;
    let mut sent = monitor("max(last_5m):max:a{*} / max:b{*} > 5");
    sent["tags"] = json!([]);
    sent["priority"] = Value::Null;
    sent["options"] = json!({"renotify_interval": null, "locked": false, "include_tags": false, "new_group_delay": 60});
    let (_, made) = caller.ask(Method::POST, "/api/v1/monitor", &sent).await;
    assert_eq!(made["type"], "query alert", "it computes");
    let options = json!({
        "include_tags": false, "new_group_delay": 60, "notify_audit": false, "notify_no_data": false, "silenced": {},
        "thresholds": {"critical": 5.0},
    });
    assert_eq!(made["options"], options);
    let (_, plain) = caller.ask(Method::POST, "/api/v1/monitor", &monitor("max(last_5m):max:a{*} > 5")).await;
    assert_eq!((&plain["type"], &plain["options"]["new_host_delay"]), (&json!("metric alert"), &json!(300)));
    caller.sim.stop().await;
}

#[tokio::test]
async fn a_monitor_without_data_is_what_it_is_told_to_be() {
    let caller = Caller::new().await;
    caller.gauge("a", 1_800, 9.0).await;
    let cases = [
        ("max(last_5m):max:a{*} > 5", json!({}), "No Data"),
        ("max(last_5m):max:a{*} > 6", json!({"on_missing_data": "resolve"}), "OK"),
        ("max(last_5m):max:a{*} > 7", json!({"notify_no_data": true}), "No Data"),
        // What counts is 0 when nothing happens.
        ("sum(last_5m):sum:a{*}.as_count() > 8", json!({}), "OK"),
        ("sum(last_5m):sum:a{*}.as_count() < 1", json!({}), "Alert"),
        ("sum(last_5m):sum:a{*}.as_count() > 9", json!({"notify_no_data": true}), "No Data"),
        ("max(last_5m):max:a{*} > 8", json!({"evaluation_delay": 1_700}), "Alert"),
        ("avg(last_5m):anomalies(avg:a{*}, 'basic', 2) >= 1", json!({}), "Unknown"),
    ];
    for (query, options, state) in cases {
        let mut sent = monitor(query);
        sent["options"] = options;
        let (status, made) = caller.ask(Method::POST, "/api/v1/monitor", &sent).await;
        assert_eq!(status, StatusCode::OK, "{made}");
        let (_, read) = caller.ask(Method::GET, &format!("/api/v1/monitor/{}", made["id"]), &json!(null)).await;
        assert_eq!(read["overall_state"], state, "{query} {}", sent["options"]);
    }
    caller.sim.stop().await;
}

#[tokio::test]
async fn without_a_word_a_silent_group_stays_what_it_was() {
    let caller = Caller::new().await;
    let (_, made) = caller.ask(Method::POST, "/api/v1/monitor", &monitor("max(last_5m):max:a{*} > 5")).await;
    let path = format!("/api/v1/monitor/{}?group_states=all", made["id"]);
    caller.gauge("a", 60, 9.0).await;
    let (_, read) = caller.ask(Method::GET, &path, &json!(null)).await;
    assert_eq!(read["state"]["groups"]["*"]["status"], "Alert");
    let silenced = json!({"options": {"evaluation_delay": 1_800}});
    caller.ask(Method::PUT, &format!("/api/v1/monitor/{}", made["id"]), &silenced).await;
    let (_, read) = caller.ask(Method::GET, &path, &json!(null)).await;
    assert_eq!(read["overall_state"], "Alert");
    caller.sim.stop().await;
}

#[tokio::test]
async fn a_persons_edit_shows_even_when_the_clock_stands_still() {
    let caller = Caller::new().await;
    let body =
        json!({"title": "a", "layout_type": "ordered", "widgets": [{"definition": {"type": "note", "content": "b"}}]});
    let id = caller.sim.create_by_hand(ObjectKind::Dashboard, body).unwrap();
    let first = caller.sim.objects(ObjectKind::Dashboard).remove(0);
    let edit = |pointer, value| caller.sim.edit_by_hand(ObjectKind::Dashboard, &id, pointer, value);
    assert!(edit("/widgets/0/definition/content", json!("c")));
    assert!(edit("/widgets/1", json!({"definition": {"type": "note", "content": "d"}})));
    assert!(edit("/description", json!("e")));
    assert!(edit("/description", Value::Null));
    assert!(!edit("/description", Value::Null), "it is gone already");
    assert!(edit("/a~1b", json!(1)) && edit("/a~1b", Value::Null), "a slash in a key");
    assert!(!edit("/widgets/7/definition", json!({})) && !edit("", json!({})) && !edit("/widgets/9", json!({})));
    let last = caller.sim.objects(ObjectKind::Dashboard).remove(0);
    let contents: Vec<_> = [0, 1].map(|n| &last["widgets"][n]["definition"]["content"]).into();
    assert_eq!(contents, ["c", "d"]);
    assert_eq!((last.get("description"), last.get("a/b")), (None, None));
    assert!(last["modified_at"].as_str() > first["modified_at"].as_str());
    assert!(caller.sim.delete_by_hand(ObjectKind::Dashboard, &id));
    assert!(caller.sim.objects(ObjectKind::Dashboard).is_empty() && caller.sim.writes().is_empty());
    caller.sim.stop().await;
}

#[tokio::test]
async fn the_past_is_the_last_hour_again_and_again() {
    let caller = Caller::new().await;
    for minute in 0..50 {
        caller.gauge("a", minute * 60, 7.0).await;
    }
    caller.sim.remember(2);
    let ledger = caller.sim.ledger();
    let points = ledger.series.values().next().unwrap();
    let now = MINUTE + 3_600;
    assert_eq!(points.range(now - 3_600..).count(), 50);
    assert_eq!(*points.keys().next().unwrap(), now - 49 * 60 - 2 * 86_400);
    for hours in (4..=48).step_by(4) {
        let copied = points.range(now - hours * 3_600 - 3_600..=now - hours * 3_600);
        assert!((3..=6).contains(&copied.count()), "{hours} hours ago");
    }
    caller.sim.remember(2);
    assert_eq!(caller.sim.ledger(), ledger, "once is enough");
    caller.sim.stop().await;
}

#[tokio::test]
async fn a_reset_forgets_objects() {
    let caller = Caller::new().await;
    caller.sim.create_by_hand(ObjectKind::Monitor, monitor("max(last_5m):max:a{*} > 5")).unwrap();
    caller.ask(Method::POST, "/_sim/reset", &json!(null)).await;
    assert!(caller.sim.objects(ObjectKind::Monitor).is_empty());
    caller.sim.stop().await;
}
