//! End to end against emulators that are not ours: moto for SageMaker, Tagging, STS and S3, ministack for CloudWatch.
//!
//! A script puts a company into them with boto3 and says what Datadog has to get; the built program runs once; what
//! the pretend Datadog took in is compared with that, point by point.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use chrono::Utc;
use ddsync::sim::{Kept, Options, Sim};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    python::{self, Server},
    recorder::Recorder,
};

/// Longer than a run ever takes; a program that hangs has to fail the test and not to stop it.
const PATIENCE: Duration = Duration::from_mins(3);

/// What is computed from other points. Its rules have tests of their own, beside the code.
const DERIVED: [&str; 4] = [
    "mlpipeline.endpoint.drain_time",
    "mlpipeline.endpoint.stall_minutes",
    "mlpipeline.pipeline.lag",
    "mlpipeline.pipeline.bottleneck",
];

pub(crate) static MOTO: LazyLock<Server> = LazyLock::new(|| {
    let arguments = |port: u16| ["-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned).into();
    Server::start("moto_server", arguments, |_| Vec::new())
});

static MINISTACK: LazyLock<Server> = LazyLock::new(|| {
    let environment = |port: u16| {
        vec![
            ("BIND_HOST", "127.0.0.1".to_owned()),
            ("GATEWAY_PORT", port.to_string()),
            // It would listen on a port of every interface.
            ("IOT_MTLS_ENABLED", "0".to_owned()),
        ]
    };
    Server::start("ministack", |_| Vec::new(), environment)
});

/// A client that no proxy of the environment leads away.
pub(crate) fn loopback() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// A proxy that fails as it is told.
fn microburst(upstream: &str) -> Server {
    let arguments = |port: u16| {
        let port = port.to_string();
        ["--upstream", upstream, "--host", "127.0.0.1", "--port", &port].map(str::to_owned).into()
    };
    Server::start("microburst", arguments, |_| Vec::new())
}

/// What the script put in and expects.
#[derive(Debug, Clone, Deserialize)]
struct Company {
    accounts: Value,
    region: String,
    custom_metrics: Value,
    state_bucket: String,
    points: Vec<Expected>,
    zero: Vec<ExpectedZeros>,
    state: Vec<ExpectedState>,
    logs: ExpectedLogs,
}

/// What is written into log groups, as an estimate tells it at an instant (Unix seconds) in the middle of a day.
#[derive(Debug, Clone, Deserialize)]
struct ExpectedLogs {
    noon: i64,
    groups: u64,
    silent: u64,
    bytes_per_day: f64,
    events_per_month: f64,
}

#[derive(Debug, Clone, Deserialize)]
struct Expected {
    #[serde(flatten)]
    series: ExpectedSeries,
    timestamp: i64,
    value: f64,
    unit: String,
    r#type: String,
}

/// A series whose minutes without a point are zeros, before a Unix second.
#[derive(Debug, Clone, Deserialize)]
struct ExpectedZeros {
    #[serde(flatten)]
    series: ExpectedSeries,
    before: i64,
}

/// A gauge of the minute in which the program runs.
#[derive(Debug, Clone, Deserialize)]
struct ExpectedState {
    #[serde(flatten)]
    series: ExpectedSeries,
    value: f64,
    unit: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct ExpectedSeries {
    metric: String,
    tags: Vec<String>,
}

impl std::fmt::Display for ExpectedSeries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{{{}}}", self.metric, self.tags.join(","))
    }
}

/// Puts a company of its own into both emulators: other accounts and names than those of the other tests.
fn put_company(development: &str, production: &str, suffix: &str) -> Company {
    let urls = [MOTO.url(), MINISTACK.url()];
    let arguments = [&urls[0], &urls[1], development, production, suffix];
    let said = python::run("put_company.py", &arguments, &[], b"");
    serde_json::from_slice(&python::agrees("put_company.py", said)).expect("the expectation is JSON")
}

/// The pretend Datadog, and the program with everything it needs to know.
struct Run {
    datadog: Sim,
    recorder: Recorder,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Run {
    async fn prepare(company: &Company, aws: &str, cloudwatch: &str, state: Option<&str>) -> Self {
        let datadog = Sim::start(Options::default()).await.expect("the pretend Datadog starts");
        let recorder = Recorder::start(datadog.datadog_url()).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let local = folder.path().join("state");
        let config = json!({
            "regions": [company.region],
            "accounts": company.accounts,
            "datadog": {"base_url": recorder.url()},
            "state": state.unwrap_or(local.to_str().expect("a path in UTF-8")),
            "metrics": {"custom": company.custom_metrics},
        });
        // JSON is YAML.
        std::fs::write(folder.path().join("ddsync.yaml"), config.to_string()).expect("the configuration is written");
        let keys = datadog.environment().into_iter().filter(|(name, _)| name.starts_with("DD_"));
        let aws = [
            ("AWS_ENDPOINT_URL", aws),
            ("AWS_ENDPOINT_URL_CLOUDWATCH", cloudwatch),
            ("AWS_ENDPOINT_URL_S3", &MOTO.url()),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", &company.region),
            ("HOME", folder.path().to_str().expect("a path in UTF-8")),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = keys.chain(aws).collect();
        Self { datadog, recorder, folder, environment }
    }

    /// Runs `ddsync once` to its end.
    async fn once(&self) {
        self.run(&["once"]).await;
    }

    /// Runs the program to its end; what it printed.
    async fn run(&self, arguments: &[&str]) -> String {
        let program = tokio::process::Command::new(env!("CARGO_BIN_EXE_ddsync"))
            .args(arguments)
            .args(["-c", "ddsync.yaml"])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(PATIENCE, program).await.expect("the program ends").expect("it starts");
        assert!(
            output.status.success(),
            "ddsync {arguments:?} leaves with {}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Every difference between what Datadog holds and what it has to hold, in words.
    fn differences(&self, company: &Company) -> Vec<String> {
        let ledger = self.datadog.ledger();
        let zero: BTreeMap<_, _> = company.zero.iter().map(|zeros| (&zeros.series, zeros.before)).collect();
        let mut states: BTreeMap<_, _> = company.state.iter().map(|state| (&state.series, state)).collect();
        let mut missing: BTreeMap<&ExpectedSeries, BTreeMap<i64, &Expected>> = BTreeMap::new();
        for point in &company.points {
            let twice = missing.entry(&point.series).or_default().insert(point.timestamp, point);
            assert!(twice.is_none(), "the expectation says a point twice: {point:?}");
        }
        let mut wrong = Vec::new();
        for (series, points) in &ledger.series {
            let key = ExpectedSeries { metric: series.metric.clone(), tags: series.tags.clone() };
            if !key.metric.starts_with("mlpipeline.") || DERIVED.contains(&key.metric.as_str()) {
                continue;
            }
            let state = states.remove(&key);
            for (&second, kept) in points {
                let point = missing.get_mut(&key).and_then(|points| points.remove(&second));
                let fits = if let Some(point) = point {
                    fits(kept, point.value, &point.unit, point.r#type == "count")
                } else if let Some(state) = state {
                    fits(kept, state.value, &state.unit, false)
                } else {
                    kept.value == 0.0 && zero.get(&key).is_some_and(|&before| second < before)
                };
                if !fits || kept.values.len() > 1 {
                    wrong.push(format!("{key} at {second} came as {kept:?}"));
                }
            }
        }
        let missing = missing.values().flat_map(BTreeMap::values);
        wrong.extend(missing.map(|point| format!("{} at {} never came", point.series, point.timestamp)));
        wrong.extend(states.into_keys().map(|series| format!("{series} never came")));
        if (ledger.changed_tags, ledger.too_old, ledger.too_new) != (0, 0, 0) || !ledger.refused.is_empty() {
            wrong.push(format!(
                "tags that Datadog had to change: {}; points too old: {}, too new: {}; refused requests: {:?}",
                ledger.changed_tags, ledger.too_old, ledger.too_new, ledger.refused
            ));
        }
        wrong
    }

    /// # Panics
    /// With the first differences, and how many there are.
    fn compare(&self, company: &Company) {
        let wrong = self.differences(company);
        let shown = wrong.iter().take(20).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(wrong.is_empty(), "{} differences in {} points:\n{shown}", wrong.len(), company.points.len());
    }
}

/// Whether a point came as it has to. Averages and conversions are divisions: the last bits of a value may differ.
fn fits(kept: &Kept, value: f64, unit: &str, count: bool) -> bool {
    let same_type = if count { (kept.kind, kept.interval) == (1, Some(60)) } else { kept.kind == 3 };
    let same_value = (value - kept.value).abs() <= value.abs() * 1e-12;
    same_type && same_value && kept.unit.as_deref().unwrap_or_default() == unit
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_in_with_boto3_is_what_reaches_datadog() {
    let company = put_company("111122223333", "444455556666", "plain");
    assert!(company.points.len() > 1_000 && !company.zero.is_empty(), "hardly anything was put in");
    let state = format!("s3://{}/checkpoints", company.state_bucket);
    let run = Run::prepare(&company, &MOTO.url(), &MINISTACK.url(), Some(&state)).await;

    run.once().await;
    run.compare(&company);
    python::agrees("judge_series.py", python::run("judge_series.py", &[], &[], &run.recorder.bodies()));

    // Again, from the state that is in S3 now: everything may be read and sent again, and nothing may change.
    let objects = loopback().get(format!("{}/{}?list-type=2", MOTO.url(), company.state_bucket)).send().await;
    let objects = objects.expect("moto answers").text().await.expect("a listing");
    assert!(objects.contains("<Key>checkpoints/"), "no state in S3: {objects}");
    run.once().await;
    run.compare(&company);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_into_log_groups_is_estimated_from_what_cloudwatch_counts() {
    let company = put_company("333344445555", "666677778888", "logs");
    let wanted = &company.logs;
    assert!(wanted.silent > 0 && wanted.groups > 2 * wanted.silent, "hardly anything was put in: {wanted:?}");
    let mut run = Run::prepare(&company, &MOTO.url(), &MINISTACK.url(), None).await;
    let now = Utc::now().timestamp_millis();
    run.environment.push(("DDSYNC_CLOCK".to_owned(), format!("{now}:{}:1", wanted.noon * 1_000)));
    let said: Value = serde_json::from_str(&run.run(&["estimate", "--json"]).await).expect("one JSON object");
    let logs = &said["logs"];
    let whole = |value: f64| json!(value.round());
    assert_eq!(
        (&logs["groups"], &logs["silent"], &logs["unknown"], &logs["days"]),
        (&json!(wanted.groups), &json!(wanted.silent), &json!(0), &json!(7))
    );
    for (name, value) in [
        ("bytes_per_day", wanted.bytes_per_day),
        ("sent_bytes_per_day", wanted.bytes_per_day),
        ("events_per_month", wanted.events_per_month),
    ] {
        assert_eq!(json!(logs[name].as_f64()), whole(value), "{name} of {logs}");
    }
    // $0.10 a GB and $1.70 a million events.
    let dollars = wanted.bytes_per_day * 30.0 / 1e9 * 0.1 + wanted.events_per_month / 1e6 * 1.7;
    assert!((logs["dollars_per_month"].as_f64().expect("a number") - dollars).abs() < 1e-9, "{logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aws_that_throttles_and_fails_loses_nothing() {
    let company = put_company("222233334444", "555566667777", "faults");
    let (aws, cloudwatch) = (microburst(&MOTO.url()), microburst(&MINISTACK.url()));
    let throttle = |service: &str, operation: &str, times: u32| {
        json!({"service": service, "operation": operation, "times": times,
               "error": {"code": "ThrottlingException", "status": 400}})
    };
    let resource_groups = json!({"service": "resourcegroupstaggingapi", "operation": "GetResources", "times": 1,
                                 "error": {"code": "ThrottledException", "status": 400}});
    let reset =
        |service: &str, operation: &str| json!({"service": service, "operation": operation, "times": 1, "reset": true});
    let rules = [
        (
            &aws,
            json!([
                resource_groups,
                throttle("sagemaker", "ListEndpoints", 2),
                throttle("sagemaker", "DescribeEndpoint", 2),
                reset("sagemaker", "DescribeEndpoint"),
                {"service": "sagemaker", "operation": "DescribeEndpointConfig", "times": 1,
                 "error": {"code": "ServiceUnavailable", "status": 503}},
            ]),
            7,
        ),
        (&cloudwatch, json!([throttle("cloudwatch", "GetMetricData", 2), reset("cloudwatch", "GetMetricData")]), 3),
    ];
    let client = loopback();
    for (proxy, rules, _) in &rules {
        let answer = client.post(format!("{}/_microburst/rules", proxy.url())).json(rules).send().await;
        answer.and_then(reqwest::Response::error_for_status).expect("the rules are taken");
    }
    let run = Run::prepare(&company, &aws.url(), &cloudwatch.url(), None).await;

    run.once().await;
    run.compare(&company);
    for (proxy, rules, times) in &rules {
        let fired = client.get(format!("{}/_microburst/fired", proxy.url())).send().await.expect("microburst answers");
        let fired: Vec<Value> = fired.json().await.expect("a list");
        assert_eq!(fired.len(), *times, "not every fault of {rules} happened: {fired:?}");
    }
}
