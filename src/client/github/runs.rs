//! Workflow runs, their attempts, jobs and artifacts.

use std::collections::HashSet;

use chrono::{DateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Repository;
use super::error::Error;
use super::exchange::encoded;
use super::listing::Listed;

/// "This endpoint will return up to 1,000 results for each search when using the following parameters: ... `created`":
/// ten pages.
const PAGES_OF_A_SEARCH: usize = 10;

/// A walk longer than this lists more than GitHub is said to keep.
const MOST_SEARCHES: usize = 100;

/// Jobs of one attempt: <https://docs.github.com/en/actions/reference/limits>, a matrix has 256 at most.
const MOST_PAGES: usize = 10;

/// A run of a workflow, as its newest attempt left it, or one of its attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The same for all attempts.
    pub id: u64,
    /// Counted up by workflow.
    #[serde(default)]
    pub run_number: u64,
    /// From 1.
    #[serde(default = "first")]
    pub run_attempt: u32,
    /// The workflow's name.
    pub name: Option<String>,
    /// What `run-name` gives, else GitHub's own title.
    pub display_title: Option<String>,
    /// `.github/workflows/deploy.yml`, maybe with `@` and a ref.
    pub path: Option<String>,
    /// What it was dispatched on, which need not be what it checks out.
    pub head_branch: Option<String>,
    /// Likewise.
    #[serde(default)]
    pub head_sha: String,
    /// For example `workflow_dispatch`.
    #[serde(default)]
    pub event: String,
    /// For example `queued`, `in_progress`, `completed`.
    pub status: Option<String>,
    /// For example `success`, `failure`, `cancelled`; a timeout of a job is `cancelled` too.
    pub conclusion: Option<String>,
    /// Of the first attempt, whatever this one is.
    pub created_at: DateTime<Utc>,
    /// Of this attempt.
    pub run_started_at: Option<DateTime<Utc>>,
    /// When something last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// For people.
    pub html_url: Option<String>,
    /// Who started it first.
    pub actor: Option<Actor>,
    /// Who started this attempt.
    pub triggering_actor: Option<Actor>,
}

fn first() -> u32 {
    1
}

/// A user of GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The name.
    pub login: Option<String>,
}

/// A job of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its own in every attempt.
    pub id: u64,
    /// As displayed, with what a matrix or a called workflow adds.
    pub name: Option<String>,
    /// From 1.
    pub run_attempt: Option<u32>,
    /// For example `queued`, `in_progress`, `completed`, `waiting`.
    pub status: Option<String>,
    /// For example `success`, `failure`, `cancelled`, `skipped`.
    pub conclusion: Option<String>,
    /// When a runner took it; waiting for approval comes before.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// Null or 0 while no runner has taken it, and for ever when it was cancelled before that.
    #[serde(default)]
    pub runner_id: Option<i64>,
}

/// A file that a run has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its own.
    pub id: u64,
    /// As uploaded.
    pub name: Option<String>,
    /// Whether its content is gone.
    pub expired: Option<bool>,
    /// When it was uploaded.
    pub created_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Runs {
    workflow_runs: Vec<Run>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Jobs {
    jobs: Vec<Job>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Artifacts {
    artifacts: Vec<Artifact>,
}

impl Repository<'_> {
    /// Runs of a workflow that were created at `since` or later, newest first. A list that is filtered ends after 1,000,
    /// so it walks back on the oldest that it has seen.
    ///
    /// The day of `since` is asked for from its beginning: the question stays the same all day, and while nothing is new the
    /// answer costs nothing.
    ///
    /// # Errors
    /// [`Error::NoWorkflow`] with the files that there are, and all others.
    pub async fn runs(&self, workflow: &str, since: DateTime<Utc>) -> Result<Listed<Run>, Error> {
        let from = since.with_time(NaiveTime::MIN).single().unwrap_or(since);
        let mut walk = Listed { items: Vec::new(), cut: false };
        let (mut seen, mut until) = (HashSet::new(), None);
        for _ in 0..MOST_SEARCHES {
            let found = self.search(workflow, from, until).await?;
            let oldest = found.items.last().map(|run| run.created_at);
            let (before, full) = (seen.len(), found.cut);
            let new = found.items.into_iter().filter(|run| seen.insert(run.id));
            walk.items.extend(new.filter(|run| run.created_at >= since));
            let Some(oldest) = oldest.filter(|_| full) else { return Ok(walk) };
            if seen.len() == before {
                // More than a page can show in one second: the rest of it cannot be listed.
                walk.cut = true;
                until = Some(oldest - TimeDelta::seconds(1));
            } else {
                until = Some(oldest);
            }
        }
        walk.cut = true;
        Ok(walk)
    }

    /// One search: at most 1,000 runs. It is cut when there may be more.
    async fn search(
        &self,
        workflow: &str,
        from: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
    ) -> Result<Listed<Run>, Error> {
        let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let created = match until {
            Some(until) => format!("{}..{}", text(from), text(until)),
            None => format!(">={}", text(from)),
        };
        let route = format!("/actions/workflows/{}/runs?created={}", encoded(workflow, ""), encoded(&created, ""));
        let what = format!("workflow {workflow}");
        let found = self.pages(&route, &what, PAGES_OF_A_SEARCH, |page: Runs| page.workflow_runs, |_| false).await;
        match found {
            // The tenth page of a search names no next one, however many there are, and a page may be short.
            Ok(Listed { items, cut }) => {
                let full = items.len() > (PAGES_OF_A_SEARCH - 1) * super::listing::PER_PAGE;
                Ok(Listed { cut: cut || full, items })
            }
            Err(Error::NotFound { .. }) => Err(self.no_workflow(workflow).await),
            Err(error) => Err(error),
        }
    }

    /// One run as its newest attempt left it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the repository has no such run, and all others.
    pub async fn run(&self, id: u64) -> Result<Run, Error> {
        Ok(self.page(&format!("/actions/runs/{id}"), &format!("run {id}")).await?.body)
    }

    /// One attempt of a run, counted from 1.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, and all others.
    pub async fn attempt(&self, id: u64, attempt: u32) -> Result<Run, Error> {
        let what = format!("attempt {attempt} of run {id}");
        Ok(self.page(&format!("/actions/runs/{id}/attempts/{attempt}"), &what).await?.body)
    }

    /// Every attempt of a run, the first one first; one request for each but the newest, which is `run` itself.
    ///
    /// # Errors
    /// [`Error::NotFound`] when GitHub has let go of one, and all others.
    pub async fn attempts(&self, run: &Run) -> Result<Vec<Run>, Error> {
        let mut attempts = Vec::new();
        for number in 1..run.run_attempt {
            attempts.push(self.attempt(run.id, number).await?);
        }
        attempts.push(run.clone());
        Ok(attempts)
    }

    /// Jobs of one attempt.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such attempt, and all others.
    pub async fn jobs(&self, id: u64, attempt: u32) -> Result<Listed<Job>, Error> {
        let route = format!("/actions/runs/{id}/attempts/{attempt}/jobs");
        let what = format!("attempt {attempt} of run {id}");
        self.pages(&route, &what, MOST_PAGES, |page: Jobs| page.jobs, |_| false).await
    }

    /// Artifacts of a run, of all its attempts.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such run, and all others.
    pub async fn artifacts(&self, id: u64) -> Result<Listed<Artifact>, Error> {
        let route = format!("/actions/runs/{id}/artifacts");
        self.pages(&route, &format!("run {id}"), MOST_PAGES, |page: Artifacts| page.artifacts, |_| false).await
    }
}
