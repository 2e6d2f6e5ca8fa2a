//! `ddsync dora`: deployments and the five metrics, and a person's word on them.
//!
//! Everything shown is a function of the ledger and the rules, so that it can be worked out again from what is printed.
//! Only [`run`] reads and writes.

mod advice;
mod backfill;
mod csv;
mod definitions;
mod explain;
mod filter;
mod find;
mod mark;
mod report;
#[cfg(test)]
mod tests;
mod text;
mod units;

use std::path::Path;

use chrono::{DateTime, FixedOffset, Utc};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::session::Session;
use super::{CommandError, ConfigArgs, Outcome, print};
use crate::model::dora::{DeploymentId, Ledger, Verdict, Window};
use crate::source::deploys::Watermarks;
use crate::state::ledger::WATERMARKS;
use crate::state::{Store, StoredLedger, this_process};

use backfill::BackfillArgs;
use filter::FilterArgs;
use mark::Saying;
use report::{Asked, Shown};

#[derive(Debug, Args)]
pub(super) struct DoraArgs {
    #[command(subcommand)]
    command: DoraCommand,
}

#[derive(Debug, Subcommand)]
enum DoraCommand {
    /// Print the five metrics of each pipeline and environment, with what they are made of and the definitions in force.
    Report(ReportArgs),
    /// Tell why a deployment counts or not, why it is a failure or not, and what it delivered.
    Explain(ExplainArgs),
    /// Say of a deployment that it failed, or that it did not, whatever the rules say. The last word counts.
    Mark(MarkArgs),
    /// Bring the history of deployments into the ledger and to Datadog, and prove that both have the same. It may be
    /// ended at any moment, and goes on when it is run again.
    Backfill(BackfillArgs),
}

#[derive(Debug, Args)]
struct ReportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// So many days back from now.
    #[arg(long, value_enum, default_value = "28d")]
    window: Days,
    /// Add all of them together as one more row, called blended.
    #[arg(long)]
    blended: bool,
    /// Print one JSON object, with the id and the duration behind every number.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print one line of CSV a pipeline and environment. Durations are seconds; a name that a spreadsheet would take for a
    /// formula gets a ' in front.
    #[arg(long)]
    csv: bool,
}

/// A window, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Days {
    #[value(name = "7d")]
    Seven,
    #[value(name = "28d")]
    TwentyEight,
    #[value(name = "90d")]
    Ninety,
}

impl Days {
    const fn days(self) -> u32 {
        match self {
            Self::Seven => 7,
            Self::TwentyEight => 28,
            Self::Ninety => 90,
        }
    }
}

#[derive(Debug, Args)]
struct ExplainArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Its id or the beginning of it, or the number or the URL of its run.
    #[arg(value_name = "DEPLOYMENT")]
    deployment: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("verdict").required(true).args(["failed", "ok"]))]
struct MarkArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Its id or the beginning of it, or the number or the URL of its run.
    #[arg(value_name = "DEPLOYMENT")]
    deployment: String,
    /// It needed somebody to step in.
    #[arg(long)]
    failed: bool,
    /// It did not, whatever the rules say; also takes `--failed` back.
    #[arg(long)]
    ok: bool,
    /// Why: whoever explains the numbers will read it.
    #[arg(long, value_name = "TEXT")]
    because: String,
    /// Who says so.
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: Option<String>,
}

pub(super) async fn run(args: &DoraArgs, verbose: u8) -> Outcome {
    match &args.command {
        DoraCommand::Report(args) => report(args, verbose).await,
        DoraCommand::Explain(args) => explain(args, verbose).await,
        DoraCommand::Mark(args) => mark(args, verbose).await,
        DoraCommand::Backfill(args) => Box::pin(backfill::run(args, verbose)).await,
    }
}

async fn report(args: &ReportArgs, verbose: u8) -> Outcome {
    let Known { session, ledger, looked_at } = open(&args.config.config, verbose).await?;
    args.filter.check(&ledger)?;
    let dora = &session.settings.dora;
    let window = Window { days: args.window.days(), end: session.clock.now().timestamp(), zone: dora.zone };
    let github = session.settings.github.as_ref();
    let asked = Asked { dora, github, window, looked_at, filter: &args.filter, blended: args.blended };
    let shown = Shown::of(&ledger, &asked);
    if args.json {
        print::json(&shown);
    } else if args.csv {
        print::raw(&csv::csv(&shown).map_err(|error| CommandError::Failed(format!("no CSV: {error}")))?);
    } else {
        print::line(text::text(&shown, dora.zone, print::is_seen()));
    }
    Ok(0)
}

async fn explain(args: &ExplainArgs, verbose: u8) -> Outcome {
    let Known { session, ledger, .. } = open(&args.config.config, verbose).await?;
    let dora = &session.settings.dora;
    let id = find::find(&ledger, &args.deployment, session.settings.github.as_ref())?;
    let judged = ledger.judge(&dora.rules);
    let Some(judged) = judged.iter().find(|judged| judged.id == *id) else { return Err(vanished(id)) };
    let entry = ledger.entries.get(id).cloned().unwrap_or_default();
    let explained = explain::Explained::of(judged, &entry, &dora.rules);
    if args.json {
        print::json(&explained);
    } else {
        print::line(explain::text(&explained, dora.zone));
    }
    Ok(0)
}

async fn mark(args: &MarkArgs, verbose: u8) -> Outcome {
    let Known { session, ledger, .. } = open(&args.config.config, verbose).await?;
    let dora = &session.settings.dora;
    let id = find::find(&ledger, &args.deployment, session.settings.github.as_ref())?;
    let verdict = if args.failed { Verdict::Failed } else { Verdict::Ok };
    let saying = Saying { id, verdict, because: &args.because, by: args.by.as_deref() };
    let marked = mark::mark(&ledger, &dora.rules, &saying, session.clock.now().timestamp())?;
    let store = Store::visit(&session.settings.state, &this_process(), session.clock)?;
    store.leave(id, &marked.word).await?;
    print::line(mark::text(&marked));
    Ok(0)
}

/// What is known, and how far GitHub had been read.
struct Known {
    session: Session,
    ledger: Ledger,
    looked_at: Option<DateTime<Utc>>,
}

/// What is known. Words are read before the ledger: one that the daemon takes over meanwhile is then seen twice, and not
/// never.
async fn open(config: &Path, verbose: u8) -> Result<Known, CommandError> {
    let session = Session::open(config, verbose)?;
    let store = Store::peek(&session.settings.state)?;
    let inbox = store.inbox().await?;
    let stored = StoredLedger::load(&store, session.clock.now()).await?;
    for part in stored.set_aside() {
        print::warning(format_args!("state {} is missing from this: {}", part.object, part.words));
    }
    for error in inbox.unreadable() {
        print::warning(error);
    }
    let mut ledger = stored.ledger().clone();
    for fact in inbox.facts() {
        ledger.observe(fact);
    }
    // What a reader cannot understand is as good as not there.
    let watermarks = match store.load::<Watermarks>(&WATERMARKS).await {
        Ok(loaded) => loaded.data.unwrap_or_default(),
        Err(error) => {
            print::warning(error);
            Watermarks::default()
        }
    };
    Ok(Known { session, ledger, looked_at: watermarks.looked_at() })
}

fn vanished(id: &DeploymentId) -> CommandError {
    CommandError::Failed(format!("{} is not in the ledger", print::printable(id.as_str())))
}

/// An instant in words: `2026-09-14 12:00`, and its zone.
fn instant(at: i64, zone: FixedOffset) -> String {
    let known = DateTime::from_timestamp(at, 0);
    let minute = known.map(|at| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string());
    format!("{} {}", minute.unwrap_or_else(|| at.to_string()), zone_name(zone))
}

fn zone_name(zone: FixedOffset) -> String {
    if zone.local_minus_utc() == 0 { "UTC".to_owned() } else { zone.to_string() }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A duration in words: its two greatest units, the smaller one rounded. Its seconds are in JSON and CSV.
fn rounded(seconds: i64) -> String {
    let step = match seconds {
        ..3_600 => 1,
        3_600..86_400 => 60,
        _ => 3_600,
    };
    crate::model::dora::span(seconds.saturating_add(step / 2).div_euclid(step).saturating_mul(step))
}
