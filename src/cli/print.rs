//! The only place that prints. Colours are dropped where the screen has none, or `NO_COLOR` is set.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use crate::model::hostile::is_hostile;

const HEADING: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default().bold();

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Something comes.
    Good,
    /// Something becomes other.
    Changed,
    /// Something goes.
    Bad,
    /// Nothing happens.
    Plain,
}

/// Text in the colour of its meaning, for [`line()`].
#[must_use]
pub fn painted(mood: Mood, text: impl Display) -> String {
    let style = match mood {
        Mood::Good => AnsiColor::Green.on_default(),
        Mood::Changed => AnsiColor::Yellow.on_default(),
        Mood::Bad => AnsiColor::Red.on_default(),
        Mood::Plain => Style::new(),
    };
    format!("{style}{text}{style:#}")
}

/// Text that stands out, for [`line()`].
#[must_use]
pub fn strong(text: impl Display) -> String {
    format!("{HEADING}{text}{HEADING:#}")
}

/// Text of lesser weight, for [`line()`].
#[must_use]
pub fn faint(text: impl Display) -> String {
    format!("{DIM}{text}{DIM:#}")
}

/// Whether somebody looks at standard output.
#[must_use]
pub fn is_seen() -> bool {
    std::io::stdout().is_terminal()
}

/// Asks a question on the terminal; `None` where nobody can answer. A line is read as it comes, so that Ctrl-C leaves the
/// terminal as it was.
#[must_use]
pub fn confirm(question: &str) -> Option<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return None;
    }
    let mut asking = anstream::stderr();
    write!(asking, "{HEADING}{question}{HEADING:#} [y/N] ").and_then(|()| asking.flush()).ok()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    Some(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Writes a file as a whole or not at all, for its owner alone. A link stays one and what it leads to is written; what is
/// no file, such as a device or a pipe, takes the bytes.
///
/// # Errors
/// When it cannot be written; a file that was there is as it was.
pub fn file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => return OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Links that lead in a circle have been refused above.
    let mut path = path.to_owned();
    while let Ok(link) = std::fs::read_link(&path) {
        path = folder(&path).join(link);
    }
    let folder = folder(&path);
    std::fs::metadata(folder)?;
    // Its own words would name a file that nobody has asked for.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| std::io::Error::from(error.kind()))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&path).map(drop).map_err(|error| error.error)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether whoever read standard output has gone away.
static GONE: AtomicBool = AtomicBool::new(false);

/// Why standard output is not whole.
static LOST: OnceLock<String> = OnceLock::new();

/// A line on standard output. A reader that has gone away is no error.
pub fn line(text: impl Display) {
    written(writeln!(anstream::stdout(), "{text}"));
}

/// Text as it is, on standard output.
pub fn raw(bytes: &[u8]) {
    let mut out = anstream::stdout();
    written(out.write_all(bytes).and_then(|()| out.flush()));
}

fn written(result: std::io::Result<()>) {
    match result {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => GONE.store(true, Ordering::Relaxed),
        Err(error) => {
            // The first reason is the one to tell.
            let _known = LOST.set(error.to_string());
        }
    }
}

/// Whether nothing that is printed arrives anywhere any more: what prints for ever has an end.
#[must_use]
pub fn is_unheard() -> bool {
    GONE.load(Ordering::Relaxed) || LOST.get().is_some()
}

/// Writes out what is left; why standard output is not whole, if it is not.
#[must_use]
pub fn lost() -> Option<&'static str> {
    written(anstream::stdout().flush());
    LOST.get().map(String::as_str)
}

/// A heading on standard output.
pub fn heading(text: impl Display) {
    line(strong(text));
}

/// A line of lesser weight on standard output.
pub fn note(text: impl Display) {
    line(faint(text));
}

/// What went wrong, on standard error. It may have several lines, and quote what others wrote.
pub fn error(text: &str) {
    let _gone = writeln!(anstream::stderr(), "{BAD}error:{BAD:#} {}", printable_lines(text));
}

/// What deserves a look, on standard error. It may have several lines, and quote what others wrote.
pub fn warning(text: impl Display) {
    let _gone = writeln!(anstream::stderr(), "{WARN}warning:{WARN:#} {}", printable_lines(&text.to_string()));
}

/// One JSON value on standard output, indented.
pub fn json(value: &impl serde::Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(escaped(&text)),
        Err(problem) => error(&format!("cannot be written as JSON: {problem}")),
    }
}

/// One JSON value on a line of standard output.
pub fn json_line(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(escaped(&text)),
        Err(problem) => error(&format!("cannot be written as JSON: {problem}")),
    }
}

/// A terminal that says that it is narrower, often 0, does not know: columns.
const NARROWEST: u16 = 20;

/// A table as wide as the screen allows; control characters of what it shows are replaced.
#[must_use]
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let rows = rows.into_iter().map(|row| row.into_iter().map(|cell| vec![cell]).collect());
    tall_table(header, rows.collect())
}

/// A table whose cells have several lines.
#[must_use]
pub fn tall_table(header: &[&str], rows: Vec<Vec<Vec<String>>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_some_and(|width| width < NARROWEST) {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    for row in rows {
        let cell = |lines: Vec<String>| lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n");
        table.add_row(row.into_iter().map(cell));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Text of others without what could move the cursor, colour the screen, or show other text than there is.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect()
}

fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// JSON with the same meaning: outside of its strings there is nothing hostile, and in them it leaves most as it is.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_hostile(c) {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// The start of a value that may be long; AWS allows 256 characters in a tag. JSON output has all of it.
#[must_use]
pub fn short(text: &str) -> String {
    const WIDTH: usize = 30;
    match text.char_indices().nth(WIDTH) {
        None => text.to_owned(),
        Some((cut, _)) => format!("{}…", &text[..cut]),
    }
}

/// A bar of `length` steps on standard error; hidden where that is no terminal.
#[must_use]
pub fn bar(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len}");
    let bar = ProgressBar::new(length).with_message(what);
    hidden_without_terminal(&bar);
    style.map_or(bar.clone(), |style| bar.with_style(style.progress_chars("=> ")))
}

/// A spinner on standard error; hidden where that is no terminal.
#[must_use]
pub fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(what);
    hidden_without_terminal(&spinner);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn hidden_without_terminal(bar: &ProgressBar) {
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// A tag that colours, goes back to the start of the line, and turns the rest around.
    const HOSTILE: &str = "a\u{1b}[31m\r\u{9b}2J\u{202e}b\u{e0041}ç日";

    #[test]
    fn text_of_others_shows_what_it_is() {
        assert_eq!(printable(HOSTILE), "a\u{fffd}[31m\u{fffd}\u{fffd}2J\u{fffd}b\u{fffd}ç日");
        assert_eq!(printable_lines("one\ntwo\r"), "one\ntwo\u{fffd}");
        assert!(table(&["team"], vec![vec![HOSTILE.to_owned()]]).chars().all(|c| c == '\n' || !is_hostile(c)));
    }

    #[test]
    fn json_means_the_same_and_cannot_reach_the_terminal() {
        let text = serde_json::json!({ "team": HOSTILE }).to_string();
        let safe = escaped(&text);
        assert!(!safe.chars().any(is_hostile), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).ok(), serde_json::from_str(&text).ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_what_it_leads_to_is_written() {
        let temporary = tempfile::tempdir().unwrap();
        let at = |name: &str| temporary.path().join(name);
        std::fs::create_dir(at("deeper")).unwrap();
        std::os::unix::fs::symlink("deeper/link", at("link")).unwrap();
        std::os::unix::fs::symlink("file", at("deeper/link")).unwrap();
        for bytes in ["there was nothing", "there was something"] {
            file(&at("link"), bytes.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(at("deeper/file")).unwrap(), bytes);
            assert!(at("link").is_symlink() && at("deeper/link").is_symlink());
        }
        std::os::unix::fs::symlink("circle", at("circle")).unwrap();
        assert!(file(&at("circle"), b"x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_takes_what_is_written_and_stays_a_pipe() {
        use std::io::Read;
        use std::os::unix::fs::FileTypeExt;

        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        // Opened for both, a pipe waits for nobody.
        let mut pipe = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        file(&path, b"plan").unwrap();
        assert!(std::fs::metadata(&path).unwrap().file_type().is_fifo());
        let mut taken = [0; 4];
        pipe.read_exact(&mut taken).unwrap();
        assert_eq!(&taken, b"plan");
        assert!(file(temporary.path(), b"x").is_err(), "a folder is nothing to write to");
    }
}
