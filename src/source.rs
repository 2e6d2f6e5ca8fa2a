//! Sources: everything that is read, pulled from a store that keeps it.

pub mod alerts;
pub mod deploys;
pub mod discover;
pub mod logs;
pub mod metrics;
