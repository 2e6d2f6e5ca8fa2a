//! `ddsync page test`: proves that a page reaches somebody, and that it ends.

use chrono::TimeDelta;
use clap::{Args, Subcommand};

use super::apply::approve;
use super::objects::Work;
use super::{CommandError, ConfigArgs, Outcome, print};
use crate::agent::Shutdown;
use crate::provision::apply::{PageTest, Patience, Seen, Shown, cleanup, page_test, sweep};
use crate::provision::route::{Owner, address, choose};

/// A monitor is evaluated every minute, some time after the point.
const PATIENCE: Patience =
    Patience { alert: TimeDelta::minutes(6), recovery: TimeDelta::minutes(8), poll: TimeDelta::seconds(10) };

/// No test lasts longer: what is older has been killed.
const LONGEST: TimeDelta = TimeDelta::minutes(16);

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
        run: PageTest::run(work.namespace(), now),
    };
    print::line(format_args!("route {}: {}", print::printable(&test.route), test.handles));
    approve(args.auto_approve, "Tell them, for some minutes?")?;
    let session = work.datadog();
    let stop = Shutdown::on_signals().map_err(|error| CommandError::Failed(format!("no signals: {error}")))?;
    let shown = tokio::select! {
        shown = tried(&work, &test) => shown?,
        () = stop.draining() => {
            let left = tokio::select! {
                left = cleanup(&session, &test.run) => left?,
                () = stop.forced() => {
                    return Err(CommandError::Failed("stopped; the monitor of this test may be left".to_owned()));
                }
            };
            return Err(CommandError::Failed(format!("stopped; monitors of this test that were deleted: {left}")));
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

/// Takes away what earlier tests have left, and carries out this one.
async fn tried(work: &Work, test: &PageTest) -> Result<Vec<Shown>, CommandError> {
    let session = work.datadog();
    let left = sweep(&session, work.namespace(), &test.route, work.session.clock.now() - LONGEST).await?;
    if left > 0 {
        print::note(format_args!("removed what earlier tests have left: {left}"));
    }
    let show = |shown: &Shown| print::line(format_args!("{}  {}", shown.at.format("%H:%M:%S"), words(&shown.seen)));
    Ok(page_test(&session, test, PATIENCE, &show).await)
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
