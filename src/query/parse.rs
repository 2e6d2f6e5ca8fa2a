//! From text to tree, by recursive descent.

use std::collections::BTreeMap;

use super::ast::{Aggregation, Argument, Expr, Fill, Method, Modifier, Operator, Selector};
use super::lex::Cursor;
use super::{Unchecked, functions};

mod filter;

static NO_QUERIES: BTreeMap<String, Expr> = BTreeMap::new();

/// Reads a query, as dashboards and SLOs hold it.
///
/// # Errors
///
/// When it is not one, or has something in it that is not known.
pub fn parse(text: &str) -> Result<Expr, Unchecked> {
    parse_formula(text, &NO_QUERIES)
}

/// Reads the formula of a widget, where names stand for its queries: `query1 / (query1 + query2)`.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_formula(text: &str, queries: &BTreeMap<String, Expr>) -> Result<Expr, Unchecked> {
    let mut parser = Parser { cursor: Cursor::new(text), queries };
    let expr = parser.sum()?;
    parser.cursor.end()?;
    Ok(expr)
}

pub(super) struct Parser<'t> {
    pub(super) cursor: Cursor<'t>,
    queries: &'t BTreeMap<String, Expr>,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { cursor: Cursor::new(text), queries: &NO_QUERIES }
    }

    /// `product + product - ..`
    pub(super) fn sum(&mut self) -> Result<Expr, Unchecked> {
        self.chain(&[("+", Operator::Add), ("-", Operator::Subtract)], Self::product)
    }

    /// `factor * factor / ..`
    fn product(&mut self) -> Result<Expr, Unchecked> {
        self.chain(&[("*", Operator::Multiply), ("/", Operator::Divide)], Self::factor)
    }

    fn chain(
        &mut self,
        operators: &[(&str, Operator)],
        operand: fn(&mut Self) -> Result<Expr, Unchecked>,
    ) -> Result<Expr, Unchecked> {
        let mut left = operand(self)?;
        while let Some((_, op)) = operators.iter().find(|(sign, _)| self.cursor.eat(sign)) {
            let right = operand(self)?;
            left = Expr::Binary { op: *op, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    /// A number, a series, a call, or what stands in parentheses; each with any number of minuses before it.
    fn factor(&mut self) -> Result<Expr, Unchecked> {
        self.cursor.term()?;
        self.cursor.enter()?;
        let factor = if self.cursor.eat("-") {
            Expr::Negate(Box::new(self.factor()?))
        } else if self.cursor.eat("(") {
            let inner = self.sum()?;
            self.cursor.require(")")?;
            inner
        } else if self.cursor.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
            Expr::Number(self.cursor.number()?)
        } else {
            self.named()?
        };
        self.cursor.leave();
        Ok(factor)
    }

    /// What begins with a name.
    fn named(&mut self) -> Result<Expr, Unchecked> {
        let start = self.cursor.clone();
        let name = self.cursor.name();
        match self.cursor.peek() {
            _ if name.is_empty() => self.cursor.expected("a query"),
            Some('(') => {
                let Some((least, most)) = functions::arguments(name) else {
                    return start.fail(format!("the function `{name}`"));
                };
                let arguments = self.arguments()?;
                if !(least..=most).contains(&arguments.len()) {
                    return start.fail(format!("{} arguments of `{name}`", arguments.len()));
                }
                if arguments[0].expr().is_none() {
                    return start.fail(format!("`{name}` of something that is no query"));
                }
                Ok(Expr::Call { function: name.to_owned(), arguments })
            }
            Some(':') => {
                let Some(aggregation) = aggregation(name) else {
                    return start.fail(format!("the aggregation `{name}`"));
                };
                self.cursor.require(":")?;
                let metric = self.cursor.name();
                self.selector(aggregation, metric).map(Expr::Series)
            }
            Some('{') => self.selector(Aggregation::Avg, name).map(Expr::Series),
            _ => match self.queries.get(name) {
                Some(query) => Ok(query.clone()),
                None => start.fail(format!("`{name}`, which is neither a query nor the name of one")),
            },
        }
    }

    /// What follows the name of the metric.
    fn selector(&mut self, aggregation: Aggregation, metric: &str) -> Result<Selector, Unchecked> {
        let cursor = &mut self.cursor;
        if metric.is_empty() {
            return cursor.expected("a metric");
        }
        cursor.require("{")?;
        let filter = filter::read(cursor)?;
        cursor.require("}")?;
        let mut modifiers = modifiers(cursor)?;
        let mut by = Vec::new();
        if cursor.eat_word(&["by"]) {
            cursor.require("{")?;
            by = list(cursor, |cursor| match cursor.word(is_key) {
                "" => cursor.expected("a tag key"),
                key => Ok(key.to_owned()),
            })?;
            cursor.require("}")?;
            modifiers.extend(self::modifiers(cursor)?);
        }
        Ok(Selector { aggregation, metric: metric.to_owned(), filter, by, modifiers })
    }

    fn arguments(&mut self) -> Result<Vec<Argument>, Unchecked> {
        self.cursor.require("(")?;
        let mut arguments = vec![self.argument()?];
        while self.cursor.eat(",") {
            arguments.push(self.argument()?);
        }
        self.cursor.require(")")?;
        Ok(arguments)
    }

    fn argument(&mut self) -> Result<Argument, Unchecked> {
        let mut ahead = self.cursor.clone();
        let name = ahead.name();
        if !name.is_empty() && ahead.eat("=") {
            self.cursor = ahead;
            return Ok(Argument::Named(name.to_owned(), Box::new(self.value()?)));
        }
        self.value()
    }

    fn value(&mut self) -> Result<Argument, Unchecked> {
        if let Some(text) = self.cursor.quoted()? {
            return Ok(Argument::Text(text.to_owned()));
        }
        let mut ahead = self.cursor.clone();
        let name = ahead.name();
        let ends = ahead.peek().is_some_and(|c| c == ',' || c == ')');
        if ends && !name.is_empty() && !self.queries.contains_key(name) {
            self.cursor = ahead;
            return Ok(Argument::Text(name.to_owned()));
        }
        self.sum().map(Argument::Expr)
    }
}

/// One or more, with commas between them.
fn list<'t, T>(
    cursor: &mut Cursor<'t>,
    read: impl Fn(&mut Cursor<'t>) -> Result<T, Unchecked>,
) -> Result<Vec<T>, Unchecked> {
    let mut items = vec![read(cursor)?];
    while cursor.eat(",") {
        items.push(read(cursor)?);
    }
    Ok(items)
}

/// One as it is, more under what joins them.
pub(super) fn one_or<T>(mut items: Vec<T>, many: fn(Vec<T>) -> T) -> T {
    if items.len() == 1 { items.remove(0) } else { many(items) }
}

fn is_key(c: char) -> bool {
    c.is_alphanumeric() || "_-./".contains(c)
}

fn aggregation(name: &str) -> Option<Aggregation> {
    Some(match name {
        "avg" => Aggregation::Avg,
        "sum" => Aggregation::Sum,
        "min" => Aggregation::Min,
        "max" => Aggregation::Max,
        "count" => Aggregation::Count,
        _ => {
            let percent = name.strip_prefix('p').filter(|text| text.starts_with(|c: char| c.is_ascii_digit()))?;
            percent.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent))?;
            Aggregation::Percentile(name.to_owned())
        }
    })
}

pub(super) fn method(word: &str) -> Option<Method> {
    Some(match word {
        "avg" => Method::Avg,
        "sum" => Method::Sum,
        "min" => Method::Min,
        "max" => Method::Max,
        "count" => Method::Count,
        _ => return None,
    })
}

/// `.as_count().rollup(sum, 60)`
fn modifiers(cursor: &mut Cursor<'_>) -> Result<Vec<Modifier>, Unchecked> {
    let mut modifiers = Vec::new();
    while cursor.eat(".") {
        cursor.term()?;
        let start = cursor.clone();
        let name = cursor.name();
        cursor.require("(")?;
        modifiers.push(match name {
            "as_count" => Modifier::AsCount,
            "as_rate" => Modifier::AsRate,
            "weighted" => Modifier::Weighted,
            "rollup" => rollup(cursor)?,
            "fill" => fill(cursor)?,
            _ => return start.fail(format!("the modifier `{name}`")),
        });
        cursor.require(")")?;
    }
    Ok(modifiers)
}

fn rollup(cursor: &mut Cursor<'_>) -> Result<Modifier, Unchecked> {
    if cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        return Ok(Modifier::Rollup { method: None, seconds: Some(cursor.whole()?) });
    }
    let start = cursor.clone();
    let word = word(cursor)?;
    let Some(method) = method(word) else {
        return start.fail(format!("the rollup `{word}`"));
    };
    let seconds = if cursor.eat(",") { Some(cursor.whole()?) } else { None };
    Ok(Modifier::Rollup { method: Some(method), seconds })
}

fn fill(cursor: &mut Cursor<'_>) -> Result<Modifier, Unchecked> {
    let start = cursor.clone();
    let method = match word(cursor)? {
        "null" => Fill::Null,
        "zero" => Fill::Zero,
        "last" => Fill::Last,
        "linear" => Fill::Linear,
        word => return start.fail(format!("the fill `{word}`")),
    };
    let limit = if cursor.eat(",") { Some(cursor.whole()?) } else { None };
    Ok(Modifier::Fill { method, limit })
}

/// A word, with or without quotes.
fn word<'t>(cursor: &mut Cursor<'t>) -> Result<&'t str, Unchecked> {
    Ok(cursor.quoted()?.unwrap_or_else(|| cursor.name()))
}
