use super::*;

#[test]
fn the_examples_load_without_a_warning() {
    for file in ["examples/ddsync.yaml", "examples/ddsync.min.yaml"] {
        let loaded = load(Path::new(file), &Environment::new()).unwrap();
        assert_eq!(loaded.warnings, [], "{file}");
    }
    let minimal = std::fs::read_to_string("examples/ddsync.min.yaml").unwrap();
    assert!(minimal.lines().count() <= 12);
}

#[test]
fn what_the_example_calls_a_default_is_one() {
    let text = std::fs::read_to_string("examples/ddsync.yaml").unwrap();
    let example = format!("{:#?}", settings(&text, &[]));
    let kept: Vec<&str> =
        text.lines().filter(|line| !line.contains("# default") || line.contains("# default:")).collect();
    // Sections of which nothing is left count as not written.
    let without = settings(&kept.join("\n"), &[]);
    assert_eq!(format!("{without:#?}"), example);
}

#[test]
fn a_region_is_all_that_is_needed() {
    let settings = settings("regions: [us-west-2]", &[]);
    assert_eq!(settings.accounts.len(), 1);
    assert_eq!(settings.accounts[0].name, "default");
    assert_eq!(settings.datadog.base_url, "https://api.datadoghq.com");
    assert_eq!(settings.datadog.logs_url, "https://http-intake.logs.datadoghq.com");
    assert_eq!(settings.logs.requests_per_second, 3);
    assert_eq!(settings.datadog.compression, Compression::Zstd);
    assert_eq!(settings.state, StateLocation::Folder("./state".into()));
    assert!(settings.datadog.api_key.is_none() && settings.dogstatsd.is_none());
}

#[test]
fn an_account_is_called_after_its_role_and_takes_the_common_regions() {
    let text = "regions: [us-west-2]\naccounts: [{role: \"arn:aws:iam::444455556666:role/r\"}, {name: b, regions: [eu-west-1]}]";
    let accounts = settings(text, &[]).accounts;
    assert_eq!(
        (accounts[0].name.as_str(), accounts[0].regions.as_slice()),
        ("444455556666", &["us-west-2".to_owned()][..])
    );
    assert_eq!(accounts[1].regions, ["eu-west-1"]);
}

#[test]
fn variables_of_datadog_go_before_the_file_and_those_of_aws_after_it() {
    let text = "regions: [us-west-2]\ndatadog: {site: datadoghq.com, tags: [a:b]}\ndogstatsd: {url: \"unix:///x\"}";
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("DD_SITE", "datadoghq.eu"),
        ("DD_TAGS", "c:d, e:f"),
        ("DD_ENV", "Prod"),
        ("DD_AGENT_HOST", "10.0.0.1"),
        ("DD_API_KEY", " 0123456789abcdef0123456789abcdef\n"),
        ("DD_URL", ""),
    ];
    let both = settings(text, &variables);
    assert_eq!(both.accounts[0].regions, ["us-west-2"]);
    assert_eq!(both.datadog.base_url, "https://api.datadoghq.eu");
    assert_eq!(both.datadog.logs_url, "https://http-intake.logs.datadoghq.eu");
    assert_eq!(both.datadog.tags, ["a:b", "c:d", "e:f", "env:prod"]);
    assert_eq!(both.dogstatsd, Some(DogStatsD::Udp("10.0.0.1:8125".into())));
    assert_eq!(both.datadog.api_key.unwrap().expose(), "0123456789abcdef0123456789abcdef");

    let variables =
        [("AWS_DEFAULT_REGION", "eu-west-1"), ("DD_URL", "https://b/"), ("DD_DD_URL", "http://127.0.0.1:1/")];
    let alone = settings("", &variables);
    assert_eq!(alone.accounts[0].regions, ["eu-west-1"]);
    assert_eq!(alone.datadog.base_url, "http://127.0.0.1:1");
}

#[test]
fn key_files_and_globs_start_at_the_folder_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("key", "0123456789abcdef0123456789abcdef\n");
    write("lease.yaml", "team: Docs");
    write("ddsync.yml", "regions: [us-west-2]\ndatadog: {api_key_file: key}\npipelines: {files: [\"*.yaml\"]}");
    let settings = load(&folder.path().join("ddsync.yml"), &Environment::new()).unwrap().settings;
    assert_eq!(settings.datadog.api_key.unwrap().expose().len(), 32);
    assert_eq!(settings.pipelines.files, [folder.path().join("lease.yaml")]);
}

#[test]
fn names_of_pipelines_are_matched_by_pattern() {
    let pipelines =
        settings("regions: [us-west-2]\npipelines: {include: [\"Lease*\"], exclude: [\"*-old\"]}", &[]).pipelines;
    assert!(pipelines.wants("LeaseAbstraction"));
    assert!(!pipelines.wants("Lease-old") && !pipelines.wants("Other"));
}

#[test]
fn routes_and_variables_are_read_under_names_of_the_users_own() {
    let text = r#"regions: [us-west-2]
templates: {variables: {"*": {max-age-seconds: 1200}, Lease: {on: true, ratio: 0.5, text: x}}}
routes:
  teams: {Docs Team: {page: "@pagerduty-Docs", notify: ["@slack-docs", "@docs@example.com"]}}
"#;
    let settings = settings(text, &[]);
    assert_eq!(settings.templates.variables["*"]["max_age_seconds"], 1200);
    assert_eq!(settings.templates.variables["Lease"].len(), 3);
    let docs = &settings.routes.teams["team:docs_team"];
    assert_eq!((docs.name.as_str(), docs.page.as_slice()), ("teams.Docs Team", &["@pagerduty-Docs".to_owned()][..]));
    assert_eq!(docs.notify, ["@slack-docs", "@docs@example.com"]);
    assert!(settings.routes.default.name.is_empty() && !settings.routes.is_empty());
}

#[test]
fn production_is_what_says_so_or_what_is_called_so() {
    let by_name = settings("regions: [us-west-2]", &[]).provision;
    assert!(by_name.is_production("Data_Prod") && by_name.is_production("production"));
    assert!(!by_name.is_production("data_dev") && !by_name.is_production("none"));
    let listed = settings("regions: [us-west-2]\nprovision: {production: [Live]}", &[]).provision;
    assert!(listed.is_production("live") && !listed.is_production("data_prod"));
    assert_eq!((listed.namespace.as_str(), listed.auto, listed.prune), ("main", false, false));
    assert_eq!(listed.grace.as_secs(), 24 * 60 * 60);
}

#[test]
fn a_period_is_the_longest_time_between_two_runs() {
    let schedules = settings("regions: [us-west-2]\nschedules: {warm: \"0 0,10,40 * * * *\"}", &[]).schedules;
    let minutes = |schedule| Schedules::longest_pause(schedule).as_secs() / 60;
    assert_eq!((minutes(&schedules.hot), minutes(&schedules.warm), minutes(&schedules.provision)), (1, 30, 5));
    assert_eq!(minutes(&schedules.deploys), 2);
}
