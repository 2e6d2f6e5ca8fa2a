//! `ddsync destroy`: takes objects of ours out of Datadog again, with a backup first; `ddsync restore` puts them back.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::apply::{WriteArgs, approve, carry_out, tell};
use super::objects::{FilterArgs, PlanOptions, Work};
use super::{CommandError, ConfigArgs, Outcome, plan_text, print};
use crate::provision::apply::{self, Backup, Options, Progress};
use crate::provision::object::{Subject, World};
use crate::provision::plan::destroy_plan;

#[derive(Debug, Args)]
pub(super) struct DestroyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    write: WriteArgs,
    /// Delete even what objects of others refer to.
    #[arg(long)]
    force: bool,
    /// Where the backup goes [default: ddsync-backup-NAMESPACE-TIME.json in this folder].
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// What `ddsync destroy` wrote.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Do not ask.
    #[arg(long)]
    auto_approve: bool,
}

pub(super) async fn run(args: &DestroyArgs, verbose: u8) -> Outcome {
    let work = Work::open(&args.config.config, verbose)?;
    let world = work.look().await?;
    let options = PlanOptions { filter: args.filter.clone(), ..PlanOptions::default() };
    let mut options = work.options(&options);
    let mut plan = destroy_plan(&world, &options);
    if plan.steps.is_empty() {
        args.filter.check(&world, &pipelines(&world))?;
    }
    if !args.force {
        options.undeletable = apply::held(&work.datadog(), &plan).await?;
        plan = destroy_plan(&world, &options);
    }
    plan_text::show(&plan);
    let blocked = plan.summary().blocked > 0;
    if blocked {
        print::note("with --force what objects of others refer to is deleted too");
    }
    if plan.is_empty() {
        return Ok(u8::from(blocked));
    }
    let now = work.session.clock.now().format("%Y%m%dT%H%M%SZ");
    let path = args.backup.clone();
    let path = path.unwrap_or_else(|| PathBuf::from(format!("ddsync-backup-{}-{now}.json", work.namespace())));
    if std::fs::metadata(&path).is_ok_and(|there| there.is_file() && there.len() > 0) {
        return Err(CommandError::Failed(format!(
            "the backup {} is there already, and what it holds could not be restored any more: choose another name with \
             --backup",
            path.display()
        )));
    }
    let all = if args.filter.filter().is_everything() { " everything of this namespace" } else { " this" };
    let question = format!("Delete{all} in Datadog?");
    let world = work.approve(args.write.auto_approve, &question, &plan, world).await?;
    let kept = apply::backup(work.namespace(), &world, &plan.steps);
    let text = serde_json::to_vec_pretty(&kept).map_err(|error| CommandError::Failed(error.to_string()))?;
    print::file(&path, &text).map_err(|error| {
        let path = path.display();
        CommandError::Failed(format!("nothing was deleted, since the backup {path} cannot be written: {error}"))
    })?;
    print::note(format_args!("ddsync restore {} puts it back", path.display()));
    let options = Options { force: args.force, ..args.write.options() };
    let report = carry_out(&work, &plan, &world, options).await?;
    Ok(u8::from(tell(&report) || blocked))
}

/// Those that objects are about.
fn pipelines(world: &World) -> BTreeSet<&str> {
    let about = world.objects.iter().filter_map(|live| Some(&live.mark.as_ref()?.identity.subject));
    about
        .filter_map(|subject| if let Subject::Pipeline { pipeline, .. } = subject { Some(&**pipeline) } else { None })
        .collect()
}

pub(super) async fn restore(args: &RestoreArgs, verbose: u8) -> Outcome {
    let work = Work::open(&args.config.config, verbose)?;
    let text = std::fs::read_to_string(&args.file);
    let text = text.map_err(|error| CommandError::file("the backup", &args.file, &error))?;
    let backup =
        Backup::from_json(&text).map_err(|error| CommandError::Failed(format!("{}: {error}", args.file.display())))?;
    work.check_namespace(&args.file, "backup", backup.namespace())?;
    approve(args.auto_approve, &format!("Put back what {} holds and Datadog does not have?", args.file.display()))?;
    let bar = print::bar(0, "objects");
    let progress = |progress: Progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.finished as u64);
    };
    let report = apply::restore(&work.datadog(), backup, &progress).await;
    bar.finish_and_clear();
    Ok(u8::from(tell(&report?)))
}
