//! `ddsync apply`: makes Datadog what the plan says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::objects::{PlanOptions, Work};
use super::outline::{self, Row};
use super::print::Mood;
use super::{CommandError, ConfigArgs, Outcome, plan_text, print};
use crate::provision::apply::{self, Done, OnError, Options, Prepared, Progress, Report, Skipped, What};
use crate::provision::object::World;
use crate::provision::plan::Plan;

/// So many objects that were not tried for one reason are named.
const NAMED: usize = 5;

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    options: PlanOptions,
    /// Do exactly what `ddsync plan --out FILE` wrote, or nothing when Datadog has changed since.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prune", "recreate", "accept_shrunk_list", "pipeline", "team", "environment", "kind", "only"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    write: WriteArgs,
}

/// How changes are made.
#[derive(Debug, Args)]
pub(super) struct WriteArgs {
    /// Do not ask.
    #[arg(long)]
    pub(super) auto_approve: bool,
    /// What happens after a failure.
    #[arg(long, value_enum, default_value_t = OnErrorArg::Stop)]
    on_error: OnErrorArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnErrorArg {
    /// Finish what is under way and begin nothing more.
    Stop,
    /// Go on with what does not need it.
    Continue,
}

impl WriteArgs {
    pub(super) fn options(&self) -> Options {
        let on_error = match self.on_error {
            OnErrorArg::Stop => OnError::Stop,
            OnErrorArg::Continue => OnError::Continue,
        };
        Options { on_error, force: false }
    }
}

pub(super) async fn run(args: &ApplyArgs, verbose: u8) -> Outcome {
    let work = Work::open(&args.config.config, verbose)?;
    let Prepared { plan, world } = match &args.plan {
        Some(path) => planned(&work, path).await?,
        None => work.prepare(&args.options).await?,
    };
    plan_text::show(&plan);
    let blocked = plan.summary().blocked > 0;
    if plan.is_empty() {
        return Ok(u8::from(blocked));
    }
    let world = work.approve(args.write.auto_approve, "Do this in Datadog?", &plan, world).await?;
    let report = carry_out(&work, &plan, &world, args.write.options()).await?;
    let wrong = tell(&report);
    Ok(u8::from(blocked || wrong))
}

/// The plan of a file, while Datadog is still as it was then.
async fn planned(work: &Work, path: &Path) -> Result<Prepared, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|error| CommandError::file("the plan", path, &error))?;
    let plan = Plan::from_json(&text).map_err(|error| CommandError::Failed(format!("{}: {error}", path.display())))?;
    work.check_namespace(path, "plan", &plan.namespace)?;
    let world = work.look().await?;
    plan.check(&world, work.session.clock.now().timestamp())?;
    unmoved(&plan, &world, "made")?;
    Ok(Prepared { plan, world })
}

/// Whether Datadog is still as it was when the plan was `made` or shown.
///
/// # Errors
/// What has changed.
pub(super) fn unmoved(plan: &Plan, world: &World, made: &str) -> Result<(), CommandError> {
    let moved = apply::moved(plan, world);
    if moved.is_empty() {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "datadog has changed since the plan was {made}, so nothing was done:\n  {}\nplan again",
        moved.join("\n  ")
    )))
}

/// Asks on the terminal.
///
/// # Errors
/// When the answer is no, or nobody can be asked.
pub(super) fn approve(auto: bool, question: &str) -> Result<(), CommandError> {
    match if auto { Some(true) } else { print::confirm(question) } {
        Some(true) => Ok(()),
        Some(false) => Err(CommandError::Failed("nothing was done".to_owned())),
        None => Err(CommandError::Failed(
            "there is no terminal to ask on, so nothing was done; run with --auto-approve to do it without asking"
                .to_owned(),
        )),
    }
}

/// Carries out a plan with a bar. A Ctrl-C stops it: what is done is done, and a new plan goes on from there.
pub(super) async fn carry_out(
    work: &Work,
    plan: &Plan,
    world: &World,
    options: Options,
) -> Result<Report, CommandError> {
    let bar = print::bar(plan.steps.len() as u64, "objects");
    let session = work.datadog();
    let progress = |progress: Progress| bar.set_position(progress.finished as u64);
    let report = tokio::select! {
        report = apply::execute(&session, plan, world, options, &progress) => Ok(report),
        _ = tokio::signal::ctrl_c() => Err(CommandError::Failed(
            "stopped; what is written is whole, but a new dashboard may still be empty: `ddsync plan` shows what is left"
                .to_owned(),
        )),
    };
    bar.finish_and_clear();
    report
}

/// Says what became of each object; whether something went wrong.
pub(super) fn tell(report: &Report) -> bool {
    let mut done: Vec<&Done> = report.done.iter().collect();
    done.sort_by_key(|done| (done.item.kind, &done.item.identity));
    let rows: Vec<Row<'_>> = done.into_iter().map(of_done).collect();
    if !rows.is_empty() {
        print::line("");
    }
    outline::show(&rows);
    for failed in &report.failed {
        let name = format!("{} {}", failed.item.kind, failed.item.identity);
        print::error(&format!("{name}: {}; {}", failed.reason, failed.advice));
    }
    let mut untried: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for Skipped { item, because } in &report.skipped {
        untried.entry(because).or_default().push(format!("{} {}", item.kind, item.identity));
    }
    for (because, mut names) in untried {
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        if more > 0 {
            names.push(format!("{more} more"));
        }
        print::warning(format_args!("{}: not tried, since {because}", names.join(", ")));
    }
    let there = report.done.iter().filter(|done| done.what == What::Kept).count();
    let counts = [
        (report.done.len() - there, "done"),
        (there, "there already"),
        (report.failed.len(), "failed"),
        (report.skipped.len(), "not tried"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    print::line("");
    print::heading(if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") });
    !report.failed.is_empty() || !report.skipped.is_empty()
}

fn of_done(done: &Done) -> Row<'_> {
    let (mood, sign, words) = match done.what {
        What::Created => (Mood::Good, '+', ""),
        What::Adopted => (Mood::Changed, '~', " (taken over)"),
        What::Updated => (Mood::Changed, '~', ""),
        What::Recreated => (Mood::Bad, '±', ""),
        What::Restored => (Mood::Good, '+', " (under its old id)"),
        What::Kept => (Mood::Plain, '=', " (there already)"),
        What::Deleted => (Mood::Bad, '-', ""),
    };
    // An address says what it leads to, and has to fit on the line to be followed.
    let rest = format!("{}{words}", done.link.as_deref().unwrap_or(done.item.kind.word()));
    Row { kind: None, identity: &done.item.identity, mood, sign, rest: print::printable(&rest), below: vec![] }
}
