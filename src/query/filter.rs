//! Which sources a selector reads.

/// Which sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// `*`
    Everything,
    /// `key:value`, or a tag without a value.
    Tag {
        /// What stands before the first colon.
        key: String,
        /// Empty for a tag without a value.
        value: Pattern,
    },
    /// A template variable, without its `$`: `pipeline`, `env.value`.
    Variable(String),
    /// `!x` or `NOT x`.
    Not(Box<Filter>),
    /// All of two or more: `a,b` or `a AND b`.
    And(Vec<Filter>),
    /// One of two or more: `a OR b`, `key IN (x, y)`.
    Or(Vec<Filter>),
}

/// The value of a tag, where `*` stands for any text and `$name.value` for a template variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub String);

impl Filter {
    /// Every tag it names, negated or not, from left to right.
    #[must_use]
    pub fn tags(&self) -> Vec<(&str, &Pattern)> {
        match self {
            Self::Everything | Self::Variable(_) => Vec::new(),
            Self::Tag { key, value } => vec![(key, value)],
            Self::Not(inner) => inner.tags(),
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::tags).collect(),
        }
    }

    /// The template variables it needs, as they are written.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        match self {
            Self::Everything => Vec::new(),
            Self::Variable(name) => vec![name],
            Self::Tag { value, .. } => value.variables(),
            Self::Not(inner) => inner.variables(),
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::variables).collect(),
        }
    }

    /// Does a source with these tags, each `key:value`, belong to it? A template variable matches nothing.
    #[must_use]
    pub fn matches(&self, tags: &[String]) -> bool {
        match self {
            Self::Everything => true,
            Self::Variable(_) => false,
            Self::Tag { key, value } if value.0.is_empty() => tags.contains(key),
            Self::Tag { key, value } => values_of(tags, key).any(|text| value.matches(text)),
            Self::Not(inner) => !inner.matches(tags),
            Self::And(all) => all.iter().all(|one| one.matches(tags)),
            Self::Or(any) => any.iter().any(|one| one.matches(tags)),
        }
    }

    /// `key:value`, or a tag without a value.
    pub(super) fn tag(text: &str) -> Self {
        let (key, value) = text.split_once(':').unwrap_or((text, ""));
        Self::Tag { key: key.to_owned(), value: Pattern(value.to_owned()) }
    }
}

impl Pattern {
    /// Does the whole of `text` fit?
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return self.0 == text;
        };
        let Some(mut text) = text.strip_prefix(first) else {
            return false;
        };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The first place where a part fits leaves the most for those after it.
        for part in middle.split('*') {
            match text.find(part) {
                Some(at) => text = &text[at + part.len()..],
                None => return false,
            }
        }
        text.ends_with(last)
    }

    fn variables(&self) -> Vec<&str> {
        self.0.split('$').skip(1).map(|rest| &rest[..variable_end(rest)]).collect()
    }
}

/// The values of one key among tags.
pub(super) fn values_of<'t>(tags: &'t [String], key: &str) -> impl Iterator<Item = &'t str> {
    tags.iter().filter_map(move |tag| tag.strip_prefix(key)?.strip_prefix(':'))
}

/// Where the name of a template variable ends, `.value` included.
pub(super) fn variable_end(text: &str) -> usize {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(text.len());
    if text[end..].starts_with(".value") { end + ".value".len() } else { end }
}

/// Whether a tag of a filter may hold it, wildcards and template variables included.
pub(super) fn is_in_tag(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | '*' | '$')
}
