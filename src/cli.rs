//! The command line: clap types, and one file a command.
//!
//! Exit codes: 0 done, 1 something failed, 2 the command line or the configuration is wrong, 3 and 4 the daemon had to
//! end (see [`crate::agent::Exit`]), 5 not finished: the same command goes on from there.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod apply;
mod completions;
mod demo;
mod destroy;
mod discover;
mod dora;
mod error;
mod estimate;
mod health;
mod iam_policy;
mod import;
mod logs;
mod metrics;
mod objects;
mod once;
mod outline;
mod page;
mod plan;
mod plan_text;
pub mod print;
mod render;
mod run;
mod session;
mod summary;
mod validate;

pub use error::CommandError;

/// Where the configuration is when nobody says where.
const DEFAULT_CONFIG: &str = "ddsync.yaml";

/// The exit code of what was ended early and goes on when it is run again.
const NOT_FINISHED: u8 = 5;

/// What a command returns: the exit code, or what went wrong.
pub type Outcome = Result<u8, CommandError>;

/// Datadog telemetry agent and DORA exporter for machine-learning pipelines on AWS.
#[derive(Debug, Parser)]
#[command(name = "ddsync", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// Say more: -v for debug messages, -vv for those of libraries too.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole loop against a pretend company on this machine: no account, no key.
    Demo(DemoArgs),
    /// Run the daemon: discover, export, keep going.
    Run(RunArgs),
    /// Run the same jobs once, then exit.
    Once(OnceArgs),
    /// List the pipelines that are found, their stages and owners, and what is wrong with their tags.
    Discover(DiscoverArgs),
    /// Tell what CloudWatch and Datadog will cost, before anything runs.
    Estimate(EstimateArgs),
    /// Check the configuration and the templates, offline.
    Validate(validate::ValidateArgs),
    /// Show what would change in Datadog: dashboards, monitors, SLOs.
    Plan(plan::PlanArgs),
    /// Make Datadog what the plan says.
    Apply(apply::ApplyArgs),
    /// Take objects out of Datadog again, with a backup first.
    Destroy(destroy::DestroyArgs),
    /// Put back what `destroy` took out.
    Restore(destroy::RestoreArgs),
    /// Make a template of an object that was made by hand.
    Import(import::ImportArgs),
    /// Print the JSON that a template would send.
    Render(render::RenderArgs),
    /// Try who is paged.
    Page(page::PageArgs),
    /// Read what pipelines log, joined across their stages.
    Logs(logs::LogsArgs),
    /// Measure deployments: the five DORA metrics, and why each deployment counts as it does.
    Dora(dora::DoraArgs),
    /// Print every metric that is exported.
    Metrics(MetricsArgs),
    /// Print the least-privilege IAM policy for this configuration.
    IamPolicy(IamPolicyArgs),
    /// Ask the daemon on this machine how it is; exit 0 when it is well, 1 when not.
    Health(HealthArgs),
    /// Print a completion script for a shell.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", env = "DDSYNC_CONFIG", hide_env_values = true, default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// How many minutes of the company's life to show.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(5..=600))]
    minutes: u32,
    /// Another number is another company.
    #[arg(long, default_value_t = 35)]
    seed: u64,
    /// Keep the pretend company running and print how to reach it, until Ctrl-C.
    #[arg(long, conflicts_with_all = ["json", "minutes"])]
    serve: bool,
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Stop after this time, for example 10m, and print a summary.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time)]
    duration: Option<std::time::Duration>,
    /// With --for: print the summary as one JSON object.
    #[arg(long, requires = "duration")]
    json: bool,
}

#[derive(Debug, Args)]
struct OnceArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Only these jobs.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Only>,
    /// Print the summary as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Parts of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    /// Points of CloudWatch.
    Metrics,
    /// Lines of CloudWatch Logs.
    Logs,
    /// Deployments of GitHub.
    Dora,
}

#[derive(Debug, Args)]
struct DiscoverArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct EstimateArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Estimate for so many asynchronous endpoints with one variant each, without asking AWS.
    #[arg(long, value_name = "N")]
    endpoints: Option<u32>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct IamPolicyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The policy of a role that an account is read by, instead of that of ddsync's own credentials.
    #[arg(long)]
    account_role: bool,
}

#[derive(Debug, Args)]
struct HealthArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Ask whether every job works (`/readyz`), not only whether none hangs (`/livez`).
    #[arg(long)]
    ready: bool,
}

#[derive(Debug, Args)]
struct MetricsArgs {
    /// As a table in Markdown.
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// As one JSON array.
    #[arg(long)]
    json: bool,
}

/// The longest `--for`; what is meant to be longer is meant to be for ever.
const MAX_TIME: std::time::Duration = std::time::Duration::from_hours(366 * 24);

fn parse_time(text: &str) -> Result<std::time::Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time > MAX_TIME { Err("more than 366 days; leave `--for` out to run for ever".to_owned()) } else { Ok(time) }
}

/// Runs a command.
///
/// # Errors
/// When it could not do what it should; the message says what to change.
pub fn run(cli: &Cli) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::Failed(format!("no threads to run on: {error}")))?;
    let code = runtime.block_on(async {
        match &cli.command {
            Command::Demo(args) => demo::run(args).await,
            Command::Run(args) => Box::pin(run::run(args, cli.verbose)).await,
            Command::Once(args) => Box::pin(once::run(args, cli.verbose)).await,
            Command::Discover(args) => Box::pin(discover::run(args, cli.verbose)).await,
            Command::Estimate(args) => Box::pin(estimate::run(args, cli.verbose)).await,
            Command::Validate(args) => Box::pin(validate::run(args, cli.verbose)).await,
            Command::Plan(args) => Box::pin(plan::run(args, cli.verbose)).await,
            Command::Apply(args) => Box::pin(apply::run(args, cli.verbose)).await,
            Command::Destroy(args) => Box::pin(destroy::run(args, cli.verbose)).await,
            Command::Restore(args) => Box::pin(destroy::restore(args, cli.verbose)).await,
            Command::Import(args) => Box::pin(import::run(args, cli.verbose)).await,
            Command::Render(args) => Box::pin(render::run(args, cli.verbose)).await,
            Command::Page(args) => Box::pin(page::run(args, cli.verbose)).await,
            Command::Logs(args) => Box::pin(logs::run(args, cli.verbose)).await,
            Command::Dora(args) => Box::pin(dora::run(args, cli.verbose)).await,
            Command::Metrics(args) => Ok(metrics::run(args)),
            Command::IamPolicy(args) => iam_policy::run(args),
            Command::Health(args) => health::run(args).await,
            Command::Completions { shell } => Ok(completions::run(*shell)),
        }
    })?;
    match print::lost() {
        Some(reason) => Err(CommandError::Failed(format!("standard output is not whole: {reason}"))),
        None => Ok(code),
    }
}
