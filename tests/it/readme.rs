//! README.md says what is so: its commands run, its output is true, its tables are the program's.

use std::collections::BTreeSet;
use std::fmt::Write;

use ddsync::agent::health::{JobStatus, LastError, Status};
use ddsync::agent::{JobKind, health};
use ddsync::model::catalogue;
use ddsync::telemetry::{Kind, Name, Route};
use serde_json::Value;

use crate::program::{command, ddsync, file, generated, says};

const README: &str = "README.md";

/// The block that follows each marker `<!-- mark ... -->`, with what the marker says after `mark`.
fn blocks(text: &str, mark: &str) -> Vec<(String, String)> {
    let opening = format!("<!-- {mark}");
    let mut found = Vec::new();
    for part in text.split(&opening).skip(1) {
        let (argument, rest) = part.split_once("-->").expect("a marker that ends");
        let block = rest.split("```").nth(1).expect("a block after a marker");
        let (_language, body) = block.split_once('\n').expect("a block of lines");
        found.push((argument.trim().to_owned(), body.to_owned()));
    }
    found
}

/// Whether every line of `shown` stands in `output` in this order, and without another between them where `...` does
/// not say so.
fn shows(shown: &str, output: &str) -> Result<(), String> {
    let mut lines = output.lines();
    let mut gap = false;
    for line in shown.lines() {
        if line == "..." {
            gap = true;
            continue;
        }
        let found = if gap { lines.find(|one| *one == line) } else { lines.next() };
        if found != Some(line) {
            return Err(format!("the README shows\n{line}\nwhere the program says\n{}", found.unwrap_or("nothing")));
        }
        gap = false;
    }
    Ok(())
}

/// A line whose short hashes of commits are `#`: what is live depends on how long the morning is by then.
fn without_commits(line: &str) -> String {
    let is_commit = |word: &str| word.len() == 7 && word.chars().all(|c| c.is_ascii_digit() || matches!(c, 'a'..='f'));
    let masked = line.split(' ').map(|word| if is_commit(word.trim_end_matches([',', ';'])) { "#" } else { word });
    masked.collect::<Vec<_>>().join(" ")
}

/// A text whose counts, prices and ports are `#`: they are other ones in every run. A lone 0 stays, for what is none
/// has to be none.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = &rest[start..];
        let end = digits.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(digits.len());
        out.push_str(&rest[..start]);
        out.push_str(if &digits[..end] == "0" { "0" } else { "#" });
        rest = &digits[end..];
    }
    out + rest
}

/// A line whose columns are as wide as they need.
fn columns(line: &str) -> String {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" | ")
}

/// Lines that are the same in every run: what is found, and that nothing was missing.
fn invariable(line: &str) -> bool {
    line.starts_with(' ') || line.contains("findings:") || line.starts_with("coverage")
}

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let output = ddsync(&["demo"]);
    let mask = |text: &str| {
        let mask = |line: &str| without_numbers(&without_commits(line));
        let lines = text.lines().map(|line| if invariable(line) { columns(line) } else { mask(line) });
        lines.collect::<Vec<_>>().join("\n")
    };
    let demos = blocks(&file(README), "demo ");
    assert_eq!(demos.len(), 1);
    shows(&mask(&demos[0].1), &mask(&output)).unwrap_or_else(|fault| panic!("{fault}\n\nall of it:\n{output}"));
}

#[test]
fn commands_run_and_print_what_is_shown() {
    let readme = file(README);
    // What is printed follows the command at once.
    let mut checked = 0;
    for part in readme.split("<!-- run -->").skip(1) {
        let script = part.split("```").nth(1).and_then(|block| block.strip_prefix("sh\n")).expect("a shell block");
        // This test is a part of `make test`, and cargo is busy with it.
        let for_a_person = |line: &str| line == "make test" || line.starts_with("cargo bench ");
        let lines: Vec<&str> = script.lines().filter(|line| !for_a_person(line)).collect();
        let output = command("bash").args(["-euo", "pipefail", "-c", &lines.join("\n")]).output();
        let said = says(output.expect("bash starts"), script);
        if let Some((_, shown)) = blocks(part, "prints ").first() {
            shows(shown, &said).unwrap_or_else(|fault| panic!("{fault}"));
        }
        checked += 1;
    }
    assert!(checked >= 2, "the README has lost its commands");
}

#[test]
fn claims_show_what_they_claim() {
    let totals = ddsync(&["demo", "--minutes", "5", "--json"]);
    let totals: Value = serde_json::from_str(&totals).expect("one JSON object");
    let points = &totals["points"];
    let of = |field: &str| points[field].as_u64().expect("a number");
    let sum = ["unchanged", "accepted", "refused", "too_old", "pending"].map(of).iter().sum();
    assert_eq!((of("collected"), of("collected") > 0), (sum, true));
    documented(&totals, "## The summary of", &["findings", "coverage", "requests", "committed", "errors"]);
}

/// One test, so that two never write the same file at once.
#[test]
fn what_is_made_from_elsewhere_is_true() {
    files_are_shown_as_they_are();
    part("metrics", &format!("\n{}\n", ddsync(&["metrics", "--markdown"])));
    part("shed", &format!("\n{}\n", order_of_giving_up()));
}

fn files_are_shown_as_they_are() {
    let readme = file(README);
    let shown = blocks(&readme, "file ");
    assert!(!shown.is_empty());
    for (path, body) in shown {
        let wanted = file(&path);
        assert!(wanted.lines().count() <= 12, "{path} is no small file any more");
        generated(README, &body, &wanted, || readme.replacen(&block(&path, &body), &block(&path, &wanted), 1));
        assert!(ddsync(&["validate", "-c", &path]).contains("good"));
    }
}

fn block(path: &str, body: &str) -> String {
    format!("<!-- file {path} -->\n```yaml\n{body}```")
}

/// Checks the part between two markers.
fn part(name: &str, wanted: &str) {
    let readme = file(README);
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let (head, rest) = readme.split_once(&begin).expect("a marker");
    let (found, tail) = rest.split_once(&end).expect("a second marker");
    generated(README, found, wanted, || format!("{head}{begin}{wanted}{end}{tail}"));
}

/// A numbered list of the metrics, in the order in which they are given up. Of rows that share a name the first decides.
fn order_of_giving_up() -> String {
    let mut named = BTreeSet::new();
    let table: Vec<_> = catalogue::table().into_iter().filter(|metric| named.insert(metric.name.clone())).collect();
    let mut shed: Vec<_> = table.iter().filter_map(|metric| Some((metric.shed?, &metric.name))).collect();
    shed.sort();
    let mut text = String::new();
    for (number, (_, name)) in shed.iter().enumerate() {
        writeln!(text, "{}. `{name}`", number + 1).expect("a text takes lines");
    }
    let kept = table.iter().filter(|metric| metric.shed.is_none());
    let kept: Vec<String> = kept.map(|metric| format!("`{}`", metric.name)).collect();
    writeln!(text, "\nNever given up: {}.", kept.join(", ")).expect("a text takes lines");
    text
}

#[test]
fn metrics_about_ddsync_are_all_there() {
    let readme = file(README);
    for name in Name::ALL {
        let kind = match name.kind() {
            Kind::Count => "count",
            Kind::Gauge => "gauge",
        };
        let way = match name.route() {
            Route::Http => "HTTP",
            Route::DogStatsD => "DogStatsD",
        };
        let row = format!("\n| `{}` | {kind} | {} | {way} | ", name.as_str(), name.unit());
        assert!(readme.contains(&row), "the README lacks the row{row}");
    }
    let rows = readme.lines().filter(|line| line.starts_with("| `ddsync.")).count();
    assert_eq!(rows, Name::ALL.len(), "the README has a metric that is gone");
}

/// Checks that the table under a heading names every field of `value`, and no other; `maps` are objects whose keys are
/// data.
fn documented(value: &Value, heading: &str, maps: &[&str]) {
    let readme = file(README);
    let section = readme.split(&format!("\n{heading}")).nth(1).and_then(|rest| rest.split("\n## ").next());
    let mut named = BTreeSet::new();
    for row in section.expect("a section").lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split('|').nth(1).expect("a first cell").trim();
        let mut prefix = String::new();
        for name in cell.split(", ").map(|name| name.trim_matches('`')) {
            let whole = name.strip_prefix('.').map_or(name.to_owned(), |last| format!("{prefix}.{last}"));
            prefix = whole.rsplit_once('.').map_or(String::new(), |(before, _)| before.to_owned());
            named.insert(whole);
        }
    }
    let mut fields = BTreeSet::new();
    walk(value, "", maps, &mut fields);
    assert_eq!(named, fields, "{heading}");
}

fn walk(value: &Value, path: &str, maps: &[&str], fields: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) if !maps.contains(&path) => {
            for (key, value) in object {
                walk(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, maps, fields);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            fields.insert(path.to_owned());
            for value in list {
                walk(value, &format!("{path}[]"), maps, fields);
            }
        }
        _ => drop(fields.insert(path.to_owned())),
    }
}

#[test]
fn status_is_documented_field_by_field() {
    let at = chrono::DateTime::UNIX_EPOCH;
    let job = JobStatus {
        job: JobKind::Hot,
        account: None,
        region: None,
        running_since: None,
        last_start: None,
        last_success: None,
        last_error: Some(LastError { message: String::new(), tag: "throttled", at }),
        consecutive_failures: 0,
        next_run: None,
        lag_seconds: None,
        note: String::new(),
        runs: 0,
        failures: 0,
        overruns: 0,
    };
    let status: health::Status = Status {
        version: 1,
        ready: true,
        unready: Vec::new(),
        hanging: Vec::new(),
        started_at: at,
        now: at,
        jobs: vec![job],
        extra: ["budget", "coverage"].map(|name| (name.to_owned(), Value::Null)).into(),
    };
    let status = serde_json::to_value(status).expect("JSON");
    documented(&status, "## `/livez`, `/readyz` and `/status`", &["jobs[].last_error"]);
}

#[test]
fn commands_and_files_that_are_named_exist() {
    let readme = file(README);
    let makefile = file("Makefile");
    for target in readme.lines().filter_map(|line| line.strip_prefix("make ")) {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
    }
    for name in readme.lines().filter_map(|line| line.strip_prefix("cargo bench --bench ")) {
        let name = name.split(' ').next().expect("a word");
        assert!(file("Cargo.toml").contains(&format!("[[bench]]\nname = \"{name}\"")), "cargo bench --bench {name}");
    }
    let help = ddsync(&["--help"]);
    for row in readme.lines().filter_map(|line| line.strip_prefix("| `ddsync ")) {
        let command = row.split('`').next().expect("a word");
        assert!(help.contains(&format!("\n  {command} ")), "ddsync {command}");
    }
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let heading = |anchor: &str| anchor.replace('-', " ").to_lowercase();
        let there = match link.strip_prefix('#') {
            Some(anchor) => readme.to_lowercase().contains(&format!("# {}\n", heading(anchor))),
            None => crate::program::root().join(link).exists(),
        };
        assert!(there, "{link}");
    }
    assert!(!crate::program::file("examples/ddsync.yaml").is_empty());
}

#[test]
fn a_false_output_is_found() {
    let output = "a\nb 12\nc\nd\n";
    assert_eq!(shows("a\n...\nd\n", output), Ok(()));
    assert!(shows("a\nc\n", output).is_err());
    assert!(shows("...\nc\nb 12\n", output).is_err());
    assert!(shows("a\n...\ne\n", output).is_err());
    assert_eq!(without_numbers("$58.29 a month, 0 refused, port:80 100.0 %"), "$# a month, 0 refused, port:# # %");
}
