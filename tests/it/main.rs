//! What the program does, seen from outside: one test binary, a file a theme.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod backfill;
mod bad_input;
mod daemon;
mod declared;
mod demo;
mod deploy;
mod deploys;
mod dora;
mod dora_sink;
mod emulators;
mod estimate;
mod judges;
mod kill;
mod layers;
mod lies;
mod logs;
mod objects;
mod process;
mod program;
mod provision;
mod python;
mod readme;
mod recorder;
mod scene;
mod screens;
mod secrets;
mod shared_state;
mod truth;
mod webhook;
mod workflow;
