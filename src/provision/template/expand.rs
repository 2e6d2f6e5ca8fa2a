//! A template compiled once, and rendered for each subject: the tree with its `$for` and `$when`.

use minijinja::Environment;
use minijinja::value::{Value as Context, ValueKind};
use serde_json::{Map, Value};

use crate::config::nearest;
use crate::provision::template::block::Blocks;
use crate::provision::template::header::Scope;
use crate::provision::template::names::{Asked, Names};
use crate::provision::template::pieces::Text;
use crate::provision::template::render::{Faults, is_dynamic, oversized, oversized_code, said, sole_expression};
use crate::provision::template::{Template, context};

const FOR: &str = "$for";
const WHEN: &str = "$when";
const ITEM: &str = "$item";
/// All loops of one object together.
const MAX_ITEMS: usize = 10_000;

/// A template ready to render.
pub(in crate::provision) struct Compiled<'e, 't> {
    when: Option<Condition<'e, 't>>,
    body: Node<'e, 't>,
}

/// A value, with its place in the tree where rendering may fail.
enum Node<'e, 't> {
    /// The same whatever it is about.
    Plain(Value),
    Expression {
        path: String,
        source: &'t str,
        expression: Asked<'e, 't>,
    },
    Text {
        path: String,
        text: Text<'e, 't>,
    },
    List(Vec<Part<'e, 't>>),
    /// Fields that are always there and always the same, and the others.
    Map(Map<String, Value>, Vec<(&'t str, Part<'e, 't>)>),
}

/// A value that may be left out, and in a list repeated.
struct Part<'e, 't> {
    path: String,
    /// The name of an item, the list as written, and the list.
    each: Option<(&'t str, &'t str, Asked<'e, 't>)>,
    when: Option<Condition<'e, 't>>,
    node: Node<'e, 't>,
}

/// Whether something is there at all.
struct Condition<'e, 't> {
    path: String,
    source: &'t str,
    expression: Asked<'e, 't>,
}

/// Where in a template a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    Top,
    Key,
    Item,
}

impl<'e, 't> Compiled<'e, 't> {
    /// Whatever can be found wrong without a pipeline goes to `faults`.
    pub(in crate::provision) fn new(
        engine: &'e Environment<'t>,
        blocks: &Blocks<'e, 't>,
        template: &'t Template,
        faults: &mut Faults,
    ) -> Self {
        let mut compiler = Compiler { engine, blocks, template, faults, names: Vec::new() };
        let when = template.header.when.as_ref().and_then(|when| compiler.condition(when, "ddsync.when"));
        let Part { node, .. } = compiler.part(&template.body, String::new(), Spot::Top);
        Self { when, body: node }
    }

    /// Whether there is an object for what `names` tell.
    pub(in crate::provision) fn applies(&self, names: &Names<'_>, faults: &mut Faults) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds(names, faults))
    }

    /// The object, in which what could not be rendered is null. Made of `last`, so that only what differs is made anew.
    pub(in crate::provision) fn render(&self, names: &Names<'_>, last: &mut Last, faults: &mut Faults) -> Value {
        let (body, before) = (last.body.take(), std::mem::take(&mut last.shape));
        let mut renderer = Renderer { faults, items: 0, alike: body.is_some(), before, shape: Vec::new() };
        let body = renderer.node(&self.body, names, body);
        last.shape = renderer.shape;
        body
    }
}

/// What a template was rendered to for the subject before.
#[derive(Default)]
pub(in crate::provision) struct Last {
    /// None unless it was given back.
    body: Option<Value>,
    shape: Vec<bool>,
}

impl Last {
    /// Takes back what was rendered, just as it was.
    pub(in crate::provision) fn give_back(&mut self, body: Value) {
        self.body = Some(body);
    }
}

struct Compiler<'c, 'e, 't> {
    engine: &'e Environment<'t>,
    blocks: &'c Blocks<'e, 't>,
    template: &'t Template,
    faults: &'c mut Faults,
    /// Of the loops around.
    names: Vec<&'t str>,
}

impl<'e, 't> Compiler<'_, 'e, 't> {
    fn part(&mut self, value: &'t Value, path: String, spot: Spot) -> Part<'e, 't> {
        let Some(map) = value.as_object() else {
            return Part { each: None, when: None, node: self.node(value, &path), path };
        };
        for (key, belongs) in [(FOR, spot == Spot::Item), (ITEM, spot == Spot::Item), (WHEN, spot != Spot::Top)] {
            if map.contains_key(key) && !belongs {
                let hint = if key == WHEN { "use `when` in the header" } else { "it belongs in an item of a list" };
                self.faults.add(&path, format!("`{key}` has no effect here; {hint}"));
            }
        }
        let each = map.get(FOR).and_then(|value| self.each(value, &path));
        let depth = self.names.len();
        self.names.extend(each.as_ref().map(|(name, ..)| *name));
        let when = map.get(WHEN).and_then(|value| self.when(value, &format!("{path}.{WHEN}")));
        let node = match map.get(ITEM) {
            Some(item) => {
                if let Some(other) = map.keys().find(|key| ![FOR, WHEN, ITEM].contains(&key.as_str())) {
                    self.faults.add(&path, format!("`{ITEM}` is the whole item; `{other}` beside it is lost"));
                }
                self.node(item, &format!("{path}.{ITEM}"))
            }
            None => self.map(map, &path),
        };
        self.names.truncate(depth);
        Part { path, each, when, node }
    }

    fn node(&mut self, value: &'t Value, path: &str) -> Node<'e, 't> {
        match value {
            Value::String(text) if is_dynamic(text) => self.text(value, text, path),
            Value::Array(items) => {
                let parts = items.iter().enumerate();
                Node::of_items(
                    parts.map(|(index, item)| self.part(item, format!("{path}[{index}]"), Spot::Item)).collect(),
                )
            }
            Value::Object(map) => self.map(map, path),
            plain => Node::Plain(plain.clone()),
        }
    }

    fn map(&mut self, map: &'t Map<String, Value>, path: &str) -> Node<'e, 't> {
        let mut parts = Vec::new();
        for (key, value) in map.iter().filter(|(key, _)| ![FOR, WHEN, ITEM].contains(&key.as_str())) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            parts.push((key.as_str(), self.part(value, path, Spot::Key)));
        }
        Node::of_fields(parts)
    }

    fn text(&mut self, value: &'t Value, text: &'t str, path: &str) -> Node<'e, 't> {
        if let Some(source) = sole_expression(text) {
            let expression = self.expression(source, path);
            return expression.map_or_else(
                || Node::Plain(value.clone()),
                |expression| Node::Expression { path: path.to_owned(), source: source.trim(), expression },
            );
        }
        if let Some(message) = oversized(text) {
            self.faults.add(path, message);
            return Node::Plain(value.clone());
        }
        match Text::new(self.engine, self.blocks, text) {
            Ok(text) => {
                self.check_names(text.names(), path);
                Node::Text { path: path.to_owned(), text }
            }
            Err(error) => {
                self.faults.add(path, said(&error));
                Node::Plain(value.clone())
            }
        }
    }

    fn each(&mut self, value: &'t Value, path: &str) -> Option<(&'t str, &'t str, Asked<'e, 't>)> {
        let path = format!("{path}.{FOR}");
        let parts = value.as_str().and_then(|text| text.split_once(" in "));
        let parts = parts.map(|(name, list)| (name.trim(), list.trim()));
        let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let Some((name, list)) = parts.filter(|(name, _)| is_name(name)) else {
            self.faults.add(&path, "has to read `NAME in LIST`, for example `stage in stages`");
            return None;
        };
        Some((name, list, self.expression(list, &path)?))
    }

    fn when(&mut self, value: &'t Value, path: &str) -> Option<Condition<'e, 't>> {
        let Some(source) = value.as_str() else {
            self.faults.add(path, "has to be an expression, for example `pipeline.has.async`");
            return None;
        };
        self.condition(source, path)
    }

    fn condition(&mut self, source: &'t str, path: &str) -> Option<Condition<'e, 't>> {
        let expression = self.expression(source, path)?;
        Some(Condition { path: path.to_owned(), source: source.trim(), expression })
    }

    fn expression(&mut self, source: &'t str, path: &str) -> Option<Asked<'e, 't>> {
        if let Some(message) = oversized_code(source) {
            self.faults.add(path, message);
            return None;
        }
        match Asked::new(self.engine, source) {
            Ok(expression) => {
                self.check_names(expression.names(), path);
                Some(expression)
            }
            Err(error) => {
                self.faults.add(path, said(&error));
                None
            }
        }
    }

    /// A misspelt name is found even where no pipeline renders it.
    fn check_names(&mut self, used: impl IntoIterator<Item = String>, path: &str) {
        let header = &self.template.header;
        let known = context::names(header.scope);
        let mut used: Vec<String> = used.into_iter().collect();
        used.sort();
        for name in used {
            let mut parts = name.split('.');
            let (first, second) = (parts.next().unwrap_or_default(), parts.next());
            if self.names.contains(&first) {
                continue;
            }
            if !known.contains(&first) {
                let meant = nearest(first, known.iter().copied().chain(self.names.iter().copied()));
                let of = if header.scope == Scope::Global { "; `scope` in the header is global" } else { "" };
                let hint = meant.map_or_else(|| of.to_owned(), |near| format!("; did you mean `{near}`?"));
                self.faults.add(path, format!("`{name}` is undefined{hint}"));
            } else if let Some(variable) =
                second.filter(|name| first == "vars" && !header.variables.contains_key(*name))
            {
                let meant = nearest(variable, header.variables.keys().map(String::as_str));
                let hint = meant.map_or_else(
                    || "; declare it under `ddsync.variables`".to_owned(),
                    |near| format!("; did you mean `vars.{near}`?"),
                );
                self.faults.add(path, format!("`{name}` is undefined{hint}"));
            }
        }
    }
}

impl Part<'_, '_> {
    /// The value, when it is always there and always the same.
    fn plain(&self) -> Option<&Value> {
        match self {
            Self { each: None, when: None, node: Node::Plain(value), .. } => Some(value),
            _ => None,
        }
    }
}

impl<'e, 't> Node<'e, 't> {
    fn of_items(parts: Vec<Part<'e, 't>>) -> Self {
        let plain: Option<Vec<Value>> = parts.iter().map(|part| part.plain().cloned()).collect();
        plain.map_or(Self::List(parts), |items| Self::Plain(Value::Array(items)))
    }

    fn of_fields(parts: Vec<(&'t str, Part<'e, 't>)>) -> Self {
        let (mut plain, mut others) = (Map::new(), Vec::new());
        for (key, part) in parts {
            match part.plain() {
                Some(value) => drop(plain.insert(key.to_owned(), value.clone())),
                None => others.push((key, part)),
            }
        }
        if others.is_empty() { Self::Plain(Value::Object(plain)) } else { Self::Map(plain, others) }
    }
}

struct Renderer<'r> {
    faults: &'r mut Faults,
    items: usize,
    /// Whether the object before had the same shape up to here. Then what stands in one place of both comes from one place
    /// of the template.
    alike: bool,
    before: Vec<bool>,
    /// Of each thing that may be left out whether it is there, and after each item of a loop whether there is one more.
    shape: Vec<bool>,
}

impl Renderer<'_> {
    /// `before` is what stood there in the object before.
    fn node(&mut self, node: &Node<'_, '_>, names: &Names<'_>, before: Option<Value>) -> Value {
        match (node, before.filter(|_| self.alike)) {
            (Node::Plain(_), Some(before)) => before,
            (Node::Plain(value), None) => value.clone(),
            (Node::Text { path, text }, before) => {
                let before = if let Some(Value::String(before)) = before { before } else { String::new() };
                match text.render(names, before) {
                    Ok(text) => text.into(),
                    Err(error) => self.failed(path, &said(&error)),
                }
            }
            (Node::Expression { path, source, expression }, _) => match expression.eval(names) {
                Ok(value) if value.is_undefined() => self.failed(path, &format!("`{source}` is undefined")),
                Ok(value) => json_of(&value)
                    .unwrap_or_else(|| self.failed(path, &format!("`{source}` is nothing that JSON can hold"))),
                Err(error) => self.failed(path, &said(&error)),
            },
            (Node::List(parts), before) => {
                let before = if let Some(Value::Array(before)) = before { before } else { Vec::new() };
                let mut list =
                    List { items: Vec::with_capacity(parts.len().max(before.len())), before: before.into_iter() };
                for part in parts {
                    self.items(part, names, &mut list);
                }
                Value::Array(list.items)
            }
            (Node::Map(plain, parts), before) => {
                let mut map = if let Some(Value::Object(before)) = before { before } else { plain.clone() };
                for (key, part) in parts {
                    if !self.holds(part, names) {
                        map.remove(*key);
                    } else if let Some(value) = map.get_mut(*key) {
                        *value = self.node(&part.node, names, Some(value.take()));
                    } else {
                        map.insert((*key).to_owned(), self.node(&part.node, names, None));
                    }
                }
                Value::Object(map)
            }
        }
    }

    fn items(&mut self, part: &Part<'_, '_>, names: &Names<'_>, list: &mut List) {
        let Some((name, source, each)) = &part.each else {
            return self.item(part, names, list);
        };
        let items = match each.eval(names) {
            Ok(items) if items.is_undefined() => Err(format!("`{source}` is undefined")),
            Ok(items) => items.try_iter().map_err(|error| said(&error)),
            Err(error) => Err(said(&error)),
        };
        let items = match items {
            Ok(items) => items,
            Err(message) => {
                self.failed(&format!("{}.{FOR}", part.path), &message);
                return self.note(false);
            }
        };
        for item in items {
            self.items += 1;
            if self.items > MAX_ITEMS {
                self.failed(&part.path, &format!("makes more than {MAX_ITEMS} items"));
                break;
            }
            self.note(true);
            self.item(part, &names.with_item(name, item), list);
        }
        self.note(false);
    }

    fn item(&mut self, part: &Part<'_, '_>, names: &Names<'_>, list: &mut List) {
        if self.holds(part, names) {
            let item = self.node(&part.node, names, list.before.next());
            list.items.push(item);
        }
    }

    fn holds(&mut self, part: &Part<'_, '_>, names: &Names<'_>) -> bool {
        let Some(when) = &part.when else { return true };
        let holds = when.holds(names, self.faults);
        self.note(holds);
        holds
    }

    fn note(&mut self, there: bool) {
        self.alike &= self.before.get(self.shape.len()) == Some(&there);
        self.shape.push(there);
    }

    fn failed(&mut self, path: &str, message: &str) -> Value {
        self.faults.add(path, message);
        Value::Null
    }
}

/// The items of a list, and those that are left of the list before.
struct List {
    items: Vec<Value>,
    before: std::vec::IntoIter<Value>,
}

impl Condition<'_, '_> {
    fn holds(&self, names: &Names<'_>, faults: &mut Faults) -> bool {
        match self.expression.eval(names) {
            Ok(value) if value.is_undefined() => faults.add(&self.path, format!("`{}` is undefined", self.source)),
            Ok(value) => return value.is_true(),
            Err(error) => faults.add(&self.path, said(&error)),
        }
        false
    }
}

/// The value in JSON; none for functions and the like.
fn json_of(value: &Context) -> Option<Value> {
    if let Some(text) = value.as_str() {
        return Some(text.into());
    }
    let is_data = !matches!(value.kind(), ValueKind::Plain | ValueKind::Bytes | ValueKind::Invalid);
    serde_json::to_value(value).ok().filter(|_| is_data)
}
