//! Bodies of `POST /api/v2/logs`, within all of its limits. Pure.
//!
//! A line is encoded once and sizes are those of the bytes that will be sent. Bodies are made one at a time, and a body is
//! compressed as it grows: no more than one line is held as it was before compression.

use std::io::{self, Write};
use std::ops::Range;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::model::log::Line;
use crate::sink::logs::encode::Encoder;

/// What the intake takes, in the smaller reading of its megabytes.
/// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
pub(super) const LIMITS: Limits = Limits { items: 1_000, raw: 5_000_000, item: 1_000_000 };

/// Logs shrink nearly as much at this level as at any above it, in a fraction of the time; below it the codes are fixed
/// ones, and bodies a third larger.
const LEVEL: u32 = 2;

/// What a body may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Lines.
    pub(super) items: usize,
    /// Bytes before compression.
    pub(super) raw: usize,
    /// Bytes of one line. Datadog would cut a longer one and say yes.
    pub(super) item: usize,
}

/// A body that can be sent.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Where its lines are among those that can be sent, those that are refused included.
    pub(super) range: Range<usize>,
    /// Indices of its lines. Without any there is no body.
    pub(super) lines: Vec<usize>,
    /// Indices of lines that no body can hold, and why.
    pub(super) refused: Vec<(usize, &'static str)>,
    /// Bytes before compression.
    pub(super) raw: usize,
    /// A JSON array, compressed with gzip.
    pub(super) body: Bytes,
}

/// Makes bodies of lines.
#[derive(Debug)]
pub(super) struct Batcher<'a> {
    lines: &'a [Line],
    sendable: &'a [usize],
    encoder: Encoder<'a>,
    limits: Limits,
    /// One line as it is encoded, after the bracket that opens the array or the comma that goes before it.
    item: Vec<u8>,
}

impl<'a> Batcher<'a> {
    /// Of those `lines` that are `sendable`, by their indices; `tags` are added to each.
    pub(super) fn new(lines: &'a [Line], sendable: &'a [usize], tags: &'a [String], limits: Limits) -> Self {
        Self { lines, sendable, encoder: Encoder::new(tags), limits, item: Vec::new() }
    }

    /// A body of the first lines of `range`, as many as it can hold, and the range of those after it.
    ///
    /// # Errors
    /// Writing to memory has none; there is no other.
    pub(super) fn next(&mut self, range: Range<usize>) -> io::Result<(Batch, Range<usize>)> {
        let Limits { items, raw, item: longest } = self.limits;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
        let mut batch = Batch { range: range.start..range.start, ..Batch::default() };
        for &index in &self.sendable[range.clone()] {
            self.item.clear();
            self.item.push(if batch.lines.is_empty() { b'[' } else { b',' });
            self.encoder.encode(&self.lines[index], &mut self.item)?;
            // With the bracket at the end.
            let grown = batch.raw.max(1) + self.item.len();
            if self.item.len() - 1 > longest || 1 + self.item.len() > raw {
                batch.refused.push((index, "too_large"));
            } else if batch.lines.len() < items && grown <= raw {
                gzip.write_all(&self.item)?;
                batch.raw = grown;
                batch.lines.push(index);
            } else {
                break;
            }
            batch.range.end += 1;
        }
        if !batch.lines.is_empty() {
            gzip.write_all(b"]")?;
            batch.body = gzip.finish()?.into();
        }
        let rest = batch.range.end..range.end;
        Ok((batch, rest))
    }
}

#[cfg(test)]
mod tests;
