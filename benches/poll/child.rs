//! Children of this process, which are asked line by line and end when their input does.

use std::process::Stdio;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::Result;

/// This program again, with other arguments.
pub(crate) struct Again {
    child: Child,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Again {
    pub(crate) fn start(arguments: &[&str], environment: &[(String, String)]) -> Result<Self> {
        let mut child = clean(&mut Command::new(std::env::current_exe()?))
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let asks = child.stdin.take().ok_or("the child has no input")?;
        let answers = child.stdout.take().ok_or("the child has no output")?;
        Ok(Self { child, asks, answers: BufReader::new(answers).lines() })
    }

    /// The child's next line, read as JSON.
    pub(crate) async fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let line = self.answers.next_line().await?.ok_or("the child has ended")?;
        serde_json::from_str(&line).map_err(|_| line.into())
    }

    /// One line to the child, and its answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, word: &str) -> Result<T> {
        self.asks.write_all(format!("{word}\n").as_bytes()).await?;
        self.answer().await
    }

    /// Lets the child end.
    pub(crate) async fn end(self) -> Result<()> {
        let Self { mut child, asks, answers } = self;
        drop((asks, answers));
        child.wait().await?;
        Ok(())
    }
}

/// Without the variables that would change what is measured, or lead away from this machine.
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    let ours = |name: &str| ["AWS_", "DD_", "DDSYNC_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true")
}
