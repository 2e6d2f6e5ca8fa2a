//! The queries of monitors.
//!
//! <https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor>, "Query Types"

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use super::ast::Expr;
use super::print;

mod parse;

pub use parse::parse_monitor;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;
const UNITS: [(&str, u64); 4] = [("w", WEEK), ("d", DAY), ("h", HOUR), ("m", MINUTE)];

/// What a monitor watches.
#[derive(Debug, Clone, PartialEq)]
pub enum MonitorQuery {
    /// `avg(last_5m):query > 1`
    Metric {
        /// How the points of the window become one value.
        fold: Fold,
        /// Seconds; whole minutes.
        window_seconds: u64,
        /// `change(avg(last_5m),last_1h):` and `pct_change(..)`
        change: Option<Change>,
        /// What is watched.
        expr: Expr,
        /// When it triggers.
        comparator: Comparator,
        /// Against what it is compared.
        threshold: f64,
    },
    /// `error_budget("slo").over("30d") > 75`
    ErrorBudget {
        /// Its id.
        slo: String,
        /// Days of its target.
        over_days: u32,
        /// When it triggers.
        comparator: Comparator,
        /// Percent of the budget that are spent.
        threshold: f64,
    },
    /// `burn_rate("slo").over("30d").long_window("1h").short_window("5m") > 14.4`
    BurnRate {
        /// Its id.
        slo: String,
        /// Days of its target.
        over_days: u32,
        /// Seconds; whole minutes.
        long_window_seconds: u64,
        /// Seconds; whole minutes.
        short_window_seconds: u64,
        /// When it triggers.
        comparator: Comparator,
        /// How many times faster than allowed the budget is spent, in both windows.
        threshold: f64,
    },
    /// `1234 && !5678`
    Composite(Composite),
}

/// How the points of a window become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Their mean.
    Avg,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// Their sum.
    Sum,
}

/// What is watched is the difference to the same query earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// In percent of the earlier value, not absolute.
    pub percent: bool,
    /// Seconds; whole minutes.
    pub shift_seconds: u64,
}

/// How a value is compared with a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// The states of other monitors, combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Composite {
    /// Its id, or, while it has none, a reference in angle brackets.
    Monitor(String),
    /// `!x`
    Not(Box<Composite>),
    /// Two or more.
    And(Vec<Composite>),
    /// Two or more.
    Or(Vec<Composite>),
}

impl MonitorQuery {
    /// The query for metrics in it; none when it watches something else.
    #[must_use]
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Self::Metric { expr, .. } => Some(expr),
            Self::ErrorBudget { .. } | Self::BurnRate { .. } | Self::Composite(_) => None,
        }
    }

    /// The tag keys of its alerts.
    #[must_use]
    pub fn group_by(&self) -> BTreeSet<&str> {
        self.expr().map(Expr::group_by).unwrap_or_default()
    }

    /// When it triggers; none for what has no threshold.
    #[must_use]
    pub fn condition(&self) -> Option<(Comparator, f64)> {
        match self {
            Self::Metric { comparator, threshold, .. }
            | Self::ErrorBudget { comparator, threshold, .. }
            | Self::BurnRate { comparator, threshold, .. } => Some((*comparator, *threshold)),
            Self::Composite(_) => None,
        }
    }
}

impl Comparator {
    /// Every comparator; longer signs first, so that none hides another.
    pub const ALL: [Self; 6] = [Self::AtLeast, Self::AtMost, Self::Equal, Self::NotEqual, Self::Above, Self::Below];

    fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// Does it trigger?
    #[must_use]
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        let order = value.partial_cmp(&threshold);
        order.is_some_and(|order| match self {
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
        })
    }
}

impl Composite {
    /// The monitors it is made of, from left to right.
    #[must_use]
    pub fn monitors(&self) -> Vec<&str> {
        match self {
            Self::Monitor(id) => vec![id],
            Self::Not(inner) => inner.monitors(),
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::monitors).collect(),
        }
    }

    /// Does it trigger, when these monitors have?
    #[must_use]
    pub fn holds(&self, triggered: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Monitor(id) => triggered(id),
            Self::Not(inner) => !inner.holds(triggered),
            Self::And(all) => all.iter().all(|one| one.holds(triggered)),
            Self::Or(any) => any.iter().any(|one| one.holds(triggered)),
        }
    }
}

impl Display for MonitorQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric { fold, window_seconds, change, expr, .. } => {
                let window = Duration(*window_seconds);
                match change {
                    None => write!(f, "{fold}(last_{window})")?,
                    Some(Change { percent, shift_seconds }) => {
                        let change = if *percent { "pct_change" } else { "change" };
                        write!(f, "{change}({fold}(last_{window}),last_{})", Duration(*shift_seconds))?;
                    }
                }
                write!(f, ":{expr}")?;
            }
            Self::ErrorBudget { slo, over_days, .. } => {
                write!(f, "error_budget(\"{slo}\").over(\"{over_days}d\")")?;
            }
            Self::BurnRate { slo, over_days, long_window_seconds, short_window_seconds, .. } => {
                let (long, short) = (Duration(*long_window_seconds), Duration(*short_window_seconds));
                write!(f, "burn_rate(\"{slo}\").over(\"{over_days}d\")")?;
                write!(f, ".long_window(\"{long}\").short_window(\"{short}\")")?;
            }
            Self::Composite(composite) => return write!(f, "{composite}"),
        }
        self.condition().iter().try_for_each(|(comparator, threshold)| write!(f, " {} {threshold}", comparator.sign()))
    }
}

impl Display for Fold {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Sum => "sum",
        })
    }
}

impl Display for Composite {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Monitor(id) => f.write_str(id),
            Self::Not(inner) => write!(f, "!{}", Inner(inner)),
            Self::And(all) => print::join(f, all.iter().map(Inner), " && "),
            Self::Or(any) => print::join(f, any.iter().map(Inner), " || "),
        }
    }
}

/// A part of a composite, in parentheses when it has parts itself.
struct Inner<'c>(&'c Composite);

impl Display for Inner<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            part @ (Composite::And(_) | Composite::Or(_)) => write!(f, "({part})"),
            part => write!(f, "{part}"),
        }
    }
}

/// Seconds in the largest unit that holds them whole.
struct Duration(u64);

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (unit, seconds) = UNITS.iter().find(|(_, seconds)| self.0.is_multiple_of(*seconds)).unwrap_or(&("s", 1));
        write!(f, "{}{unit}", self.0 / seconds)
    }
}
