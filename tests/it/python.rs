//! The Python environment of the tests: where it is, its judges, and its servers.

use std::{
    io::{Seek, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// How long a server may take to listen: most of it is Python reading modules for the first time.
const START: Duration = Duration::from_mins(1);

/// The interpreter of the environment that `make test` makes.
///
/// # Panics
/// When it is not there, with what to do. A test that needs it never passes without it.
pub(crate) fn interpreter() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/emulators");
    let folder = std::env::var_os("DDSYNC_EMULATORS").map_or(default, PathBuf::from);
    let python = folder.join("bin/python");
    // The copy of the requirements is made last: without it the environment is half made, or an old one.
    let installed = std::fs::read_to_string(folder.join("requirements.txt")).unwrap_or_default();
    let wanted = include_str!("../requirements.txt");
    assert!(
        python.exists() && installed == wanted,
        "the emulators are not installed in {} as tests/requirements.txt says; run `make emulators` once, or `make test`",
        folder.display()
    );
    python
}

/// A script of tests/judges, in an environment in which nothing of the person who runs the tests is left: neither keys
/// and profiles nor proxies.
fn python(script: &str) -> Command {
    let mut command = Command::new(interpreter());
    command
        .arg("-B")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges").join(script))
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// What a script said on standard output, when it left with 0.
///
/// # Panics
/// When it left with another code, with all that it said.
pub(crate) fn agrees(name: &str, output: Output) -> Vec<u8> {
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{name} leaves with {}:\n{}{}",
        output.status,
        said(&output.stderr),
        said(&output.stdout)
    );
    output.stdout
}

/// Runs a script of tests/judges to its end, whatever that is.
pub(crate) fn run(name: &str, arguments: &[&str], environment: &[(String, String)], input: &[u8]) -> Output {
    let mut child = python(name)
        .args(arguments)
        .envs(environment.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    std::thread::scope(|scope| {
        // A script that leaves early closes the pipe: its own words say why.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().expect("the interpreter ends")
    })
}

/// A server of the environment on a free port of 127.0.0.1. It ends with this value, and with the test process.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts the command `name` of the environment; `arguments` and `environment` are made for the port it gets.
    ///
    /// # Panics
    /// When it ends, or does not listen in time, with all that it said.
    pub(crate) fn start(
        name: &str,
        arguments: impl Fn(u16) -> Vec<String>,
        environment: impl Fn(u16) -> Vec<(&'static str, String)>,
    ) -> Self {
        let address = free_port();
        let mut log = tempfile::tempfile().expect("a log file");
        let handle = || log.try_clone().expect("a second handle");
        let mut child = python("serve.py")
            .arg(name)
            .args(arguments(address.port()))
            .envs(environment(address.port()))
            .stdin(Stdio::piped())
            .stdout(handle())
            .stderr(handle())
            .spawn()
            .expect("the interpreter starts");
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait().expect("a child can be asked");
            if ended.is_some() || started.elapsed() > START {
                child.kill().ok();
                log.rewind().expect("a file can be read again");
                let said = std::io::read_to_string(log).unwrap_or_default();
                panic!("{name} does not listen on {address} ({ended:?}); it said:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, address }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It leaves when its standard input closes, and may have ended before.
        drop(self.child.stdin.take());
        self.child.wait().ok();
    }
}

/// An address that nobody listened on a moment ago.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound listener has an address")
}
