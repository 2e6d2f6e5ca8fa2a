//! `ddsync completions`: a script for a shell.

use clap::CommandFactory;

use super::{Cli, print};

pub(super) fn run(shell: clap_complete::Shell) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ddsync", &mut script);
    print::raw(&script);
    0
}
