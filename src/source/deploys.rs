//! Runs of deploy workflows on GitHub, as facts for the ledger.
//!
//! A [`Round`] lists the runs of each workflow (walking back on `created`), asks about those of which the ledger does not
//! know all, and answers the ledger's questions about commits. It goes in steps, so that what was found can be saved
//! in between:
//!
//! ```text
//! let mut round = Round::open(&client, &github, stored.ledger(), &watermarks, since, deadline, &progress).await;
//! while round.pending() > 0 { observe(round.step().await); save the ledger }
//! loop { let facts = round.compare(stored.ledger()).await; if facts.is_empty() { break } observe them; save the ledger }
//! let declared = round.declared(stored.ledger(), &known).await;   // for discovery
//! let summary = round.close(&mut watermarks);   // save these last
//! ```
//!
//! What a run deployed is told by its title, else by the names of its jobs, else by a deployment that a program recorded
//! for it, else by the name of an artifact, else by nobody. The deployed commit is that of the `branch` input. Since a re-run
//! keeps the id and `created_at` of its run for 30 days, every round looks so far back before the last one, and at every
//! run that has not ended.
//! <https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs>

use std::fmt;

use chrono::{DateTime, Utc};

use crate::client::github::Error;
use crate::model::pipeline::quoted;

mod attempt;
mod attribution;
mod commit;
mod compare;
mod known;
mod pipelines;
mod round;
mod run;
mod watermarks;

pub use round::Round;
pub use watermarks::{RERUN_DAYS, Watermarks};

/// How a round goes, for whoever shows a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// The runs of a workflow are being listed.
    Listing {
        /// `owner/name`.
        repository: &'a str,
        /// The name of the file.
        workflow: &'a str,
    },
    /// Runs are being read.
    Runs {
        /// Read by now, or found to be known.
        done: usize,
        /// All that were listed.
        of: usize,
    },
    /// Commits are being compared.
    Comparisons {
        /// Compared by now.
        done: usize,
        /// Those and what the ledger still asks for.
        of: usize,
    },
}

/// What came of a round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs that were listed, or looked at again since they had not ended. The three below add up to it.
    pub listed: usize,
    /// Those of which it is known what they deployed.
    pub attributed: usize,
    /// Those of which nobody can say it.
    pub unattributed: usize,
    /// Those that have not ended, and those that could not be read in this round.
    pub pending: usize,
    /// Comparisons of commits that were answered.
    pub compared: usize,
    /// Workflows none of whose titles fit: the pattern is wrong, or `run-name` is missing.
    pub unfit: Vec<Unfit>,
    /// What could not be read. Each cost only itself.
    pub troubles: Vec<Trouble>,
    /// Why it ended before everything was asked; the next round goes on from there.
    pub stopped: Option<Stopped>,
}

/// A workflow whose titles do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// `owner/name`.
    pub repository: String,
    /// The name of the file.
    pub workflow: String,
    /// The newest, as GitHub says: hostile.
    pub title: String,
    /// Runs that were listed.
    pub listed: usize,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// `owner/name`.
    pub repository: String,
    /// The name of the workflow's file.
    pub workflow: String,
    /// The run; `None` when it is about the workflow as a whole.
    pub run: Option<u64>,
    /// What happened.
    pub what: What,
}

/// What happened to something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// GitHub said no, or nothing.
    GitHub(Error),
    /// The pipelines' file is not what such a file is.
    File {
        /// Its path.
        path: String,
        /// At which commit.
        commit: String,
        /// Why.
        reason: String,
    },
    /// GitHub does not list all runs.
    Cut,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.repository, self.workflow)?;
        if let Some(run) = self.run {
            write!(f, ", run {run}")?;
        }
        match &self.what {
            What::GitHub(error) => write!(f, ": {error}"),
            What::File { path, commit, reason } => {
                let commit: String = commit.chars().take(12).collect();
                write!(f, ": {} at commit {commit} names no pipelines: {reason}", quoted(path))
            }
            What::Cut => f.write_str(": GitHub lists only a part of the runs, since too many were created at once"),
        }
    }
}

/// Why a round ended before everything was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// One of GitHub's limits is used up.
    Limited {
        /// From when on it is worth going on.
        until: DateTime<Utc>,
        /// In words.
        error: Error,
    },
    /// The time that the caller gave is over.
    Deadline,
    /// Nothing that is asked would be answered: the credential is refused, or GitHub failed several times in a row.
    Failing(Error),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited { error, .. } => write!(f, "{error}; the next round goes on from there"),
            Self::Deadline => f.write_str("the time for this round is over; the next one goes on from there"),
            Self::Failing(error) => write!(f, "{error}"),
        }
    }
}

/// Deployments of one file that are taken from one run. More is no file that anybody wrote.
const MOST_PIPELINES: usize = 200;

#[cfg(test)]
mod tests;
