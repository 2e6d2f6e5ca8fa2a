//! What happened in the company's repositories: commits, branches and deploy runs, as pure functions of the seed.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::sim::company;

/// What a deploy run was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Changes the environment.
    Up,
    /// Shows what would change.
    Preview,
    /// Takes everything down.
    Destroy,
}

impl Action {
    /// As it is typed.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Preview => "preview",
            Self::Destroy => "destroy",
        }
    }
}

/// Why somebody deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Work as usual.
    Planned,
    /// Back to an earlier commit, since the deployment before was bad.
    Rollback,
    /// A fix in a hurry, likewise.
    Hotfix,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Well.
    Success,
    /// Its deploy job failed.
    Failure,
    /// Somebody stopped it.
    Cancelled,
    /// It ran into its timeout, which GitHub calls `cancelled` too.
    TimedOut,
}

/// One attempt of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// When somebody asked for it.
    pub asked: DateTime<Utc>,
    /// When its deploy job began, after waiting for approval.
    pub started: DateTime<Utc>,
    /// When that job ended.
    pub completed: DateTime<Utc>,
    /// How.
    pub conclusion: Conclusion,
}

/// What a run of a deploy workflow really was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deploy {
    /// `owner/name`.
    pub repository: String,
    /// Of all its attempts.
    pub id: u64,
    /// Counted up from 1.
    pub number: u64,
    /// What was deployed.
    pub pipeline: String,
    /// What was asked for.
    pub action: Action,
    /// Where.
    pub environment: String,
    /// The input `branch`: a branch, or a commit for a rollback.
    pub branch: String,
    /// The commit that the run checked out.
    pub commit: String,
    /// The commit that it was dispatched on.
    pub head_sha: String,
    /// Why.
    pub cause: Cause,
    /// Whether the workflow had its `run-name` by then.
    pub titled: bool,
    /// Whether the names of its jobs say what they do.
    pub named_jobs: bool,
    /// Whether the deployment that GitHub recorded says what it is: a program made it, and described it.
    pub described: bool,
    /// Fields of the run that GitHub answers with null.
    pub nulls: &'static [&'static str],
    /// The first one first.
    pub attempts: Vec<Attempt>,
}

impl Deploy {
    /// When it was dispatched.
    #[must_use]
    pub fn created(&self) -> DateTime<Utc> {
        self.attempts.first().map_or(DateTime::UNIX_EPOCH, |first| first.asked)
    }

    /// Attempts that somebody had asked for by `now`.
    pub(super) fn attempts_at(&self, now: DateTime<Utc>) -> &[Attempt] {
        let count = self.attempts.iter().take_while(|attempt| attempt.asked <= now).count();
        &self.attempts[..count]
    }

    /// What people see.
    pub(super) fn title(&self) -> String {
        if !self.titled {
            return "Deploy".to_owned();
        }
        let Self { pipeline, environment, branch, .. } = self;
        format!("{} {} to {environment} from {branch}", self.action.word(), Repository::file(pipeline))
    }

    pub(super) fn job(&self) -> String {
        if self.named_jobs { self.described() } else { "deploy".to_owned() }
    }

    /// What the recorded deployment says of itself.
    pub(super) fn description(&self) -> Option<String> {
        self.described.then(|| self.described())
    }

    fn described(&self) -> String {
        format!("deploy ({}, {}, {})", self.action.word(), self.environment, Repository::file(&self.pipeline))
    }
}

/// A commit of a repository.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) message: String,
    pub(super) authored: DateTime<Utc>,
    pub(super) committed: DateTime<Utc>,
    pub(super) parents: Vec<usize>,
    pub(super) paths: Vec<String>,
}

/// A repository with all that ever happens in it; what lies after "now" is not shown.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) name: String,
    /// The file of its one deploy workflow.
    pub(super) workflow: String,
    pub(super) workflow_id: u64,
    pub(super) pipelines: &'static [&'static str],
    pub(super) commits: Vec<Commit>,
    pub(super) by_sha: HashMap<String, usize>,
    /// Commits of `main`, the first `on_main` of `commits`, oldest first.
    pub(super) on_main: usize,
    /// Branches that are there, but for `main`.
    pub(super) branches: BTreeMap<String, usize>,
    /// By when they were dispatched, oldest first.
    pub(super) deploys: Vec<Deploy>,
}

impl Repository {
    /// The newest commit of `main` at a time.
    pub(super) fn main_at(&self, now: DateTime<Utc>) -> usize {
        self.commits[..self.on_main].partition_point(|commit| commit.committed <= now).saturating_sub(1)
    }

    /// What a branch or a commit stands for; nothing for what is gone, and for what is yet to come.
    pub(super) fn resolve(&self, reference: &str, now: DateTime<Utc>) -> Option<usize> {
        if reference == "main" {
            return Some(self.main_at(now));
        }
        let found = self.branches.get(reference).or_else(|| self.by_sha.get(reference)).copied()?;
        (self.commits[found].committed <= now).then_some(found)
    }

    /// Whether each commit can be reached from `from`.
    pub(super) fn reachable(&self, from: usize) -> Vec<bool> {
        let mut reached = vec![false; self.commits.len()];
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut reached[at], true) {
                open.extend(&self.commits[at].parents);
            }
        }
        reached
    }

    /// Runs that were dispatched by `now`, newest first.
    pub(super) fn deploys_at(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Deploy> {
        self.deploys.iter().rev().filter(move |deploy| deploy.created() <= now)
    }

    /// The file that declares a pipeline.
    pub(super) fn file(pipeline: &str) -> String {
        format!("pipelines/{}.yaml", pipeline.to_lowercase())
    }

    /// What a file holds at a commit.
    pub(super) fn contents(&self, path: &str, commit: usize) -> Option<String> {
        if path == format!(".github/workflows/{}", self.workflow) {
            return Some(RUN_NAME.to_owned());
        }
        let pipeline = self.pipelines.iter().find(|pipeline| Self::file(pipeline) == path)?;
        // One file declares two.
        let others: &[&str] = if *pipeline == "FaxIntake" { &["FaxArchive"] } else { &[] };
        Some(format!("# As of commit {commit}.\n{}", company::declared(pipeline, others)))
    }

    /// Adds a run that somebody dispatches at `now`.
    pub(super) fn dispatch(&mut self, asked: &Dispatch, now: DateTime<Utc>) -> Option<Deploy> {
        let commit = self.resolve(&asked.branch, now)?;
        let number = self.deploys.iter().filter(|deploy| deploy.created() <= now).count();
        let at = self.deploys.partition_point(|deploy| deploy.created() <= now);
        let deploy = Deploy {
            repository: self.name.clone(),
            id: self.id * 10_000_000 + 5_000_000 + u64::try_from(self.deploys.len()).unwrap_or(0),
            number: u64::try_from(number).unwrap_or(0) + 1,
            pipeline: asked.pipeline.clone(),
            action: asked.action,
            environment: asked.environment.clone(),
            branch: asked.branch.clone(),
            commit: self.commits[commit].sha.clone(),
            head_sha: self.commits[self.main_at(now)].sha.clone(),
            cause: asked.cause,
            titled: true,
            named_jobs: true,
            described: false,
            nulls: &[],
            attempts: vec![Attempt {
                asked: now,
                started: now + TimeDelta::seconds(5),
                completed: now + TimeDelta::minutes(asked.minutes),
                conclusion: asked.conclusion,
            }],
        };
        self.deploys.insert(at, deploy.clone());
        Some(deploy)
    }
}

/// What a person asks the workflow for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// What is deployed.
    pub pipeline: String,
    /// What is asked for.
    pub action: Action,
    /// Where.
    pub environment: String,
    /// A branch, or a commit.
    pub branch: String,
    /// Why.
    pub cause: Cause,
    /// Minutes that it takes.
    pub minutes: i64,
    /// How it ends.
    pub conclusion: Conclusion,
}

/// The workflow, with the one line that makes its inputs visible.
const RUN_NAME: &str = "name: Deploy\nrun-name: '${{ inputs.action }} ${{ inputs.YAML }} to \
                        ${{ inputs.environment }} from ${{ inputs.branch }}'\non: workflow_dispatch\n";
