//! The commits of a deployment: what lead time is made of, and how reverts are recognised.

use serde::{Deserialize, Serialize};

use crate::model::dora::id::DeploymentId;

/// A commit that touches the pipeline's YAML file or its source paths.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Change {
    /// 40 hexadecimal digits, lower case.
    pub sha: String,
    /// Author date. A squash has the date of the squash, a rebase keeps the author's.
    pub authored_at: i64,
    /// First line of its message.
    pub title: String,
    /// Whether it has two parents or more: dropped from lead time, since its work is in the other commits.
    pub merge: bool,
    /// What it takes back, by [`reverts`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<Reverted>,
}

/// What a revert says it takes back. Either may be missing: a squashed revert often has no commit in its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reverted {
    /// The commit, 7 to 40 hexadecimal digits, lower case.
    pub sha: Option<String>,
    /// The first line of the commit's message.
    pub title: Option<String>,
}

/// The answer to: from the previous deployment's commit (base) to this deployment's commit (head), what changed?
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Comparison {
    /// How head relates to base; `None` when GitHub no longer knows one of them.
    pub relation: Option<Relation>,
    /// Commits that are in head and not in base, filtered by path.
    pub changes: Changes,
}

/// How head relates to base (`status` of GitHub's compare).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The same commit.
    Identical,
    /// Head has all of base, and more.
    Ahead,
    /// Base has all of head, and more: an earlier commit is deployed.
    Behind,
    /// Each has what the other has not.
    Diverged,
}

/// The commits of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Changes {
    /// Not known, and why. Known beats unknown.
    Unknown(NoLead),
    /// All of them, in any order.
    Known(Vec<Change>),
}

impl Comparison {
    /// Whether GitHub did not have one of the commits.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.changes == Changes::Unknown(NoLead::HistoryGone)
    }
}

/// Why the commits of a deployment are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoLead {
    /// There is no earlier deployment of this unit in the ledger. Worked out here, never observed.
    FirstKnown,
    /// This deployment's commit is not known. Worked out here.
    CommitUnknown,
    /// The previous deployment's commit is not known. Worked out here.
    PreviousUnknown,
    /// It did not reach the environment, so it delivered nothing. Worked out here.
    NotDeployed,
    /// Nobody has compared the two commits yet. Worked out here.
    NotAsked,
    /// One of the commits is no longer in the repository.
    HistoryGone,
    /// The branch was force-pushed, so that what lies between is no longer what was deployed.
    ForcePushed,
    /// The branch is gone.
    BranchDeleted,
    /// There are more commits than can be listed.
    Truncated,
}

/// The lead of a deployment: the commits that it delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lead {
    /// The commits since the previous deployment.
    Known {
        /// The previous deployment of the unit.
        since: DeploymentId,
        /// One for each commit that is no merge, in the order of their author dates. May be empty.
        commits: Vec<LeadTime>,
    },
    /// Not known, and why.
    Unknown(NoLead),
}

/// The lead time of one commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeadTime {
    /// The author's date, Unix seconds.
    pub authored_at: i64,
    /// Author date -> deployment finished, in seconds. An author date after the deployment (clocks differ) gives 0.
    pub seconds: i64,
    /// The commit.
    pub sha: String,
}

/// What to ask GitHub next: [`crate::model::dora::Ledger::questions`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Question {
    /// Whose lead it is.
    pub id: DeploymentId,
    /// `owner/name`.
    pub repository: String,
    /// Path of its YAML file.
    pub yaml: String,
    /// Commit of the previous deployment.
    pub base: String,
    /// Commit of this deployment.
    pub head: String,
}

/// What a commit takes back, by the words that git and GitHub write. `None` for a commit that takes nothing back.
#[must_use]
pub fn reverts(message: &str) -> Option<Reverted> {
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    let title =
        first.trim().strip_prefix("Revert \"").and_then(|text| text.rfind('"').map(|end| text[..end].to_owned()));
    let sha = rest
        .split("This reverts commit ")
        .nth(1)
        .map(|text| text.chars().take_while(char::is_ascii_hexdigit).take(40).collect::<String>().to_ascii_lowercase());
    let sha = sha.filter(|sha| sha.len() >= 7);
    (title.is_some() || sha.is_some()).then_some(Reverted { sha, title })
}
