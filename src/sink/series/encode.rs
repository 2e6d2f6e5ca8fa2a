//! Bodies of `POST /api/v2/series`, within both of its limits. Pure.
//!
//! A series is serialised once, and sizes are those of the bytes that will be sent. Bodies are made one at a time as
//! they are asked for, so that memory does not grow with the number of series.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::Range;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::config::settings::Compression;
use crate::model::series::{Kind, Point, Series};
use crate::sink::same_key;

/// Bytes of a compressed body. <https://docs.datadoghq.com/api/latest/metrics/#submit-metrics>
const MAX_COMPRESSED: usize = 512_000;

/// A body has to be below this many bytes before compression, from the same page.
const MAX_RAW: usize = 5_242_880;

/// What is aimed at. Raw well below the limit: of a body as large as allowed, encoding would hold the thread for long,
/// and four of them would be most of this program's memory.
pub(super) const LIMITS: Limits = Limits { raw: 1_000_000, compressed: 500_000 };
const _: () = assert!(LIMITS.raw < MAX_RAW && LIMITS.compressed < MAX_COMPRESSED, "limits of the intake");

/// zstd's own default: above it, time grows faster than size shrinks.
const ZSTD_LEVEL: i32 = 3;

const PREFIX: &[u8] = br#"{"series":["#;
const SUFFIX: &[u8] = b"]}";

/// Bytes that a body may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Before compression.
    pub(super) raw: usize,
    /// After compression.
    pub(super) compressed: usize,
}

/// Consecutive points of one series; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Index of the series.
    pub(super) series: usize,
    /// Indices of its points.
    pub(super) points: Range<usize>,
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        self.points.len()
    }
}

/// A body that can be sent.
#[derive(Debug)]
pub(super) struct Body {
    /// What is in it; at least one piece.
    pub(super) pieces: Vec<Piece>,
    pub(super) compressed: Bytes,
}

/// What comes next out of a [`Split`].
#[derive(Debug)]
pub(super) enum Next {
    Body(Body),
    /// One point, too large with its tags.
    TooLarge(Piece),
    /// Could not be serialised or compressed, and why.
    Failed(Vec<Piece>, String),
}

/// Halves what a refused body holds: by pieces, or a single piece by its points.
pub(super) fn halve(mut pieces: Vec<Piece>) -> (Vec<Piece>, Vec<Piece>) {
    if let [piece] = pieces.as_mut_slice() {
        let right = cut(piece);
        return (pieces, right.into_iter().collect());
    }
    let right = pieces.split_off(pieces.len() / 2);
    (pieces, right)
}

/// Takes the later half of a piece away; `None` of a single point.
fn cut(piece: &mut Piece) -> Option<Piece> {
    let middle = piece.points.start + piece.len() / 2;
    if middle == piece.points.start {
        return None;
    }
    let right = Piece { series: piece.series, points: middle..piece.points.end };
    piece.points.end = middle;
    Some(right)
}

/// Encodes pieces of `series`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoder<'a> {
    series: &'a [Series],
    tags: &'a [String],
    compression: Compression,
    limits: Limits,
}

impl<'a> Encoder<'a> {
    /// `tags` are added to those of every series; where a series has a tag of the same key, its own stays alone.
    pub(super) fn new(series: &'a [Series], tags: &'a [String], compression: Compression, limits: Limits) -> Self {
        Self { series, tags, compression, limits }
    }

    /// Bodies that hold `pieces`, each within the limits.
    pub(super) fn split(&self, pieces: Vec<Piece>) -> Split<'a> {
        Split { encoder: *self, todo: pieces.into(), carried: None, batches: Vec::new() }
    }

    /// Unix seconds of the oldest point.
    pub(super) fn oldest(&self, pieces: &[Piece]) -> i64 {
        pieces.iter().map(|piece| self.series[piece.series].points[piece.points.start].at).min().unwrap_or(i64::MAX)
    }

    /// One series and a comma.
    fn fragment(&self, piece: &Piece) -> serde_json::Result<Vec<u8>> {
        let series = &self.series[piece.series];
        // A pipeline's own environment must not be joined by the one of this process.
        let added = self.tags.iter().filter(|tag| !series.tags.iter().any(|own| same_key(own, tag)));
        let mut tags: Vec<&str> = series.tags.iter().chain(added).map(String::as_str).collect();
        if !self.tags.is_empty() {
            tags.sort_unstable();
            tags.dedup();
        }
        let wire = WireSeries {
            metric: &series.name,
            kind: match series.kind {
                Kind::Count => 1,
                Kind::Gauge => 3,
            },
            interval: (series.kind == Kind::Count).then_some(series.interval),
            unit: &series.unit,
            tags,
            points: WirePoints(&series.points[piece.points.clone()]),
        };
        let mut fragment = serde_json::to_vec(&wire)?;
        fragment.push(b',');
        Ok(fragment)
    }

    fn compress(&self, batch: &Batch) -> io::Result<Vec<u8>> {
        let parts = [PREFIX, batch.bytes.get(..batch.bytes.len() - 1).unwrap_or_default(), SUFFIX];
        match self.compression {
            Compression::Zstd => {
                let mut encoder = zstd::stream::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                // Told the size, it takes no larger a window than that.
                encoder.set_pledged_src_size(Some(parts.iter().map(|part| part.len() as u64).sum()))?;
                parts.iter().try_for_each(|part| encoder.write_all(part))?;
                encoder.finish()
            }
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                parts.iter().try_for_each(|part| encoder.write_all(part))?;
                encoder.finish()
            }
        }
    }
}

/// Fragments that fit into one body before compression.
#[derive(Debug, Default)]
struct Batch {
    pieces: Vec<Piece>,
    /// The fragments, one after another.
    bytes: Vec<u8>,
    /// Where each fragment ends.
    ends: Vec<usize>,
}

impl Batch {
    /// Bytes of a body before compression; the comma after the last fragment does not go into it.
    fn raw_len(fragments: usize) -> usize {
        PREFIX.len() + SUFFIX.len() + fragments - 1
    }

    fn push(&mut self, piece: Piece, fragment: &[u8]) {
        self.pieces.push(piece);
        self.bytes.extend_from_slice(fragment);
        self.ends.push(self.bytes.len());
    }

    /// Takes the later half of the fragments away; there are at least two.
    fn split_off_half(&mut self) -> Self {
        let half = self.pieces.len() / 2;
        let from = self.ends[half - 1];
        let ends = self.ends.split_off(half).into_iter().map(|end| end - from).collect();
        Self { pieces: self.pieces.split_off(half), bytes: self.bytes.split_off(from), ends }
    }
}

/// Makes bodies one at a time.
#[derive(Debug)]
pub(super) struct Split<'a> {
    encoder: Encoder<'a>,
    todo: VecDeque<Piece>,
    /// Serialised already, but it did not fit.
    carried: Option<(Piece, Vec<u8>)>,
    /// Serialised, to be compressed, the next one last.
    batches: Vec<Batch>,
}

impl Iterator for Split<'_> {
    type Item = Next;

    fn next(&mut self) -> Option<Next> {
        loop {
            let mut batch = match self.batches.pop() {
                Some(batch) => batch,
                None => match self.gather() {
                    Ok(batch) => batch?,
                    Err(not_a_body) => return Some(not_a_body),
                },
            };
            let compressed = match self.encoder.compress(&batch) {
                Ok(compressed) => compressed,
                Err(error) => return Some(Next::Failed(batch.pieces, error.to_string())),
            };
            if compressed.len() <= self.encoder.limits.compressed {
                return Some(Next::Body(Body { pieces: batch.pieces, compressed: compressed.into() }));
            }
            if batch.pieces.len() > 1 {
                let later = batch.split_off_half();
                self.batches.extend([later, batch]);
            } else if let Some(too_large) = batch.pieces.pop().and_then(|piece| self.put_back_halved(piece)) {
                return Some(Next::TooLarge(too_large));
            }
        }
    }
}

impl Split<'_> {
    /// The next batch of fragments; `None` when nothing is left.
    fn gather(&mut self) -> Result<Option<Batch>, Next> {
        let mut batch = Batch::default();
        loop {
            let (piece, fragment) = if let Some(carried) = self.carried.take() {
                carried
            } else {
                let Some(piece) = self.todo.pop_front() else {
                    return Ok((!batch.pieces.is_empty()).then_some(batch));
                };
                match self.encoder.fragment(&piece) {
                    Ok(fragment) => (piece, fragment),
                    Err(error) => {
                        self.batches.extend((!batch.pieces.is_empty()).then_some(batch));
                        return Err(Next::Failed(vec![piece], error.to_string()));
                    }
                }
            };
            if Batch::raw_len(batch.bytes.len() + fragment.len()) <= self.encoder.limits.raw {
                batch.push(piece, &fragment);
            } else if !batch.pieces.is_empty() {
                self.carried = Some((piece, fragment));
                return Ok(Some(batch));
            } else if let Some(too_large) = self.put_back_halved(piece) {
                return Err(Next::TooLarge(too_large));
            }
        }
    }

    /// Puts a piece back in two halves; gives a single point back.
    fn put_back_halved(&mut self, mut piece: Piece) -> Option<Piece> {
        let Some(later) = cut(&mut piece) else { return Some(piece) };
        self.todo.push_front(later);
        self.todo.push_front(piece);
        None
    }
}

#[derive(Serialize)]
struct WireSeries<'a> {
    metric: &'a str,
    #[serde(rename = "type")]
    kind: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    unit: &'a str,
    tags: Vec<&'a str>,
    points: WirePoints<'a>,
}

struct WirePoints<'a>(&'a [Point]);

#[derive(Serialize)]
struct WirePoint {
    timestamp: i64,
    value: f64,
}

impl Serialize for WirePoints<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|point| WirePoint { timestamp: point.at, value: point.value }))
    }
}

#[cfg(test)]
mod tests;
