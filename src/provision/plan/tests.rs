#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod any;
mod laws;
mod rules;
mod server;
