#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::{Arc, LazyLock};

use super::assemble::{Assembler, Joined, Limits};
use super::read::{Reading, read};
use super::redact::{Redaction, Rules};
use crate::model::log::{Event, Origin};

mod assembling;
mod corpus;
mod laws;
mod reading;
mod secrets;

const START: i64 = 1_714_557_600_000;

pub(super) fn event(number: usize, stream: &str, text: &str) -> Event {
    let at = START + i64::try_from(number).expect("a small number") * 10;
    Event { id: format!("{number:056}"), stream: stream.to_owned(), at, ingested_at: at + 500, text: text.to_owned() }
}

pub(super) fn origin() -> Arc<Origin> {
    Arc::new(Origin { group: "/aws/lambda/summarize".to_owned(), ..Origin::default() })
}

/// Made once: that takes longer than all that is done with it.
pub(super) fn redaction() -> &'static Redaction {
    static REDACTION: LazyLock<Redaction> = LazyLock::new(|| Redaction::new(&Rules::default()).expect("our own rules"));
    &REDACTION
}

/// Everything that comes out of a group's events.
fn joined(events: impl IntoIterator<Item = Event>) -> Vec<Joined> {
    let mut assembler = Assembler::new(Limits::default());
    let mut done = Vec::new();
    for event in events {
        assembler.push(event, &mut done);
    }
    assembler.flush_all(&mut done);
    done
}

/// One event, read.
pub(super) fn read_one(text: &str) -> Reading {
    let event = event(1, "AllTraffic/i-1", text);
    let mut joined = joined([event]);
    read(joined.remove(0), &origin(), redaction())
}
