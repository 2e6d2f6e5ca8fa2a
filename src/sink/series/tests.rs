#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use chrono::Utc;
use proptest::prelude::*;

use super::*;
use crate::config::Secret;
use crate::config::settings::Compression;
use crate::model::series::{Fate, Kind, Point};

/// What the pretend intake answers to the names in a body and the number of requests before.
type Script = Box<dyn Fn(&[String], usize) -> u16 + Send>;

/// A pretend intake: what it answered and, of what it took, name -> points.
#[derive(Default)]
struct Intake {
    answers: Vec<u16>,
    stored: BTreeMap<String, Vec<i64>>,
}

async fn serve(script: Script, headers: &'static [(&'static str, &'static str)]) -> (String, Arc<Mutex<Intake>>) {
    let intake = Arc::new(Mutex::new(Intake::default()));
    let state = (Arc::clone(&intake), Arc::new(Mutex::new(script)));
    let answer = move |body: Bytes| {
        let (intake, script) = state.clone();
        async move {
            let raw = zstd::stream::decode_all(&*body).unwrap();
            let value: serde_json::Value = serde_json::from_slice(&raw).unwrap();
            let series = value["series"].as_array().unwrap();
            let names: Vec<String> = series.iter().map(|one| one["metric"].as_str().unwrap().to_owned()).collect();
            let mut intake = intake.lock().unwrap();
            let status = script.lock().unwrap()(&names, intake.answers.len());
            intake.answers.push(status);
            if status == 202 {
                for (name, one) in names.into_iter().zip(series) {
                    let points = one["points"].as_array().unwrap().iter();
                    let at = points.map(|point| point["timestamp"].as_i64().unwrap());
                    intake.stored.entry(name).or_default().extend(at);
                }
            }
            let headers: HeaderMap =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            (StatusCode::from_u16(status).unwrap(), headers, r#"{"errors":[]}"#)
        }
    };
    let app = Router::new().route("/api/v2/series", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, intake)
}

fn settings(url: &str) -> Datadog {
    Datadog {
        site: "datadoghq.com".into(),
        base_url: url.into(),
        logs_url: url.into(),
        api_key: Some(Secret::new("key")),
        app_key: None,
        compression: Compression::Zstd,
        tags: vec!["site:test".into()],
        deadline: Duration::from_secs(5),
    }
}

/// A clock on which the longest back-off takes milliseconds.
fn fast() -> Clock {
    let now = Utc::now().timestamp_millis();
    Clock::Scaled { real_origin_ms: now, sim_origin_ms: now, rate: 400.0 }
}

fn series(count: usize, points: i64, clock: &Clock) -> Vec<Series> {
    let now = clock.now().timestamp();
    let one = |index: usize| Series {
        name: format!("m{index:05}").into(),
        kind: Kind::Count,
        interval: 60,
        unit: "".into(),
        tags: Arc::from([format!("endpoint:e{index}")]),
        points: (0..points).map(|minute| Point { at: now - 60 * minute, value: 1.5 }).rev().collect(),
    };
    (0..count).map(one).collect()
}

async fn run(url: &str, clock: &Clock, series: &[Series]) -> Delivery {
    let settings = settings(url);
    deliver(&Client::new(&settings).unwrap(), &settings, clock, series).await
}

#[tokio::test]
async fn what_is_accepted_arrives_once_whatever_the_number_of_payloads() {
    let (url, intake) = serve(Box::new(|_, _| 202), &[]).await;
    let clock = Clock::Real;
    let series = series(20_000, 5, &clock);
    let delivery = run(&url, &clock, &series).await;
    assert_eq!(delivery.fate, Fate { accepted: 100_000, ..Fate::default() });
    let intake = intake.lock().unwrap();
    assert!(intake.answers.len() > 2, "{:?}", intake.answers);
    assert_eq!(intake.answers.len() as u64, delivery.requests);
    assert_eq!(intake.stored.len(), 20_000);
    assert!(intake.stored.values().all(|points| points.len() == 5));
}

#[tokio::test]
async fn one_bad_series_is_found_and_the_others_are_taken() {
    let bad = |names: &[String], _| if names.iter().any(|name| name == "m00123") { 400 } else { 202 };
    let (url, intake) = serve(Box::new(bad), &[]).await;
    let clock = Clock::Real;
    let delivery = run(&url, &clock, &series(500, 2, &clock)).await;
    assert_eq!(delivery.fate, Fate { accepted: 998, refused: 2, ..Fate::default() });
    assert_eq!(delivery.reasons, [("bad_request".to_owned(), 2)].into());
    assert_eq!(delivery.outcomes.iter().position(|outcome| *outcome == Outcome::Refused), Some(123));
    assert_eq!(intake.lock().unwrap().stored.len(), 499);
    assert!(delivery.requests < 25, "{}", delivery.requests);
}

#[tokio::test]
async fn halving_has_an_end_and_what_is_left_is_pending() {
    let (url, _) = serve(Box::new(|_, _| 400), &[]).await;
    let clock = Clock::Real;
    let delivery = run(&url, &clock, &series(1000, 1, &clock)).await;
    assert_eq!(delivery.fate.refused + delivery.fate.pending, 1000);
    assert!(delivery.fate.refused > 100, "{:?}", delivery.fate);
    assert!(delivery.requests <= 2 * u64::from(MAX_SPLITS) + 1, "{}", delivery.requests);
}

#[tokio::test]
async fn a_body_said_to_be_too_large_is_halved_down_to_points() {
    let (url, intake) = serve(Box::new(|names, _| if names.len() > 2 { 413 } else { 202 }), &[]).await;
    let clock = Clock::Real;
    let delivery = run(&url, &clock, &series(9, 3, &clock)).await;
    assert_eq!(delivery.fate, Fate { accepted: 27, ..Fate::default() });
    assert_eq!(intake.lock().unwrap().stored.len(), 9);
    let (url, _) = serve(Box::new(|_, _| 413), &[]).await;
    let delivery = run(&url, &clock, &series(1, 3, &clock)).await;
    assert_eq!(delivery.fate, Fate { refused: 3, ..Fate::default() });
    assert_eq!(delivery.reasons, [("too_large".to_owned(), 3)].into());
}

#[tokio::test]
async fn a_bad_key_is_met_once_and_loses_nothing() {
    let (url, intake) = serve(Box::new(|_, _| 403), &[]).await;
    let clock = Clock::Real;
    let delivery = run(&url, &clock, &series(20_000, 5, &clock)).await;
    assert_eq!(intake.lock().unwrap().answers, [403]);
    assert_eq!(delivery.fate, Fate { pending: 100_000, ..Fate::default() });
    assert!(delivery.last_error.unwrap().contains("DD_API_KEY"));
}

#[tokio::test]
async fn what_can_heal_is_tried_again() {
    let script = |_: &[String], request| *[503, 429, 408, 500].get(request).unwrap_or(&202);
    let (url, intake) = serve(Box::new(script), &[]).await;
    let clock = fast();
    let delivery = run(&url, &clock, &series(3, 1, &clock)).await;
    assert_eq!(delivery.fate, Fate { accepted: 3, ..Fate::default() });
    assert_eq!(intake.lock().unwrap().answers, [503, 429, 408, 500, 202]);
    assert!(delivery.last_error.is_some());
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_waited_for() {
    let (url, intake) = serve(Box::new(|_, _| 429), &[("retry-after", "3600")]).await;
    let clock = Clock::Real;
    let delivery = run(&url, &clock, &series(3, 1, &clock)).await;
    assert_eq!(delivery.fate, Fate { pending: 3, ..Fate::default() });
    assert_eq!(intake.lock().unwrap().answers, [429]);
    assert!(delivery.last_error.unwrap().contains("3600 s"));
}

#[tokio::test]
async fn nobody_at_the_address_is_pending_with_its_name() {
    let mut settings = settings("http://127.0.0.1:1");
    settings.deadline = Duration::from_millis(100);
    let clock = Clock::Real;
    let series = series(2, 1, &clock);
    let delivery = deliver(&Client::new(&settings).unwrap(), &settings, &clock, &series).await;
    assert_eq!(delivery.outcomes, [Outcome::Pending, Outcome::Pending]);
    assert!(delivery.last_error.unwrap().contains("http://127.0.0.1:1 cannot be reached"));
}

#[test]
fn a_delivery_can_run_on_any_thread() {
    fn is_send<T: Send>(_: T) {}
    let settings = settings("http://127.0.0.1:1");
    is_send(deliver(&Client::new(&settings).unwrap(), &settings, &Clock::Real, &[]));
}

#[tokio::test]
async fn nothing_to_send_sends_nothing() {
    let clock = Clock::Real;
    let delivery = run("http://127.0.0.1:1", &clock, &series(2, 0, &clock)).await;
    assert_eq!((delivery.requests, delivery.outcomes), (0, vec![Outcome::Accepted; 2]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn for_all_answers_every_point_is_accounted_for_and_what_was_accepted_is_there(
        statuses in proptest::collection::vec(
            proptest::sample::select(&[202_u16, 202, 202, 400, 401, 408, 413, 429, 500, 302][..]), 1..12),
        shapes in proptest::collection::vec((0_i64..70, any::<bool>()), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let balanced = runtime.block_on(async {
            let script = move |_: &[String], request: usize| statuses[request % statuses.len()];
            let (url, intake) = serve(Box::new(script), &[]).await;
            let clock = fast();
            let mut all = series(shapes.len(), 0, &clock);
            for (one, &(minutes, nan)) in all.iter_mut().zip(&shapes) {
                let now = clock.now().timestamp();
                let value = |minute| if nan && minute % 7 == 3 { f64::NAN } else { 1.0 };
                one.points = (-12..minutes - 12).rev().map(|m| Point { at: now - 60 * m, value: value(m) }).collect();
            }
            let points: usize = all.iter().map(|one| one.points.len()).sum();
            let delivery = run(&url, &clock, &all).await;
            let mut fate = delivery.fate;
            fate.collected = points as u64;
            let stored = intake.lock().unwrap().stored.values().map(Vec::len).sum::<usize>() as u64;
            let reasons: u64 = delivery.reasons.values().sum();
            // An answer can be lost, so more can be stored than is known to be.
            fate.balances() && stored >= fate.accepted && reasons == fate.refused
        });
        prop_assert!(balanced);
    }
}
