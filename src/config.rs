//! Configuration: the file as typed, and the settings as meant.
//!
//! [`load()`] reads a YAML file and the environment into [`Settings`], or says everything that is wrong with them at once.
//! Relative paths in the file (`pipelines.files`, `templates.dir`, `datadog.api_key_file`, `datadog.app_key_file`,
//! `github.token_file`, `github.private_key_file`, `github.webhook.secret_file`) start at the file's own folder; `state`
//! starts at the working directory. A variable that is set but empty counts as not set.
//!
//! | variable | setting | when both are given |
//! |---|---|---|
//! | `DD_API_KEY`, `DD_APP_KEY` | `datadog.api_key_file`, `datadog.app_key_file` | the variable; a key itself never stands in the file |
//! | `DD_SITE` | `datadog.site` | the variable |
//! | `DD_DD_URL`, else `DD_URL` | `datadog.base_url` | the variable; a base URL from either place replaces the one of the site |
//! | `DD_TAGS` (separated by commas or spaces) | `datadog.tags` | both |
//! | `DD_ENV`, `DD_SERVICE`, `DD_VERSION` | the tags `env`, `service`, `version` | both |
//! | `DD_DOGSTATSD_URL`, else `DD_AGENT_HOST` with `DD_DOGSTATSD_PORT` (8125) | `dogstatsd.url` | the variable |
//! | `GITHUB_TOKEN` | `github.token_file` | the variable; an App (`github.app_id`) goes before both |
//! | `GITHUB_WEBHOOK_SECRET` | `github.webhook.secret_file` | the variable |
//! | `AWS_REGION`, else `AWS_DEFAULT_REGION` | `regions` | the file |
//!
//! The variables of Datadog win because that is what its Agent does; those of AWS are only a default, as in its tools,
//! where what is asked for by name goes before them. Credentials and endpoints of AWS are not configuration: the SDK
//! takes them from its own environment.

mod account;
mod agent;
mod cron;
mod custom;
mod datadog;
mod dogstatsd;
mod dora;
mod echo;
mod field;
mod files;
mod github;
mod load;
mod logs;
mod metrics;
mod node;
mod pipelines;
mod problem;
mod provision;
mod region;
mod routes;
mod schedules;
mod secret;
pub mod settings;
mod state;
mod templates;
#[cfg(test)]
mod tests;

pub(crate) use datadog::is_known_site;
pub(crate) use echo::nearest;
pub use load::{Loaded, load, read};
pub use problem::{Problem, Problems};
pub use secret::Secret;
pub use settings::Settings;
