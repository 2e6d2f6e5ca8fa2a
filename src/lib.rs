//! Datadog telemetry agent and DORA exporter for machine-learning pipelines on AWS.
//!
//! Everything is pulled, on a schedule, from a store that keeps it, so the source is the buffer. A job is one straight
//! line with no queue in it:
//!
//! ```text
//! collect(window) -> deliver(batch) -> commit(window)
//! ```
//!
//! The checkpoint moves only after Datadog said yes. A crash reads a window again instead of losing it, and since
//! Datadog keeps the last point per (name, tags, second), sending a whole value twice changes nothing.
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | the command line; one file a command |
//! | [`agent`] | the daemon: jobs on schedules, health, shutdown; `agent/jobs/` says what each job does |
//! | [`source`] | what is read: discovery, metrics, lines of logs |
//! | [`sink`] | what is sent: series, metadata, the local Agent |
//! | [`provision`] | dashboards, monitors and SLOs from templates: what should be, against what is; `apply` alone writes |
//! | [`client`] | AWS and Datadog: authentication, paging, limits, retries |
//! | [`model`] | pipelines and stages, tags, the catalogue of metrics, series and points; pure |
//! | [`query`] | Datadog's metric query language, the part that templates use: parsed, printed, evaluated; pure |
//! | [`config`] | the file as typed, and the settings as meant |
//! | [`state`] | checkpoints in a folder or in S3 |
//! | [`telemetry`] | what this program says about itself |
//! | [`clock`] | the one clock |
//! | [`sim`] | the pretend company with its AWS and its Datadog, for the demo, the tests and the benchmark |
//!
//! Who may import whom is a table in `tests/it/layers.rs`, and a test.

pub mod agent;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod model;
pub mod provision;
pub mod query;
pub mod sim;
pub mod sink;
pub mod source;
pub mod state;
pub mod telemetry;
