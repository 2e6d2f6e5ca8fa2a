//! Stopping in order: start nothing new, let what runs finish, then leave.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How far a stop has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    Draining,
    Forced,
}

/// A handle on the stop of the process; clones share it.
#[derive(Debug, Clone)]
pub struct Shutdown {
    stage: Arc<watch::Sender<Stage>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { stage: Arc::new(watch::Sender::new(Stage::Running)) }
    }
}

impl Shutdown {
    /// A stop that SIGTERM or the first SIGINT begins and the second SIGINT forces. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses to install a signal handler.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::default();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(shutdown.clone().listen(terminate, interrupt));
        Ok(shutdown)
    }

    async fn listen(self, mut terminate: Signal, mut interrupt: Signal) {
        let mut interrupts = 0;
        loop {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: finishing what runs"),
                _ = interrupt.recv() => interrupts += 1,
            }
            self.drain();
            match interrupts {
                0 => {}
                1 => tracing::info!("SIGINT: finishing what runs; a second one leaves at once"),
                _ => return self.force(),
            }
        }
    }

    /// Starts nothing new from now on.
    pub fn drain(&self) {
        self.reach(Stage::Draining);
    }

    /// Leaves now.
    pub fn force(&self) {
        self.reach(Stage::Forced);
    }

    fn reach(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let further = stage > *now;
            *now = stage.max(*now);
            further
        });
    }

    /// Whether a stop has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.stage.borrow() >= Stage::Draining
    }

    /// Returns when a stop has begun.
    pub async fn draining(&self) {
        self.wait_for(Stage::Draining).await;
    }

    /// Returns when the stop is forced.
    pub async fn forced(&self) {
        self.wait_for(Stage::Forced).await;
    }

    async fn wait_for(&self, stage: Stage) {
        // The sender lives in `self`, so this never fails.
        let _ = self.stage.subscribe().wait_for(|now| *now >= stage).await;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn send(signal: &str) {
        let pid = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    #[tokio::test]
    async fn a_stop_never_goes_back() {
        let shutdown = Shutdown::default();
        assert!(!shutdown.is_draining());
        shutdown.force();
        shutdown.drain();
        shutdown.draining().await;
        shutdown.forced().await;
    }

    #[tokio::test]
    async fn signals_begin_a_stop_and_the_second_interrupt_forces_it() {
        let shutdown = Shutdown::on_signals().unwrap();
        send("-TERM");
        shutdown.draining().await;
        let again = Shutdown::on_signals().unwrap();
        send("-INT");
        again.draining().await;
        send("-INT");
        again.forced().await;
    }
}
