//! The simulator's process: a company of endpoints that are all the same.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use ddsync::sim::{Company, Options, RateLimit, Record, Sim};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::child::Again;

/// How long every answer takes at least, unless said otherwise.
const LATENCY: Duration = Duration::from_millis(20);
/// More than one machine can ask.
const LIFTED: RateLimit = RateLimit { requests: 1_000_000_000, seconds: 10 };
/// In the configuration, stands for the folder of the state.
const STATE: &str = "STATE";

/// What the process says about itself.
#[derive(Serialize, Deserialize)]
struct Address {
    environment: Vec<(String, String)>,
    config: String,
    datadog: String,
}

pub(crate) async fn serve(endpoints: usize, latency: Duration, github_runs: Option<usize>) -> Result<()> {
    let usual = Options::default();
    let options = Options {
        company: Company::Uniform { endpoints },
        latency,
        record: Record::CountsOnly,
        rate_limit: LIFTED,
        github_limit: LIFTED,
        github_runs: github_runs.unwrap_or(usual.github_runs),
        ..usual
    };
    let sim = Sim::start(options).await?;
    let address = Address {
        environment: sim.environment(),
        config: format!("{}logs: {{collect: false}}\n", sim.config_yaml(STATE)),
        datadog: sim.datadog_url(),
    };
    println!("{}", serde_json::to_string(&address)?);
    // The servers have threads of their own.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    sim.stop().await;
    Ok(())
}

/// The simulator as seen from outside.
pub(crate) struct Simulator {
    process: Again,
    address: Address,
    http: reqwest::Client,
}

impl Simulator {
    pub(crate) async fn start(endpoints: usize) -> Result<Self> {
        Self::with_latency(endpoints, LATENCY).await
    }

    pub(crate) async fn with_latency(endpoints: usize, latency: Duration) -> Result<Self> {
        Self::of(&["serve", &endpoints.to_string(), &latency.as_millis().to_string()]).await
    }

    /// Without endpoints, and with so many runs of a deploy workflow.
    pub(crate) async fn with_deploys(github_runs: usize) -> Result<Self> {
        Self::of(&["serve", "0", "0", &github_runs.to_string()]).await
    }

    async fn of(arguments: &[&str]) -> Result<Self> {
        let mut process = Again::start(arguments, &[])?;
        let address = process.answer().await?;
        Ok(Self { process, address, http: reqwest::Client::new() })
    }

    /// The environment of a process that lives in the company.
    pub(crate) fn environment(&self) -> &[(String, String)] {
        &self.address.environment
    }

    /// A configuration for the company, with its state in that folder.
    pub(crate) fn config(&self, state: &str) -> String {
        let extra = "agent: {listen: \"127.0.0.1:0\"}\nlog: {level: error}\n";
        self.address.config.replace(STATE, state) + extra
    }

    /// How often each operation was asked for until now, by the simulator's own count.
    pub(crate) async fn requests(&self) -> Result<Requests> {
        Ok(Requests(self.read("requests").await?))
    }

    /// Points that Datadog has been sent until now.
    pub(crate) async fn points(&self) -> Result<u64> {
        let counters: serde_json::Value = self.read("counters").await?;
        counters["points"].as_u64().ok_or_else(|| "no count of points".into())
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, what: &str) -> Result<T> {
        let answer = self.http.get(format!("{}/_sim/{what}", self.address.datadog)).send().await?;
        Ok(answer.json().await?)
    }

    pub(crate) async fn end(self) -> Result<()> {
        self.process.end().await
    }
}

/// By service and operation.
#[derive(Default)]
pub(crate) struct Requests(BTreeMap<String, BTreeMap<String, u64>>);

impl Requests {
    pub(crate) fn of(&self, service: &str, operation: &str) -> u64 {
        self.0.get(service).and_then(|operations| operations.get(operation)).copied().unwrap_or(0)
    }

    /// Those that change something there.
    pub(crate) fn writes(&self, service: &str) -> u64 {
        let writes = |operation: &str| {
            ["create_", "update_", "delete_", "restore_"].iter().any(|start| operation.starts_with(start))
        };
        let operations = self.0.get(service).into_iter().flatten();
        operations.filter(|(operation, _)| writes(operation)).map(|(_, count)| count).sum()
    }

    /// Every request to a service.
    pub(crate) fn to(&self, service: &str) -> u64 {
        self.0.get(service).map_or(0, |operations| operations.values().sum())
    }
}
