//! What a command says when it cannot do what it should.

use crate::agent::http::ListenError;
use crate::client::aws::AwsError;
use crate::client::datadog::ClientError;
use crate::clock::ClockError;
use crate::config::Problems;
use crate::state::StateError;

/// A command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration is wrong.
    #[error("{0}")]
    Configuration(Problems),
    /// `DDSYNC_CLOCK` is wrong.
    #[error("{0}")]
    Clock(#[from] ClockError),
    /// The state could not be opened.
    #[error("{0}")]
    State(#[from] StateError),
    /// Datadog cannot be talked to.
    #[error("{0}")]
    Datadog(#[from] ClientError),
    /// AWS said no.
    #[error("{0}")]
    Aws(#[from] AwsError),
    /// The daemon cannot listen.
    #[error("{0}")]
    Listen(#[from] ListenError),
    /// Anything else, in words.
    #[error("{0}")]
    Failed(String),
}

impl CommandError {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Configuration(_) | Self::Clock(_) => 2,
            Self::State(_) | Self::Datadog(_) | Self::Aws(_) | Self::Listen(_) | Self::Failed(_) => 1,
        }
    }
}
