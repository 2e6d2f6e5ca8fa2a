use super::*;

const AGE: &str = "
ddsync:
  scope: pipeline
  per_stage: true
  variables: {max_age_seconds: {default: 900, min: 60, max: 86400}}
name: << stages | map(attribute='name') | join(' ') >>
query: avg:x{<< filter >>} > << vars.max_age_seconds >>
age: << vars.max_age_seconds >>
";

fn lease_with(tags: &[(&str, &[(&str, &str)])]) -> World {
    let resource = |&(stage, more): &(&str, &[(&str, &str)])| {
        let mut all = vec![("pipeline", "Lease"), ("team", "Docs"), ("model", stage)];
        all.extend(more);
        endpoint(stage, true, &all)
    };
    World::of(tags.iter().map(resource).collect())
}

fn ages(wanted: &Wanted) -> Vec<String> {
    wanted
        .objects
        .iter()
        .map(|Desired { identity, body, .. }| format!("{identity}: {} for {}", body["query"], body["name"]))
        .collect()
}

#[test]
fn a_stage_that_overrides_a_variable_leaves_the_shared_object() {
    let world = lease_with(&[
        ("a", &[]),
        ("b", &[("ddsync:max-age-seconds", "1800")]),
        ("c", &[("ddsync:max_age_seconds", "900")]),
    ]);
    let wanted = world.wanted(&templates(&[(Kind::Monitor, "age", AGE)]), &settings(ROUTES));
    insta::assert_snapshot!(ages(&wanted).join("\n"), @r#"
    age/pipeline/lease/data_prod: "avg:x{pipeline:lease,environment:data_prod,!stage:b,!stage:c} > 900" for "a"
    age/pipeline/lease/data_prod/b: "avg:x{pipeline:lease,environment:data_prod,stage:b} > 1800" for "b"
    age/pipeline/lease/data_prod/c: "avg:x{pipeline:lease,environment:data_prod,stage:c} > 900" for "c"
    "#);
    assert!(wanted.objects[0].body["age"].is_i64());
    assert_eq!(wanted.findings, [""; 0]);
}

#[test]
fn without_a_stage_left_there_is_no_shared_object() {
    let all = [("ddsync:max-age-seconds", "1800")];
    let wanted =
        lease_with(&[("a", &all), ("b", &all)]).wanted(&templates(&[(Kind::Monitor, "age", AGE)]), &settings(ROUTES));
    assert_eq!(names(&wanted), ["monitor age/pipeline/lease/data_prod/a", "monitor age/pipeline/lease/data_prod/b"]);
}

#[test]
fn the_default_gives_way_to_the_configuration_and_that_to_tags() {
    let world = lease_with(&[("a", &[]), ("b", &[("ddsync:max-age-seconds", "1800")])]);
    let made = |variables: &str| {
        let wanted = world.wanted(
            &templates(&[(Kind::Monitor, "age", AGE)]),
            &settings(&format!("{ROUTES}templates: {{variables: {variables}}}")),
        );
        let ages = wanted.objects.iter().map(|object| object.body["age"].as_i64().unwrap()).collect::<Vec<_>>();
        (ages, [wanted.remarks, wanted.findings].concat())
    };
    assert_eq!(made("{}"), (vec![900, 1800], vec![]));
    assert_eq!(made("{'*': {max_age_seconds: 700}}"), (vec![700, 1800], vec![]));
    assert_eq!(made("{lease: {max_age_seconds: 600}, '*': {max_age_seconds: 700}}"), (vec![600, 1800], vec![]));
    let (ages, findings) = made(
        "{Lease: {max_age_seconds: 5}, '*': {max_age_seconds: soon, max_age_second: 5}, Lese: {max_age_seconds: 600}}",
    );
    assert_eq!(ages, [900, 1800]);
    insta::assert_snapshot!(findings.join("\n"), @r#"
    "max_age_seconds" for "*" in `templates.variables` is "soon", not a number from 60 to 86400; "900" is used
    "max_age_seconds" for "Lease" in `templates.variables` is "5", not a number from 60 to 86400; "900" is used
    `templates.variables` has "max_age_second" for "*", and no template has it; did you mean `max_age_seconds`?
    `templates.variables` names "Lese", and there is no such pipeline
    "#);
}

#[test]
fn a_bad_override_is_a_finding_and_splits_nothing() {
    let long = "9".repeat(200);
    let world = lease_with(&[
        ("a", &[("ddsync:max-age-seconds", "10"), ("ddsync:max-age-secnds", "1"), ("ddsync:zebra", "1")]),
        ("b", &[("ddsync:max-age-seconds", &long)]),
        ("c", &[("ddsync:max-age-seconds", "<< 900 >> {{x}} @all\n")]),
    ]);
    let wanted = world.wanted(&templates(&[(Kind::Monitor, "age", AGE)]), &settings(ROUTES));
    assert_eq!(names(&wanted), ["monitor age/pipeline/lease/data_prod"]);
    insta::assert_snapshot!(wanted.findings.join("\n"), @r#"
    pipeline "Lease" of "data_prod", stage "a": the tag "ddsync:max-age-secnds" is "1", and no template has such a variable; did you mean `max_age_seconds`?
    pipeline "Lease" of "data_prod", stage "a": the tag "ddsync:max-age-seconds" is "10", not a number from 60 to 86400; "900" is used
    pipeline "Lease" of "data_prod", stage "a": the tag "ddsync:zebra" is "1", and no template has such a variable
    pipeline "Lease" of "data_prod", stage "b": the tag "ddsync:max-age-seconds" is "999999999999999999999999999999999999999999999999999999999999…", not a number from 60 to 86400; "900" is used
    pipeline "Lease" of "data_prod", stage "c": the tag "ddsync:max-age-seconds" is "<< 900 >> {{x}} @all\n", not a number from 60 to 86400; "900" is used
    "#);
}

#[test]
fn a_template_that_does_not_split_takes_what_all_stages_agree_on() {
    let whole = AGE.replace("  per_stage: true\n", "");
    let with = |a: &str, b: &str| {
        let tags = [a, b].map(|value| [("ddsync:max-age-seconds", value.to_owned())]);
        let [a, b] = &tags;
        let world = lease_with(&[("a", &[(a[0].0, &a[0].1)]), ("b", &[(b[0].0, &b[0].1)])]);
        let wanted = world.wanted(&templates(&[(Kind::Monitor, "age", &whole)]), &settings(ROUTES));
        (wanted.objects[0].body["age"].as_i64().unwrap(), wanted.findings)
    };
    assert_eq!(with("1800", "1800"), (1800, vec![]));
    let (age, findings) = with("1800", "600");
    assert_eq!(age, 900);
    insta::assert_snapshot!(findings.join("\n"), @r#"
    pipeline "Lease" of "data_prod", stage "a": the tag "ddsync:max-age-seconds" is "1800" and has no effect, since no template that uses it is made for one stage and other stages do not say the same; "900" is used
    pipeline "Lease" of "data_prod", stage "b": the tag "ddsync:max-age-seconds" is "600" and has no effect, since no template that uses it is made for one stage and other stages do not say the same; "900" is used
    "#);
}

#[test]
fn an_object_names_another_of_the_same_subject() {
    let files = [
        (Kind::Dashboard, "pipeline", "{ddsync: {scope: pipeline}, title: x, age: '<< ref(\"monitor\", \"age\") >>'}"),
        (Kind::Dashboard, "fleet", "{title: x, link: << link_dashboard >>}"),
        (Kind::Slo, "success", "{ddsync: {scope: pipeline}, name: x}"),
        (
            Kind::Monitor,
            "age",
            "{ddsync: {scope: pipeline, per_stage: true, variables: {n: {default: 1}}}, name: x, link: << link_dashboard >>, \
             q: '<< ref(\"slo\", \"success\") >> << ref(\"dashboard\", \"fleet\") >> << links.dashboard >>'}",
        ),
    ];
    let world = lease_with(&[("a", &[("ddsync:n", "2")])]);
    let wanted = world.wanted(&templates(&files), &settings(ROUTES));
    let bodies: Vec<String> =
        wanted.objects.iter().map(|object| format!("{}: {}", object.identity, object.body)).collect();
    insta::assert_snapshot!(bodies.join("\n"), @r#"
    age/pipeline/lease/data_prod/a: {"link":"https://app.datadoghq.com/dashboard/<ref:dashboard:pipeline/pipeline/lease/data_prod>","name":"x","q":"<ref:slo:success/pipeline/lease/data_prod> <ref:dashboard:fleet/global> https://app.datadoghq.com/dashboard/<ref:dashboard:pipeline/pipeline/lease/data_prod>","tags":["pipeline:lease","environment:data_prod","team:docs"]}
    success/pipeline/lease/data_prod: {"name":"x","tags":["pipeline:lease","environment:data_prod","team:docs"]}
    fleet/global: {"link":"https://app.datadoghq.com/dashboard/<ref:dashboard:fleet/global>","title":"x"}
    pipeline/pipeline/lease/data_prod: {"age":"<ref:monitor:age/pipeline/lease/data_prod/a>","title":"x"}
    "#);
}

#[test]
fn a_reference_to_nothing_is_an_error() {
    let files = [
        (Kind::Slo, "success", "{ddsync: {scope: pipeline, when: 'false'}, name: x}"),
        (
            Kind::Monitor,
            "m",
            "{ddsync: {scope: pipeline}, name: x, a: '<< ref(\"slo\", \"succes\") >>', b: '<< ref(\"sli\", \"x\") >>', \
             c: '<< ref(\"slo\", \"success\") >>'}",
        ),
        (Kind::Monitor, "global", "{name: x, a: '<< ref(\"monitor\", \"m\") >>'}"),
    ];
    let mut resources = lease();
    resources.push(endpoint("b", true, &[("pipeline", "Mail")]));
    let errors = World::of(resources).desired(&templates(&files), &settings(ROUTES)).unwrap_err();
    insta::assert_snapshot!(errors, @r#"
    global.yaml: a: the monitor template `m` makes nothing for this; leave it out with `$when`; seen in global/global
    m.yaml: a: there is no slo template `succes`; seen in m/pipeline/lease/data_prod and 1 more
    m.yaml: b: `ref` knows monitor, slo, dashboard, not `sli`; seen in m/pipeline/lease/data_prod and 1 more
    m.yaml: c: the slo template `success` makes nothing for this; leave it out with `$when`; seen in m/pipeline/lease/data_prod and 1 more
    "#);
}
