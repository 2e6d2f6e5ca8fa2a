//! Who may import whom, and the other rules that no lint checks.

use std::path::Path;

use crate::program::root;

/// A module, and what it may use of the crate beside itself.
const TABLE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("query", &[]),
    ("telemetry", &[]),
    ("clock", &[]),
    ("config", &["model"]),
    ("state", &["model", "config", "clock"]),
    ("client", &["config", "telemetry", "model", "clock"]),
    ("source", &["model", "client", "config"]),
    ("sink", &["model", "client", "config", "telemetry", "clock"]),
    ("provision", &["model", "query", "config"]),
    ("agent", &["model", "telemetry", "clock", "config", "state", "client", "source", "sink", "provision"]),
    // Its names are its own literals, so that a misspelling in `model` cannot hide.
    ("sim", &["query"]),
    (
        "cli",
        &["agent", "model", "telemetry", "clock", "config", "state", "client", "source", "sink", "provision", "query"],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// The one command that may use `sim`; tests and benches may too.
const SIM_USER: &str = "cli/demo";

/// The part of `provision` that talks to Datadog, and what it may use besides.
const WRITER: (&str, &[&str]) = ("provision/apply", &["client", "clock"]);

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "common", "misc", "types"];

const MOST_LINES: usize = 600;
const MOST_LINES_OF_MAIN: usize = 50;
const PRINTING: &[&str] =
    &["println!", "print!", "eprintln!", "eprint!", "dbg!", "anstream::stdout", "anstream::stderr", "io::stdout()"];

/// A path inside the crate: the module it leads to, and whether a test walks it.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    module: String,
    in_test: bool,
}

/// What is wrong with one file; `path` starts below `src/`.
fn faults(path: &str, text: &str) -> Vec<String> {
    let module = path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{path}: the module {module} is not in the table")];
    };
    let mut faults = Vec::new();
    for Import { module: used, in_test } in imports(path, text) {
        let sim =
            used == "sim" && (path.trim_end_matches(".rs") == SIM_USER || path.starts_with("cli/demo/") || in_test);
        let writer = path.starts_with(WRITER.0) && WRITER.1.contains(&used.as_str());
        if used != module && !sim && !writer && !allowed.contains(&used.as_str()) {
            faults.push(format!("{path}: {module} may not use {used}"));
        }
    }
    let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    if EMPTY_NAMES.contains(&name) {
        faults.push(format!("{path}: `{name}` names nothing"));
    }
    let code = without_comments(text);
    let printed = PRINTING.iter().find(|macro_name| words(&code).any(|word| word == **macro_name));
    if let (Some(printed), true) = (printed, path != "cli/print.rs") {
        faults.push(format!("{path}: only cli/print.rs prints, not {printed}"));
    }
    let tells_time = module == "clock" || module == "sim" || is_test_file(path);
    let asked = ["Utc::now", "SystemTime::now"].into_iter().find(|call| code[..inline_tests(&code)].contains(call));
    if let (Some(asked), false) = (asked, tells_time) {
        faults.push(format!("{path}: only clock.rs asks for the time, not {asked}"));
    }
    // An endpoint of AWS in code would go before the environment's, or send what is signed to a stranger.
    let sets_endpoint =
        ["endpoint_url(", "endpoint_resolver("].into_iter().find(|call| code[..inline_tests(&code)].contains(call));
    if let (Some(call), false) = (sets_endpoint, is_test_file(path)) {
        faults.push(format!("{path}: endpoints of AWS come from the environment, not from {call}..)"));
    }
    if path == "main.rs" && text.lines().count() >= MOST_LINES_OF_MAIN {
        faults.push(format!("{path}: {MOST_LINES_OF_MAIN} lines or more"));
    }
    faults.extend(too_long(path, text));
    faults
}

/// Where the tests of a file begin.
fn inline_tests(code: &str) -> usize {
    code.find("mod tests {").unwrap_or(code.len())
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MOST_LINES).then(|| format!("{path}: {lines} lines, more than {MOST_LINES}"))
}

/// Paths, macros and method calls: text between what cannot be part of one.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split_inclusive(|c: char| !(c.is_alphanumeric() || "_:".contains(c)))
        .map(|word| word.trim_end_matches(|c: char| !(c.is_alphanumeric() || "_!".contains(c))))
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect::<Vec<_>>().join("\n")
}

/// Every module of the crate that a file names: in `use`, inline, in braces, and by climbing out with `super`.
fn imports(path: &str, text: &str) -> Vec<Import> {
    let code = without_comments(text);
    let inline_tests = inline_tests(&code);
    let test_file = is_test_file(path);
    let depth = path.split('/').count();
    let mut found = Vec::new();
    for root in ["crate::", "ddsync::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"') {
                continue;
            }
            let in_test = test_file || at > inline_tests;
            let named = heads(&code[at + root.len()..]);
            found.extend(named.into_iter().map(|module| Import { module, in_test }));
        }
    }
    for (at, _) in code.match_indices("super::") {
        if code[..at].ends_with("super::") {
            continue;
        }
        let mut rest = &code[at..];
        let mut climbed = 0;
        while let Some(further) = rest.strip_prefix("super::") {
            climbed += 1;
            rest = further;
        }
        let in_test = test_file || at > inline_tests;
        if climbed >= depth + usize::from(at > inline_tests) {
            found.extend(heads(rest).into_iter().map(|module| Import { module, in_test }));
        }
    }
    found
}

/// First names of what follows `crate::`: one, or each one in braces.
fn heads(rest: &str) -> Vec<String> {
    let Some(inside) = rest.strip_prefix('{') else {
        return name(rest).into_iter().collect();
    };
    let mut nesting = 0_u32;
    let mut heads = Vec::new();
    let mut start = Some(0);
    for (at, c) in inside.char_indices() {
        if start == Some(at) && !c.is_whitespace() {
            heads.extend(name(&inside[at..]));
            start = None;
        } else if start == Some(at) {
            start = Some(at + c.len_utf8());
        }
        match c {
            '{' => nesting += 1,
            '}' if nesting == 0 => break,
            '}' => nesting -= 1,
            ',' if nesting == 0 => start = Some(at + 1),
            _ => {}
        }
    }
    heads
}

fn name(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Every Rust file below a folder of the repository, by its path below it.
fn sources(folder: &str) -> Vec<(String, String)> {
    let base = root().join(folder);
    let mut files = Vec::new();
    let mut folders = vec![base.clone()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push((below(&base, &path), std::fs::read_to_string(&path).expect("a source file")));
            }
        }
    }
    files.sort();
    files
}

fn below(base: &Path, path: &Path) -> String {
    path.strip_prefix(base).expect("a path below").to_string_lossy().replace('\\', "/")
}

#[test]
fn nobody_imports_what_the_table_forbids() {
    let files = sources("src");
    assert!(files.len() > 50, "src/ was not found");
    let faults: Vec<String> = files.iter().flat_map(|(path, text)| faults(path, text)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_file_of_tests_or_benches_is_too_long() {
    let files = ["tests", "benches"].into_iter().flat_map(sources);
    let faults: Vec<String> = files.filter_map(|(path, text)| too_long(&path, &text)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_module_is_in_the_table() {
    let lib = crate::program::file("src/lib.rs");
    let modules: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    for module in &modules {
        assert!(TABLE.iter().any(|(name, _)| name == module), "{module}");
    }
    assert_eq!(modules.len() + 2, TABLE.len(), "the table has a module that is gone");
}

#[test]
fn a_planted_violation_is_found() {
    for (path, text, fault) in [
        ("source/x.rs", "use crate::sink::series::deliver;", "source/x.rs: source may not use sink"),
        ("sink/x.rs", "fn f() { let x = crate::source::discover(); }", "sink/x.rs: sink may not use source"),
        ("model.rs", "use crate::{\n    config::{Settings, crate_like},\n};", "model.rs: model may not use config"),
        ("config/a/b.rs", "use super::super::super::agent::Exit;", "config/a/b.rs: config may not use agent"),
        ("clock.rs", "mod tests {\n    use super::super::state::Store;\n}", "clock.rs: clock may not use state"),
        ("agent/jobs.rs", "use crate::sim::Sim;", "agent/jobs.rs: agent may not use sim"),
        ("cli/run.rs", "use crate::sim::Sim;", "cli/run.rs: cli may not use sim"),
        ("sim/x.rs", "const N: &str = crate::model::PREFIX;", "sim/x.rs: sim may not use model"),
        ("client.rs", "use crate::cli::print;", "client.rs: client may not use cli"),
        ("provision/plan.rs", "use crate::client::datadog::Client;", "provision/plan.rs: provision may not use client"),
        ("queue.rs", "", "queue.rs: the module queue is not in the table"),
        ("model/utils.rs", "", "model/utils.rs: `utils` names nothing"),
        ("agent/x.rs", "fn f() { println!(\"x\") }", "agent/x.rs: only cli/print.rs prints, not println!"),
        (
            "client/aws.rs",
            "aws_config::defaults(latest).endpoint_url(\"http://127.0.0.1\")",
            "client/aws.rs: endpoints of AWS come from the environment, not from endpoint_url(..)",
        ),
        (
            "client/aws.rs",
            "builder.set_endpoint_url(url);\nmod tests {}",
            "client/aws.rs: endpoints of AWS come from the environment, not from endpoint_url(..)",
        ),
        ("sink/x.rs", "let now = chrono::Utc::now();", "sink/x.rs: only clock.rs asks for the time, not Utc::now"),
    ] {
        assert_eq!(faults(path, text), [fault], "{path}");
    }
    assert_eq!(faults("main.rs", &"\n".repeat(50)), ["main.rs: 50 lines or more"]);
    assert_eq!(faults("model/x.rs", &"\n".repeat(601)), ["model/x.rs: 601 lines, more than 600"]);
}

#[test]
fn what_is_allowed_is_not_found() {
    for (path, text) in [
        ("source/x.rs", "use crate::{client::aws::Aws, model::{tag, unit}, source::metrics};"),
        ("cli/demo.rs", "use crate::sim::{Clock, Sim};"),
        ("provision/apply.rs", "use crate::client::datadog::Client;"),
        ("provision/apply/look.rs", "use crate::{client::datadog::Client, clock::Clock};"),
        ("sink/series/tests.rs", "use crate::sim::Sim;"),
        ("agent.rs", "#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::sim::Sim;\n}"),
        ("config.rs", "//! Who reads it: [`crate::agent`].\nuse super::config::Settings;"),
        ("state/lock.rs", "fn f() { write!(file, \"x\").ok(); }"),
        ("client/aws.rs", "use super::aws::Api;"),
        ("client/aws.rs", "// no endpoint_url(\nmod tests {\n    fn f() { x.endpoint_url(sim) }\n}"),
        ("sink/series.rs", "let now = clock.now();\nmod tests {\n    fn f() { Utc::now(); }\n}"),
    ] {
        assert_eq!(faults(path, text), [""; 0], "{path}");
    }
}
