//! What is known of one deployment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::dora::commits::Comparison;
use crate::model::dora::id::{Action, DeploymentId, Unit};

/// One action of one pipeline in one environment by one run. A run of a file with three pipelines is three of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deployment {
    /// The run's id: unique on a GitHub server, the same in every attempt.
    pub run: u64,
    /// What was asked.
    pub action: Action,
    /// Of what.
    pub unit: Unit,
    /// When the run was created. A re-run keeps it, so it decides the month's segment and the age.
    pub created_at: i64,
    /// Where all this is known from.
    pub origin: Origin,
    /// What was deployed.
    pub commit: Commit,
    /// Team, as the YAML file of that commit says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// A version, when the run names one (never worked out from the file: a count set back is no rollback).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// By their number, from 1.
    #[serde(default)]
    pub attempts: BTreeMap<u32, Attempt>,
}

impl Deployment {
    /// Its name here and in Datadog.
    #[must_use]
    pub fn id(&self) -> DeploymentId {
        DeploymentId::new(self.run, self.action, &self.unit)
    }
}

/// The run that a deployment comes from, and how it was recognised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// How the run's inputs were found.
    pub by: Attribution,
    /// When the run was last changed (`updated_at`): of two descriptions by the same means the newer one is kept.
    pub as_of: i64,
    /// `owner/name`.
    pub repository: String,
    /// The workflow's file, for example `.github/workflows/deploy.yml`.
    pub workflow: String,
    /// `display_title`, as GitHub says.
    pub title: String,
    /// Page of the run.
    pub url: String,
    /// Path of the pipeline's file in the repository; empty where only the pipeline was named.
    pub yaml: String,
    /// The `branch` input, where it is known. Never the branch that the workflow was dispatched on.
    pub branch: Option<String>,
}

impl Origin {
    /// The address of the repository's page; none when that of the run is of another form.
    #[must_use]
    pub fn repository_url(&self) -> Option<&str> {
        Some(self.url.rsplit_once("/actions/runs/")?.0)
    }
}

/// How a run's inputs were found, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// By its title, which `run-name` wrote.
    Title,
    /// By the name of a job.
    JobName,
    /// By GitHub's Deployments API: the job's `environment:`.
    DeploymentsApi,
    /// By an artifact that the run left.
    Artifact,
}

/// What was deployed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Commit {
    /// A commit.
    Known {
        /// How it was found; the better one is kept.
        from: CommitSource,
        /// When it was found: of two found by the same means the earlier is kept, since branches move on.
        resolved_at: i64,
        /// 40 hexadecimal digits, lower case.
        sha: String,
    },
    /// Not known, and then lead time is not either.
    Unknown(NoCommit),
}

impl Commit {
    /// 40 hexadecimal digits, when known.
    #[must_use]
    pub fn sha(&self) -> Option<&str> {
        match self {
            Self::Known { sha, .. } => Some(sha),
            Self::Unknown(_) => None,
        }
    }
}

/// How the deployed commit was found, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitSource {
    /// The run itself says what it checked out: an artifact, or the Deployments API.
    Run,
    /// The `branch` input is the ref that the workflow was dispatched on, so `head_sha` is right.
    DispatchedRef,
    /// The newest commit of the `branch` input when the deploy job began.
    BranchAtStart,
}

/// Why the deployed commit is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoCommit {
    /// The run does not say which branch it deployed; `head_sha` is of the branch that it was dispatched on.
    BranchUnknown,
    /// The branch is gone.
    BranchDeleted,
    /// The branch was force-pushed since.
    ForcePushed,
    /// The branch has moved on since, and what it was then cannot be told.
    Moved,
    /// Not looked up yet.
    NotAsked,
}

/// One try of a deployment. Its times are those of the deploy job, which leaves waiting for an approval out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt {
    /// How it ended.
    pub state: AttemptState,
    /// When the deploy job began; `None` while it waits, and when it never began.
    pub started_at: Option<i64>,
    /// When the deploy job ended.
    pub finished_at: Option<i64>,
    /// Page of the attempt.
    pub url: String,
}

/// How an attempt ended. In order: of two reports about one attempt the later state here is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Queued, waiting for an approval, or running.
    Running,
    /// Cancelled, which is also what GitHub says of a job that ran into its timeout.
    Cancelled,
    /// Failed.
    Failed,
    /// Timed out.
    TimedOut,
    /// Succeeded.
    Succeeded,
}

/// A person's word about a deployment. The last one counts, and beats every rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Word {
    /// When it was said.
    pub at: i64,
    /// What was said.
    pub verdict: Verdict,
    /// Why.
    pub because: String,
    /// By whom, if known.
    pub by: Option<String>,
}

/// What a person said of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was no failure, whatever the rules say.
    Ok,
    /// It failed.
    Failed,
}

/// What we did about a deployment, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Life {
    /// First seen.
    pub seen: Option<i64>,
    /// First attributed.
    pub attributed: Option<i64>,
    /// Accepted by Datadog.
    pub sent: Option<Sent>,
    /// Last marked as a failure in Datadog.
    pub marked: Option<i64>,
    /// Last unmarked there.
    pub unmarked: Option<i64>,
    /// What Datadog was last told to have put it right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedied: Option<Remedied>,
    /// Last posted as an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posted: Option<i64>,
}

/// A remediation that Datadog was told of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Remedied {
    /// When it was told.
    pub at: i64,
    /// The deployment that put it right.
    pub by: DeploymentId,
}

/// What Datadog accepted. Its times may differ from the attempt's: two deployments of one service cannot share a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sent {
    /// When.
    pub at: i64,
    /// `started_at` as sent.
    pub started_at: i64,
    /// `finished_at` as sent.
    pub finished_at: i64,
}

impl Life {
    /// Marks it as failed in Datadog, later than any unmarking: within one second the order would be lost.
    pub fn mark(&mut self, now: i64) {
        self.marked = Some(self.unmarked.map_or(now, |unmarked| now.max(unmarked.saturating_add(1))));
    }

    /// Takes the mark back.
    pub fn unmark(&mut self, now: i64) {
        self.unmarked = Some(self.marked.map_or(now, |marked| now.max(marked.saturating_add(1))));
    }

    /// Whether Datadog has it as a failure.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.marked > self.unmarked
    }
}

/// Everything the ledger keeps about one id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// `None` while only other facts about the id are known.
    pub deployment: Option<Deployment>,
    /// By the commit that it is compared with: which one is the previous deployment may change.
    pub comparisons: BTreeMap<String, Comparison>,
    /// In the order of time.
    pub words: BTreeSet<Word>,
    /// What we did.
    pub life: Life,
}

/// A run that is no deployment (yet): counted, never guessed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Run {
    /// When the run was last changed (`updated_at`); of two records the newer one is kept.
    pub as_of: i64,
    /// What it waits for, or why nothing can be said.
    pub state: RunState,
    /// The run's id.
    pub id: u64,
    /// When the run was created.
    pub created_at: i64,
    /// `owner/name`.
    pub repository: String,
    /// The workflow's file.
    pub workflow: String,
    /// `display_title`: the report shows one that did not fit the pattern.
    pub title: String,
    /// Page of the run.
    pub url: String,
}

/// Why a run is no deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Not finished, or not asked about yet.
    Pending,
    /// Neither title, jobs, Deployments API nor artifact say what it deployed.
    NoInputs,
    /// What it deployed is known, but its YAML file at that commit cannot be read, so its pipelines are not.
    NoFile,
}
