use proptest::prelude::*;

use super::*;

fn made(text: &str) -> Result<Value, Problems> {
    let text = format!(
        "ddsync: {{scope: pipeline, variables: {{n: {{default: 3}}, ratio: {{default: 0.5}}, on: {{default: true}}}}}}\nname: x\n{text}"
    );
    let wanted = World::of(lease())
        .desired(&templates(&[(Kind::Dashboard, "t", &text.replace("name:", "title:"))]), &settings(ROUTES))?;
    let mut body = wanted.objects[0].body.clone();
    body.as_object_mut().unwrap().remove("title");
    Ok(body)
}

#[test]
fn a_whole_expression_keeps_its_type_and_text_around_it_makes_text() {
    let text = "
n: << vars.n >>
ratio: << vars.ratio >>
on: << vars.on >>
list: << stages | map(attribute='tag') | list >>
text: << vars.n >> of << vars.ratio >> {{value}} {{#is_alert}}<% if vars.on %>!<% endif %>{{/is_alert}}
escaped: << '<<' >> & <b>
untouched: {{{{ x }}}}
";
    let text = text.replace("{{{{ x }}}}", "'{{ x }} { % }'");
    let expected = json!({"n": 3, "ratio": 0.5, "on": true, "list": ["page-split", "tables"],
        "text": "3 of 0.5 {{value}} {{#is_alert}}!{{/is_alert}}", "escaped": "<< & <b>", "untouched": "{{ x }} { % }"});
    assert_eq!(made(&text).unwrap(), expected);
}

#[test]
fn items_are_repeated_and_left_out() {
    let text = "
tags:
  - first
  - { $for: stage in stages, $item: 'stage:<< stage.tag >>' }
  - { $when: pipeline.production, $item: production }
  - { $when: not pipeline.production, $item: elsewhere }
widgets:
  - $for: stage in stages
    $when: stage.tag != 'tables'
    title: << stage.name >>
    each:
      - { $for: endpoint in stage.endpoints, $item: << endpoint.region >>/<< endpoint.account >> }
      - { $for: 'stage in [1, 2]', $item: << stage >> }
  - $when: pipeline.has.textract
    title: never
kept: { $when: pipeline.has.async, a: 1 }
gone: { $when: pipeline.has.gpu, a: 1 }
$schema: stays
";
    let expected = json!({
        "tags": ["first", "stage:page-split", "stage:tables", "production"],
        "widgets": [{"title": "page-split", "each": ["us-west-2/444455556666", 1, 2]}],
        "kept": {"a": 1},
        "$schema": "stays",
    });
    assert_eq!(made(text).unwrap(), expected);
}

#[test]
fn logs_are_linked_where_the_console_has_them() {
    assert_eq!(
        made("a: << link_logs(stages[0]) >>").unwrap()["a"],
        "https://us-west-2.console.aws.amazon.com/cloudwatch/home?region=us-west-2#logsV2:log-groups/log-group/\
         $252Faws$252Fsagemaker$252FEndpoints$252Flease-page-split"
    );
}

#[test]
fn what_fails_while_rendering_names_file_place_and_variable_once_for_all_objects() {
    let text = "
ddsync: {scope: pipeline, when: pipeline.has.asynchronous}
name: x
a: [{b: << pipeline.nme >>}, 'x << stages[7].name >>', {$for: x in pipeline.name.y, $item: 1}, {$when: pipeline.z, $item: 1}]
";
    let mut resources = lease();
    resources.push(endpoint("b", true, &[("pipeline", "Mail")]));
    let files = [
        (Kind::Monitor, "one", text),
        (Kind::Monitor, "two", &text.replace("asynchronous", "async")),
        (Kind::Dashboard, "three", "{title: x, a: << range >>, b: << link_logs(1) >>}"),
        (Kind::Slo, "four", "{ddsync: {scope: pipeline}, name: x, tags: text}"),
    ];
    let errors = World::of(resources).desired(&templates(&files), &settings(ROUTES)).unwrap_err();
    insta::assert_snapshot!(errors, @r#"
    four.yaml: tags: has to be a list; seen in four/pipeline/lease/data_prod and 1 more
    one.yaml: ddsync.when: `pipeline.has.asynchronous` is undefined; seen in one/pipeline/lease/data_prod and 1 more
    three.yaml: a: `range` is nothing that JSON can hold; seen in three/global
    three.yaml: b: `link_logs` takes a stage, an endpoint or a function; seen in three/global
    two.yaml: a[0].b: `pipeline.nme` is undefined; seen in two/pipeline/lease/data_prod and 1 more
    two.yaml: a[1]: `stages[7]` is undefined; seen in two/pipeline/lease/data_prod and 1 more
    two.yaml: a[2].$for: `pipeline.name.y` is undefined; seen in two/pipeline/lease/data_prod and 1 more
    two.yaml: a[3].$when: `pipeline.z` is undefined; seen in two/pipeline/lease/data_prod and 1 more
    "#);
}

#[test]
fn loops_end() {
    let loops = "a: [{$for: x in range(200), $item: [{$for: y in range(200), $item: 1}]}]\nb: '<% for x in range(9999) %><% for y in range(9999) %>x<% endfor %><% endfor %>'";
    let errors = made(loops).unwrap_err().to_string();
    assert!(errors.contains("makes more than 10000 items") && errors.contains("costs too much to render"), "{errors}");
    assert!(errors.len() < 1_000, "{}", errors.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn for_all_names_what_a_value_holds_never_changes_the_structure(name in any::<String>()) {
        let text = "{ddsync: {scope: pipeline}, title: << pipeline.name >>, a: ['x << pipeline.name >>', {b: << filter >>}]}";
        let world = World::of(vec![endpoint("e", true, &[("pipeline", &name), ("model", &name)])]);
        let wanted = world.wanted(&templates(&[(Kind::Dashboard, "t", text)]), &settings(""));
        let body = &wanted.objects[0].body;
        prop_assert_eq!(body.as_object().unwrap().len(), 2);
        let title = body["title"].as_str().unwrap();
        prop_assert_eq!(&body["a"][0], &json!(format!("x {title}")));
        let filter = body["a"][1]["b"].as_str().unwrap();
        prop_assert!(filter.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-' | ':' | '.' | '/' | ',')));
        prop_assert_eq!(filter.matches(',').count(), 1);
    }
}
