//! Refuses to plan on a list that cannot be true: what Datadog does not list would be made a second time.

use chrono::DateTime;

use crate::provision::object::{Counts, Kind, Live};
use crate::provision::plan::FLEET;

/// So many objects fewer are believed without a question.
const FEW: usize = 5;

/// Monitors and SLOs younger than this may well be without dashboards: a first apply that was killed makes those last.
const FIRST_APPLY_SECONDS: i64 = 3600;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Datadog lists far fewer of our objects than there were.
    #[error(
        "datadog lists {listed} {kind}s of namespace {namespace}, but {owned} were there after the last apply; what is \
         missing would be made a second time: look into datadog first, and if they are really gone, run again with \
         --accept-shrunk-list"
    )]
    Shrunk {
        /// Whose.
        namespace: String,
        /// Which kind; the first one that shrank.
        kind: Kind,
        /// How many Datadog lists.
        listed: usize,
        /// How many the fleet dashboard remembers.
        owned: usize,
    },
    /// Datadog lists no dashboard at all, though there are other objects of ours.
    #[error(
        "datadog lists no dashboard at all, but {monitors} monitors and {slos} SLOs of namespace {namespace}; every \
         dashboard would be made a second time: look into datadog first, and if they are really gone, run again with \
         --accept-shrunk-list"
    )]
    NoDashboards {
        /// Whose.
        namespace: String,
        /// How many monitors are listed.
        monitors: usize,
        /// How many SLOs are listed.
        slos: usize,
    },
}

/// Whether `listed` is implausibly little where there was `owned`.
#[must_use]
pub fn shrunk(owned: Counts, listed: Counts) -> Option<Kind> {
    Kind::ALL.into_iter().find(|&kind| {
        let (owned, listed) = (count(owned, kind), count(listed, kind));
        owned > 0 && listed == 0 || owned > listed + FEW && listed * 2 < owned
    })
}

/// Refuses when `ours`, the objects of `namespace`, are implausibly few. `any_dashboard` says whether any dashboard is
/// listed, of whatever namespace; `wanted`, whether any should be there.
///
/// # Errors
/// [`Refusal`], which says what is missing.
pub fn check(namespace: &str, ours: &[&Live], any_dashboard: bool, wanted: bool, now: i64) -> Result<(), Refusal> {
    let listed = counts(ours);
    if let Some(owned) = ours.iter().find_map(|live| fleet_counts(live))
        && let Some(kind) = shrunk(owned, listed)
    {
        let (listed, owned) = (count(listed, kind), count(owned, kind));
        return Err(Refusal::Shrunk { namespace: namespace.to_owned(), kind, listed, owned });
    }
    let Counts { monitors, slos, .. } = listed;
    let first_apply = ours.iter().all(|live| created(live).is_some_and(|at| now - at < FIRST_APPLY_SECONDS));
    if wanted && !any_dashboard && monitors + slos > FEW && !first_apply {
        return Err(Refusal::NoDashboards { namespace: namespace.to_owned(), monitors, slos });
    }
    Ok(())
}

/// When an object was made, Unix seconds, as far as Datadog tells: an SLO in seconds, a monitor in milliseconds beside the
/// text, a dashboard as text.
#[must_use]
pub fn created(live: &Live) -> Option<i64> {
    let at = ["created", "created_at"].into_iter().find_map(|key| live.body.get(key).filter(|at| !at.is_null()))?;
    let number = at.as_i64().map(|at| if at > MILLISECONDS { at / 1000 } else { at });
    number.or_else(|| Some(DateTime::parse_from_rfc3339(at.as_str()?).ok()?.timestamp()))
}

/// A number of seconds above this is one of milliseconds: the year 5138.
const MILLISECONDS: i64 = 100_000_000_000;

/// What the fleet dashboard remembers, when `live` is that.
fn fleet_counts(live: &Live) -> Option<Counts> {
    live.mark.as_ref().filter(|mark| mark.identity.template == FLEET)?.owned
}

/// How many of each kind there are.
#[must_use]
pub fn counts(objects: &[&Live]) -> Counts {
    let mut counts = Counts::default();
    for live in objects {
        *count_mut(&mut counts, live.kind) += 1;
    }
    counts
}

/// How many of one kind.
#[must_use]
pub fn count(counts: Counts, kind: Kind) -> usize {
    match kind {
        Kind::Monitor => counts.monitors,
        Kind::Slo => counts.slos,
        Kind::Dashboard => counts.dashboards,
    }
}

/// The count of one kind.
pub fn count_mut(counts: &mut Counts, kind: Kind) -> &mut usize {
    match kind {
        Kind::Monitor => &mut counts.monitors,
        Kind::Slo => &mut counts.slos,
        Kind::Dashboard => &mut counts.dashboards,
    }
}
