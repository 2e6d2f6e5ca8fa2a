//! What expressions can name, and values looked up without the engine: most expressions only name something.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, Value as Context, ValueKind};
use minijinja::{Environment, Error, Expression};

/// Names with their values, those of a loop before those around it.
#[derive(Default)]
pub(in crate::provision) struct Names<'n> {
    own: &'n [(&'static str, Context)],
    /// What a template's own loop is at.
    item: Option<(&'n str, Context)>,
    outer: Option<&'n Names<'n>>,
    /// All of them as the engine takes them, once it is asked.
    whole: OnceCell<Context>,
}

impl<'n> Names<'n> {
    pub(in crate::provision) fn new(own: &'n [(&'static str, Context)]) -> Self {
        Self { own, ..Self::default() }
    }

    /// Further names, which hide equal ones.
    pub(in crate::provision) fn with(&'n self, own: &'n [(&'static str, Context)]) -> Self {
        Self { own, outer: Some(self), ..Self::default() }
    }

    /// One name more, which hides an equal one.
    pub(super) fn with_item(&'n self, name: &'n str, item: Context) -> Self {
        Self { item: Some((name, item)), outer: Some(self), ..Self::default() }
    }

    pub(super) fn context(&self) -> Context {
        self.whole.get_or_init(|| Context::from_object(Scope(self.pairs()))).clone()
    }

    fn pairs(&self) -> Vec<(Cow<'static, str>, Context)> {
        let mut pairs = self.outer.map(Names::pairs).unwrap_or_default();
        pairs.extend(self.own.iter().map(|(name, value)| (Cow::Borrowed(*name), value.clone())));
        pairs.extend(self.item.iter().map(|(name, value)| (Cow::Owned((*name).to_owned()), value.clone())));
        pairs
    }

    fn get(&self, name: &str) -> Option<&Context> {
        let item = self.item.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        let own = || self.own.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        item.or_else(own).or_else(|| self.outer?.get(name))
    }

    /// The value of what a path leads to; `None` when its first name is not known here.
    pub(super) fn at(&self, Path { name, attributes }: &Path) -> Option<Context> {
        let mut value = self.get(name)?.clone();
        for attribute in attributes {
            value = value.get_attr(attribute).unwrap_or(Context::UNDEFINED);
        }
        Some(value)
    }
}

/// A name with attributes: `pipeline.has.async`.
pub(super) struct Path {
    name: String,
    attributes: Vec<String>,
}

impl Path {
    pub(super) fn new(text: &str) -> Self {
        let mut parts = text.split('.').map(str::to_owned);
        Self { name: parts.next().unwrap_or_default(), attributes: parts.collect() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.attributes.iter().try_for_each(|attribute| write!(f, ".{attribute}"))
    }
}

/// [`Names`] for the engine: a few, which are found faster than they would be put in order. The last of equal ones counts.
#[derive(Debug)]
struct Scope(Vec<(Cow<'static, str>, Context)>);

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Context) -> Option<Context> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Context> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }
}

/// An expression that need not be asked again while what it names stays the same.
pub(super) struct Asked<'e, 't> {
    expression: Expression<'e, 't>,
    /// What it names.
    names: Vec<Path>,
    /// Whether it does nothing but name it.
    is_name: bool,
    /// The values that it was last asked with, and its own.
    last: RefCell<Option<(Vec<Option<Context>>, Context)>>,
}

impl<'e, 't> Asked<'e, 't> {
    pub(super) fn new(engine: &'e Environment<'t>, source: &'t str) -> Result<Self, Error> {
        let expression = engine.compile_expression(source)?;
        let mut names: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
        names.sort();
        let is_name = names.len() == 1 && names[0] == source.trim();
        let names = names.iter().map(|name| Path::new(name)).collect();
        Ok(Self { expression, names, is_name, last: RefCell::new(None) })
    }

    /// What it names, with attributes.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(Path::to_string)
    }

    /// As the engine answers, word for word.
    pub(super) fn eval(&self, names: &Names<'_>) -> Result<Context, Error> {
        if self.is_name
            && let Some(value) = names.at(&self.names[0])
            && !matches!(value.kind(), ValueKind::Undefined | ValueKind::Invalid)
        {
            return Ok(value);
        }
        let Some(with) = self.values(names) else { return self.expression.eval(names.context()) };
        if let Some((before, value)) = &*self.last.borrow()
            && before.iter().zip(&with).all(|(one, other)| is_same(one.as_ref(), other.as_ref()))
        {
            return Ok(value.clone());
        }
        let value = self.expression.eval(names.context())?;
        if is_scalar(&value) {
            self.last.replace(Some((with, value.clone())));
        }
        Ok(value)
    }

    /// The values of what it names, none for what is the engine's own; no list when any is more than a scalar.
    fn values(&self, names: &Names<'_>) -> Option<Vec<Option<Context>>> {
        let values = self.names.iter().map(|name| names.at(name));
        values.map(|value| value.as_ref().is_none_or(is_scalar).then_some(value)).collect()
    }
}

pub(super) fn is_scalar(value: &Context) -> bool {
    matches!(value.kind(), ValueKind::None | ValueKind::Bool | ValueKind::Number | ValueKind::String)
}

/// Whether two scalars cannot be told apart by any expression: 1 and 1.0 can, and so can 0.0 and -0.0.
pub(super) fn is_same(one: Option<&Context>, other: Option<&Context>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let exact = |value: &Context| value.kind() != ValueKind::Number || value.is_integer();
            let alike = one.kind() == other.kind() && exact(one) == exact(other) && one == other;
            alike && (exact(one) || one.to_string() == other.to_string())
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;
    use crate::provision::template::{context, engine};

    #[test]
    fn an_answer_is_given_again_only_for_the_very_same_values() {
        let engine = engine();
        let asked = Asked::new(&engine, "x ~ 'y'").unwrap();
        for value in
            [json!(5), json!(5.0), json!("5"), json!(true), json!(1), json!(0.0), json!(-0.0), json!(5), json!([5])]
        {
            let values = [("x", context(&value))];
            let names = Names::new(&values);
            let answers = [asked.eval(&names), asked.eval(&names), asked.expression.eval(names.context())];
            let [first, again, engines] = answers.map(|answer| answer.unwrap().to_string());
            assert_eq!((&first, &again), (&engines, &engines), "{value}");
        }
    }

    #[test]
    fn a_loop_hides_what_is_around_it_and_what_is_not_there_is_for_the_engine_to_tell() {
        let engine = engine();
        let values = [("x", context(&json!({"a": 1}))), ("y", Context::from(2))];
        let names = Names::new(&values);
        let inner = names.with_item("x", Context::from(3));
        let eval = |source: &'static str, names: &Names<'_>| {
            Asked::new(&engine, source)
                .unwrap()
                .eval(names)
                .map(|value| value.to_string())
                .map_err(|error| error.kind())
        };
        assert_eq!(
            (eval("x.a", &names), eval("x", &inner), eval("x + y", &inner)),
            (Ok("1".into()), Ok("3".into()), Ok("5".into()))
        );
        assert_eq!(eval("x.b.c", &names), Err(minijinja::ErrorKind::UndefinedError));
        assert!(Asked::new(&engine, "x.b").unwrap().eval(&names).unwrap().is_undefined());
    }
}
