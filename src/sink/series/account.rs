//! What became of the points of one delivery.

use std::collections::BTreeMap;

use crate::model::series::Fate;
use crate::sink::series::encode::Piece;

/// What became of a series: the worst that befell one of its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Datadog said yes to every point.
    Accepted,
    /// Some points are older than Datadog stores; they were not sent.
    TooOld,
    /// Datadog said no for good to some points, or they cannot be sent.
    Refused,
    /// Some points are not delivered: read the window again.
    Pending,
}

/// The account of a delivery. Every point that went in is in exactly one of accepted, refused, too old, pending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Points by what became of them; `collected` and `unchanged` stay 0, the caller knows them.
    pub fate: Fate,
    /// One for each series that went in, in their order.
    pub outcomes: Vec<Outcome>,
    /// Refused points by reason: `not_finite`, `in_future`, `bad_request`, `too_large`.
    pub reasons: BTreeMap<String, u64>,
    /// The error met last, even when a later attempt succeeded.
    pub last_error: Option<String>,
    /// Requests made, retries included.
    pub requests: u64,
    /// Bytes of bodies sent, compressed, retries included.
    pub bytes: u64,
}

/// A [`Delivery`] being filled.
pub(super) struct Account(Delivery);

impl Account {
    pub(super) fn new(series: usize) -> Self {
        Self(Delivery { outcomes: vec![Outcome::Accepted; series], ..Delivery::default() })
    }

    /// Settles points; each exactly once. `reason` is given for what is refused.
    pub(super) fn settle(&mut self, pieces: &[Piece], outcome: Outcome, reason: Option<&'static str>) {
        for piece in pieces {
            let points = piece.len() as u64;
            let worst = &mut self.0.outcomes[piece.series];
            *worst = outcome.max(*worst);
            match outcome {
                Outcome::Accepted => self.0.fate.accepted += points,
                Outcome::TooOld => self.0.fate.too_old += points,
                Outcome::Refused => self.0.fate.refused += points,
                Outcome::Pending => self.0.fate.pending += points,
            }
            if let Some(reason) = reason {
                *self.0.reasons.entry(reason.to_owned()).or_default() += points;
            }
        }
    }

    pub(super) fn error(&mut self, error: String) {
        self.0.last_error = Some(error);
    }

    pub(super) fn has_error(&self) -> bool {
        self.0.last_error.is_some()
    }

    pub(super) fn request(&mut self, bytes: usize) {
        self.0.requests += 1;
        self.0.bytes += bytes as u64;
    }

    pub(super) fn close(self) -> Delivery {
        self.0
    }
}
