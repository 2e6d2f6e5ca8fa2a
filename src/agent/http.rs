//! `/livez`, `/readyz` and `/status`.
//!
//! - `/livez`: 200, or 503 when a job hangs; whoever started the process should start it anew.
//! - `/readyz`: 200, or 503 when a job has not run yet or keeps failing; a person should look.
//! - `/status`: [`Status`] as JSON.
//!
//! The bodies of the first two are lines of text: `ok`, or a reason each.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Health;
use super::health::Status;

/// The address is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {listen}: {source}; set `agent.listen` to a free address")]
pub struct ListenError {
    listen: SocketAddr,
    source: io::Error,
}

/// A server that answers until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds the address and answers in the background.
    ///
    /// # Errors
    /// When the address is in use, or not one of this machine, or its port is not permitted.
    pub async fn start(listen: SocketAddr, health: Arc<Health>) -> Result<Self, ListenError> {
        let refuse = |source| ListenError { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        let router = Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/status", get(status))
            .with_state(health);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "no answers on {address} any more");
            }
        });
        Ok(Self { address, task })
    }

    /// The address that was bound, with the port that the system chose when `agent.listen` said 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn livez(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    verdict(&health.hanging())
}

async fn readyz(State(health): State<Arc<Health>>) -> (StatusCode, String) {
    verdict(&health.unready())
}

async fn status(State(health): State<Arc<Health>>) -> Json<Status> {
    Json(health.status())
}

fn verdict(reasons: &[String]) -> (StatusCode, String) {
    if reasons.is_empty() {
        (StatusCode::OK, "ok\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n")
    }
}
