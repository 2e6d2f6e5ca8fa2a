//! What became of the lines of one delivery.

use std::collections::BTreeMap;

use super::Voice;
use crate::client::datadog::SendError;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Datadog said yes.
    Accepted,
    /// Older than Datadog keeps; it was not sent.
    TooOld,
    /// Datadog said no for good, or it cannot be sent. A no counts when another line was taken, or no other was refused.
    Refused,
    /// Not delivered: read it again.
    Pending,
}

/// The account of a delivery. Every line that went in is in exactly one of accepted, too old, refused, pending, and
/// nothing that is not pending comes after what is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// One for each line that went in, in their order.
    pub outcomes: Vec<Outcome>,
    /// Lines that Datadog took.
    pub accepted: u64,
    /// Lines older than Datadog keeps.
    pub too_old: u64,
    /// Lines that Datadog will never take.
    pub refused: u64,
    /// Lines that are left.
    pub pending: u64,
    /// Refused lines by reason: `bad_request`, `too_large`.
    pub reasons: BTreeMap<&'static str, u64>,
    /// The error met last, even when a later attempt succeeded.
    pub error: Option<SendError>,
    /// Requests made, retries included.
    pub requests: u64,
    /// Bytes of bodies sent, compressed, retries included.
    pub bytes: u64,
}

impl Delivery {
    /// How many lines from the first on need not be read again.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.outcomes.iter().position(|outcome| *outcome == Outcome::Pending).unwrap_or(self.outcomes.len())
    }
}

/// A [`Delivery`] being filled.
#[derive(Debug)]
pub(super) struct Account {
    lines: Vec<(Outcome, &'static str)>,
    /// Lines that were refused when each was sent alone, and by whom.
    alone: Vec<(usize, Voice)>,
    delivery: Delivery,
}

impl Account {
    /// Of so many lines, each pending until it is settled.
    pub(super) fn new(lines: usize) -> Self {
        Self { lines: vec![(Outcome::Pending, ""); lines], alone: Vec::new(), delivery: Delivery::default() }
    }

    /// Settles lines by their indices. `reason` is told of what is refused.
    pub(super) fn settle(&mut self, lines: &[usize], outcome: Outcome, reason: &'static str) {
        for line in lines {
            self.lines[*line] = (outcome, reason);
        }
    }

    /// Settles lines that were sent alone and refused. Whether that holds, [`Account::close`] decides.
    pub(super) fn refuse(&mut self, lines: &[usize], voice: Voice, reason: &'static str) {
        self.settle(lines, Outcome::Refused, reason);
        self.alone.extend(lines.iter().map(|line| (*line, voice)));
    }

    /// Whether a stranger has refused several lines and nobody has taken any: to halve further would only ask more often.
    pub(super) fn meets_a_wall(&self) -> bool {
        let strange = self.alone.iter().filter(|(_, voice)| *voice == Voice::Stranger).count();
        strange > 1 && !self.anything_is_accepted()
    }

    fn anything_is_accepted(&self) -> bool {
        self.lines.iter().any(|(outcome, _)| *outcome == Outcome::Accepted)
    }

    /// A line is bad when another one was taken, or when Datadog says so of it alone. Otherwise it is likelier that
    /// everything is refused, whatever it is, and nothing is lost for that.
    fn doubt(&mut self) {
        let strange = self.alone.iter().any(|(_, voice)| *voice == Voice::Stranger);
        if (strange || self.alone.len() > 1) && !self.anything_is_accepted() {
            for (line, _) in std::mem::take(&mut self.alone) {
                self.lines[line] = (Outcome::Pending, "");
            }
        }
    }

    pub(super) fn request(&mut self, bytes: usize) {
        self.delivery.requests += 1;
        self.delivery.bytes += bytes as u64;
    }

    pub(super) fn error(&mut self, error: SendError) {
        self.delivery.error = Some(error);
    }

    /// Counts. What is not sent after the first line that is pending is read again with it, and counted then.
    pub(super) fn close(mut self) -> Delivery {
        self.doubt();
        let Self { lines, mut delivery, .. } = self;
        for (mut outcome, reason) in lines {
            if delivery.pending > 0 {
                outcome = Outcome::Pending;
            }
            match outcome {
                Outcome::Accepted => delivery.accepted += 1,
                Outcome::TooOld => delivery.too_old += 1,
                Outcome::Refused => {
                    delivery.refused += 1;
                    *delivery.reasons.entry(reason).or_default() += 1;
                }
                Outcome::Pending => delivery.pending += 1,
            }
            delivery.outcomes.push(outcome);
        }
        delivery
    }
}
