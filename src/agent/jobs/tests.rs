//! Jobs against the pretend company, over real HTTP, each run when the test says so.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use aws_config::BehaviorVersion;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::{Credentials, Region};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::throttle::{ThrottleConfig, ThrottledStore};

use super::*;
use crate::config;
use crate::sim::{Clock as SimClock, Fault, Options, Rule, Sim};

mod provision;

/// Simulated seconds a real one.
const RATE: f64 = 120.0;

/// A company, and the jobs that watch its account `data_dev`.
struct Place {
    sim: Sim,
    jobs: Jobs,
}

impl Place {
    async fn open(store: impl FnOnce(Clock) -> Store) -> Self {
        let origin = DateTime::from_timestamp(1_788_854_400, 0).unwrap();
        let sim = Sim::start(Options { clock: SimClock::scaled(origin, RATE), ..Options::default() }).await.unwrap();
        let environment: BTreeMap<String, String> = sim.environment().into_iter().collect();
        let settings = config::read(
            &format!("{}logs: {{collect: false}}\n", sim.config_yaml("unused")),
            "ddsync.yaml",
            &environment,
        )
        .unwrap()
        .settings;
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(sim.aws_url())
            .region(Region::from_static("us-west-2"))
            .retry_config(RetryConfig::disabled())
            .credentials_provider(Credentials::new("ASIASIM0111122223333", "pretend-secret", None, None, "test"))
            .load()
            .await;
        let scope = Scope { account: "data_dev".into(), region: "us-west-2".into() };
        let clock = Clock::parse(&environment[crate::clock::ENV]).unwrap();
        let clients = vec![Arc::new(Aws::over(&sdk, scope, &settings.limits, &settings.logs, clock))];
        let datadog = Client::new(&settings.datadog).unwrap().with_clock(clock);
        let jobs = Jobs::new(settings, clock, store(clock), datadog, clients, None);
        Self { sim, jobs }
    }

    async fn in_folder(folder: &Path) -> Self {
        let location = config::settings::StateLocation::Folder(folder.to_owned());
        Self::open(|clock| Store::open(&location, "test", clock).unwrap()).await
    }

    /// Jobs that remember nothing but what is in the state.
    fn restart(&mut self, store: Store) {
        let jobs = &self.jobs;
        let clients = jobs.scopes.values().map(|scope| Arc::clone(&scope.aws)).collect();
        self.jobs = Jobs::new(jobs.settings.clone(), jobs.clock, store, jobs.datadog.clone(), clients, None);
    }

    async fn run(&self, kind: JobKind) -> Result<Summary, Failure> {
        let job = self.jobs.table().into_iter().find(|job| job.kind == kind).unwrap();
        self.jobs.work(&job).await
    }

    /// Waits so long, in the company's time.
    async fn pass(&self, minutes: i64) {
        self.jobs.clock.sleep_until(self.jobs.clock.now() + chrono::TimeDelta::minutes(minutes)).await;
    }
}

#[tokio::test]
async fn the_warm_tier_is_not_skipped_after_it_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    place.run(JobKind::Discover).await.unwrap();
    place.run(JobKind::Warm).await.unwrap();
    place.pass(5).await;
    place.sim.faults().set(vec![Rule::new("datadog", Fault::Forbidden).on("series")]);
    for _attempt in 0..3 {
        assert_eq!(place.run(JobKind::Warm).await.unwrap_err().tag, "datadog");
    }
    place.sim.faults().clear();
    let summary = place.run(JobKind::Warm).await.unwrap();
    assert!(summary.watermark.is_some(), "{}", summary.note);
}

#[tokio::test]
async fn units_that_could_not_be_loaded_are_not_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    // A file where a folder has to be can neither be read through nor written through.
    let blocked = folder.path().join("units");
    std::fs::write(&blocked, "").unwrap();
    let place = Place::in_folder(folder.path()).await;
    place.run(JobKind::Discover).await.unwrap();
    for _attempt in 0..2 {
        assert_eq!(place.run(JobKind::Warm).await.unwrap_err().tag, "state_read");
    }
    std::fs::remove_file(&blocked).unwrap();
    place.run(JobKind::Warm).await.unwrap();
}

#[tokio::test]
async fn both_tiers_may_learn_units_at_once() {
    let slow = ThrottleConfig { wait_put_per_call: Duration::from_millis(500), ..ThrottleConfig::default() };
    let objects: Arc<dyn ObjectStore> = Arc::new(ThrottledStore::new(InMemory::new(), slow));
    let place = Place::open(|_clock| Store::shared(&objects, "test")).await;
    place.run(JobKind::Discover).await.unwrap();
    let (hot, warm) = tokio::join!(place.run(JobKind::Hot), place.run(JobKind::Warm));
    hot.unwrap();
    warm.unwrap();
}

#[tokio::test]
async fn lag_is_known_after_a_restart_while_nothing_is_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    place.run(JobKind::Discover).await.unwrap();
    place.run(JobKind::Hot).await.unwrap();
    drop(place);
    let place = Place::in_folder(folder.path()).await;
    place.run(JobKind::Discover).await.unwrap();
    place.sim.faults().set(vec![Rule::new("datadog", Fault::Forbidden).on("series")]);
    place.run(JobKind::Hot).await.unwrap_err();
    place.run(JobKind::Report).await.unwrap_err();
    let reporting = place.jobs.reporting.lock().await;
    assert!(reporting.unsent_names().any(|name| name == "ddsync.lag"));
}

#[tokio::test]
async fn reports_that_wait_are_not_tried_one_by_one_during_an_outage() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    place.sim.faults().set(vec![Rule::new("datadog", Fault::Forbidden).on("series")]);
    for _minute in 0..3 {
        let before = place.jobs.totals().requests.get("datadog:series").copied().unwrap_or(0);
        assert_eq!(place.run(JobKind::Report).await.unwrap_err().tag, "datadog");
        assert_eq!(place.jobs.totals().requests["datadog:series"], before + 1);
        place.pass(1).await;
    }
    place.sim.faults().clear();
    place.run(JobKind::Report).await.unwrap();
    let ledger = place.sim.ledger();
    let (_, heartbeats) = ledger.series.iter().find(|(series, _)| series.metric == "ddsync.heartbeat").unwrap();
    assert_eq!(heartbeats.len(), 4);
    assert!(place.jobs.reporting.lock().await.unsent_names().next().is_none());
}

#[tokio::test]
async fn what_is_asked_again_is_paid_again() {
    let mut billed = Vec::new();
    for faults in [vec![], vec![Rule::new("cloudwatch", Fault::PartialData).on("GetMetricData")]] {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::in_folder(folder.path()).await;
        place.run(JobKind::Discover).await.unwrap();
        place.sim.faults().set(faults);
        place.run(JobKind::Hot).await.unwrap();
        billed.push(place.jobs.totals().polls.billed);
    }
    assert_eq!(billed[1], 2 * billed[0]);
}

#[tokio::test]
async fn without_the_list_of_endpoints_they_are_described_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    place.sim.faults().add(Rule::new("sagemaker", Fault::AccessDenied).on("ListEndpoints"));
    let failure = place.run(JobKind::Discover).await.unwrap_err();
    assert_eq!(failure.tag, "access_denied");
    place.run(JobKind::Hot).await.unwrap();
    let totals = place.jobs.totals();
    assert!(totals.points.accepted > 0, "{totals:?}");
}

#[tokio::test]
async fn endpoints_that_may_not_be_described_lower_the_coverage() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    place.sim.faults().add(Rule::new("sagemaker", Fault::AccessDenied).on("DescribeEndpoint"));
    place.run(JobKind::Discover).await.unwrap_err();
    place.run(JobKind::Warm).await.unwrap();
    let coverage = place.jobs.totals().coverage["data_dev/us-west-2 warm"];
    assert!(coverage < 100.0, "{coverage}");
}

#[tokio::test]
async fn minutes_of_an_endpoint_that_could_not_be_described_are_read_once_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    place.sim.faults().set(vec![Rule::new("sagemaker", Fault::AccessDenied).on("DescribeEndpoint")]);
    place.run(JobKind::Discover).await.unwrap_err();
    place.run(JobKind::Hot).await.unwrap();
    let begun = lock(&place.jobs.scopes.values().next().unwrap().committed)[&Tier::Hot];
    // Longer than any poll reads back.
    place.pass(24).await;
    place.run(JobKind::Hot).await.unwrap();
    place.sim.faults().clear();
    place.run(JobKind::Discover).await.unwrap();
    place.pass(1).await;
    place.run(JobKind::Hot).await.unwrap();
    let ledger = place.sim.ledger();
    let backlog = |(series, _): &(&crate::sim::Series, _)| {
        series.metric == "mlpipeline.endpoint.backlog.max" && series.tags.iter().any(|tag| tag == "stage:page-split")
    };
    let (_, minutes) = ledger.series.iter().find(backlog).unwrap();
    let held: Vec<i64> = minutes.keys().copied().collect();
    assert!(held[0] <= begun && held.len() > 24, "{} minutes from {} on, begun at {begun}", held.len(), held[0]);
}

#[tokio::test]
async fn states_of_endpoints_wait_for_datadog_and_are_in_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    place.sim.faults().set(vec![Rule::new("datadog", Fault::Forbidden).on("series")]);
    for _minute in 0..3 {
        assert_eq!(place.run(JobKind::Discover).await.unwrap_err().tag, "datadog");
        place.pass(1).await;
    }
    place.sim.faults().clear();
    place.run(JobKind::Discover).await.unwrap();
    let ledger = place.sim.ledger();
    let in_service = ledger.series.iter().filter(|(series, _)| series.metric == "mlpipeline.endpoint.in_service");
    let minutes: BTreeSet<usize> = in_service.map(|(_, points)| points.len()).collect();
    assert!(minutes.contains(&4), "{minutes:?}");
    let totals = place.jobs.totals();
    assert!(totals.points.balances() && totals.points.pending > 0, "{:?}", totals.points);
    assert_eq!(totals.origin.derived, totals.points.collected);
}

#[tokio::test]
async fn states_that_datadog_would_not_store_any_more_are_told_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    let log = folder.path().join("log");
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Arc::new(std::fs::File::create(&log).unwrap()))
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    place.sim.faults().set(vec![Rule::new("datadog", Fault::Forbidden).on("series")]);
    let now = place.jobs.clock.now().timestamp();
    let batch = |at: i64| vec![Series::gauge("mlpipeline.endpoint.in_service", "", Vec::new(), at, 1.0)];
    // One is older than an hour, and two are more than an hour of minutes.
    let mut waiting: Vec<Vec<Series>> = std::iter::once(now - 7200).chain([now; KEPT + 1]).map(batch).collect();
    let delivered = place.jobs.deliver_in_order(&place.jobs.clock, "states", &mut waiting, batch(now)).await;
    assert_eq!((waiting.len(), delivered.fate.too_old), (KEPT, 3));
    assert!(delivered.fate.balances(), "{:?}", delivered.fate);
    let told = std::fs::read_to_string(log).unwrap();
    let dropped: Vec<&str> = told.lines().filter(|line| line.contains("dropped")).collect();
    assert_eq!(
        dropped,
        [" WARN states were dropped: Datadog has taken none for an hour, and stores none that is older points=3"]
    );
}

#[tokio::test]
async fn the_budget_counts_every_series_of_pipelines() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    for kind in [JobKind::Discover, JobKind::Hot, JobKind::Warm, JobKind::Deploys] {
        place.run(kind).await.unwrap();
    }
    let ledger = place.sim.ledger();
    let sent: BTreeSet<&str> = (ledger.series.keys().map(|series| series.metric.as_str()))
        .filter(|metric| metric.starts_with("mlpipeline."))
        .collect();
    let demands = place.jobs.scopes.values().next().map(|scope| lock(&scope.demands).clone()).unwrap();
    // Of deployments those of the pipelines that were found are expected; others may have been deployed.
    let pipelines: BTreeMap<_, _> = demands.iter().filter(|(name, _)| !name.contains(".deploy.")).collect();
    let expected: u64 = pipelines.values().map(|(_, _, demand)| demand.series).sum();
    let series = ledger.series.keys().filter(|series| pipelines.keys().any(|name| series.metric.starts_with(*name)));
    let series = series.count() as u64;
    assert!(series <= expected && expected < series * 3 / 2, "{series} were sent, {expected} were expected");
    assert!(lock(&place.jobs.fit).series > expected, "deployments are told too");
    let forgotten: Vec<&&str> =
        sent.iter().filter(|name| !demands.keys().any(|known| name.starts_with(known.as_str()))).collect();
    assert_eq!(forgotten, [&"mlpipeline.endpoint.active_instances"], "which is a statistic of cpu_utilization");
}

#[tokio::test]
async fn the_last_words_of_a_process_are_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::in_folder(folder.path()).await;
    place.run(JobKind::Discover).await.unwrap();
    place.jobs.finish().await;
    let ledger = place.sim.ledger();
    assert!(ledger.series.keys().any(|series| series.metric == "ddsync.api.requests"));
}

#[tokio::test]
async fn a_query_that_is_refused_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = Place::in_folder(folder.path()).await;
    let impossible = Metric::new(crate::model::catalogue::Target::Function, "company.bad", "AWS/Lambda", "Errors")
        .statistics(&[crate::model::catalogue::Statistic::Percentile(200)]);
    place.jobs.catalogue = place.jobs.catalogue.iter().cloned().chain([impossible]).collect();
    place.run(JobKind::Discover).await.unwrap();
    let first = place.run(JobKind::Warm).await.unwrap();
    assert!(first.note.contains("queries refused"), "{}", first.note);
    place.pass(5).await;
    let second = place.run(JobKind::Warm).await.unwrap();
    assert!(second.watermark > first.watermark, "{second:?}");
    let totals = place.jobs.totals();
    assert!(totals.coverage["data_dev/us-west-2 warm"] < 100.0);
    assert!(totals.errors.keys().any(|message| message.contains("p200")), "{:?}", totals.errors);
}

#[tokio::test]
async fn other_tags_of_the_configuration_do_not_repeat_old_minutes() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut place = Place::open(|_clock| Store::shared(&objects, "test")).await;
    place.jobs.settings.datadog.tags = vec!["cost-center:one".to_owned()];
    for kind in [JobKind::Discover, JobKind::Hot] {
        place.run(kind).await.unwrap();
    }
    // The same process would remember what was sent; one that has been started anew does not.
    place.restart(Store::shared(&objects, "test"));
    place.jobs.settings.datadog.tags = vec!["cost-center:two".to_owned()];
    place.pass(3).await;
    for kind in [JobKind::Discover, JobKind::Hot] {
        place.run(kind).await.unwrap();
    }
    let ledger = place.sim.ledger();
    let mut minutes: BTreeMap<(String, i64), u32> = BTreeMap::new();
    let mut centers = BTreeSet::new();
    for (series, points) in ledger.series.iter().filter(|(series, _)| series.metric.contains("backlog.max")) {
        centers.extend(series.tags.iter().filter(|tag| tag.starts_with("cost-center")).cloned());
        let endpoint = series.tags.iter().find(|tag| tag.starts_with("endpoint:")).cloned().unwrap();
        for at in points.keys() {
            *minutes.entry((endpoint.clone(), *at)).or_default() += 1;
        }
    }
    assert_eq!(centers.len(), 2, "{centers:?}");
    assert!(minutes.values().all(|&times| times == 1), "{minutes:?}");
}
