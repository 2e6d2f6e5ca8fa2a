//! No secret is ever said, however much is said.

use crate::scene::Scene;

/// A secret key of the process: the company checks no signature, so that it can be told from the assumed role's.
const OWN_SECRET: &str = "wJalrXUtnFEMI-own-secret";

const OWN_TOKEN: &str = "FwoGZXIvYXdzEBEa-own-token";

/// What must not be read anywhere, with what it is.
const SECRETS: [(&str, &str); 7] = [
    ("the API key", "pretend-api-key"),
    ("the application key", "pretend-app-key"),
    ("the token of GitHub", "pretend-github-token"),
    ("the secret key of the process", OWN_SECRET),
    ("the session token of the process", OWN_TOKEN),
    ("the secret key of an assumed role", "pretend-secret"),
    ("the session token of an assumed role", "pretend-session"),
];

/// Lines that hold a secret, or any part of one in the forms in which bytes are printed.
fn leaks(text: &str) -> Vec<String> {
    let forms = |secret: &str| {
        let bytes: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
        [secret.to_owned(), bytes.join(", ")]
    };
    let holds = |line: &str| {
        let found = SECRETS.iter().find(|(_, secret)| forms(secret).iter().any(|form| line.contains(form.as_str())));
        found.map(|(what, _)| {
            let start: String = line.chars().take(200).collect();
            format!("{what}: {start}")
        })
    };
    text.lines().filter_map(holds).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_at_any_level() {
    for (level, arguments, traces) in [
        ("trace", &["once"][..], true),
        ("error", &["-vv", "once"], false),
        ("aws_smithy_runtime=trace,aws_smithy_runtime::client::orchestrator::http=trace", &["once"], true),
    ] {
        for format in ["human", "json"] {
            let mut scene = Scene::new().await;
            for (name, value) in [
                ("AWS_SECRET_ACCESS_KEY", OWN_SECRET),
                ("AWS_SESSION_TOKEN", OWN_TOKEN),
                // The SDK keeps the keys of assumed roles to itself, unless it is told to.
                ("LOG_SENSITIVE_BODIES", "true"),
                ("RUST_LOG", "trace"),
            ] {
                scene.environment.insert(name.to_owned(), value.to_owned());
            }
            scene.change("{level: error, format: human}", &format!("{{level: \"{level}\", format: {format}}}"));
            let screen = scene.run(arguments).await;
            let said = format!("{}{}", screen.stdout, screen.stderr);
            assert_eq!(screen.code, Some(0), "{level} {format}");
            let word = if traces { "TRACE" } else { "DEBUG" };
            assert!(said.contains(word), "nothing of {level} was said");
            let leaks = leaks(&said);
            assert!(leaks.is_empty(), "{level} {format}: {} lines\n{}", leaks.len(), leaks.join("\n"));
        }
    }
}

#[test]
fn a_leak_is_found_in_every_form() {
    assert_eq!(leaks("x pretend-api-key y"), ["the API key: x pretend-api-key y"]);
    let bytes: Vec<u8> = "pretend-session".into();
    assert_eq!(leaks(&format!("{bytes:?}")).len(), 1);
    assert_eq!(leaks("nothing"), [""; 0]);
}
