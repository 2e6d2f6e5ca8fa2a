#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

fn title() -> Pattern {
    Pattern::parse(TITLE).unwrap()
}

fn call(action: Action, yaml: &str, environment: &str, branch: &str) -> Call {
    Call {
        action,
        environment: environment.into(),
        yaml: Some(yaml.into()),
        pipeline: None,
        branch: Some(branch.into()),
        version: None,
    }
}

#[test]
fn the_default_reads_what_its_own_line_writes() {
    let read = title().read("up pipelines/lease.yaml to data_prod from feature/x-1");
    assert_eq!(read, Some(call(Action::Up, "pipelines/lease.yaml", "data_prod", "feature/x-1")));
    assert_eq!(
        title().run_name(),
        "run-name: '${{ inputs.action }} ${{ inputs.YAML }} to ${{ inputs.environment }} from ${{ inputs.branch }}'"
    );
}

#[test]
fn a_path_may_hold_spaces_and_even_the_words_of_the_pattern() {
    let read = title().read("preview pipe lines/a to b from c.yaml to data_dev from main");
    assert_eq!(read, Some(call(Action::Preview, "pipe lines/a to b from c.yaml", "data_dev", "main")));
}

#[test]
fn a_title_that_fits_in_two_ways_fits_in_none() {
    let pattern = Pattern::parse("{pipeline} {action} {environment}").unwrap();
    assert_eq!(pattern.read("a up x").map(|call| call.environment), Some("x".to_owned()));
    let pattern = Pattern::parse("{action} {pipeline} {version} {environment}").unwrap();
    assert!(pattern.read("up a b x").is_some());
    assert_eq!(pattern.read("up a b c x"), None, "the pipeline is `a` or `a b`");
    let pattern = Pattern::parse("{pipeline} {version} {action} {environment}").unwrap();
    assert_eq!(pattern.read("a b c up x"), None);
    let pattern = Pattern::parse("{action} {pipeline}--{environment}").unwrap();
    assert_eq!(pattern.read("up a---x").and_then(|call| call.pipeline).as_deref(), Some("a-"));
}

#[test]
fn hostile_titles_are_no_calls() {
    for hostile in [
        "",
        "up",
        "Deploy self-service infrastructure",
        "UP a.yaml to data_prod from main",
        "up ../a.yaml to data_prod from main",
        "up /etc/a.yaml to data_prod from main",
        "up a.yaml to data_prod from main && rm -rf /",
        "up a.yaml to data_prod from main\nup b.yaml to data_prod from main",
        "up a.yaml to data_prod from main..next",
        "up a\u{202e}.yaml to data_prod from main",
        "up a.yaml to data prod from main",
        "up a.txt to data_prod from main",
        "up .yaml to data_prod from main",
        "up a.yaml to data_prod from ",
        "x up a.yaml to data_prod from main",
    ] {
        assert_eq!(title().read(hostile), None, "{hostile:?}");
    }
}

#[test]
fn a_hostile_title_is_tried_once_from_each_place() {
    let pattern = Pattern::parse("{pipeline}-{version}-{branch}-{environment}-{action}").unwrap();
    let mut ends = Ends { pattern: &pattern, title: &"a-".repeat(499), ways: BTreeMap::new() };
    assert_eq!(ends.ways(0, 0), 0);
    assert!(ends.ways.len() < 10 * 1000, "{}", ends.ways.len());
    assert_eq!(title().read(&format!("up {}.yaml to data_prod from main", "a".repeat(MAX_TITLE))), None);
}

#[test]
fn jobs_are_read_by_the_same_grammar() {
    let pattern = Pattern::parse(JOB_NAME).unwrap();
    let read = pattern.read("deploy (destroy, data_dev, pipelines/a, b.yml)").unwrap();
    assert_eq!((read.action, read.environment.as_str()), (Action::Destroy, "data_dev"));
    assert_eq!((read.yaml.as_deref(), read.branch), (Some("pipelines/a, b.yml"), None));
    // GitHub cuts the long names of a matrix.
    assert_eq!(pattern.read("deploy (up, data_prod, pipelines/a-very-long-na..."), None);
}

#[test]
fn a_pattern_says_what_is_wrong_with_it() {
    for (text, problem) in [
        ("{action} {yaml}", "no {environment}"),
        ("{action} {environment}", "neither {yaml} nor {pipeline}"),
        ("{action}{yaml} {environment}", "nothing between {action} and {yaml} says where one ends"),
        ("{action} {action} {yaml} {environment}", "{action} twice"),
        ("{action} {yaml} {environment", "a { without a } after it"),
        ("action} {yaml} {environment}", "a } without a { before it"),
    ] {
        assert_eq!(Pattern::parse(text), Err(problem.to_owned()), "{text}");
    }
    let unknown = Pattern::parse("{actoin} {yaml} {environment}").unwrap_err();
    assert!(unknown.starts_with("{actoin} is no part; parts are {action}, {yaml}"), "{unknown}");
}

#[test]
fn the_line_for_the_workflow_is_yaml_whatever_the_text_between() {
    let pattern = Pattern::parse("it's: {action} #{yaml} -> {environment}").unwrap();
    let line = pattern.run_name();
    let read: BTreeMap<String, String> = serde_saphyr::from_str(&line).unwrap();
    assert_eq!(read["run-name"], "it's: ${{ inputs.action }} #${{ inputs.YAML }} -> ${{ inputs.environment }}");
}

proptest! {
    #[test]
    fn for_all_texts_reading_does_no_harm(pattern in any::<String>(), text in any::<String>()) {
        let _ = title().read(&text);
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let _ = pattern.read(&text);
        }
    }

    #[test]
    fn for_all_inputs_the_title_that_the_workflow_writes_reads_back(
        action in prop_oneof![Just(Action::Up), Just(Action::Destroy), Just(Action::Preview)],
        yaml in "[a-z/ ]{0,5}[a-z]( to | from |[a-z])[a-z]\\.ya?ml",
        environment in "[a-z][a-z0-9_-]{0,10}",
        branch in "[a-z][a-z0-9-]{0,6}(/[a-z0-9-]{1,6})?",
    ) {
        prop_assume!(is_yaml_path(&yaml) && is_ref(&branch));
        let text = format!("{} {yaml} to {environment} from {branch}", action.name());
        prop_assert_eq!(title().read(&text), Some(call(action, &yaml, &environment, &branch)));
    }

    #[test]
    fn for_all_patterns_display_reads_back(between in "[a-z ]{1,4}", last in "[a-z]{0,3}") {
        let text = format!("{{action}}{between}{{yaml}}{between}{{environment}}{last}");
        prop_assert_eq!(Pattern::parse(&text).unwrap().to_string(), text);
    }
}
