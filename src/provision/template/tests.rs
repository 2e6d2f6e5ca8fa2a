#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;
use crate::config::Problems;
use crate::config::settings::Templates as Settings;

fn read(files: &[(&str, &str)], disable: &[&str]) -> Result<Templates, Problems> {
    let kind = |file: &str| match file {
        _ if file.starts_with("dashboards/") => Kind::Dashboard,
        _ if file.starts_with("monitors/slos/") => Kind::Slo,
        _ => Kind::Monitor,
    };
    let source = |&(file, text): &(&str, &str)| Source { kind: kind(file), file: file.into(), text: text.into() };
    Templates::read(files.iter().map(source).collect(), &disable.iter().map(|name| (*name).to_owned()).collect())
}

fn problems(files: &[(&str, &str)]) -> String {
    read(files, &[]).unwrap_err().to_string()
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let header = "
ddsync: {scop: team, scope: pipelines, environments: data_prod, per_stage: 1, when: '', variables: {Max: {default: 1}, x: 5}}
name: x
";
    let body = "
ddsync:
  scope: pipeline
  when: pipline.has.async
  variables: {max_age_seconds: {default: 900}}
name: << pipelin.name >>
query: avg:x{<< filter } > << vars.max_age >>
options: {delay: << settings.delay.hot + >>, $for: x in y}
list:
  - $for: stage of stages
    a: 1
  - $for: stage in stages
    b: << stge.name >>
  - {$item: 1, c: 2}
  - {$when: true}
message: '<% if stages %>'
";
    let files = [
        ("monitors/Bad Name.yaml", "name: x\nname: y\n"),
        ("monitors/body.yaml", body),
        ("monitors/global.yaml", "name: << pipeline.name >>"),
        ("monitors/header.yaml", header),
        ("monitors/list.json", "[1]"),
        ("monitors/include.yaml", "name: x\nmessage: '<% include \"/etc/passwd\" %>'"),
        ("dashboards/untitled.json", "{\"layout_type\": \"ordered\",\n!}"),
        ("dashboards/untitled.yaml", "{layout_type: ordered, $when: 'true'}"),
    ];
    insta::assert_snapshot!(problems(&files), @r#"
    monitors/Bad Name.yaml: the name of a template takes a to z, 0 to 9 and `-`; rename the file
    monitors/Bad Name.yaml:2: the key `name` stands twice
    monitors/body.yaml: ddsync.when: `pipline.has.async` is undefined; did you mean `pipeline`?
    monitors/body.yaml: list[0].$for: has to read `NAME in LIST`, for example `stage in stages`
    monitors/body.yaml: list[1].b: `stge.name` is undefined; did you mean `stage`?
    monitors/body.yaml: list[2]: `$item` is the whole item; `c` beside it is lost
    monitors/body.yaml: list[3].$when: has to be an expression, for example `pipeline.has.async`
    monitors/body.yaml: message: syntax error: unexpected end of input, expected end of block
    monitors/body.yaml: name: `pipelin.name` is undefined; did you mean `pipeline`?
    monitors/body.yaml: options: `$for` has no effect here; it belongs in an item of a list
    monitors/body.yaml: options.$for: `y` is undefined
    monitors/body.yaml: options.delay: syntax error: unexpected end of input, expected expression
    monitors/body.yaml: query: syntax error: unexpected `}`, expected end of variable block
    monitors/global.yaml: name: `pipeline.name` is undefined; did you mean `pipelines`?
    monitors/header.yaml: ddsync.environments: has to be a list of names; leave it out for all
    monitors/header.yaml: ddsync.per_stage: has to be true or false
    monitors/header.yaml: ddsync.scop: unknown key; did you mean `scope`?
    monitors/header.yaml: ddsync.scope: has to be one of pipeline, team, environment, global
    monitors/header.yaml: ddsync.variables.Max: a name takes a to z, 0 to 9 and `_`, and starts with a letter
    monitors/header.yaml: ddsync.variables.x: has to be a mapping such as `{default: 900, about: ".."}`
    monitors/header.yaml: ddsync.when: has to be a text
    monitors/include.yaml: message: syntax error: unknown statement include
    monitors/list.json: has to be a mapping: Datadog's JSON of one object
    dashboards/untitled.yaml: title: is missing; every object has one
    dashboards/untitled.yaml: `$when` has no effect here; use `when` in the header
    "#);
}

#[test]
fn a_users_folder_adds_templates_and_replaces_built_in_ones() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("dashboards/fleet.json", r#"{"title": "Ours"}"#);
    write("monitors/ours.yml", "name: ours\ntype: query alert");
    write("monitors/slos/.ours.yaml", "no template");
    write("monitors/README.md", "no template");
    write("ours.yaml", "no template");
    let settings = Settings { dir: Some(folder.path().to_owned()), ..Settings::default() };
    let built_in = Templates::load(&Settings::default()).unwrap();
    let all = Templates::load(&settings).unwrap();
    let find = |kind, key: &str| all.iter().find(|template| template.kind == kind && template.key == key);
    assert_eq!(find(Kind::Dashboard, "fleet").unwrap().body, json!({"title": "Ours"}));
    assert!(find(Kind::Monitor, "ours").unwrap().file.ends_with("monitors/ours.yml"));
    assert_eq!(all.iter().count(), built_in.iter().count() + 1);

    write("monitors/ours.json", "{\"name\": \"ours\"}");
    assert!(Templates::load(&settings).unwrap_err().to_string().contains("has the same name as"));
}

#[test]
fn what_is_disabled_is_gone_and_what_is_not_there_is_remembered() {
    let files = [("monitors/a.yaml", "name: a"), ("monitors/b.yaml", "name: b"), ("dashboards/b.yaml", "title: b")];
    let templates = read(&files, &["b", "c"]).unwrap();
    assert_eq!(templates.iter().map(|template| template.key.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(templates.unknown, ["c"]);
}

#[test]
fn an_export_of_the_server_works_as_it_is() {
    let monitor = r#"{"id": 7, "org_id": 1, "name": "By hand", "type": "query alert", "query": "avg(last_5m):avg:x{*} > 1",
        "message": "{{#is_alert}}x{{/is_alert}} \ud83d\ude00", "tags": ["a:b", "ddsync_namespace:main", "ddsync_key:x/global"],
        "overall_state": "OK", "created": "2026-01-01", "creator": {"name": "x"}, "options": {"thresholds": {"critical": 1.0}}}"#;
    let dashboard = r#"{"id": "abc", "title": "By hand", "author_handle": "x@example.com", "url": "/dashboard/abc",
        "created_at": "x", "modified_at": "y", "layout_type": "ordered", "widgets": [{"id": 1, "definition": {"type": "note"}}]}"#;
    let templates = read(&[("monitors/m.json", monitor), ("dashboards/d.json", dashboard)], &[]).unwrap();
    let bodies: Vec<&Value> = templates.iter().map(|template| &template.body).collect();
    let expected = json!([
        {"name": "By hand", "type": "query alert", "query": "avg(last_5m):avg:x{*} > 1",
         "message": "{{#is_alert}}x{{/is_alert}} 😀", "tags": ["a:b"], "options": {"thresholds": {"critical": 1.0}}},
        {"title": "By hand", "layout_type": "ordered", "widgets": [{"id": 1, "definition": {"type": "note"}}]},
    ]);
    assert_eq!(json!(bodies), expected);
    assert!(templates.iter().all(|template| template.header.scope == Scope::Global));
}

/// Who writes no header means no template, and people do write `<<`.
#[test]
fn nothing_in_an_export_is_rendered() {
    let text = "a << b <% c %> <# d";
    let body = json!({"title": text, "layout_type": "ordered", "widgets": [{"definition": {"type": "note", "content": "<< x"}}]});
    let export = body.to_string();
    let templates = read(&[("dashboards/d.json", &export)], &[]).unwrap();
    let mut faults = Faults::new("");
    let rendered = Compiled::new(&engine(), &Blocks::default(), &templates.used[0], &mut faults).render(
        &Names::new(&[]),
        &mut Last::default(),
        &mut faults,
    );
    assert_eq!((rendered, faults.problems().len()), (body.clone(), 0));
    let mut template = body;
    template["ddsync"] = json!({"scope": "global"});
    assert!(problems(&[("dashboards/d.json", &template.to_string())]).contains("title: syntax error"));
}

#[test]
fn what_cannot_be_read_is_not_taken_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let load = |dir: &std::path::Path| {
        Templates::load(&Settings { dir: Some(dir.to_owned()), ..Settings::default() })
            .map_err(|error| error.to_string())
    };
    assert!(load(folder.path()).is_ok(), "a folder without templates");
    let error = load(&folder.path().join("mistyped")).unwrap_err();
    assert!(error.contains("mistyped: cannot be read: No such file"), "{error}");
    let large = folder.path().join("dashboards/large.json");
    std::fs::create_dir(large.parent().unwrap()).unwrap();
    std::fs::write(&large, "x".repeat(4_194_305)).unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.ends_with("dashboards/large.json: cannot be read: it is larger than 4194304 bytes"), "{error}");
    std::fs::write(&large, b"\xff").unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.ends_with("dashboards/large.json: cannot be read: it is not UTF-8"), "{error}");
    std::fs::remove_file(&large).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&large).status().unwrap().success());
    let error = load(folder.path()).unwrap_err();
    assert!(error.ends_with("dashboards/large.json: cannot be read: it is no regular file"), "{error}");
    std::fs::write(folder.path().join("monitors"), "no folder").unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.contains("monitors: cannot be read: Not a directory"), "{error}");
}

/// Operators at the limit, in a thread with the stack that a worker has.
#[test]
fn no_template_uses_up_the_stack() {
    let nested = |open: &str, middle: &str, close: &str| {
        let times = 1_900 / (open.len() + close.len());
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    let mut texts: Vec<String> = [
        ("", "1", "+1"),
        ("", "1", "-1"),
        ("", "1", "~1"),
        ("", "1", "**1"),
        ("", "1", " and 1"),
        ("", "1", " if 1"),
        ("", "1", " if 1 else 1"),
        ("", "1", "<1"),
        ("", "1", "|abs"),
        ("", "1", " is odd"),
        ("", "settings", ".a"),
        ("", "settings", "[0]"),
        ("", "settings", "[:]"),
        ("", "settings", "()"),
        ("-", "1", ""),
        ("not ", "1", ""),
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{1:", "1", "}"),
    ]
    .into_iter()
    .flat_map(|(open, middle, close)| {
        let code = nested(open, middle, close);
        [format!("<< {code} >>"), format!("x << {code} >>"), format!("<% if {code} %><% endif %>")]
    })
    .collect();
    texts.push(format!("<% if 1 %>{}<% endif %>", "<% elif 1 %>".repeat(490)));
    texts.push("<% macro f(x) %><< f([x]) >><% endmacro %><< f(1) >>".to_owned());
    texts.push(
        "<% set x = namespace(v=0) %><% for i in range(9000) %><% set x.v = [x.v] %><% endfor %><< x.v >>".into(),
    );
    let files: Vec<(String, String)> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            (format!("monitors/a{at}.json"), json!({"ddsync": {}, "name": "x", "message": text}).to_string())
        })
        .collect();
    let read_all = move || {
        let mut rendered = 0;
        for (file, text) in &files {
            let Ok(templates) = read(&[(file, text)], &[]) else { continue };
            rendered += 1;
            let mut faults = Faults::new(file);
            Compiled::new(&engine(), &Blocks::default(), &templates.used[0], &mut faults).render(
                &Names::new(&[]),
                &mut Last::default(),
                &mut faults,
            );
        }
        rendered
    };
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(read_all).unwrap();
    // The engine itself refuses so many brackets, and an `if` in an `if`; `namespace` it does not have.
    assert_eq!(thread.join().unwrap(), texts.len() - 9 - 2 - 1);
}

#[test]
fn what_would_use_up_the_stack_is_refused_with_its_place() {
    let sum = format!("1{}", "+1".repeat(1_000));
    let quoted = format!("'>>' ~ {sum}");
    let branches = format!("<% if 1 %>{}<% endif %>", "<% elif 1 %>".repeat(499));
    let fine = format!("<# {sum} #> << '\\'>>' >> {} << 1 >>", "text ".repeat(1_000));
    let body = json!({
        "ddsync": {"scope": "global", "when": sum},
        "name": format!("<< {sum} >>"),
        "a": format!("x << 1 >><%- if {sum} -%><% endif %>"),
        "b": format!("x << {quoted} >>"),
        "c": branches,
        "d": [{"$for": format!("x in {sum}")}, {"$when": sum}],
        "e": fine,
        "f": format!("<< {sum}"),
    });
    insta::assert_snapshot!(problems(&[("monitors/deep.json", &body.to_string())]), @r"
    monitors/deep.json: ddsync.when: one expression or block has 2001 characters; at most 2000 are taken, so split it
    monitors/deep.json: a: one expression or block has 2008 characters; at most 2000 are taken, so split it
    monitors/deep.json: b: one expression or block has 2010 characters; at most 2000 are taken, so split it
    monitors/deep.json: c: holds 501 blocks; at most 500 are taken
    monitors/deep.json: d[0].$for: one expression or block has 2001 characters; at most 2000 are taken, so split it
    monitors/deep.json: d[1].$when: one expression or block has 2001 characters; at most 2000 are taken, so split it
    monitors/deep.json: f: one expression or block has 2002 characters; at most 2000 are taken, so split it
    monitors/deep.json: name: one expression or block has 2003 characters; at most 2000 are taken, so split it
    ");
}

mod over {
    //! An object is rendered over the one before.

    use minijinja::value::Value as Context;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const BODY: &str = r#"
ddsync: {scope: pipeline}
name: << pipeline.name >>
options:
  plain: {a: [1, {b: 2}], c: x}
  late: {$when: pipeline.flag, d: << pipeline.name >>, e: {f: "<< pipeline.name >>, << pipeline.n >>"}}
  number: << pipeline.n >>
list:
  - first
  - {$when: pipeline.flag, g: << pipeline.name >>, h: {i: [j]}}
  - $for: stage in stages
    $when: stage.on
    name: << stage.name >>
    plain: {k: l}
    inner:
      - {$for: stage in stages, $item: "<< stage.name >> of << pipeline.name >>"}
      - last
  - {$for: stage in pipeline.none, x: 1}
  - {$item: << stages >>}
  - last: << stages | length >>
"#;

    fn subject() -> impl Strategy<Value = Value> {
        let stage = ("[a-c]{1,3}", any::<bool>()).prop_map(|(name, on)| json!({"name": name, "on": on}));
        let stages = proptest::collection::vec(stage, 0..4);
        let list = prop_oneof![Just(json!([])), Just(json!([1, 2])), Just(Value::Null)];
        ("[a-z]{0,5}", any::<bool>(), 0..3, list, stages).prop_map(|(name, flag, n, none, stages)| {
            json!({"pipeline": {"name": name, "flag": flag, "n": n, "none": none}, "stages": stages})
        })
    }

    proptest! {
        #[test]
        fn for_all_subjects_what_was_rendered_before_leaves_no_trace(
            subjects in proptest::collection::vec(subject(), 1..6),
        ) {
            let templates = read(&[("monitors/m.yaml", BODY)], &[]).unwrap();
            let engine = engine();
            let compiled = Compiled::new(&engine, &Blocks::default(), &templates.used[0], &mut Faults::new(""));
            let mut last = Last::default();
            for subject in &subjects {
                let values = ["pipeline", "stages"].map(|name| (name, context(&subject[name])));
                let values: Vec<(&'static str, Context)> = values.into();
                let names = Names::new(&values);
                let render = |last: &mut Last| {
                    let mut faults = Faults::new("");
                    (compiled.render(&names, last, &mut faults), faults.problems().len())
                };
                let (over, alone) = (render(&mut last), render(&mut Last::default()));
                prop_assert_eq!(&over, &alone);
                last.give_back(over.0);
            }
        }
    }
}
