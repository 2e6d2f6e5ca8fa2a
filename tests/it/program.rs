//! The program as a person runs it, kept away from everybody's accounts.

use std::path::Path;
use std::process::{Command, Output};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
///
/// # Panics
/// When it is not there.
pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A command in the root of the repository, with nothing of this machine's settings but the search path, where ddsync
/// comes first, and with credentials that are good for nothing.
pub(crate) fn command(program: &str) -> Command {
    let own = Path::new(env!("CARGO_BIN_EXE_ddsync")).parent().expect("a program lies in a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([own.to_owned()].into_iter().chain(std::env::split_paths(&path)));
    let mut command = Command::new(program);
    command
        .current_dir(root())
        .env_clear()
        .env("PATH", path.expect("folders without colons"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "none")
        .env("AWS_SECRET_ACCESS_KEY", "none")
        .env("DD_API_KEY", "none");
    command
}

/// What ddsync says on standard output.
///
/// # Panics
/// When it leaves with another code than 0.
pub(crate) fn ddsync(arguments: &[&str]) -> String {
    says(command(env!("CARGO_BIN_EXE_ddsync")).args(arguments).output().expect("ddsync starts"), arguments)
}

/// Standard output of a command that left with 0.
pub(crate) fn says(output: Output, what: impl std::fmt::Debug) -> String {
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{what:?} leaves with {}: {words}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Checks that a file, or a part of one, is what the program makes of it now; with `DDSYNC_WRITE` set it is written
/// instead.
///
/// # Panics
/// When it is something else.
pub(crate) fn generated(path: &str, found: &str, wanted: &str, whole: impl FnOnce() -> String) {
    if found == wanted {
        return;
    }
    if std::env::var_os("DDSYNC_WRITE").is_some() {
        std::fs::write(root().join(path), whole()).expect("a file of the repository can be written");
        return;
    }
    panic!("{path} is out of date; run `DDSYNC_WRITE=1 cargo test --test it`.\nfound:\n{found}\nwanted:\n{wanted}");
}
