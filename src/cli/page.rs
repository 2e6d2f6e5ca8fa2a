//! `ddsync page test`: proves that a page reaches somebody, and that it ends.

use chrono::TimeDelta;
use clap::{Args, Subcommand};

use super::apply::approve;
use super::objects::Work;
use super::{CommandError, ConfigArgs, Outcome, print};
use crate::provision::apply::{PageTest, Patience, Seen, Shown, cleanup, page_test};
use crate::provision::route::{Owner, address, choose};

/// A monitor is evaluated every minute, some time after the point.
const PATIENCE: Patience =
    Patience { alert: TimeDelta::minutes(6), recovery: TimeDelta::minutes(8), poll: TimeDelta::seconds(10) };

#[derive(Debug, Args)]
pub(super) struct PageArgs {
    #[command(subcommand)]
    command: PageCommand,
}

#[derive(Debug, Subcommand)]
enum PageCommand {
    /// Fire a temporary monitor on a route, see it alert, recover and go. It pages people for some minutes.
    Test(TestArgs),
}

#[derive(Debug, Args)]
struct TestArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The team whose route is tried.
    #[arg(long, value_name = "NAME")]
    team: Option<String>,
    /// The environment; only production pages, and without this it is as there.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The route that an owner tag names, instead of the team's.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Do not ask before people are paged.
    #[arg(long)]
    auto_approve: bool,
}

pub(super) async fn run(args: &PageArgs, verbose: u8) -> Outcome {
    let PageCommand::Test(args) = &args.command;
    let work = Work::open(&args.config.config, verbose)?;
    let settings = &work.session.settings;
    let environment = args.environment.as_deref();
    let owner = Owner { owner: args.owner.as_deref(), team: args.team.as_deref(), environment };
    let (route, missing) = choose(&settings.routes, owner);
    for finding in [missing.owner, missing.team].iter().flatten() {
        print::warning(finding);
    }
    let address = address(route, environment.is_none_or(|name| settings.provision.is_production(name)));
    if address.handles.is_empty() {
        return Err(CommandError::Failed(match address.route.as_str() {
            "" => "there is no route to try: add `routes.default`, or a route of the team".to_owned(),
            name => format!(
                "the route `routes.{}` tells nobody outside production: give it `notify`",
                print::printable(name)
            ),
        }));
    }
    let now = work.session.clock.now();
    let test = PageTest {
        route: address.route.clone(),
        handles: address.handles.clone(),
        run: format!("{}-{}", now.timestamp(), std::process::id()),
    };
    print::line(format_args!("route {}: {}", print::printable(&test.route), test.handles));
    approve(args.auto_approve, "Tell them, for some minutes?")?;
    let session = work.datadog();
    let show = |shown: &Shown| print::line(format_args!("{}  {}", shown.at.format("%H:%M:%S"), words(&shown.seen)));
    let shown = tokio::select! {
        shown = page_test(&session, &test, PATIENCE, &show) => shown,
        _ = tokio::signal::ctrl_c() => {
            let left = cleanup(&session, &test.run).await?;
            return Err(CommandError::Failed(format!("stopped; {left} monitors of this test were deleted")));
        }
    };
    let failed = shown.iter().any(|shown| matches!(shown.seen, Seen::Failed(_)));
    if !failed {
        print::note(
            "Datadog has done its part; ask whoever was to be paged whether the page came, and whether it closed.",
        );
    }
    Ok(u8::from(failed))
}

fn words(seen: &Seen) -> String {
    match seen {
        Seen::Made { id } => format!("made a monitor of its own, {id}"),
        Seen::Fired => "sent a point that is too high".to_owned(),
        Seen::Alerted => "the monitor alerts: the page is on its way".to_owned(),
        Seen::Released => "sent points that are fine again".to_owned(),
        Seen::Recovered => "the monitor has recovered: the page is closed".to_owned(),
        Seen::Removed => "removed the monitor".to_owned(),
        Seen::Failed(reason) => format!("failed: {}", print::printable(reason)),
    }
}
