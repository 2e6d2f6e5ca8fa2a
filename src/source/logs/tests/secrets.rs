use serde_json::json;

use super::*;

mod rules;

/// What holds a secret, and the secret. Put together here, so that nobody's scanner finds any.
fn corpus() -> Vec<(String, String)> {
    let access = format!("AKIA{}", "IOSFODNN7EXAMPLE");
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let github = format!("ghp_{}", "a1B2".repeat(9));
    let fine = format!("github_pat_{}", "11ABCDEFG0".repeat(8));
    let jwt = format!("eyJ{}.eyJ{}.{}", "hbGciOiJIUzI1NiJ9", "zdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N");
    let datadog = "0123456789abcdef0123456789abcdef";
    let face = format!("hf_{}", "AbCdEfGhIj".repeat(3));
    let key = "MIIEowIBAAKCAQEAvR+q0hTq";
    let pairs: Vec<(String, &str)> = vec![
        (format!("using {access} now"), &access),
        (format!("AWS_ACCESS_KEY_ID={access}"), &access),
        (format!("User,Key\nalice,{access},{secret}"), secret),
        (format!("aws_secret_access_key = {secret}"), secret),
        (format!("{{'SecretAccessKey': '{secret}', 'Region': 'x'}}"), secret),
        (format!("AWS_SESSION_TOKEN=FwoGZXIvYXdzE{datadog}//////////"), datadog),
        (format!("Authorization: Bearer {datadog}"), datadog),
        (format!("\"Authorization\": \"Basic {datadog}\""), datadog),
        (format!("curl -H 'authorization: token {datadog}' https://x"), datadog),
        (format!("headers=[('Authorization', 'AWS4-HMAC-SHA256 Credential=x, Signature={datadog}')]"), datadog),
        (format!("sent bearer {datadog} to x"), datadog),
        ("password=hunter2".to_owned(), "hunter2"),
        ("password=hunter2,with;all&signs<of>it".to_owned(), "signs"),
        ("PGPASSWORD: hunter2 ok".to_owned(), "hunter2"),
        ("{\"password\": \"hunter \\\"2\\\" x\", \"user\": \"me\"}".to_owned(), "hunter"),
        ("{\"password\": \"hunter \\\"2\\\" tail\", \"user\": \"me\"".to_owned(), "tail"),
        ("said: \"{\\\"password\\\": \\\"hunter2\\\", \\\"user\\\": 1}\"".to_owned(), "hunter2"),
        ("{'db': {'passwd': 'hunter2'}}".to_owned(), "hunter2"),
        ("connect(user='me', password='hunter 2 is mine')".to_owned(), "is mine"),
        ("Server=x;Pwd=hunter2;Database=y".to_owned(), "hunter2"),
        ("mysql --password hunter2 -h x".to_owned(), "hunter2"),
        ("<db:password>hunter2</db:password>".to_owned(), "hunter2"),
        ("CLIENT_SECRET := hunter2".to_owned(), "hunter2"),
        (format!("DD_API_KEY={datadog}"), datadog),
        (format!("dd-application-key: {datadog}01234567"), datadog),
        (format!("the API key {datadog} is not valid"), datadog),
        (format!("git clone https://me:{datadog}@github.com/x/y"), datadog),
        ("postgresql://app:p@ss:w0rd@db.example:5432/x".to_owned(), "w0rd"),
        ("redis://:hunter2@cache:6379/0".to_owned(), "hunter2"),
        (format!("token is {github}."), &github),
        (format!("{fine} in a url"), &fine),
        (format!("HF_TOKEN={face}"), &face),
        (format!("cookie: session={jwt}; path=/"), &jwt),
        (format!("id={jwt}"), &jwt),
        (format!("xoxb-{}", "123456789012-abc"), "123456789012-abc"),
        (format!("next token: {datadog}"), datadog),
        (format!("https://s3/x?X-Amz-Signature={datadog}&X-Amz-Expires=60"), datadog),
        (format!("-----BEGIN RSA PRIVATE KEY-----\n{key}\n{key}\n-----END RSA PRIVATE KEY-----"), key),
        (format!("-----BEGIN OPENSSH PRIVATE KEY-----\\n{key}\\n and then it was cut"), key),
        ("ERROR: config:\n  password:\n    hunter2".to_owned(), "hunter2"),
        (format!("ERROR: config:\n  \"api_key\":\n    \"{datadog}\""), datadog),
        (r#"{"name":"DB_PASSWORD","value":"hunter2"}"#.to_owned(), "hunter2"),
        (r#"{"env": [{"Key": "x-api-key", "Value": "hunter2"}]}"#.to_owned(), "hunter2"),
        ("[{'name': 'DB_PASSWORD', 'value': 'hunter2'}]".to_owned(), "hunter2"),
        (r#"{"headers":[["x-api-key","hunter2"]]}"#.to_owned(), "hunter2"),
        (r#"Authorization: Digest username="me", realm="x", response="hunter2""#.to_owned(), "hunter2"),
        (r#"{'Authorization': 'Digest username="me", response="hunter2"'}"#.to_owned(), "hunter2"),
        ("DBPASS=hunter2".to_owned(), "hunter2"),
        (r#"{"user": "me", "pass": "hunter2"}"#.to_owned(), "hunter2"),
        ("{'user': 'me', 'PASS': 'hunter2'}".to_owned(), "hunter2"),
        ("curl -s -u me:hunter2 https://x".to_owned(), "hunter2"),
        ("run ['curl', '--user', 'me:hunter2', 'https://x']".to_owned(), "hunter2"),
        (format!("charge by sk_live_{datadog}"), datadog),
        (format!("charge by rk_live_{datadog}"), datadog),
        (format!("maps?x=AIza{datadog}-_x&y=1"), datadog),
        (format!("glpat-{datadog}.01.abc"), datadog),
        (format!("mail by SG.{}.{datadog}", "aB3_-x".repeat(4)), datadog),
        (format!("npm_{datadog}wxyz"), datadog),
        (format!("POST https://hooks.slack.com/services/T00000000/B00000000/{datadog}"), datadog),
    ];
    pairs.into_iter().chain(lists_and_commands(datadog)).map(|(text, secret)| (text, secret.to_owned())).collect()
}

fn lists_and_commands(datadog: &str) -> Vec<(String, &str)> {
    vec![
        ("password: ['hunter2a', 'hunter2b']".to_owned(), "hunter2"),
        ("{'passwords': ['it]s', 'hunter2b'], 'x': 1}".to_owned(), "hunter2"),
        ("{\"password\": [\n  \"a]\",\n  \"hunter2b\"\n]}".to_owned(), "hunter2"),
        ("credentials={'user': 'me', 'of': ('hunter2',)} x".to_owned(), "hunter2"),
        ("password: ['a', 'it was cut hunter2".to_owned(), "hunter2"),
        ("connect(password=SecretStr('hunter2'), x)".to_owned(), "hunter2"),
        (format!("map[Authorization:[Basic {datadog}] Cookie:[a=b c={datadog}] X:[y]]"), datadog),
        (r#"{"argv":["mysqldump","--password","hunter2hunter2","db"]}"#.to_owned(), "hunter2"),
        (r#"{"cmd":["curl","-u","me:hunter2","https://x"]}"#.to_owned(), "hunter2"),
        (r#"{"cmd":["sh","mysqldump","-phunter2","db"]}"#.to_owned(), "hunter2"),
        (r#"{"cmd":["sshpass","-p","hunter2","ssh","x"]}"#.to_owned(), "hunter2"),
        (r#"{"rawHeaders":["Host","x","Cookie","session=hunter2","A","b"]}"#.to_owned(), "hunter2"),
        (r#"{"rawHeaders":["Host","x","X-Api-Key","hunter2"]}"#.to_owned(), "hunter2"),
        (r#"{"secrets":{"db":"hunter2"}}"#.to_owned(), "hunter2"),
        (r#"{"api_keys":["hunter2","hunter3"]}"#.to_owned(), "hunter"),
        (format!(r#"{{"tokens":["a","{datadog}"]}}"#), datadog),
        (format!("access_tokens=['{datadog}', 'x']"), datadog),
        ("SECRET_KEY_BASE=hunter2".to_owned(), "hunter2"),
        ("export DB_PASSWORD_PROD=hunter2".to_owned(), "hunter2"),
        ("API_KEY_2=hunter2 x".to_owned(), "hunter2"),
        ("password1=hunter2 x".to_owned(), "hunter2"),
        (r#"{"secret_value": "hunter2"}"#.to_owned(), "hunter2"),
        (r#"{"db_password_old": "hunter2"}"#.to_owned(), "hunter2"),
        ("auth_key=hunter2 x-auth-key: hunter2".to_owned(), "hunter2"),
        ("Ocp-Apim-Subscription-Key: hunter2".to_owned(), "hunter2"),
        ("master_key=hunter2 sharedKey=hunter2 storage-key: hunter2".to_owned(), "hunter2"),
        ("run -e PASS=hunter2 -e x".to_owned(), "hunter2"),
        (format!("https://x.blob.core.windows.net/c/b?sv=2022&sig={datadog}%3D&sr=b"), datadog),
        (format!("https://d1.cloudfront.net/x?Expires=1&Signature={datadog}~x__&Key-Pair-Id=K1"), datadog),
        ("mysql -h x -uroot -phunter2 db".to_owned(), "hunter2"),
        ("sshpass -p hunter2 ssh x".to_owned(), "hunter2"),
        ("docker login -u me -p hunter2 ghcr.io".to_owned(), "hunter2"),
        ("redis-cli -h x -a hunter2 ping".to_owned(), "hunter2"),
    ]
}

/// Everything that a reading shows.
fn shown(reading: &Reading) -> String {
    let shown = format!("{reading:?} {}", serde_json::to_string(&reading.line.attributes).expect("JSON"));
    shown.replace("a a a a a ", "")
}

#[test]
fn no_secret_survives() {
    for (text, secret) in corpus() {
        let nested = serde_json::to_string(&json!({"payload": text})).expect("JSON");
        let forms = [
            text.clone(),
            format!("\u{1b}[31m{text}\u{1b}[0m"),
            json!({"message": text}).to_string(),
            json!({"message": "x", "deep": {"list": ["y", text]}}).to_string(),
            json!({"message": nested}).to_string(),
            json!({ text.clone(): 1 }).to_string(),
            json!({"requestId": text, "message": "x"}).to_string(),
            json!({"message": text.chars().flat_map(|c| [c, '\u{1b}', '[', 'm']).collect::<String>()}).to_string(),
            format!("x {}", "a ".repeat(150_000)) + &text,
        ];
        for form in forms {
            let out = joined([event(1, "s", &form)]).into_iter().map(|joined| read(joined, &origin(), redaction()));
            for reading in out {
                let shown = shown(&reading);
                assert!(!shown.contains(&secret), "{secret} of {text} in {shown}");
                assert!(reading.redacted && shown.contains("[redacted]"), "{text} in {shown}");
            }
        }
    }
}

#[test]
fn no_secret_survives_in_joined_lines() {
    for (text, secret) in corpus() {
        let trace =
            format!("Traceback (most recent call last):\n  x\n  {}\nValueError: no", text.replace('\n', "\n  "));
        let events = trace.lines().enumerate().map(|(number, line)| event(number, "s", line));
        for joined in joined(events) {
            let shown = shown(&read(joined, &origin(), redaction()));
            assert!(!shown.contains(&secret), "{secret} of {text} in {shown}");
        }
    }
    let key = ["-----BEGIN PRIVATE KEY-----", "MIIEow", "IBAAKC", "-----END PRIVATE KEY-----", "INFO: then"];
    let out = joined(key.iter().enumerate().map(|(number, line)| event(number, "s", line)));
    let shown: Vec<String> = out.into_iter().map(|joined| read(joined, &origin(), redaction()).line.message).collect();
    assert_eq!(shown, ["[redacted]", "INFO: then"]);
}

/// The events of a key so many milliseconds apart, and what comes after it, as they are told.
fn key_told(gap: i64, after: &[&str], limits: Limits) -> Vec<String> {
    let body = "MIIEowIBAAKCAQEAvR+q0hTq/8K".repeat(3)[..64].to_owned();
    let key = ["-----BEGIN PRIVATE KEY-----", &body, "c2hvcnQ=", "-----END PRIVATE KEY-----"];
    let mut assembler = Assembler::new(limits);
    let mut done = Vec::new();
    for (number, line) in key.iter().chain(after).enumerate() {
        let mut event = event(number, "s", line);
        event.at += gap * i64::try_from(number).expect("a small number");
        assembler.flush(event.at - 5_000, &mut done);
        assembler.push(event, &mut done);
    }
    assembler.flush_all(&mut done);
    done.into_iter().map(|joined| read(joined, &origin(), redaction()).line.message).collect()
}

#[test]
fn a_key_that_comes_slowly_or_in_parts_is_secret_to_its_end() {
    let after = ["done", "INFO: then"];
    let [slowly, in_parts] = [["[redacted]"; 4].as_slice(), &["[redacted]"; 2]].map(|told| [told, &after].concat());
    assert_eq!(key_told(6_000, &after, Limits::default()), slowly);
    assert_eq!(key_told(599_000, &after, Limits::default()), slowly);
    assert_eq!(key_told(0, &after, Limits { events: 2, ..Limits::default() }), in_parts);
    // Long after it, nobody knows any more what a line belongs to.
    assert!(key_told(601_000, &after, Limits::default())[1].starts_with("MIIE"));
}

#[test]
fn a_line_that_can_be_of_no_key_ends_it() {
    let texts = ["-----BEGIN PRIVATE KEY-----", "INFO: the server is up", "ok"];
    let mut assembler = Assembler::new(Limits::default());
    let mut done = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        assembler.flush_all(&mut done);
        assembler.push(event(number, "s", text), &mut done);
    }
    assembler.flush_all(&mut done);
    let told: Vec<String> = done.into_iter().map(|joined| read(joined, &origin(), redaction()).line.message).collect();
    assert_eq!(told, ["[redacted]", texts[1], texts[2]]);
}

#[test]
fn values_go_by_their_names() {
    let reading = read_one(
        &json!({"message": "x", "db": {"Password": 1234, "port": 5432}, "credentials": [{"a": "b"}], "max_tokens": 128,
            "token": "the", "next_token": "abcdefghijklmnop", "API-Key": "k"})
        .to_string(),
    );
    let attributes = json!({
        "db": {"Password": "[redacted]", "port": 5432}, "credentials": [{"a": "[redacted]"}], "max_tokens": 128,
        "token": "the", "next_token": "[redacted]", "API-Key": "[redacted]"});
    assert_eq!(serde_json::Value::Object(reading.line.attributes), attributes);
}

#[test]
fn values_go_by_the_names_beside_them() {
    let reading = read_one(
        &json!({"message": "x", "env": [{"name": "DB_PASSWORD", "value": "a"}, {"Value": 7, "Key": "x-api-key"},
            {"name": "PORT", "value": "80"}, {"name": "the wrong password", "value": "b"}],
            "headers": [["x-api-key", "c"], ["host", "d"], ["no password", "e"], ["password", "f", "g"]],
            "pass": "h", "results": {"pass": 3, "bypass": "i"}})
        .to_string(),
    );
    let attributes = json!({
        "env": [{"name": "DB_PASSWORD", "value": "[redacted]"}, {"Value": "[redacted]", "Key": "x-api-key"},
            {"name": "PORT", "value": "80"}, {"name": "the wrong password", "value": "b"}],
        "headers": [["x-api-key", "[redacted]"], ["host", "d"], ["no password", "e"], ["password", "f", "g"]],
        "pass": "[redacted]", "results": {"pass": 3, "bypass": "i"}});
    assert_eq!(serde_json::Value::Object(reading.line.attributes), attributes);
}

#[test]
fn what_is_around_a_secret_stays() {
    for (text, clean) in [
        ("{\"password\": \"a\\\"b\", \"user\": \"me\"}", "{\"password\": \"[redacted]\", \"user\": \"me\"}"),
        ("password=barn u", "password=[redacted] u"),
        ("f(password='a b', user='me')", "f(password='[redacted]', user='me')"),
        ("{\\\"password\\\": \\\"a\\\", \\\"x\\\": 1}", "{\\\"password\\\": \\\"[redacted]\\\", \\\"x\\\": 1}"),
        ("GET https://me:pw@host/x", "GET https://me:[redacted]@host/x"),
        (
            r#"{"name": "DB_PASSWORD", "value": "a", "x": 1}"#,
            r#"{"name": "DB_PASSWORD", "value": "[redacted]", "x": 1}"#,
        ),
        (r#"{"pass": "a", "x": 1}"#, r#"{"pass": "[redacted]", "x": 1}"#),
        ("curl -u me:pw https://x", "curl -u me:[redacted] https://x"),
        ("https://hooks.slack.com/services/T0/B0/x.", "https://hooks.slack.com/services/[redacted]."),
        ("Authorization: Digest a=\"b\", c=\"d\"\nHost: x", "Authorization: [redacted]\nHost: x"),
        ("Authorization: Bearer abc\nHost: x", "Authorization: [redacted]\nHost: x"),
        ("password: ['a', 'b'], x", "password: [redacted], x"),
        ("{'passwords': ['a]', b'\\'', (1)], 'x': 1}", "{'passwords': [redacted], 'x': 1}"),
        (r#"{\"passwords\": [\"a\\\"]\", \"b\"], \"x\": 1}"#, r#"{\"passwords\": [redacted], \"x\": 1}"#),
        (r#"{"password": ["a\\", "b]"], "x": 1}"#, r#"{"password": [redacted], "x": 1}"#),
        ("{password: {a: [don't, 1]}} x", "{password: [redacted]} x"),
        ("password: ['a', 'b'\nx]", "password: [redacted]"),
        ("password: ['a', 'b\nx", "password: [redacted]\nx"),
        ("f(password=Secret('a b'), x=1)", "f(password=[redacted], x=1)"),
        ("password=a(b c\nd)", "password=[redacted] c\nd)"),
        ("password=(a)b c", "password=[redacted] c"),
    ] {
        assert_eq!(redaction().text(text), clean);
        assert_eq!(redaction().text(clean), clean);
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "generated 128 tokens, eos_token: </s>, token: 50256, max_tokens=128",
        "key: value, the password is wrong, secret_name=prod/db",
        "https://example.com:8443/a@b and user@example.com",
        "model-0123456789abcdef0123456789abcdef loaded from s3://bucket/key",
        "basic checks passed",
        "{\"pass\": 12, \"fail\": 0} and bypass=on, compass=north, pass: 3, tests pass",
        "curl https://example.com:443/x -o out, npm_config_cache=/tmp, msg.text.of, see https://hooks.slack.com/services",
        "tokens: 512, total_tokens=[1, 2], {\"tokens\": [\"internationalization\", 5021]}, tokens: [{'model': 'm-2024-08-06-x'}]",
        "password_reset_url=https://x/y secret_arn=a secret-name: b password_file=/run/x key_id=c",
        "keys=a partition_key=b primary_key=c s3_key=d key=e primary_key_2=f",
        "Done. PASS=5 WARN=0 ERROR=0 SKIP=0 TOTAL=5, PASS=7, BYPASS=on",
        "mysql -P 3306 -p db, docker run -p 80:80 x, redis-cli -h x, docker login -u me, mysqld is up -p",
        "https://x/y?sig=short&signature=off&design=0123456789abcdef",
        "name: model, value: 3, {\"name\": \"speed\", \"value\": \"fast\"}",
    ] {
        assert_eq!(redaction().text(text), text);
    }
}

#[test]
fn the_name_of_a_stream_hides_nothing() {
    let rules = Rules { emails: true, patterns: vec![r"cust-\d+".to_owned()], ..Rules::default() };
    let redaction = Redaction::new(&rules).expect("rules");
    for (stream, clean) in [
        ("cust-17/password=hunter2", "[redacted]/password=[redacted]"),
        ("of/me@example.com", "of/[redacted]"),
        (
            "2024/05/01/[$LATEST]0123456789abcdef0123456789abcdef",
            "2024/05/01/[$LATEST]0123456789abcdef0123456789abcdef",
        ),
        ("AllTraffic/i-0123456789abcdef0/data-log", "AllTraffic/i-0123456789abcdef0/data-log"),
    ] {
        let reading = read(joined([event(1, stream, "INFO: x")]).remove(0), &origin(), &redaction);
        assert_eq!(reading.line.stream, clean);
        assert_eq!(reading.redacted, stream != clean);
    }
}

#[test]
fn brackets_that_nobody_closes_cost_no_square() {
    let text = "secret:[\n".repeat(200_000);
    assert_eq!(redaction().text(&text), "secret:[redacted]\n".repeat(200_000));
}

#[test]
fn items_of_lists_go_by_what_is_before_them() {
    let reading = read_one(
        &json!({"message": "x", "argv": ["tool", "--password", "a", "--api-key", "--verbose", "--pwd", 7, "b"],
            "curl": ["curl", "-u", "me:a b", "-H", "Cookie: x", "https://x"], "no": ["-u", "me:a", "-p", "80:80"],
            "headers": ["Host", "a", "Cookie", "b"], "odd": ["Host", "Cookie", "b"], "columns": ["id", "password", "mail"],
            "tokens": ["word", "a1b2c3d4e5f6g7", 12, ["internationalization"]], "max_tokens": [12]})
        .to_string(),
    );
    let attributes = json!({
        "argv": ["tool", "--password", "[redacted]", "--api-key", "--verbose", "--pwd", "[redacted]", "b"],
        "curl": ["curl", "-u", "me:[redacted]", "-H", "Cookie: [redacted]", "https://x"], "no": ["-u", "me:a", "-p", "80:80"],
        "headers": ["Host", "a", "Cookie", "[redacted]"], "odd": ["Host", "Cookie", "b"], "columns": ["id", "password", "mail"],
        "tokens": ["word", "[redacted]", 12, ["internationalization"]], "max_tokens": [12]});
    assert_eq!(serde_json::Value::Object(reading.line.attributes), attributes);
}

/// What is told of lines of one stream, each of which is handed out before the next when `slowly`.
fn told(lines: &[&str], slowly: bool) -> Vec<String> {
    let mut assembler = Assembler::new(Limits::default());
    let mut done = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        assembler.push(event(number, "s", line), &mut done);
        if slowly {
            assembler.flush_all(&mut done);
        }
    }
    assembler.flush_all(&mut done);
    done.into_iter().map(|joined| read(joined, &origin(), redaction()).line.message).collect()
}

#[test]
fn a_line_in_between_does_not_end_a_key() {
    let body = "MIIEowIBAAKCAQEAvR+q0hTq/8K".repeat(3)[..64].to_owned();
    let indented = format!("  {body}");
    let digest = format!("sha256 {}", "0123456789abcdef".repeat(4));
    let [begin, end] = ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"];
    for slowly in [false, true] {
        for other in ["INFO: GET /health", &digest, "ERROR: no", "  more of it"] {
            let out = told(&[begin, &body, other, &indented, other, &body, "c2hvcnQ=", end, &body], slowly);
            let [shown, bodies] =
                [other.trim(), "MIIE"].map(|text| out.iter().filter(|line| line.contains(text)).count());
            assert_eq!((shown, bodies), (2, 1), "{slowly} {other} {out:?}");
            assert_eq!(out.last(), Some(&body), "after its end: {out:?}");
        }
        let out = told(&[begin, "INFO: up", "ok", &body, "done", "INFO: then", &digest], slowly);
        assert_eq!(out, ["[redacted]", "INFO: up", "ok", "[redacted]", "done", "INFO: then", &digest]);
    }
}

#[test]
fn a_key_behind_a_prefix_is_secret_to_its_end() {
    let body = "MIIEowIBAAKCAQEAvR+q0hTq/8K".repeat(3)[..64].to_owned();
    let lines = ["-----BEGIN PRIVATE KEY-----", &body, "c2hvcnQ=", "c2hvcnQ", "-----END PRIVATE KEY-----"];
    for prefix in ["2026-01-01 DEBUG ", "2026-01-01T00:00:00Z  app[1] DEBUG:\t", "x "] {
        let lines = lines.map(|line| format!("{prefix}{line}"));
        let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["2026-01-01 INFO then it went on"]).collect();
        for slowly in [false, true] {
            let out = told(&lines, slowly);
            assert!(!out.iter().any(|line| line.contains("c2hvcnQ") || line.contains("MIIE")), "{out:?}");
            assert!(out.last().is_some_and(|line| line.ends_with("then it went on")), "{out:?}");
        }
    }
    let out = told(&["2026-01-01 DEBUG -----BEGIN PRIVATE KEY-----", "2026-01-01 DEBUG two words"], false);
    assert_eq!(out[1], "2026-01-01 DEBUG two words");
}
