//! GitHub's REST API: what is read of workflow runs, commits and deployments, on octocrab's transport and authentication.
//!
//! Structs hold only what is used, and take null wherever GitHub was seen to send it. Every route is relative: octocrab
//! leaves the credential out of a request to a whole URL, and a redirect is never followed with it.
//!
//! Endpoints <https://docs.github.com/en/rest/actions/workflow-runs>, <https://docs.github.com/en/rest/commits/commits>,
//! <https://docs.github.com/en/rest/deployments/deployments>.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use octocrab::Octocrab;
use octocrab::models::{AppId, InstallationId};

use crate::client::datadog::quote;
use crate::clock::Clock;
use crate::config::Secret;
use crate::config::settings::{GitHub, GitHubCredential};

mod cache;
mod code;
mod deployments;
mod error;
mod exchange;
mod limits;
mod listing;
mod runs;
#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use code::{Commit, Comparison};
pub use deployments::{Deployment, DeploymentStatus};
pub use error::{Credential, Error, Limit};
pub use limits::Quota;
pub use listing::Listed;
pub use runs::{Artifact, Job, Run};

/// How long one request may take, answer included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read. A page of 100 runs has about 1.5 MB.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// A client of one server as one identity. Cheap to clone; clones share connections, limits and the cache.
#[derive(Debug, Clone)]
pub struct Client {
    crab: Octocrab,
    base_url: String,
    credential: Credential,
    secrets: Arc<[Secret]>,
    clock: Clock,
    cache: Arc<Mutex<Cache>>,
    limits: Arc<Mutex<Limits>>,
}

/// How this identity stands with GitHub's limits.
#[derive(Debug, Default)]
struct Limits {
    quota: Option<Quota>,
    closed: Option<limits::Closed>,
    requests: u64,
}

/// No client can be made of these settings.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is neither a token nor an App.
    #[error("no GitHub token: set GITHUB_TOKEN or `github.token_file`, or name an App with `github.app_id`")]
    NoCredential,
    /// The App's key cannot be read.
    #[error("`github.private_key_file` holds no RSA private key in PEM form: download the App's key again")]
    Key,
    /// TLS could not be set up.
    #[error("the GitHub client could not be set up: {0}; check `github.base_url` and the certificates of this machine")]
    Transport(String),
}

impl Client {
    /// A client for `settings`. Nothing is sent yet. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// When there is no credential, the App's key cannot be read, or TLS cannot be set up.
    pub fn new(settings: &GitHub) -> Result<Self, ClientError> {
        let credential = settings.credential.as_ref().ok_or(ClientError::NoCredential)?;
        let secret = match credential {
            GitHubCredential::Token(token) => token,
            GitHubCredential::App { private_key, .. } => private_key,
        };
        let secrets: Arc<[Secret]> = [secret.clone()].into();
        let transport = |error: octocrab::Error| {
            ClientError::Transport(quote(&crate::client::datadog::innermost(&error), &secrets))
        };
        let builder = Octocrab::builder().base_uri(settings.base_url.as_str()).map_err(transport)?;
        let crab = match credential {
            GitHubCredential::Token(token) => builder.personal_token(token.expose()).build().map_err(transport)?,
            GitHubCredential::App { app_id, installation_id, private_key } => builder
                .app_from_rsa_pem(AppId(*app_id), private_key.expose())
                .map_err(|_| ClientError::Key)?
                .build()
                .and_then(|app| app.installation(InstallationId(*installation_id)))
                .map_err(transport)?,
        };
        Ok(Self {
            crab,
            base_url: settings.base_url.clone(),
            credential: credential.into(),
            clock: Clock::Real,
            cache: Arc::new(Mutex::new(Cache::of(&settings.base_url))),
            limits: Arc::default(),
            secrets,
        })
    }

    /// The same client with another clock, by which it waits for limits.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The same client with what an earlier one has kept; nothing of another server is taken.
    #[must_use]
    pub fn with_cache(mut self, kept: Cache) -> Self {
        self.cache = Arc::new(Mutex::new(kept.for_server(&self.base_url)));
        self
    }

    /// Answers to be kept for the next process, without any secret.
    #[must_use]
    pub fn kept(&self) -> Cache {
        self.cache().clone()
    }

    /// What is left of the hour by the newest answer.
    #[must_use]
    pub fn quota(&self) -> Option<Quota> {
        self.limits().quota
    }

    /// How many requests were sent, those that cost nothing among them.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.limits().requests
    }

    /// Questions to one repository, `owner/name`. No wait for a limit, and no pause before another try, ends after
    /// `deadline`.
    #[must_use]
    pub fn repository<'a>(&'a self, name: &'a str, deadline: DateTime<Utc>) -> Repository<'a> {
        Repository { client: self, name, deadline, keep: true }
    }

    /// What the clock that it waits by shows.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One repository, to be asked until a deadline.
#[derive(Debug, Clone, Copy)]
pub struct Repository<'a> {
    client: &'a Client,
    name: &'a str,
    deadline: DateTime<Utc>,
    /// Whether answers are kept.
    keep: bool,
}

impl Repository<'_> {
    /// The same for what nobody will ask again, so that such answers do not push out those that are asked for at every
    /// poll.
    #[must_use]
    pub fn unkept(mut self) -> Self {
        self.keep = false;
        self
    }
}
