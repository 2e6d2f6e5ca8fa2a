#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use chrono::Utc;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;
use crate::config::Secret;
use crate::config::settings::Compression;
use crate::model::log::{Origin, Status};

pub(super) fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        group: "/aws/sagemaker/Endpoints/x".to_owned(),
        service: "lease".to_owned(),
        source: "sagemaker".to_owned(),
        tags: Arc::from(["env:data_dev", "pipeline:lease"].map(str::to_owned)),
    })
}

pub(super) fn line(id: usize, at: i64, message: &str) -> Line {
    Line {
        id: id.to_string(),
        stream: "AllTraffic/i-1".to_owned(),
        at,
        status: Status::Info,
        message: message.to_owned(),
        attributes: Map::new(),
        origin: origin(),
    }
}

/// What the pretend intake answers to the messages in a body and the number of requests before.
type Script = Box<dyn Fn(&[String], usize) -> u16 + Send>;

/// A pretend intake: what it answered, and the messages that it took.
#[derive(Default)]
struct Intake {
    answers: Vec<u16>,
    taken: Vec<String>,
}

async fn serve(script: Script, headers: &'static [(&'static str, &'static str)]) -> (String, Arc<Mutex<Intake>>) {
    serve_as(script, headers, r#"{"errors":[{"status":"400","title":"Bad Request","detail":"no"}]}"#).await
}

/// Like [`serve`], with what it says where it does not take anything.
async fn serve_as(
    script: Script,
    headers: &'static [(&'static str, &'static str)],
    no: &'static str,
) -> (String, Arc<Mutex<Intake>>) {
    let intake = Arc::new(Mutex::new(Intake::default()));
    let state = (Arc::clone(&intake), Arc::new(Mutex::new(script)));
    let answer = move |body: Bytes| {
        let (intake, script) = state.clone();
        async move {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
            let items: Vec<Value> = serde_json::from_slice(&plain).unwrap();
            let messages: Vec<String> = items.iter().map(|item| item["message"].as_str().unwrap().to_owned()).collect();
            let mut intake = intake.lock().unwrap();
            let status = script.lock().unwrap()(&messages, intake.answers.len());
            intake.answers.push(status);
            if status == 202 {
                intake.taken.extend(messages);
            }
            let headers: HeaderMap =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            (StatusCode::from_u16(status).unwrap(), headers, if status == 202 { "{}" } else { no })
        }
    };
    let app = Router::new().route("/api/v2/logs", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, intake)
}

fn settings(url: &str) -> Datadog {
    Datadog {
        site: "datadoghq.com".into(),
        base_url: "http://127.0.0.1:1".into(),
        logs_url: url.into(),
        api_key: Some(Secret::new("key")),
        app_key: None,
        compression: Compression::Zstd,
        tags: Vec::new(),
        deadline: Duration::from_secs(5),
    }
}

/// A clock on which the longest back-off takes milliseconds.
fn fast() -> Clock {
    let now = Utc::now().timestamp_millis();
    Clock::Scaled { real_origin_ms: now, sim_origin_ms: now, rate: 400.0 }
}

/// So many lines of a moment ago, each its number.
fn lines(count: usize, clock: &Clock) -> Vec<Line> {
    let now = clock.now().timestamp_millis();
    (0..count).map(|number| line(number, now - 1_000, &number.to_string())).collect()
}

async fn run(url: &str, clock: &Clock, lines: &[Line]) -> Delivery {
    let settings = settings(url);
    deliver(&Client::new(&settings).unwrap(), &settings, clock, lines).await
}

/// Lines that were accepted, too old, refused and pending.
fn fate(delivery: &Delivery) -> [u64; 4] {
    [delivery.accepted, delivery.too_old, delivery.refused, delivery.pending]
}

#[tokio::test]
async fn what_is_accepted_arrives_once_and_in_order() {
    let (url, intake) = serve(Box::new(|_, _| 202), &[]).await;
    let delivery = run(&url, &Clock::Real, &lines(2_500, &Clock::Real)).await;
    assert_eq!((fate(&delivery), delivery.requests, delivery.error.clone()), ([2_500, 0, 0, 0], 3, None));
    assert_eq!(delivery.settled(), 2_500);
    let wanted: Vec<String> = (0..2_500).map(|number: usize| number.to_string()).collect();
    assert_eq!(intake.lock().unwrap().taken, wanted);
}

#[tokio::test]
async fn lines_that_are_too_old_are_counted_and_not_sent() {
    let (url, intake) = serve(Box::new(|_, _| 202), &[]).await;
    let mut lines = lines(4, &Clock::Real);
    let now = Utc::now().timestamp_millis();
    lines[0].at = now - 18 * 3_600_000;
    lines[1].at = now - 17 * 3_600_000;
    lines[2].at = i64::MIN;
    let delivery = run(&url, &Clock::Real, &lines).await;
    assert_eq!(fate(&delivery), [2, 2, 0, 0]);
    assert_eq!(delivery.outcomes[..3], [Outcome::TooOld, Outcome::Accepted, Outcome::TooOld]);
    assert_eq!(intake.lock().unwrap().taken, ["1", "3"]);
}

#[tokio::test]
async fn one_bad_line_is_found_and_the_others_are_taken() {
    let bad = |messages: &[String], _| if messages.iter().any(|message| message == "123") { 400 } else { 202 };
    let (url, intake) = serve(Box::new(bad), &[]).await;
    let delivery = run(&url, &Clock::Real, &lines(1_500, &Clock::Real)).await;
    assert_eq!(fate(&delivery), [1_499, 0, 1, 0]);
    assert_eq!(delivery.reasons, [("bad_request", 1)].into());
    assert_eq!(delivery.outcomes.iter().position(|outcome| *outcome == Outcome::Refused), Some(123));
    let taken = intake.lock().unwrap().taken.clone();
    assert!(taken.is_sorted_by_key(|number| number.parse::<u32>().unwrap()), "not in order");
    assert!(delivery.requests < 25, "{}", delivery.requests);
}

#[tokio::test]
async fn a_body_said_to_be_too_large_is_halved_down_to_a_line() {
    let (url, intake) = serve(Box::new(|messages, _| if messages.len() > 2 { 413 } else { 202 }), &[]).await;
    let delivery = run(&url, &Clock::Real, &lines(9, &Clock::Real)).await;
    assert_eq!((fate(&delivery), intake.lock().unwrap().taken.len()), ([9, 0, 0, 0], 9));
    let script = |messages: &[String], _| if messages == ["0"] { 202 } else { 413 };
    let (url, _) = serve(Box::new(script), &[]).await;
    let delivery = run(&url, &Clock::Real, &lines(3, &Clock::Real)).await;
    assert_eq!((fate(&delivery), delivery.reasons), ([1, 0, 2, 0], [("too_large", 2)].into()));
}

/// What a firewall says.
const PAGE: &str = "<html><body>Request blocked</body></html>";

#[tokio::test]
async fn who_refuses_everything_loses_nothing() {
    for (status, tag) in [(400, "misdirected"), (413, "misdirected"), (422, "misdirected")] {
        for count in [1, 2, 1_000] {
            let (url, _) = serve_as(Box::new(move |_, _| status), &[], PAGE).await;
            let delivery = run(&url, &Clock::Real, &lines(count, &Clock::Real)).await;
            assert_eq!((fate(&delivery), delivery.settled()), ([0, 0, 0, count as u64], 0), "{status}");
            assert!(delivery.reasons.is_empty() && delivery.requests < 15, "{delivery:?}");
            assert_eq!(delivery.error.map(|error| error.tag()), Some(tag));
        }
    }
    for (status, tag) in [(400, "bad_request"), (413, "too_large")] {
        let (url, _) = serve(Box::new(move |_, _| status), &[]).await;
        let delivery = run(&url, &Clock::Real, &lines(3, &Clock::Real)).await;
        assert_eq!((fate(&delivery), delivery.error.map(|error| error.tag())), ([0, 0, 0, 3], Some(tag)));
    }
}

#[tokio::test]
async fn a_line_that_datadog_refuses_does_not_stop_its_group_when_it_is_alone() {
    let (url, _) = serve(Box::new(|_, _| 400), &[]).await;
    let delivery = run(&url, &Clock::Real, &lines(1, &Clock::Real)).await;
    assert_eq!((fate(&delivery), delivery.reasons), ([0, 0, 1, 0], [("bad_request", 1)].into()));
}

#[tokio::test]
async fn what_a_firewall_refuses_among_lines_that_are_taken_is_refused() {
    for bad in ["0", "5", "9"] {
        let script =
            move |messages: &[String], _| if messages.iter().any(|message| message == bad) { 400 } else { 202 };
        let (url, intake) = serve_as(Box::new(script), &[], PAGE).await;
        let delivery = run(&url, &Clock::Real, &lines(10, &Clock::Real)).await;
        assert_eq!((fate(&delivery), delivery.reasons), ([9, 0, 1, 0], [("bad_request", 1)].into()), "{bad}");
        assert_eq!(intake.lock().unwrap().taken.len(), 9);
    }
    // A proxy that takes small bodies only.
    let script = |messages: &[String], _| if messages.len() > 2 { 413 } else { 202 };
    let (url, _) = serve_as(Box::new(script), &[], PAGE).await;
    assert_eq!(fate(&run(&url, &Clock::Real, &lines(9, &Clock::Real)).await), [9, 0, 0, 0]);
}

#[tokio::test]
async fn a_line_beyond_the_limit_is_refused_here() {
    let (url, intake) = serve(Box::new(|_, _| 202), &[]).await;
    let mut lines = lines(3, &Clock::Real);
    lines[1].message = "x".repeat(1_000_000);
    let delivery = run(&url, &Clock::Real, &lines).await;
    assert_eq!((fate(&delivery), delivery.reasons), ([2, 0, 1, 0], [("too_large", 1)].into()));
    assert_eq!(intake.lock().unwrap().taken, ["0", "2"]);
}

#[tokio::test]
async fn halving_has_an_end_and_what_is_left_is_pending() {
    let script = |messages: &[String], _| if messages == ["0"] { 202 } else { 400 };
    let (url, _) = serve(Box::new(script), &[]).await;
    let delivery = run(&url, &Clock::Real, &lines(1_000, &Clock::Real)).await;
    assert_eq!((delivery.accepted, delivery.refused + delivery.pending), (1, 999));
    assert!(delivery.refused > 100 && delivery.pending > 0, "{:?}", fate(&delivery));
    assert!(delivery.requests <= 2 * u64::from(MAX_SPLITS) + 1, "{}", delivery.requests);
}

#[tokio::test]
async fn a_bad_key_is_met_once_and_loses_nothing() {
    let (url, intake) = serve(Box::new(|_, _| 403), &[]).await;
    let delivery = run(&url, &Clock::Real, &lines(5_000, &Clock::Real)).await;
    assert_eq!((intake.lock().unwrap().answers.clone(), fate(&delivery)), (vec![403], [0, 0, 0, 5_000]));
    assert!(delivery.error.unwrap().to_string().contains("DD_API_KEY"));
}

#[tokio::test]
async fn what_can_heal_is_tried_again() {
    let script = |_: &[String], request| *[503, 429, 408, 500].get(request).unwrap_or(&202);
    let (url, intake) = serve(Box::new(script), &[]).await;
    let clock = fast();
    let delivery = run(&url, &clock, &lines(3, &clock)).await;
    assert_eq!((fate(&delivery), delivery.requests), ([3, 0, 0, 0], 5));
    assert_eq!(intake.lock().unwrap().answers, [503, 429, 408, 500, 202]);
    assert_eq!(delivery.error.map(|error| error.tag()), Some("server"));
}

#[tokio::test]
async fn what_comes_after_a_failure_is_left() {
    let script = |_: &[String], request| if request == 1 { 429 } else { 202 };
    let (url, intake) = serve(Box::new(script), &[("retry-after", "3600")]).await;
    let mut lines = lines(3_000, &Clock::Real);
    // It will be as old next time, and is counted then.
    lines[2_999].at = 0;
    let delivery = run(&url, &Clock::Real, &lines).await;
    assert_eq!((fate(&delivery), delivery.settled()), ([1_000, 0, 0, 2_000], 1_000));
    assert_eq!(intake.lock().unwrap().answers, [202, 429]);
    assert!(delivery.error.unwrap().to_string().contains("3600 s"));
}

#[tokio::test]
async fn nobody_at_the_address_is_pending_with_its_name() {
    let mut settings = settings("http://127.0.0.1:2");
    settings.deadline = Duration::from_millis(100);
    let delivery = deliver(&Client::new(&settings).unwrap(), &settings, &Clock::Real, &lines(2, &Clock::Real)).await;
    assert_eq!(fate(&delivery), [0, 0, 0, 2]);
    let words = delivery.error.unwrap().to_string();
    assert!(words.contains("http://127.0.0.1:2 cannot be reached") && words.contains("datadog.logs_url"), "{words}");
}

#[tokio::test]
async fn time_that_is_over_is_an_error_of_its_own() {
    let mut settings = settings("http://127.0.0.1:2");
    settings.deadline = Duration::ZERO;
    let delivery = deliver(&Client::new(&settings).unwrap(), &settings, &Clock::Real, &lines(2, &Clock::Real)).await;
    assert_eq!((fate(&delivery), delivery.requests), ([0, 0, 0, 2], 0));
    assert!(delivery.error.unwrap().to_string().contains("`datadog.deadline`"));
}

#[tokio::test]
async fn nothing_to_send_sends_nothing() {
    let mut old = lines(2, &Clock::Real);
    for line in &mut old {
        line.at = 0;
    }
    for (lines, fates) in [(Vec::new(), [0; 4]), (old, [0, 2, 0, 0])] {
        let delivery = run("http://127.0.0.1:1", &Clock::Real, &lines).await;
        assert_eq!((delivery.requests, fate(&delivery)), (0, fates));
    }
}

#[test]
fn a_delivery_can_run_on_any_thread() {
    fn is_send<T: Send>(_: T) {}
    let settings = settings("http://127.0.0.1:1");
    is_send(deliver(&Client::new(&settings).unwrap(), &settings, &Clock::Real, &[]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn for_all_answers_every_line_is_accounted_for_and_what_is_settled_goes_before_what_is_pending(
        statuses in proptest::collection::vec(
            proptest::sample::select(&[202_u16, 202, 202, 400, 401, 408, 413, 429, 500, 302][..]), 1..12),
        ages in proptest::collection::vec(proptest::sample::select(&[0_i64, 1, 17, 18, 19][..]), 0..2_300),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (delivery, taken) = runtime.block_on(async {
            let script = move |_: &[String], request: usize| statuses[request % statuses.len()];
            let (url, intake) = serve(Box::new(script), &[]).await;
            let clock = fast();
            let mut lines = lines(ages.len(), &clock);
            for (line, hours) in lines.iter_mut().zip(&ages) {
                line.at -= hours * 3_600_000;
            }
            let delivery = run(&url, &clock, &lines).await;
            let taken = intake.lock().unwrap().taken.len() as u64;
            (delivery, taken)
        });
        prop_assert_eq!(fate(&delivery).iter().sum::<u64>(), ages.len() as u64);
        prop_assert_eq!(delivery.outcomes.len(), ages.len());
        prop_assert_eq!(delivery.reasons.values().sum::<u64>(), delivery.refused);
        prop_assert_eq!(taken, delivery.accepted);
        prop_assert!(delivery.accepted > 0 || delivery.refused <= 1, "{:?}", fate(&delivery));
        let settled = delivery.settled();
        prop_assert!(delivery.outcomes[settled..].iter().all(|outcome| *outcome == Outcome::Pending));
        prop_assert_eq!(delivery.pending, (ages.len() - settled) as u64);
        for (outcome, hours) in delivery.outcomes[..settled].iter().zip(&ages) {
            prop_assert_eq!(*outcome == Outcome::TooOld, *hours >= 18);
        }
    }
}
