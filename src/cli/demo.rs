//! `ddsync demo`: the daemon against a pretend company, both on this machine, over real HTTP.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::ProgressBar;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::process::Command;

use super::{CommandError, DemoArgs, Outcome, print, summary};
use crate::agent::jobs::totals::Totals;
use crate::sim::{Clock, Company, Options, Sim};

mod deployments;
mod objects;
mod requests;

use deployments::Followed;
use objects::Applied;
use requests::Way;

/// Simulated seconds a real second.
const RATE: f64 = 120.0;
/// 8 o'clock on a Tuesday morning by the company's clock, eight hours behind UTC: its rush hour begins.
const MORNING: i64 = 1_788_883_200;
/// Whom the company tells and wakes.
const ROUTES: &str = "routes:
  default: {notify: \"@slack-ml\", page: \"@pagerduty-ml\"}
  teams:
    Docs: {notify: \"@slack-docs\", page: \"@pagerduty-Docs\"}
";
/// How long the daemon may take beyond its time, and any other command in all.
const GRACE: Duration = Duration::from_mins(1);
/// Profiles name endpoints and accounts too, and a machine in AWS knows credentials of its own.
const NO_FILES: [(&str, &str); 3] = [
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

pub(super) async fn run(args: &DemoArgs) -> Outcome {
    let origin = DateTime::from_timestamp(MORNING, 0).unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
    let (clock, length) = if args.serve { (Clock::real(), 0) } else { (Clock::scaled(origin, RATE), args.minutes) };
    let options = Options { seed: args.seed, clock, company: Company::Example, ..Options::default() };
    let sim = Sim::start(options).await.map_err(|error| failed("the pretend company cannot start", &error))?;
    let folder = folder().map_err(|error| failed("no temporary folder", &error))?;
    let config = folder.path().join("ddsync.yaml");
    let state = folder.path().join("state");
    std::fs::write(&config, configuration(&sim, &state))
        .map_err(|error| failed("the configuration cannot be written", &error))?;
    if args.serve {
        return serve(&sim, &config).await;
    }
    if !args.json {
        print::line(format_args!(
            "A pretend company on {} and Datadog on {}, {length} minutes of a morning at {RATE}x speed.",
            sim.aws_url(),
            sim.datadog_url()
        ));
    }
    let program = Program::new(&sim, &config, folder.path())?;
    let totals = daemon(&program, &sim, length).await?;
    if !args.json {
        tell(&totals, &sim);
    }
    let request = requests::follow(&program, &sim, origin, args.json).await?;
    let provision = objects::apply(&program, &sim, args.json).await?;
    let deployments = deployments::follow(&program, &sim, args.json).await?;
    let shortfalls = shortfalls(&totals, &request, &provision, &deployments);
    if args.json {
        print::json(&Shown { totals, request, provision, deployment: deployments });
    } else {
        print::line("");
        print::note(
            "The same with your own account: `ddsync discover`, `ddsync estimate`, `ddsync run`; `ddsync plan`; `ddsync dora`.",
        );
    }
    sim.stop().await;
    for shortfall in &shortfalls {
        print::error(shortfall);
    }
    Ok(u8::from(!shortfalls.is_empty()))
}

/// What the demo promises and did not keep. Nothing goes wrong in the pretend company that the daemon does not mend, so
/// each is a defect of this program.
fn shortfalls(totals: &Totals, request: &Way, provision: &Applied, deployments: &Followed) -> Vec<String> {
    let points = &totals.points;
    let errors: u64 = totals.errors.values().sum();
    let most = totals.errors.iter().max_by_key(|(_, times)| **times).map_or("", |(message, _)| message.as_str());
    let checks = [
        (
            !points.balances(),
            format!("{} points were collected, and what became of them adds up to another number", points.collected),
        ),
        (points.accepted == 0, "Datadog accepted no point".to_owned()),
        (points.pending > 0, format!("{} points were still pending at the end", points.pending)),
        (errors > 0, format!("jobs met {errors} errors, most often: {most}")),
        (
            !request.id.is_empty() && request.failed_in.is_none(),
            format!("nobody can see where request {} failed", request.id),
        ),
        (provision.created == 0, "nothing was provisioned".to_owned()),
        (provision.drift != 1, format!("{} objects were found changed by hand, and one was", provision.drift)),
        (provision.left > 0, format!("{} changes were left after the last apply", provision.left)),
        (!deployments.sent, "a deployment did not reach Datadog".to_owned()),
        (
            !deployments.marked,
            "a deployment was not marked as a failure, and a monitor had alerted after it".to_owned(),
        ),
        (
            deployments.recovered_seconds.is_none() && deployments.rollback_failed.is_none(),
            "a rollback put nothing right".to_owned(),
        ),
    ];
    checks.into_iter().filter(|(failed, _)| *failed).map(|(_, words)| words).collect()
}

/// Whether a variable of the environment could lead the daemon, or what it sends, off this machine.
fn leads_away(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.ends_with("_PROXY") || ["AWS_", "DD_", "DDSYNC_"].iter().any(|start| name.starts_with(start))
}

fn configuration(sim: &Sim, state: &std::path::Path) -> String {
    format!(
        "{}agent: {{listen: \"127.0.0.1:0\"}}\nlog: {{level: error}}\n{ROUTES}",
        sim.config_yaml(&state.to_string_lossy())
    )
}

/// The JSON object of `demo --json`.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    totals: Totals,
    request: Way,
    provision: Applied,
    deployment: Followed,
}

/// This program, run in processes of its own, in the company's environment.
struct Program<'a> {
    path: PathBuf,
    environment: Vec<(String, String)>,
    config: &'a Path,
    folder: &'a Path,
}

impl<'a> Program<'a> {
    fn new(sim: &Sim, config: &'a Path, folder: &'a Path) -> Result<Self, CommandError> {
        let path = std::env::current_exe().map_err(|error| failed("this program cannot be found", &error))?;
        Ok(Self { path, environment: sim.environment(), config, folder })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| !leads_away(&name.to_string_lossy())))
            .envs(self.environment.iter().cloned())
            .envs(NO_FILES)
            .env("XDG_CACHE_HOME", self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// What a command prints, when it succeeds.
    async fn text(&self, arguments: &[&str]) -> Result<Vec<u8>, CommandError> {
        let what = arguments.first().copied().unwrap_or_default();
        let ended = tokio::time::timeout(GRACE, self.command(arguments).output()).await;
        let output = ended
            .map_err(|_| CommandError::Failed(format!("`ddsync {what}` did not end in time")))?
            .map_err(|error| failed(&format!("`ddsync {what}` cannot start"), &error))?;
        if output.status.success() { Ok(output.stdout) } else { Err(ended_badly(what, &output)) }
    }

    /// The JSON object that a command prints.
    async fn json<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T, CommandError> {
        let text = self.text(arguments).await?;
        let what = arguments.first().copied().unwrap_or_default();
        serde_json::from_slice(&text)
            .map_err(|error| CommandError::Failed(format!("`ddsync {what}` printed something else than JSON: {error}")))
    }
}

fn ended_badly(what: &str, output: &Output) -> CommandError {
    let words = String::from_utf8_lossy(&output.stderr);
    CommandError::Failed(format!("`ddsync {what}` ended with {}: {}", output.status, words.trim()))
}

/// Runs the daemon and reads its summary.
async fn daemon(program: &Program<'_>, sim: &Sim, minutes: u32) -> Result<Totals, CommandError> {
    let mut command = program.command(&["run", "--for", &format!("{minutes}m"), "--json"]);
    let child = command.spawn().map_err(|error| failed("the daemon cannot start", &error))?;
    let bar = print::bar(u64::from(minutes), "minutes of the company's morning");
    let limit = Duration::from_secs_f64(f64::from(minutes) * 60.0 / RATE) + GRACE;
    let output = tokio::select! {
        output = tokio::time::timeout(limit, child.wait_with_output()) => output,
        () = follow(&bar, sim) => return Err(CommandError::Failed("the clock stopped".to_owned())),
    };
    bar.finish_and_clear();
    let output = output
        .map_err(|_| CommandError::Failed("the daemon did not end in time".to_owned()))?
        .map_err(|error| failed("the daemon cannot be waited for", &error))?;
    serde_json::from_slice(&output.stdout).map_err(|_| ended_badly("run", &output))
}

/// Moves the bar with the company's clock, for ever.
async fn follow(bar: &ProgressBar, sim: &Sim) {
    let start = sim.world().opened();
    loop {
        let minutes = (sim.clock().now() - start).num_minutes();
        bar.set_position(u64::try_from(minutes).unwrap_or(0).min(bar.length().unwrap_or(0)));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn tell(totals: &Totals, sim: &Sim) {
    print::line("");
    summary::pipelines(totals);
    print::line("");
    summary::numbers(totals);
    let ledger = sim.ledger();
    print::line(format_args!(
        "{:<10} {} series, {} points stored, {} metrics described",
        "Datadog",
        ledger.series.len(),
        ledger.series.values().map(std::collections::BTreeMap::len).sum::<usize>(),
        ledger.metadata.len()
    ));
    for (message, times) in &totals.errors {
        print::warning(format_args!("{times} times: {}", print::printable(message)));
    }
}

async fn serve(sim: &Sim, config: &std::path::Path) -> Outcome {
    let foreign = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| leads_away(name));
    let mut foreign: Vec<String> = foreign.collect();
    foreign.sort();
    if !foreign.is_empty() {
        print::line(format_args!("unset {}", foreign.join(" ")));
    }
    let none = NO_FILES.map(|(name, value)| (name.to_owned(), value.to_owned()));
    for (name, value) in sim.environment().into_iter().chain(none) {
        print::line(format_args!("export {name}={value}"));
    }
    print::line(format_args!("export DDSYNC_CONFIG={}", config.display()));
    print::note("# Datadog's intake; what it received: /_sim/received, /_sim/logs and /_sim/events below");
    print::line(format_args!("# {}", sim.datadog_url()));
    tokio::signal::ctrl_c().await.map_err(|error| failed("no signals", &error))?;
    Ok(0)
}

fn failed(what: &str, error: &std::io::Error) -> CommandError {
    CommandError::Failed(format!("{what}: {error}"))
}

/// A folder that goes away with the demo, for this user alone.
fn folder() -> std::io::Result<TempDir> {
    tempfile::Builder::new().prefix("ddsync-demo-").permissions(Permissions::from_mode(0o700)).tempdir()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::model::series::Fate;

    #[test]
    fn the_demo_fails_when_it_does_not_show_what_it_promises() {
        let points = Fate { collected: 3, accepted: 2, unchanged: 1, ..Fate::default() };
        let good = Totals { points: points.clone(), ..Totals::default() };
        let applied = Applied { created: 1, drift: 1, ..Applied::default() };
        let followed = Followed { sent: true, marked: true, recovered_seconds: Some(60), rollback_failed: None };
        let way = Way { id: "a".to_owned(), failed_in: Some("reader".to_owned()), ..Way::default() };
        let shortfalls = |totals: &Totals, applied: &Applied| shortfalls(totals, &way, applied, &followed);
        assert_eq!(shortfalls(&good, &applied), [""; 0]);
        assert_eq!(super::shortfalls(&good, &way, &applied, &Followed::default()).len(), 3);
        let worse =
            Followed { recovered_seconds: None, rollback_failed: Some("it alerts".to_owned()), ..Followed::default() };
        assert_eq!(super::shortfalls(&good, &way, &applied, &worse).len(), 2, "the story goes otherwise");
        let lost = Way { id: "a".to_owned(), ..Way::default() };
        assert_eq!(super::shortfalls(&good, &lost, &applied, &followed), ["nobody can see where request a failed"]);
        assert_eq!(super::shortfalls(&good, &Way::default(), &applied, &followed), [""; 0], "none failed");
        let wrong = |points: Fate| shortfalls(&Totals { points, ..Totals::default() }, &applied);
        assert_eq!(
            wrong(Fate { collected: 4, pending: 1, ..points.clone() }),
            ["1 points were still pending at the end"]
        );
        assert!(wrong(Fate { collected: 4, ..points }).iter().any(|words| words.contains("another number")));
        assert_eq!(wrong(Fate::default()), ["Datadog accepted no point"]);
        let errors = [("once".to_owned(), 1), ("often".to_owned(), 2)].into();
        assert_eq!(shortfalls(&Totals { errors, ..good.clone() }, &applied), ["jobs met 3 errors, most often: often"]);
        let left = Applied { created: 1, drift: 2, left: 3, ..Applied::default() };
        assert_eq!(
            shortfalls(&good, &left),
            ["2 objects were found changed by hand, and one was", "3 changes were left after the last apply"]
        );
        assert!(shortfalls(&good, &Applied::default()).contains(&"nothing was provisioned".to_owned()));
    }

    #[test]
    fn the_folder_is_nobody_elses_and_goes_away() {
        let made = folder().unwrap();
        let path = made.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(made);
        assert!(!path.exists());
    }

    #[test]
    fn what_leads_away_is_told_by_its_name() {
        for name in ["AWS_ENDPOINT_URL_CLOUDWATCH", "DD_DD_URL", "DDSYNC_CLOCK", "https_proxy", "ALL_PROXY"] {
            assert!(leads_away(name), "{name}");
        }
        for name in ["PATH", "HOME", "NO_COLOR", "LAWS_X", "PROXY"] {
            assert!(!leads_away(name), "{name}");
        }
    }
}
