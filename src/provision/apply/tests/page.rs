use std::collections::BTreeSet;

use axum::routing::get;
use axum::{Json, Router};
use chrono::TimeDelta;

use super::pretend::Fault;
use super::*;

const PATIENCE: Patience =
    Patience { alert: TimeDelta::seconds(60), recovery: TimeDelta::seconds(60), poll: TimeDelta::seconds(5) };

fn test() -> PageTest {
    PageTest { route: "Docs".into(), handles: "@pagerduty-Docs @slack-docs".into(), run: "r1".into() }
}

async fn run(bench: &Bench) -> Vec<Seen> {
    let told = std::sync::Mutex::new(Vec::new());
    let show = |shown: &Shown| told.lock().unwrap().push(shown.clone());
    let shown = page_test(&bench.session(), &test(), PATIENCE, &show).await;
    assert_eq!(shown, told.into_inner().unwrap());
    assert!(shown.is_sorted_by_key(|shown| shown.at));
    shown.into_iter().map(|shown| shown.seen).collect()
}

#[tokio::test]
async fn a_page_comes_and_goes() {
    let bench = Bench::new().await;
    let seen = run(&bench).await;
    let Seen::Made { id } = &seen[0] else { unreachable!("{seen:?}") };
    let rest = [Seen::Fired, Seen::Alerted, Seen::Released, Seen::Recovered, Seen::Removed];
    assert_eq!(seen[1..], rest, "{seen:?}");
    assert_eq!(bench.there.count(Kind::Monitor), 0);
    assert_eq!(bench.there.asked(&format!("DELETE monitor/{id}")), 1);
    let points = bench.there.with(|shared| shared.points.clone());
    assert_eq!(points[0]["series"][0]["metric"], "ddsync.page_test");
    assert_eq!(points[0]["series"][0]["tags"], json!(["route:docs", "run:r1"]));
    let values: Vec<&Value> = points.iter().map(|point| &point["series"][0]["points"][0]["value"]).collect();
    assert_eq!(values, [&json!(1), &json!(0)]);
}

#[tokio::test]
async fn the_message_has_the_handles_in_alert_and_recovery_and_the_route_cannot_break_it() {
    let bench = Bench::new().await;
    bench.there.fault("POST series", 1, Fault::Refused(400));
    bench.there.fault("DELETE monitor", 99, Fault::Refused(400));
    let hostile = PageTest { route: "@x {{#is_ok}}\"".into(), ..test() };
    page_test(&bench.session(), &hostile, PATIENCE, &|_| {}).await;
    let body = bench.there.with(|shared| shared.objects.values().next().unwrap().clone());
    let message = body["message"].as_str().unwrap();
    assert_eq!(message.matches("{{").count(), 4, "{message}");
    assert!(!message.contains("@x") && message.ends_with("{{/is_recovery}}\n@pagerduty-Docs @slack-docs"), "{message}");
    assert_eq!(body["query"].as_str().unwrap().matches('{').count(), 1, "{body}");
    assert_eq!(Mark::read(Kind::Monitor, &body), None, "no plan deletes it");
    assert_eq!(body["options"]["timeout_h"], 1, "it ends when nobody ends it");
}

#[tokio::test]
async fn the_monitor_goes_whatever_fails() {
    let bench = Bench::new().await;
    bench.there.with(|shared| shared.stuck = true);
    let seen = run(&bench).await;
    let words = "the monitor was still No Data and not Alert after 1m".to_owned();
    assert_eq!(seen[1..], [Seen::Fired, Seen::Failed(words), Seen::Removed]);
    assert_eq!(bench.there.count(Kind::Monitor), 0);

    // Nobody tells the id of what was made.
    let bench = Bench::new().await;
    bench.there.fault("POST monitor", 1, Fault::Lost);
    let seen = run(&bench).await;
    assert!(matches!(seen[..], [Seen::Failed(_), Seen::Removed]), "{seen:?}");
    assert_eq!(bench.there.count(Kind::Monitor), 0);

    let bench = Bench::new().await;
    bench.there.fault("DELETE monitor", 99, Fault::Refused(400));
    let seen = run(&bench).await;
    let Some(Seen::Failed(words)) = seen.last() else { unreachable!("{seen:?}") };
    assert!(words.starts_with("the monitor tagged ddsync_page_test:r1 could not be deleted"), "{words}");
}

#[tokio::test]
async fn an_interrupted_test_is_cleaned_up() {
    let bench = Bench::new().await;
    bench.there.with(|shared| shared.stuck = true);
    let (session, test) = (bench.session(), test());
    let patience = Patience { alert: TimeDelta::hours(1), ..PATIENCE };
    let cut = tokio::time::timeout(Duration::from_millis(100), page_test(&session, &test, patience, &|_| {})).await;
    assert!(cut.is_err());
    bench.there.put(Kind::Monitor, "7", &json!({ "name": "another", "tags": ["ddsync_page_test:r12"] }));
    assert_eq!(cleanup(&bench.session(), "r1").await.unwrap(), 1);
    assert_eq!(bench.there.count(Kind::Monitor), 1, "of another test");
}

#[tokio::test]
async fn what_killed_tests_have_left_goes_and_nothing_else() {
    let bench = Bench::new().await;
    let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    let left = PageTest::run("main", at(1_000));
    let kept = [
        ("young", PageTest::run("main", at(2_000)), "route:docs"),
        ("of another route", left.clone(), "route:docs-2"),
        ("of another namespace", PageTest::run("other", at(1_000)), "route:docs"),
        ("of a namespace that begins so", PageTest::run("main-5", at(1_000)), "route:docs"),
        ("no test", "main-yesterday".to_owned(), "route:docs"),
    ];
    for (id, (name, run, route)) in (1..).zip(&kept) {
        let body = json!({ "name": name, "tags": [format!("ddsync_page_test:{run}"), route] });
        bench.there.put(Kind::Monitor, &id.to_string(), &body);
    }
    bench.there.put(Kind::Monitor, "7", &json!({ "tags": [format!("ddsync_page_test:{left}"), "route:docs"] }));
    assert_eq!(sweep(&bench.session(), "main", "Docs", at(2_000)).await.unwrap(), 1);
    let names = bench.there.with(|shared| shared.objects.values().map(|body| body["name"].clone()).collect::<Vec<_>>());
    assert_eq!(names, kept.map(|(name, ..)| json!(name)));
}

#[tokio::test]
async fn handles_are_told_apart_where_datadog_tells_them() {
    let handles: BTreeSet<String> = ["@slack-docs", "@pagerduty-Gone"].map(str::to_owned).into();
    let mut bench = Bench::new().await;
    assert_eq!(verify_handles(&bench.session(), &handles).await, None, "no such endpoint");
    for (answer, known) in [
        (json!({ "data": [{ "attributes": { "handles": [{ "value": "@slack-Docs" }] } }] }), Some("@slack-docs")),
        (json!({ "data": [] }), None),
    ] {
        let app = Router::new().route("/api/v2/notifications/handles", get(async move || Json(answer)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        bench.settings.base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        bench.client = Client::new(&bench.settings).unwrap();
        let known = known.map(|handle| BTreeSet::from([handle.to_owned()]));
        assert_eq!(verify_handles(&bench.session(), &handles).await, known);
    }
}
