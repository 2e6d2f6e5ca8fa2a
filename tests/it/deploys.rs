//! Deploy runs of the pretend company, from its GitHub into the ledger: what the ledger says is what really happened.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use ddsync::client::github::{Cache, Client};
use ddsync::clock;
use ddsync::config::settings::{Environment, GitHub, StateLocation};
use ddsync::model::dora::{Deployment, Fact, Ledger};
use ddsync::sim::{Clock, Deploy, Options, RateLimit, Sim};
use ddsync::source::deploys::{Progress, Round, Summary, Watermarks};
use ddsync::state::{Store, StoredLedger, ledger};

use crate::scene::morning;

mod failures;
mod quota;
mod story;

const ML: &str = "acme/ml-pipelines";

/// Half a year, as the company has gone on.
const HISTORY: TimeDelta = TimeDelta::days(200);

/// Who follows a company: what is kept from round to round.
struct Follower {
    sim: Sim,
    settings: GitHub,
    client: Client,
    ledger: Ledger,
    watermarks: Watermarks,
    since: DateTime<Utc>,
}

impl Follower {
    /// Of a company whose clock moves a thousandth as fast as ours, and whose GitHub answers as often as it is asked.
    async fn new() -> Self {
        Self::of(|options| options, &|yaml| yaml).await
    }

    async fn of(change: impl FnOnce(Options) -> Options, configure: &dyn Fn(String) -> String) -> Self {
        let options = Options {
            clock: Clock::scaled(morning(), 0.001),
            github_limit: RateLimit { requests: 1_000_000, seconds: 3_600 },
            ..Options::default()
        };
        let sim = Sim::start(change(options)).await.expect("the company opens");
        let settings = settings(&sim, configure, &[]);
        let client = client(&sim, &settings);
        let since = morning() - HISTORY;
        Self { sim, settings, client, ledger: Ledger::default(), watermarks: Watermarks::default(), since }
    }

    /// The next process: what it knows is what was kept.
    fn restarted(mut self) -> Self {
        let kept = serde_json::to_string(&self.client.kept()).expect("JSON");
        let kept: Cache = serde_json::from_str(&kept).expect("a cache");
        self.client = client(&self.sim, &self.settings).with_cache(kept);
        self
    }

    async fn round(&mut self) -> Summary {
        let deadline = self.client.now() + TimeDelta::minutes(1);
        self.round_until(deadline, &|_| ()).await
    }

    async fn round_until(&mut self, deadline: DateTime<Utc>, tell: &(dyn Fn(Progress<'_>) + Send + Sync)) -> Summary {
        let Self { settings, client, ledger, watermarks, since, .. } = self;
        let mut round = Round::open(client, settings, ledger, watermarks, *since, deadline, tell).await;
        while round.pending() > 0 {
            observe(ledger, round.step().await);
        }
        loop {
            let facts = round.compare(ledger).await;
            if facts.is_empty() {
                return round.close(watermarks);
            }
            observe(ledger, facts);
        }
    }

    fn asked(&self, operation: &str) -> u64 {
        self.sim.requests().get(&("github".to_owned(), operation.to_owned())).copied().unwrap_or(0)
    }

    fn of_run(&self, run: u64) -> Vec<&Deployment> {
        self.ledger.deployments().filter(|deployment| deployment.run == run).collect()
    }

    /// What really happened in a repository, oldest first.
    fn truth(&self, repository: &str) -> Vec<Deploy> {
        self.sim.deploys().into_iter().filter(|deploy| deploy.repository == repository).collect()
    }
}

fn observe(ledger: &mut Ledger, facts: Vec<Fact>) {
    for fact in facts {
        ledger.observe(fact);
    }
}

fn client(sim: &Sim, settings: &GitHub) -> Client {
    let clock = clock::Clock::parse(&sim.clock().to_env()).expect("a clock");
    Client::new(settings).expect("a client").with_clock(clock)
}

fn settings(sim: &Sim, configure: &dyn Fn(String) -> String, variables: &[(&str, &str)]) -> GitHub {
    let environment: BTreeMap<String, String> = sim.environment().into_iter().collect();
    let mut environment: Environment = environment.into_iter().collect();
    for (name, value) in variables {
        environment.insert((*name).to_owned(), (*value).to_owned());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ddsync.yaml");
    std::fs::write(&file, configure(sim.config_yaml("state"))).expect("written");
    ddsync::config::load(&file, &environment).expect("settings").settings.github.expect("repositories")
}
