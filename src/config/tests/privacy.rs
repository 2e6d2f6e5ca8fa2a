use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

#[test]
fn no_secret_is_in_any_debug_or_display() {
    let secret = "hunter2secret";
    let text = "regions: [us-west-2]\ngithub: {repositories: [{repo: a/b, workflows: [a.yml]}], webhook: {listen: \"[::]:1\"}}";
    let variables = env(&[
        ("DD_API_KEY", secret),
        ("DD_APP_KEY", secret),
        ("GITHUB_TOKEN", secret),
        ("GITHUB_WEBHOOK_SECRET", secret),
    ]);
    let loaded = read(text, "f", &variables).unwrap();
    assert!(!format!("{loaded:?}").contains(secret));
    let places = [
        "datadog: {api_key: SECRET}",
        "datadog: {app_key: [SECRET]}",
        "datadog: {api_key_file: SECRET}",
        "datadog: {api_key_file: [SECRET]}",
        "github: {token: SECRET, token_file: SECRET, private_key_file: [SECRET], app_id: 1}",
        "github: {repositories: [{repo: SECRET, workflows: []}], private_key: SECRET}",
        "github: {webhook: {secret: SECRET, listen: [SECRET], secret_file: SECRET}}",
        "github: {webhook: {webhook_secret: SECRET, secret_file: [SECRET]}}",
        "datadog: {base_url: \"https://u:SECRET@h\"}",
        "datadog: {logs_url: \"https://u:SECRET@h\"}",
        "dogstatsd: {url: \"udp://u:SECRET@h\"}",
        "state: \"gs://u:SECRET@h\"",
        "api_key: SECRET",
        "accounts: [{password: SECRET, token: SECRET}]",
        "datadog: {api_key: \"SECRET",
        "datadog: {api_key: SECRET: x}",
        "datadog: {api_key: @SECRET}",
        "datadog: {api_key: *SECRET}",
        "datadog: {api_key: !SECRET x}",
        "datadog: {api_key: %SECRET}",
        "datadog: {api_key: &SECRET}\n  x",
    ];
    for place in places {
        let problems = read(&place.replace("SECRET", secret), "f", &Environment::new()).unwrap_err();
        assert!(!format!("{problems}{problems:?}").contains(secret), "{place}: {problems}");
    }
    let long = "0123456789abcdef0123456789abcdef";
    for place in ["datadog: {site: SECRET}", "datadog: {SECRET: x}", "regions: [SECRET]", "log: {level: SECRET}"] {
        let problems = read(&place.replace("SECRET", long), "f", &Environment::new()).unwrap_err();
        assert!(!format!("{problems}{problems:?}").contains(long), "{place}: {problems}");
    }
}

#[test]
fn nesting_and_aliases_that_multiply_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{before}]").unwrap();
    }
    let hostile = ["- ".repeat(5_000), "[".repeat(5_000), "{a: ".repeat(5_000), "? ".repeat(5_000), bomb];
    for text in hostile {
        let problems = read(&text, "f", &Environment::new()).unwrap_err();
        assert_eq!(problems.all().len(), 1, "{problems}");
    }
}

proptest! {
    #[test]
    fn for_all_texts_reading_returns(text in any::<String>()) {
        let _ = read(&text, "ddsync.yaml", &Environment::new());
    }

    #[test]
    fn for_all_texts_made_of_our_words_reading_returns(
        words in proptest::collection::vec(prop_oneof![
            Just("regions"), Just("accounts"), Just("metrics"), Just("custom"), Just("schedules"), Just("hot"), Just("role"),
            Just("datadog"), Just("tags"), Just("delay"), Just("name"), Just("statistics"), Just("us-west-2"), Just(": "),
            Just("\n"), Just("\n  "), Just("\n    "), Just("- "), Just("["), Just("]"), Just("{"), Just("}"), Just(", "),
            Just("\""), Just("'"), Just("*"), Just("&a "), Just("*a"), Just("<<: "), Just("!x "), Just("|"), Just("# "),
            Just("120s"), Just("-1"), Just("1e999"), Just("0x"), Just("null"), Just("---\n"), Just("* * * * *"), Just("\t"),
        ], 0..40)
    ) {
        let text = words.concat();
        if let Err(problems) = read(&text, "ddsync.yaml", &Environment::new()) {
            prop_assert!(!problems.all().is_empty());
        }
    }

    #[test]
    fn for_all_values_under_a_private_key_no_message_repeats_them(value in "[a-z]{12,40}") {
        let problems = read(&format!("datadog: {{api_key: {value}, api_key_file: {value}}}"), "f", &Environment::new());
        prop_assert!(!problems.unwrap_err().to_string().contains(&value));
    }
}
