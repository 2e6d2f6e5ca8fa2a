//! Logs over a real wire: read from moto and from the pretend AWS, sent to the pretend Datadog, judged by Datadog's own
//! models.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudwatch::config::Credentials;
use ddsync::client::aws::{Aws, Class};
use ddsync::client::datadog::Client;
use ddsync::clock::Clock;
use ddsync::config::{self, Settings};
use ddsync::model::log::{Event, Line, Origin};
use ddsync::model::resource::Scope;
use ddsync::sim::{Clock as SimClock, Fault, Options, Rule, Sim};
use ddsync::sink::logs::deliver;
use ddsync::source::logs::assemble::{Assembler, Limits};
use ddsync::source::logs::lambda::Lambda;
use ddsync::source::logs::read::{Reading, read};
use ddsync::source::logs::redact::{Redaction, Rules};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emulators::MOTO;
use crate::python;
use crate::recorder::Recorder;
use crate::scene::morning;

mod failures;
mod following;
mod moto;
mod tail;
mod trouble;

const HOUR: i64 = 3_600_000;
const PRODUCTION: &str = "444455556666";

/// A client of a server that gives these keys an account, at the speed of a clock.
async fn client(url: &str, key: &str, settings: &Settings, clock: Clock) -> Aws {
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::from_static("us-west-2"))
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new(key, "secret", None, None, "test"))
        .load()
        .await;
    let scope = Scope { account: "test".into(), region: "us-west-2".into() };
    Aws::over(&sdk, scope, &settings.limits, &settings.logs, clock)
}

fn settings(text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Settings {
    config::read(text, "ddsync.yaml", &environment.into_iter().collect()).expect("a configuration").settings
}

/// Every event of a time, page by page.
async fn events(aws: &Aws, group: &str, from: i64, to: i64) -> (Vec<Event>, usize) {
    let (mut events, mut pages, mut token) = (Vec::new(), 0, None);
    loop {
        let page = aws.filter_events(group, from, to, token.as_deref()).await.expect("a page");
        pages += 1;
        events.extend(page.events);
        token = page.next;
        if token.is_none() {
            return (events, pages);
        }
    }
}

/// What a script put in: by group and stream the times and texts.
#[derive(Deserialize)]
struct Put {
    from: i64,
    to: i64,
    groups: BTreeMap<String, BTreeMap<String, Vec<(i64, String)>>>,
}

/// Puts events into moto and compares what our client reads with them. The pages that it took at most.
async fn compare(prefix: &str, groups: usize, events_of_group: usize) -> usize {
    let arguments = [MOTO.url(), prefix.to_owned(), groups.to_string(), events_of_group.to_string()];
    let putting = move || python::run("put_logs.py", &arguments.each_ref().map(String::as_str), &[], b"");
    let put = tokio::task::spawn_blocking(putting).await.expect("the script was run");
    let put: Put = serde_json::from_slice(&python::agrees("put_logs.py", put)).expect("JSON");
    let settings = settings("regions: [us-west-2]\nlogs: {requests_per_second: 1000}", []);
    let aws = client(&MOTO.url(), "AKIAEXAMPLE", &settings, Clock::Real).await;
    let mut most = 0;
    for (group, wanted) in &put.groups {
        let (found, pages) = events(&aws, group, put.from, put.to).await;
        most = most.max(pages);
        let ids: BTreeSet<&String> = found.iter().map(|event| &event.id).collect();
        assert_eq!((ids.len(), found.len()), (events_of_group, events_of_group), "{group}");
        let mut streams: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
        for event in found {
            assert!(event.ingested_at > put.from, "{event:?}");
            streams.entry(event.stream).or_default().push((event.at, event.text));
        }
        assert_eq!(&streams, wanted, "{group}");
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_in_with_boto3_is_what_our_client_reads() {
    assert_eq!(compare("/wire/", 6, 300).await, 1);
    assert!(compare("/wire-large/", 1, 25_000).await > 2, "all of it fits a page");
    let settings = settings("regions: [us-west-2]", []);
    let aws = client(&MOTO.url(), "AKIAEXAMPLE", &settings, Clock::Real).await;
    let error = aws.filter_events("/wire/nobody", 0, 1, None).await.expect_err("there is no such group");
    assert_eq!(error.class, Class::NotFound, "{error}");
}

/// The pretend company with a recorder in front of its Datadog.
struct Place {
    sim: Sim,
    recorder: Recorder,
    settings: Settings,
    clock: Clock,
}

impl Place {
    async fn open() -> Self {
        let sim = Sim::start(Options { clock: SimClock::scaled(morning(), 60.0), ..Options::default() }).await;
        let sim = sim.expect("the pretend company starts");
        let recorder = Recorder::start(sim.datadog_url()).await;
        let mut settings = settings(&sim.config_yaml("unused"), sim.environment());
        recorder.url().clone_into(&mut settings.datadog.logs_url);
        let clock = Clock::parse(&sim.clock().to_env()).expect("a clock");
        Self { sim, recorder, settings, clock }
    }

    /// A client in the account of production.
    async fn aws(&self) -> Aws {
        client(&self.sim.aws_url(), &format!("ASIASIM0{PRODUCTION}"), &self.settings, self.clock).await
    }

    /// The groups of production into which something is written in an hour.
    fn groups(&self, hour: i64) -> Vec<String> {
        let all = self.sim.world().resources().into_iter().filter(|resource| resource.account == PRODUCTION);
        let names = all.flat_map(|resource| {
            ["/aws/sagemaker/Endpoints/", "/aws/lambda/"].map(|folder| format!("{folder}{}", resource.name))
        });
        let talks = |group: &String| !self.sim.world().log_events(PRODUCTION, group, hour, hour + HOUR).is_empty();
        names.filter(talks).collect()
    }

    /// Every line of a group of an hour that is long enough ago for all of it to have come.
    async fn lines(&self, aws: &Aws, group: &str, hour: i64, redaction: &Redaction) -> Vec<Reading> {
        let name = group.rsplit('/').next().unwrap_or_default();
        let source = if group.starts_with("/aws/lambda/") { "lambda" } else { "sagemaker" };
        let tags = ["env:data_prod".to_owned(), format!("stage:{}", name.to_lowercase())];
        let origin = Origin {
            group: group.to_owned(),
            service: "company".to_owned(),
            source: source.to_owned(),
            tags: Arc::from(tags),
        };
        let origin = Arc::new(origin);
        let (mut assembler, mut done) = (Assembler::new(Limits::default()), Vec::new());
        for event in events(aws, group, hour, hour + HOUR).await.0 {
            assembler.push(event, &mut done);
        }
        assembler.flush_all(&mut done);
        done.into_iter().map(|joined| read(joined, &origin, redaction)).collect()
    }

    /// Failures that the metrics of the resource behind a group count in an hour.
    fn failures(&self, group: &str, hour: i64) -> usize {
        let name = group.rsplit('/').next().unwrap_or_default();
        let all = self.sim.world().resources();
        let resource = all.iter().find(|one| one.account == PRODUCTION && one.name == name).expect("a resource");
        let metric = |name: &str| -> f64 {
            let minutes = (hour / 1_000..(hour + HOUR) / 1_000).step_by(60);
            minutes.filter_map(|minute| self.sim.world().value(resource, name, "Sum", minute)).sum()
        };
        // Each kind of resource has one of them, or none; asynchronous endpoints have two that say the same.
        let failures = metric("InvocationFailures");
        let failures = if failures > 0.0 { failures } else { metric("Errors") + metric("Invocation5XXErrors") };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let failures = failures as usize;
        failures
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_company_says_reaches_datadog_as_it_is_and_its_errors_are_its_failures() {
    let place = Place::open().await;
    let aws = place.aws().await;
    let redaction = Redaction::new(&Rules::default()).expect("our own rules");
    let hour = (morning().timestamp() - 3 * 3_600).div_euclid(60) * 60_000;
    let groups = place.groups(hour);
    assert!(groups.len() > 8, "{groups:?}");
    let mut lines: Vec<Line> = Vec::new();
    let mut errors = 0;
    for group in &groups {
        let readings = place.lines(&aws, group, hour, &redaction).await;
        // SageMaker says it again in a stream of its own, and Lambda in its report.
        let told = |one: &&Reading| {
            one.class.is_some()
                && !one.line.stream.ends_with("/data-log")
                && !matches!(one.lambda, Some(Lambda::Report(_)))
        };
        let found = readings.iter().filter(told).count();
        assert_eq!(found, place.failures(group, hour), "{group}");
        errors += found;
        lines.extend(readings.into_iter().map(|reading| reading.line));
    }
    assert!(errors > 50 && lines.len() > 1_000, "{errors} errors in {} lines", lines.len());
    lines.sort_by_key(|line| line.at);

    place.sim.faults().set(vec![Rule::new("datadog", Fault::ServerError(503)).on("logs").at_most(2)]);
    let datadog = Client::new(&place.settings.datadog).expect("a client").with_clock(place.clock);
    let delivery = deliver(&datadog, &place.settings.datadog, &place.clock, &lines).await;
    assert_eq!((delivery.accepted, delivery.settled()), (lines.len() as u64, lines.len()), "{delivery:?}");
    assert_eq!(delivery.requests, lines.len().div_ceil(1_000) as u64 + 2);

    let logs = place.sim.logs();
    assert_eq!((logs.too_old, logs.cut, logs.requests), (0, 0, delivery.requests - 2));
    assert_eq!(logs.lines.len(), lines.len());
    for (kept, line) in logs.lines.iter().zip(&lines) {
        assert_eq!((kept.at, kept.text("event_id"), kept.text("message")), (line.at, &*line.id, &*line.message));
        assert_eq!(kept.text("status"), line.status.word());
        let place = &kept.item["aws"]["awslogs"];
        assert_eq!((&place["logGroup"], &place["logStream"]), (&json!(line.origin.group), &json!(line.stream)));
        assert_eq!(kept.tags, *line.origin.tags);
    }
    let verdict = python::run("judge_logs.py", &[], &[], &place.recorder.logs());
    let counts: Value = serde_json::from_slice(&python::agrees("judge_logs.py", verdict)).expect("JSON");
    assert_eq!(counts["bodies"], json!(delivery.requests));
    place.sim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_keeps_within_the_quota_of_the_account() {
    let place = Place::open().await;
    let aws = place.aws().await;
    let group = "/aws/sagemaker/Endpoints/lease-page-split";
    place.sim.faults().set(vec![Rule::new("logs", Fault::SmallPages(20))]);
    let hour = morning().timestamp_millis() - 3 * HOUR;
    let (found, pages) = events(&aws, group, hour, hour + HOUR / 4).await;
    assert!(pages > 10 && !found.is_empty(), "{pages} pages");
    // Nobody was told to come back later: AWS answers five a second, and three are asked for.
    let requests = place.sim.requests()[&("logs".to_owned(), "FilterLogEvents".to_owned())];
    assert_eq!(requests, pages as u64);
    place.sim.stop().await;
}

/// A judge that finds nothing wrong proves nothing, so each fault is shown to it once.
#[test]
fn the_judge_of_logs_refuses_what_datadog_would_refuse_or_change() {
    let good = json!({"message": "x", "status": "info", "service": "lease", "ddsource": "lambda", "ddtags": "a:b,c:d",
        "timestamp": 1_700_000_000_000_i64, "event_id": "1", "nested": {"a": [1.5, null]}});
    let with = |key: &str, value: Value| {
        let mut item = good.clone();
        item[key] = value;
        json!([good, item]).to_string()
    };
    let mut bodies: Vec<String> = [
        ("message", json!(1)),
        ("message", json!("x".repeat(1_000_000))),
        ("status", json!("bad")),
        ("service", json!("")),
        ("service", Value::Null),
        ("ddsource", json!(["lambda"])),
        ("ddtags", json!("Team:Docs")),
        ("ddtags", json!("a:b,a:b")),
        ("ddtags", json!({})),
        ("timestamp", json!(1_700_000_000)),
        ("timestamp", json!("2024-05-01T10:00:00Z")),
        ("event_id", json!("")),
        ("host", json!("evil")),
        ("Host", json!("evil")),
        ("hostname", json!("evil")),
        ("hostname", json!(1)),
    ]
    .map(|(key, value)| with(key, value))
    .into();
    bodies.extend(["{}", "[]", "[1", "[7]"].map(str::to_owned));
    bodies.push(json!(vec![&good; 1_001]).to_string());
    let mut large = good.clone();
    large["message"] = json!("x".repeat(900_000));
    bodies.push(json!(vec![large; 6]).to_string());

    let verdict = python::run("judge_logs.py", &[], &[], bodies.join("\n").as_bytes());
    assert_eq!(verdict.status.code(), Some(1));
    let words = String::from_utf8(verdict.stderr).expect("UTF-8");
    for (number, body) in (1..).zip(&bodies) {
        let body = &body[..body.len().min(200)];
        assert!(words.lines().any(|line| line.starts_with(&format!("{number}: "))), "{body} passes; it said:\n{words}");
    }
    let nothing = python::run("judge_logs.py", &[], &[], b"");
    assert_eq!(nothing.status.code(), Some(2), "nothing to judge is no good verdict");
    let good = json!([good]).to_string();
    python::agrees("judge_logs.py", python::run("judge_logs.py", &[], &[], good.as_bytes()));
}
