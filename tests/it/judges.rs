//! Our pretend services, and what we put on a wire, judged by the clients and models of the vendors.

use std::{net::UdpSocket, time::Duration};

use ddsync::{
    config::settings,
    sim::{Options, RateLimit, Sim},
    sink::dogstatsd::{Alert, DogStatsD, Event, Status},
    telemetry::{Name, Sample},
};
use serde_json::{Value, json};

use crate::{python, scene::Scene};

/// Runs a script against a pretend company of its own.
async fn judged(script: &'static str, arguments: impl Fn(&Sim) -> Vec<String>) {
    // boto3 is not to wait for its turn; the quota has tests of its own.
    let logs_limit = RateLimit { requests: 10_000, seconds: 1 };
    let sim = Sim::start(Options { logs_limit, ..Options::default() }).await.expect("the pretend company starts");
    let (arguments, environment) = (arguments(&sim), sim.environment());
    // The company answers on this runtime, so the script is waited for beside it.
    let judging = tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        python::run(script, &arguments, &environment, b"")
    });
    python::agrees(script, judging.await.expect("the script was run"));
    sim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_lists_and_reads_the_pretend_aws() {
    judged("read_aws.py", |sim| vec![sim.aws_url(), sim.datadog_url()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_posts_to_the_pretend_datadog_and_reads_it_back() {
    judged("post_datadog.py", |sim| vec![sim.datadog_url()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_provisions_the_pretend_datadog_and_reads_it_back() {
    judged("provision_datadog.py", |sim| vec![sim.datadog_url()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_sends_deployments_and_events_to_the_pretend_datadog_and_finds_them() {
    judged("dora_datadog.py", |sim| vec![sim.datadog_url()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn githubs_own_models_accept_what_the_pretend_github_sends() {
    judged("judge_github.py", |sim| vec![sim.github_url()]).await;
}

/// A judge that finds nothing wrong proves nothing, so each fault is shown to it once.
#[tokio::test(flavor = "multi_thread")]
async fn the_judge_of_github_refuses_what_github_would_not_send() {
    let sim = Sim::start(Options::default()).await.expect("the pretend company starts");
    let deploy = sim.deploys().pop().expect("a run");
    let url = format!("{}/repos/{}/actions/runs/{}", sim.github_url(), deploy.repository, deploy.id);
    let token = Options::default().github_token;
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.expect("an answer");
    let good: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    let faults = [
        ("/id", json!("1")),
        ("/display_title", Value::Null),
        ("/displaytitle", json!("x")),
        ("/created_at", json!("yesterday")),
        ("/conclusion", json!(3)),
        ("/run_attempt", json!("second")),
        ("/repository", Value::Null),
        ("/repository/owner/login", Value::Null),
        ("/head_commit/mesage", json!("x")),
    ];
    let mut bodies = vec![good.to_string()];
    bodies.extend(faults.iter().map(|(pointer, value)| {
        let mut body = good.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        body.pointer_mut(parent).expect("a parent")[key] = value.clone();
        body.to_string()
    }));
    let verdict = python::run("judge_github.py", &["WorkflowRun"], &[], bodies.join("\n").as_bytes());
    assert_eq!(verdict.status.code(), Some(1));
    let words = String::from_utf8(verdict.stderr).expect("UTF-8");
    assert!(!words.lines().any(|line| line.starts_with("1: ")), "{words}");
    for (number, (pointer, _)) in (2..).zip(&faults) {
        assert!(
            words.lines().any(|line| line.starts_with(&format!("{number}: "))),
            "{pointer} passes; it said:\n{words}"
        );
    }
    sim.stop().await;
}

/// A judge that finds nothing wrong proves nothing, so each fault is shown to it once.
#[test]
fn the_judge_of_series_refuses_what_datadog_would_refuse() {
    let good = json!({"metric": "a.b", "type": 3, "points": [{"timestamp": 1_700_000_000, "value": 1.5}],
                      "tags": ["a:b"], "unit": "second"});
    let with = |key: &str, value: serde_json::Value| {
        let mut series = good.clone();
        series[key] = value;
        json!({"series": [good, series]}).to_string()
    };
    let second = json!({"timestamp": 1_700_000_000, "value": 1.0});
    let mut bodies: Vec<String> = [
        ("metric", json!("1st")),
        ("metric", json!("aws.a")),
        ("type", json!(9)),
        ("type", json!(1)),
        ("host", json!("a")),
        ("tags", json!(["Team:Docs"])),
        ("tags", json!(["team:docs", "team:docs"])),
        ("points", json!([])),
        ("points", json!([[1_700_000_000, 1.0]])),
        ("points", json!([{"timestamp": 1_700_000_000.5, "value": 1.0}])),
        ("points", json!([{"timestamp": 1_700_000_000, "value": "1"}])),
        ("points", json!([second, second])),
        // The same name, tags and second as in the good series.
        ("unit", json!("minute")),
    ]
    .map(|(key, value)| with(key, value))
    .into();
    bodies.extend(["{}", "[1", r#"{"series": []}"#].map(str::to_owned));

    let verdict = python::run("judge_series.py", &[], &[], bodies.join("\n").as_bytes());
    assert_eq!(verdict.status.code(), Some(1));
    let words = String::from_utf8(verdict.stderr).expect("UTF-8");
    for (number, body) in (1..).zip(&bodies) {
        assert!(words.lines().any(|line| line.starts_with(&format!("{number}: "))), "{body} passes; it said:\n{words}");
    }
    let nothing = python::run("judge_series.py", &[], &[], b"");
    assert_eq!(nothing.status.code(), Some(2), "nothing to judge is no good verdict");
    let good = json!({"series": [good]}).to_string();
    python::agrees("judge_series.py", python::run("judge_series.py", &[], &[], good.as_bytes()));
}

#[test]
fn our_dogstatsd_bytes_are_those_of_datadogs_own_client() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout is set");
    let address = socket.local_addr().expect("a bound socket has an address");
    // These three would come from DD_ENV, DD_SERVICE and DD_VERSION, if they were set.
    let everywhere = ["env:test", "service:ddsync", "version:1"].map(str::to_owned);
    let target = settings::DogStatsD::Udp(address.to_string());
    let agent = DogStatsD::start(&target, &everywhere).expect("the thread starts");

    let tags = || vec![("aws_account", "data_dev".to_owned()), ("job", "hot".to_owned())];
    let tagged = ["aws_account:data_dev", "job:hot", "env:test", "service:ddsync", "version:1"];
    agent.submit(&[
        Sample { name: Name::JobDuration, tags: tags(), at: 0, value: 1.25 },
        Sample { name: Name::JobFailures, tags: tags(), at: 0, value: 3.0 },
    ]);
    let (title, text) = ("Rôle denied", "first line\nsecond line");
    let event = |aggregation_key: Option<&str>| Event {
        title: title.to_owned(),
        text: text.to_owned(),
        alert: Alert::Error,
        aggregation_key: aggregation_key.map(str::to_owned),
        tags: tags(),
    };
    agent.event(&event(None));
    agent.event(&event(Some("denied")));
    agent.service_check("ddsync.can_read", Status::Critical, &tags());
    let calls = json!([
        {"kind": "gauge", "name": "ddsync.job.duration", "value": 1.25, "tags": tagged},
        {"kind": "count", "name": "ddsync.job.failures", "value": 3, "tags": tagged},
        {"kind": "event", "title": title, "text": text, "alert_type": "error", "tags": tagged},
        {"kind": "event", "title": title, "text": text, "alert_type": "error", "tags": tagged, "aggregation_key": "denied"},
        {"kind": "service_check", "name": "ddsync.can_read", "status": 2, "tags": tagged},
    ]);

    let said = python::run("dogstatsd_bytes.py", &[], &[], calls.to_string().as_bytes());
    let expected: Vec<String> =
        serde_json::from_slice(&python::agrees("dogstatsd_bytes.py", said)).expect("a list of datagrams");
    for expected in expected {
        let mut datagram = [0; 8_192];
        let length = socket.recv(&mut datagram).unwrap_or_else(|error| panic!("{expected}: {error}"));
        let ours = std::str::from_utf8(&datagram[..length]).expect("UTF-8").trim_end_matches('\n');
        assert_eq!(parts(ours), parts(&expected), "{ours} against {expected}");
    }
    assert_eq!(agent.close(), 0, "messages were lost");
}

/// A datagram's fields: what comes first in its place, the optional ones in any order and the tags among them in any
/// order, as the protocol lets them come.
fn parts(datagram: &str) -> (&str, Vec<Vec<&str>>) {
    let (first, optional) = datagram.split_once('|').expect("a datagram has fields");
    let mut optional: Vec<Vec<&str>> = optional
        .split('|')
        .map(|field| match field.strip_prefix('#') {
            Some(tags) => {
                let mut tags: Vec<_> = tags.split(',').collect();
                tags.sort_unstable();
                tags
            }
            None => vec![field],
        })
        .collect();
    optional.sort_unstable();
    (first, optional)
}

/// What would be sent for the whole pretend company, a line each as `judge_objects.py` reads them.
async fn planned() -> Vec<Value> {
    let mut scene = Scene::new().await;
    scene.config.push_str("routes: {default: {notify: \"@slack-ml\", page: \"@pagerduty-ml\"}}\n");
    scene.config.push_str("templates: {variables: {\"*\": {expect_input_every_minutes: 30}}}\n");
    scene.declare();
    let screen = scene.run(&["plan", "--json"]).await;
    assert_eq!(screen.code, Some(0), "{}", screen.whole());
    let steps = screen.json()["steps"].as_array().cloned().expect("steps");
    steps.into_iter().map(|step| json!({"kind": step["kind"], "body": body_of(&step)})).collect()
}

/// What a step makes.
fn body_of(step: &Value) -> &Value {
    let body = &step["action"]["create"]["body"];
    assert!(body.is_object(), "{step}");
    body
}

fn as_lines(objects: &[Value]) -> String {
    let mut lines: Vec<String> = objects.iter().map(Value::to_string).collect();
    lines.push(String::new());
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn datadogs_own_models_accept_every_object_that_we_render() {
    let objects = planned().await;
    let lines = as_lines(&objects);
    for of_few in ["mlpipeline.textract.", "mlpipeline.stage.missing", "mlpipeline.stream."] {
        assert!(lines.contains(of_few), "{of_few} is in no object");
    }
    let verdict = python::run("judge_objects.py", &[], &[], lines.as_bytes());
    let counts: Value = serde_json::from_slice(&python::agrees("judge_objects.py", verdict)).expect("JSON");
    let count = |kind| objects.iter().filter(|object| object["kind"] == kind).count();
    let ours = ["monitor", "slo", "dashboard"].map(count);
    assert_eq!(counts, json!({"monitor": ours[0], "slo": ours[1], "dashboard": ours[2]}));
    assert!(ours.iter().all(|count| *count > 9) && ours[0] > 100, "{counts}");
}

/// A judge that finds nothing wrong proves nothing, so each fault is shown to it once.
#[tokio::test(flavor = "multi_thread")]
async fn the_judge_of_objects_refuses_what_the_models_do_not_know() {
    let objects = planned().await;
    let widget = |rest: &str| format!("/widgets/0/definition/widgets/1{rest}");
    let faults = [
        ("monitor", "/typ".to_owned(), json!("query alert")),
        ("monitor", "/type".to_owned(), json!("metrics alert")),
        ("monitor", "/name".to_owned(), json!("")),
        ("monitor", "/query".to_owned(), json!("")),
        ("monitor", "/priority".to_owned(), json!(6)),
        ("monitor", "/priority".to_owned(), json!("1")),
        ("monitor", "/tags".to_owned(), json!("team:docs")),
        ("monitor", "/options/evaluation_dely".to_owned(), json!(240)),
        ("monitor", "/options/on_missing_data".to_owned(), json!("ignore")),
        ("monitor", "/options/notify_no_data".to_owned(), json!(true)),
        ("monitor", "/options/renotify_statuses".to_owned(), json!(["broken"])),
        ("monitor", "/options/renotify_interval".to_owned(), json!(0)),
        ("monitor", "/options/thresholds/critcal".to_owned(), json!(1)),
        ("slo", "/type".to_owned(), json!("metrics")),
        ("slo", "/thresholds".to_owned(), json!([])),
        ("slo", "/thresholds/0/timeframe".to_owned(), json!("31d")),
        ("slo", "/query/divisor".to_owned(), json!("a")),
        ("dashboard", "/layout_type".to_owned(), json!("grid")),
        ("dashboard", "/titel".to_owned(), json!("x")),
        ("dashboard", "/widgets/0/layout".to_owned(), json!({"x": 0, "y": 0, "width": 1, "height": 1})),
        ("dashboard", widget("/definition/type"), json!("toplst")),
        ("dashboard", widget("/definition/tytle"), json!("x")),
        ("dashboard", widget("/definition/requests"), json!("x")),
        ("dashboard", widget("/definition/requests/0/response_format"), json!("table")),
        ("dashboard", widget("/definition/requests/0/queries/0/data_source"), json!("metric")),
        ("dashboard", widget("/definition/requests/0/formulas/0/formla"), json!("x")),
        ("dashboard", widget("/definition/requests/0/conditional_formats"), json!([{"comparator": "=>", "value": 1}])),
    ];
    // Each fault by itself in an object that is good: it renotifies, and its second widget has a query.
    let good = |kind: &str| {
        let fits = |object: &&Value| match kind {
            "monitor" => {
                !object["body"]["options"]["renotify_statuses"].is_null()
                    && object["body"]["options"]["on_missing_data"] == "default"
            }
            "dashboard" => object["body"]["title"] == "Pipelines",
            _ => true,
        };
        objects.iter().filter(|object| object["kind"] == kind).find(fits).cloned().expect("a good one")
    };
    python::agrees(
        "judge_objects.py",
        python::run("judge_objects.py", &[], &[], as_lines(&["monitor", "slo", "dashboard"].map(good)).as_bytes()),
    );
    let bad: Vec<Value> = faults
        .iter()
        .map(|(kind, pointer, value)| {
            let mut object = good(kind);
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            object["body"].pointer_mut(parent).unwrap_or_else(|| panic!("{kind} has no {parent}"))[key] = value.clone();
            object
        })
        .collect();
    let verdict = python::run("judge_objects.py", &[], &[], as_lines(&bad).as_bytes());
    assert_eq!(verdict.status.code(), Some(1));
    let words = String::from_utf8(verdict.stderr).expect("UTF-8");
    for (number, (kind, pointer, value)) in (1..).zip(&faults) {
        let told = words.lines().any(|line| line.starts_with(&format!("{number}: ")));
        assert!(told, "{kind} {pointer} = {value} passes; it said:\n{words}");
    }
    let nothing = python::run("judge_objects.py", &[], &[], b"");
    assert_eq!(nothing.status.code(), Some(2), "nothing to judge is no good verdict");
}
