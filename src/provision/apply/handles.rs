//! Whether a page reaches anybody.

use std::collections::BTreeSet;

use super::Session;

/// More than any group has in practice: a handle that was left out would look unknown.
const GROUP_LIMIT: usize = 10_000;

/// Those of `handles` that Datadog knows. `None` when it does not tell: the endpoint is not documented.
pub async fn verify_handles(session: &Session<'_>, handles: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let known = session.persist(|| session.client.handles(GROUP_LIMIT)).await.ok()?;
    // An answer without any is one that we cannot read.
    let known: BTreeSet<String> = known.iter().map(|handle| handle.to_lowercase()).collect();
    (!known.is_empty())
        .then(|| handles.iter().filter(|handle| known.contains(&handle.to_lowercase())).cloned().collect())
}
