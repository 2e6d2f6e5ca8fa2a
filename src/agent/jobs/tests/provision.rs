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

    /// What the next report says of a metric of ours.
    async fn said(&self, metric: &str) -> f64 {
        self.run(JobKind::Report).await.unwrap();
        let ledger = self.sim.ledger();
        let series = ledger.series.iter().filter(|(series, _)| series.metric == metric);
        series.filter_map(|(_, points)| points.values().next_back()).map(|kept| kept.value).sum()
    }
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
    assert_eq!(place.said("ddsync.provision.drift").await.to_bits(), 0.0_f64.to_bits());

    let summary = place.run(JobKind::Provision).await.unwrap();
    assert_eq!((place.objects(), place.writes()), (objects, writes), "{}", summary.note);

    let monitor = place.sim.objects(ObjectKind::Monitor).remove(0);
    let id = monitor["id"].to_string();
    assert!(place.sim.edit_by_hand(ObjectKind::Monitor, &id, "/message", "quiet".into()));
    place.run(JobKind::Provision).await.unwrap();
    let mended = place.sim.objects(ObjectKind::Monitor).into_iter().find(|one| one["id"] == monitor["id"]).unwrap();
    assert_eq!(mended["message"], monitor["message"]);
    place.pass(1).await;
    assert!(place.said("ddsync.provision.drift").await > 0.0);
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
    let of_payroll = |place: &Place| {
        let monitors = place.sim.objects(ObjectKind::Monitor);
        monitors.iter().filter(|one| one["tags"].to_string().contains("pipeline:payroll")).count()
    };
    let before = of_payroll(&place);
    assert!(before > 0);
    place.sim.world().delete("payroll-ocr", place.jobs.clock.now());
    place.pass(1).await;
    place.run(JobKind::Discover).await.unwrap();
    place.run(JobKind::Provision).await.unwrap();
    assert_eq!(of_payroll(&place), before, "marked, and still there");
    place.pass(1).await;
    place.run(JobKind::Provision).await.unwrap();
    assert_eq!(of_payroll(&place), 0);
    assert!(place.sim.writes()[&(ObjectKind::Monitor, Write::Delete)] >= before as u64);
}
