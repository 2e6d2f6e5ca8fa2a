//! Deployments to an environment, which GitHub records for a job that has one.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Repository;
use super::error::Error;
use super::exchange::encoded;
use super::listing::Listed;

/// 10,000 deployments.
const MOST_PAGES: usize = 100;

/// A deployment was made for a job; its statuses say what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its own.
    pub id: u64,
    /// The commit of the run, which is what it was dispatched on.
    #[serde(default)]
    pub sha: String,
    /// Likewise the branch.
    #[serde(rename = "ref", default)]
    pub reference: String,
    /// As the job names it.
    pub environment: Option<String>,
    /// Of one that was made by a program; null for those that GitHub makes for a job.
    pub description: Option<String>,
    /// When the job asked for its environment.
    pub created_at: DateTime<Utc>,
}

/// What became of a deployment at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// Its own.
    pub id: u64,
    /// `queued`, `waiting`, `in_progress`, `success`, `failure`, `error`, `inactive`.
    #[serde(default)]
    pub state: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// A page of the run: `https://github.com/owner/name/actions/runs/ID/job/ID`.
    pub log_url: Option<String>,
    /// Likewise.
    pub target_url: Option<String>,
}

impl DeploymentStatus {
    /// The run whose job it was.
    #[must_use]
    pub fn run(&self) -> Option<u64> {
        let urls = [&self.log_url, &self.target_url];
        urls.into_iter().flatten().find_map(|url| {
            let (_, rest) = url.split_once("/actions/runs/")?;
            rest.split('/').next()?.parse().ok()
        })
    }
}

impl Repository<'_> {
    /// Deployments to an environment, or to all, that were made at `since` or later, newest first.
    ///
    /// # Errors
    /// An environment without deployments gives none. See [`Error`].
    pub async fn deployments(
        &self,
        environment: Option<&str>,
        since: DateTime<Utc>,
    ) -> Result<Listed<Deployment>, Error> {
        let filter = environment.map(|environment| format!("?environment={}", encoded(environment, "")));
        let route = format!("/deployments{}", filter.unwrap_or_default());
        let older = |items: &[Deployment]| items.last().is_some_and(|last| last.created_at < since);
        let mut listed = self.pages(&route, "deployments", MOST_PAGES, |page: Vec<Deployment>| page, older).await?;
        if older(&listed.items) {
            // What is left out is older still.
            listed.cut = false;
        }
        listed.items.retain(|deployment| deployment.created_at >= since);
        Ok(listed)
    }

    /// What became of a deployment, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such deployment, and all others.
    pub async fn deployment_statuses(&self, id: u64) -> Result<Listed<DeploymentStatus>, Error> {
        let route = format!("/deployments/{id}/statuses");
        self.pages(&route, &format!("deployment {id}"), 1, |page: Vec<DeploymentStatus>| page, |_| false).await
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_status_names_its_run() {
        let status = |url: &str| -> DeploymentStatus {
            let text =
                format!(r#"{{"id":1,"state":"success","created_at":"2026-01-01T00:00:00Z","target_url":"{url}"}}"#);
            serde_json::from_str(&text).unwrap()
        };
        assert_eq!(status("https://github.com/a/b/actions/runs/123/job/4").run(), Some(123));
        assert_eq!(status("https://ci.example.com/123").run(), None);
    }
}
