//! `ddsync once`: the same jobs as the daemon's, one time each.

use futures_util::future::join_all;

use super::session::Session;
use super::{CommandError, OnceArgs, Only, Outcome, print, summary};
use crate::agent::jobs::Jobs;
use crate::agent::{Failure, Job, JobKind};

/// So many jobs that met the same error are named.
const NAMED: usize = 2;

pub(super) async fn run(args: &OnceArgs, verbose: u8) -> Outcome {
    let session = Session::open(&args.config.config, verbose)?;
    let mut jobs = Box::pin(session.jobs(None)).await?;
    jobs.read_logs_whole();
    let spinner = print::spinner("reading");
    if args.only.contains(&Only::Dora) && session.settings.github.is_none() {
        return Err(CommandError::NoRepository);
    }
    let wanted = |part| args.only.is_empty() || args.only.contains(&part);
    let (metrics, logs, dora) = (wanted(Only::Metrics), wanted(Only::Logs), wanted(Only::Dora));
    // Discovery comes first: what is read depends on it, and endpoints speak against deployments.
    let mut failed = pass(&jobs, |job| job.kind == JobKind::Discover).await;
    let is_poll = |job: &Job| matches!(job.kind, JobKind::Hot | JobKind::Warm);
    let discovered = |job: &Job| job.scope.as_ref().is_some_and(|scope| jobs.has_discovered(scope));
    failed.extend(pass(&jobs, |job| metrics && is_poll(job) && discovered(job)).await);
    failed.extend(pass(&jobs, |job| logs && job.kind == JobKind::Logs && discovered(job)).await);
    failed.extend(pass(&jobs, |job| dora && job.kind == JobKind::Deploys).await);
    failed.extend(pass(&jobs, |job| job.kind == JobKind::Report).await);
    spinner.finish_and_clear();
    let told = tell(&failed);
    summary::print(&jobs.totals(), &told, args.json);
    Ok(u8::from(!failed.is_empty()))
}

/// Runs the wanted jobs at once; those that failed.
async fn pass(jobs: &Jobs, wanted: impl Fn(&Job) -> bool) -> Vec<(Job, Failure)> {
    let wanted: Vec<Job> = jobs.table().into_iter().filter(wanted).collect();
    let results = join_all(wanted.iter().map(|job| jobs.work(job))).await;
    wanted.into_iter().zip(results).filter_map(|(job, result)| Some((job, result.err()?))).collect()
}

/// Prints every message once, with the jobs that met it.
fn tell(failed: &[(Job, Failure)]) -> Vec<&str> {
    let mut messages: Vec<&str> = Vec::new();
    for (_, failure) in failed {
        if !messages.contains(&failure.message.as_str()) {
            messages.push(&failure.message);
        }
    }
    for message in &messages {
        let jobs = failed.iter().filter(|(_, failure)| failure.message == *message).map(|(job, _)| job.to_string());
        let jobs: Vec<String> = jobs.collect();
        let jobs = match jobs.as_slice() {
            [first, .., _] if jobs.len() > NAMED => format!("{first} and {} other jobs", jobs.len() - 1),
            jobs => jobs.join(", "),
        };
        print::error(&format!("{jobs}: {}", print::printable(message)));
    }
    messages
}
