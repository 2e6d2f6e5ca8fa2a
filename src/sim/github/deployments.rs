//! Deployments that GitHub records for jobs with an environment.

use serde_json::Value;

use super::{Answer, Asked, NOT_FOUND, Refused, bodies, history::Deploy};

/// Every recorded attempt, newest first.
fn recorded<'a>(asked: &'a Asked<'_>) -> Vec<(&'a Deploy, usize)> {
    let all = asked.repository.deploys_at(asked.now).filter(|deploy| bodies::is_recorded(deploy));
    let mut all: Vec<_> =
        all.flat_map(|deploy| (1..=deploy.attempts_at(asked.now).len()).map(move |number| (deploy, number))).collect();
    all.sort_by_key(|(deploy, number)| std::cmp::Reverse(deploy.attempts[number - 1].asked));
    all
}

#[expect(clippy::unnecessary_wraps, reason = "one form for all operations")]
pub(super) fn list(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let mut found = recorded(asked);
    found.retain(|(deploy, _)| asked.word("environment").is_none_or(|environment| environment == deploy.environment));
    Ok(asked.page(&found, usize::MAX, "", |(deploy, number)| bodies::deployment(asked.repository, deploy, *number)))
}

pub(super) fn statuses(asked: &Asked<'_>) -> Result<Answer, Refused> {
    let id = asked.number("id");
    let found = recorded(asked).into_iter().find(|(deploy, number)| Some(bodies::deployment_id(deploy, *number)) == id);
    let (deploy, number) = found.ok_or(NOT_FOUND)?;
    let statuses = bodies::statuses(asked.repository, deploy, number, asked.now);
    Ok(asked.page(&statuses, usize::MAX, "", Value::clone))
}
