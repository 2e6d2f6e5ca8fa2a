//! Values of consecutive minutes, close together in memory: thousands of endpoints have dozens of such series each.

use super::window::MINUTE;

/// Minutes by which a list grows. As many as are usually remembered, 15 that are read again and 5 new ones: a list that
/// moved to a larger place with the second poll would leave a hole in the heap, tens of thousands of them.
const ROOM: usize = 20;

/// Values by minute; NaN stands for a minute without one.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    /// Unix seconds of the first minute.
    start: i64,
    values: Vec<f64>,
}

impl Minutes {
    /// The value of the minute that starts at `minute`, Unix seconds.
    pub(super) fn get(&self, minute: i64) -> Option<f64> {
        let index = usize::try_from((minute - self.start) / MINUTE).ok().filter(|_| minute >= self.start)?;
        self.values.get(index).copied().filter(|value| !value.is_nan())
    }

    /// Sets the value of a minute.
    pub(super) fn set(&mut self, minute: i64, value: f64) {
        if self.values.is_empty() {
            self.start = minute;
        }
        if minute < self.start {
            let missing = usize::try_from((self.start - minute) / MINUTE).unwrap_or(0);
            self.values.splice(0..0, std::iter::repeat_n(f64::NAN, missing));
            self.start = minute;
        }
        let index = usize::try_from((minute - self.start) / MINUTE).unwrap_or(0);
        if index >= self.values.len() {
            if index >= self.values.capacity() {
                self.values.reserve_exact((index + 1 - self.values.len()).next_multiple_of(ROOM));
            }
            self.values.resize(index + 1, f64::NAN);
        }
        self.values[index] = value;
    }

    /// Forgets minutes before `oldest`; whether any are left.
    pub(super) fn forget_before(&mut self, oldest: i64) -> bool {
        if oldest > self.start {
            let gone = usize::try_from((oldest - self.start) / MINUTE).unwrap_or(0).min(self.values.len());
            self.values.drain(..gone);
            self.start = oldest;
        }
        !self.values.is_empty()
    }
}
