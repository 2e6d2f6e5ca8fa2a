//! `ddsync dora backfill`: the history of deployments, from GitHub into the ledger and on to Datadog, with a proof.
//!
//! Each step is saved before the next one, so that it may be ended at any moment, by Ctrl-C, a limit or a kill, and goes
//! on when it is run again: what is in the ledger is not asked for again, and what Datadog has is not sent again.

mod rates;
mod screen;
mod since;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use indicatif::ProgressBar;

use super::super::session::Session;
use super::super::{CommandError, ConfigArgs, NOT_FINISHED, Outcome, print};
use crate::agent::Shutdown;
use crate::agent::deploys::{Asked, Following, To};
use crate::client::datadog::{SendError, Skew};
use crate::client::{datadog, github};
use crate::config::Settings;
use crate::config::settings::GitHub;
use crate::model::dora::Fact;
use crate::provision::apply::link;
use crate::provision::object::{Kind, Mark};
use crate::sink::dora::{Delivery, Differences, compare, undelivered};
use crate::source::alerts::alerts;
use crate::source::deploys::{Progress, Stopped, Summary};
use crate::state::{StateError, Store, this_process};

use rates::{Rates, rates};
use screen::Planned;
use since::Since;

/// How long one look at GitHub may take: a limit that ends before is waited for, a longer one ends the back-fill. Where
/// there is more to read, another look goes on.
const LOOK: TimeDelta = TimeDelta::minutes(10);

/// How long one delivery may take, and how many deployments it sends, before it is saved.
const DELIVERY: Duration = Duration::from_mins(5);
const MOST: usize = 500;

/// Alerts are read in spans of so many days.
const ALERTS: TimeDelta = TimeDelta::days(30);

/// Runs may be gone after so many days, which is the usual retention of Actions: a setting of the repository.
/// <https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/enabling-features-for-your-repository/managing-github-actions-settings-for-a-repository>
const RETENTION: TimeDelta = TimeDelta::days(90);

#[derive(Debug, Args)]
pub(super) struct BackfillArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Read the runs that were created since this day, such as 2026-03-01 (in `dora.zone`), or instant, such as
    /// 2026-03-01T06:00:00Z.
    #[arg(long, value_name = "DATE")]
    since: Since,
    /// Read, with the same requests, and tell what would be sent; nothing is written or sent.
    #[arg(long)]
    dry_run: bool,
}

/// A back-fill under way.
struct Work<'a> {
    settings: &'a Settings,
    session: &'a Session,
    repositories: &'a GitHub,
    store: &'a Store,
    github: github::Client,
    datadog: datadog::Client,
    following: Following,
    since: DateTime<Utc>,
    bar: &'a ProgressBar,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    summary: Summary,
    /// Alerts that were read, or why they could not be.
    alerts: Option<Result<usize, SendError>>,
    /// All deliveries together; nothing of a rehearsal.
    delivery: Option<Delivery>,
    /// Nothing of a rehearsal, or when it could not be had.
    proof: Option<Result<Differences, SendError>>,
    rates: Rates,
    /// Of a rehearsal.
    planned: Option<Planned>,
}

pub(super) async fn run(args: &BackfillArgs, verbose: u8) -> Outcome {
    let session = Session::open(&args.config.config, verbose)?;
    let settings = &session.settings;
    let (now, zone) = (session.clock.now(), settings.dora.zone);
    let since = args.since.instant(zone, now)?;
    let Some(repositories) = &settings.github else {
        return Err(CommandError::NoRepository);
    };
    let datadog = datadog::Client::new(&settings.datadog)?.with_clock(session.clock);
    if !args.dry_run && !datadog.has_app_key() {
        return Err(SendError::NoAppKey.into());
    }
    // What is wrong with a key is told when there is something to send.
    let _told_later = datadog.validate().await;
    if let Some(skew) = datadog.skew().filter(Skew::is_too_far) {
        return Err(CommandError::WrongClock(skew.words()));
    }
    let github = github::Client::new(repositories)?.with_clock(session.clock);
    let store = open(&session, args.dry_run)?;
    let following = Following::load(&store, now).await?;
    for part in following.set_aside() {
        print::warning(format_args!("state {} was corrupt and is read anew: {}", part.object, part.words));
    }
    if since < now - RETENTION {
        let words = "GitHub keeps runs for 90 days where nobody has set another retention: older ones may be gone";
        print::warning(words);
    }
    let github = github.with_cache(following.answers());
    let bar = print::bar(0, "");
    let shutdown = Shutdown::on_signals().map_err(|error| CommandError::Failed(format!("no signals: {error}")))?;
    let store = &store;
    let mut work =
        Work { settings, session: &session, repositories, store, github, datadog, following, since, bar: &bar };
    // Dropped at any point, it is as if it was killed: the next one goes on from there.
    let done = tokio::select! {
        done = work.all(args.dry_run) => Some(done),
        () = shutdown.draining() => None,
    };
    bar.finish_and_clear();
    let Some(done) = done else {
        let kept = if args.dry_run { "nothing was written" } else { "what was read and sent is saved" };
        print::warning(format_args!("stopped; {kept}: the same command goes on from there"));
        return Ok(NOT_FINISHED);
    };
    let done = done?;
    let until = session.clock.now();
    print::line(screen::text(&done, (since, until), zone));
    let told = screen::troubles(&done);
    for words in &told.warnings {
        print::warning(words);
    }
    for words in &told.errors {
        print::error(words);
    }
    Ok(match (&*told.errors, told.finished) {
        ([], true) => 0,
        ([], false) => NOT_FINISHED,
        _ => 1,
    })
}

/// A rehearsal takes no lock and writes nothing.
fn open(session: &Session, dry_run: bool) -> Result<Store, CommandError> {
    let state = &session.settings.state;
    if dry_run {
        return Ok(Store::rehearse(state)?);
    }
    Store::open(state, &this_process(), session.clock).map_err(|error| match error {
        StateError::Locked { location, holder } => CommandError::Failed(format!(
            "state {location} is in use by {holder}; stop that process for the time of the back-fill: the daemon reads \
             what it has missed when it starts again. `--dry-run` needs no lock"
        )),
        other => other.into(),
    })
}

impl Work<'_> {
    async fn all(&mut self, dry_run: bool) -> Result<Done, CommandError> {
        let heard = self.following.hear(self.store).await?;
        for trouble in &heard.troubles {
            print::warning(trouble);
        }
        let mut done = Done { summary: self.collect().await?, ..Done::default() };
        if self.datadog.has_app_key() {
            done.alerts = Some(self.alerts().await?);
        }
        if dry_run {
            done.planned = Some(self.planned().await);
        } else {
            done.delivery = Some(self.deliver().await?);
            let (from, to) = (self.since.timestamp(), self.session.clock.now().timestamp());
            let (ledger, rules) = (self.following.ledger(), &self.settings.dora.rules);
            let judged = ledger.judge(rules);
            done.proof = Some(compare(&self.datadog, ledger, &judged, from, to).await);
            done.rates = rates(ledger, &judged, rules, from, to);
        }
        Ok(done)
    }

    /// Looks at GitHub until everything is read or something stands in the way.
    async fn collect(&mut self) -> Result<Summary, CommandError> {
        let bar = self.bar;
        let tell = |progress: Progress<'_>| match progress {
            Progress::Listing { repository, workflow } => bar.set_message(format!("listing {repository} {workflow}")),
            Progress::Runs { done, of } => shown(bar, "runs", done, of),
            Progress::Comparisons { done, of } => shown(bar, "comparisons", done, of),
        };
        let mut compared = 0;
        loop {
            let asked = Asked {
                client: &self.github,
                github: self.repositories,
                since: Some(self.since),
                deadline: self.session.clock.now() + LOOK,
                tell: &tell,
            };
            let collected = self.following.collect(self.store, asked).await?;
            compared += collected.summary.compared;
            if collected.summary.stopped != Some(Stopped::Deadline) || !collected.changed {
                return Ok(Summary { compared, ..collected.summary });
            }
        }
    }

    /// Alerts of our monitors, which may speak against deployments. Those that were read are saved.
    async fn alerts(&mut self) -> Result<Result<usize, SendError>, StateError> {
        let mark = Mark::namespace_tag(&self.settings.provision.namespace);
        let site = &self.settings.datadog.site;
        let link = |id: u64| link(site, Kind::Monitor, &id.to_string());
        let (mut from, now) = (self.since, self.session.clock.now());
        let mut read = 0;
        while from < now {
            let to = now.min(from + ALERTS);
            let found = match alerts(&self.datadog, &mark, &link, from.timestamp(), to.timestamp()).await {
                Ok(found) => found,
                Err(error) => return Ok(Err(error)),
            };
            read += found.signals.len();
            let facts = found.signals.into_iter().map(Fact::Signal).collect();
            self.following.observe(self.store, facts).await?;
            from = to;
        }
        Ok(Ok(read))
    }

    /// Delivers until nothing is left or nothing goes on.
    async fn deliver(&mut self) -> Result<Delivery, StateError> {
        let Settings { dora, datadog, .. } = self.settings;
        let of = undelivered(self.following.ledger(), &self.following.ledger().judge(&dora.rules)).len();
        let mut all = Delivery::default();
        loop {
            shown(self.bar, "deployments", all.sent + all.found, of);
            let to = To {
                datadog: &self.datadog,
                clock: &self.session.clock,
                rules: &dora.rules,
                tags: &datadog.tags,
                most: MOST,
                deadline: DELIVERY,
            };
            let one = self.following.deliver(self.store, to).await?;
            let went_on = one.sent + one.found + one.marked + one.unmarked + one.posted > 0;
            let refused: BTreeMap<_, _> = all.refused.into_iter().chain(one.refused).collect();
            all = Delivery {
                refused: refused.into_iter().collect(),
                sent: all.sent + one.sent,
                found: all.found + one.found,
                marked: all.marked + one.marked,
                unmarked: all.unmarked + one.unmarked,
                posted: all.posted + one.posted,
                requests: all.requests + one.requests,
                facts: Vec::new(),
                ..one
            };
            if all.pending == 0 || !went_on {
                return Ok(all);
            }
        }
    }

    /// What would be sent, less what Datadog has, where it can be asked.
    async fn planned(&self) -> Planned {
        let ledger = self.following.ledger();
        let judged = ledger.judge(&self.settings.dora.rules);
        let open = undelivered(ledger, &judged);
        let ends = || open.iter().filter_map(|one| one.finished_at());
        let listed = match (ends().min(), ends().max()) {
            (Some(from), Some(to)) if self.datadog.has_app_key() => {
                Some(compare(&self.datadog, ledger, &judged, from, to).await)
            }
            _ => None,
        };
        Planned::of(&open, listed)
    }
}

fn shown(bar: &ProgressBar, what: &'static str, done: usize, of: usize) {
    bar.set_message(what);
    bar.set_length(of as u64);
    bar.set_position(done as u64);
}
