//! What a person reads who is woken: it has every part, for each stage that it may be about.

use std::collections::{BTreeMap, BTreeSet};

use ddsync::query::{MonitorQuery, parse_monitor};
use serde_json::Value;

use super::{logs, templates, whole};

/// Polls and reports that are not as by default, so that what is computed from them is seen to be.
const SETTINGS: &str = "
metrics: {delay: 3m}
schedules: {hot: '0 */2 * * * *', report: '45 */20 * * * *', logs: '0 0 0 1 1 *'}
";
/// Seconds after which a point of the hot tier, of the warm tier and of a report is in Datadog with these: how long a
/// minute is left alone, the pause between polls, and a minute for reading and sending; reports are sent as they are made.
const DELAYS: [(&str, u64); 3] = [("hot", 180 + 120 + 60), ("warm", 180 + 300 + 60), ("report", 60)];
/// Minutes in which there are two reports.
const REPORTS: &str = "max(last_40m):";

/// In which order the parts of a message stand, each under its title.
const TITLES: [&str; 3] = ["Likely causes, the likeliest first:", "Look at:", "Runbook:"];

/// A message on one occasion, and for one group, as Datadog shows it.
fn shown(message: &str, occasion: &str, group: &BTreeMap<String, String>) -> String {
    let (mut text, mut hidden) = (String::new(), Vec::new());
    for (index, part) in message.split("{{").enumerate() {
        let (inside, rest) = if index == 0 { ("", part) } else { part.split_once("}}").expect("braces that close") };
        let named = inside.strip_prefix(['#', '^']);
        if let Some(block) = named {
            let holds = match block.strip_prefix("is_exact_match ") {
                None => block == occasion,
                Some(compared) => {
                    let parts: Vec<&str> = compared.split('"').collect();
                    group.get(parts[1]).is_some_and(|value| value == parts[3])
                }
            };
            hidden.push(holds == inside.starts_with('^'));
        } else if inside.starts_with('/') {
            hidden.pop().expect("a block that was opened");
        } else if !hidden.contains(&true) {
            text.push_str(group.get(inside).map_or(inside, String::as_str));
        }
        if !hidden.contains(&true) {
            text.push_str(rest);
        }
    }
    text
}

/// Every group that a message has something of its own for, else one.
fn groups(message: &str, by: &BTreeSet<&str>) -> Vec<BTreeMap<String, String>> {
    let compared = message.split("{{#is_exact_match \"").skip(1).filter_map(|rest| {
        let parts: Vec<&str> = rest.split('"').collect();
        Some((parts.first()?.to_string(), parts.get(2)?.to_string()))
    });
    let any: BTreeMap<String, String> = by.iter().map(|key| (format!("{key}.name"), format!("this-{key}"))).collect();
    let with = |(variable, value)| any.clone().into_iter().chain([(variable, value)]).collect();
    let all: Vec<_> = compared.map(with).collect();
    if all.is_empty() { vec![any] } else { all }
}

/// The lines under each of the titles.
fn under_titles(text: &str) -> Option<[Vec<&str>; 3]> {
    let mut parts = TITLES.map(|_| Vec::new());
    for (index, title) in TITLES.iter().enumerate() {
        let (_, rest) = text.split_once(&format!("\n\n{title}\n"))?;
        parts[index] = rest.lines().take_while(|line| !line.is_empty()).collect();
    }
    Some(parts)
}

fn is_numbered(lines: &[&str]) -> bool {
    lines.len() > 1 && lines.iter().zip(1..).all(|(line, number)| line.starts_with(&format!("{number}. ")))
}

/// The first lines that say something.
fn said(text: &str) -> [&str; 2] {
    let mut lines = text.lines().filter(|line| !line.is_empty());
    [(); 2].map(|()| lines.next().unwrap_or_default())
}

/// What is missing in what is shown of a monitor that speaks. `stages` are the words of which one tells the stage; none
/// for what watches us. `since` ends the line that says since when.
fn lacking(text: &str, stages: &[&str], since: &str) -> Vec<&'static str> {
    let mut lacking = Vec::new();
    let mut needs = |holds: bool, what| {
        if !holds {
            lacking.push(what);
        }
    };
    let [first, second] = said(text);
    needs(first.ends_with('.') && first.len() > 30, "what happened, in the first line");
    needs(stages.is_empty() || stages.iter().any(|stage| first.contains(stage)), "the stage");
    let tells = ["Alerting", "Warning"].map(|state| second.starts_with(&format!("{state} since "))).contains(&true);
    needs(tells && second.contains("_triggered_at UTC") && second.ends_with(since), "since when, in the second");
    needs(is_tidy(text), "its empty lines in their places");
    let Some([causes, look, runbook]) = under_titles(text) else {
        needs(false, "a title");
        return lacking;
    };
    needs(is_numbered(&causes), "causes in order");
    needs(is_numbered(&runbook), "what to do, in order");
    let dashboard = |line: &&str| line.contains("ashboard: https://app.datadoghq.com/dashboard/");
    needs(look.iter().any(dashboard), "a link to the dashboard");
    let log = |line: &&str| line.starts_with("- Log") && line.contains("#logsV2:log-groups");
    needs(stages.is_empty() || look.iter().any(log), "a link to the log group");
    needs(text.trim_end().lines().last().is_some_and(|line| line.starts_with('@')), "who is told");
    lacking
}

/// Parts stand apart by one empty line, and none is before the first.
fn is_tidy(text: &str) -> bool {
    !text.starts_with('\n') && !text.contains("\n\n\n")
}

/// What is missing in what is shown once it is over, or is there and of no use then.
fn lacking_at_its_end(text: &str) -> Vec<&'static str> {
    let [first, second] = said(text);
    let all = [
        (first.ends_with('.') && !first.starts_with("It "), "what is fine again, in the first line of its end"),
        (
            second.starts_with("It ") && second.ends_with("alerted at first_triggered_at UTC."),
            "when it alerted, in the second line of its end",
        ),
        (is_tidy(text), "its empty lines in their places at its end"),
        (
            !TITLES.into_iter().any(|title| title != "Look at:" && text.contains(title)),
            "an end without causes and steps",
        ),
        (text.contains("\n\nLook at:\n"), "a link at its end"),
        (text.trim_end().lines().last().is_some_and(|line| line.starts_with('@')), "who is told of its end"),
    ];
    all.into_iter().filter(|(holds, _)| !holds).map(|(_, what)| what).collect()
}

/// Deployments are of a whole pipeline, and are told of as they come about, like what we report.
fn is_about_deploys(query: &str) -> bool {
    query.contains(":mlpipeline.deploy.")
}

/// How the line ends that says since when: how far back the monitor looks, from when the data is there.
fn since(query: &MonitorQuery, body: &Value) -> String {
    match query {
        MonitorQuery::Metric { window_seconds, .. } => {
            let delay = body["options"]["evaluation_delay"].as_u64().unwrap_or_default();
            format!(" {} minutes before.", (window_seconds + delay) / 60)
        }
        MonitorQuery::BurnRate { long_window_seconds: 3_600, .. } => ", for what failed in the hour before.".to_owned(),
        _ => ", for what failed in the day before.".to_owned(),
    }
}

/// What is odd about how often a monitor speaks, and how long it waits.
fn odd(body: &Value) -> Vec<&'static str> {
    let mut odd = Vec::new();
    let mut needs = |holds: bool, what| {
        if !holds {
            odd.push(what);
        }
    };
    let (options, priority) = (&body["options"], body["priority"].as_u64().unwrap_or(9));
    needs((1..=4).contains(&priority), "no priority");
    let again = options["renotify_interval"].as_u64();
    needs(again.is_none_or(|minutes| (60..=240).contains(&minutes)), "says it again too often, or too late");
    needs(again.is_some() != options["renotify_statuses"].is_null(), "says it again, but not when");
    needs(priority > 2 || again.is_some(), "is urgent and says it once");
    let gives_up = options["timeout_h"].as_u64();
    let of_silence = options["on_missing_data"] == "show_and_notify_no_data";
    needs(gives_up == of_silence.then_some(24), "ends by itself after so many hours, or never");
    let waits = options["evaluation_delay"].as_u64();
    let query = body["query"].as_str().unwrap_or_default();
    let computed = match query.contains(":ddsync.") {
        true => waits == Some(DELAYS[2].1) && query.starts_with(REPORTS),
        false if is_about_deploys(query) => waits == Some(DELAYS[2].1),
        false if body["type"] == "slo alert" => waits.is_none(),
        false => DELAYS[..2].iter().any(|(_, delay)| waits == Some(*delay)),
    };
    needs(computed, "does not wait as long as the settings say");
    odd
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_says_what_happened_where_and_what_to_do() {
    let mut scene = whole(1.0).await;
    scene.change(logs::AT_THE_START, logs::FOLLOWED);
    scene.config.push_str(SETTINGS);
    let plan = scene.run(&["plan", "--json", "--kind", "monitor"]).await;
    assert_eq!(plan.code, Some(0), "{}", plan.whole());
    // Two that are read whole.
    let mut woken = Vec::new();
    // Of each template one example.
    let (mut wrong, mut made) = (BTreeMap::new(), BTreeSet::new());
    let plan = plan.json();
    // The dashboards that messages lead to are in it too.
    for step in plan["steps"].as_array().expect("steps").iter().filter(|step| step["kind"] == "monitor") {
        let identity = step["identity"].as_str().expect("an identity");
        let key = identity.split('/').next().unwrap_or_default();
        made.insert(key.to_owned());
        let body = &step["action"]["create"]["body"];
        wrong.extend(odd(body).into_iter().map(|what| (format!("{key} {what}"), body.to_string())));

        let message = body["message"].as_str().expect("a text");
        let query = parse_monitor(body["query"].as_str().expect("a query")).expect("a query that is one");
        let by = query.group_by();
        let occasion = if body["options"]["timeout_h"].is_null() { "is_alert" } else { "is_no_data" };
        for group in groups(message, &by) {
            let named: Vec<&str> = group.get("stage.name").into_iter().map(String::as_str).collect();
            let text = body["query"].as_str().unwrap_or_default();
            let stages = match identity.ends_with("/global") {
                true => vec![],
                false if is_about_deploys(text) => vec![],
                false if named.is_empty() => vec!["clause-tagger", "reader", "router", "scan", "ocr"],
                false => named,
            };
            let since = since(&query, body);
            let mut occasions = vec![occasion];
            if !body["options"]["thresholds"]["warning"].is_null() {
                occasions.push("is_warning");
            }
            if ["oldest-request-age/pipeline/lease/data_prod", "slo-burn-fast/pipeline/lease/data_prod"]
                .contains(&identity)
                && group.get("stage.name").is_none_or(|stage| stage == "page-split")
            {
                let all = occasions.iter().chain(&["is_recovery"]);
                woken.extend(all.map(|occasion| format!("# {occasion}\n{}", shown(message, occasion, &group))));
            }
            for occasion in occasions {
                let text = shown(message, occasion, &group);
                let lacking = lacking(&text, &stages, &since).into_iter();
                wrong.extend(lacking.map(|what| (format!("{key} lacks {what}: {occasion}"), text.clone())));
                // A deployment is of a whole pipeline: which, and where to.
                let place =
                    [body["name"].as_str().and_then(|name| name.split(" (").next()), identity.split('/').nth(3)];
                let says = |part: Option<&str>| part.is_none_or(|part| said(&text)[0].contains(part));
                if is_about_deploys(body["query"].as_str().unwrap_or_default())
                    && !(place.into_iter().all(says) && text.contains("/event/explorer?query=ddsync_event%3Adeploy"))
                {
                    wrong.insert(format!("{key} lacks the pipeline, the environment or its deployments"), text.clone());
                }
                // A warning names both limits and wakes nobody.
                let [first, second] = said(&text);
                let calm = first.contains(" warn, ") && second.starts_with("Warning ") && !text.contains("@pagerduty");
                if occasion == "is_warning" && !calm {
                    wrong.insert(format!("{key} warns as if it alerted"), text);
                }
            }
            let over = shown(message, "is_recovery", &group);
            wrong.extend(
                lacking_at_its_end(&over).into_iter().map(|what| (format!("{key} lacks {what}"), over.clone())),
            );
        }
    }
    insta::assert_snapshot!("woken", woken.join("\n"));
    assert!(made.iter().eq(templates("monitors").keys()), "there is one of {made:?}");
    let wrong: Vec<String> = wrong.into_iter().map(|(what, text)| format!("{what}:\n{text}")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
