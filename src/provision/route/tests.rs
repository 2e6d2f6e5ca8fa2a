#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::config::settings::Environment;

fn routes(text: &str) -> Routes {
    let text = format!("regions: [us-west-2]\nroutes:\n{text}");
    crate::config::read(&text, "ddsync.yaml", &Environment::new()).unwrap().settings.routes
}

fn all() -> Routes {
    routes(
        r#"
  default: {notify: "@slack-ml", page: "@pagerduty-ml"}
  teams: {Docs Team: {page: ["@pagerduty-Docs", "@oncall-docs"], notify: ["@slack-docs", "@oncall-docs"]}}
  environments: {data_dev: {notify: "@slack-dev"}}
  owners: {night-shift: {page: "@oncall-night"}}
"#,
    )
}

fn chosen(owner: Option<&str>, team: Option<&str>, environment: Option<&str>) -> (String, Missing) {
    let routes = all();
    let (route, missing) = choose(&routes, Owner { owner, team, environment });
    (route.name.clone(), missing)
}

#[test]
fn the_owner_goes_before_the_team_the_environment_and_the_default() {
    assert_eq!(chosen(Some("Night-Shift"), Some("Docs Team"), None), ("owners.night-shift".into(), Missing::default()));
    assert_eq!(chosen(None, Some("docs_team"), Some("data_dev")), ("teams.Docs Team".into(), Missing::default()));
    assert_eq!(chosen(None, None, Some("Data_Dev")), ("environments.data_dev".into(), Missing::default()));
    assert_eq!(chosen(None, None, Some("data_prod")), ("default".into(), Missing::default()));
}

#[test]
fn what_names_no_route_is_a_finding_and_the_next_one_counts() {
    let (route, missing) = chosen(Some("nigth-shift"), Some("Claims"), Some("data_dev"));
    assert_eq!(route, "environments.data_dev");
    insta::assert_snapshot!([missing.owner, missing.team].map(Option::unwrap).join("\n"), @r#"
    the owner tag "nigth-shift" names no route under `routes.owners`; did you mean "night-shift"?
    team "Claims" has no route under `routes.teams`; that of the environment, or the default, is taken
    "#);
    // A handle in a tag is a name like any other.
    let (route, missing) = chosen(Some("@pagerduty-x"), Some("Docs Team"), None);
    assert_eq!((route.as_str(), missing.owner.is_some(), missing.team), ("teams.Docs Team", true, None));
}

#[test]
fn production_pages_and_everything_else_only_notifies() {
    let routes = all();
    let docs = &routes.teams["team:docs_team"];
    let production = address(docs, true);
    assert_eq!(production.handles, "@pagerduty-Docs @oncall-docs @slack-docs");
    assert_eq!(production.page, "@pagerduty-Docs @oncall-docs");
    let elsewhere = address(&routes.default, false);
    assert_eq!((elsewhere.handles.as_str(), elsewhere.page.as_str()), ("@slack-ml", ""));
}

#[test]
fn a_route_that_reaches_nobody_is_named() {
    let routes = all();
    assert_eq!(gap(&routes.default, true), None);
    let gaps = [
        gap(&routes.environments["environment:data_dev"], true),
        gap(&routes.owners["owner:night-shift"], false),
        gap(&Route::default(), true),
    ];
    insta::assert_snapshot!(gaps.map(Option::unwrap).join("\n"), @"
    the route `routes.environments.data_dev` serves production and pages nobody; give it `page`
    the route `routes.owners.night-shift` serves what is not production and notifies nobody; give it `notify`
    no route serves some of production: add `routes.default` with `page`
    ");
}
