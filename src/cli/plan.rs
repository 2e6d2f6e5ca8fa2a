//! `ddsync plan`: what would change in Datadog.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::objects::{PlanOptions, Work};
use super::{CommandError, ConfigArgs, Outcome, plan_text, print};
use crate::provision::plan::{Plan, Summary};

/// Something would change, with `--detailed-exitcode`.
const CHANGES: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    options: PlanOptions,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Leave with 0 when all is as it should be, with 2 when something is not, and with 1 after an error.
    #[arg(long)]
    detailed_exitcode: bool,
    /// Write the plan to this file too, for `ddsync apply --plan`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The JSON object of `plan --json`: the plan, and the plan in numbers.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    summary: Summary,
}

pub(super) async fn run(args: &PlanArgs, verbose: u8) -> Outcome {
    match Box::pin(plan(args, verbose)).await {
        // 2 says that something would change, so a mistake in a file cannot say it too.
        Err(error) if args.detailed_exitcode => Err(CommandError::Failed(error.to_string())),
        outcome => outcome,
    }
}

async fn plan(args: &PlanArgs, verbose: u8) -> Outcome {
    let work = Work::open(&args.config.config, verbose)?;
    let plan = work.prepare(&args.options).await?.plan;
    if let Some(path) = &args.out {
        let text = plan.to_json().map_err(|error| CommandError::Failed(error.to_string()))?;
        print::file(path, text.as_bytes()).map_err(|error| CommandError::file("the plan", path, &error))?;
    }
    if args.json {
        print::json(&Shown { summary: plan.summary(), plan: &plan });
    } else {
        plan_text::show(&plan);
        if let Some(path) = &args.out {
            print::note(format_args!("ddsync apply --plan {} does exactly this", path.display()));
        }
    }
    Ok(if args.detailed_exitcode && !plan.steps.is_empty() { CHANGES } else { 0 })
}
