//! The one spelling of a query. What is printed reads back as the same query.

use std::fmt::{self, Display, Formatter};

use super::ast::{Aggregation, Argument, Expr, Fill, Method, Modifier, Operator, Selector};
use super::filter::{Filter, Pattern};

/// `a<between>b<between>c`
pub(super) fn join<T: Display>(
    f: &mut Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    between: &str,
) -> fmt::Result {
    items.into_iter().enumerate().try_for_each(|(index, item)| {
        let before = if index == 0 { "" } else { between };
        write!(f, "{before}{item}")
    })
}

impl Expr {
    /// How tightly it holds together: what holds less than its surroundings needs parentheses.
    fn tightness(&self) -> u8 {
        match self {
            Self::Binary { op: Operator::Add | Operator::Subtract, .. } => 1,
            Self::Binary { .. } => 2,
            _ => 3,
        }
    }

    fn print(&self, f: &mut Formatter<'_>, at_least: u8) -> fmt::Result {
        if self.tightness() < at_least { write!(f, "({self})") } else { write!(f, "{self}") }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Series(selector) => write!(f, "{selector}"),
            Self::Binary { op, left, right } => {
                left.print(f, self.tightness())?;
                write!(f, " {op} ")?;
                right.print(f, self.tightness() + 1)
            }
            Self::Negate(inner) => {
                f.write_str("-")?;
                inner.print(f, 3)
            }
            Self::Call { function, arguments } => {
                write!(f, "{function}(")?;
                join(f, arguments, ", ")?;
                f.write_str(")")
            }
        }
    }
}

impl Display for Argument {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expr(expr) => write!(f, "{expr}"),
            Self::Text(text) if text.contains('\'') => write!(f, "\"{text}\""),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Named(name, value) => write!(f, "{name}={value}"),
        }
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        })
    }
}

impl Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{{{}}}", self.aggregation, self.metric, self.filter)?;
        if !self.by.is_empty() {
            f.write_str(" by {")?;
            join(f, &self.by, ",")?;
            f.write_str("}")?;
        }
        join(f, &self.modifiers, "")
    }
}

impl Display for Aggregation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Percentile(name) => name,
        })
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) if all.iter().all(Self::is_simple) => join(f, all, ","),
            Self::Not(inner) if inner.is_atom() => write!(f, "!{inner}"),
            _ => self.words(f),
        }
    }
}

impl Filter {
    fn is_atom(&self) -> bool {
        matches!(self, Self::Everything | Self::Tag { .. } | Self::Variable(_))
    }

    /// Can it stand between commas?
    fn is_simple(&self) -> bool {
        self.is_atom() || matches!(self, Self::Not(inner) if inner.is_atom())
    }

    /// In the spelling with AND, OR and NOT.
    fn words(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Tag { key, value } if value.0.is_empty() => f.write_str(key),
            Self::Tag { key, value } => write!(f, "{key}:{value}"),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Not(inner) => write!(f, "NOT {}", Words(inner)),
            Self::And(all) => join(f, all.iter().map(Words), " AND "),
            Self::Or(any) => join(f, any.iter().map(Words), " OR "),
        }
    }
}

/// A part of a filter, in that spelling.
struct Words<'f>(&'f Filter);

impl Display for Words<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !matches!(self.0, Filter::And(_) | Filter::Or(_)) {
            return self.0.words(f);
        }
        f.write_str("(")?;
        self.0.words(f)?;
        f.write_str(")")
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Display for Modifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsCount => f.write_str(".as_count()"),
            Self::AsRate => f.write_str(".as_rate()"),
            Self::Weighted => f.write_str(".weighted()"),
            Self::Rollup { method, seconds } => {
                f.write_str(".rollup(")?;
                method.iter().try_for_each(|method| write!(f, "{method}"))?;
                f.write_str(if method.is_some() && seconds.is_some() { ", " } else { "" })?;
                seconds.iter().try_for_each(|seconds| write!(f, "{seconds}"))?;
                f.write_str(")")
            }
            Self::Fill { method, limit } => {
                write!(f, ".fill({method}")?;
                limit.iter().try_for_each(|limit| write!(f, ", {limit}"))?;
                f.write_str(")")
            }
        }
    }
}

impl Display for Method {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
        })
    }
}

impl Display for Fill {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Zero => "zero",
            Self::Last => "last",
            Self::Linear => "linear",
        })
    }
}
