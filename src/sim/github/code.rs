//! Commits, comparisons, branches and files.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Answer, Asked, NOT_FOUND, Refused, bodies};

/// Commits of a comparison without pages.
const MOST_UNPAGED: usize = 250;

/// Commits in the order in which they came, of those that are marked.
fn in_order(asked: &Asked<'_>, marked: &[bool]) -> Vec<usize> {
    let mut commits: Vec<usize> = (0..marked.len()).filter(|at| marked[*at]).collect();
    commits.sort_by_key(|at| (asked.repository.commits[*at].committed, *at));
    commits
}

pub(super) fn commits(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let head = asked.word("sha").unwrap_or("main");
    let head = asked.repository.resolve(head, asked.now).ok_or(NOT_FOUND)?;
    let since: Option<DateTime<Utc>> = asked.word("since").and_then(|text| text.parse().ok());
    let mut found = in_order(asked, &asked.repository.reachable(head));
    found.retain(|at| {
        let commit = &asked.repository.commits[*at];
        asked
            .word("path")
            .is_none_or(|path| commit.paths.iter().any(|own| own == path || own.starts_with(&format!("{path}/"))))
            && since.is_none_or(|since| commit.committed >= since)
    });
    found.reverse();
    let shown = |at: &usize| bodies::commit(asked.repository, &asked.repository.commits[*at]);
    Ok(asked.page(&found, usize::MAX, "", shown))
}

pub(super) fn compare(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let repository = asked.repository;
    let (base, head) = asked.part("basehead").split_once("...").ok_or(NOT_FOUND)?;
    let resolve = |reference: &str| repository.resolve(reference, asked.now).ok_or(NOT_FOUND);
    let (base, head) = (resolve(base)?, resolve(head)?);
    let (of_base, of_head) = (repository.reachable(base), repository.reachable(head));
    let only = |these: &[bool], others: &[bool]| -> Vec<bool> {
        these.iter().zip(others).map(|(this, other)| *this && !*other).collect()
    };
    let ahead = in_order(asked, &only(&of_head, &of_base));
    let behind = in_order(asked, &only(&of_base, &of_head));
    let both: Vec<bool> = of_base.iter().zip(&of_head).map(|(a, b)| *a && *b).collect();
    let common = in_order(asked, &both).last().copied().ok_or(NOT_FOUND)?;
    let status = match (ahead.is_empty(), behind.is_empty()) {
        (true, true) => "identical",
        (false, true) => "ahead",
        (true, false) => "behind",
        (false, false) => "diverged",
    };
    let shown = |at: &usize| bodies::commit(repository, &repository.commits[*at]);
    let paged = asked.word("page").or(asked.word("per_page")).is_some();
    let first = asked.word("page").is_none_or(|page| page == "1");
    let (commits, next) = if paged {
        let page = asked.page(&ahead, usize::MAX, "commits", shown);
        let body: serde_json::Value = serde_json::from_str(&page.body).unwrap_or_default();
        (body["commits"].clone(), page.next)
    } else {
        (json!(ahead.iter().take(MOST_UNPAGED).map(shown).collect::<Vec<_>>()), None)
    };
    let mut paths: Vec<&str> = ahead.iter().flat_map(|at| &repository.commits[*at].paths).map(String::as_str).collect();
    paths.sort_unstable();
    paths.dedup();
    let files: Vec<_> = paths.iter().filter(|_| first).take(300).map(|path| bodies::file(repository, path)).collect();
    let site = format!("https://github.com/{}/compare/{}", repository.name, asked.part("basehead"));
    let body = json!({
        "url": site, "html_url": site, "permalink_url": site, "diff_url": site, "patch_url": site, "status": status,
        "base_commit": shown(&base), "merge_base_commit": shown(&common), "ahead_by": ahead.len(), "behind_by": behind.len(),
        "total_commits": ahead.len(), "commits": commits, "files": files,
    });
    Ok(Answer { next, ..body.into() })
}

pub(super) fn branch(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let (repository, name) = (asked.repository, asked.part("branch"));
    // A commit is no branch, though both can be deployed.
    let known = name == "main" || repository.branches.contains_key(name);
    let head = repository.resolve(name, asked.now).filter(|_| known).ok_or(NOT_FOUND)?;
    let sha = &repository.commits[head].sha;
    let url = format!("https://api.github.com/repos/{}/git", repository.name);
    let object = json!({"type": "commit", "sha": sha, "url": format!("{url}/commits/{sha}")});
    let name = format!("refs/heads/{name}");
    Ok(json!({"ref": name, "node_id": "REF_1", "url": format!("{url}/{name}"), "object": object}).into())
}

pub(super) fn contents(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let (path, reference) = (asked.part("path"), asked.word("ref").unwrap_or("main"));
    let missing = Refused(StatusCode::NOT_FOUND, "No commit found for the ref");
    let commit = asked.repository.resolve(reference, asked.now).ok_or(missing)?;
    if path == "pipelines" {
        return Ok(json!([]).into());
    }
    let body = asked.repository.contents(path, commit).ok_or(NOT_FOUND)?;
    if !asked.raw {
        return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Only the raw form is pretended"));
    }
    Ok(Answer { body, next: None, kind: "application/vnd.github.raw+json; charset=utf-8" })
}
