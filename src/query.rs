//! Datadog's metric query language, the part that monitors, dashboards and SLOs use: parsed, printed, evaluated. Pure.
//!
//! ```text
//! max(last_10m):max:ddsync.age{pipeline:lease,!stage:ocr} by {stage}.rollup(max, 60) > 900
//! ^ fold        ^ aggregation  ^ filter                ^ group  ^ modifier            ^ threshold
//! ```
//!
//! What it does not know is [`Unchecked`]: never called fine, never called wrong. Printing gives one spelling, which
//! reads back as the same query.
//!
//! Sources: <https://docs.datadoghq.com/metrics/>, <https://docs.datadoghq.com/metrics/advanced-filtering/>,
//! <https://docs.datadoghq.com/dashboards/functions/> and, for monitors,
//! <https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor>.

use std::fmt;

mod ast;
mod eval;
mod filter;
mod functions;
mod lex;
mod monitor;
mod parse;
mod print;
#[cfg(test)]
mod tests;
mod values;

pub use ast::{Aggregation, Argument, Expr, Fill, MAX_NESTING, MAX_TERMS, Method, Modifier, Operator, Selector};
pub use eval::{Group, Kind, NO_VALUE, Stored, Verdict, evaluate, evaluate_monitor};
pub use filter::{Filter, Pattern};
pub use monitor::{Change, Comparator, Composite, Fold, MonitorQuery, parse_monitor};
pub use parse::{parse, parse_formula};
pub use values::same_but_for_values;

/// Why nothing can be said about a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unchecked {
    /// Characters before the place; none when it is not a matter of one place.
    pub at: Option<usize>,
    /// A lowercase fragment: what is not known.
    pub what: String,
}

impl Unchecked {
    /// Known by name, but not what it amounts to.
    fn value(what: impl Into<String>) -> Self {
        Self { at: None, what: what.into() }
    }
}

impl fmt::Display for Unchecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not checked: {}", self.what)?;
        self.at.iter().try_for_each(|at| write!(f, " at character {}", at + 1))
    }
}
