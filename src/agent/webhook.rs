//! GitHub's webhook: a hint to look for deployments now instead of at the next poll, and nothing else.
//!
//! What a delivery says is not believed, only that there is something to see: a delivery that is lost, late or made twice
//! changes no number. `POST /webhook` takes it at an address of its own, since this one may be public and `/status` must
//! not be. Each connection is one request; how many there are, how long one may be and how long it may take is bounded
//! before anything of it is believed.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::routing::post;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::settings::{GitHub, Repository};
use crate::config::{Secret, settings};
use crate::telemetry::{Name, Telemetry};

mod delivery;
mod hint;
#[cfg(test)]
mod tests;

use delivery::{Fate, Mac};
pub use hint::{Hint, Hinted};

/// Where deliveries are taken.
pub const PATH: &str = "/webhook";

/// The longest body that is read. GitHub sends up to 25 MB, but of these events about 30 kB: what is longer is left to the
/// poll. <https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap>
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Connections at once; further ones wait to be accepted.
const MAX_CONNECTIONS: usize = 64;

/// How many deliveries are known again: days of a busy repository.
const REMEMBERED: usize = 1024;

/// How long a caller may take. "Your server should respond with a 2XX response within 10 seconds."
/// <https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks>
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// For the headers, and then for the body.
    part: Duration,
    /// For everything, the answer included.
    whole: Duration,
}

const PATIENCE: Patience = Patience { part: Duration::from_secs(5), whole: Duration::from_secs(15) };

/// How long to wait when the system has no connection to give.
const BREATH: Duration = Duration::from_millis(100);

/// Nobody listens.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Without a secret anybody could make us look.
    #[error(
        "no secret for the webhook: set GITHUB_WEBHOOK_SECRET or `github.webhook.secret_file`, or remove `github.webhook`"
    )]
    NoSecret,
    /// The address is not to be had.
    #[error(
        "cannot listen on {listen}: {source}; set `github.webhook.listen` to a free address, other than `agent.listen`"
    )]
    Listen {
        /// As configured.
        listen: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A listener that takes deliveries until it is dropped.
#[derive(Debug)]
pub struct Webhook {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What every request is judged by.
struct Judge {
    secret: Secret,
    repositories: Vec<Repository>,
    patience: Patience,
    telemetry: Telemetry,
    hint: Hint,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Of the newest deliveries that were accepted, the oldest first.
    taken: VecDeque<Mac>,
    /// A wrong secret is told once, not by everybody who finds the address.
    warned: bool,
}

impl Webhook {
    /// Binds the address and gives `hint` for each delivery about a workflow that is followed.
    ///
    /// # Errors
    /// When there is no secret, or the address is in use, not one of this machine, or its port is not permitted.
    pub async fn start(
        webhook: &settings::Webhook,
        github: &GitHub,
        telemetry: Telemetry,
        hint: Hint,
    ) -> Result<Self, WebhookError> {
        Self::patient(webhook, github, telemetry, hint, PATIENCE).await
    }

    async fn patient(
        webhook: &settings::Webhook,
        github: &GitHub,
        telemetry: Telemetry,
        hint: Hint,
        patience: Patience,
    ) -> Result<Self, WebhookError> {
        let secret = webhook.secret.clone().ok_or(WebhookError::NoSecret)?;
        let refuse = |source| WebhookError::Listen { listen: webhook.listen, source };
        let listener = TcpListener::bind(webhook.listen).await.map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        let repositories = github.repositories.clone();
        let judge = Judge { secret, repositories, patience, telemetry, hint, memory: Mutex::default() };
        let router = Router::new().route(PATH, post(take)).with_state(Arc::new(judge));
        let task = tokio::spawn(serve(listener, router, patience));
        Ok(Self { address, task })
    }

    /// The address that was bound, with the port that the system chose when the configuration said 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Not `axum::serve`: it waits for headers without an end, and takes as many connections as there are.
async fn serve(listener: TcpListener, router: Router, patience: Patience) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // A set, so that connections end with us.
    let mut connections = JoinSet::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    converse(stream, router, patience).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "no connection to the webhook");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router, patience: Patience) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.part)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match tokio::time::timeout(patience.whole, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection to the webhook broke off"),
        Err(_) => tracing::debug!("a connection to the webhook took too long"),
    }
}

/// One request, and its answer in words: GitHub shows them to whoever set the webhook up.
async fn take(State(judge): State<Arc<Judge>>, request: axum::extract::Request) -> (StatusCode, String) {
    let (parts, body) = request.into_parts();
    let fate = judge.fate(&parts, body).await;
    judge.telemetry.record(Name::WebhookRequests, &[("outcome", fate.word())], 1.0);
    judge.tell(fate);
    (fate.status(), format!("{fate}\n"))
}

impl Judge {
    async fn fate(&self, parts: &Parts, body: Body) -> Fate {
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
            return Fate::TooLong;
        }
        let collected = Limited::new(body, MAX_BODY_BYTES).collect();
        let body = match tokio::time::timeout(self.patience.part, collected).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Fate::TooLong,
            Ok(Err(_)) => return Fate::BrokenOff,
            Err(_) => return Fate::TooSlow,
        };
        let mac = match delivery::signed(&parts.headers, &body, &self.secret) {
            Ok(mac) => mac,
            Err(fate) => return fate,
        };
        let fate = delivery::read(&parts.headers, &body, &self.repositories);
        if fate != Fate::Accepted {
            return fate;
        }
        if !self.remember(mac) {
            return Fate::Repeated;
        }
        self.hint.give();
        fate
    }

    /// Whether it is new. A delivery is known by its signature: the id of a delivery stands in a header that nothing signs,
    /// so that a replay could change it. What is forgotten and then replayed makes us look once more, and find nothing.
    fn remember(&self, mac: Mac) -> bool {
        let taken = &mut self.memory.lock().unwrap_or_else(PoisonError::into_inner).taken;
        if taken.contains(&mac) {
            return false;
        }
        if taken.len() == REMEMBERED {
            taken.pop_front();
        }
        taken.push_back(mac);
        true
    }

    fn tell(&self, fate: Fate) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(fate, Fate::Unsigned | Fate::BadSignature) && !std::mem::replace(&mut memory.warned, true) {
            tracing::warn!(
                "the webhook refused a request: {fate}. Further ones are counted in ddsync.webhook.requests"
            );
        } else {
            tracing::debug!(outcome = fate.word(), "a request to the webhook");
        }
    }
}
