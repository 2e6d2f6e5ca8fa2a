//! The program as a process in the pretend company: started, asked, killed.

use std::{
    fs::File,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use ddsync::sim::{Clock, Options, Sim};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use crate::scene::NO_LOGS;

/// Whose turn it is.
static TURN: Mutex<()> = Mutex::const_new(());
/// How long anything that is waited for may take, in real time.
const PATIENCE: Duration = Duration::from_mins(1);

/// A pretend company with a configuration and a state, in a folder of its own.
pub(crate) struct Place {
    _turn: MutexGuard<'static, ()>,
    pub(crate) sim: Sim,
    folder: tempfile::TempDir,
    starts: std::cell::Cell<u32>,
}

impl Place {
    /// Opens the company at `origin`, at `rate` times real time. `more` is added to the configuration.
    pub(crate) async fn open(seed: u64, origin: DateTime<Utc>, rate: f64, more: &str) -> Self {
        // Reading a long history of deployments, which has tests of its own, would take all the time of a fast clock.
        let options = Options { seed, clock: Clock::scaled(origin, rate), github_runs: 10, ..Options::default() };
        Self::with(options, more).await
    }

    /// Opens such a company. `more` is added to the configuration.
    pub(crate) async fn with(options: Options, more: &str) -> Self {
        // Fast clocks leave little time to a process that has to share the machine with ten others.
        let turn = TURN.lock().await;
        let sim = Sim::start(options).await.expect("the pretend company starts");
        let folder = tempfile::tempdir().expect("a folder");
        let place = Self { _turn: turn, sim, folder, starts: std::cell::Cell::new(0) };
        place.configure(more);
        place
    }

    /// Writes the configuration anew, with `more` at its end.
    pub(crate) fn configure(&self, more: &str) {
        let state = self.state();
        let yaml = self.sim.config_yaml(&state.to_string_lossy());
        let logs = if more.contains("logs:") { "" } else { NO_LOGS };
        let yaml = format!("{yaml}agent: {{listen: \"127.0.0.1:0\", unready_after: 3}}\n{logs}{more}");
        std::fs::write(self.folder.path().join("ddsync.yaml"), yaml).expect("a configuration");
    }

    /// Replaces a part of the configuration.
    ///
    /// # Panics
    /// When it is not there.
    pub(crate) fn change(&self, from: &str, to: &str) {
        let path = self.folder.path().join("ddsync.yaml");
        let yaml = std::fs::read_to_string(&path).expect("a configuration");
        assert!(yaml.contains(from), "{from:?} is not in\n{yaml}");
        std::fs::write(path, yaml.replacen(from, to, 1)).expect("a configuration");
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// How many checkpoints the state holds; two accounts with two tiers have four.
    pub(crate) fn checkpoints(&self) -> usize {
        self.committed("hot").len() + self.committed("warm").len()
    }

    /// The first minute not yet committed, Unix seconds, of a tier in each account.
    pub(crate) fn committed(&self, tier: &str) -> Vec<i64> {
        let accounts = std::fs::read_dir(self.state().join(tier)).into_iter().flatten().flatten();
        let objects = accounts.flat_map(|account| std::fs::read_dir(account.path()).into_iter().flatten().flatten());
        let texts = objects.filter_map(|object| std::fs::read_to_string(object.path()).ok());
        let values = texts.filter_map(|text| serde_json::from_str::<Value>(&text).ok());
        values.filter_map(|value| value.pointer("/data/committed")?.as_i64()).collect()
    }

    /// Starts `ddsync run` with further arguments and environment.
    pub(crate) fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Process {
        let number = self.starts.get();
        self.starts.set(number + 1);
        let file = |what: &str| {
            let path = self.folder.path().join(format!("{what}-{number}"));
            (File::create(&path).expect("a file"), path)
        };
        let ((out, out_path), (log, log_path)) = (file("out"), file("log"));
        let child = Command::new(env!("CARGO_BIN_EXE_ddsync"))
            .arg("run")
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("ddsync.yaml"))
            .env_clear()
            .envs(self.sim.environment())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", self.folder.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(log)
            .spawn()
            .expect("the program starts");
        Process { child, out: out_path, log: log_path }
    }

    /// Runs a command of the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ddsync"));
        command.args(arguments).arg("--config").arg(self.folder.path().join("ddsync.yaml"));
        let command = command.env_clear().envs(self.sim.environment()).env("HOME", self.folder.path());
        command.stdin(Stdio::null()).output().expect("the program runs")
    }

    /// Waits until the company's clock shows `instant`.
    pub(crate) async fn until(&self, instant: DateTime<Utc>) {
        while self.sim.clock().now() < instant {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits so long, in the company's time.
    pub(crate) async fn pass(&self, span: TimeDelta) {
        self.until(self.sim.clock().now() + span).await;
    }
}

/// One running program.
pub(crate) struct Process {
    child: std::process::Child,
    out: PathBuf,
    log: PathBuf,
}

impl Process {
    /// SIGKILL, and it is gone when this returns.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Sends a signal by its short name, for example `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "the signal {name} is sent");
    }

    /// Its exit code; `None` when a signal ended it.
    pub(crate) async fn ends(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// What it has logged until now.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it has printed, as JSON.
    pub(crate) fn printed(&self) -> Value {
        let text = std::fs::read_to_string(&self.out).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}\n{}", self.log()))
    }

    /// Asks its HTTP server for `path`.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let began = Instant::now();
        let address = loop {
            let log = self.log();
            let found = log.split("\"address\":\"").nth(1).and_then(|rest| rest.split('"').next());
            if let Some(address) = found {
                break address.to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "no address in the log:\n{log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let answer = reqwest::get(format!("http://{address}{path}")).await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("a body"))
    }

    /// `/status`.
    pub(crate) async fn status(&self) -> Value {
        let (_, body) = self.get("/status").await;
        serde_json::from_str(&body).expect("JSON")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended before.
        let _gone = self.child.kill().and_then(|()| self.child.wait().map(drop));
    }
}

/// Waits until `done` says so, at most a real minute; `what` is told when it does not.
pub(crate) async fn wait_for(what: &str, done: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
