//! Which points can be sent at all. Pure.

use crate::model::series::{Point, Series};
use crate::sink::series::account::{Account, Outcome};
use crate::sink::series::encode::Piece;

/// Seconds that a point may be behind: an older one is answered 202 and not stored.
/// <https://docs.datadoghq.com/api/latest/metrics/#submit-metrics>
pub(in crate::sink) const MAX_AGE: i64 = 3600;

/// Seconds that a point may be ahead, from the same page.
const MAX_AHEAD: i64 = 600;

/// Seconds that a point is given to arrive: one that is sent at 59:59 is too old when it does.
const MARGIN: i64 = 60;

/// The pieces that can be sent at `now` (Unix seconds); everything else is settled in `account`.
pub(super) fn screen(series: &[Series], now: i64, account: &mut Account) -> Vec<Piece> {
    let mut sendable = Vec::with_capacity(series.len());
    for (index, one) in series.iter().enumerate() {
        let mut start = 0;
        for run in one.points.chunk_by(|a, b| fault(a, now) == fault(b, now)) {
            let piece = Piece { series: index, points: start..start + run.len() };
            start += run.len();
            match fault(&run[0], now) {
                None => sendable.push(piece),
                Some((outcome, reason)) => account.settle(&[piece], outcome, reason),
            }
        }
    }
    sendable
}

fn fault(point: &Point, now: i64) -> Option<(Outcome, Option<&'static str>)> {
    let age = now.saturating_sub(point.at);
    if !point.value.is_finite() {
        Some((Outcome::Refused, Some("not_finite")))
    } else if age > MAX_AGE - MARGIN {
        Some((Outcome::TooOld, None))
    } else if age < -MAX_AHEAD {
        Some((Outcome::Refused, Some("in_future")))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_settled_and_the_rest_is_cut_around_it() {
        let now = 1_700_000_000;
        let points = [
            (now - 3541, 1.0),
            (now - 3540, 1.0),
            (now - 60, f64::NAN),
            (now - 30, 2.0),
            (now + 600, 3.0),
            (now + 601, 4.0),
            (i64::MAX, 4.0),
        ];
        let points = points.map(|(at, value)| Point { at, value });
        let mut series = Series::gauge("a", "", vec![], now, 0.0);
        series.points = points.to_vec();
        let mut account = Account::new(1);
        let pieces = screen(&[series], now, &mut account);
        assert_eq!(pieces, [Piece { series: 0, points: 1..2 }, Piece { series: 0, points: 3..5 }]);
        let delivery = account.close();
        assert_eq!((delivery.fate.too_old, delivery.fate.refused), (1, 3));
        assert_eq!(delivery.reasons, [("in_future".to_owned(), 2), ("not_finite".to_owned(), 1)].into());
        assert_eq!(delivery.outcomes, [Outcome::Refused]);
    }
}
