//! What expressions can name. Every value is safe: names are shown text, tags are normalised.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use minijinja::value::{Serde, Value as Context};
use minijinja::{Environment, Error, ErrorKind};
use serde_json::{Value, json};

use crate::config::settings::{Schedules, Settings};
use crate::model::catalogue::Tier;
use crate::provision::desired::merge::{Merged, MergedStage, Place};
use crate::provision::route::Address;
use crate::provision::template::{Scope, safe_text};

/// What there is whatever the scope; the end is what the engine itself knows.
const EVERYWHERE: [&str; 12] = [
    "filter",
    "vars",
    "route",
    "notify",
    "links",
    "settings",
    "ref",
    "link_dashboard",
    "link_logs",
    "range",
    "dict",
    "loop",
];

/// We are watched over this long, and at least over two of what is watched: reports, and of coverage polls too.
const WATCHED_OVER: Duration = Duration::from_mins(10);
/// Where functions and endpoints log to.
const FUNCTION_LOGS: &str = "/aws/lambda/";
const ENDPOINT_LOGS: &str = "/aws/sagemaker/Endpoints/";
const ALL_LOGS: &str = "https://console.aws.amazon.com/cloudwatch/home#logsV2:log-groups";

/// The names that an expression may use in a template of this scope.
pub(super) fn names(scope: Scope) -> Vec<&'static str> {
    let own: &[&str] = match scope {
        Scope::Pipeline => &["pipeline", "stages"],
        Scope::Team => &["team", "pipelines"],
        Scope::Environment => &["environment", "pipelines"],
        Scope::Global => &["pipelines", "environments", "teams", "scopes"],
    };
    own.iter().chain(&EVERYWHERE).copied().collect()
}

/// Puts into the engine what does not depend on the subject.
pub(in crate::provision) fn furnish(engine: &mut Environment<'_>, settings: &Settings) {
    engine.add_global("settings", Context::from(Serde(settings_value(settings))));
    engine.add_function("link_logs", link_logs);
}

/// `value` for the engine.
pub(in crate::provision) fn context(value: &Value) -> Context {
    Context::from(Serde(value))
}

/// A pipeline over all accounts and regions, with what [`stage_value`] makes of its stages.
pub(in crate::provision) fn pipeline_value(pipeline: &Merged, production: bool, stages: Vec<Value>) -> Value {
    let any = |fact: fn(&MergedStage) -> bool| pipeline.stages.iter().any(fact);
    let mut value = json!({
        "name": safe_text(&pipeline.name),
        "tag": pipeline.tag,
        "environment": safe_text(&pipeline.environment),
        "environment_tag": pipeline.environment_tag,
        "team": safe_text(pipeline.team.as_deref().unwrap_or_default()),
        "team_tag": pipeline.team_tag(),
        "production": production,
        "accounts": pipeline.accounts,
        "regions": pipeline.regions,
        "has": {
            "async": any(MergedStage::is_async),
            "realtime": any(MergedStage::is_realtime),
            "serverless": any(MergedStage::is_serverless),
            "functions": any(|stage| !stage.functions.is_empty()),
            "streams": pipeline.streams,
            "declared": pipeline.declared,
            "textract": any(|stage| stage.textract),
            "gpu": any(|stage| stage.gpu),
            "dependencies": any(|stage| !stage.depends_on.is_empty()),
        },
    });
    value["stages"] = stages.into();
    value
}

/// A stage over all accounts and regions. `logs` is for [`link_logs`]: those of its first endpoint, else function;
/// without either the list of all groups.
pub(in crate::provision) fn stage_value(stage: &MergedStage) -> Value {
    let (endpoints, functions) = (places(&stage.endpoints, ENDPOINT_LOGS), places(&stage.functions, FUNCTION_LOGS));
    let logs = endpoints.first().or(functions.first()).map(|place| place["logs"].clone());
    json!({
        "name": safe_text(&stage.name),
        "tag": stage.tag,
        "async": stage.is_async(),
        "realtime": stage.is_realtime(),
        "serverless": stage.is_serverless(),
        "endpoints": endpoints,
        "functions": functions,
        "depends_on": stage.depends_on.iter().map(|name| safe_text(name)).collect::<Vec<_>>(),
        "logs": logs.unwrap_or_else(|| ALL_LOGS.into()),
    })
}

/// Resources that log into a group of their own name in `folder`.
fn places(places: &[Place], folder: &str) -> Vec<Value> {
    let place = |place: &Place| {
        json!({
            "name": safe_text(&place.name),
            "tag": place.tag,
            "account": place.account,
            "region": place.region,
            "logs": log_group(place, folder),
        })
    };
    places.iter().map(place).collect()
}

/// Where its alerts go.
pub(in crate::provision) fn route_value(address: &Address) -> Value {
    json!({"name": safe_text(&address.route), "notify": address.notify, "page": address.page})
}

/// Values of variables for the engine.
pub(in crate::provision) fn vars_value(values: &BTreeMap<String, Value>) -> Context {
    Context::from(Serde(values))
}

fn settings_value(settings: &Settings) -> Value {
    let [hot, warm, report] =
        [&settings.schedules.hot, &settings.schedules.warm, &settings.schedules.report].map(Schedules::longest_pause);
    let delay = |tier| settings.evaluation_delay(tier);
    json!({
        "delay": {"hot": delay(Tier::Hot), "warm": delay(Tier::Warm)},
        "namespace": settings.provision.namespace,
        "github": settings.github.is_some(),
        "logs": settings.logs.collect,
        "hot_seconds": hot.as_secs(),
        "warm_seconds": warm.as_secs(),
        "heartbeat_window": minutes(WATCHED_OVER.max(report * 2)),
        "coverage_window": minutes(WATCHED_OVER.max(report.max(hot).max(warm) * 2)),
    })
}

/// In seconds, rounded up to whole minutes.
fn minutes(duration: Duration) -> u64 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    seconds.div_ceil(60) * 60
}

/// `link_logs(stage)`, or of one of its endpoints or functions: the console's page of the log group.
#[expect(clippy::needless_pass_by_value, reason = "the engine passes values")]
fn link_logs(of: Context) -> Result<String, Error> {
    let link = of.get_attr("logs").ok().and_then(|link| link.as_str().map(str::to_owned));
    let takes = "`link_logs` takes a stage, an endpoint or a function";
    link.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, takes))
}

fn log_group(place: &Place, folder: &str) -> String {
    let domain = match place.partition.as_str() {
        "aws-cn" => "amazonaws.cn",
        "aws-us-gov" => "amazonaws-us-gov.com",
        _ => "aws.amazon.com",
    };
    let (region, group) = (&place.region, encoded_twice(&format!("{folder}{}", place.name)));
    format!("https://{region}.console.{domain}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}")
}

/// What the console makes of a name: percent-encoded, percent-encoded again, `%` written as `$`.
fn encoded_twice(name: &str) -> String {
    let mut encoded = String::with_capacity(2 * name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            byte => drop(write!(encoded, "$25{byte:02X}")),
        }
    }
    encoded
}
