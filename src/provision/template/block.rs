//! Loops and conditions, each rendered once for what it names, in however many texts of however many templates it stands.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use minijinja::value::Value as Context;
use minijinja::{Environment, Error, Template};

use super::names::{Names, Path, is_same, is_scalar};

/// Every block of all templates.
#[derive(Default)]
pub(in crate::provision) struct Blocks<'e, 't>(RefCell<BTreeMap<&'t str, Rc<Block<'e, 't>>>>);

/// From the beginning of a loop or a condition to its end.
pub(super) struct Block<'e, 't> {
    template: Template<'e, 't>,
    /// What it names.
    names: Vec<Path>,
    /// By the list among the values of those.
    rendered: RefCell<HashMap<Place, Rendered>>,
}

/// What a block was for these values.
struct Rendered {
    values: Vec<Option<Context>>,
    text: String,
}

/// Where a list is in memory, if there is any.
type Place = Option<*const Vec<Context>>;

impl<'e, 't> Blocks<'e, 't> {
    pub(super) fn of(&self, engine: &'e Environment<'t>, text: &'t str) -> Result<Rc<Block<'e, 't>>, Error> {
        if let Some(known) = self.0.borrow().get(text) {
            return Ok(Rc::clone(known));
        }
        let block = Rc::new(Block::new(engine, text)?);
        self.0.borrow_mut().insert(text, Rc::clone(&block));
        Ok(block)
    }
}

impl<'e, 't> Block<'e, 't> {
    fn new(engine: &'e Environment<'t>, text: &'t str) -> Result<Self, Error> {
        let template = engine.template_from_str(text)?;
        let names = template.undeclared_variables(true).iter().map(|name| Path::new(name)).collect();
        Ok(Self { template, names, rendered: RefCell::default() })
    }

    /// Appends it to `text`.
    pub(super) fn write(&self, names: &Names<'_>, text: &mut String) -> Result<(), Error> {
        let values: Vec<Option<Context>> = self.names.iter().map(|path| names.at(path)).collect();
        let place = values.iter().flatten().find_map(list);
        if let Some(last) = self.rendered.borrow().get(&place)
            && last.values.iter().zip(&values).all(|(one, other)| is_identical(one.as_ref(), other.as_ref()))
        {
            text.push_str(&last.text);
            return Ok(());
        }
        let rendered = self.template.render(names.context())?;
        text.push_str(&rendered);
        // A list that is kept stays where it is.
        if values.iter().flatten().all(|value| is_scalar(value) || list(value).is_some()) {
            self.rendered.borrow_mut().insert(place, Rendered { values, text: rendered });
        }
        Ok(())
    }
}

/// Whether it is a list, and where.
fn list(value: &Context) -> Place {
    value.downcast_object_ref::<Vec<Context>>().map(std::ptr::from_ref)
}

/// Whether no block can tell them apart, since both are one list, or scalars of which that holds.
fn is_identical(one: Option<&Context>, other: Option<&Context>) -> bool {
    match (one.and_then(list), other.and_then(list)) {
        (None, None) => is_same(one, other),
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::provision::template::engine;

    #[test]
    fn a_block_is_rendered_once_for_a_list_and_anew_for_another() {
        let (mut engine, calls) = (engine(), AtomicU32::new(0));
        engine.add_function("call", move || calls.fetch_add(1, Ordering::Relaxed));
        let text = "<% for x in list %><< x >><< y >><< call() >> <% endfor %>";
        let blocks = Blocks::default();
        let [one, other] = [[1, 2], [3, 4]].map(|list| list.into_iter().collect::<Context>());
        let written = |list: &Context, y: &str| {
            let values = [("list", list.clone()), ("y", Context::from(y))];
            let mut text_so_far = String::new();
            blocks.of(&engine, text).unwrap().write(&Names::new(&values), &mut text_so_far).unwrap();
            text_so_far
        };
        assert_eq!(
            [written(&one, "a"), written(&other, "a"), written(&one, "a")],
            ["1a0 2a1 ", "3a2 4a3 ", "1a0 2a1 "]
        );
        assert_eq!([written(&one, "b"), written(&one, "a")], ["1b4 2b5 ", "1a6 2a7 "]);
    }
}
