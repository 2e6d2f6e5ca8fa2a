//! The provision job: what the daemon keeps in step by itself.

use super::*;
use crate::sim::{ObjectKind, Write};

const ROUTES: &str = "routes: {default: {notify: \"@slack-ml\", page: \"@pagerduty-ml\"}}\nprovision: {auto: true, grace: 0s, prune: true}\n";

async fn provisioned(folder: &Path) -> Place {
    let mut place = Place::in_folder(folder).await;
    let environment: BTreeMap<String, String> = place.sim.environment().into_iter().collect();
    let text = format!("{}{ROUTES}", place.sim.config_yaml("unused"));
    let settings = config::read(&text, "ddsync.yaml", &environment).unwrap().settings;
    place.jobs.settings.provision = settings.provision;
    place.jobs.settings.routes = settings.routes;
    place.jobs.settings.state = config::settings::StateLocation::Folder(folder.to_owned());
    place
}

impl Place {
    fn objects(&self) -> usize {
        [ObjectKind::Dashboard, ObjectKind::Monitor, ObjectKind::Slo]
            .map(|kind| self.sim.objects(kind).len())
            .iter()
            .sum()
    }

    fn writes(&self) -> u64 {
        self.sim.writes().values().sum()
    }

    /// What the next report says of a metric of ours, by kind.
    async fn said(&self, metric: &str) -> BTreeMap<String, f64> {
        self.pass(1).await;
        self.run(JobKind::Report).await.unwrap();
        let ledger = self.sim.ledger();
        let series = ledger.series.iter().filter(|(series, _)| series.metric == metric);
        let last = series.map(|(series, points)| {
            let kind = series.tags.iter().find_map(|tag| tag.strip_prefix("kind:")).unwrap();
            (kind.to_owned(), points.values().next_back().unwrap().value)
        });
        last.collect()
    }

    /// Monitors of a pipeline.
    fn monitors(&self, pipeline: &str) -> usize {
        let tag = format!("\"pipeline:{pipeline}\"");
        self.sim.objects(ObjectKind::Monitor).iter().filter(|one| one["tags"].to_string().contains(&tag)).count()
    }
}

/// Objects of each kind.
fn of_kinds(monitors: u32, slos: u32, dashboards: u32) -> BTreeMap<String, f64> {
    let kinds = [("monitor", monitors), ("slo", slos), ("dashboard", dashboards)];
    kinds.map(|(kind, objects)| (kind.to_owned(), objects.into())).into()
}

#[tokio::test]
async fn the_daemon_provisions_only_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = |place: &Place| place.jobs.table().iter().filter(|job| job.kind == JobKind::Provision).count();
    assert_eq!(kinds(&Place::in_folder(folder.path()).await), 0);
    let other = tempfile::tempdir().unwrap();
    assert_eq!(kinds(&provisioned(other.path()).await), 1);
}

#[tokio::test]
async fn the_daemon_makes_what_is_missing_and_mends_what_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let place = provisioned(folder.path()).await;
    assert_eq!(place.run(JobKind::Provision).await.unwrap_err().tag, "no_inventory", "nothing is known yet");
    place.run(JobKind::Discover).await.unwrap();
    place.run(JobKind::Provision).await.unwrap();
    let (objects, writes) = (place.objects(), place.writes());
    assert!(objects > 50, "{objects}");
    assert_eq!(place.said("ddsync.provision.drift").await, of_kinds(0, 0, 0), "what is new is not drift");

    let summary = place.run(JobKind::Provision).await.unwrap();
    assert_eq!((place.objects(), place.writes()), (objects, writes), "{}", summary.note);

    let monitors = place.sim.objects(ObjectKind::Monitor);
    for monitor in &monitors[..2] {
        assert!(place.sim.edit_by_hand(ObjectKind::Monitor, &monitor["id"].to_string(), "/message", "quiet".into()));
    }
    let slo = place.sim.objects(ObjectKind::Slo).remove(0);
    assert!(place.sim.edit_by_hand(ObjectKind::Slo, slo["id"].as_str().unwrap(), "/name", "mine".into()));
    place.run(JobKind::Provision).await.unwrap();
    let mended = place.sim.objects(ObjectKind::Monitor);
    assert!(monitors.iter().zip(&mended).all(|(before, after)| before["message"] == after["message"]));
    assert_eq!(place.said("ddsync.provision.drift").await, of_kinds(2, 1, 0));
    place.run(JobKind::Provision).await.unwrap();
    assert_eq!(place.said("ddsync.provision.drift").await, of_kinds(0, 0, 0), "it is mended");
}

#[tokio::test]
async fn what_is_not_done_is_pending_until_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let place = provisioned(folder.path()).await;
    place.run(JobKind::Discover).await.unwrap();
    place.run(JobKind::Provision).await.unwrap();
    assert_eq!(place.said("ddsync.provision.pending").await, of_kinds(0, 0, 0));
    place.sim.world().add_pipeline(crate::sim::company::DEVELOPMENT, "tax", place.jobs.clock.now());
    place.pass(1).await;
    place.run(JobKind::Discover).await.unwrap();
    place.sim.faults().add(Rule::new("datadog", Fault::Forbidden).on("create_monitor"));
    place.run(JobKind::Provision).await.unwrap_err();
    let pending = place.said("ddsync.provision.pending").await;
    assert_eq!(place.monitors("tax"), 0);

    place.sim.faults().clear();
    place.run(JobKind::Provision).await.unwrap();
    assert_eq!(place.said("ddsync.provision.pending").await, of_kinds(0, 0, 0));
    let made = place.monitors("tax");
    assert!(made > 3, "{made}");
    // On a slow machine more of the company's day goes by, and monitors of others are to be marked too.
    #[expect(clippy::cast_precision_loss, reason = "a few monitors")]
    let least = made as f64;
    assert!(pending["monitor"] >= least, "{pending:?}");
    assert_eq!((pending["slo"], pending["dashboard"]), (0.0, 0.0), "its dashboard and SLO were made without them");
}

#[tokio::test]
async fn what_cannot_be_seen_is_not_taken_for_gone() {
    let folder = tempfile::tempdir().unwrap();
    let place = provisioned(folder.path()).await;
    place.run(JobKind::Discover).await.unwrap();
    place.run(JobKind::Provision).await.unwrap();
    let writes = place.writes();
    place.sim.faults().add(Rule::new("sagemaker", Fault::AccessDenied).on("ListEndpoints"));
    place.run(JobKind::Discover).await.unwrap_err();
    let failure = place.run(JobKind::Provision).await.unwrap_err();
    assert!(failure.message.contains("has not been discovered in full"), "{}", failure.message);
    assert_eq!(place.writes(), writes);
}

#[tokio::test]
async fn a_pipeline_that_is_gone_is_marked_before_it_is_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let place = provisioned(folder.path()).await;
    place.run(JobKind::Discover).await.unwrap();
    place.run(JobKind::Provision).await.unwrap();
    let before = place.monitors("payroll");
    assert!(before > 0);
    place.sim.world().delete("payroll-ocr", place.jobs.clock.now());
    place.pass(1).await;
    place.run(JobKind::Discover).await.unwrap();
    place.run(JobKind::Provision).await.unwrap();
    assert_eq!(place.monitors("payroll"), before, "marked, and still there");
    place.pass(1).await;
    place.run(JobKind::Provision).await.unwrap();
    assert_eq!(place.monitors("payroll"), 0);
    assert!(place.sim.writes()[&(ObjectKind::Monitor, Write::Delete)] >= before as u64);
}
