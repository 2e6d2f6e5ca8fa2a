//! `ddsync logs tail`: what a pipeline says, joined across its stages.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use super::lines::{Entry, Kept};
use super::read::{Groups, Round, Wanted};
use super::session::Session;
use super::text::{Columns, nothing, text};
use super::way::{Request, Way, resolve};
use super::which::{Asked, Source, choose, everything};
use super::{CommandError, Outcome, TailArgs, discover, print};
use crate::agent::Shutdown;
use crate::source::logs::choose::Rules;
use crate::source::logs::reader::Policy;
use crate::source::logs::redact::Redaction;

/// With `--follow`, this long between two looks.
const EVERY: TimeDelta = TimeDelta::seconds(5);
/// Complaints that are told one by one.
const TOLD: usize = 5;

pub(super) async fn run(args: &TailArgs, verbose: u8) -> Outcome {
    if !args.follow {
        return Box::pin(tail(args, verbose)).await;
    }
    let stop = Shutdown::on_signals().map_err(|error| CommandError::Failed(format!("no signals: {error}")))?;
    tokio::select! {
        () = stop.draining() => Ok(0),
        outcome = Box::pin(tail(args, verbose)) => outcome,
    }
}

async fn tail(args: &TailArgs, verbose: u8) -> Outcome {
    let session = Session::open(&args.config.config, verbose)?;
    let logs = &session.settings.logs;
    let redaction = Redaction::new(&logs.redact);
    let redaction = redaction.map_err(|error| CommandError::Failed(format!("`logs.redact.patterns`: {error}")))?;
    let spinner = print::spinner("discovering");
    let clients = session.aws().await;
    let discover::Seen { inventories, errors, .. } = discover::look_through(&session, &clients).await;
    let (sources, names) = everything(&inventories);
    let mut complaints: BTreeSet<String> = errors.into_iter().collect();
    let chosen = choose(sources, &names, Asked::of(args));
    let chosen = chosen.map_err(|error| {
        spinner.finish_and_clear();
        tell(&complaints);
        unseen(error, &complaints)
    });
    let sources: Vec<Arc<Source>> = chosen?.into_iter().map(Arc::new).collect();
    let wanted = match (&args.id, args.errors) {
        (Some(_), _) => Wanted::WithId,
        (None, true) => Wanted::Errors,
        (None, false) => Wanted::All,
    };
    let now = session.clock.now();
    let reread = i64::try_from(logs.reread.as_millis()).unwrap_or(i64::MAX);
    let policy = Policy { rules: Rules::default(), redaction, reread };
    let since = TimeDelta::from_std(args.since).unwrap_or_default();
    let mut groups = Groups::new(&clients, &sources, policy, wanted, (now - since).timestamp_millis());
    let Round { mut kept, complaints: unreadable, read, missing } =
        groups.read(now.timestamp_millis(), !args.follow, &spinner).await;
    spinner.finish_and_clear();
    complaints.extend(unreadable);
    tell(&complaints);
    if kept.dropped > 0 {
        print::warning(format_args!(
            "{} older lines are left out, they are too many: ask for less with `--since`, `--stage` or `--errors`",
            kept.dropped
        ));
    }
    let screen = Screen { args, columns: Columns::of(sources.iter().map(Arc::as_ref)) };
    let told = screen.show(&mut kept)?;
    if !args.follow {
        // Where nothing could be read, that has been told.
        if told == 0 && (read > 0 || complaints.is_empty()) {
            let groups = (sources.len(), missing);
            print::warning(nothing(Asked::of(args), args.errors, args.id.as_deref(), args.since, groups));
        }
        return Ok(u8::from(!complaints.is_empty()));
    }
    while !print::is_unheard() {
        session.clock.sleep_until(session.clock.now() + EVERY).await;
        let round = groups.read(session.clock.now().timestamp_millis(), false, &spinner).await;
        tell(&round.complaints.difference(&complaints).cloned().collect());
        complaints.extend(round.complaints);
        kept.merge(round.kept);
        kept.sort();
        screen.show(&mut kept)?;
    }
    Ok(0)
}

/// What is not seen may be what was asked for: then it is no word that is wrong.
fn unseen(error: CommandError, complaints: &BTreeSet<String>) -> CommandError {
    if complaints.is_empty() {
        return error;
    }
    CommandError::Failed(format!("{error}; not everything could be seen, as told above"))
}

fn tell(complaints: &BTreeSet<String>) {
    for complaint in complaints.iter().take(TOLD) {
        print::warning(complaint);
    }
    if complaints.len() > TOLD {
        print::warning(format_args!("and {} more like these", complaints.len() - TOLD));
    }
}

/// Where lines are shown.
struct Screen<'a> {
    args: &'a TailArgs,
    columns: Columns,
}

impl Screen<'_> {
    /// Shows what was not shown before, and how many lines that is.
    fn show(&self, kept: &mut Kept) -> Result<usize, CommandError> {
        let Some(typed) = &self.args.id else {
            kept.entries().iter().for_each(|entry| self.line(entry));
            let told = kept.entries().len();
            kept.clear();
            return Ok(told);
        };
        let Some(id) = resolve(kept.entries(), typed)?.map(str::to_owned) else { return Ok(0) };
        let request = Request::of(kept.entries(), &id);
        let own: Vec<bool> = kept.entries().iter().map(|entry| request.has(entry)).collect();
        let mut told = 0;
        for (entry, _) in kept.entries_mut().iter_mut().zip(&own).filter(|(entry, own)| **own && !entry.told) {
            self.line(entry);
            entry.told = true;
            told += 1;
        }
        if told > 0 {
            let own: Vec<&Entry> = kept.entries().iter().filter(|entry| entry.told).collect();
            let way = Way::of(&id, &own);
            if self.args.json {
                print::json_line(&way);
            } else {
                print::line(way.text(self.columns.environments));
            }
        }
        Ok(told)
    }

    fn line(&self, entry: &Entry) {
        if self.args.json {
            print::json_line(&entry.shown());
        } else {
            print::line(text(entry, self.columns));
        }
    }
}
