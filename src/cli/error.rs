//! What a command says when it cannot do what it should.

use std::path::Path;

use crate::agent::http::ListenError;
use crate::agent::webhook::WebhookError;
use crate::client::aws::AwsError;
use crate::client::datadog::{ClientError, SendError};
use crate::client::github;
use crate::clock::ClockError;
use crate::config::Problems;
use crate::provision::apply::PrepareError;
use crate::provision::guard::Refusal;
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
    /// GitHub cannot be talked to.
    #[error("{0}")]
    GitHub(#[from] github::ClientError),
    /// AWS said no.
    #[error("{0}")]
    Aws(#[from] AwsError),
    /// The daemon cannot listen.
    #[error("{0}")]
    Listen(#[from] ListenError),
    /// Nor for GitHub.
    #[error("{0}")]
    Webhook(#[from] WebhookError),
    /// Datadog said no, or did not answer.
    #[error("{}", in_vain(.0))]
    Send(#[from] SendError),
    /// There is no plan.
    #[error("{}", unprepared(.0))]
    Prepare(#[from] PrepareError),
    /// What Datadog lists cannot be true.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The command line asks for what is not there.
    #[error("{0}")]
    Usage(String),
    /// It is about deployments, and nobody said whose.
    #[error(
        "no repository is followed: name them in the configuration, `github: {{repositories: [{{repo: \
         example/ml-pipelines, workflows: [deploy.yml]}}]}}`"
    )]
    NoRepository,
    /// Times that are told by it would be wrong.
    #[error("this machine's clock is {0} Datadog's; correct it (NTP): nothing is read or sent meanwhile")]
    WrongClock(String),
    /// Anything else, in words.
    #[error("{0}")]
    Failed(String),
}

impl CommandError {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Configuration(_)
            | Self::Clock(_)
            | Self::Usage(_)
            | Self::NoRepository
            | Self::Prepare(PrepareError::Templates(_) | PrepareError::Lint(_)) => 2,
            Self::State(_)
            | Self::Datadog(_)
            | Self::GitHub(_)
            | Self::Aws(_)
            | Self::Listen(_)
            | Self::Webhook(_)
            | Self::Send(_)
            | Self::Prepare(_)
            | Self::Refused(_)
            | Self::WrongClock(_)
            | Self::Failed(_) => 1,
        }
    }

    /// A file could not be read or written.
    pub(super) fn file(what: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::Failed(format!("{what} {}: {error}", path.display()))
    }
}

/// What may heal by itself has been asked for many times before it is told.
fn in_vain(error: &SendError) -> String {
    let hint = if error.is_retriable() { "; asking again did not help, so try again later" } else { "" };
    format!("{error}{hint}")
}

fn unprepared(error: &PrepareError) -> String {
    match error {
        PrepareError::Datadog(error) => in_vain(error),
        other => other.to_string(),
    }
}
