//! Lines that were read, as many as memory allows, in the order of time.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::{Map, Value};

use super::which::Source;
use crate::model::log::Line;

/// What is kept at least, in bytes: as text it would fill a screen many thousand times.
const MOST_BYTES: usize = 128 * 1024 * 1024;
/// What a line takes beside its text, in bytes.
const BESIDE: usize = 512;

/// A line, and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) line: Line,
    pub(super) source: Arc<Source>,
    /// Of its text as it came.
    pub(super) bytes: usize,
    /// Whether it has been printed.
    pub(super) told: bool,
}

/// The JSON object of a line of `logs tail --json`.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    /// Version of this object.
    version: u32,
    kind: &'static str,
    time: String,
    status: &'static str,
    pipeline: &'a str,
    environment: &'a str,
    stage: &'a str,
    inference_id: Option<&'a str>,
    request_id: Option<&'a str>,
    message: &'a str,
    attributes: &'a Map<String, Value>,
    tags: &'a [String],
    log_group: &'a str,
    log_stream: &'a str,
    event_id: &'a str,
}

impl Entry {
    pub(super) fn inference(&self) -> Option<&str> {
        self.line.inference_id()
    }

    pub(super) fn request(&self) -> Option<&str> {
        self.line.request_id()
    }

    pub(super) fn shown(&self) -> Shown<'_> {
        let Self { line, source, .. } = self;
        Shown {
            version: 1,
            kind: "line",
            time: time(line.at),
            status: line.status.word(),
            pipeline: &source.group.pipeline,
            environment: &source.environment,
            stage: &source.group.stage,
            inference_id: self.inference(),
            request_id: self.request(),
            message: &line.message,
            attributes: &line.attributes,
            tags: &line.origin.tags,
            log_group: &source.group.name,
            log_stream: &line.stream,
            event_id: &line.id,
        }
    }
}

/// An instant (Unix milliseconds) as `2026-09-08T16:00:00.000Z`.
pub(super) fn time(at: i64) -> String {
    DateTime::from_timestamp_millis(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The newest lines.
#[derive(Debug, Default)]
pub(super) struct Kept {
    entries: Vec<Entry>,
    bytes: usize,
    /// How many older ones are not kept.
    pub(super) dropped: usize,
}

impl Kept {
    pub(super) fn add(&mut self, entry: Entry) {
        self.bytes += entry.bytes + BESIDE;
        self.entries.push(entry);
        if self.bytes > 2 * MOST_BYTES {
            self.keep_newest(MOST_BYTES);
        }
    }

    /// Adds those of another account.
    pub(super) fn merge(&mut self, other: Self) {
        self.dropped += other.dropped;
        other.entries.into_iter().for_each(|entry| self.add(entry));
    }

    /// Leaves out the oldest, so that the rest has at most so many bytes; the newest one stays.
    pub(super) fn keep_newest(&mut self, most: usize) {
        self.sort();
        let mut bytes = 0;
        let newest = self.entries.iter().rev();
        let kept = newest.take_while(|entry| {
            bytes += entry.bytes + BESIDE;
            bytes <= most
        });
        let old = self.entries.len() - kept.count().max(1).min(self.entries.len());
        self.dropped += old;
        self.entries.drain(..old);
        self.bytes = self.entries.iter().map(|entry| entry.bytes + BESIDE).sum();
    }

    /// In the order of time; what was written at the same time stays as it came.
    pub(super) fn sort(&mut self) {
        self.entries.sort_by_key(|entry| entry.line.at);
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}
