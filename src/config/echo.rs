//! What of a configuration may be repeated in a message.

/// Keys of Datadog (32 and 40 characters) and of AWS (40), and most tokens, are an unbroken run at least this long.
const SECRET_RUN: usize = 32;
/// Longer text is cut.
const MAX_SHOWN: usize = 100;

/// The text in backquotes, or `a value` in its place where it may be a secret.
pub(super) fn quoted(text: &str) -> String {
    if may_be_secret(text) {
        return "a value".to_owned();
    }
    let mut shown: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    // Quotes mean nothing special between backquotes.
    shown = shown.replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}

/// Whether a value under this key is never repeated, whatever it looks like.
pub(super) fn is_private(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["key", "secret", "token", "password"].iter().any(|word| key.contains(word))
}

fn may_be_secret(text: &str) -> bool {
    let long_run = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')))
        .any(|run| run.len() >= SECRET_RUN);
    // A URL may carry a user and a password before the host.
    let credentials = text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
    long_run || credentials
}

/// The candidate that a misspelt word most likely means.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(MAX_SHOWN).flat_map(char::to_lowercase).collect();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= (word.chars().count().max(candidate.len()) / 3).max(1))
        .filter(|(distance, _)| *distance < word.chars().count())
        .map(|(_, candidate)| candidate)
}

/// `; did you mean ..?` when one candidate is near, else all of them.
pub(super) fn hint(word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", candidates.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_key_is_not_repeated() {
        assert_eq!(quoted("0123456789abcdef0123456789abcdef"), "a value");
        assert_eq!(quoted("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "a value");
        assert_eq!(quoted("https://user:hunter2@proxy"), "a value");
        assert_eq!(quoted("us-wset-2"), "`us-wset-2`");
        assert_eq!(quoted("a\n\u{1b}[31m\"b'"), "`a\\n\\u{1b}[31m\"b'`");
    }

    #[test]
    fn keys_that_name_a_secret_are_private() {
        for key in ["api_key", "API_KEY_FILE", "clientSecret", "token", "db_password"] {
            assert!(is_private(key), "{key}");
        }
        assert!(!is_private("site"));
    }

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("dely", ["delay", "reread"]), Some("delay"));
        assert_eq!(nearest("Delay", ["delay"]), Some("delay"));
        assert_eq!(nearest("us-wset-2", ["us-east-2", "us-west-2"]), Some("us-west-2"));
        assert_eq!(nearest("zzz", ["delay"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("x", ["a"]), None);
    }
}
