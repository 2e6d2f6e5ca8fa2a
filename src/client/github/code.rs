//! Commits, comparisons, branches and files.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::Repository;
use super::error::Error;
use super::exchange::{Question, encoded};
use super::listing::Listed;

/// A comparison of more commits than this is cut; without pages GitHub cuts it at 250.
/// <https://docs.github.com/en/rest/commits/commits#compare-two-commits>
const MOST_PAGES: usize = 50;

/// A commit, as lists and comparisons have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Forty hexadecimal digits.
    pub sha: String,
    /// What git knows of it.
    pub commit: GitCommit,
    /// More than one: a merge.
    #[serde(default)]
    pub parents: Vec<Parent>,
}

/// What git knows of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCommit {
    /// The whole message.
    pub message: Option<String>,
    /// Who wrote it, and when.
    pub author: Option<Signature>,
    /// Who put it where it is, and when: a squash or a rebase changes this one.
    pub committer: Option<Signature>,
}

/// A person's part in a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// When.
    pub date: Option<DateTime<Utc>>,
}

/// A commit's parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Forty hexadecimal digits.
    pub sha: String,
}

impl Commit {
    /// When it was written.
    #[must_use]
    pub fn authored(&self) -> Option<DateTime<Utc>> {
        self.commit.author.as_ref()?.date
    }

    /// When it was put where it is.
    #[must_use]
    pub fn committed(&self) -> Option<DateTime<Utc>> {
        self.commit.committer.as_ref()?.date
    }

    /// Whether it brings two lines together.
    #[must_use]
    pub fn is_merge(&self) -> bool {
        self.parents.len() > 1
    }
}

/// What one commit has that another has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// `ahead`, `behind`, `identical` or `diverged`: how the second stands to the first.
    pub status: String,
    /// Commits that the second has and the first has not, in GitHub's words.
    pub ahead_by: u64,
    /// The other way round.
    pub behind_by: u64,
    /// The commits that the first has not, oldest first.
    pub commits: Vec<Commit>,
    /// Whether `commits` lacks some.
    pub cut: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Compared {
    status: String,
    ahead_by: u64,
    behind_by: u64,
    total_commits: usize,
    commits: Vec<Commit>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reference {
    object: Object,
}

#[derive(Debug, Serialize, Deserialize)]
struct Object {
    sha: String,
}

impl Repository<'_> {
    /// What `head` has that `base` has not. Both are commits or names of branches.
    ///
    /// # Errors
    /// [`Error::NotFound`] when one of them is not there, as after a forced push, and all others.
    pub async fn compare(&self, base: &str, head: &str) -> Result<Comparison, Error> {
        let what = format!("comparison of {base} with {head}");
        let mut comparison: Option<Comparison> = None;
        for number in 1..=MOST_PAGES {
            let (base, head) = (encoded(base, "/"), encoded(head, "/"));
            let route = format!("/compare/{base}...{head}?per_page={}&page={number}", super::listing::PER_PAGE);
            let Compared { status, ahead_by, behind_by, total_commits, commits } = self.page(&route, &what).await?.body;
            let none = commits.is_empty();
            let whole = comparison.get_or_insert_with(|| Comparison {
                status,
                ahead_by,
                behind_by,
                commits: Vec::new(),
                cut: true,
            });
            whole.commits.extend(commits);
            whole.cut = whole.commits.len() < total_commits;
            if !whole.cut || none {
                break;
            }
        }
        comparison.ok_or_else(|| Error::NotFound { repository: self.name.to_owned(), what })
    }

    /// Commits that `head` leads to and that touch `path`, newest first, of at most `most` pages of 100.
    ///
    /// # Errors
    /// [`Error::NotFound`] when `head` is not there, and all others.
    pub async fn commits(
        &self,
        head: &str,
        path: &str,
        since: Option<DateTime<Utc>>,
        most: usize,
    ) -> Result<Listed<Commit>, Error> {
        let mut route = format!("/commits?sha={}&path={}", encoded(head, ""), encoded(path, ""));
        if let Some(since) = since {
            route.push_str("&since=");
            route.push_str(&encoded(&since.to_rfc3339_opts(SecondsFormat::Secs, true), ""));
        }
        self.pages(&route, &format!("commit {head}"), most, |page: Vec<Commit>| page, |_| false).await
    }

    /// The newest hundred commits that `head` leads to, newest first: the first is what it stands for. `head` is a branch, a
    /// tag or a commit, of which the first digits are enough.
    ///
    /// # Errors
    /// [`Error::NotFound`] when `head` is not there, and all others.
    pub async fn newest_commits(&self, head: &str) -> Result<Listed<Commit>, Error> {
        let route = format!("/commits?sha={}", encoded(head, ""));
        self.pages(&route, &format!("branch {head}"), 1, |page: Vec<Commit>| page, |_| false).await
    }

    /// The commit that a branch is at now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was deleted, and all others.
    pub async fn branch(&self, name: &str) -> Result<String, Error> {
        let route = format!("/git/ref/heads/{}", encoded(name, "/"));
        Ok(self.page::<Reference>(&route, &format!("branch {name}")).await?.body.object.sha)
    }

    /// What a file holds at a commit.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such file there, and all others.
    pub async fn contents(&self, path: &str, commit: &str) -> Result<Bytes, Error> {
        let route = format!("/repos/{}/contents/{}?ref={}", self.name, encoded(path, "/"), encoded(commit, ""));
        let what = format!("file {path} at {commit}");
        let asked =
            Question { repository: self.name, route: &route, what: &what, deadline: self.deadline, keep: false };
        match self.client.raw(asked).await {
            Err(Error::NotFound { .. }) => Err(self.missing(&what).await),
            answer => answer,
        }
    }
}
