//! Templates: Datadog's own JSON or YAML, parsed first, then rendered string by string.
//!
//! Strings hold expressions between `<<` and `>>` and blocks between `<%` and `%>`; Datadog's own `{{ }}` stays as it is.
//! What comes out of rendering is never parsed again, so that no tag's value can change what an object is.

use serde_json::Value;

use crate::provision::object::Kind;

mod block;
mod context;
mod expand;
mod header;
mod load;
mod names;
mod parse;
mod pieces;
mod render;
#[cfg(test)]
mod tests;
mod text;
mod variables;

pub(super) use block::Blocks;
pub(super) use context::{context, furnish, pipeline_value, route_value, stage_value, vars_value};
pub(super) use expand::{Compiled, Last};
pub use header::{Header, Scope};
pub use load::{Source, Templates, folder_of, is_key};
pub(super) use names::Names;
pub(super) use render::{Faults, engine};
pub use text::safe_text;
pub use variables::Variable;

/// A file that describes objects of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// What it describes, by its folder.
    pub kind: Kind,
    /// The file's name without its end: `[a-z0-9-]+`.
    pub key: String,
    /// The file, as messages name it.
    pub file: String,
    /// What its `ddsync:` says.
    pub header: Header,
    /// Datadog's JSON, unrendered.
    pub body: Value,
}
