//! Queries that differ in nothing but values of tags, told without reading them.

use memchr::memchr2;

use super::filter::is_in_tag;

/// Whether two queries are one but for values of tags in which no template variable stands. Then what can be said of one
/// that can be read, but for those values, can be said of the other too.
#[must_use]
pub fn same_but_for_values(one: &str, other: &str) -> bool {
    // What stands in quotes is no filter, whatever it looks like.
    let is_quoted = |query: &str| memchr2(b'"', b'\'', query.as_bytes()).is_some();
    one == other || !is_quoted(one) && !is_quoted(other) && without_values(one).eq(without_values(other))
}

/// The parts of a query, whether a value was left out after each, and the sign that follows.
fn without_values(query: &str) -> impl Iterator<Item = (&str, bool, &str)> {
    query.split_inclusive('}').flat_map(|part| {
        let (before, filter) = part.split_at(part.find('{').unwrap_or(part.len()));
        std::iter::once((before, false, "")).chain(filter.split_inclusive(|c| !is_in_tag(c)).map(without_value))
    })
}

fn without_value(tag: &str) -> (&str, bool, &str) {
    let (tag, sign) = tag.split_at(tag.trim_end_matches(|c| !is_in_tag(c)).len());
    match tag.split_once(':') {
        Some((key, value)) if !value.is_empty() && !value.contains('$') => (key, true, sign),
        _ => (tag, false, sign),
    }
}
