//! The `ddsync` program: parse, dispatch, map the result to an exit code.

use std::process::ExitCode;

use clap::Parser;
use ddsync::cli::{Cli, print};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match ddsync::cli::run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            print::error(&error.to_string());
            ExitCode::from(error.code())
        }
    }
}
