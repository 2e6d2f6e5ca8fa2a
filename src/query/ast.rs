//! A query as a tree, and what lint asks of it.

use std::collections::BTreeSet;

use super::filter::Filter;
use super::functions;

/// How deep parentheses, calls and negations may be nested.
pub const MAX_NESTING: usize = 50;
/// How many series, numbers, calls, tags and modifiers a query may have, all together.
pub const MAX_TERMS: usize = 250;

/// Something that has a value over time.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A constant; finite and not negative.
    Number(f64),
    /// Points of one metric.
    Series(Selector),
    /// `left op right`.
    Binary {
        /// What is done.
        op: Operator,
        /// Its left side.
        left: Box<Expr>,
        /// Its right side.
        right: Box<Expr>,
    },
    /// `-x`.
    Negate(Box<Expr>),
    /// `function(a, b, ..)`.
    Call {
        /// Its name, which is a known one.
        function: String,
        /// What stands between the parentheses.
        arguments: Vec<Argument>,
    },
}

/// One argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// Something that has a value.
    Expr(Expr),
    /// A word: `'mean'`, or without quotes.
    Text(String),
    /// `direction='above'`.
    Named(String, Box<Argument>),
}

/// Arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// `aggregation:metric{filter} by {keys}.modifiers()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// How sources become one; `avg` when the query does not say.
    pub aggregation: Aggregation,
    /// The metric's name.
    pub metric: String,
    /// Which sources.
    pub filter: Filter,
    /// Tag keys.
    pub by: Vec<String>,
    /// In the order in which they stand.
    pub modifiers: Vec<Modifier>,
}

/// How the sources of a group become one series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aggregation {
    /// Their mean.
    Avg,
    /// Their sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// How many values a distribution has.
    Count,
    /// A percentile of a distribution: `p95`, `p99.9`.
    Percentile(String),
}

/// What follows a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    /// `.as_count()`
    AsCount,
    /// `.as_rate()`
    AsRate,
    /// `.rollup(method, seconds)`, either of them at least.
    Rollup {
        /// How points become one.
        method: Option<Method>,
        /// Seconds that one point stands for.
        seconds: Option<u32>,
    },
    /// `.fill(method, limit)`
    Fill {
        /// What fills a gap.
        method: Fill,
        /// Seconds of the longest gap that is filled.
        limit: Option<u32>,
    },
    /// `.weighted()`
    Weighted,
}

/// How points of one source become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Their mean.
    Avg,
    /// Their sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// How many there are.
    Count,
}

/// What stands where a source has no point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Nothing.
    Null,
    /// 0.
    Zero,
    /// The value before.
    Last,
    /// A line from the value before to the value after.
    Linear,
}

impl Expr {
    /// Everything it reads, from left to right.
    #[must_use]
    pub fn selectors(&self) -> Vec<&Selector> {
        let mut found = Vec::new();
        self.walk(&mut |expr| {
            if let Self::Series(selector) = expr {
                found.push(selector);
            }
        });
        found
    }

    /// The names of the metrics it reads.
    #[must_use]
    pub fn metrics(&self) -> BTreeSet<&str> {
        self.selectors().into_iter().map(|selector| selector.metric.as_str()).collect()
    }

    /// The names of the functions it calls.
    #[must_use]
    pub fn functions(&self) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        self.walk(&mut |expr| {
            if let Self::Call { function, .. } = expr {
                found.insert(function.as_str());
            }
        });
        found
    }

    /// The tag keys of what comes out.
    #[must_use]
    pub fn group_by(&self) -> BTreeSet<&str> {
        match self {
            Self::Number(_) => BTreeSet::new(),
            Self::Series(selector) => selector.by.iter().map(String::as_str).collect(),
            Self::Negate(inner) => inner.group_by(),
            Self::Binary { left, right, .. } => &left.group_by() | &right.group_by(),
            Self::Call { function, .. } if functions::ungroups(function) => BTreeSet::new(),
            Self::Call { arguments, .. } => {
                arguments.iter().filter_map(Argument::expr).flat_map(Self::group_by).collect()
            }
        }
    }

    /// Does it compute with what it reads, outside of functions or in them?
    #[must_use]
    pub fn has_arithmetic(&self) -> bool {
        let mut found = false;
        self.walk(&mut |expr| found |= matches!(expr, Self::Binary { .. }));
        found
    }

    /// Calls `visit` with this and everything below it, from left to right.
    fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Self)) {
        visit(self);
        match self {
            Self::Number(_) | Self::Series(_) => {}
            Self::Negate(inner) => inner.walk(visit),
            Self::Binary { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
            Self::Call { arguments, .. } => {
                arguments.iter().filter_map(Argument::expr).for_each(|inner| inner.walk(visit));
            }
        }
    }
}

impl Argument {
    /// What has a value in it.
    #[must_use]
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Self::Expr(expr) => Some(expr),
            Self::Text(_) => None,
            Self::Named(_, value) => value.expr(),
        }
    }
}

impl Selector {
    /// Is it counted: `.as_count()`?
    #[must_use]
    pub fn is_count(&self) -> bool {
        self.modifiers.contains(&Modifier::AsCount)
    }
}
