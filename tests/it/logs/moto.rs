//! Two hundred groups of another AWS, put in with boto3: each event arrives once, in the order of its stream.

use std::path::Path;

use ddsync::model::resource::{Resource, ResourceKind};
use ddsync::sink::logs::Outcome;
use ddsync::source::discover::{Epoch, Memory, Tracked, discover};
use ddsync::source::logs::following::{Checkpoint, Following};
use ddsync::source::logs::group::{Group, groups};

use super::*;

const GROUPS: usize = 200;
const EVENTS: usize = 500;
/// What is not text as it was written comes out otherwise: `put_logs.py` writes so many of them into each group.
const NASTY: usize = 7;

pub(super) fn group(name: &str) -> Group {
    let tags: Arc<[String]> = ["pipeline:wire", "stage:split", "team:docs"].map(str::to_owned).into();
    let resource = Resource {
        arn: format!("arn:aws:logs:us-west-2:123456789012:log-group:{name}"),
        name: name.to_owned(),
        kind: ResourceKind::LogGroup,
        tags: BTreeMap::new(),
    };
    let epochs = Arc::from([Epoch { since: 0, tags: Arc::clone(&tags) }]);
    let owner = Arc::new(Tracked { resource, epochs, stage: "split".into() });
    let origin = Origin { group: name.to_owned(), service: "wire".to_owned(), source: "cloudwatch".to_owned(), tags };
    Group { name: name.to_owned(), origin: Arc::new(origin), pipeline: "wire".into(), stage: "split".into(), owner }
}

/// What an application that is neither an endpoint nor a function writes, found by its tags alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_tagged_itself_is_found_and_read() {
    let name = "/wire-tagged/app";
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(MOTO.url())
        .region(Region::from_static("us-west-2"))
        .credentials_provider(Credentials::new("AKIAEXAMPLE", "secret", None, None, "test"))
        .load()
        .await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&sdk);
    let tags = [("pipeline", "Wire"), ("environment", "data_prod"), ("team", "Docs"), ("model", "split")];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let made = logs.create_log_group().log_group_name(name).set_tags(Some(tags.into())).send().await;
    made.expect("a group");
    let settings = settings("regions: [us-west-2]", []);
    let aws = client(&MOTO.url(), "AKIAEXAMPLE", &settings, Clock::Real).await;
    let inventory = discover(&aws, &settings, &[], &mut Memory::default(), Clock::Real.now()).await;
    let inventory = inventory.expect("an inventory");
    let groups = groups(&inventory);
    let group = groups.iter().find(|group| group.name == name).expect("the group");
    assert_eq!((group.pipeline.as_str(), group.stage.as_str()), ("wire", "split"));
    assert!(group.origin.tags.contains(&format!("log_group:{name}")), "{:?}", group.origin.tags);
    assert!(inventory.findings.iter().all(|finding| finding.resource != name), "{:?}", inventory.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_events_arrive_once_in_the_order_of_their_streams() {
    let arguments = [MOTO.url(), "/many/".to_owned(), GROUPS.to_string(), EVENTS.to_string()];
    let putting = move || python::run("put_logs.py", &arguments.each_ref().map(String::as_str), &[], b"");
    let put = tokio::task::spawn_blocking(putting).await.expect("the script was run");
    let put: Put = serde_json::from_slice(&python::agrees("put_logs.py", put)).expect("JSON");

    // Moto's events are of today, and so is this Datadog.
    let sim = Sim::start(Options { clock: SimClock::real(), ..Options::default() }).await.expect("it starts");
    let yaml = sim.config_yaml(&Path::new("unused").to_string_lossy());
    let settings = settings(&format!("{yaml}logs: {{requests_per_second: 1000}}\n"), sim.environment());
    let aws = client(&MOTO.url(), "AKIAEXAMPLE", &settings, Clock::Real).await;
    let datadog = Client::new(&settings.datadog).expect("a client");
    let positions: BTreeMap<&String, Value> = (put.groups.keys())
        .map(|name| (name, json!({"until": put.from, "open": put.from.div_euclid(60_000) * 60_000, "seen": {}})))
        .collect();
    let checkpoint: Checkpoint =
        serde_json::from_value(json!({"groups": positions, "sent": {"day": 0, "bytes": {}}})).expect("a checkpoint");
    let mut following = Following::new(&settings.logs, checkpoint).expect("patterns");
    let now = || Clock::Real.now().timestamp_millis();
    following.follow(put.groups.keys().map(|name| group(name)).collect(), now());
    loop {
        let collected = following.collect(&aws, now).await;
        assert!(collected.failed.is_none() && collected.remarks.is_empty(), "{collected:?}");
        if collected.pages == 0 && following.until() >= Some(put.to) {
            break;
        }
        let delivery = deliver(&datadog, &settings.datadog, &Clock::Real, &collected.lines).await;
        assert_eq!(delivery.pending, 0, "{:?}", delivery.error);
        for part in collected.parts() {
            following.settle(&collected, &part, |line| delivery.outcomes[line] != Outcome::Pending);
        }
        following.counted();
        following.commit(&collected);
    }
    let mut streams: BTreeMap<(String, String), Vec<(i64, String)>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for line in sim.logs().lines {
        assert!(ids.insert((line.item["aws"]["awslogs"]["logGroup"].to_string(), line.text("event_id").to_owned())));
        let place = |key: &str| line.item["aws"]["awslogs"][key].as_str().expect("a text").to_owned();
        let tags: Vec<&str> = line.tags.iter().map(String::as_str).collect();
        assert_eq!((line.text("service"), tags), ("wire", vec!["pipeline:wire", "stage:split", "team:docs"]));
        let key = (place("logGroup"), place("logStream"));
        streams.entry(key).or_default().push((line.at, line.text("message").to_owned()));
    }
    let mut arrived = 0;
    for (group, wanted) in &put.groups {
        for (stream, events) in wanted {
            let found = streams.remove(&(group.clone(), stream.clone())).unwrap_or_default();
            let plain = |events: &[(i64, String)]| -> Vec<(i64, String)> {
                events.iter().filter(|(_, text)| text.starts_with("event ")).cloned().collect()
            };
            assert_eq!(plain(&found), plain(events), "{group} {stream}");
            arrived += plain(&found).len();
        }
    }
    assert_eq!(arrived, GROUPS * (EVENTS - NASTY));
    sim.stop().await;
}
