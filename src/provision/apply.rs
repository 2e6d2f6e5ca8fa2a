//! The only part of `provision` that talks to Datadog: it looks at what is there and carries out what was planned.
//!
//! Whatever is stopped at any moment leaves each object either as it was or as it should be, with its mark; a dashboard
//! that others refer to may still be empty. There is nothing to repair: planning and applying again goes on from there.

use crate::client::datadog::Objects;
use crate::provision::object::Kind;

mod backup;
mod cache;
mod execute;
mod handles;
mod land;
mod link;
mod look;
mod moved;
mod page_test;
mod prepare;
mod reference;
mod report;
mod session;

pub use backup::{Backup, BackupError, backup, restore};
pub use execute::{OnError, Options, Progress, execute};
pub use handles::verify_handles;
pub use link::link;
pub use look::{fetch, look};
pub use moved::moved;
pub use page_test::{PageTest, Patience, Seen, Shown, cleanup, page_test, sweep};
pub use prepare::{Inputs, PrepareError, Prepared, Wanting, held, prepare, refused_monitors, told, wanted};
pub use report::{Done, Failed, Item, Report, Skipped, What};
pub use session::Session;

/// Requests under way at once. 32 made storms of refusals at a peer.
const CONCURRENCY: usize = 8;

fn objects(kind: Kind) -> Objects {
    match kind {
        Kind::Monitor => Objects::Monitors,
        Kind::Slo => Objects::Slos,
        Kind::Dashboard => Objects::Dashboards,
    }
}

#[cfg(test)]
mod tests;
