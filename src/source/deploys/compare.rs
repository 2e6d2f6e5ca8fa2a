//! What lies between two commits: the answers to the ledger's questions.

use std::collections::HashSet;

use crate::client::github::{Commit, Error, Repository};
use crate::model::dora::{Change, Changes, Comparison, NoLead, Relation, reverts};

/// Pages of 100 commits that touch a path, at most.
const MOST_PAGES: usize = 50;

/// What a pipeline is made of: its YAML file, and the source paths with the file's name in them. None: everything is.
pub(super) fn paths(yaml: &str, source_paths: &[String]) -> Vec<String> {
    let name = yaml.rsplit('/').next().and_then(|file| file.rsplit_once('.')).map(|(name, _)| name);
    let sources = source_paths.iter().filter_map(|path| match name {
        Some(name) => Some(path.replace("{name}", name)),
        None => (!path.contains("{name}")).then(|| path.clone()),
    });
    Some(yaml.to_owned()).filter(|yaml| !yaml.is_empty()).into_iter().chain(sources).collect()
}

/// Compares two commits, and keeps the changes that touch one of the paths: one request or more for the comparison,
/// and as many for each path, unless there is nothing between them.
pub(super) async fn compare(
    github: Repository<'_>,
    base: &str,
    head: &str,
    paths: &[String],
) -> Result<Comparison, Error> {
    let gone = Comparison { relation: None, changes: Changes::Unknown(NoLead::HistoryGone) };
    let compared = match github.compare(base, head).await {
        Ok(compared) => compared,
        Err(error) if error.is_not_found() => return Ok(gone),
        Err(error) => return Err(error),
    };
    let relation = relation(&compared.status);
    if compared.cut {
        return Ok(Comparison { relation, changes: Changes::Unknown(NoLead::Truncated) });
    }
    let mut commits = compared.commits;
    if !paths.is_empty() && !commits.is_empty() {
        let mut touching = HashSet::new();
        let since = commits.iter().filter_map(Commit::committed).min();
        for path in paths {
            let listed = match github.commits(head, path, since, MOST_PAGES).await {
                Ok(listed) => listed,
                Err(error) if error.is_not_found() => return Ok(gone),
                Err(error) => return Err(error),
            };
            if listed.cut {
                return Ok(Comparison { relation, changes: Changes::Unknown(NoLead::Truncated) });
            }
            touching.extend(listed.items.into_iter().map(|commit| commit.sha));
        }
        commits.retain(|commit| touching.contains(&commit.sha));
    }
    Ok(Comparison { relation, changes: Changes::Known(commits.iter().filter_map(change).collect()) })
}

/// <https://docs.github.com/en/rest/commits/commits#compare-two-commits>
fn relation(status: &str) -> Option<Relation> {
    match status {
        "identical" => Some(Relation::Identical),
        "ahead" => Some(Relation::Ahead),
        "behind" => Some(Relation::Behind),
        "diverged" => Some(Relation::Diverged),
        _ => None,
    }
}

/// A commit without any date cannot be counted.
pub(super) fn change(commit: &Commit) -> Option<Change> {
    let message = commit.commit.message.as_deref().unwrap_or_default();
    Some(Change {
        sha: commit.sha.to_ascii_lowercase(),
        authored_at: commit.authored().or_else(|| commit.committed())?.timestamp(),
        title: message.lines().next().unwrap_or_default().to_owned(),
        merge: commit.is_merge(),
        reverts: reverts(message),
    })
}
