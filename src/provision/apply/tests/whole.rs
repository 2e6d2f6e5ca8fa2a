//! Against the pretend Datadog with all its habits.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};

use super::*;
use crate::sim::{self, Fault, ObjectKind, RateLimit, Rule, Sim};

const FACTOR: f64 = 200.0;

pub(super) struct Company {
    pub(super) sim: Sim,
    settings: Datadog,
    pub(super) client: Client,
    pub(super) clock: Clock,
}

impl Company {
    pub(super) async fn new(rate_limit: RateLimit) -> Self {
        let clock = sim::Clock::scaled(DateTime::from_timestamp(1_700_000_000, 0).unwrap(), FACTOR);
        let options = sim::Options { clock, rate_limit, latency: Duration::from_millis(2), ..sim::Options::default() };
        let sim = Sim::start(options).await.unwrap();
        let clock = Clock::parse(&clock.to_env()).unwrap();
        let settings = Datadog {
            site: "datadoghq.com".into(),
            base_url: sim.datadog_url(),
            logs_url: sim.datadog_url(),
            api_key: Some(Secret::new("pretend-api-key")),
            app_key: Some(Secret::new("pretend-app-key")),
            compression: Compression::Gzip,
            tags: Vec::new(),
            deadline: Duration::from_secs(1),
        };
        let client = Client::new(&settings).unwrap().with_clock(clock);
        Self { sim, settings, client, clock }
    }

    pub(super) fn session(&self) -> Session<'_> {
        Session::new(&self.client, &self.settings, self.clock, Duration::from_secs(30))
    }

    async fn plan(&self) -> (Plan, World) {
        let world = super::super::look(&self.session(), NAMESPACE, None).await.unwrap();
        let now = self.clock.now().timestamp();
        let options =
            plan::Options { namespace: NAMESPACE.into(), now, accept_shrunk: true, ..plan::Options::default() };
        (plan::plan(&wanted(), &world, &options).unwrap(), world)
    }

    /// Plans and applies, and is killed when `within` is over.
    async fn run(&self, within: Duration) -> Option<Report> {
        let (plan, world) = self.plan().await;
        let session = self.session();
        let run = super::super::execute(&session, &plan, &world, Options::default(), &|_| {});
        tokio::time::timeout(within, run).await.ok()
    }

    fn counts(&self) -> [usize; 3] {
        [ObjectKind::Monitor, ObjectKind::Slo, ObjectKind::Dashboard].map(|kind| self.sim.objects(kind).len())
    }
}

/// Ten of each kind, that refer to each other.
fn wanted() -> Vec<Desired> {
    let wanted = |kind, template: &str, body| Desired { kind, identity: identity(template), body };
    let mut all = Vec::new();
    for n in 0..10 {
        let (one, slo, board, alert) = (format!("m{n}"), format!("s{n}"), format!("d{n}"), format!("a{n}"));
        let message = format!("See /dashboard/{}.", reference(Kind::Dashboard, &board));
        let query = format!("max(last_5m):max:mlpipeline.backlog{{pipeline:p{n}}} > 5");
        let options = json!({ "thresholds": { "critical": 5 } });
        let plain = json!({ "name": one, "type": "query alert", "query": query, "message": message, "tags": ["team:docs"], "options": options });
        let thresholds = json!([{ "timeframe": "30d", "target": 99 }]);
        let goal = json!({ "name": slo, "type": "monitor", "monitor_ids": [reference(Kind::Monitor, &one)], "thresholds": thresholds, "tags": [] });
        let query = format!("error_budget(\"{}\").over(\"30d\") > 75", reference(Kind::Slo, &slo));
        let options = json!({ "thresholds": { "critical": 75 } });
        let burn = json!({ "name": alert, "type": "slo alert", "query": query, "message": "", "tags": [], "options": options });
        let definition =
            json!({ "type": "alert_graph", "alert_id": reference(Kind::Monitor, &one), "viz_type": "timeseries" });
        let page = json!({ "title": board, "layout_type": "ordered", "description": "What it is.", "widgets": [{ "definition": definition }] });
        all.push(wanted(Kind::Monitor, &one, plain));
        all.push(wanted(Kind::Slo, &slo, goal));
        all.push(wanted(Kind::Monitor, &alert, burn));
        all.push(wanted(Kind::Dashboard, &board, page));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_apply_is_enough_whatever_is_lost_or_refused_on_the_way() {
    let company = Company::new(RateLimit { requests: 15, seconds: 10 }).await;
    for (fault, probability) in
        [(Fault::LostAnswer, 0.15), (Fault::ServerError(503), 0.1), (Fault::Reset, 0.1), (Fault::RateLimited, 0.05)]
    {
        company.sim.faults().add(Rule::new("datadog", fault).with_probability(probability));
    }
    let report = company.run(Duration::from_mins(1)).await.unwrap();
    assert_eq!((report.done.len(), report.failed.len(), report.skipped.len()), (40, 0, 0), "{report:?}");
    let ids: BTreeSet<&str> = report.done.iter().map(|done| done.id.as_str()).collect();
    assert_eq!((ids.len(), company.counts()), (40, [20, 10, 10]), "nothing is there twice");
    let (plan, _) = company.plan().await;
    assert!(plan.steps.is_empty(), "{:?}", plan.steps);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_converges() {
    let company = Company::new(RateLimit { requests: 1000, seconds: 10 }).await;
    let lost = Rule::new("datadog", Fault::LostAnswer).with_probability(0.1);
    company.sim.faults().add(lost);
    let mut killed = 0;
    for within in (5..60).step_by(7) {
        killed += u32::from(company.run(Duration::from_millis(within)).await.is_none());
    }
    assert!(killed > 2, "{killed}");
    // What was under way when it was killed may land after the next look; what is then there twice goes.
    for _ in 0..2 {
        let report = company.run(Duration::from_mins(1)).await.unwrap();
        assert!(report.failed.is_empty() && report.skipped.is_empty(), "{report:?}");
    }
    assert_eq!(company.counts(), [20, 10, 10]);
    let (plan, _) = company.plan().await;
    assert!(plan.steps.is_empty(), "{:?}", plan.steps);
}

#[tokio::test]
async fn a_route_is_proved() {
    let company = Company::new(RateLimit { requests: 100_000, seconds: 10 }).await;
    let test = PageTest { route: "docs".into(), handles: "@slack-docs".into(), run: "r1".into() };
    let patience =
        Patience { alert: TimeDelta::minutes(10), recovery: TimeDelta::minutes(10), poll: TimeDelta::seconds(10) };
    let shown = page_test(&company.session(), &test, patience, &|_| {}).await;
    let seen: Vec<Seen> = shown.into_iter().map(|shown| shown.seen).collect();
    assert_eq!(seen[1..], [Seen::Fired, Seen::Alerted, Seen::Released, Seen::Recovered, Seen::Removed], "{seen:?}");
    assert_eq!(company.counts(), [0, 0, 0]);
    let handles = ["@slack-docs", "@slack-gone"].map(str::to_owned).into();
    let known = verify_handles(&company.session(), &handles).await.unwrap();
    assert_eq!(known, BTreeSet::from(["@slack-docs".to_owned()]));
}
