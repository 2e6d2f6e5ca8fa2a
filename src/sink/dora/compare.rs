//! Whether Datadog has what the ledger has: the proof after a back-fill.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::datadog::{Client, SendError};
use crate::model::dora::{DeploymentId, Judged, Ledger};
use crate::sink::dora::body::times;
use crate::sink::dora::decide::counts;
use crate::sink::dora::deliver::MARGIN;
use crate::sink::dora::listed::{Listed, listed};

/// What the ids of all deployments begin with that this program sends.
const OURS: &str = "ddsync:";

/// Between the ledger and Datadog's list, each in the order of ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Deployments that both have.
    pub same: usize,
    /// What counts, and Datadog does not have.
    pub missing: Vec<DeploymentId>,
    /// What Datadog has of ours, and does not count or is not known here.
    pub unexpected: Vec<DeploymentId>,
    /// What Datadog has more than once.
    pub repeated: Vec<DeploymentId>,
    /// What ended at another time there than it was sent with.
    pub moved: Vec<DeploymentId>,
    /// Deployments in the list that somebody else sent.
    pub foreign: usize,
}

/// Compares the deployments that ended between two instants, Unix seconds.
///
/// # Errors
/// When Datadog cannot be asked for the whole list.
pub async fn compare(
    client: &Client,
    ledger: &Ledger,
    judged: &[Judged<'_>],
    from: i64,
    to: i64,
) -> Result<Differences, SendError> {
    // Both ends may have been shifted, and which of its times Datadog compares is not told.
    let items = client.list_deployments(from - MARGIN, to + MARGIN).await?;
    Ok(differences(ledger, judged, &items, from, to))
}

/// The same for a list that is there. Pure.
pub(super) fn differences(ledger: &Ledger, judged: &[Judged<'_>], items: &[Value], from: i64, to: i64) -> Differences {
    let mut there: BTreeMap<DeploymentId, Vec<Listed>> = BTreeMap::new();
    let mut differences = Differences::default();
    let mut foreign = Vec::new();
    for listed in items.iter().filter_map(listed) {
        if listed.id.as_str().starts_with(OURS) {
            there.entry(listed.id.clone()).or_default().push(listed);
        } else {
            foreign.push(listed);
        }
    }
    let counted: BTreeSet<&DeploymentId> = judged.iter().filter(|it| counts(it)).map(|it| &it.id).collect();
    let within = |judged: &&Judged<'_>| times(judged).is_some_and(|(_, end)| (from..=to).contains(&end));
    for id in judged.iter().filter(within).map(|judged| &judged.id).filter(|id| counted.contains(id)) {
        let sent = ledger.entries.get(id).and_then(|entry| entry.life.sent);
        match there.get(id).map(Vec::as_slice) {
            None | Some([]) => differences.missing.push(id.clone()),
            Some([one]) if sent.is_none_or(|sent| one.finished_at().is_none_or(|at| at == sent.finished_at)) => {
                differences.same += 1;
            }
            Some([_]) => differences.moved.push(id.clone()),
            Some(_) => differences.repeated.push(id.clone()),
        }
    }
    // More was asked for than these instants, see above.
    let inside = |listed: &Listed| listed.finished_at().is_none_or(|at| (from..=to).contains(&at));
    differences.foreign = foreign.iter().filter(|listed| inside(listed)).count();
    let unexpected = there.into_iter().filter(|(id, there)| !counted.contains(id) && there.iter().any(inside));
    differences.unexpected = unexpected.map(|(id, _)| id).collect();
    for list in [&mut differences.missing, &mut differences.repeated, &mut differences.moved] {
        list.sort_unstable();
    }
    differences
}
