//! `ddsync validate`: the configuration, offline.

use super::session::settings;
use super::{ConfigArgs, Outcome, print};

/// So many accounts and regions are named.
const NAMED: usize = 5;

pub(super) fn run(args: &ConfigArgs) -> Outcome {
    let settings = settings(&args.config)?;
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
        args.config.display(),
        scopes.join(", "),
        settings.datadog.base_url,
        settings.state
    ));
    Ok(0)
}
