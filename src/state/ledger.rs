//! The ledger of deployments as it is stored: what was created in a month lies in that month's object.
//!
//! | object | holds |
//! |---|---|
//! | `ledger/index.json` | the months that there are, and before when nothing is kept |
//! | `ledger/2026-11.json` | deployments and other runs that were created in that month (UTC), with all that is known of them, and signals from it |
//! | `ledger/words.json` | what people have said, once more: nobody can tell it again when a month is lost |
//! | `ledger/loose.json` | words, comparisons and lives of ids of which no deployment is known yet; what has no month |
//!
//! A save writes what has changed, the index first and the loose facts last, so that a kill in between leaves a fact in
//! two objects and never in none; facts join, so reading both is the same as reading one. What collecting remembers
//! ([`WATERMARKS`]) has to be saved after the ledger, and then nothing that was collected is lost either. A part
//! that cannot be understood is set aside and costs only itself: [`StoredLedger::set_aside`] says from when on to
//! collect again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Key, Loaded, StateError, Store};
use crate::model::dora::{DeploymentId, Entry, Fact, Ledger, Run, Signal};

/// How far collecting has come. Save it after the ledger.
pub const WATERMARKS: Key = Key::of("deploys");

/// GitHub's answers with their tags, so that what has not changed costs nothing after a restart either. Nothing is lost
/// with it but quota.
pub const ANSWERS: Key = Key::of("github-answers");

/// What the files of deployed pipelines declare, for discovery. Nothing is lost with it but a few requests.
pub const DECLARED: Key = Key::of("declared");

/// How long deployments are kept: well over the longest window of 90 days, since what follows the forgotten has no
/// predecessor.
pub const KEPT_DAYS: i64 = 400;

const INDEX: &str = "index";
const LOOSE: &str = "loose";
const WORDS: &str = "words";

/// A ledger and what the store has of it.
#[derive(Debug, Clone, Default)]
pub struct StoredLedger {
    ledger: Ledger,
    index: Option<Index>,
    /// What each object held when it was last loaded or saved; nothing for one that has to be written anew.
    stored: BTreeMap<Part, Option<Digest>>,
    /// Whether nothing has changed since the last save, so that no part need be written down to be compared.
    saved: bool,
    set_aside: Vec<SetAside>,
}

/// A part of the ledger that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The object, for example `ledger/2026-11.json`.
    pub object: String,
    /// Where its copy is; for a reader, who makes none, what is wrong with it.
    pub words: String,
    /// Deployments that were created from here on (Unix seconds) may be missing; `None` when none are.
    pub since: Option<i64>,
}

/// An object of the ledger. In this order they are written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// `2026-11`.
    Month(String),
    Loose,
    Words,
}

type Digest = [u8; 32];

/// What an object held.
enum Read<T> {
    Data(T),
    Nothing,
    Corrupt,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Index {
    pruned_before: i64,
    months: BTreeSet<String>,
}

/// A part of a ledger; it is read back as a [`Ledger`].
#[derive(Debug, Default, Serialize)]
struct Segment<'a> {
    entries: BTreeMap<&'a DeploymentId, Cow<'a, Entry>>,
    runs: BTreeMap<u64, &'a Run>,
    signals: BTreeMap<&'a str, &'a Signal>,
}

impl StoredLedger {
    /// Loads everything. By `now` it finds the months even when the index is lost.
    ///
    /// # Errors
    /// As for [`Store::load`], but for a part that is corrupt, which is told by [`Self::set_aside`].
    pub async fn load(store: &Store, now: DateTime<Utc>) -> Result<Self, StateError> {
        let mut stored = Self::default();
        stored.index = stored.read(store, INDEX, None).await?.data();
        let index = stored.index.clone().unwrap_or_default();
        stored.ledger.prune(index.pruned_before);
        let written: BTreeSet<String> = index.months.into_iter().filter(|month| first_day(month).is_some()).collect();
        let months: BTreeSet<String> = written.iter().cloned().chain(kept_months(now)).collect();
        for part in months.into_iter().map(Part::Month).chain([Part::Loose, Part::Words]) {
            let object = key(part.name()).to_string();
            let since = first_day(part.name()).filter(|_| written.contains(part.name()));
            if !stored.take_in(store, part).await?
                && let Some(since) = since
            {
                let words = "the object is not there, or was never written".to_owned();
                stored.set_aside.push(SetAside { object, words, since: Some(since) });
            }
        }
        Ok(stored)
    }

    /// What is known.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was set aside when it was loaded.
    #[must_use]
    pub fn set_aside(&self) -> &[SetAside] {
        &self.set_aside
    }

    /// Takes a fact in; [`Self::save`] makes it last. Whether anything changed.
    pub fn observe(&mut self, fact: Fact) -> bool {
        let changed = self.ledger.observe(fact);
        self.saved &= !changed;
        changed
    }

    /// Forgets the months that are over since more than [`KEPT_DAYS`]. Whether anything changed.
    pub fn prune(&mut self, now: DateTime<Utc>) -> bool {
        let changed = self.ledger.prune(kept_since(now));
        self.saved &= !changed;
        changed
    }

    /// Writes the parts that have changed, and says how many. After an error the parts that were not written are
    /// written by the next call.
    ///
    /// # Errors
    /// As for [`Store::save`] and [`Store::load`].
    pub async fn save(&mut self, store: &Store) -> Result<usize, StateError> {
        if self.saved {
            return Ok(0);
        }
        // A part that nobody has loaded may be there all the same, when the index was lost.
        while let Some(unseen) = self.unseen() {
            self.take_in(store, unseen).await?;
        }
        let Self { ledger, index, stored, .. } = self;
        let segments = split(ledger);
        let months = segments.keys().filter_map(|part| match part {
            Part::Month(month) => Some(month.clone()),
            Part::Loose | Part::Words => None,
        });
        let mut written = 0;
        let next = Index { pruned_before: ledger.pruned_before, months: months.collect() };
        if index.as_ref() != Some(&next) {
            store.save(&key(INDEX), &next).await?;
            *index = Some(next);
            written += 1;
        }
        let none = Segment::default();
        for (part, stored) in stored {
            let segment = segments.get(part).unwrap_or(&none);
            let digest = digest(segment);
            if *stored != Some(digest) {
                store.save(&key(part.name()), segment).await?;
                *stored = Some(digest);
                written += 1;
            }
        }
        self.saved = true;
        Ok(written)
    }

    fn unseen(&self) -> Option<Part> {
        split(&self.ledger).into_keys().find(|part| !self.stored.contains_key(part))
    }

    /// Loads a part and joins it with what is known. Whether there is such an object.
    async fn take_in(&mut self, store: &Store, part: Part) -> Result<bool, StateError> {
        let read = self.read::<Ledger>(store, part.name(), first_day(part.name())).await?;
        let (there, corrupt) = (!matches!(read, Read::Nothing), matches!(read, Read::Corrupt));
        let segment = read.data().unwrap_or_default();
        self.stored.insert(part, (!corrupt).then(|| digest(&whole(&segment))));
        self.ledger.merge(segment);
        Ok(there)
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &mut self,
        store: &Store,
        name: &str,
        since: Option<i64>,
    ) -> Result<Read<T>, StateError> {
        let key = key(name);
        let words = match store.load(&key).await {
            Ok(Loaded { data: Some(data), .. }) => return Ok(Read::Data(data)),
            Ok(Loaded { set_aside: None, .. }) => return Ok(Read::Nothing),
            Ok(Loaded { set_aside: Some(copy), .. }) => copy,
            Err(StateError::Corrupt { reason, .. }) => reason,
            Err(error) => return Err(error),
        };
        self.set_aside.push(SetAside { object: key.to_string(), words, since });
        Ok(Read::Corrupt)
    }
}

impl<T> Read<T> {
    fn data(self) -> Option<T> {
        match self {
            Self::Data(data) => Some(data),
            Self::Nothing | Self::Corrupt => None,
        }
    }
}

impl Part {
    fn name(&self) -> &str {
        match self {
            Self::Month(month) => month,
            Self::Loose => LOOSE,
            Self::Words => WORDS,
        }
    }

    /// The month of an instant, Unix seconds. What nobody's clock says has none.
    fn of(at: i64) -> Self {
        let date = DateTime::from_timestamp(at, 0).filter(|at| (1970..=9999).contains(&at.year()));
        date.map_or(Self::Loose, |date| Self::Month(month(date.date_naive())))
    }
}

fn key(part: &str) -> Key {
    Key { part: Some(part.to_owned()), ..Key::of("ledger") }
}

/// A ledger by its parts. None of them is empty.
fn split(ledger: &Ledger) -> BTreeMap<Part, Segment<'_>> {
    let mut segments: BTreeMap<Part, Segment<'_>> = BTreeMap::new();
    for (id, entry) in &ledger.entries {
        let part = entry.deployment.as_ref().map_or(Part::Loose, |deployment| Part::of(deployment.created_at));
        segments.entry(part).or_default().entries.insert(id, Cow::Borrowed(entry));
        if !entry.words.is_empty() {
            let words = Entry { words: entry.words.clone(), ..Entry::default() };
            segments.entry(Part::Words).or_default().entries.insert(id, Cow::Owned(words));
        }
    }
    for (id, run) in &ledger.runs {
        segments.entry(Part::of(run.created_at)).or_default().runs.insert(*id, run);
    }
    for (name, signal) in &ledger.signals {
        segments.entry(Part::of(signal.at)).or_default().signals.insert(name, signal);
    }
    segments
}

/// A ledger as one part.
fn whole(ledger: &Ledger) -> Segment<'_> {
    Segment {
        entries: ledger.entries.iter().map(|(id, entry)| (id, Cow::Borrowed(entry))).collect(),
        runs: ledger.runs.iter().map(|(id, run)| (*id, run)).collect(),
        signals: ledger.signals.iter().map(|(name, signal)| (name.as_str(), signal)).collect(),
    }
}

/// What cannot be written is told by the save that follows.
fn digest(segment: &Segment<'_>) -> Digest {
    Sha256::digest(serde_json::to_vec(segment).unwrap_or_default()).into()
}

fn month(date: NaiveDate) -> String {
    date.format("%Y-%m").to_string()
}

/// The first second of a month; nothing when it is no month's name.
fn first_day(month: &str) -> Option<i64> {
    let date = NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").ok()?;
    (self::month(date) == month).then(|| date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}

/// The first second of the oldest month that is kept.
fn kept_since(now: DateTime<Utc>) -> i64 {
    let oldest = now - TimeDelta::days(KEPT_DAYS);
    first_day(&month(oldest.date_naive())).unwrap_or(i64::MIN)
}

/// The months that are kept, and the next one: clocks differ.
fn kept_months(now: DateTime<Utc>) -> impl Iterator<Item = String> {
    let days = -KEPT_DAYS..=31;
    let months: BTreeSet<String> = days.map(|day| month((now + TimeDelta::days(day)).date_naive())).collect();
    months.into_iter()
}

#[cfg(test)]
mod tests;
