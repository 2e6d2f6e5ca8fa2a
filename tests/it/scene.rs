//! A pretend company, a configuration for it, and the program run in it as a person runs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use chrono::{DateTime, TimeDelta, Utc};
use ddsync::clock;
use ddsync::sim::{Clock, Options, Sim};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::python;

/// 8 o'clock on a Tuesday morning by the company's clock, eight hours behind UTC: its rush hour begins.
pub(crate) fn morning() -> DateTime<Utc> {
    DateTime::from_timestamp(1_788_883_200, 0).expect("an instant")
}

/// A stage that its file declares and nobody deployed, and one that calls Textract.
const DECLARED: &str = "
team: Docs
identifier: LeaseAbstraction
data_prod:
  sagemakerPipelines:
    - name: Lease
      models:
        - {name: signature-finder, async: true, count: 1, dependsOn: {models: [page-split]}}
        - {name: table-reader, async: true, count: 2, textract: true, dependsOn: {models: [page-split]}}
";

/// Logs have tests of their own, and following them takes time from clocks that run fast.
pub(crate) const NO_LOGS: &str = "logs: {collect: false}\n";

/// Where a program runs: its company, its folder, its environment.
pub(crate) struct Scene {
    pub(crate) sim: Sim,
    folder: TempDir,
    /// `ddsync.yaml`, to be changed before it is used.
    pub(crate) config: String,
    pub(crate) environment: BTreeMap<String, String>,
}

/// What a person sees of a run, with what differs from run to run replaced.
pub(crate) struct Screen {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scene {
    /// The example company on a morning, its clock `rate` times as fast as the machine's.
    pub(crate) async fn at_rate(rate: f64) -> Self {
        Self::at(morning(), rate).await
    }

    /// The example company at `origin`, its clock `rate` times as fast as the machine's.
    pub(crate) async fn at(origin: DateTime<Utc>, rate: f64) -> Self {
        Self::of(Options { clock: Clock::scaled(origin, rate), ..Options::default() }).await
    }

    /// A company of other options.
    pub(crate) async fn of(options: Options) -> Self {
        let sim = Sim::start(options).await.expect("the company opens");
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        let config = format!(
            "{}agent: {{listen: \"127.0.0.1:0\"}}\nlog: {{level: error, format: human}}\n{NO_LOGS}",
            sim.config_yaml(&state.to_string_lossy())
        );
        let mut environment: BTreeMap<String, String> = sim.environment().into_iter().collect();
        for (name, value) in [("AWS_EC2_METADATA_DISABLED", "true"), ("NO_COLOR", "1")] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        environment.insert("HOME".to_owned(), folder.path().to_string_lossy().into_owned());
        Self { sim, folder, config, environment }
    }

    /// The example company on a morning in real time.
    pub(crate) async fn new() -> Self {
        Self::at_rate(1.0).await
    }

    /// Replaces a part of the configuration.
    ///
    /// # Panics
    /// When it is not there.
    pub(crate) fn change(&mut self, from: &str, to: &str) {
        assert!(self.config.contains(from), "{from:?} is not in\n{}", self.config);
        self.config = self.config.replace(from, to);
    }

    /// Gives the program a pipeline file: what is in it stands nowhere else.
    pub(crate) fn declare(&mut self) {
        std::fs::create_dir_all(self.path("pipelines")).expect("a folder");
        std::fs::write(self.path("pipelines/lease.yaml"), DECLARED).expect("a pipeline file");
        self.config.push_str("pipelines: {files: [\"pipelines/*.yaml\"]}\n");
    }

    /// Gives the program a clock that is so far ahead of the company's.
    pub(crate) fn set_clock_ahead(&mut self, by: TimeDelta) {
        let clock = clock::Clock::parse(&self.sim.clock().to_env()).expect("a clock").shifted(by);
        let clock::Clock::Scaled { real_origin_ms, sim_origin_ms, rate } = clock else { return };
        self.environment.insert("DDSYNC_CLOCK".to_owned(), format!("{real_origin_ms}:{sim_origin_ms}:{rate}"));
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        std::fs::write(self.path("ddsync.yaml"), &self.config).expect("the configuration is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ddsync"));
        command.args(arguments);
        self.within(command)
    }

    /// A command in the folder and with the environment of this place.
    fn within(&self, mut command: Command) -> Command {
        command
            .current_dir(self.folder.path())
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Screen {
        self.screen(&self.command(arguments).output().await.expect("the program runs"))
    }

    /// What a person sees of a run that has ended.
    pub(crate) fn screen(&self, output: &std::process::Output) -> Screen {
        let text = |bytes: &[u8]| self.redact(&String::from_utf8_lossy(bytes));
        Screen { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Starts the program and leaves it running, to be waited for with what it says.
    pub(crate) fn start_heard(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// Starts the program on a terminal of its own: what is written to it is typed, what it shows is read.
    pub(crate) fn start_on_terminal(&self, arguments: &[&str]) -> Child {
        std::fs::write(self.path("ddsync.yaml"), &self.config).expect("the configuration is written");
        let mut command = Command::new(python::interpreter());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/on_terminal.py");
        command.arg(script).arg(env!("CARGO_BIN_EXE_ddsync")).args(arguments);
        let mut command = self.within(command);
        command.env("TERM", "xterm").env("COLUMNS", "200").stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().expect("Python starts")
    }

    /// Starts the program and leaves it running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    }

    fn redact(&self, text: &str) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let text = text
            .replace(&self.sim.aws_url(), "http://AWS")
            .replace(&self.sim.datadog_url(), "http://DATADOG")
            .replace(&self.sim.github_url(), "http://GITHUB")
            .replace(&*self.folder.path().to_string_lossy(), "/FOLDER");
        let text: String = text.split_inclusive('\n').map(redact_line).collect();
        if host.trim().is_empty() { text } else { text.replace(&format!("{} pid ", host.trim()), "HOST pid ") }
    }

    /// Stored points of series whose name begins with `prefix` and whose tags hold `tag`: by metric, tags and second.
    pub(crate) fn stored(&self, prefix: &str, tag: &str) -> Vec<(String, Vec<String>, i64, f64)> {
        let ledger = self.sim.ledger();
        let wanted = ledger.series.iter().filter(|(series, _)| {
            series.metric.starts_with(prefix) && (tag.is_empty() || series.tags.iter().any(|own| own == tag))
        });
        wanted
            .flat_map(|(series, points)| {
                points.iter().map(|(at, kept)| (series.metric.clone(), series.tags.clone(), *at, kept.value))
            })
            .collect()
    }
}

fn redact_line(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let before = std::iter::once("").chain(words.iter().copied());
    before.zip(&words).map(|(before, word)| redact_word(before, word)).collect::<Vec<_>>().join(" ")
}

/// Instants and numbers of processes.
fn redact_word(before: &str, word: &str) -> String {
    let instant = word.get(..19).is_some_and(|start| {
        start.chars().enumerate().all(|(at, c)| match at {
            4 | 7 => c == '-',
            10 => c == 'T',
            13 | 16 => c == ':',
            _ => c.is_ascii_digit(),
        })
    });
    if instant {
        format!("TIME{}", word.split_once('Z').map_or("", |(_, rest)| rest))
    } else if before == "pid" {
        format!("PID{}", word.trim_start_matches(|c: char| c.is_ascii_digit()))
    } else {
        word.to_owned()
    }
}

impl Screen {
    /// Everything, as a snapshot shows it.
    pub(crate) fn whole(&self) -> String {
        format!("{}exit {}\n", [self.stdout.as_str(), self.stderr.as_str()].concat(), self.shown_code())
    }

    /// Errors and warnings alone.
    pub(crate) fn complaints(&self) -> String {
        format!("{}exit {}\n", self.stderr, self.shown_code())
    }

    fn shown_code(&self) -> String {
        self.code.map_or_else(|| "by a signal".to_owned(), |code| code.to_string())
    }

    /// The JSON object on standard output.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// What the totals say of points with this fate.
    ///
    /// # Panics
    /// When there are no totals.
    pub(crate) fn points(&self, fate: &str) -> u64 {
        self.json()["points"][fate].as_u64().expect("a number")
    }
}
