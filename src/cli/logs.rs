//! `ddsync logs`: what pipelines say, on the screen. Nothing is sent anywhere, and nothing is kept.
//!
//! ```text
//! which    the log groups that are meant
//!   -> read    their lines, as the daemon reads them
//!   -> way     those of one request
//!   -> text    as a person reads them
//! ```

mod lines;
mod read;
mod tail;
#[cfg(test)]
mod tests;
mod text;
mod way;
mod which;

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::{CommandError, ConfigArgs, Outcome, discover, print, session};

#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    #[command(subcommand)]
    command: LogsCommand,
}

#[derive(Debug, Subcommand)]
enum LogsCommand {
    /// Print the lines of a pipeline, all its stages by time; with --id those of one request and the way that it went.
    /// What the configuration redacts is redacted here too.
    Tail(TailArgs),
}

#[derive(Debug, Args)]
struct TailArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The pipeline.
    #[arg(long, value_name = "NAME")]
    pipeline: String,
    /// Of this environment alone.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// So far back from now, 7d at most.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_since)]
    since: Duration,
    /// Of this stage alone.
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Errors alone.
    #[arg(long)]
    errors: bool,
    /// One request's way through the pipeline: its inference id or request id, or the beginning of it.
    #[arg(long, value_name = "ID", conflicts_with_all = ["stage", "errors"])]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: Option<String>,
    /// Go on with what is written from now on, until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// CloudWatch keeps more; what was longer ago is a question for its own search.
const MAX_SINCE: Duration = Duration::from_hours(7 * 24);

fn parse_since(text: &str) -> Result<Duration, String> {
    let since = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match since {
        Duration::ZERO => Err("nothing was written in no time; write for example 1h".to_owned()),
        _ if since > MAX_SINCE => Err("more than 7 days; ask CloudWatch Logs Insights for what is older".to_owned()),
        _ => Ok(since),
    }
}

pub(super) async fn run(args: &LogsArgs, verbose: u8) -> Outcome {
    match &args.command {
        LogsCommand::Tail(args) => Box::pin(tail::run(args, verbose)).await,
    }
}
