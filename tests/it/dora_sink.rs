//! Deployments on their way to Datadog, over a real wire: nothing is sent twice, whatever answer is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::Router;
use chrono::{FixedOffset, TimeDelta};
use ddsync::client::datadog::Client;
use ddsync::clock::Clock;
use ddsync::config::Secret;
use ddsync::config::settings::{Compression, Datadog};
use ddsync::model::dora::{
    Action, Attempt, AttemptState, Attribution, Commit, CommitSource, Deployment, DeploymentId, Fact, Ledger, Life,
    Origin, Rule, Rules, Sent, Unit, Verdict, Word,
};
use ddsync::sim::{Clock as SimClock, Fault, KeptDeployment, ObjectKind, Options, Rule as FaultRule, Sim};
use ddsync::sink::dora::{Delivery, Differences, Request, compare, deliver, series};
use ddsync::source::alerts::alerts;
use serde_json::{Value, json};

use crate::recorder::Recorder;
use crate::{python, scene::morning};

/// How much faster than ours the pretend company's clock runs: waits of minutes take moments.
const RATE: f64 = 200.0;
const HOUR: i64 = 3_600;

/// A pretend Datadog, a client of it, and what is known.
struct Place {
    sim: Sim,
    clock: Clock,
    settings: Datadog,
    rules: Rules,
    ledger: Ledger,
    /// When it opened, Unix seconds.
    now: i64,
}

impl Place {
    async fn open() -> Self {
        let options = Options { clock: SimClock::scaled(morning(), RATE), ..Options::default() };
        let sim = Sim::start(options).await.expect("the company opens");
        let clock = Clock::parse(&sim.clock().to_env()).expect("a clock");
        let keys = Options::default();
        let settings = Datadog {
            site: "datadoghq.eu".into(),
            base_url: sim.datadog_url(),
            logs_url: sim.datadog_url(),
            api_key: Some(Secret::new(&keys.api_key)),
            app_key: Some(Secret::new(&keys.app_key)),
            compression: Compression::Zstd,
            tags: vec!["site:test".into()],
            deadline: Duration::from_secs(30),
        };
        let now = sim.clock().now().timestamp();
        Self { sim, clock, settings, rules: Rules::default(), ledger: Ledger::default(), now }
    }

    fn client(&self) -> Client {
        Client::new(&self.settings).expect("a client").with_clock(self.clock)
    }

    fn know(&mut self, deployments: impl IntoIterator<Item = Deployment>) {
        for deployment in deployments {
            self.ledger.observe(Fact::Deployment(deployment));
        }
    }

    fn say(&mut self, deployment: &Deployment, verdict: Verdict) {
        let at = self.clock.now().timestamp();
        let word = Word { at, verdict, because: "because".into(), by: None };
        self.ledger.observe(Fact::Word { id: deployment.id(), word });
    }

    /// One delivery that is killed before it is saved.
    async fn deliver(&self) -> Delivery {
        self.deliver_at_most(1_000, &BTreeSet::new()).await
    }

    async fn deliver_at_most(&self, most: usize, refused: &BTreeSet<DeploymentId>) -> Delivery {
        let request = Request {
            ledger: &self.ledger,
            judged: &self.ledger.judge(&self.rules),
            rules: &self.rules,
            tags: &self.settings.tags,
            most,
            refused,
            deadline: Duration::from_secs(20),
        };
        deliver(&self.client(), &self.clock, request).await
    }

    /// One delivery, saved.
    async fn deliver_and_save(&mut self) -> Delivery {
        let delivery = self.deliver().await;
        for fact in delivery.facts.clone() {
            self.ledger.observe(fact);
        }
        delivery
    }

    /// What Datadog has: id, whether it failed, and what put it right. In the order of ids.
    fn content(&self) -> Vec<(String, Option<bool>, Option<Value>)> {
        let kept = self.sim.deployments();
        assert!(!kept.iter().any(|one| one.clashes), "two deployments of a service share a second: {kept:#?}");
        let mut content: Vec<_> = kept
            .into_iter()
            .map(|KeptDeployment { id, change_failure, remediation, .. }| (id, change_failure, remediation))
            .collect();
        content.sort_by(|a, b| a.0.cmp(&b.0));
        content
    }

    fn markers(&self) -> Vec<Value> {
        let events = self.sim.events().into_iter();
        events.filter(|event| event["attributes"]["attributes"]["source_type_name"] == "my_apps").collect()
    }

    fn asked(&self, operation: &str) -> u64 {
        self.sim.requests().get(&("datadog".to_owned(), operation.to_owned())).copied().unwrap_or_default()
    }

    fn fail(&self, kind: Fault, operation: &str, times: u64) {
        self.sim.faults().add(FaultRule::new("datadog", kind).on(operation).at_most(times));
    }
}

/// An `up` that took five minutes.
fn up(run: u64, commit: u64, finished_at: i64) -> Deployment {
    let url = format!("https://github.com/acme/ml/actions/runs/{run}");
    let attempt = Attempt {
        state: AttemptState::Succeeded,
        started_at: Some(finished_at - 300),
        finished_at: Some(finished_at),
        url: url.clone(),
    };
    Deployment {
        run,
        action: Action::Up,
        unit: Unit::new("Lease", "data_prod"),
        created_at: finished_at - 600,
        origin: Origin {
            by: Attribution::Title,
            as_of: finished_at,
            repository: "acme/ml".into(),
            workflow: ".github/workflows/deploy.yml".into(),
            title: "up pipelines/lease.yaml to data_prod from main".into(),
            url,
            yaml: "pipelines/lease.yaml".into(),
            branch: Some("main".into()),
        },
        commit: Commit::Known { from: CommitSource::Run, resolved_at: finished_at, sha: format!("{commit:040x}") },
        team: Some("Docs".into()),
        version: None,
        attempts: BTreeMap::from([(1, attempt)]),
    }
}

fn but(mut deployment: Deployment, change: impl FnOnce(&mut Deployment)) -> Deployment {
    change(&mut deployment);
    deployment
}

/// A bad deployment between two good ones, one of development in the same second, a failed one, and an old one.
fn week(now: i64) -> Vec<Deployment> {
    let other = |deployment: Deployment| but(deployment, |it| it.unit.environment = "data_dev".into());
    vec![
        up(1, 1, now - 72 * HOUR),
        up(2, 2, now - 3 * HOUR),
        up(3, 1, now - 2 * HOUR),
        other(up(4, 9, now - 2 * HOUR)),
        but(up(5, 3, now - HOUR), |it| {
            it.attempts.values_mut().for_each(|attempt| attempt.state = AttemptState::Failed);
        }),
    ]
}

fn id(run: u64) -> String {
    up(run, 0, 0).id().to_string()
}

fn week_at_datadog() -> Vec<(String, Option<bool>, Option<Value>)> {
    let development = but(up(4, 0, 0), |it| it.unit.environment = "data_dev".into()).id().to_string();
    let remediation = json!({"id": id(3), "type": "rollback"});
    vec![(id(1), None, None), (id(2), Some(true), Some(remediation)), (id(3), None, None), (development, None, None)]
}

/// Without what was said of those that were found, of which nobody knows what was said before.
fn but_sound(content: Vec<(String, Option<bool>, Option<Value>)>) -> Vec<(String, Option<bool>, Option<Value>)> {
    content.into_iter().map(|(id, failed, by)| (id, failed.filter(|failed| *failed), by)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_sent_once_and_then_nothing_is_asked() {
    let mut place = Place::open().await;
    place.know(week(place.now));
    let first = place.deliver_and_save().await;
    assert_eq!((first.sent, first.found, first.marked, first.unmarked), (4, 0, 1, 0), "{first:?}");
    assert_eq!((first.posted, first.pending, &first.error), (4, 0, &None), "{first:?}");
    assert_eq!(place.content(), week_at_datadog());
    let kept = place.sim.deployments();
    let in_one_second: BTreeSet<i64> = kept.iter().map(|one| one.finished_at - place.now).collect();
    assert_eq!(in_one_second, BTreeSet::from([-72 * HOUR, -3 * HOUR, -2 * HOUR, -2 * HOUR + 1]));
    let with_git = kept.iter().filter(|one| !one.attributes["git"].is_null()).count();
    assert_eq!(with_git, 3, "none in development");

    let again = place.deliver_and_save().await;
    assert_eq!(again, Delivery::default(), "nothing is new, so nothing is asked");
    assert_eq!(first.requests, 4 + 1 + 1 + 1 + 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_a_yes_and_the_save_the_next_start_ends_in_the_same_content() {
    let mut place = Place::open().await;
    place.know(week(place.now));
    place.deliver().await;
    let markers = place.markers();
    let second = place.deliver_and_save().await;
    assert_eq!((second.sent, second.found, second.posted, second.pending), (0, 4, 0, 0), "{second:?}");
    assert_eq!(but_sound(place.content()), week_at_datadog());
    assert_eq!(place.markers(), markers);
    // The second that was given away is known again.
    let other = but(up(4, 9, 0), |it| it.unit.environment = "data_dev".into()).id();
    let sent = place.ledger.entries[&other].life.sent.expect("it was found");
    assert_eq!(sent.finished_at, place.now - 2 * HOUR + 1);
    assert_eq!(place.deliver_and_save().await, Delivery::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_looked_for_and_not_sent_again() {
    let mut place = Place::open().await;
    place.know(week(place.now));
    place.fail(Fault::LostAnswer, "send_deployment", 1);
    let first = place.deliver_and_save().await;
    assert_eq!(first.sent, 0, "{first:?}");
    assert!(first.pending >= 4, "{first:?}");
    place.fail(Fault::LostAnswer, "post_event", 1);
    let second = place.deliver_and_save().await;
    assert_eq!((second.sent, second.found), (3, 1), "{second:?}");
    place.deliver_and_save().await;
    assert_eq!(but_sound(place.content()), week_at_datadog());
    assert_eq!(place.markers().len(), 4);
    assert_eq!(place.deliver_and_save().await, Delivery::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_waited_for_and_a_failing_server_costs_what_it_fails() {
    let mut place = Place::open().await;
    place.know(week(place.now));
    place.fail(Fault::RateLimited, "send_deployment", 2);
    place.fail(Fault::ServerError(503), "list_deployments", 1);
    place.fail(Fault::ServerError(500), "patch_deployment", 1);
    let first = place.deliver_and_save().await;
    assert_eq!((first.sent, first.marked, first.posted, first.pending), (4, 1, 4, 0), "{first:?}");
    assert_eq!(place.asked("send_deployment"), 6, "twice refused");
    assert_eq!((place.asked("list_deployments"), place.asked("patch_deployment")), (2, 2));

    // Nobody knows whether it did what it was asked for, so it is not asked again before a look.
    let seventh = up(7, 7, place.now - HOUR / 2);
    place.know([seventh]);
    place.fail(Fault::ServerError(500), "send_deployment", 1);
    let second = place.deliver_and_save().await;
    assert_eq!((second.sent, second.pending), (0, 1), "{second:?}");
    assert_eq!(second.error.map(|error| error.tag()), Some("server"));
    let third = place.deliver_and_save().await;
    assert_eq!((third.sent, third.found, third.pending), (1, 0, 0), "{third:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_application_key_nothing_is_sent_and_the_setting_is_named() {
    let mut place = Place::open().await;
    place.know(week(place.now));
    let app_key = place.settings.app_key.take();
    let delivery = place.deliver_and_save().await;
    assert_eq!((delivery.sent, delivery.posted, delivery.pending, delivery.requests), (0, 0, 8, 0), "{delivery:?}");
    let words = delivery.error.expect("an error").to_string();
    assert!(words.contains("DD_APP_KEY") && words.contains("`datadog.app_key_file`"), "{words}");

    place.settings.app_key = app_key.map(|_| Secret::new("of-another-organisation"));
    let delivery = place.deliver_and_save().await;
    assert_eq!((delivery.sent, delivery.pending), (0, 8), "{delivery:?}");
    assert!(place.sim.deployments().is_empty() && place.markers().is_empty());
}

/// A scope that the key lacks ends what needs it, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_the_key_lacks_costs_the_marks_alone() {
    let mut place = Place::open().await;
    place.know(week(place.now));
    place.fail(Fault::Forbidden, "patch_deployment", 1);
    let delivery = place.deliver_and_save().await;
    assert_eq!((delivery.sent, delivery.marked, delivery.posted, delivery.pending), (4, 0, 4, 1), "{delivery:?}");
    let words = delivery.error.expect("an error").to_string();
    assert!(words.contains("`dora_metrics_write`"), "{words}");
    assert_eq!(place.deliver_and_save().await.marked, 1);
    assert_eq!(place.content(), week_at_datadog());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_the_place_of_datadog_gets_nothing_and_is_named() {
    let mut place = Place::open().await;
    place.know(week(place.now));
    let page = Router::new().fallback(async || "<html><title>Please log in</title></html>");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let good = std::mem::replace(
        &mut place.settings.base_url,
        format!("http://{}", listener.local_addr().expect("an address")),
    );
    tokio::spawn(async move { axum::serve(listener, page).await.expect("it serves") });
    let delivery = place.deliver_and_save().await;
    assert_eq!((delivery.sent, delivery.facts.len(), delivery.requests), (0, 0, 1), "{delivery:?}");
    assert_eq!(delivery.error.map(|error| error.tag()), Some("misdirected"));
    place.settings.base_url = good;
    assert_eq!(place.deliver_and_save().await.sent, 4);
    assert_eq!(place.content(), week_at_datadog());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_twice_is_listed_twice() {
    let place = Place::open().await;
    let (begin, end) = (place.now - 3_600, place.now - 3_000);
    let attributes = json!({"id": id(1), "service": "lease", "started_at": begin, "finished_at": end});
    for _ in 0..2 {
        place.client().send_deployment(&json!({"data": {"attributes": attributes}})).await.expect("a yes");
    }
    let listed = place.client().list_deployments(begin - 60, end + 60).await.expect("a list");
    assert_eq!(listed.len(), 2);
    let judged = place.ledger.judge(&place.rules);
    let found = compare(&place.client(), &place.ledger, &judged, begin, end).await.expect("a list");
    assert_eq!(found.unexpected, [DeploymentId::from_text(&id(1))]);
}

/// What Datadog refuses costs itself alone: here a name that makes no service.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_refused_costs_itself_alone() {
    let mut place = Place::open().await;
    let mut all = week(place.now);
    // An end before its begin cannot come from GitHub; a clock there may be wrong all the same.
    all.push(up(8, 8, 1_000));
    place.know(all);
    let one = |refused| place.deliver_at_most(1, refused);
    let (new, known) = (BTreeSet::new(), BTreeSet::from([DeploymentId::from_text(&id(8))]));
    let (first, second) = (one(&new).await, one(&known).await);
    assert_eq!((first.sent, first.refused.len(), first.pending), (0, 1, 4), "the oldest is the one that is refused");
    assert_eq!(
        (second.sent, second.refused.len(), second.pending),
        (1, 0, 4),
        "once that is known, it is in nobody's way"
    );
    let delivery = place.deliver_and_save().await;
    assert_eq!((delivery.sent + delivery.found, delivery.refused.len()), (4, 1), "{delivery:?}");
    assert_eq!(delivery.refused[0].0, DeploymentId::from_text(&id(8)));
    assert!(delivery.refused[0].1.contains("started_at"), "{delivery:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_deleted_at_datadog_is_told_once_and_not_marked_for_ever() {
    let mut place = Place::open().await;
    let gone = up(8, 8, place.now - 5 * HOUR);
    let (id, finished_at) = (gone.id(), place.now - 5 * HOUR);
    let sent = Sent { at: finished_at + 60, started_at: finished_at - 300, finished_at };
    place.know([gone.clone()]);
    place.ledger.observe(Fact::Life {
        id: id.clone(),
        life: Life { sent: Some(sent), posted: Some(place.now), ..Life::default() },
    });
    place.say(&gone, Verdict::Failed);
    let first = place.deliver_and_save().await;
    assert_eq!((first.pending, &first.error), (0, &None), "{first:?}");
    assert_eq!(first.refused[0].0, id);
    assert!(first.refused[0].1.contains("deleted"), "{first:?}");
    let refused = BTreeSet::from([id]);
    assert_eq!(place.deliver_at_most(10, &refused).await, Delivery::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_is_taken_back_when_a_later_fact_undoes_it() {
    let mut place = Place::open().await;
    let all = week(place.now);
    let bad = all[1].clone();
    place.know(all);
    place.deliver_and_save().await;
    place.say(&bad, Verdict::Ok);
    let second = place.deliver_and_save().await;
    assert_eq!((second.marked, second.unmarked, second.sent), (0, 1, 0), "{second:?}");
    let failed = |place: &Place| place.content().into_iter().find(|one| one.0 == id(2)).expect("it is there").1;
    assert_eq!(failed(&place), Some(false));
    place.say(&bad, Verdict::Failed);
    place.deliver_and_save().await;
    assert_eq!(failed(&place), Some(true));
    assert_eq!(place.deliver_and_save().await, Delivery::default());
}

/// A ledger that was lost is built again from GitHub: Datadog stays as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_sent_in_pieces_and_a_lost_ledger_sends_none_of_it_again() {
    let mut place = Place::open().await;
    let step = 20 * 60;
    let history: Vec<Deployment> = (0..2_300)
        .map(|run| up(run + 100, run, place.now - step * (2_300 - i64::try_from(run).expect("small"))))
        .collect();
    place.know(history.clone());
    let mut rounds = Vec::new();
    while rounds.last() != Some(&0) {
        let delivery = place.deliver_and_save().await;
        assert_eq!(delivery.error, None);
        rounds.push(delivery.sent);
    }
    assert_eq!(rounds, [1_000, 1_000, 300, 0]);
    let content = place.content();
    assert_eq!(content.len(), 2_300);

    let compared = async |place: &Place| {
        let judged = place.ledger.judge(&place.rules);
        compare(&place.client(), &place.ledger, &judged, place.now - 40 * 24 * HOUR, place.now).await.expect("a list")
    };
    assert_eq!(compared(&place).await, Differences { same: 2_300, ..Differences::default() });

    let sent = place.asked("send_deployment");
    place.ledger = Ledger::default();
    place.know(history);
    let mut found = 0;
    loop {
        let delivery = place.deliver_and_save().await;
        found += delivery.found;
        if delivery.pending == 0 {
            break;
        }
    }
    assert_eq!((found, place.asked("send_deployment")), (2_300, sent));
    assert_eq!(but_sound(place.content()), content);
    assert_eq!(compared(&place).await.same, 2_300);
}

/// From the alert of one of our own monitors to the mark of the deployment before it.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_our_own_monitor_marks_the_deployment_before_it() {
    let mut place = Place::open().await;
    let deployment = up(2, 2, place.now - HOUR);
    place.know([deployment.clone()]);
    let monitor = |priority: u8, query: &str| {
        json!({
            "name": format!("Lease (data_prod): P{priority}"), "type": "query alert", "query": query,
            "message": "", "priority": priority,
            "tags": ["pipeline:lease", "environment:data_prod", "ddsync_namespace:main", "ddsync_key:x/global"],
        })
    };
    let stuck = "max(last_5m):max:mlpipeline.endpoint.backlog.max{pipeline:lease} > 5";
    let make = |body: Value| place.sim.create_by_hand(ObjectKind::Monitor, body).expect("a monitor");
    let urgent = make(monitor(1, stuck));
    let idle = make(monitor(3, "max(last_5m):max:mlpipeline.endpoint.backlog.avg{pipeline:lease} > 5"));
    let own = make(monitor(2, "max(last_5m):max:mlpipeline.deploy.last_failed{pipeline:lease} > 0"));
    let mut foreign = monitor(1, "max(last_9m):max:mlpipeline.endpoint.backlog.max{pipeline:lease} > 6");
    foreign["tags"] = json!(["pipeline:lease", "environment:data_prod"]);
    let foreign = make(foreign);
    for (monitor, minutes) in [(&urgent, 12), (&idle, 13), (&own, 14), (&foreign, 15)] {
        assert!(place.sim.alert(monitor, "stage:ocr", place.now - HOUR + minutes * 60));
    }
    let link = |id: u64| format!("https://app.datadoghq.eu/monitors/{id}");
    let read = async || {
        let (from, to) = (place.now - 2 * HOUR, place.now + HOUR);
        alerts(&place.client(), "ddsync_namespace:main", &link, from, to).await.expect("alerts")
    };
    let alerts = read().await;
    let since = |at: i64| (at - (place.now - HOUR)) / 60;
    let told: Vec<_> = alerts.signals.iter().filter(|it| it.unit.pipeline == "lease").map(|it| since(it.at)).collect();
    assert_eq!((told, alerts.without_priority), (vec![12, 13], 0), "{alerts:?}");
    assert_eq!(read().await, alerts, "the same alert is the same signal");
    for signal in alerts.signals {
        place.ledger.observe(Fact::Signal(signal));
    }
    let delivery = place.deliver_and_save().await;
    assert_eq!((delivery.sent, delivery.marked), (1, 1), "{delivery:?}");
    assert_eq!(place.content(), [(id(2), Some(true), None)]);
    let judged = place.ledger.judge(&place.rules);
    let evidence = &judged[0].evidence;
    assert_eq!(evidence.len(), 1, "a P3 is no evidence: {evidence:?}");
    assert_eq!(evidence[0].rule, Rule::Monitor);
    assert_eq!(evidence[0].link.as_deref(), Some(&*link(urgent.parse().expect("a number"))));
}

/// The company's past has bad deployments, and alerts soon after some of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_companys_past_has_alerts_of_bad_deployments() {
    let place = Place::open().await;
    let from = place.now - TimeDelta::days(170).num_seconds();
    let alerts = alerts(&place.client(), "ddsync_namespace:main", &|_| String::new(), from, place.now).await;
    let alerts = alerts.expect("alerts");
    assert!(alerts.signals.len() > 10 && alerts.unplaced == 0, "{}", alerts.signals.len());
    assert!(alerts.signals.iter().all(|signal| signal.unit.environment == "data_prod"));
}

#[tokio::test(flavor = "multi_thread")]
async fn datadogs_own_models_accept_every_body_that_we_send() {
    let mut place = Place::open().await;
    let recorder = Recorder::start(place.sim.datadog_url()).await;
    place.settings.base_url = recorder.url().to_owned();
    let mut all = week(place.now);
    all.push(but(up(6, 1, place.now - HOUR / 2), |it| {
        it.unit = Unit::new("Le{{ase}}\n@pagerduty-x", "prod,team:evil");
        it.team = Some("@all \u{1b}[31m".into());
        it.version = Some("1\u{0}\n2".into());
        it.origin.branch = Some("日本 #1".into());
    }));
    let bad = all[1].clone();
    place.know(all);
    place.deliver_and_save().await;
    place.say(&bad, Verdict::Ok);
    place.deliver_and_save().await;
    let clock = place.clock;
    let utc = FixedOffset::east_opt(0).expect("UTC");
    let series = series(&place.ledger, &place.rules, utc, clock.now().timestamp());
    let client = place.client();
    let delivery = ddsync::sink::series::deliver(&client, &place.settings, &clock, &series).await;
    assert_eq!(delivery.fate.accepted, u64::try_from(series.len()).expect("few"), "{delivery:?}");
    python::agrees("judge_series.py", python::run("judge_series.py", &[], &[], &recorder.bodies()));

    let bodies = recorder.sent();
    let counts: Value =
        serde_json::from_slice(&python::agrees("judge_dora.py", python::run("judge_dora.py", &[], &[], &bodies)))
            .expect("JSON");
    assert_eq!(counts, json!({"deployment": 5, "patch": 2, "list": 1, "event": 5, "search": 1}));
}

/// A judge that finds nothing wrong proves nothing, so each fault is shown to it once.
#[test]
fn the_judge_of_deployments_refuses_what_datadog_would_refuse() {
    let deployment = json!({"kind": "deployment", "body": {"data": {"attributes": {
        "id": id(1), "service": "lease", "env": "data_prod", "started_at": 1_788_883_000, "finished_at": 1_788_883_200,
        "custom_tags": ["a:b"], "git": {"commit_sha": "0".repeat(40), "repository_url": "https://github.com/a/b"},
    }}}});
    let patch = json!({"kind": "patch", "body": {"data": {
        "id": id(1), "type": "dora_deployment_patch_request",
        "attributes": {"change_failure": true, "remediation": {"id": id(2), "type": "rollback"}},
    }}});
    let event = json!({"kind": "event", "body": {
        "title": "a", "text": "b", "date_happened": 1_788_883_200, "tags": ["a:b"], "alert_type": "success",
    }});
    let attribute = |key: &str| format!("/body/data/attributes/{key}");
    let faults = [
        (&deployment, attribute("service"), Value::Null),
        (&deployment, attribute("id"), json!("short")),
        (&deployment, attribute("id"), json!("sixteen or more, with blanks")),
        (&deployment, attribute("started_at"), json!("2026-09-07T00:00:00Z")),
        (&deployment, attribute("started_at"), json!(1_788_883_201)),
        (&deployment, attribute("finishedat"), json!(1)),
        (&deployment, attribute("custom_tags"), json!(["ab"])),
        (&deployment, attribute("custom_tags"), json!(vec!["a:b"; 101])),
        (&deployment, attribute("git/commit_sha"), json!("abc123")),
        (&deployment, attribute("git/url"), json!("x")),
        (&patch, "/body/data/type".to_owned(), json!("dora_deployment")),
        (&patch, attribute("change_failure"), json!("yes")),
        (&patch, attribute("remediation/type"), json!("undo")),
        (&patch, attribute("remediation/version"), json!("1")),
        (&event, "/body/alert_type".to_owned(), json!("good")),
        (&event, "/body/text".to_owned(), json!("x".repeat(4_001))),
        (&event, "/body/titel".to_owned(), json!("x")),
        (&event, "/body/tags".to_owned(), json!(["Team:Docs"])),
    ];
    let good = [&deployment, &patch, &event].map(Value::to_string).join("\n");
    python::agrees("judge_dora.py", python::run("judge_dora.py", &[], &[], good.as_bytes()));
    let bad: Vec<String> = faults
        .iter()
        .map(|(good, pointer, value)| {
            let mut body = (*good).clone();
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            body.pointer_mut(parent).expect("a parent")[key] = value.clone();
            body.to_string()
        })
        .collect();
    let verdict = python::run("judge_dora.py", &[], &[], bad.join("\n").as_bytes());
    assert_eq!(verdict.status.code(), Some(1));
    let words = String::from_utf8(verdict.stderr).expect("UTF-8");
    for (number, (_, pointer, value)) in (1..).zip(&faults) {
        let told = words.lines().any(|line| line.starts_with(&format!("{number}: ")));
        assert!(told, "{pointer} = {value} passes; it said:\n{words}");
    }
    assert_eq!(
        python::run("judge_dora.py", &[], &[], b"").status.code(),
        Some(2),
        "nothing to judge is no good verdict"
    );
}

#[test]
fn a_life_of_before_there_were_markers_is_read() {
    let life: Life = serde_json::from_value(json!({"seen": 1, "marked": 2})).expect("an old ledger");
    assert_eq!((life.seen, life.marked, life.posted, life.remedied), (Some(1), Some(2), None, None));
}
