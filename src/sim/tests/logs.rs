//! The pretend Logs as the SDK reads it, and the pretend intake of logs over plain HTTP.

use std::io::Write as _;

use serde_json::{Value, json};

use super::*;

const GROUP: &str = "/aws/sagemaker/Endpoints/lease-page-split";
const FROM: i64 = MINUTE * 1_000;
const HOUR: i64 = 3_600_000;

/// A company at so many seconds after `MINUTE`, the clock standing still, with this limit.
async fn at_second(second: i64, requests: u64) -> Sim {
    let clock = Clock::scaled(at(MINUTE + second), 0.0);
    let logs_limit = RateLimit { requests, seconds: 1 };
    Sim::start(Options { clock, logs_limit, ..Options::default() }).await.unwrap()
}

async fn client(sim: &Sim) -> aws_sdk_cloudwatchlogs::Client {
    aws_sdk_cloudwatchlogs::Client::new(&role(sim, company::DEVELOPMENT, aws::EXTERNAL_ID).await)
}

/// Every event of a time, page by page, and the pages that it took.
async fn read(sim: &Sim, group: &str, from: i64, to: i64) -> (Vec<LogEvent>, usize) {
    let client = client(sim).await;
    let (mut events, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let asked = client.filter_log_events().log_group_name(group).start_time(from).end_time(to);
        let page = asked.set_next_token(token).send().await.unwrap();
        pages += 1;
        events.extend(page.events.unwrap_or_default().into_iter().map(|event| LogEvent {
            id: event.event_id.unwrap(),
            stream: event.log_stream_name.unwrap(),
            at: event.timestamp.unwrap(),
            ingested_at: event.ingestion_time.unwrap(),
            text: event.message.unwrap(),
        }));
        token = page.next_token;
        if token.is_none() {
            return (events, pages);
        }
    }
}

/// What there is to read of a group at the time of the company.
fn there(sim: &Sim, group: &str, from: i64, to: i64) -> Vec<LogEvent> {
    let now = sim.clock().now().timestamp_millis();
    let mut events = sim.world().log_events(company::DEVELOPMENT, group, from, to);
    events.retain(|event| event.ingested_at <= now);
    events
}

#[tokio::test]
async fn pages_of_any_size_hold_the_same_events() {
    let sim = at_second(3_600, 10_000).await;
    let wanted = there(&sim, GROUP, FROM, FROM + HOUR);
    assert!(wanted.len() > 100, "{}", wanted.len());
    // The end belongs to the time that is asked for.
    assert_eq!(read(&sim, GROUP, FROM, FROM + HOUR - 1).await, (wanted.clone(), 1));
    let last = wanted.last().unwrap().at;
    let until_last: Vec<LogEvent> = wanted.iter().filter(|event| event.at <= last).cloned().collect();
    assert_eq!(read(&sim, GROUP, FROM, last).await.0, until_last);
    for (fault, pages) in [(Fault::SmallPages(7), wanted.len().div_ceil(7)), (Fault::EmptyPageWithToken, 2)] {
        sim.faults().set(vec![Rule::new("logs", fault)]);
        let (events, taken) = read(&sim, GROUP, FROM, FROM + HOUR - 1).await;
        assert_eq!((events, taken), (wanted.clone(), pages), "{fault:?}");
    }
    sim.stop().await;
}

/// One metric of a group of a day, by hour.
async fn hours(sim: &Sim, metric: &str, day: i64) -> Vec<(i64, f64)> {
    let client = aws_sdk_cloudwatch::Client::new(&role(sim, company::DEVELOPMENT, aws::EXTERNAL_ID).await);
    let group = Dimension::builder().name("LogGroupName").value(GROUP).build();
    let metric = Metric::builder().namespace("AWS/Logs").metric_name(metric).dimensions(group).build();
    let stat = MetricStat::builder().metric(metric).period(3_600).stat("Sum").build();
    let answer = client
        .get_metric_data()
        .metric_data_queries(MetricDataQuery::builder().id("q").metric_stat(stat).build())
        .start_time(Moment::from_secs(day))
        .end_time(Moment::from_secs(day + 86_400))
        .scan_by(aws_sdk_cloudwatch::types::ScanBy::TimestampAscending)
        .send()
        .await
        .unwrap();
    let result = &answer.metric_data_results()[0];
    result.timestamps().iter().map(Moment::secs).zip(result.values().iter().copied()).collect()
}

#[tokio::test]
async fn cloudwatch_counts_the_events_of_every_hour_and_their_bytes() {
    let sim = at_second(2 * 86_400, 10_000).await;
    let day = MINUTE - MINUTE % 86_400 + 86_400;
    let (events, _) = read(&sim, GROUP, day * 1_000, day * 1_000 + 24 * HOUR - 1).await;
    let mut wanted: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for event in &events {
        let (bytes, count) = wanted.entry(event.at.div_euclid(HOUR) * 3_600).or_default();
        #[expect(clippy::cast_precision_loss, reason = "a line is not as long")]
        let length = event.text.len() as f64;
        (*bytes, *count) = (*bytes + length, *count + 1.0);
    }
    assert_eq!(wanted.len(), 24);
    let by = |of: fn((f64, f64)) -> f64| wanted.iter().map(|(hour, both)| (*hour, of(*both))).collect::<Vec<_>>();
    assert_eq!(hours(&sim, "IncomingBytes", day).await, by(|(bytes, _)| bytes));
    assert_eq!(hours(&sim, "IncomingLogEvents", day).await, by(|(_, count)| count));
    sim.stop().await;
}

#[tokio::test]
async fn a_long_time_is_searched_a_day_a_page() {
    let sim = at_second(3_600, 10_000).await;
    let group = "/aws/sagemaker/Endpoints/notebook-7";
    let (events, pages) = read(&sim, group, FROM - 72 * HOUR, FROM).await;
    assert_eq!(events, there(&sim, group, FROM - 72 * HOUR, FROM + 1));
    assert_eq!(pages, 4);
    // Nothing is older than a group or than it keeps, and to look there costs nothing.
    let silent = "/aws/sagemaker/Endpoints/lease-experiment";
    assert_eq!(read(&sim, silent, 0, FROM).await, (Vec::new(), 20));
    sim.stop().await;
}

#[tokio::test]
async fn a_late_event_is_seen_when_it_has_come() {
    let (early, late) = (at_second(600, 10_000).await, at_second(1_200, 10_000).await);
    let window = (FROM, FROM + 595_000);
    let (first, _) = read(&early, GROUP, window.0, window.1).await;
    let (then, _) = read(&late, GROUP, window.0, window.1).await;
    assert!(first.len() < then.len(), "{} of {}", first.len(), then.len());
    assert!(first.iter().all(|event| then.contains(event)));
    assert_eq!(first, there(&early, GROUP, window.0, window.1 + 1));
    let now = early.clock().now().timestamp_millis();
    let missing = then.iter().filter(|event| !first.contains(event));
    assert!(missing.into_iter().all(|event| event.ingested_at > now));
    early.stop().await;
    late.stop().await;
}

#[tokio::test]
async fn what_aws_refuses_is_refused() {
    let sim = at_second(3_600, 10_000).await;
    let client = client(&sim).await;
    let code = async |group: &str, from: i64, to: i64, token: Option<&str>| {
        let asked = client.filter_log_events().log_group_name(group).start_time(from).end_time(to);
        let answer = asked.set_next_token(token.map(str::to_owned)).send().await;
        answer.unwrap_err().code().unwrap_or_default().to_owned()
    };
    assert_eq!(code("/aws/lambda/nobody", FROM, FROM + 1, None).await, "ResourceNotFoundException");
    assert_eq!(code(GROUP, FROM + 1, FROM, None).await, "InvalidParameterException");
    assert_eq!(code(GROUP, FROM, FROM + 1, Some("bogus")).await, "InvalidParameterException");
    sim.faults().set(vec![Rule::new("logs", Fault::SmallPages(1))]);
    let asked = client.filter_log_events().log_group_name(GROUP).start_time(FROM).end_time(FROM + HOUR);
    let token = asked.send().await.unwrap().next_token.unwrap();
    assert_eq!(code(GROUP, FROM, FROM + 1, Some(&token)).await, "InvalidParameterException", "another time");
    sim.faults()
        .set(vec![Rule::new("logs", Fault::AccessDenied).on("FilterLogEvents").in_account(company::DEVELOPMENT)]);
    assert_eq!(code(GROUP, FROM, FROM + 1, None).await, "AccessDeniedException");
    sim.faults().clear();
    sim.faults().set(vec![Rule::new("logs", Fault::NotFound).on("FilterLogEvents")]);
    assert_eq!(code(GROUP, FROM, FROM + HOUR, Some(&token)).await, "ResourceNotFoundException", "gone meanwhile");
    sim.faults().clear();
    assert!(sim.world().delete("lease-page-split", sim.clock().now()));
    let asked = client.filter_log_events().log_group_name(GROUP).start_time(FROM).end_time(FROM + HOUR);
    assert!(asked.send().await.is_ok(), "a group outlives who wrote into it");
    sim.stop().await;
}

#[tokio::test]
async fn an_account_that_asks_too_often_is_throttled() {
    let sim = at_second(3_600, 2).await;
    let (mine, other) = (client(&sim).await, role(&sim, company::PRODUCTION, aws::EXTERNAL_ID).await);
    let other = aws_sdk_cloudwatchlogs::Client::new(&other);
    let ask = |client: &aws_sdk_cloudwatchlogs::Client| {
        client.filter_log_events().log_group_name(GROUP).start_time(FROM).end_time(FROM + 1).send()
    };
    assert!(ask(&mine).await.is_ok() && ask(&mine).await.is_ok());
    assert_eq!(ask(&mine).await.unwrap_err().code(), Some("ThrottlingException"));
    assert!(ask(&other).await.is_ok(), "each account has its own");
    assert!(mine.describe_log_groups().send().await.is_ok(), "each operation has its own");
    sim.stop().await;
}

#[tokio::test]
async fn every_endpoint_and_function_has_its_group() {
    let sim = at_second(3_600, 10_000).await;
    sim.faults().set(vec![Rule::new("logs", Fault::SmallPages(3))]);
    let (client, mut names, mut token) = (client(&sim).await, Vec::new(), None);
    loop {
        let asked = client.describe_log_groups().log_group_name_prefix("/aws/lambda/").set_next_token(token);
        let page = asked.send().await.unwrap();
        names.extend(page.log_groups.unwrap_or_default().into_iter().map(|group| group.log_group_name.unwrap()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    let wanted = ["claim-trigger", "invoice-trigger", "lease-sandbox", "lease-trigger"];
    assert_eq!(names, wanted.map(|name| format!("/aws/lambda/{name}")));
    sim.stop().await;
}

/// Sends a body to the intake of logs; the status.
async fn post(sim: &Sim, body: Vec<u8>, encoding: Option<&str>, key: &str) -> u16 {
    let request = reqwest::Client::new().post(format!("{}/api/v2/logs", sim.datadog_url()));
    let request = encoding.into_iter().fold(request, |request, encoding| request.header("content-encoding", encoding));
    request.header("DD-API-KEY", key).body(body).send().await.unwrap().status().as_u16()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn lines_are_kept_within_the_limits_of_the_intake() {
    let sim = company().await;
    let now = (MINUTE + 3_600) * 1_000;
    let key = "pretend-api-key";
    let lines = json!([
        {"message": "a", "ddtags": "pipeline:lease,env:x", "timestamp": now - 17 * HOUR, "service": "s"},
        {"message": "b", "timestamp": now - 18 * HOUR - 1},
        {"message": "c"},
    ]);
    assert_eq!(post(&sim, gzip(lines.to_string().as_bytes()), Some("gzip"), key).await, 202);
    assert_eq!(post(&sim, json!({"message": "d"}).to_string().into_bytes(), None, key).await, 202);
    let logs = sim.logs();
    assert_eq!((logs.requests, logs.received, logs.too_old), (2, 4, 1));
    let kept: Vec<(&str, i64)> = logs.lines.iter().map(|line| (line.text("message"), line.at)).collect();
    assert_eq!(kept, [("a", now - 17 * HOUR), ("c", now), ("d", now)]);
    assert_eq!(logs.lines[0].tags, ["pipeline:lease", "env:x"]);

    let many = |count: usize| serde_json::to_vec(&vec![json!({"message": "x"}); count]).unwrap();
    assert_eq!(post(&sim, many(1_000), None, key).await, 202);
    assert_eq!(post(&sim, many(1_001), None, key).await, 413);
    let large: Vec<Value> = (0..6).map(|_| json!({"message": "x".repeat(1_000_000)})).collect();
    assert_eq!(post(&sim, gzip(&serde_json::to_vec(&large).unwrap()), Some("gzip"), key).await, 413);
    let long = json!({"message": "\u{e9}".repeat(600_000)});
    assert_eq!(post(&sim, long.to_string().into_bytes(), None, key).await, 202);
    let logs = sim.logs();
    let cut = logs.lines.last().unwrap();
    assert_eq!(logs.cut, 1);
    assert!(Value::Object(cut.item.clone()).to_string().len() <= 1 << 20);
    for bad in ["{", "7", "[1]", "\"x\""] {
        assert_eq!(post(&sim, bad.into(), None, key).await, 400, "{bad}");
    }
    assert_eq!(post(&sim, b"[]".to_vec(), Some("gzip"), key).await, 400);
    assert_eq!(post(&sim, b"[]".to_vec(), None, "wrong").await, 403);
    sim.faults().add(Rule::new("datadog", Fault::RateLimited).on("logs").at_most(1));
    assert_eq!(post(&sim, b"[]".to_vec(), None, key).await, 429);
    assert_eq!(sim.logs().refused, BTreeMap::from([(400, 5), (403, 1), (413, 2), (429, 1)]));

    let shown = reqwest::get(format!("{}/_sim/logs", sim.datadog_url())).await.unwrap().text().await.unwrap();
    let first: Value = serde_json::from_str(shown.lines().next().unwrap()).unwrap();
    assert_eq!((&first["at"], &first["item"]["service"]), (&json!(now - 17 * HOUR), &json!("s")));
    sim.stop().await;
}
