//! deploy/: the image, the task and the permissions fit each other and the program.

use std::process::Command;

use serde_json::Value;

use crate::program::{command, ddsync, file, generated, root};

const CONFIG: &str = "deploy/ecs/ddsync.yaml";

fn json(path: &str) -> Value {
    serde_json::from_str(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn task() -> Value {
    json("deploy/ecs/task-definition.json")
}

/// `name` to `value` of a list of such pairs.
fn pairs(list: &Value, value: &str) -> Vec<(String, String)> {
    let text = |pair: &Value, key: &str| pair[key].as_str().expect("text").to_owned();
    list.as_array().expect("a list").iter().map(|pair| (text(pair, "name"), text(pair, value))).collect()
}

#[test]
fn the_policies_are_what_the_program_needs() {
    for (path, arguments) in [
        ("deploy/iam/policy.json", &["iam-policy", "-c", CONFIG] as &[&str]),
        ("deploy/iam/account-role-policy.json", &["iam-policy", "--account-role", "-c", CONFIG]),
    ] {
        let wanted = ddsync(arguments);
        generated(path, &std::fs::read_to_string(root().join(path)).unwrap_or_default(), &wanted, || wanted.clone());
    }
}

#[test]
fn an_account_is_read_only() {
    let policy = json("deploy/iam/account-role-policy.json");
    for statement in policy["Statement"].as_array().expect("a list") {
        for action in statement["Action"].as_array().expect("a list") {
            let (_, operation) = action.as_str().and_then(|action| action.split_once(':')).expect("service:Operation");
            assert!(["Get", "List", "Describe", "Filter"].iter().any(|verb| operation.starts_with(verb)), "{action}");
        }
    }
}

#[test]
fn the_role_trusts_the_task_that_assumes_it() {
    let trust = json("deploy/iam/trust-policy.json");
    let statement = &trust["Statement"][0];
    assert_eq!(statement["Action"], "sts:AssumeRole");
    assert_eq!(statement["Principal"]["AWS"], task()["taskRoleArn"]);
    let id = statement["Condition"]["StringEquals"]["sts:ExternalId"].as_str().expect("an external id");
    assert!(file(CONFIG).contains(&format!("external_id: {id} ")), "{CONFIG} gives another external id than {id}");
}

#[test]
fn the_task_runs_the_image_with_its_secrets_health_check_and_time_to_stop() {
    let task = task();
    for key in ["family", "cpu", "memory", "taskRoleArn", "executionRoleArn"] {
        assert!(task[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
    }
    assert_eq!(task["requiresCompatibilities"], serde_json::json!(["FARGATE"]));
    assert_eq!(task["networkMode"], "awsvpc");
    let container = &task["containerDefinitions"][0];
    let dockerfile = file("deploy/Dockerfile");
    let has = |line: &str| assert!(dockerfile.lines().any(|one| one == line), "the Dockerfile lacks `{line}`");

    assert_eq!(pairs(&container["secrets"], "valueFrom").len(), 2);
    for (name, from) in pairs(&container["secrets"], "valueFrom") {
        assert!(["DD_API_KEY", "DD_APP_KEY"].contains(&name.as_str()), "{name}");
        assert!(from.starts_with("arn:aws:secretsmanager:"), "{from}");
    }
    let environment = pairs(&container["environment"], "value");
    let of = |key: &str| environment.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    has(&format!("ENV DDSYNC_CONFIG={}", of("DDSYNC_CONFIG").expect("DDSYNC_CONFIG")));
    assert!(of("AWS_REGION").is_some(), "a state in S3 takes its region from AWS_REGION");
    assert!(environment.iter().all(|(name, _)| !name.contains("KEY")), "a key is no plain variable");

    let check = container["healthCheck"]["command"].as_array().expect("a command");
    assert_eq!(check[0], "CMD", "the image has no shell");
    has(&format!("ENTRYPOINT [{}]", check[1]));
    let asked: Vec<&str> = check[2..].iter().map(|word| word.as_str().expect("text")).collect();
    ddsync(&[&asked[..], &["--help"]].concat());
    has(&format!("USER {}", container["user"].as_str().expect("a user")));
    has("CMD [\"run\"]");
    assert_eq!(container["command"], serde_json::json!(["run"]));
    assert_eq!(container["logConfiguration"]["logDriver"], "awslogs");

    // The default of `agent.shutdown_deadline` is 25 s.
    assert!(!file(CONFIG).contains("shutdown_deadline"));
    assert_eq!(container["stopTimeout"], 30);
}

#[test]
fn the_image_holds_a_good_configuration() {
    let config = file("deploy/Dockerfile");
    assert!(config.contains(&format!("ARG CONFIG={CONFIG}\n")));
    assert!(ddsync(&["validate", "-c", CONFIG]).contains("state in s3://"));
}

#[test]
fn hadolint_finds_nothing_in_the_dockerfile() {
    let hadolint = crate::python::interpreter().with_file_name("hadolint");
    let output = Command::new(hadolint).arg(root().join("deploy/Dockerfile")).output().expect("hadolint starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn health_tells_a_daemon_that_is_up_from_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("ddsync.yaml");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let text = format!("regions: [us-west-2]\nagent: {{listen: \"0.0.0.0:{port}\"}}\n");
    std::fs::write(&config, text).expect("a configuration");
    let ask = |arguments: &[&str]| {
        let mut command = command(env!("CARGO_BIN_EXE_ddsync"));
        command.arg("health").args(arguments).arg("-c").arg(&config);
        let output = command.output().expect("ddsync starts");
        let words = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&words).into_owned())
    };
    let answers = [("/livez", "200 OK", "ok\n"), ("/readyz", "503 Service Unavailable", "hot a/b has not run yet\n")];
    let daemon = std::thread::spawn(move || {
        use std::io::{Read, Write};
        for (path, status, body) in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).expect("a request");
            assert!(request[..length].starts_with(format!("GET {path} ").as_bytes()));
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
                .expect("an answer");
        }
    });
    assert_eq!(ask(&[]), (Some(0), "ok\n".to_owned()));
    assert_eq!(ask(&["--ready"]), (Some(1), "hot a/b has not run yet\n".to_owned()));
    daemon.join().expect("the pretend daemon ends");
    let (code, words) = ask(&[]);
    assert_eq!(code, Some(1));
    assert!(words.contains("nobody answers") && words.contains("`agent.listen`"), "{words}");
}
