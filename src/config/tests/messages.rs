use super::*;

#[test]
fn an_empty_file_needs_a_region() {
    let text = "# nothing yet
";
    insta::assert_snapshot!(problems(text), @r#"ddsync.yaml: regions: no region is given; write `regions: [us-west-2]`, or set AWS_REGION"#);
}

#[test]
fn what_is_not_yaml_says_where() {
    let text = "regions: [us-west-2]
metrics: [
";
    insta::assert_snapshot!(problems(text), @r#"ddsync.yaml:2: not YAML: unclosed bracket '['"#);
}

#[test]
fn a_list_is_no_configuration() {
    let text = "- us-west-2
";
    insta::assert_snapshot!(problems(text), @r#"ddsync.yaml:1: expected a mapping with keys such as `regions:`, found a list"#);
}

#[test]
fn an_unknown_key_names_the_nearest() {
    let text = "regions: [us-west-2]
metrics:
  dely: 120s
  zebra: 1
lgo: {level: info}
";
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:3: metrics.dely: unknown key; did you mean `delay`?
    ddsync.yaml:4: metrics.zebra: unknown key; known here: delay, reread, backfill, concurrency, tiers, disable, custom
    ddsync.yaml:5: lgo: unknown key; did you mean `log`?
    "#);
}

#[test]
fn a_wrong_type_says_what_is_expected() {
    let text = "regions: us-west-2
environments: {a: 1}
metrics: 5
agent: {unready_after: five}
";
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:1: regions: expected a list, found `us-west-2`; write `[us-west-2]`
    ddsync.yaml:2: environments: expected a list, found a mapping; write `[a, b]`
    ddsync.yaml:3: metrics: expected a mapping with keys such as `delay:`, found `5`
    ddsync.yaml:4: agent.unready_after: expected a whole number from 1 to 1000, found `five`
    "#);
}

#[test]
fn an_unknown_region_names_the_nearest() {
    let text = "regions: [us-wset-2, eu-west-1b, Oregon]
";
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:1: regions[0]: `us-wset-2` is not a region of AWS; did you mean `us-west-2`?
    ddsync.yaml:1: regions[1]: `eu-west-1b` is an availability zone, not a region; did you mean `eu-west-1`?
    ddsync.yaml:1: regions[2]: `Oregon` is not a region of AWS; write one such as `us-west-2`
    "#);
}

#[test]
fn a_bad_cron_names_its_field() {
    let text = r#"regions: [us-west-2]
schedules:
  hot: "0 61 * * * *"
  warm: "* * *"
  report: "0 0 9 * * 1"
  discover: "0 0 30 2 *"
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:3: schedules.hot: `0 61 * * * *`: the minute `61` takes 0 to 59
    ddsync.yaml:4: schedules.warm: `* * *` has 3 of five fields (minute, hour, day of month, month, day of week), or six with the second first; for example `*/5 * * * *`
    ddsync.yaml:5: schedules.report: `0 0 9 * * 1`: a number for a day of the week means different days in different crons; write SUN to SAT
    ddsync.yaml:6: schedules.discover: `0 0 30 2 *` never happens
    "#);
}

#[test]
fn a_bad_role_says_what_is_wrong() {
    let text = r#"regions: [us-west-2]
accounts:
  - {name: a, role: ddsync-read}
  - {name: b, role: "arn:aws:iam::4444:role/x"}
  - {name: c, role: "arn:aws:iam::444455556666:user/x"}
  - {name: d, role: "arn:aws-cn:iam::444455556666:role/x"}
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:3: accounts[0].role: `ddsync-read` is not the ARN of a role; write one such as `arn:aws:iam::111122223333:role/ddsync-read`
    ddsync.yaml:4: accounts[1].role: `arn:aws:iam::4444:role/x` has no account id of twelve digits; write one such as `arn:aws:iam::111122223333:role/ddsync-read`
    ddsync.yaml:5: accounts[2].role: `arn:aws:iam::444455556666:user/x` is not the ARN of a role; write one such as `arn:aws:iam::111122223333:role/ddsync-read`
    ddsync.yaml:6: accounts[3].role: the role belongs to the partition `aws-cn`, the region `us-west-2` does not; use one of its own
    "#);
}

#[test]
fn keys_stand_once_and_secrets_not_at_all() {
    let text = "regions: [us-west-2]
datadog:
  site: datadoghq.eu
  site: datadoghq.com
  api_key: hunter2
  DD_APP_KEY: hunter2
";
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:4: datadog.site: stands twice, first on line 3
    ddsync.yaml:5: datadog.api_key: a key does not belong in this file; set DD_API_KEY, or name a file in `datadog.api_key_file`
    ddsync.yaml:6: datadog.DD_APP_KEY: a key does not belong in this file; set DD_APP_KEY, or name a file in `datadog.app_key_file`
    "#);
}

#[test]
fn accounts_have_names_of_their_own() {
    let text = r#"regions: [us-west-2]
accounts:
  - {role: "arn:aws:iam::111122223333:role/a"}
  - {role: "arn:aws:iam::111122223333:role/b"}
  - {name: Data Prod, external_id: x1}
  -
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:4: accounts[1]: the account `111122223333` is there already, on line 3; give each its own `name`
    ddsync.yaml:5: accounts[2].name: `Data Prod` takes a to z, 0 to 9, `_` and `-`, at most 64 of them
    ddsync.yaml:5: accounts[2].external_id: an external id is sent when a role is assumed; write `role` beside it
    ddsync.yaml:6: accounts[3]: an account is empty; write `{name: prod, role: "arn:aws:iam::111122223333:role/ddsync-read"}`
    "#);
}

#[test]
fn an_account_and_region_is_read_once() {
    let text = r#"regions: [us-west-2, eu-west-1]
accounts:
  - {name: a, role: "arn:aws:iam::111122223333:role/a"}
  - {name: b, role: "arn:aws:iam::111122223333:role/a", external_id: other, regions: [eu-west-1, us-east-1]}
  - {name: c, role: "arn:aws:iam::111122223333:role/a", regions: [us-east-2]}
  - {name: here}
  - name: here_too
    regions: [eu-west-1, us-west-2]
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:4: accounts[1].role: `eu-west-1` with this role: read by `a` already, on line 3; give each its own `role` or `regions`
    ddsync.yaml:7: accounts[4]: `eu-west-1`, `us-west-2` with the credentials around the process: read by `here` already, on line 6; give each its own `role` or `regions`
    "#);
    let text = r#"regions: [us-west-2]
accounts:
  - {name: a, role: "arn:aws:iam::111122223333:role/a"}
  - {name: b, role: "arn:aws:iam::111122223333:role/b"}
  - {name: c, role: "arn:aws:iam::444455556666:role/a"}
  - {name: here}
"#;
    insta::assert_snapshot!(warnings(text), @"ddsync.yaml:4: accounts[1].role: `us-west-2` of the same AWS account: read by `a` already, on line 3; each read is paid for");
}

#[test]
fn durations_agree_with_one_another() {
    let text = "regions: [us-west-2]
metrics:
  delay: 20m
  backfill: 10m
  reread: {hot: 90s, warm: 15m}
  concurrency: 65
";
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:3: metrics.delay: the delay (20m) has to be shorter than `backfill` (10m)
    ddsync.yaml:5: metrics.reread.hot: expected whole minutes, found `90s`; write `2m`
    ddsync.yaml:5: metrics.reread.warm: `15m` is more than `metrics.backfill` (10m)
    ddsync.yaml:6: metrics.concurrency: expected a whole number from 1 to 64, found `65`
    "#);
}

#[test]
fn a_custom_metric_is_checked_whole() {
    let text = "regions: [us-west-2]
metrics:
  custom:
    - name: aws.tokens
      namespace: Company/Models
      metric: Tokens
      target: varient
      statistics: [Sum, Median, Sum]
      unit: bytes
      unit_out: seconds
    - {name: mlpipeline.endpoint.backlog, namespace: N, metric: M, target: endpoint, statistics: [Sum], kinds: [async]}
    - {name: company.x, target: function, kinds: [async]}
";
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:4: metrics.custom[0].name: `aws.tokens` starts with `aws.`, which is not for metrics of your own
    ddsync.yaml:7: metrics.custom[0].target: `varient` is not known here; did you mean `variant`?
    ddsync.yaml:8: metrics.custom[0].statistics[1]: `Median` is no statistic; known: Average, Maximum, Minimum, Sum, SampleCount, p1 to p99
    ddsync.yaml:8: metrics.custom[0].statistics[2]: `Sum` stands twice
    ddsync.yaml:10: metrics.custom[0].unit_out: bytes cannot be turned into seconds; leave `unit_out` out
    ddsync.yaml:11: metrics.custom[1].name: `mlpipeline.endpoint.backlog` is the name of another metric; choose one of your own
    ddsync.yaml:12: metrics.custom[2]: needs `namespace`, for example `namespace: Company/Models`
    ddsync.yaml:12: metrics.custom[2]: needs `metric`, for example `metric: Tokens`
    ddsync.yaml:12: metrics.custom[2]: needs `statistics`, for example `statistics: [Sum, p99]`
    ddsync.yaml:12: metrics.custom[2].kinds: only metrics of an endpoint or a variant have kinds; leave it out
    "#);
}

#[test]
fn addresses_are_checked() {
    let text = r#"regions: [us-west-2]
datadog: {site: "https://app.datadoghq.eu/", base_url: "ftp://x", api_key_file: missing, tags: ["42"]}
dogstatsd: {url: "127.0.0.1:8125"}
state: gs://bucket
agent: {listen: "8080"}
log: {level: inof, format: xml}
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:2: datadog.site: `https://app.datadoghq.eu/` is more than a site; write `datadoghq.eu`
    ddsync.yaml:2: datadog.base_url: `ftp://x` is neither http nor https; write one such as `https://api.datadoghq.eu`
    ddsync.yaml:2: datadog.api_key_file: the file cannot be read: not found; name a file that holds the key and nothing else, or set DD_API_KEY
    ddsync.yaml:2: datadog.tags[0]: `42` is no tag; write one such as `cost-center:docs`
    ddsync.yaml:3: dogstatsd.url: `127.0.0.1:8125` is neither `udp://host:port` nor `unix:///path`; write `udp://127.0.0.1:8125` or `unix:///var/run/datadog/dsd.socket`
    ddsync.yaml:4: state: `gs://bucket` is no place that state can be kept in; write a folder, or `s3://bucket/prefix`
    ddsync.yaml:5: agent.listen: expected an address and a port, for example `127.0.0.1:8080`, or `0.0.0.0:8080` for all addresses, found `8080`
    ddsync.yaml:6: log.level: `inof` names no level; did you mean `info`?
    ddsync.yaml:6: log.format: `xml` is not known here; known: auto, human, json
    "#);
}

#[test]
fn tags_and_files_are_checked() {
    let text = r#"regions: [us-west-2]
tags: {team: owner, owner: "aws:owner", stage: pipeline}
pipelines: {files: [nowhere/*.yaml], include: [], exclude: ["{"]}
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:2: tags.owner: `aws:owner` starts with `aws:`, which AWS keeps for itself
    ddsync.yaml:2: tags.stage: `pipeline` is also the tag of `tags.pipeline`; each needs its own
    ddsync.yaml:3: pipelines.files[0]: `nowhere/*.yaml` matches no file; the path starts at .
    ddsync.yaml:3: pipelines.include: matches no pipeline; leave it out to read all of them
    ddsync.yaml:3: pipelines.exclude[0]: `{` is no pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
    "#);
}

#[test]
fn ten_problems_are_told_at_once() {
    let text = r#"regions: [us-wset-2]
accounts:
  - {name: data_prod, role: ddsync-read}
enviroments: [data_prod]
metrics:
  delay: 120
  concurrency: 0
  custom: [{name: 9lives, namespace: N, metric: M, target: variant, statistics: [p100]}]
schedules: {hot: "* * * *"}
limits: {datadog_series: -1}
log: {level: loud}
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:1: regions[0]: `us-wset-2` is not a region of AWS; did you mean `us-west-2`?
    ddsync.yaml:3: accounts[0].role: `ddsync-read` is not the ARN of a role; write one such as `arn:aws:iam::111122223333:role/ddsync-read`
    ddsync.yaml:4: enviroments: unknown key; did you mean `environments`?
    ddsync.yaml:6: metrics.delay: expected a number with its unit, for example `120s` or `5m`, found `120`
    ddsync.yaml:7: metrics.concurrency: expected a whole number from 1 to 64, found `0`
    ddsync.yaml:8: metrics.custom[0].name: `9lives` has to start with a letter
    ddsync.yaml:8: metrics.custom[0].statistics[0]: `p100` is no statistic; known: Average, Maximum, Minimum, Sum, SampleCount, p1 to p99
    ddsync.yaml:9: schedules.hot: `* * * *` has 4 of five fields (minute, hour, day of month, month, day of week), or six with the second first; for example `*/5 * * * *`
    ddsync.yaml:10: limits.datadog_series: expected a whole number of 1 or more, found `-1`
    ddsync.yaml:11: log.level: `loud` names no level; known: error, warn, info, debug, trace, off
    "#);
}

#[test]
fn what_works_but_is_likely_not_meant_is_a_warning() {
    let text = r#"regions: [us-west-3, us-west-3]
metrics: {disable: ["mlpipeline.endpoint.backlogg", "nothing.*"]}
schedules: {hot: "0 */2 * * *", warm: "* * * * * *", report: "0 9 1 * MON", deploys: "*/6 * * * *"}
datadog: {site: datadohq.com, base_url: "http://proxy.example.com/", tags: ["Cost Center:Docs"]}
"#;
    insta::assert_snapshot!(warnings(text), @r#"
    ddsync.yaml:1: regions[0]: `us-west-3` is not known to this version; used as it is
    ddsync.yaml:1: regions[1]: `us-west-3` stands twice; it is read once
    ddsync.yaml:2: metrics.disable[0]: `mlpipeline.endpoint.backlogg` matches no metric; did you mean `mlpipeline.endpoint.backlog`?
    ddsync.yaml:2: metrics.disable[1]: `nothing.*` matches no metric; `ddsync metrics` lists the names
    ddsync.yaml:3: schedules.hot: pauses for 2h, longer than `metrics.backfill` (55m): what is older than that is never read
    ddsync.yaml:3: schedules.warm: runs more often than once a minute: CloudWatch bills each run, and has one point a minute
    ddsync.yaml:3: schedules.report: runs only when the day of month and the day of week both match
    ddsync.yaml:3: schedules.deploys: pauses for 6m: monitors over deployments expect a value every 5m, and see none meanwhile
    ddsync.yaml:4: datadog.site: `datadohq.com` is not a site known to this version; did you mean `datadoghq.com`?
    ddsync.yaml:4: datadog.base_url: sends keys over http without encryption; use https outside of tests
    ddsync.yaml:4: datadog.tags[0]: `Cost Center:Docs` becomes the tag `cost_center:docs`
    "#);
}

#[test]
fn a_missing_file_says_what_to_do() {
    let missing = load(Path::new("nowhere/ddsync.yaml"), &Environment::new()).unwrap_err();
    insta::assert_snapshot!(missing, @"nowhere/ddsync.yaml: not found; name the file with `-c FILE`. The smallest one holds `regions: [us-west-2]`");
    let folder = load(Path::new("src"), &Environment::new()).unwrap_err();
    insta::assert_snapshot!(folder, @"src: is a folder; name the file in it with `-c FILE`");
}

#[test]
fn bad_variables_are_problems_too() {
    let variables = [
        ("AWS_REGION", "us-wset-2"),
        ("DD_API_KEY", "two words"),
        ("DD_URL", "https://user:hunter2@proxy"),
        ("DD_AGENT_HOST", "a/b"),
    ];
    let problems = read("", "ddsync.yaml", &env(&variables)).unwrap_err();
    insta::assert_snapshot!(problems, @"
        environment: AWS_REGION: `us-wset-2` is not a region of AWS; did you mean `us-west-2`?
        environment: DD_URL: a value carries a user or a password; leave them out
        environment: DD_API_KEY: does not hold a key: a key is one word of letters and digits
        environment: DD_AGENT_HOST: `udp://a/b:8125` has no host; write `udp://127.0.0.1:8125` or `unix:///var/run/datadog/dsd.socket`
    ");
}

#[test]
fn handles_are_one_word_and_routes_name_somebody() {
    let text = r#"regions: [us-west-2]
routes:
  default: "@slack-ml"
  teams:
    Docs: {page: slack-docs, notify: ["@ok", "@two words", "@a,b", "@{{x}}", 5]}
    docs: {notify: "@x"}
    Claims: {}
    Finance: {pages: "@x"}
  owner: {x: {page: "@y"}}
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:3: routes.default: expected a mapping with keys such as `page:`, found `@slack-ml`
    ddsync.yaml:5: routes.teams.Docs.page: `slack-docs` is no handle: one word such as `@slack-ml`, in quotes
    ddsync.yaml:5: routes.teams.Docs.notify[1]: `@two words` is no handle: one word such as `@slack-ml`, in quotes
    ddsync.yaml:5: routes.teams.Docs.notify[2]: `@a,b` is no handle: one word such as `@slack-ml`, in quotes
    ddsync.yaml:5: routes.teams.Docs.notify[3]: `@{{x}}` is no handle: one word such as `@slack-ml`, in quotes
    ddsync.yaml:5: routes.teams.Docs.notify[4]: expected text, found `5`; put it in quotes
    ddsync.yaml:6: routes.teams.docs: is the same tag as `teams.Docs`; keep one of them
    ddsync.yaml:7: routes.teams.Claims: names nobody; write `{notify: "@slack-ml"}`
    ddsync.yaml:8: routes.teams.Finance: names nobody; write `{notify: "@slack-ml"}`
    ddsync.yaml:8: routes.teams.Finance.pages: unknown key; did you mean `page`?
    ddsync.yaml:9: routes.owner: unknown key; did you mean `owners`?
    "#);
}

#[test]
fn what_is_provisioned_is_checked() {
    let text = r#"regions: [us-west-2]
environments: [data_dev, data_prod]
templates:
  dir: nowhere
  disable: backlog-growing
  variables:
    "*": {max-age-seconds: 1200, max_age_seconds: 5, other: [1]}
    Lease: 5
provision: {namespace: Main 1, auto: yes, grace: 400d, production: [data_prd]}
schedules: {provision: "* * *"}
"#;
    insta::assert_snapshot!(problems(text), @r#"
    ddsync.yaml:4: templates.dir: `nowhere` is no folder; the path starts at .
    ddsync.yaml:5: templates.disable: expected a list, found `backlog-growing`; write `[backlog-growing]`
    ddsync.yaml:7: templates.variables.*.max_age_seconds: stands twice, once with `-` and once with `_`
    ddsync.yaml:7: templates.variables.*.other: expected a number, a text, true or false, found a list
    ddsync.yaml:8: templates.variables.Lease: expected a mapping with keys such as `max_age_seconds:`, found `5`
    ddsync.yaml:9: provision.namespace: `Main 1` takes a to z, 0 to 9 and `-`, at most 64 of them
    ddsync.yaml:9: provision.auto: expected true or false, found `yes`
    ddsync.yaml:9: provision.grace: expected a duration from 0s to 30days, found `400d`
    ddsync.yaml:9: provision.production[0]: `data_prd` is none of `environments`; did you mean `data_prod`?
    ddsync.yaml:10: schedules.provision: `* * *` has 3 of five fields (minute, hour, day of month, month, day of week), or six with the second first; for example `*/5 * * * *`
    "#);
}
