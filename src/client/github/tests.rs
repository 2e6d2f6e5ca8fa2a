//! The client against the pretend GitHub, over plain HTTP.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use chrono::{DateTime, TimeDelta, Utc};

use super::{Cache, Client, Error, Limit, Run};
use crate::clock::Clock;
use crate::config::Secret;
use crate::config::settings::{GitHub, GitHubCredential};
use crate::sim::{self, Deploy, Fault, Options, RateLimit, Rule, Sim};

mod app;
mod code;
mod limits;
mod refusals;
mod runs;

const ML: &str = "acme/ml-pipelines";
const OPENED: i64 = 1_788_854_400;
const TOKEN: &str = "ghp_pretend-github-token";

fn opened() -> DateTime<Utc> {
    DateTime::from_timestamp(OPENED, 0).unwrap()
}

fn since(days: i64) -> DateTime<Utc> {
    opened() - TimeDelta::days(days)
}

/// A company whose clock stands still.
async fn company() -> Sim {
    company_with(0.0, |options| options).await
}

async fn company_with(rate: f64, change: impl FnOnce(Options) -> Options) -> Sim {
    let options = Options { clock: sim::Clock::scaled(opened(), rate), ..Options::default() };
    Sim::start(change(options)).await.unwrap()
}

fn settings(base_url: String, token: &str) -> GitHub {
    GitHub {
        base_url,
        credential: Some(GitHubCredential::Token(Secret::new(token))),
        repositories: Vec::new(),
        webhook: None,
    }
}

fn client_of(sim: &Sim) -> Client {
    client(sim, &settings(sim.github_url(), TOKEN))
}

fn client(sim: &Sim, settings: &GitHub) -> Client {
    // A clock that stands still has no rate that ours would take; nothing waits on it.
    let clock = Clock::parse(&sim.clock().to_env()).unwrap_or_else(|_| Clock::Real.shifted(opened() - Utc::now()));
    Client::new(settings).unwrap().with_clock(clock)
}

fn asked(sim: &Sim, operation: &str) -> u64 {
    sim.requests().get(&("github".to_owned(), operation.to_owned())).copied().unwrap_or(0)
}

/// What really happened in a repository, newest first.
fn truth(sim: &Sim, repository: &str) -> Vec<Deploy> {
    let mut truth: Vec<Deploy> = sim.deploys().into_iter().filter(|deploy| deploy.repository == repository).collect();
    truth.reverse();
    truth
}
