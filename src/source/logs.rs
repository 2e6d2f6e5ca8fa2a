//! What the events of a log group say, as lines for Datadog. Pure: pages, time and settings are arguments.
//!
//! ```text
//! events of a group, in the order of time
//!   -> assemble   a stack trace is one
//!   -> read       level, attributes and ids; what is secret is gone from here on
//!   -> choose     what is worth its price
//!   -> split      what is too long for Datadog
//! ```
//!
//! [`counts`] counts what was read, before anything is left out. A [`reader`] goes through one group with all of this, and
//! a [`schedule`] says which group is next; [`following`] reads all groups of an account with them. Where a metric says that
//! requests failed, [`failures`] says which; [`volume`] asks how much is written, without reading any of it.

pub mod ansi;
pub mod assemble;
pub mod choose;
pub mod classify;
pub mod counts;
pub mod environment;
pub mod failures;
pub mod following;
pub mod group;
pub mod ids;
pub mod json;
pub mod lambda;
pub mod level;
mod open_keys;
pub mod read;
pub mod reader;
pub mod redact;
pub mod schedule;
pub mod seen;
pub mod split;
pub mod trace;
pub mod volume;

#[cfg(test)]
mod tests;
