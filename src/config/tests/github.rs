use super::*;
use crate::config::settings::{GitHubCredential, Repository, Workflow};
use crate::model::dora::{JOB_NAME, Pattern, TITLE};

const REPOSITORIES: &str = "repositories: [{repo: example/ml, workflows: [deploy.yml]}]";

fn github(rest: &str, variables: &[(&str, &str)]) -> crate::config::settings::GitHub {
    settings(&format!("regions: [us-west-2]\ngithub: {{{rest}{REPOSITORIES}}}"), variables).github.unwrap()
}

#[test]
fn without_the_section_nothing_is_followed() {
    assert!(settings("regions: [us-west-2]", &[("GITHUB_TOKEN", "ghp_abc")]).github.is_none());
}

#[test]
fn a_repository_is_all_that_is_needed() {
    let alone = github("", &[]);
    assert_eq!(alone.base_url, "https://api.github.com");
    assert!(alone.credential.is_none());
    let pattern = |text: &str| Pattern::parse(text).unwrap();
    let workflow = Workflow { file: "deploy.yml".into(), run_name: pattern(TITLE), job_name: pattern(JOB_NAME) };
    let repository = Repository { name: "example/ml".into(), workflows: vec![workflow], source_paths: Vec::new() };
    assert_eq!(alone.repositories, [repository]);
    let own = github("base_url: \"https://ghe.example.com/api/v3/\", ", &[]);
    assert_eq!(own.base_url, "https://ghe.example.com/api/v3");
}

#[test]
fn the_variable_goes_before_the_file_and_an_app_before_both() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("token", "ghp_file\n");
    write("app.pem", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n");
    let credential = |rest: &str, variables: &[(&str, &str)]| {
        write("ddsync.yml", &format!("regions: [us-west-2]\ngithub: {{{rest}{REPOSITORIES}}}"));
        let loaded = load(&folder.path().join("ddsync.yml"), &env(variables)).unwrap();
        (loaded.settings.github.unwrap().credential.unwrap(), loaded.warnings.len())
    };
    let token = |credential: GitHubCredential| match credential {
        GitHubCredential::Token(token) => token.expose().to_owned(),
        GitHubCredential::App { .. } => panic!("an App"),
    };
    assert_eq!(token(credential("token_file: token, ", &[]).0), "ghp_file");
    assert_eq!(token(credential("token_file: token, ", &[("GITHUB_TOKEN", "ghp_own")]).0), "ghp_own");
    let app = "app_id: 12, installation_id: 34, private_key_file: app.pem, ";
    let (credential, warnings) = credential(app, &[("GITHUB_TOKEN", "ghp_own")]);
    let GitHubCredential::App { app_id, installation_id, private_key } = credential else { panic!("a token") };
    assert_eq!((app_id, installation_id, warnings), (12, 34, 1));
    assert!(private_key.expose().starts_with("-----BEGIN RSA"));
}

#[test]
fn every_mistake_is_named() {
    let text = "regions: [us-west-2]
github:
  base_url: https://github.com
  tokn_file: x
  token: ghp_0123456789
  token_file: nowhere
  app_id: 12
  private_key_file: ddsync.yaml
  repositories:
    - {repo: ml-pipelines, workflows: [deploy.yml]}
    - {repo: example/ml, workflows: [deploy, deploy.yml, .github/workflows/deploy.yml]}
    - {repo: Example/ML, workflow: deploy.yml}
    - example/ml
";
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:3: github: needs `installation_id` too: an App is `app_id`, `installation_id`, `private_key_file`
    ddsync.yaml:3: github.base_url: `github.com` is the site; write `https://api.github.com`
    ddsync.yaml:4: github.tokn_file: unknown key; did you mean `token_file`?
    ddsync.yaml:5: github.token: a key does not belong in this file; set GITHUB_TOKEN, or name a file in `github.token_file` or `github.private_key_file`
    ddsync.yaml:6: github.token_file: stands beside `app_id`; keep the token or the App
    ddsync.yaml:8: github.private_key_file: the file cannot be read: not found; name the file with the private key that GitHub gave out for the App
    ddsync.yaml:10: github.repositories[0].repo: is not `owner/name`, for example `example/ml-pipelines`
    ddsync.yaml:11: github.repositories[1].workflows[0]: `deploy` is not the name of a file in .github/workflows; write one such as `deploy.yml`
    ddsync.yaml:11: github.repositories[1].workflows[2]: stands twice
    ddsync.yaml:12: github.repositories[2]: the repository is there already; put all its workflows into one list
    ddsync.yaml:12: github.repositories[2]: needs `workflows`, for example `workflows: [deploy.yml]`
    ddsync.yaml:12: github.repositories[2].workflow: unknown key; did you mean `workflows`?
    ddsync.yaml:13: github.repositories[3]: expected a mapping with keys such as `repo:`, found `example/ml`
    "#);
}

#[test]
fn a_section_needs_repositories() {
    insta::assert_snapshot!(problems("regions: [us-west-2]\ngithub: {repositories: []}"), @"ddsync.yaml:2: github: needs `repositories`, for example `repositories: [{repo: example/ml-pipelines, workflows: [deploy.yml]}]`");
    insta::assert_snapshot!(problems("regions: [us-west-2]\ngithub: {base_url: \"ghe.example.com\"}"), @r#"
    ddsync.yaml:2: github: needs `repositories`, for example `repositories: [{repo: example/ml-pipelines, workflows: [deploy.yml]}]`
    ddsync.yaml:2: github.base_url: `ghe.example.com` is no URL; write one such as `https://github.example.com/api/v3`
    "#);
}

#[test]
fn the_nearest_pattern_and_path_counts() {
    let text = r#"regions: [us-west-2]
github:
  run_name: "{action} {pipeline} to {environment}"
  source_paths: ["src/{name}/"]
  repositories:
    - {repo: example/a, workflows: [a.yml, {file: b.yml, run_name: "{action}: {yaml}, {environment}"}]}
    - repo: example/b
      job_name: "{action} / {environment} / {pipeline}"
      source_paths: []
      workflows: [c.yml, {file: .github/workflows/d.yml}]
"#;
    let repositories = settings(text, &[]).github.unwrap().repositories;
    let shown = |workflow: &Workflow| format!("{}: {} | {}", workflow.file, workflow.run_name, workflow.job_name);
    let shown: Vec<String> = repositories.iter().flat_map(|repository| &repository.workflows).map(shown).collect();
    assert_eq!(
        shown,
        [
            format!("a.yml: {{action}} {{pipeline}} to {{environment}} | {JOB_NAME}"),
            format!("b.yml: {{action}}: {{yaml}}, {{environment}} | {JOB_NAME}"),
            "c.yml: {action} {pipeline} to {environment} | {action} / {environment} / {pipeline}".to_owned(),
            "d.yml: {action} {pipeline} to {environment} | {action} / {environment} / {pipeline}".to_owned(),
        ]
    );
    assert_eq!(repositories[0].source_paths, ["src/{name}"]);
    assert!(repositories[1].source_paths.is_empty());
}

#[test]
fn a_pattern_that_tells_too_little_is_refused_where_it_stands() {
    let text = r#"regions: [us-west-2]
github:
  run_name: "deploy {yaml}"
  source_paths: [../src, "src/*", "/src", "src/{yaml}"]
  repositories:
    - repo: example/a
      job_name: 7
      workflows:
        - {file: a.yml, run_name: "{action}{yaml} {environment}"}
        - {run_name: "{action} {who} {environment}"}
        - {file: a.yml, title: x}
        - [a.yml]
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:3: github.run_name: no {action}; write one such as `{action} {yaml} to {environment} from {branch}`
    ddsync.yaml:4: github.source_paths[0]: `../src` is no path inside the repository; write a folder such as `src/{name}`
    ddsync.yaml:4: github.source_paths[1]: `src/*` is no path inside the repository; write a folder such as `src/{name}`
    ddsync.yaml:4: github.source_paths[2]: `/src` is no path inside the repository; write a folder such as `src/{name}`
    ddsync.yaml:4: github.source_paths[3]: `src/{yaml}` is no path inside the repository; write a folder such as `src/{name}`
    ddsync.yaml:7: github.repositories[0].job_name: expected text, found `7`; put it in quotes
    ddsync.yaml:9: github.repositories[0].workflows[0].run_name: nothing between {action} and {yaml} says where one ends; write one such as `{action} {yaml} to {environment} from {branch}`
    ddsync.yaml:10: github.repositories[0].workflows[1]: needs `file`, for example `file: deploy.yml`
    ddsync.yaml:10: github.repositories[0].workflows[1].run_name: {who} is no part; parts are {action}, {yaml}, {pipeline}, {environment}, {branch}, {version}; write one such as `{action} {yaml} to {environment} from {branch}`
    ddsync.yaml:11: github.repositories[0].workflows[2].file: stands twice
    ddsync.yaml:11: github.repositories[0].workflows[2].title: unknown key; known here: file, run_name, job_name
    ddsync.yaml:12: github.repositories[0].workflows[3]: expected text, found a list
    "#);
}

#[test]
fn a_webhook_has_an_address_of_its_own_and_a_secret_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "It's a Secret to Everybody\n").unwrap();
    let file = folder.path().join("ddsync.yml");
    let webhook = |webhook: &str, variables: &[(&str, &str)]| {
        std::fs::write(&file, format!("regions: [us-west-2]\ngithub: {{webhook: {webhook}, {REPOSITORIES}}}")).unwrap();
        let loaded = load(&file, &env(variables)).unwrap();
        let warnings: Vec<String> = loaded.warnings.iter().map(|warning| warning.message.clone()).collect();
        (loaded.settings.github.unwrap().webhook.unwrap(), warnings.join("\n"))
    };
    let (alone, warnings) = webhook("{listen: \"0.0.0.0:8081\"}", &[]);
    assert!(alone.secret.is_none() && warnings.is_empty());
    assert_eq!(alone.listen.to_string(), "0.0.0.0:8081");
    let (of_file, _) = webhook("{listen: \"[::]:8081\", secret_file: secret}", &[]);
    assert_eq!(of_file.secret.unwrap().expose(), "It's a Secret to Everybody");
    let variable = [("GITHUB_WEBHOOK_SECRET", "hunter2")];
    let (of_variable, warnings) = webhook("{listen: \"[::]:8081\", secret_file: secret}", &variable);
    assert_eq!(of_variable.secret.unwrap().expose(), "hunter2");
    insta::assert_snapshot!(warnings, @"has fewer than 16 characters, and can be guessed; take one of `openssl rand -hex 32`");
    assert!(github("", &variable).webhook.is_none());
}

#[test]
fn every_mistake_of_a_webhook_is_named() {
    let of = |webhook: &str| problems(&format!("regions: [us-west-2]\ngithub: {{webhook: {webhook}, {REPOSITORIES}}}"));
    let all = [
        "{}",
        "{listen: 8081, secret: hunter2, secret_file: nowhere}",
        "{listen: \"hooks.example.com:8081\", path: /x}",
        "true",
    ];
    insta::assert_snapshot!(all.map(of).join("\n\n"), @r#"
    ddsync.yaml:2: github.webhook: needs `listen`, for example `listen: "0.0.0.0:8081"`

    ddsync.yaml:2: github.webhook.listen: expected text, found `8081`; put it in quotes
    ddsync.yaml:2: github.webhook.secret: a secret does not belong in this file; set GITHUB_WEBHOOK_SECRET, or name a file in `github.webhook.secret_file`
    ddsync.yaml:2: github.webhook.secret_file: the file cannot be read: not found; name a file that holds the webhook's secret and nothing else, or set GITHUB_WEBHOOK_SECRET

    ddsync.yaml:2: github.webhook.listen: expected an address and a port, for example `127.0.0.1:8081`, or `0.0.0.0:8081` for all addresses, found `hooks.example.com:8081`
    ddsync.yaml:2: github.webhook.path: unknown key; known here: listen, secret_file

    ddsync.yaml:2: github.webhook: expected a mapping with keys such as `listen:`, found `true`
    "#);
}
