//! Events that belong together become one.

use std::collections::BTreeMap;

use super::ansi;
use super::open_keys::OpenKeys;
use super::seen::key;
use super::trace::{State, Step, may_begin_key, writer};
use crate::model::log::Event;

/// How much may become one, and how much may wait for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events of one.
    pub events: usize,
    /// Bytes of one. A single event may have more.
    pub bytes: usize,
    /// Milliseconds between two events of one: a stack trace is written at once.
    pub gap: i64,
    /// Bytes of all that wait. Above it nothing waits any longer.
    pub waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events: 1_000, bytes: 256 * 1024, gap: 5_000, waiting: 1024 * 1024 }
    }
}

/// One event, or several that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The first, with the texts of all, a line each, as they came. Commands to a terminal are gone.
    pub event: Event,
    /// When each of them was written (Unix milliseconds), and its [`key`], in the order in which they came.
    pub keys: Vec<(i64, u64)>,
    /// Whether it is an error and what was said about it.
    pub error: bool,
    /// How many parts of the same went before: more than 0 when it is longer than the limits.
    pub part: u32,
    /// Whether it begins inside of a private key, whose first lines went before.
    pub in_key: bool,
}

/// Something that may have more to come.
#[derive(Debug)]
struct Open {
    writer: String,
    joined: Joined,
    state: State,
    /// When its last event was written.
    last: i64,
}

impl Open {
    /// What is handed out inside of a private key leaves it open.
    fn leave_key(&self, keys: &mut OpenKeys) {
        if let State::Key(key) = self.state {
            keys.leave(&self.joined.event.stream, &self.writer, key, self.last);
        }
    }
}

/// The events of one group. What is written into one stream by one writer stays in order; what waits for its end is
/// handed out after what others wrote meanwhile.
#[derive(Debug, Default)]
pub struct Assembler {
    limits: Limits,
    /// By stream.
    open: BTreeMap<String, Vec<Open>>,
    keys: OpenKeys,
    /// Of all that is open.
    bytes: usize,
}

impl Assembler {
    /// One in which nothing waits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes the next event, in the order of time, and hands out what can have no more to come.
    pub fn push(&mut self, event: Event, done: &mut Vec<Joined>) {
        let key = key(&event.id);
        self.push_known(event, key, done);
    }

    /// As [`Self::push`], of an event whose [`key`] has been worked out.
    pub fn push_known(&mut self, mut event: Event, key: u64, done: &mut Vec<Joined>) {
        ansi::strip(&mut event.text);
        if !self.open.is_empty() {
            let Some(rest) = self.join(event, key, done) else { return };
            event = rest;
        }
        let (writer, said) = writer(&event.text);
        let before = self.keys.take(&event, writer, said);
        let in_key = before.is_some();
        match State::through(before, said) {
            None => done.push(Joined { keys: vec![(event.at, key)], event, error: false, part: 0, in_key }),
            Some(state) => {
                let (writer, last) = (writer.to_owned(), event.at);
                let joined = Joined { in_key, ..alone(event, key, state) };
                let open = Open { writer, joined, state, last };
                self.bytes += open.joined.event.text.len();
                let stream = open.joined.event.stream.clone();
                self.open.entry(stream).or_default().push(open);
                self.relieve(done);
            }
        }
    }

    /// Takes note of an event that has been dealt with: a private key that it leaves open may go on in the next.
    pub fn note(&mut self, event: &Event) {
        if self.keys.is_empty() && !may_begin_key(&event.text) {
            return;
        }
        let (writer, said) = writer(&event.text);
        let before = self.keys.take(event, writer, said);
        if let Some(State::Key(key)) = State::through(before, said) {
            self.keys.leave(&event.stream, writer, key, event.at);
        }
    }

    /// Adds the event to what it belongs to, or gives it back.
    fn join(&mut self, event: Event, key: u64, done: &mut Vec<Joined>) -> Option<Event> {
        let Some(opens) = self.open.get_mut(&event.stream) else { return Some(event) };
        let (writer, said) = writer(&event.text);
        let Some(at) = opens.iter().position(|open| open.writer == writer) else { return Some(event) };
        let open = &mut opens[at];
        let in_time = event.at.saturating_sub(open.last) <= self.limits.gap;
        let first = said.lines().next().unwrap_or_default();
        // What an error has been told in between is not to take a line of the key for its details.
        let is_of_key = !matches!(open.state, State::Key(_)) && self.keys.have(&event, writer, said);
        let belongs = in_time && !is_of_key && open.state.step(first) != Step::Other;
        let next = if belongs { State::through(Some(open.state), said) } else { None };
        let mut rest = None;
        if belongs {
            open.last = event.at;
            let size = open.joined.event.text.len() + 1 + event.text.len();
            if open.joined.keys.len() < self.limits.events && size <= self.limits.bytes {
                self.bytes += 1 + event.text.len();
                open.joined.event.text.push('\n');
                open.joined.event.text.push_str(&event.text);
                open.joined.keys.push((event.at, key));
            } else {
                self.bytes += event.text.len();
                self.bytes -= open.joined.event.text.len();
                let (error, part, in_key) =
                    (open.joined.error, open.joined.part + 1, matches!(open.state, State::Key(_)));
                let next = Joined { keys: vec![(event.at, key)], event, error, part, in_key };
                done.push(std::mem::replace(&mut open.joined, next));
            }
        } else {
            rest = Some(event);
        }
        if let Some(state) = next {
            open.state = state;
        } else {
            let closed = opens.remove(at);
            self.bytes -= closed.joined.event.text.len();
            if opens.is_empty() {
                self.open.retain(|_, opens| !opens.is_empty());
            }
            if rest.is_some() {
                closed.leave_key(&mut self.keys);
            }
            done.push(closed.joined);
        }
        self.relieve(done);
        rest
    }

    fn relieve(&mut self, done: &mut Vec<Joined>) {
        if self.bytes > self.limits.waiting {
            self.flush_all(done);
        }
    }

    /// Hands out whatever got its last event before `before` (Unix milliseconds), in the order of streams.
    pub fn flush(&mut self, before: i64, done: &mut Vec<Joined>) {
        self.hand_out(|open| open.last < before, done);
        self.keys.forget(before);
    }

    /// Hands out everything, in the order of streams.
    pub fn flush_all(&mut self, done: &mut Vec<Joined>) {
        self.hand_out(|_| true, done);
    }

    fn hand_out(&mut self, is_over: impl Fn(&Open) -> bool, done: &mut Vec<Joined>) {
        for opens in self.open.values_mut() {
            for open in opens.extract_if(.., |open| is_over(open)) {
                self.bytes -= open.joined.event.text.len();
                open.leave_key(&mut self.keys);
                done.push(open.joined);
            }
        }
        self.open.retain(|_, opens| !opens.is_empty());
    }

    /// When the first event of all that wait was written, in Unix milliseconds. What is read again after a crash begins
    /// there.
    #[must_use]
    pub fn waits_since(&self) -> Option<i64> {
        self.open.values().flatten().map(|open| open.joined.event.at).min()
    }
}

fn alone(event: Event, key: u64, state: State) -> Joined {
    Joined { keys: vec![(event.at, key)], event, error: !matches!(state, State::Key(_)), part: 0, in_key: false }
}
