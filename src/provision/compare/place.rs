//! Where in a body a value is.

use std::fmt;

use super::body::Ids;
use crate::provision::object::Kind;

/// A place in a body, known by its way down from the top. Nothing is allocated until it is shown.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) kind: Kind,
    above: Option<&'a Place<'a>>,
    step: Step<'a>,
    /// What references stand for.
    ids: Option<Ids<'a>>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Top,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    pub(super) fn top(kind: Kind) -> Self {
        Self { kind, above: None, step: Step::Top, ids: None }
    }

    pub(super) fn with_ids(kind: Kind, ids: Ids<'a>) -> Self {
        Self { ids: Some(ids), ..Self::top(kind) }
    }

    pub(super) fn ids(&self) -> Option<Ids<'a>> {
        self.ids
    }

    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self { above: Some(self), step: Step::Key(key), ..*self }
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self { above: Some(self), step: Step::Index(index), ..*self }
    }

    /// The key it stands under; that of the list for an item of one.
    pub(super) fn name(&self) -> &str {
        match (self.step, self.above) {
            (Step::Key(key), _) => key,
            (Step::Index(_), Some(above)) => above.name(),
            _ => "",
        }
    }

    /// Whether it is that field of the object itself.
    pub(super) fn is_field(&self, name: &str) -> bool {
        self.is_a_field() && self.name() == name
    }

    /// Whether it is a field of the object itself.
    pub(super) fn is_a_field(&self) -> bool {
        matches!(self.step, Step::Key(_)) && self.above.is_some_and(|above| matches!(above.step, Step::Top))
    }

    /// Whether it is an item of a list of that name.
    pub(super) fn is_item_of(&self, list: &str) -> bool {
        matches!(self.step, Step::Index(_)) && self.name() == list
    }

    /// Whether it stands under a key of an item of a list of that name.
    pub(super) fn is_in_item_of(&self, list: &str) -> bool {
        matches!(self.step, Step::Key(_)) && self.above.is_some_and(|above| above.is_item_of(list))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(above) = self.above else { return Ok(()) };
        above.fmt(f)?;
        match self.step {
            Step::Key(key) if above.above.is_none() => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Top => Ok(()),
        }
    }
}
