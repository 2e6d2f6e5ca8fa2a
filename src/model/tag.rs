//! The tag contract, and the one function that makes any text a legal Datadog tag.
//!
//! Tag values are untrusted: whoever may tag a resource must not be able to inject a tag, a query scope or a template.
//! Exporter and templates both go through [`normalize_value`], so that a query finds what was sent.

/// Datadog cuts a tag after this many characters, key and colon included.
/// <https://docs.datadoghq.com/getting_started/tagging/>
pub const MAX_TAG_CHARS: usize = 200;

/// The keys of the tag contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagKeys {
    /// The pipeline's name; a resource without it is not ours. Default `pipeline`.
    pub pipeline: String,
    /// Default `environment`.
    pub environment: String,
    /// Default `team`.
    pub team: String,
    /// The stage's name. Default `model`.
    pub stage: String,
    /// The name of a route. Default `owner`.
    pub owner: String,
    /// Upstream stages, separated by spaces or `+`. Default `depends-on`.
    pub depends_on: String,
    /// Prefix of template variable overrides. Default `ddsync:`.
    pub override_prefix: String,
}

impl Default for TagKeys {
    fn default() -> Self {
        Self {
            pipeline: "pipeline".into(),
            environment: "environment".into(),
            team: "team".into(),
            stage: "model".into(),
            owner: "owner".into(),
            depends_on: "depends-on".into(),
            override_prefix: "ddsync:".into(),
        }
    }
}

/// `key:value` as Datadog will store it: lower case, `[a-z0-9_\-:./]`, other characters `_`, at most
/// [`MAX_TAG_CHARS`] characters. `key` is one of our own literals.
///
/// An empty value becomes `none`, so that a series never carries a tag without a value.
#[must_use]
pub fn tag(key: &str, value: &str) -> String {
    let room = MAX_TAG_CHARS.saturating_sub(key.len() + 1);
    let mut value = normalize_value(value);
    value.truncate(room); // ASCII only: a byte is a character
    trim_end(&mut value);
    if value.is_empty() { format!("{key}:none") } else { format!("{key}:{value}") }
}

/// The value of a tag as Datadog will store it. Idempotent.
///
/// Runs of replaced characters become one `_`, and `_` does not end a value: that is what Datadog does.
#[must_use]
pub fn normalize_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len().min(MAX_TAG_CHARS));
    for c in value.chars().flat_map(char::to_lowercase) {
        if out.len() == MAX_TAG_CHARS {
            break;
        }
        match c {
            'a'..='z' | '0'..='9' | '-' | ':' | '.' | '/' => out.push(c),
            _ if out.ends_with('_') => {}
            _ => out.push('_'),
        }
    }
    trim_end(&mut out);
    out
}

/// A whole tag as a person typed it into `datadog.tags` or `DD_TAGS`: normalised, and starting with a letter.
/// `None` when nothing legal is left.
#[must_use]
pub fn normalize_tag(text: &str) -> Option<String> {
    let tag = normalize_value(text);
    let start = tag.find(|c: char| c.is_ascii_lowercase())?;
    Some(tag[start..].to_owned())
}

fn trim_end(text: &mut String) {
    while text.ends_with('_') {
        text.pop();
    }
}

/// Names out of a `depends-on` tag. AWS tag values cannot hold commas everywhere, so spaces and `+` separate.
#[must_use]
pub fn split_names(value: &str) -> Vec<String> {
    value.split(|c: char| c.is_whitespace() || c == '+').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn legal(text: &str) -> bool {
        text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-' | ':' | '.' | '/'))
    }

    proptest! {
        #[test]
        fn for_all_texts_a_value_is_legal_and_normalising_again_changes_nothing(text in any::<String>()) {
            let once = normalize_value(&text);
            prop_assert!(legal(&once));
            prop_assert!(once.len() <= MAX_TAG_CHARS);
            prop_assert_eq!(&normalize_value(&once), &once);
        }

        #[test]
        fn for_all_values_a_tag_keeps_its_key_and_its_length(text in any::<String>()) {
            let tag = tag("pipeline", &text);
            prop_assert!(tag.starts_with("pipeline:"));
            prop_assert!(tag.len() <= MAX_TAG_CHARS && tag.len() > "pipeline:".len());
            prop_assert!(legal(&tag));
        }

        #[test]
        fn for_all_texts_a_typed_tag_starts_with_a_letter(text in any::<String>()) {
            if let Some(tag) = normalize_tag(&text) {
                prop_assert!(tag.starts_with(|c: char| c.is_ascii_lowercase()));
                prop_assert!(legal(&tag));
            }
        }
    }

    #[test]
    fn hostile_values_become_plain_ones() {
        assert_eq!(tag("team", "Docs|#env:prod\n@pagerduty"), "team:docs_env:prod_pagerduty");
        assert_eq!(tag("team", "{{#is_alert}}"), "team:_is_alert");
        assert_eq!(tag("team", "日本"), "team:none");
        assert_eq!(tag("team", ""), "team:none");
    }

    #[test]
    fn names_are_separated_by_spaces_or_plus() {
        assert_eq!(split_names(" page-split + table-reader  x"), ["page-split", "table-reader", "x"]);
    }
}
