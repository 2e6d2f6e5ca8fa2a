//! What the program is about: resources, pipelines and stages, the catalogue of metrics, series and points, and DORA.
//!
//! Pure: nothing here reads a clock, a file or a socket, and nothing here knows another module of the crate.

pub mod catalogue;
pub mod declared;
pub mod dora;
pub mod failure;
pub mod hostile;
pub mod log;
pub mod pipeline;
pub mod resource;
pub mod series;
pub mod tag;
pub mod unit;
