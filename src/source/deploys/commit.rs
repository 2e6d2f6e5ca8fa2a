//! Which commit a run deployed: that of its `branch` input, never of the branch that it was dispatched on.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::client::github;
use crate::model::dora::{Commit, CommitSource, NoCommit};

/// A branch that is looked at so soon after the deploy job began is taken to be what it was then.
pub(super) fn soon() -> TimeDelta {
    TimeDelta::hours(1)
}

/// What can be said of a run's commit without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told<'a> {
    Commit(Commit),
    /// The branch has to be looked up.
    Branch(&'a str),
}

/// A branch cannot be called like a whole commit, so a commit is one. `resolved_at` is the run's own time, so that
/// whoever asks again is told the same.
pub(super) fn told<'a>(branch: Option<&'a str>, run: &github::Run) -> Told<'a> {
    let known = |from, sha: &str| {
        Told::Commit(Commit::Known { from, resolved_at: run.created_at.timestamp(), sha: sha.to_ascii_lowercase() })
    };
    let Some(branch) = branch else { return Told::Commit(Commit::Unknown(NoCommit::BranchUnknown)) };
    let plain = branch.strip_prefix("refs/heads/").unwrap_or(branch);
    if is_sha(branch) {
        known(CommitSource::Run, branch)
    } else if run.head_branch.as_deref() == Some(plain) && is_sha(&run.head_sha) {
        known(CommitSource::DispatchedRef, &run.head_sha)
    } else {
        Told::Branch(plain)
    }
}

pub(super) fn is_sha(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The commit that a branch was at, going by what it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// The input was the beginning of this commit.
    Said(&'a github::Commit),
    /// The newest commit that was there at that time, by the branch's own line.
    OnBranch(&'a github::Commit),
    /// The branch's own line begins later, or is too long to see.
    Nothing,
}

/// `commits` is what the branch leads to, newest first. Its own line goes by first parents: what a merge brought in later
/// may have an earlier date.
pub(super) fn at_start<'a>(branch: &str, commits: &'a [github::Commit], started: DateTime<Utc>) -> Found<'a> {
    let Some(tip) = commits.first() else { return Found::Nothing };
    if branch.len() >= 7
        && branch.bytes().all(|b| b.is_ascii_hexdigit())
        && tip.sha.starts_with(&branch.to_ascii_lowercase())
    {
        return Found::Said(tip);
    }
    let by_sha: HashMap<&str, &github::Commit> = commits.iter().map(|commit| (commit.sha.as_str(), commit)).collect();
    let mut at = Some(tip);
    // Each commit at most once: an answer may be a ring.
    for _ in 0..commits.len() {
        let Some(commit) = at else { return Found::Nothing };
        if commit.committed().is_some_and(|committed| committed <= started) {
            return Found::OnBranch(commit);
        }
        at = commit.parents.first().and_then(|parent| by_sha.get(parent.sha.as_str()).copied());
    }
    Found::Nothing
}
