use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::failure::Failures;

fn failed(id: &str, class: &'static str, words: &str) -> FailedRequest {
    FailedRequest { at: 1_788_883_210_000, id: id.to_owned(), class, words: words.to_owned() }
}

fn context(requests: Vec<FailedRequest>) -> FailureContext {
    FailureContext {
        pipeline: "lease".into(),
        stage: "clause-tagger".into(),
        tags: Arc::from(["pipeline:lease", "stage:clause-tagger", "team:docs"].map(str::to_owned)),
        at: 1_788_883_200,
        risen: vec![
            ("mlpipeline.endpoint.invocation_5xx_errors.sum".into(), 2.0),
            ("mlpipeline.endpoint.invocation_failures.sum".into(), 2.0),
        ],
        from: 1_788_883_170_000,
        to: 1_788_883_290_000,
        failures: Failures { requests, nameless: 1, more: false },
    }
}

#[test]
fn an_event_says_which_requests_failed_and_where_to_look() {
    let requests = vec![
        failed("2e24fe9e-dd1f-48f8-8890-ddf2907d6243", "out_of_memory", "MemoryError: Unable to allocate 512. MiB"),
        failed("order 7", "other", "KeyError: 'pages'"),
    ];
    let event = failures(&context(requests), &["env:ops".to_owned()], "https://app.datadoghq.eu");
    insta::assert_snapshot!(format!(
        "{}\n{}\n{}",
        event["title"],
        event["tags"],
        event["text"].as_str().unwrap_or_default()
    ));
}

#[test]
fn what_comes_from_a_log_calls_nobody_and_cannot_be_typed() {
    let words = "@pagerduty-x `[here](https://evil.example)` %%% \n %%%%%% <script>";
    let event = failures(&context(vec![failed("a; rm -rf @all", "other", words)]), &[], "https://app.datadoghq.eu");
    let text = event["text"].as_str().unwrap_or_default();
    assert!(!text.contains('@') && !text.contains("logs tail"), "{text}");
    assert_eq!(text.matches("%%%").count(), 2, "{text}");
    let item = text.lines().find(|line| line.starts_with("- ")).unwrap_or_default();
    assert_eq!(
        item,
        "- `a; rm -rf (at)all` other: `(at)pagerduty-x '[here](https://evil.example)' % %%   % %% %% % <script>`"
    );
}

#[test]
fn what_comes_from_a_log_shows_the_words_that_it_holds() {
    let words = "\u{202e}drow\u{2066}s\u{200b}\u{2028}\u{e0041}\u{feff}x";
    let event = failures(&context(vec![failed("or\u{200f}der", "other", words)]), &[], "https://app.datadoghq.eu");
    let text = event["text"].as_str().unwrap_or_default();
    let item = text.lines().find(|line| line.starts_with("- ")).unwrap_or_default();
    assert_eq!(item, "- `or der` other: `drow s    x`");
    assert!(!text.chars().any(|c| c != '\n' && is_hostile(c)), "{text:?}");
}

proptest! {
    #[test]
    fn for_all_failures_the_event_is_one_that_datadog_takes(
        requests in proptest::collection::vec((".{0,80}", ".{0,400}"), 0..60), many in 0_usize..3_000,
    ) {
        let mut requests: Vec<FailedRequest> =
            requests.iter().map(|(id, words)| failed(id, "model_error", words)).collect();
        requests.extend((0..many).map(|number| failed(&number.to_string(), "timeout", "no answer")));
        let all = requests.len();
        let event = failures(&context(requests), &[], "https://app.datadoghq.com");
        let text = event["text"].as_str().unwrap_or_default();
        prop_assert!(text.chars().count() <= 4_000);
        prop_assert_eq!(text.matches("%%%").count(), 2);
        prop_assert!(!text.contains('@'));
        prop_assert!(!text.chars().any(|c| c != '\n' && is_hostile(c)), "{:?}", text);
        let named = text.lines().filter(|line| line.starts_with("- `")).count();
        let more = text.lines().find_map(|line| line.strip_prefix("- and ")?.strip_suffix(" more"));
        let more: usize = more.and_then(|more| more.parse().ok()).unwrap_or(0);
        prop_assert_eq!(named + more, all, "{}", text);
        prop_assert!(event["title"].as_str().is_some_and(|title| title.chars().count() <= MAX_TITLE));
    }
}
