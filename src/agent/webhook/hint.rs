//! That there may be something to see.

use std::future::pending;

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::clock::Clock;

/// How long to wait for more of the same: GitHub tells of one run several times within seconds.
const SETTLE: TimeDelta = TimeDelta::seconds(10);

/// Gives hints. Cheap to clone; clones give to the same.
#[derive(Debug, Clone)]
pub struct Hint(watch::Sender<()>);

/// Gets hints.
#[derive(Debug)]
pub struct Hinted(watch::Receiver<()>);

impl Hint {
    /// A pair of both ends.
    #[must_use]
    pub fn new() -> (Self, Hinted) {
        let (sender, receiver) = watch::channel(());
        (Self(sender), Hinted(receiver))
    }

    /// Says that there may be something to see.
    pub fn give(&self) {
        self.0.send_replace(());
    }
}

impl Hinted {
    /// Waits until it is time to look because of a hint: ten seconds after the first since the last look. However many
    /// were given until then, they are one. Never, once nobody can give any more.
    pub async fn due(&mut self, clock: Clock) {
        if self.0.changed().await.is_err() {
            pending::<()>().await;
        }
        clock.sleep_until(clock.now() + SETTLE).await;
        self.0.mark_unchanged();
    }
}
