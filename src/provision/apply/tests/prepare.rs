//! From pipelines to a plan, against the pretend Datadog: what is asked, and what is told.

use std::io::Write;

use super::whole::Company;
use super::*;
use crate::config::Settings;
use crate::config::settings::Environment;
use crate::provision::lint::{Delays, Metrics};
use crate::provision::sample::sample;
use crate::sim::{Fault, ObjectKind, RateLimit, Rule};

/// What is about this program itself needs its metrics, which nobody tells here.
const CONFIGURATION: &str = r#"
regions: [us-east-1]
templates: {disable: [agent-heartbeat, collection-blind, fleet]}
provision: {grace: 0s}
routes:
  default: {notify: "@slack-ml", page: "@pagerduty-ml"}
  teams: {Sample: {notify: "@slack-nobody-made", page: "@pagerduty-Docs"}}
"#;

struct Prepare {
    company: Company,
    settings: Settings,
    cache: tempfile::TempDir,
}

impl Prepare {
    async fn new() -> Self {
        let company = Company::new(RateLimit { requests: 100_000, seconds: 10 }).await;
        let settings = crate::config::read(CONFIGURATION, "ddsync.yaml", &Environment::new()).unwrap().settings;
        Self { company, settings, cache: tempfile::tempdir().unwrap() }
    }

    async fn plan(&self, pipelines: bool) -> Prepared {
        let metrics = Metrics::new(&[], &[], &[], Delays::of(&self.settings));
        let (all, resources) = sample(&self.settings.tags);
        let cache = self.cache.path().join("cache.json");
        let options = plan::Options {
            namespace: NAMESPACE.into(),
            now: self.company.clock.now().timestamp(),
            prune: true,
            accept_shrunk: true,
            ..plan::Options::default()
        };
        let inputs = Inputs {
            settings: &self.settings,
            pipelines: if pipelines { &all } else { &[] },
            resources: &resources,
            metrics: &metrics,
            cache: Some(&cache),
            options,
        };
        prepare(&self.company.session(), inputs).await.unwrap()
    }

    async fn apply(&self, pipelines: bool) -> Report {
        let Prepared { plan, world } = self.plan(pipelines).await;
        execute(&self.company.session(), &plan, &world, Options::default(), &|_| {}).await
    }

    fn calls(&self) -> u64 {
        self.company.sim.requests().values().sum()
    }

    async fn send_lag(&self, job: &str, seconds: f64) {
        let now = self.company.clock.now().timestamp();
        let body = json!({"series": [{"metric": "ddsync.lag", "type": 3, "tags": [format!("job:{job}")],
                                      "points": [{"timestamp": now - 60, "value": seconds}]}]});
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(body.to_string().as_bytes()).unwrap();
        let body = gzip.finish().unwrap().into();
        self.company.client.send_series(body, Compression::Gzip).await.unwrap();
    }
}

fn about<'a>(plan: &'a Plan, word: &str) -> Vec<&'a str> {
    plan.findings.iter().map(String::as_str).filter(|finding| finding.contains(word)).collect()
}

#[tokio::test]
async fn a_plan_of_nothing_takes_five_calls() {
    let prepare = Prepare::new().await;
    assert!(prepare.apply(true).await.failed.is_empty());
    assert!(prepare.plan(true).await.plan.is_empty());
    let before = prepare.calls();
    let plan = prepare.plan(true).await.plan;
    assert!(plan.is_empty() && plan.unchanged > 20, "{}", plan.summary());
    assert_eq!(prepare.calls() - before, 5);
}

#[tokio::test]
async fn a_handle_that_reaches_nobody_is_named_and_silence_is_no_yes() {
    let prepare = Prepare::new().await;
    let plan = prepare.plan(true).await.plan;
    let unknown = ["@slack-nobody-made of `routes.teams.Sample` is not known to datadog: it reaches nobody"];
    assert_eq!(about(&plan, "not known to datadog"), unknown);
    prepare.company.sim.faults().add(Rule::new("datadog", Fault::ServerError(404)).on("list_handles"));
    let plan = prepare.plan(true).await.plan;
    assert_eq!(about(&plan, "not known to datadog"), [""; 0]);
    assert_eq!(about(&plan, "were not checked").len(), 1);
}

#[tokio::test]
async fn data_that_comes_later_than_monitors_wait_is_told() {
    let prepare = Prepare::new().await;
    prepare.send_lag("hot", 200.0).await;
    prepare.send_lag("warm", 2000.0).await;
    let plan = prepare.plan(true).await.plan;
    let late = about(&plan, "tier came");
    assert_eq!(late.len(), 1, "{late:?}");
    assert!(late[0].starts_with("data of the warm tier came 2000 s late") && late[0].contains("480 s"), "{late:?}");
}

#[tokio::test]
async fn what_objects_of_others_need_is_not_deleted() {
    let prepare = Prepare::new().await;
    assert!(prepare.apply(true).await.failed.is_empty());
    let monitors = prepare.company.sim.objects(ObjectKind::Monitor);
    let used = &monitors[0];
    let composite = json!({"type": "composite", "name": "theirs", "message": "", "query": used["id"].to_string()});
    prepare.company.sim.create_by_hand(ObjectKind::Monitor, composite).unwrap();
    // Marked as gone first, then deleted.
    assert!(prepare.apply(false).await.failed.is_empty());
    let plan = prepare.plan(false).await.plan;
    let blocked: Vec<&Step> = plan.steps.iter().filter(|step| matches!(step.action, Action::Blocked { .. })).collect();
    assert_eq!(blocked.len(), 1, "{}", plan.summary());
    assert_eq!(blocked[0].action.id(), Some(used["id"].to_string().as_str()));
    assert!(plan.summary().delete > 10, "{}", plan.summary());
    assert!(prepare.apply(false).await.failed.is_empty());
    assert_eq!(prepare.company.sim.objects(ObjectKind::Monitor).len(), 2);
}
