//! Texts as the protocol can carry them: it has no escapes but that of a newline in an event. Pure.
//! <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/>

/// Characters of an event's title, text and key. <https://docs.datadoghq.com/api/latest/events/>
const MAX_TITLE: usize = 100;
const MAX_TEXT: usize = 4000;
const MAX_KEY: usize = 100;

/// Characters of a name. <https://docs.datadoghq.com/metrics/custom_metrics/>
const MAX_NAME: usize = 200;

/// A name of a metric or a check: a letter first, then `[A-Za-z0-9_.]`.
pub(super) fn name(text: &str) -> String {
    let start = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    let name: String = start.chars().map(legal).take(MAX_NAME).collect();
    if name.is_empty() { "unnamed".into() } else { name }
}

/// One line. Its length is sent before it, so `|` does no harm.
pub(super) fn title(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let title: String = line.take(MAX_TITLE).collect();
    // An event without a title is discarded.
    if title.trim().is_empty() { "ddsync".into() } else { title }
}

/// Lines, their ends written as a backslash and an `n`.
pub(super) fn body(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_TEXT));
    for c in text.chars().take(MAX_TEXT) {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A key has no length before it, so `|` would end it.
pub(super) fn aggregation_key(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '|' { '_' } else { c }).take(MAX_KEY).collect()
}

/// The start of a text, at most `bytes` long, cut between characters.
pub(super) fn within(text: &str, bytes: usize) -> &str {
    let cut = &text[..text.floor_char_boundary(bytes)];
    // Not between a backslash and its n.
    if cut.len() < text.len() { cut.strip_suffix('\\').unwrap_or(cut) } else { cut }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn for_all_texts_no_line_ends_early(text in any::<String>()) {
            for made in [name(&text), title(&text), body(&text), aggregation_key(&text)] {
                prop_assert!(!made.chars().any(char::is_control), "{made:?}");
            }
            prop_assert!(!name(&text).contains(['|', '#', ',', ':']));
            prop_assert!(!aggregation_key(&text).contains('|'));
            prop_assert!(within(&text, 7).len() <= 7);
        }
    }

    #[test]
    fn a_name_starts_with_a_letter_and_lines_keep_their_ends() {
        assert_eq!(name("9|ddsync.can read"), "ddsync.can_read");
        assert_eq!(body("a\r\nb"), "a\\nb");
        assert_eq!(within("ab\\ncd", 3), "ab");
        assert_eq!(within("aé", 2), "a");
    }
}
