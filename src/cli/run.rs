//! `ddsync run`: the daemon.

use std::sync::Arc;

use chrono::TimeDelta;

use super::session::Session;
use super::{Outcome, RunArgs, print, summary};
use crate::agent::http::Server;
use crate::agent::webhook::{Hint, Webhook};
use crate::agent::{self, Exit, Health, Shutdown};
use crate::cli::CommandError;

pub(super) async fn run(args: &RunArgs, verbose: u8) -> Outcome {
    let session = Session::open(&args.config.config, verbose)?;
    let clock = session.clock;
    let health = Arc::new(Health::new(clock, &session.settings.agent));
    let jobs = Arc::new(Box::pin(session.jobs(Some(Arc::clone(&health)))).await?);
    let server = Server::start(session.settings.agent.listen, Arc::clone(&health)).await?;
    tracing::info!(address = %server.address(), state = %session.settings.state, "started");
    let (hint, hinted) = Hint::new();
    let github = session.settings.github.as_ref();
    let webhook = match github.and_then(|github| Some((github, github.webhook.as_ref()?))) {
        Some((github, webhook)) => Some(Webhook::start(webhook, github, jobs.telemetry(), hint).await?),
        None => None,
    };
    if let Some(webhook) = &webhook {
        tracing::info!(webhook = %webhook.address(), "GitHub may tell of deployments");
    }
    let shutdown = Shutdown::on_signals().map_err(|error| CommandError::Failed(format!("no signals: {error}")))?;
    if let Some(duration) = args.duration {
        let end = clock.now() + TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            clock.sleep_until(end).await;
            shutdown.drain();
        });
    }
    let worker = Arc::clone(&jobs);
    let exit =
        agent::run(jobs.table(), clock, health, &session.settings.agent, shutdown, Some(hinted), move |job, _due| {
            let jobs = Arc::clone(&worker);
            async move { jobs.work(&job).await }
        })
        .await;
    drop((server, webhook));
    if exit == Exit::Clean {
        jobs.finish().await;
    }
    if args.duration.is_some() {
        summary::print(&jobs.totals(), &[], args.json);
    }
    if exit != Exit::Clean {
        print::error(&exit.to_string());
    }
    Ok(exit.code())
}
