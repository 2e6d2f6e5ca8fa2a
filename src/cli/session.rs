//! What most commands begin with: configuration, log, clock, clients, state.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use super::{CommandError, print};
use crate::agent::Health;
use crate::agent::jobs::Jobs;
use crate::client::{aws, datadog};
use crate::clock::{self, Clock};
use crate::config::settings::LogFormat;
use crate::config::{self, Settings};
use crate::state::{Store, this_process};
use crate::telemetry;

/// Settings and clock of a run.
pub(super) struct Session {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
}

impl Session {
    /// Reads the configuration and starts our own log.
    pub(super) fn open(config: &Path, verbose: u8) -> Result<Self, CommandError> {
        Self::with(settings(config)?, verbose)
    }

    /// Every default, for an estimate without a configuration; its region is never asked.
    pub(super) fn by_default(verbose: u8) -> Result<Self, CommandError> {
        let loaded = config::read("regions: [us-east-1]", "defaults", &BTreeMap::new());
        Self::with(loaded.map_err(CommandError::Configuration)?.settings, verbose)
    }

    fn with(settings: Settings, verbose: u8) -> Result<Self, CommandError> {
        let filter = match verbose {
            0 => settings.log.filter.clone(),
            1 => "ddsync=debug,info".to_owned(),
            _ => "debug".to_owned(),
        };
        let terminal = std::io::stderr().is_terminal();
        let json = match settings.log.format {
            LogFormat::Auto => !terminal,
            LogFormat::Human => false,
            LogFormat::Json => true,
        };
        let colour = terminal && std::env::var_os("NO_COLOR").is_none();
        telemetry::init_tracing(&filter, json, colour).map_err(|error| CommandError::Failed(error.to_string()))?;
        let clock = match std::env::var(clock::ENV) {
            Ok(text) => Clock::parse(&text)?,
            Err(_) => Clock::Real,
        };
        Ok(Self { settings, clock })
    }

    /// Clients of every account and region.
    pub(super) async fn aws(&self) -> Vec<Arc<aws::Aws>> {
        aws::connect(&self.settings.accounts, &self.settings.limits, &self.settings.logs, self.clock).await
    }

    /// Everything that the jobs need. The state is locked from here on.
    pub(super) async fn jobs(&self, health: Option<Arc<Health>>) -> Result<Jobs, CommandError> {
        let datadog = datadog::Client::new(&self.settings.datadog)?.with_clock(self.clock);
        let store = Store::open(&self.settings.state, &this_process(), self.clock)?;
        Ok(Jobs::new(self.settings.clone(), self.clock, store, datadog, self.aws().await, health))
    }
}

/// Reads the configuration; what deserves a look is printed.
pub(super) fn settings(config: &Path) -> Result<Settings, CommandError> {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let loaded = config::load(config, &environment).map_err(CommandError::Configuration)?;
    for problem in &loaded.warnings {
        print::warning(problem);
    }
    Ok(loaded.settings)
}
