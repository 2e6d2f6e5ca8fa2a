//! Private keys of which the first lines have been handed out, and whose end has not come: what goes on with one is secret.

use std::collections::BTreeMap;

use super::trace::{Key, State, Step};
use crate::model::log::Event;

/// Milliseconds between two events of one key: it is not joined any more then, and is secret all the same.
const GAP: i64 = 600_000;

/// By stream and writer. Usually there is none, and then nothing is looked up.
#[derive(Debug, Default)]
pub(super) struct OpenKeys(BTreeMap<(String, String), OpenKey>);

#[derive(Debug, Clone, Copy)]
struct OpenKey {
    key: Key,
    /// When its last event was written.
    last: i64,
}

impl OpenKey {
    /// The state before an event that goes on with it.
    fn before(self, event: &Event, said: &str) -> Option<State> {
        let state = State::Key(self.key);
        let belongs = || state.step(said.lines().next().unwrap_or_default()) != Step::Other;
        (!self.is_over(event.at) && belongs()).then_some(state)
    }

    fn is_over(self, at: i64) -> bool {
        at.saturating_sub(self.last) > GAP
    }
}

impl OpenKeys {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A key got its last event at an instant, Unix milliseconds.
    pub(super) fn leave(&mut self, stream: &str, writer: &str, key: Key, last: i64) {
        self.0.insert((stream.to_owned(), writer.to_owned()), OpenKey { key, last });
    }

    /// Whether an event goes on with the key of its writer.
    pub(super) fn have(&self, event: &Event, writer: &str, said: &str) -> bool {
        let open = || self.0.get(&(event.stream.clone(), writer.to_owned()));
        !self.is_empty() && open().is_some_and(|open| open.before(event, said).is_some())
    }

    /// Takes the key that an event goes on with: the state before it. Whatever else comes leaves the key open.
    pub(super) fn take(&mut self, event: &Event, writer: &str, said: &str) -> Option<State> {
        if self.is_empty() {
            return None;
        }
        let place = (event.stream.clone(), writer.to_owned());
        let open = self.0.get_mut(&place)?;
        let before = open.before(event, said);
        if before.is_some() || open.is_over(event.at) {
            self.0.remove(&place);
        } else {
            open.key.interrupted = true;
        }
        before
    }

    /// Forgets those that can have no more to come after an instant, Unix milliseconds.
    pub(super) fn forget(&mut self, after: i64) {
        self.0.retain(|_, open| !open.is_over(after));
    }
}
