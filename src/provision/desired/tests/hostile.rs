//! Whoever may tag can say anything: what is rendered from it is harmless, in every template that is built in.

use super::*;
use crate::config::settings::Templates as TemplateSettings;
use crate::model::tag::tag;

const CORPUS: &[&str] = &[
    "Docs},*:{} {{#is_alert}} @all,env:prod\n<<x>>|#a:b",
    "<% for x in range(9) %>x<% endfor %>",
    "<< settings.namespace >>",
    "<ref:slo:x/global>",
    "@pagerduty-x",
    "{{/is_alert}} @slack-x",
    "[click](https://evil.example) `x` **y**",
    "$environment",
    "*",
    "a OR b:c",
    "\u{202e}\u{200b}\u{feff}",
    "\" OR \"",
    "\\u0040all",
];

fn corpus() -> Vec<String> {
    let long = ["é".repeat(256), "\u{1f4c4}{".repeat(128), "@a ".repeat(85)];
    CORPUS.iter().map(|text| (*text).to_owned()).chain(long).collect()
}

fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(map) => map.values().for_each(|value| texts(value, out)),
        _ => {}
    }
}

/// Two stages that depend on each other by odd names, one with an odd override, in production.
fn world(text: &str, name: &str) -> World {
    let common =
        [("pipeline", text), ("team", text), ("owner", text), ("ddsync:max-age-seconds", text), ("ddsync:zebra", text)];
    let with = |more: &[(&'static str, &str)]| {
        let all: Vec<(&str, &str)> = common.iter().copied().chain(more.iter().copied()).collect();
        endpoint(name, true, &all)
    };
    let mut function = with(&[("model", text), ("depends-on", text)]);
    function.arn = format!("arn:aws:lambda:us-west-2:444455556666:function:{name}");
    function.kind = ResourceKind::Function;
    let mut stream = with(&[]);
    stream.arn = format!("arn:aws:firehose:us-west-2:444455556666:deliverystream/{name}");
    stream.kind = ResourceKind::Stream;
    World::of(vec![with(&[("model", text), ("depends-on", text)]), function, stream])
}

fn built_in() -> Templates {
    Templates::load(&TemplateSettings::default()).unwrap()
}

#[test]
fn a_hostile_tag_is_harmless_text_in_everything_that_is_built_in() {
    let templates = built_in();
    let settings = settings(ROUTES);
    // The same with names that mean nothing, to compare with.
    let plain = world("plain", "endpoint").wanted(&templates, &settings);
    assert!(plain.objects.len() > 2);
    for text in corpus() {
        let wanted = world(&text, "endpoint").wanted(&templates, &settings);
        assert_eq!(wanted.objects.len(), plain.objects.len(), "{text}");
        for (hostile, plain) in wanted.objects.iter().zip(&plain.objects) {
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            texts(&hostile.body, &mut found);
            texts(&plain.body, &mut expected);
            assert_eq!(found.len(), expected.len(), "{text}: {}", hostile.identity);
            for (found, expected) in found.iter().zip(&expected) {
                same_meaning(&text, found, expected);
            }
        }
        for finding in &wanted.findings {
            assert!(!finding.contains(char::is_control) && finding.len() < 1_000, "{finding}");
        }
    }
}

/// What is rendered with a hostile name has the handles, variables, references and scopes that a plain one gives.
fn same_meaning(hostile: &str, found: &str, expected: &str) {
    let count = |text: &str, what: &str| text.matches(what).count();
    for what in ["@", "{", "}", "<<", "<%", "<ref:", "|", "#", "`", "$", "](", "*"] {
        assert_eq!(count(found, what), count(expected, what), "{what} in {found}");
    }
    // In a scope a tag stands behind its key, in a variable of Datadog's in quotes.
    let tags_alike = |name: &str, text: &str| {
        ["pipeline", "team", "stage"].iter().fold(text.to_owned(), |text, key| {
            let tag = tag(key, name);
            let quoted = format!("\"{}\"", &tag[key.len() + 1..]);
            text.replace(&tag, &format!("{key}:THIS")).replace(&quoted, "\"THIS\"")
        })
    };
    let (found, expected) = (tags_alike(hostile, found), tags_alike("plain", expected));
    assert!(scopes(&found).eq(scopes(&expected)), "{found}");
}

/// What stands in single braces: scopes of queries.
fn scopes(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(scope, _)| scope)
}

#[test]
fn no_hostile_tag_is_a_handle_and_the_routes_are() {
    let templates = built_in();
    for text in corpus() {
        let wanted = world(&text, "endpoint").wanted(&templates, &settings(ROUTES));
        let mut all = Vec::new();
        wanted.objects.iter().for_each(|object| texts(&object.body, &mut all));
        // A block of a message ends a word as white space does.
        let ends = |c: char| c.is_whitespace() || "{}".contains(c);
        let words = all.iter().flat_map(|text| text.split(ends)).filter(|word| word.contains('@'));
        let handles: BTreeSet<&str> = words.collect();
        let known: BTreeSet<&str> = ["@slack-ml", "@pagerduty-ml"].into();
        assert_eq!(handles, known, "{text}");
    }
}
