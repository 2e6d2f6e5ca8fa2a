//! Untrusted text as it may stand in something that people read.

/// Longer text is cut.
const MAX_SHOWN: usize = 80;

/// What means something in a handle, a template variable, a query, a link or Markdown. With `<` no reference to another
/// object can be forged, with `$` no variable of a dashboard.
const MEANINGFUL: &str = "@{}<>[]%#|\\`*$\"";

/// `text` with every character that could mean something, or cannot be seen, replaced by a space; cut to 80 characters.
/// `none` when nothing is left.
#[must_use]
pub fn safe_text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if is_plain(c) => out.push(c),
            _ if out.is_empty() || out.ends_with(' ') => {}
            _ => out.push(' '),
        }
    }
    let cut: String = out.chars().take(MAX_SHOWN).collect();
    let cut = cut.trim_end();
    if cut.is_empty() { "none".to_owned() } else { cut.to_owned() }
}

/// The standard library escapes for debugging what cannot be seen: control and format characters, odd spaces, what was
/// never assigned, and marks that pile up on the character before them.
fn is_plain(c: char) -> bool {
    c != ' ' && !MEANINGFUL.contains(c) && (c == '\'' || c.escape_debug().len() == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn for_all_texts_what_is_shown_is_plain_short_and_never_empty(text in any::<String>()) {
            let shown = safe_text(&text);
            prop_assert!(!shown.is_empty() && shown.chars().count() <= MAX_SHOWN);
            prop_assert!(!shown.contains(|c: char| MEANINGFUL.contains(c) || c.is_control()), "{shown:?}");
            let unseen = ['\u{200b}', '\u{200d}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{e0041}', '\u{2028}'];
            prop_assert!(!shown.contains(unseen), "{shown:?}");
            prop_assert!(!shown.starts_with(' ') && !shown.ends_with(' ') && !shown.contains("  "));
            prop_assert_eq!(safe_text(&shown), shown);
        }

        #[test]
        fn for_all_names_of_plain_words_nothing_changes(text in "[A-Za-z0-9_.:/é日-]{1,20}( [A-Za-z0-9'&,()!]{1,20}){0,2}") {
            prop_assert_eq!(safe_text(&text), text);
        }
    }

    #[test]
    fn hostile_text_becomes_harmless() {
        let hostile = "Docs},*:{} {{#is_alert}} @all,env:prod\n<<x>>|#a:b";
        assert_eq!(safe_text(hostile), "Docs , : is_alert all,env:prod x a:b");
        assert_eq!(safe_text("<ref:slo:x/global>"), "ref:slo:x/global");
        assert_eq!(safe_text("a\u{202e}b\u{200b}c"), "a b c");
        assert_eq!(safe_text("@ {} \u{feff}"), "none");
        assert_eq!(safe_text(&"é".repeat(256)), "é".repeat(80));
    }
}
