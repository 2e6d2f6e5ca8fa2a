//! What reading a configuration gives, message by message.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod dora;
mod github;
mod logs;
mod meaning;
mod messages;
mod privacy;

use std::path::Path;

use super::settings::{Compression, DogStatsD, Environment, Schedules, StateLocation};
use super::{Problem, Settings, load, read};

fn env(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn problems(text: &str) -> String {
    read(text, "ddsync.yaml", &Environment::new()).unwrap_err().to_string()
}

fn warnings(text: &str) -> String {
    let loaded = read(text, "ddsync.yaml", &Environment::new()).unwrap();
    loaded.warnings.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

fn settings(text: &str, variables: &[(&str, &str)]) -> Settings {
    read(text, "ddsync.yaml", &env(variables)).unwrap().settings
}
