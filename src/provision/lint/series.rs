//! What a query reads: whether it exists, is of the right type and has the tags, and in which unit its value is.

use std::borrow::Cow;

use super::{About, Known, Metrics, Rule};
use crate::model::series::Kind;
use crate::query::{Aggregation, Argument, Expr, Method, Modifier, Operator, Selector};

/// Units that are no number of things, each the word for itself.
const MEASURES: [&str; 8] = ["millisecond", "second", "minute", "hour", "day", "byte", "percent", "dollar"];
/// How people write them.
const WORDS: [(&str, &str); 14] = [
    ("ms", "millisecond"),
    ("millisecond", "millisecond"),
    ("milliseconds", "millisecond"),
    ("s", "second"),
    ("second", "second"),
    ("seconds", "second"),
    ("min", "minute"),
    ("minute", "minute"),
    ("minutes", "minute"),
    ("hours", "hour"),
    ("bytes", "byte"),
    ("%", "percent"),
    ("percent", "percent"),
    ("$", "dollar"),
];
/// What is counted: requests, errors, records, instances.
const THINGS: &str = "things";
/// Functions whose value is a number of series.
const COUNTING: [&str; 2] = ["count_nonzero", "count_not_null"];

/// The unit that a word after a number names; `None` when it names none.
pub(super) fn unit_of_word(word: &str) -> Option<&'static str> {
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, unit)| *unit)
}

/// Looks at everything that a query reads. `prefix` says which tag key a template variable stands for.
pub(super) fn check(
    expr: &Expr,
    place: &str,
    metrics: &Metrics,
    prefix: &dyn Fn(&str) -> Option<String>,
    about: &mut About<'_>,
) {
    for selector in expr.selectors() {
        match metrics.get(&selector.metric) {
            Some(known) => {
                if metrics.is_disabled(&known.name) {
                    let message = format!(
                        "`{}` is switched off by `metrics.disable`, so there is nothing to see; `templates.disable` leaves a \
                         template out",
                        known.name
                    );
                    about.found(Rule::MetricDisabled, place, message);
                }
                check_type(selector, known, place, about);
                check_tags(selector, known, place, metrics, prefix, about);
            }
            None => unknown(&selector.metric, place, metrics, about),
        }
    }
}

fn unknown(name: &str, place: &str, metrics: &Metrics, about: &mut About<'_>) {
    if Metrics::is_ours(name) {
        let near = metrics.nearest(name).map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
        about.found(Rule::Metric, place, format!("there is no metric `{name}`; {near}"));
    } else {
        about.unknown(Rule::Metric, place, format!("`{name}` is no metric of ddsync: whether it exists is not known"));
    }
}

fn check_type(selector: &Selector, known: &Known, place: &str, about: &mut About<'_>) {
    let Selector { metric, aggregation, modifiers, .. } = selector;
    let counted = modifiers.iter().any(|modifier| matches!(modifier, Modifier::AsCount | Modifier::AsRate));
    let summed =
        modifiers.iter().any(|modifier| matches!(modifier, Modifier::Rollup { method: Some(Method::Sum), .. }));
    match known.kind {
        Kind::Count if *aggregation != Aggregation::Sum => {
            about.found(Rule::MetricType, place, format!("`{metric}` is a count; write `sum:{metric}`"));
        }
        Kind::Count if !counted && !summed => {
            let message = format!("`{metric}` is a count; write `.as_count()` after it");
            about.found(Rule::MetricType, place, message);
        }
        Kind::Gauge if counted => {
            let message = format!("`{metric}` is a gauge; take `.as_count()` or `.as_rate()` away");
            about.found(Rule::MetricType, place, message);
        }
        _ => {}
    }
}

fn check_tags(
    selector: &Selector,
    known: &Known,
    place: &str,
    metrics: &Metrics,
    prefix: &dyn Fn(&str) -> Option<String>,
    about: &mut About<'_>,
) {
    let mut keys: Vec<Cow<'_, str>> = selector.filter.tags().into_iter().map(|(key, _)| key.into()).collect();
    keys.extend(selector.by.iter().map(Cow::from));
    for variable in selector.filter.variables() {
        let name = variable.strip_suffix(".value");
        match prefix(name.unwrap_or(variable)) {
            // `key:$x.value` names its key itself.
            Some(key) if name.is_none() => keys.push(key.into()),
            Some(_) => {}
            None => {
                let message = format!("`${variable}` is no template variable here; declare it in `template_variables`");
                about.found(Rule::Tag, place, message);
            }
        }
    }
    for key in keys.iter().filter(|key| !metrics.has_tag(known, key)) {
        let (name, tags) = (&selector.metric, metrics.tags_of(known));
        let tags = if tags.is_empty() { "none".to_owned() } else { tags };
        about.found(Rule::Tag, place, format!("`{name}` has no tag `{key}`; it has: {tags}"));
    }
}

/// In which unit the value of a query is; `None` when that is not known. Tells of what cannot be added.
pub(super) fn unit(expr: &Expr, place: &str, metrics: &Metrics, about: &mut About<'_>) -> Option<String> {
    match expr {
        Expr::Number(_) => None,
        Expr::Series(selector) => {
            let unit = family(&metrics.get(&selector.metric)?.unit);
            let rate = selector.modifiers.contains(&Modifier::AsRate);
            Some(if rate { format!("{unit} a second") } else { unit.to_owned() })
        }
        Expr::Negate(inner) => unit(inner, place, metrics, about),
        Expr::Call { function, arguments } => {
            let inner = arguments.iter().find_map(Argument::expr)?;
            let inner = unit(inner, place, metrics, about);
            let is_switch = function == "clamp_max" && inner.as_deref() == Some(THINGS) && limited_to_one(arguments);
            match function.as_str() {
                // A number that is 0 or 1 lets through what it is multiplied with, in its unit.
                _ if is_switch => None,
                counting if COUNTING.contains(&counting) => Some(THINGS.to_owned()),
                _ => inner,
            }
        }
        Expr::Binary { op, left, right } => {
            let (left, right) = (unit(left, place, metrics, about), unit(right, place, metrics, about));
            match (op, left, right) {
                (Operator::Add | Operator::Subtract, Some(left), Some(right)) => {
                    if left != right {
                        let message = format!("adds {left} and {right}; bring them to one unit");
                        about.found(Rule::Unit, place, message);
                    }
                    Some(left)
                }
                // A share: times 100 it is percent, and so it is shown.
                (Operator::Divide, Some(left), Some(right)) if left == right => Some("percent".to_owned()),
                (Operator::Divide, Some(left), Some(right)) => Some(format!("{left} for each {right}")),
                (Operator::Multiply, Some(left), Some(right)) => Some(format!("{left} times {right}")),
                (_, Some(one), None) | (_, None, Some(one)) => Some(one),
                (_, None, None) => None,
            }
        }
    }
}

/// Whether the second argument is 1.
fn limited_to_one(arguments: &[Argument]) -> bool {
    matches!(arguments.get(1), Some(Argument::Expr(Expr::Number(limit))) if (limit - 1.0).abs() < f64::EPSILON)
}

/// What can be added: times of one word, bytes, percent, money; all else is a number of things.
fn family(unit: &str) -> &str {
    if MEASURES.contains(&unit) { unit } else { THINGS }
}
