//! `ddsync validate`: the configuration and the templates, offline; with `--remote` Datadog is asked too.

use clap::Args;

use super::objects::{PlanOptions, Work};
use super::session::settings;
use super::{CommandError, ConfigArgs, Outcome, print};
use crate::agent::known_metrics;
use crate::config::Settings;
use crate::provision::apply::{refused_monitors, told, wanted};
use crate::provision::lint::Rule;
use crate::provision::object::Kind;
use crate::provision::plan::{Action, Step};
use crate::provision::sample::sample;

/// So many accounts and regions are named.
const NAMED: usize = 5;

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Ask Datadog about the monitors that a plan would write. Reads AWS too; writes nothing.
    #[arg(long)]
    remote: bool,
}

pub(super) async fn run(args: &ValidateArgs, verbose: u8) -> Outcome {
    let settings = settings(&args.config.config)?;
    let objects = templates(&settings)?;
    let scopes =
        settings.accounts.iter().flat_map(|account| account.regions.iter().map(|region| (&account.name, region)));
    let mut scopes: Vec<String> = scopes.map(|(account, region)| format!("{account}/{region}")).collect();
    let more = scopes.len().saturating_sub(NAMED);
    scopes.truncate(NAMED);
    if more > 0 {
        scopes.push(format!("{more} more"));
    }
    print::line(format_args!(
        "{}: good; reads {}, sends to {}, keeps its state in {}",
        args.config.config.display(),
        scopes.join(", "),
        settings.datadog.base_url,
        settings.state
    ));
    print::line(format_args!("templates: good; {objects} objects for a sample pipeline in two environments"));
    if args.remote { Box::pin(remote(args, verbose)).await } else { Ok(0) }
}

/// Renders every template for a pipeline of every kind and looks at what comes of it; how many objects that are.
fn templates(settings: &Settings) -> Result<usize, CommandError> {
    let (pipelines, resources) = sample(&settings.tags);
    let (wanted, mut lint) = wanted(settings, &pipelines, &resources, &known_metrics(settings))?;
    // The sample's team has no route; that says nothing about the real ones, and nor do findings about the sample.
    lint.retain(|finding| finding.rule != Rule::NoHandle);
    for line in wanted.remarks.into_iter().chain(told(&lint)) {
        print::warning(line);
    }
    Ok(wanted.objects.len())
}

/// What Datadog says of the monitors that a plan would write.
async fn remote(args: &ValidateArgs, verbose: u8) -> Outcome {
    let work = Work::open(&args.config.config, verbose)?;
    let plan = work.prepare(&PlanOptions::default()).await?.plan;
    let spinner = print::spinner("asking Datadog");
    let (asked, refused) = refused_monitors(&work.datadog(), &plan).await?;
    spinner.finish_and_clear();
    for (identity, reason) in &refused {
        print::error(&format!("monitor {identity}: {reason}"));
    }
    print::line(format_args!("datadog: {asked} monitors asked about, {} refused", refused.len()));
    let writes = |step: &&Step| {
        step.kind == Kind::Monitor && !matches!(step.action, Action::Delete { .. } | Action::Blocked { .. })
    };
    let silent = plan.steps.iter().filter(writes).count().saturating_sub(asked);
    if silent > 0 {
        print::note(format_args!("{silent} more are about SLOs that are not there yet: apply, then ask again"));
    }
    Ok(u8::from(!refused.is_empty()))
}
