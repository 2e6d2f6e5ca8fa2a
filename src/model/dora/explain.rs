//! Why a deployment counts or not, and why it is a failure or not: in words, with links.

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;

use crate::model::dora::commits::{Lead, NoLead};
use crate::model::dora::deployment::{AttemptState, Attribution, Commit, CommitSource, NoCommit, Verdict};
use crate::model::dora::evidence::Rule;
use crate::model::dora::id::DeploymentId;
use crate::model::dora::judge::{Judged, Standing};
use crate::model::dora::rules::Rules;
use crate::model::dora::timeline::state;

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// For what.
    pub about: About,
    /// A sentence without its full stop.
    pub words: String,
    /// Where to look.
    pub link: Option<String>,
    /// The commit that it is about, 40 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// What a reason is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// How it was recognised.
    Attribution,
    /// Its attempts, the first one first.
    Attempt,
    /// Whether it counts.
    Counting,
    /// Its commit, and its lead times.
    Lead,
    /// Whether it failed.
    Failure,
    /// What put it right.
    Recovery,
    /// What it put right itself.
    Rework,
}

impl Judged<'_> {
    /// All reasons, in the order of [`About`].
    #[must_use]
    pub fn explain(&self, rules: &Rules) -> Vec<Reason> {
        let mut reasons = vec![self.attribution()];
        reasons.extend(self.attempts(rules));
        reasons.push(plain(About::Counting, self.counting()));
        reasons.push(plain(About::Lead, commit(&self.deployment.commit)));
        reasons.extend(self.delivering());
        reasons.extend(self.failing(rules));
        reasons.extend(self.recovering());
        if !self.remedies.is_empty() {
            let failures: Vec<&str> = self.remedies.iter().map(DeploymentId::as_str).collect();
            reasons.push(plain(About::Rework, format!("rework: it put {} right", failures.join(", "))));
        }
        reasons
    }

    fn attribution(&self) -> Reason {
        let origin = &self.deployment.origin;
        let means = match origin.by {
            Attribution::Title => "its title",
            Attribution::JobName => "the name of a job",
            Attribution::DeploymentsApi => "GitHub's Deployments API",
            Attribution::Artifact => "an artifact of the run",
        };
        let words = format!("run {} was recognised by {means}; its title is {:?}", self.deployment.run, origin.title);
        Reason { about: About::Attribution, words, link: Some(origin.url.clone()), commit: None }
    }

    fn attempts(&self, rules: &Rules) -> Vec<Reason> {
        let attempts = self.deployment.attempts.iter().map(|(number, attempt)| {
            let how = match (attempt.state, state(attempt, rules)) {
                (AttemptState::Cancelled, AttemptState::TimedOut) => "timed out (GitHub says cancelled)",
                (_, AttemptState::Running) => "has not ended",
                (_, AttemptState::Cancelled) => "was cancelled",
                (_, AttemptState::Failed) => "failed",
                (_, AttemptState::TimedOut) => "timed out",
                (_, AttemptState::Succeeded) => "succeeded",
            };
            let ran = attempt.started_at.zip(attempt.finished_at);
            let ran = ran.map_or_else(String::new, |(from, to)| {
                format!(", its deploy job ran {}", span(to.saturating_sub(from)))
            });
            let words = format!("attempt {number} {how}{ran}");
            Reason { about: About::Attempt, words, link: Some(attempt.url.clone()), commit: None }
        });
        attempts.collect()
    }

    fn counting(&self) -> String {
        match self.standing {
            Standing::Counts => "counts: an up that reached the environment",
            Standing::CountsAsFailedUp if self.word.is_some_and(|word| word.verdict == Verdict::Failed) => {
                "counts in the change failure rate: the up did not succeed, and a person says that it failed"
            }
            Standing::CountsAsFailedUp => {
                "counts in the change failure rate: the up failed, and failed_up_counts is on"
            }
            Standing::FailedUp => "does not count: the up failed, and failed_up_counts is off",
            Standing::Cancelled => "does not count: it was cancelled before its timeout",
            Standing::Pending => "does not count yet: it has not ended",
            Standing::Destroy => "does not count: a destroy is a kind of its own",
            Standing::Preview => "does not count: a preview changes nothing",
        }
        .to_owned()
    }

    fn delivering(&self) -> Vec<Reason> {
        // A destroy that succeeded did reach the environment, and neither has anything to deliver.
        if matches!(self.standing, Standing::Destroy | Standing::Preview) {
            return Vec::new();
        }
        let (since, commits) = match &self.lead {
            Lead::Known { since, commits } => (since, commits),
            Lead::Unknown(why) => return vec![plain(About::Lead, format!("lead time is unknown: {}", no_lead(*why)))],
        };
        let count = match commits.len() {
            0 => "no commit".to_owned(),
            1 => "1 commit".to_owned(),
            n => format!("{n} commits"),
        };
        let mut reasons = vec![plain(About::Lead, format!("it delivered {count} of this pipeline since {since}"))];
        reasons.extend(commits.iter().map(|commit| Reason {
            commit: Some(commit.sha.clone()),
            ..plain(
                About::Lead,
                format!("commit {} of {}, after {}", commit.sha, utc(commit.authored_at), span(commit.seconds)),
            )
        }));
        reasons
    }

    fn failing(&self, rules: &Rules) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let counts = matches!(self.standing, Standing::Counts | Standing::CountsAsFailedUp);
        if let Some(word) = self.word.filter(|word| word.verdict == Verdict::Ok) {
            let who = word.by.as_deref().unwrap_or("somebody");
            reasons.push(plain(About::Failure, format!("no failure: {who} said so: {}", word.because)));
        } else if !counts {
            reasons.push(plain(About::Failure, "no failure: only what counts can fail".to_owned()));
        } else if self.evidence.is_empty() {
            reasons.push(plain(About::Failure, format!("no failure: nothing speaks against it{}", rules.off())));
        }
        let weight = if self.failure { "failure" } else { "set aside" };
        reasons.extend(self.evidence.iter().map(|evidence| Reason {
            about: About::Failure,
            words: format!("{weight} by the rule {}: {}", evidence.rule.name(), evidence.words),
            link: evidence.link.clone(),
            commit: None,
        }));
        reasons
    }

    fn recovering(&self) -> Option<Reason> {
        let words = match (&self.recovery, self.failure) {
            (Some(recovery), _) => format!("put right by {} after {}", recovery.by, span(recovery.seconds)),
            (None, true) => "open: nothing that did not fail itself was deployed after it".to_owned(),
            (None, false) => return None,
        };
        Some(plain(About::Recovery, words))
    }
}

impl Rule {
    /// As a setting would call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Revert => "revert",
            Self::Hotfix => "hotfix",
            Self::Endpoint => "endpoint",
            Self::Monitor => "monitor",
            Self::FailedUp => "failed_up_counts",
            Self::Person => "person",
        }
    }
}

impl Rules {
    /// Rules that are off, since silence may be theirs.
    fn off(&self) -> String {
        let off: Vec<&str> = self.off.iter().map(|rule| rule.name()).collect();
        if off.is_empty() { String::new() } else { format!(" (rules that are off: {})", off.join(", ")) }
    }
}

fn plain(about: About, words: String) -> Reason {
    Reason { about, words, link: None, commit: None }
}

/// An instant to the second.
fn utc(at: i64) -> String {
    let at = DateTime::from_timestamp(at, 0).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A duration to the second, in words: `1 d 2 h`.
#[must_use]
pub fn span(seconds: i64) -> String {
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let words: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count != 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if words.is_empty() { "0 s".to_owned() } else { words.join(" ") }
}

fn commit(commit: &Commit) -> String {
    match commit {
        Commit::Known { sha, from, .. } => {
            let from = match from {
                CommitSource::Run => "the run says so",
                CommitSource::DispatchedRef => "the workflow was dispatched on the branch that it deployed",
                CommitSource::BranchAtStart => "the newest of its branch when the deploy job began",
            };
            format!("commit {sha}: {from}")
        }
        Commit::Unknown(why) => {
            let why = match why {
                NoCommit::BranchUnknown => "the run does not say which branch it deployed",
                NoCommit::BranchDeleted => "its branch is gone",
                NoCommit::ForcePushed => "its branch was force-pushed since",
                NoCommit::Moved => "its branch has moved on since, and what it was then cannot be told",
                NoCommit::NotAsked => "it was not looked up yet",
            };
            format!("the commit is unknown: {why}")
        }
    }
}

fn no_lead(why: NoLead) -> &'static str {
    match why {
        NoLead::FirstKnown => "the ledger knows no earlier deployment of this unit",
        NoLead::NotDeployed => "it did not reach the environment",
        NoLead::CommitUnknown => "its commit is unknown",
        NoLead::PreviousUnknown => "the commit of the previous deployment is unknown",
        NoLead::NotAsked => "its commits were not compared yet",
        NoLead::HistoryGone => "a commit is no longer in the repository",
        NoLead::ForcePushed => "the branch was force-pushed",
        NoLead::BranchDeleted => "the branch is gone",
        NoLead::Truncated => "there are more commits than can be listed",
    }
}
