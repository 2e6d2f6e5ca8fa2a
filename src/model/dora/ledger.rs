//! All that is known, joined so that neither order nor repetition matters.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::dora::commits::Comparison;
use crate::model::dora::deployment::{Deployment, Entry, Life, Run, Word};
use crate::model::dora::evidence::Signal;
use crate::model::dora::id::{DeploymentId, Unit, UnitKey};

/// Something that was found out. Facts come in any order, any number of times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A run deployed this.
    Deployment(Deployment),
    /// A run that is no deployment, or not yet. It yields to any deployment of the same run.
    Run(Run),
    /// What lies between two commits.
    Compared {
        /// Whose commit is the head.
        id: DeploymentId,
        /// The commit that it was compared with.
        base: String,
        /// The answer.
        comparison: Comparison,
    },
    /// Something happened to a unit.
    Signal(Signal),
    /// A person said something.
    Word {
        /// Of which deployment.
        id: DeploymentId,
        /// What.
        word: Word,
    },
    /// We did something.
    Life {
        /// About which deployment.
        id: DeploymentId,
        /// What, and when.
        life: Life,
    },
}

/// Deployments by their id, runs that are none, and signals.
///
/// The law: the same facts in any order and any repetition give the same ledger, and two ledgers can be merged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// What is known by id.
    pub entries: BTreeMap<DeploymentId, Entry>,
    /// Runs of which no deployment is known, by their id.
    pub runs: BTreeMap<u64, Run>,
    /// By their key.
    pub signals: BTreeMap<String, Signal>,
    /// Nothing older is kept: see [`Ledger::prune`].
    pub pruned_before: i64,
}

/// Seconds that are taken. Datadog's service is the pipeline, in every environment, and two deployments of a service
/// cannot share a second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seconds(BTreeMap<String, BTreeSet<i64>>);

impl Seconds {
    /// Takes the first free second of a pipeline from `finished_at` on.
    pub fn take(&mut self, pipeline: &str, finished_at: i64) -> i64 {
        let taken = self.0.entry(Unit::new(pipeline, "").key().pipeline).or_default();
        let free = (finished_at..i64::MAX).find(|second| !taken.contains(second)).unwrap_or(finished_at);
        taken.insert(free);
        free
    }

    /// Takes a second that Datadog already has, whether or not it is free.
    pub fn note(&mut self, pipeline: &str, finished_at: i64) {
        self.0.entry(Unit::new(pipeline, "").key().pipeline).or_default().insert(finished_at);
    }
}

impl Ledger {
    /// Takes a fact in. Whether anything changed.
    pub fn observe(&mut self, fact: Fact) -> bool {
        match fact {
            Fact::Deployment(deployment) => self.observe_deployment(deployment),
            Fact::Run(run) => self.observe_run(run),
            Fact::Compared { id, base, comparison } => {
                let known = self.entry(id).comparisons.entry(base);
                let mut changed = matches!(known, std::collections::btree_map::Entry::Vacant(_));
                let known = known.or_insert_with(|| comparison.clone());
                changed |= raise(&mut known.relation, comparison.relation);
                changed | raise(&mut known.changes, comparison.changes)
            }
            Fact::Signal(signal) => self.observe_signal(signal),
            Fact::Word { id, word } => self.entry(id).words.insert(word),
            // Nothing done is no fact, and must leave no entry.
            Fact::Life { life, .. } if life == Life::default() => false,
            Fact::Life { id, life } => join_life(&mut self.entry(id).life, &life),
        }
    }

    /// Takes in all that another ledger knows.
    pub fn merge(&mut self, other: Self) -> bool {
        let mut changed = self.prune(other.pruned_before);
        for (id, entry) in other.entries {
            let Entry { deployment, comparisons, words, life } = entry;
            if deployment.as_ref().is_some_and(|deployment| deployment.created_at < self.pruned_before) {
                continue;
            }
            let facts = deployment.map(Fact::Deployment).into_iter();
            let facts = facts.chain(comparisons.into_iter().map(|(base, comparison)| Fact::Compared {
                id: id.clone(),
                base,
                comparison,
            }));
            let facts = facts.chain(words.into_iter().map(|word| Fact::Word { id: id.clone(), word }));
            let facts = facts.chain(std::iter::once(Fact::Life { id: id.clone(), life }));
            for fact in facts {
                changed |= self.observe(fact);
            }
        }
        for run in other.runs.into_values() {
            changed |= self.observe_run(run);
        }
        for signal in other.signals.into_values() {
            changed |= self.observe_signal(signal);
        }
        changed
    }

    /// Forgets what was created before an instant, and refuses it from now on. Keep well more than the longest window: what
    /// follows the forgotten has no predecessor, so no lead time. Facts about unknown ids go too: they are about
    /// deployments that were forgotten. Whether anything changed.
    pub fn prune(&mut self, before: i64) -> bool {
        if before <= self.pruned_before {
            return false;
        }
        self.pruned_before = before;
        self.entries.retain(|_, entry| entry.deployment.as_ref().is_some_and(|it| it.created_at >= before));
        self.runs.retain(|_, run| run.created_at >= before);
        self.signals.retain(|_, signal| signal.at >= before);
        true
    }

    /// Names that became one unit though they are not written alike, each with every spelling: two pipelines that the
    /// metrics cannot tell apart, or one that was respelt.
    #[must_use]
    pub fn collisions(&self) -> BTreeMap<UnitKey, BTreeSet<Unit>> {
        let mut spellings: BTreeMap<UnitKey, BTreeSet<Unit>> = BTreeMap::new();
        for deployment in self.deployments() {
            spellings.entry(deployment.unit.key()).or_default().insert(deployment.unit.clone());
        }
        spellings.retain(|_, names| names.len() > 1);
        spellings
    }

    /// All deployments, in the order of their ids.
    pub fn deployments(&self) -> impl Iterator<Item = &Deployment> {
        self.entries.values().filter_map(|entry| entry.deployment.as_ref())
    }

    /// The seconds that deployments were sent with, by service.
    #[must_use]
    pub fn seconds(&self) -> Seconds {
        let mut seconds = Seconds::default();
        for entry in self.entries.values() {
            if let (Some(deployment), Some(sent)) = (&entry.deployment, entry.life.sent) {
                seconds.0.entry(deployment.unit.key().pipeline).or_default().insert(sent.finished_at);
            }
        }
        seconds
    }

    fn entry(&mut self, id: DeploymentId) -> &mut Entry {
        self.entries.entry(id).or_default()
    }

    fn observe_deployment(&mut self, new: Deployment) -> bool {
        if new.created_at < self.pruned_before {
            return false;
        }
        let mut changed = self.runs.remove(&new.run).is_some();
        let known = &mut self.entry(new.id()).deployment;
        if let Some(known) = known {
            changed |= join_deployment(known, new);
        } else {
            *known = Some(new);
            changed = true;
        }
        changed
    }

    fn observe_run(&mut self, run: Run) -> bool {
        if run.created_at < self.pruned_before || self.is_attributed(run.id) {
            return false;
        }
        match self.runs.get_mut(&run.id) {
            Some(known) => raise(known, run),
            None => self.runs.insert(run.id, run).is_none(),
        }
    }

    fn is_attributed(&self, run: u64) -> bool {
        let prefix = DeploymentId::prefix(run);
        let from = DeploymentId::from_text(&prefix);
        let of_run = self.entries.range(from..).take_while(|(id, _)| id.as_str().starts_with(&prefix));
        of_run.into_iter().any(|(_, entry)| entry.deployment.is_some())
    }

    fn observe_signal(&mut self, signal: Signal) -> bool {
        if signal.at < self.pruned_before {
            return false;
        }
        match self.signals.get_mut(&signal.key) {
            Some(known) => raise(known, signal),
            None => self.signals.insert(signal.key.clone(), signal).is_none(),
        }
    }
}

/// Keeps the greater of two. Whether that is the new one.
fn raise<T: Ord>(known: &mut T, new: T) -> bool {
    let better = new > *known;
    if better {
        *known = new;
    }
    better
}

/// Keeps the smaller of two. Whether that is the new one.
fn lower<T: Ord>(known: &mut T, new: T) -> bool {
    let better = new < *known;
    if better {
        *known = new;
    }
    better
}

fn join_deployment(known: &mut Deployment, new: Deployment) -> bool {
    let Deployment { run: _, action: _, unit: _, created_at, origin, commit, team, version, attempts } = new;
    let mut changed = lower(&mut known.created_at, created_at);
    // The best means, then the newest description, then anything that is the same in every order.
    let better = (known.origin.by, origin.as_of, &origin) > (origin.by, known.origin.as_of, &known.origin);
    if better {
        known.origin = origin;
    }
    changed |= better;
    // Better sources and earlier look-ups are smaller.
    changed |= lower(&mut known.commit, commit);
    changed |= raise(&mut known.team, team);
    changed |= raise(&mut known.version, version);
    for (number, attempt) in attempts {
        match known.attempts.get_mut(&number) {
            Some(known) => changed |= raise(known, attempt),
            None => changed |= known.attempts.insert(number, attempt).is_none(),
        }
    }
    changed
}

fn join_life(known: &mut Life, new: &Life) -> bool {
    let mut changed = first(&mut known.seen, new.seen);
    changed |= first(&mut known.attributed, new.attributed);
    changed |= raise(&mut known.sent, new.sent);
    changed |= raise(&mut known.marked, new.marked);
    changed |= raise(&mut known.remedied, new.remedied.clone());
    changed |= raise(&mut known.posted, new.posted);
    changed | raise(&mut known.unmarked, new.unmarked)
}

/// Keeps the earlier of two instants.
fn first(known: &mut Option<i64>, new: Option<i64>) -> bool {
    match (*known, new) {
        (_, None) => false,
        (None, Some(_)) => {
            *known = new;
            true
        }
        (Some(old), Some(at)) => {
            *known = Some(old.min(at));
            at < old
        }
    }
}
