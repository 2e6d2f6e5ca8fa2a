//! Nasty lines, as they come out.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::*;

/// Longest message that is shown whole, in bytes.
const SHOWN: usize = 600;

fn nasty() -> Vec<Event> {
    let id = "8f5c0b9e-1234-4000-8000-00000000000a";
    let texts: Vec<(&str, String)> = vec![
        // Two tracebacks at a time, in two streams.
        ("a/i-1", "Traceback (most recent call last):".to_owned()),
        ("a/i-2", "ERROR:    Exception in ASGI application".to_owned()),
        ("a/i-1", "  File \"/opt/ml/code/serve.py\", line 10, in predict_fn".to_owned()),
        ("a/i-2", "Traceback (most recent call last):".to_owned()),
        ("a/i-1", "    return model(x)".to_owned()),
        ("a/i-2", "  File \"/usr/lib/python3/uvicorn.py\", line 1, in run".to_owned()),
        ("a/i-1", "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB".to_owned()),
        ("a/i-2", "botocore.exceptions.ClientError: An error occurred (AccessDenied) when calling GetObject".to_owned()),
        ("a/i-1", "\u{1b}[32mINFO\u{1b}[0m:     10.0.0.1:0 - \"POST /invocations HTTP/1.1\" 500 Internal Server Error".to_owned()),
        ("a/i-2", "2024-05-01T10:00:00,123 [WARN ] W-9000-model_1.0-stderr MODEL_LOG - Traceback (most recent call last):".to_owned()),
        ("a/i-2", "2024-05-01T10:00:00,123 [INFO ] W-9001-model_1.0-stdout MODEL_METRICS - ok".to_owned()),
        ("a/i-2", "2024-05-01T10:00:00,124 [WARN ] W-9000-model_1.0-stderr MODEL_LOG - ValueError: no".to_owned()),
        ("a/i-1/data-log", "2024-05-01T10:00:00.123:[sagemaker logs] [in-0001] Inference request failed".to_owned()),
        // Lambda.
        ("2024/05/01/[$LATEST]x", format!("START RequestId: {id} Version: $LATEST\n")),
        ("2024/05/01/[$LATEST]x", format!("[ERROR]\t2024-05-01T10:00:00.000Z\t{id}\tpassword=hunter2\nTraceback (most recent call last):\n  File \"x\"\nKeyError: 'x'")),
        ("2024/05/01/[$LATEST]x", format!("2024-05-01T10:00:03.000Z {id} Task timed out after 3.00 seconds\n\n")),
        ("2024/05/01/[$LATEST]x", format!("REPORT RequestId: {id}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 128 MB\tInit Duration: 411.2 ms\tStatus: timeout\n")),
        // What is no text.
        ("b", String::new()),
        ("b", "\n".to_owned()),
        ("b", "\u{0}\u{0}nulls\u{0}".to_owned()),
        ("b", "\u{fffd}PNG\u{fffd}\r\n\u{1a}\n\u{fffd}\u{1b}P\u{7f}\u{85}\u{2028}".to_owned()),
        ("b", "\u{202e}txt.exe \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{627}\u{644}\u{633}\u{644}\u{627}\u{645} ERROR".to_owned()),
        ("b", "\u{1f469}\u{200d}\u{1f52c}\u{301}\u{301}\u{301}".to_owned()),
        ("b", "\u{1b}]0;title that never ends".to_owned()),
        // JSON.
        ("c", "{\"level\":\"ERROR\",\"message\":\"no\",\"host\":\"evil\",\"exc\":{\"type\":\"KeyError\"},\"big\":1e308,\"n\":-0.0}".to_owned()),
        ("c", "{\"message\":\"\\u0000\\ud83d\\ude00\",\"a\":\"\\u001b[31m\"}".to_owned()),
        ("c", "{\"message\":\"lone surrogate \\ud83d\"}".to_owned()),
        ("c", "{\"message\":1,\"level\":{},\"\":\"\",\"a.b\":{\"c\":null}}".to_owned()),
        ("c", "{\"never\": \"ends".to_owned()),
        ("c", format!("{{\"a\":{}1{}}}", "{\"a\":".repeat(60), "}".repeat(60))),
        ("c", format!("{{\"message\":\"large\",\"data\":\"{}\"}}", "0123456789abcdef".repeat(131_072))),
        ("c", format!("ERROR {}", "[".repeat(2_000))),
    ];
    texts.iter().enumerate().map(|(number, (stream, text))| event(number, stream, text)).collect()
}

/// A long text by its beginning, length and hash.
fn short(text: &str) -> String {
    if text.len() <= SHOWN {
        return format!("{text:?}");
    }
    let hash = Sha256::digest(text.as_bytes());
    let hash = hash.iter().take(4).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("{:?} .. {} bytes, {hash}", &text[..text.floor_char_boundary(80)], text.len())
}

#[test]
fn nasty_lines_come_out() {
    let redaction = redaction();
    let mut out = String::new();
    for joined in joined(nasty()) {
        let (events, reading) = (joined.keys.len(), read(joined, &origin(), redaction));
        let line = &reading.line;
        let class = reading.class.map_or("-", |class| class.word());
        let number = line.id.trim_start_matches('0');
        let _ = writeln!(out, "{number:>2} x{events} {} {class} {}", line.status, short(&line.message));
        let attributes = serde_json::to_string(&line.attributes).expect("JSON");
        let _ = writeln!(out, "   {}", short(&attributes));
    }
    insta::assert_snapshot!(out);
}
