//! One group read window by window, so that each event is dealt with once.
//!
//! ```text
//! window   from the open minutes, which are read again for what comes late, up to now
//!   -> take     a page: what is new, assembled, read and chosen
//!   -> settle   what Datadog has taken, line by line
//!   -> commit   the window is over: the position moves on, old minutes close
//! ```
//!
//! Open minutes begin on a full minute, and after a restart all of them are read again, so what is counted of a minute is
//! always the whole of it. What was not settled is read again too: [`Reader::abort`].

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::assemble::{Assembler, Joined};
use super::choose::{Rules, Verdict};
use super::counts::{Counts, Tally};
use super::environment::Environments;
use super::group::Group;
use super::read::{Reading, read};
use super::redact::Redaction;
use super::seen::{MINUTE, Seen, key, minute_of};
use super::split::split;
use crate::model::log::{Event, Line};

/// How far back a group is read that was never read before, in milliseconds.
const FIRST: i64 = 15 * MINUTE;
/// What one look asks for when a group is far behind: twice as much next time, as long as it fits one page.
const CHUNK: i64 = 20 * MINUTE;
const LONGEST_CHUNK: i64 = 24 * 60 * MINUTE;
/// Pages of one window above which the next asks for less.
const MANY_PAGES: usize = 4;
/// When the open minutes fill more than a page, they are read whole once a minute, and in between this far back.
const SHALLOW: i64 = 15_000;
/// Milliseconds after the last event of a stack trace when nothing more is expected of it.
const QUIET: i64 = 5_000;
/// Events that are remembered of one group. With more, the oldest open minutes close early.
const MOST_SEEN: usize = 200_000;
/// Bytes of JSON of one message, and parts of one line: Datadog takes 1 MB with all that is around it.
/// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
const LONGEST: usize = 900_000;
const MOST_PARTS: usize = 8;

/// How far a group has been read. Instants are Unix milliseconds. Kept in the state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// What was there before it has been dealt with.
    pub until: i64,
    /// Start of the open minutes: what comes late is looked for from here on.
    pub open: i64,
    /// What has been dealt with of the open minutes.
    pub seen: Seen,
}

/// How lines are treated.
#[derive(Debug)]
pub struct Policy {
    /// Which are kept.
    pub rules: Rules,
    /// What must not leave.
    pub redaction: Redaction,
    /// Milliseconds that are read again for what comes late.
    pub reread: i64,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// First instant.
    pub from: i64,
    /// Last instant, outside.
    pub to: i64,
    /// Of the next page.
    pub token: Option<String>,
    /// Whether what has been dealt with is to be counted.
    counts_all: bool,
    /// Whether all open minutes are in it.
    deep: bool,
    /// Pages that have been read.
    pages: usize,
}

/// What became of what was read, until it is settled.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What it was made of.
    pub(super) keys: Vec<(i64, u64)>,
    /// Why it is kept, or not.
    pub verdict: Verdict,
    /// Bytes of its text as it came.
    pub bytes: usize,
    /// Whether it is an error.
    pub is_error: bool,
    /// What is to be sent: several when it is too long for one, nothing when it is not kept.
    pub lines: Vec<Line>,
}

/// What is known of one group.
#[derive(Debug, Default)]
pub struct Reader {
    position: Position,
    /// Whether all that is open has been counted by this process.
    counted: bool,
    /// What has been handed to the assembler and is not settled.
    taken: HashSet<u64>,
    assembler: Assembler,
    /// Of what another process has settled, to be counted.
    settled: Assembler,
    /// What a function's environments work on, and the requests of what has been handed to the assembler.
    environments: Environments,
    requests: HashMap<u64, Arc<str>>,
    counts: Counts,
    /// Minutes whose counts have changed since they were delivered.
    changed: BTreeSet<i64>,
    window: Option<Window>,
    chunk: i64,
    /// When all open minutes were last read whole.
    deep_at: Option<i64>,
    /// Pages of the last window that held all open minutes.
    deep_pages: usize,
}

impl Reader {
    /// From where the state says, or, of what was never read, from a little before `now` on.
    #[must_use]
    pub fn new(position: Option<Position>, now: i64) -> Self {
        let first = minute_of(now.saturating_sub(FIRST));
        let position = position.unwrap_or(Position { until: first, open: first, seen: Seen::default() });
        Self { position, chunk: CHUNK, ..Self::default() }
    }

    /// From `from` on, in as few windows as its length allows.
    #[must_use]
    pub fn since(from: i64) -> Self {
        let position = Position { until: from, open: minute_of(from), seen: Seen::default() };
        Self { position, chunk: LONGEST_CHUNK, ..Self::default() }
    }

    /// For the state: what is settled.
    #[must_use]
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Gives up what lies before `oldest`, since Datadog would not keep it; from when to when that was.
    pub fn give_up_before(&mut self, oldest: i64) -> Option<(i64, i64)> {
        let Position { until, open, seen } = &mut self.position;
        if *until >= oldest {
            return None;
        }
        let lost = (*until, oldest);
        (*until, *open) = (oldest, minute_of(oldest));
        seen.forget_before(*open);
        self.counts.close(minute_of(oldest));
        self.changed = self.changed.split_off(&minute_of(oldest));
        self.abort();
        Some(lost)
    }

    /// Where there is no group, nothing was written: it is read from `at` on once there is one.
    pub fn nothing_before(&mut self, at: i64) {
        let Position { until, open, seen } = &mut self.position;
        if *until < at {
            (*until, *open) = (at, minute_of(at));
            seen.forget_before(*open);
        }
    }

    /// What to ask for now: the next page of what has been begun, or from the open minutes on.
    pub fn window(&mut self, now: i64) -> &Window {
        let Self { position, counted, chunk, deep_at, deep_pages, .. } = self;
        let Position { until, open, .. } = *position;
        self.window.get_or_insert_with(|| {
            let to = now.min(until.saturating_add(*chunk)).max(until);
            let deep = *deep_pages <= 1 || !*counted || deep_at.is_none_or(|at| !(at..at + MINUTE).contains(&now));
            let from = match (*counted, deep) {
                // A stack trace may have begun before the first minute that is counted.
                (false, _) => open.saturating_sub(MINUTE),
                (true, true) => open,
                (true, false) => open.max(until.saturating_sub(SHALLOW)),
            };
            Window { from, to, token: None, counts_all: !*counted, deep, pages: 0 }
        })
    }

    /// Takes a page of the window that was asked for. `next` is the token of the next one, when there is one.
    pub fn take(&mut self, mut events: Vec<Event>, next: Option<String>, group: &Group, policy: &Policy) -> Vec<Item> {
        let Some(window) = &mut self.window else { return Vec::new() };
        events.sort_by_key(|event| event.at);
        let (mut done, mut known) = (Vec::new(), Vec::new());
        let is_function = group.is_function();
        for event in events {
            let key = key(&event.id);
            // Also of what is known: what comes after it is about the same.
            let request = if is_function { self.environments.request(&event) } else { None };
            if !self.position.seen.has(event.at, key) {
                if self.taken.insert(key) {
                    self.requests.extend(request.map(|request| (key, request)));
                    self.assembler.push_known(event, key, &mut done);
                }
                continue;
            }
            self.assembler.note(&event);
            if window.counts_all {
                // What came late was a line of its own, and is so again: it does not join what went before it.
                self.settled.push_known(event, key, &mut known);
            }
        }
        window.pages += 1;
        window.token = next;
        if window.token.is_none() {
            self.assembler.flush(window.to.saturating_sub(QUIET), &mut done);
            self.settled.flush_all(&mut known);
        }
        known.retain(|joined| !self.is_past(joined));
        for joined in known {
            self.count(joined, group, policy);
        }
        done.into_iter().filter_map(|joined| self.item(joined, group, policy)).collect()
    }

    /// Hands out what waits for more, where nothing more will be read.
    pub fn finish(&mut self, group: &Group, policy: &Policy) -> Vec<Item> {
        let mut done = Vec::new();
        self.assembler.flush_all(&mut done);
        done.into_iter().filter_map(|joined| self.item(joined, group, policy)).collect()
    }

    /// Whether it is from before the open minutes, of which nothing is remembered.
    fn is_past(&self, joined: &Joined) -> bool {
        !self.counted && joined.event.at < self.position.open
    }

    fn count(&mut self, joined: Joined, group: &Group, policy: &Policy) -> Reading {
        let reading = read(joined, &group.origin, &policy.redaction);
        if self.counts.add(&reading) {
            self.changed.insert(minute_of(reading.line.at));
        }
        reading
    }

    fn item(&mut self, joined: Joined, group: &Group, policy: &Policy) -> Option<Item> {
        let requests = &mut self.requests;
        let requests: Vec<Arc<str>> = joined.keys.iter().filter_map(|(_, key)| requests.remove(key)).collect();
        if self.is_past(&joined) {
            for (_, key) in &joined.keys {
                self.taken.remove(key);
            }
            return None;
        }
        let mut reading = self.count(joined, group, policy);
        if let (Some(request), None) = (requests.first(), reading.line.request_id()) {
            let clean = policy.redaction.text(request).into_owned();
            reading.line.attributes.insert("request_id".to_owned(), clean.into());
        }
        let verdict = policy.rules.verdict(&reading, group.whose());
        let Reading { line, keys, bytes, .. } = reading;
        let is_error = line.status.is_error();
        let lines = if verdict == Verdict::Kept { split(line, LONGEST, MOST_PARTS) } else { Vec::new() };
        Some(Item { keys, verdict, bytes, is_error, lines })
    }

    /// What has been dealt with for good: taken by Datadog, refused by it, or not wanted.
    pub fn settle(&mut self, item: &Item) {
        for (at, key) in &item.keys {
            self.position.seen.add(*at, *key);
            self.taken.remove(key);
        }
    }

    /// Minutes whose counts have changed, with all that was counted in them.
    pub fn changed(&self) -> impl Iterator<Item = (i64, &Tally)> {
        self.counts.minutes().filter(|(minute, _)| self.changed.contains(minute))
    }

    /// The counts of [`Self::changed`] have been delivered.
    pub fn delivered(&mut self) {
        self.changed.clear();
    }

    /// Whether the window has been read to its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.window.as_ref().is_some_and(|window| window.pages > 0 && window.token.is_none())
    }

    /// Once all that was taken is settled: when the window is over, the position moves on. Whether it is over.
    pub fn commit(&mut self, policy: &Policy) -> bool {
        let Some(window) = self.window.take_if(|window| window.pages > 0 && window.token.is_none()) else {
            return false;
        };
        let Window { from, to, pages, deep, counts_all, .. } = window;
        let span = to.saturating_sub(from);
        self.chunk = match pages {
            0..=1 => (span * 2).clamp(CHUNK, LONGEST_CHUNK),
            2..=MANY_PAGES => self.chunk,
            _ => (span / 2).max(MINUTE),
        };
        self.counted |= counts_all;
        let Position { until, open, seen } = &mut self.position;
        *until = to.max(*until);
        if !deep {
            // What came late is looked for by the next window that is deep, so minutes stay open until then.
            return true;
        }
        (self.deep_at, self.deep_pages) = (Some(to), pages);
        let waits = self.assembler.waits_since().unwrap_or(*until);
        let changed = self.changed.first().copied().unwrap_or(*until);
        let reread = until.saturating_sub(policy.reread);
        let mut next = minute_of(reread.min(waits).min(changed)).max(*open);
        seen.forget_before(next);
        while seen.len() > MOST_SEEN && next < minute_of(waits.min(*until)) {
            next += MINUTE;
            seen.forget_before(next);
        }
        *open = next;
        self.counts.close(next);
        true
    }

    /// Whether a stack trace may have more to come.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.assembler.waits_since().is_some()
    }

    /// Forgets what is not settled: it is read again.
    pub fn abort(&mut self) {
        self.assembler = Assembler::default();
        self.settled = Assembler::default();
        self.environments = Environments::default();
        self.requests.clear();
        self.taken.clear();
        // A window of many pages that is never read to its end is asked for in smaller ones.
        if let Some(Window { from, to, .. }) = self.window.take_if(|window| window.pages > 0) {
            self.chunk = (to.saturating_sub(from) / 2).clamp(MINUTE, self.chunk.max(MINUTE));
        }
        self.window = None;
        self.deep_at = None;
    }
}

#[cfg(test)]
pub(super) mod tests;
