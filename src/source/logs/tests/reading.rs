use serde_json::{Value, json};

use super::*;
use crate::model::log::Status;
use crate::source::logs::lambda::{Lambda, Report};

const ID: &str = "8f5c0b9e-1234-4000-8000-00000000000a";

fn attribute(reading: &Reading, name: &str) -> Value {
    reading.line.attributes.get(name).cloned().unwrap_or_default()
}

#[test]
fn a_report_is_numbers() {
    let reading = read_one(&format!(
        "REPORT RequestId: {ID}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\t\
         Max Memory Used: 64 MB\tInit Duration: 250.5 ms\t\nXRAY TraceId: 1-5\tSegmentId: x\tSampled: true\n"
    ));
    let report = Report {
        request_id: ID.to_owned(),
        duration_ms: Some(12.34),
        billed_ms: Some(13.0),
        memory_mb: Some(128.0),
        used_mb: Some(64.0),
        init_ms: Some(250.5),
        failure: None,
    };
    assert_eq!(reading.lambda, Some(Lambda::Report(report)));
    assert_eq!(attribute(&reading, "request_id"), json!(ID));
    assert_eq!(attribute(&reading, "lambda")["cold_start"], json!(true));
    let platform = json!({"time": "2024-05-01T10:00:00.000Z", "type": "platform.report", "record": {
        "requestId": ID, "status": "timeout",
        "metrics": {"durationMs": 3000.0, "billedDurationMs": 3000, "memorySizeMB": 128, "maxMemoryUsedMB": 60},
    }});
    let reading = read_one(&platform.to_string());
    assert_eq!((reading.line.status, attribute(&reading, "request_id")), (Status::Error, json!(ID)));
    assert_eq!(attribute(&reading, "lambda")["cold_start"], json!(false));
    assert_eq!(attribute(&reading, "lambda")["failure"], json!("timeout"));
}

#[test]
fn lines_of_lambda_are_known() {
    for (text, lambda) in [
        (format!("START RequestId: {ID} Version: $LATEST\n"), Some(Lambda::Start(ID.to_owned()))),
        (format!("END RequestId: {ID}\n"), Some(Lambda::End(ID.to_owned()))),
        ("INIT_START Runtime Version: python:3.12.v10\tRuntime Version ARN: arn".to_owned(), Some(Lambda::Init)),
        (
            format!("2024-05-01T10:00:03.000Z {ID} Task timed out after 3.00 seconds\n\n"),
            Some(Lambda::TimedOut(Some(ID.to_owned()))),
        ),
        ("START of something".to_owned(), None),
    ] {
        assert_eq!(read_one(&text).lambda, lambda, "{text}");
    }
    let hostile =
        read_one("REPORT RequestId: ../../x\tDuration: NaN ms\tMemory Size: -5 MB\tMax Memory Used: 1e999 MB");
    assert_eq!(hostile.lambda, Some(Lambda::Report(Report::default())));
}

#[test]
fn json_becomes_attributes() {
    let reading = read_one(
        &json!({"level": "WARNING", "message": "slow", "requestId": "r-1", "inferenceId": "i-1",
            "took": 1.5, "nested": {"a": [1, 2]}, "none": null})
        .to_string(),
    );
    assert_eq!((reading.line.message.as_str(), reading.line.status), ("slow", Status::Warn));
    assert_eq!(
        Value::Object(reading.line.attributes),
        json!({"request_id": "r-1", "inference_id": "i-1", "took": 1.5, "nested": {"a": [1, 2]}, "none": null})
    );
}

#[test]
fn levels_of_json_are_known() {
    use Status::{Critical, Error, Info, Warn};
    for (line, status) in [
        (json!({"level": 50, "msg": "pino"}), Error),
        (json!({"levelno": 30, "msg": "Python"}), Warn),
        (json!({"severity": "CRITICAL", "message": "x"}), Critical),
        (json!({"status": 503, "message": "x"}), Error),
        (json!({"status": "done", "message": "x"}), Info),
        (json!({"errorType": "KeyError", "errorMessage": "'x'", "stackTrace": []}), Error),
        (json!({"message": "ERROR is only a word of it"}), Info),
    ] {
        assert_eq!(read_one(&line.to_string()).line.status, status, "{line}");
    }
    let node = read_one(&format!("2024-05-01T10:00:00.000Z\t{ID}\tERROR\t{{\"message\":\"x\",\"a\":1}}"));
    assert_eq!((node.line.status, attribute(&node, "request_id")), (Status::Error, json!(ID)));
    assert_eq!(attribute(&node, "a"), json!(1));
}

#[test]
fn a_line_cannot_say_that_it_comes_from_elsewhere() {
    let hostile = json!({"message": "x", "host": "evil", "Service": "evil", "ddtags": "pipeline:evil", "ddsource": "evil",
        "timestamp": 0, "aws": {"x": 1}, "error_class": "timeout", "request_id": {"not": "text"}, "syslog.severity": 1});
    let reading = read_one(&hostile.to_string());
    let names: Vec<&str> = reading.line.attributes.keys().map(String::as_str).collect();
    assert_eq!(names, ["original"]);
    assert_eq!(attribute(&reading, "original")["host"], json!("evil"));
    assert_eq!(attribute(&reading, "original")["aws"], json!({"x": 1}));
    assert_eq!(reading.line.stream, "AllTraffic/i-1");
}

#[test]
fn json_that_is_too_much_is_text() {
    let wide: Value = (0..300).map(|n| (format!("k{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into();
    let long = json!({"message": "x".repeat(300_000)});
    for line in [wide, long] {
        let text = line.to_string();
        let reading = read_one(&text);
        assert_eq!(reading.line.message, text);
        assert!(reading.line.attributes.is_empty(), "{:?}", reading.line.attributes);
    }
    let deep = format!("{{\"message\":\"x\",\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    let reading = read_one(&deep);
    assert!(attribute(&reading, "a").to_string().contains("\"[[[["), "what is too deep is its JSON");
    let deeper = format!("{{\"a\":{}", "[".repeat(100_000));
    assert_eq!(read_one(&deeper).line.message, deeper);
}

#[test]
fn json_that_says_nothing_is_summed_up() {
    let reading = read_one(&json!({"took_ms": 12, "path": "/ping", "password": "hunter2 x", "deep": {}}).to_string());
    assert_eq!(reading.line.message, "password=\"[redacted]\" path=\"/ping\" took_ms=12");
}

#[test]
fn what_an_inference_is_called_says_nothing_of_how_it_went() {
    for (said, status) in [("succeeded.", Status::Info), ("failed", Status::Error)] {
        let text = format!("2024-05-01T10:00:00.123:[sagemaker logs] [retry-failed-3] Inference request {said}");
        let mut joined = joined([event(1, "a/i-1/data-log", &text)]);
        let reading = read(joined.remove(0), &origin(), redaction());
        assert_eq!((reading.line.status, reading.line.inference_id()), (status, Some("retry-failed-3")), "{text}");
    }
}

#[test]
fn an_error_has_its_kind() {
    let reading = read_one("ERROR: Read timed out");
    assert_eq!(attribute(&reading, "error_class"), json!("timeout"));
    let further = Joined { event: event(1, "s", "  more"), keys: vec![(1, 1)], error: true, part: 1, in_key: false };
    let reading = read(further, &origin(), redaction());
    assert_eq!((reading.line.status, reading.class), (Status::Error, None));
}
