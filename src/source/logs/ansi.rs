//! Colours and other commands to a terminal, which are no text.

use std::sync::LazyLock;

use memchr::memchr;
use regex::Regex;

const ESCAPE: u8 = 0x1b;

/// A whole command, or the escape character alone. A title or a link that never ends hides nothing of what follows it,
/// as it would in a terminal.
/// <https://ecma-international.org/publications-and-standards/standards/ecma-48/>
static COMMAND: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"\x1b(?:",
        r"\[[0-?]*[ -/]*[@-~]|",
        r"[\]P^_X][^\x07\x1b\n]*(?:\x07|\x1b\\)|",
        r"[ -/]+[0-~]|",
        r"[0-OQ-WYZ`-~\\]",
        r")?"
    ))
    .ok()
});

/// Takes commands to a terminal out of a text. Everything else stays, also what a terminal would not show.
pub fn strip(text: &mut String) {
    if memchr(ESCAPE, text.as_bytes()).is_none() {
        return;
    }
    let plain = match &*COMMAND {
        Some(command) => command.replace_all(text, "").into_owned(),
        None => text.replace(char::from(ESCAPE), ""),
    };
    *text = plain;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_go_and_text_stays() {
        for (text, plain) in [
            ("", ""),
            ("plain \u{0} text", "plain \u{0} text"),
            ("\u{1b}[1;31mERROR\u{1b}[0m boom", "ERROR boom"),
            ("\u{1b}[38;2;255;0;0mred\u{1b}[K", "red"),
            ("\u{1b}]0;a title\u{7}then", "then"),
            ("\u{1b}]8;;https://x.example\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;never ends, and all of this is read", "]0;never ends, and all of this is read"),
            ("\u{1b}Pnever ends", "Pnever ends"),
            ("\u{1b}(Bcharacters", "characters"),
            ("\u{1b}\u{1b}[0m[31mnested", "[31mnested"),
            ("at the end\u{1b}", "at the end"),
            ("\u{1b}[", "["),
            ("\u{1b}é", "é"),
        ] {
            let mut stripped = text.to_owned();
            strip(&mut stripped);
            assert_eq!(stripped, plain, "{text:?}");
        }
    }
}
