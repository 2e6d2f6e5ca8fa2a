use super::*;

/// Texts of one stream, as they come out.
fn texts(lines: &[&str]) -> Vec<String> {
    let events = lines.iter().enumerate().map(|(number, line)| event(number, "s", line));
    joined(events).into_iter().map(|joined| joined.event.text).collect()
}

/// Lines that are one, between lines that are not.
fn is_one(lines: &[&str]) {
    let before = "INFO: before";
    let after = "INFO: after";
    let all: Vec<&str> = [&[before], lines, &[after]].concat();
    assert_eq!(texts(&all), [before.to_owned(), lines.join("\n"), after.to_owned()]);
}

#[test]
fn tracebacks_are_one() {
    is_one(&["Traceback (most recent call last):", "  File \"a.py\", line 1, in f", "    g()", "ValueError: no"]);
    is_one(&["ERROR:root:failed", "Traceback (most recent call last):", "  File \"a.py\"", "KeyError: 'x'"]);
    is_one(&["Traceback (most recent call last):", "  File \"a.py\"", "my.Interrupted"]);
    is_one(&[
        "Traceback (most recent call last):",
        "  File \"a.py\", line 1",
        "KeyError: 'x'",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        "  File \"b.py\", line 2",
        "RuntimeError: y",
    ]);
    is_one(&[
        "  + Exception Group Traceback (most recent call last):",
        "  |   File \"a.py\", line 1",
        "  | ExceptionGroup: two (2 sub-exceptions)",
        "  +-+---------------- 1 ----------------",
        "    | ValueError: 1",
        "    +------------------------------------",
    ]);
}

#[test]
fn stack_traces_of_java_are_one() {
    is_one(&[
        "10:00:00.123 [main] ERROR com.example.Serve - failed",
        "java.lang.RuntimeException: no",
        "\tat com.example.Serve.run(Serve.java:10)",
        "Caused by: java.io.IOException: closed",
        "\tat com.example.Pipe.read(Pipe.java:5)",
        "\t... 12 more",
    ]);
    is_one(&["Exception in thread \"main\" java.lang.IllegalStateException", "\tat a.B.c(B.java:1)"]);
}

#[test]
fn a_key_that_is_printed_line_by_line_is_one() {
    is_one(&["-----BEGIN RSA PRIVATE KEY-----", "MIIEow", "IBAAKC", "-----END RSA PRIVATE KEY-----"]);
    let full = "MIIEowIBAAKCAQEAvR+q0hTq/8K".repeat(3)[..64].to_owned();
    is_one(&[
        "  -----BEGIN RSA PRIVATE KEY-----",
        "  Proc-Type: 4,ENCRYPTED",
        "  DEK-Info: AES-256-CBC,0123456789ABCDEF",
        "",
        &format!("  {full}"),
        &format!("10:00:00 INFO {full}"),
        &format!("  \"{full}\\n\","),
        "  QUJD==\r",
        "  -----END RSA PRIVATE KEY-----",
    ]);
    let worker = "2024-05-01T10:00:00,123 [WARN ] W-9000-model_1.0-stderr MODEL_LOG - ";
    let lines = ["-----BEGIN PRIVATE KEY-----", &full, "QUJD", "-----END PRIVATE KEY-----"];
    let lines = lines.map(|line| format!("{worker}{line}"));
    is_one(&lines.each_ref().map(String::as_str));
}

#[test]
fn a_key_hides_no_line_that_cannot_be_of_it() {
    for line in [
        "ERROR: no",
        "INFO: all is well",
        "{\"level\":\"error\"}",
        "Traceback (most recent call last):",
        &"A".repeat(101),
    ] {
        let lines = ["-----BEGIN PRIVATE KEY-----", "MIIEow", line, "MIIEow"];
        let out = texts(&lines);
        assert_eq!(out[0], "-----BEGIN PRIVATE KEY-----\nMIIEow");
        assert!(out[1].starts_with(line), "{out:?}");
    }
}

#[test]
fn lines_that_belong_to_nothing_stay_alone() {
    let lines = ["INFO: a", "  indented", "{\"level\": \"error\"}", "  indented", "Traceback is a word", "\tat home"];
    assert_eq!(texts(&lines), lines);
}

#[test]
fn two_tracebacks_are_two() {
    let lines = ["Traceback (most recent call last):", "  File \"a.py\"", "KeyError: 'x'"];
    assert_eq!(texts(&[lines, lines].concat()), [lines.join("\n"), lines.join("\n")]);
}

#[test]
fn streams_and_workers_stay_apart() {
    let trace = ["Traceback (most recent call last):", "  File \"a.py\"", "KeyError: 'x'"];
    let streams = trace
        .iter()
        .enumerate()
        .flat_map(|(number, line)| ["one", "two"].into_iter().map(move |stream| event(number, stream, line)));
    let out = joined(streams);
    assert_eq!(out.len(), 2);
    assert!(out.iter().all(|joined| joined.event.text == trace.join("\n") && joined.error));

    let worker =
        |worker: &str, line: &str| format!("2024-05-01T10:00:00,123 [WARN ] {worker}-stderr MODEL_LOG - {line}");
    let lines: Vec<String> =
        trace.iter().flat_map(|line| ["W-9000-m", "W-9001-m"].map(|name| worker(name, line))).collect();
    let out = joined(lines.iter().enumerate().map(|(number, line)| event(number, "one", line)));
    assert_eq!(out.iter().map(|joined| joined.keys.len()).collect::<Vec<_>>(), [3, 3]);
    assert!(out[0].event.text.contains("W-9000") && !out[0].event.text.contains("W-9001"), "{}", out[0].event.text);
}

#[test]
fn a_traceback_that_a_page_cuts_is_one() {
    let mut assembler = Assembler::new(Limits::default());
    let mut done = Vec::new();
    assembler.push(event(0, "s", "Traceback (most recent call last):"), &mut done);
    assembler.flush(START, &mut done);
    assert_eq!((done.len(), assembler.waits_since()), (0, Some(START)));
    assembler.push(event(1, "s", "  File \"a.py\""), &mut done);
    assembler.push(event(2, "s", "KeyError: 'x'"), &mut done);
    assembler.flush(START + 20, &mut done);
    assert!(done.is_empty(), "its last event is not older");
    assembler.flush(START + 21, &mut done);
    assert_eq!((done.len(), done[0].keys.len(), done[0].event.at, assembler.waits_since()), (1, 3, START, None));
}

#[test]
fn what_comes_much_later_belongs_to_nothing() {
    let mut late = event(1, "s", "  details");
    late.at = START + Limits::default().gap + 1;
    let out = joined([event(0, "s", "ERROR: x"), late]);
    assert_eq!(out.iter().map(|joined| joined.keys.len()).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn nothing_grows_without_limit() {
    let limits = Limits { events: 3, bytes: 1_000, gap: 5_000, waiting: 100 };
    let mut assembler = Assembler::new(limits);
    let mut done = Vec::new();
    for number in 0..8 {
        assembler.push(event(number, "s", if number == 0 { "ERROR: x" } else { "  more" }), &mut done);
    }
    assembler.flush_all(&mut done);
    let parts: Vec<_> = done.iter().map(|joined| (joined.keys.len(), joined.part, joined.error)).collect();
    assert_eq!(parts, [(3, 0, true), (3, 1, true), (2, 2, true)]);

    done.clear();
    for number in 0..20 {
        assembler.push(event(number, &format!("stream {number}"), "ERROR: 16 bytes"), &mut done);
    }
    assert!(done.len() >= 14, "at most 100 bytes wait: {}", done.len());
}
