//! `SageMaker`: endpoints, their configurations, tags and inference components.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Call, Refusal,
    wire::{millis, moment, text, whole},
};
use crate::sim::{
    values,
    world::{Endpoint, Kind, Mode, REGION, Resource},
};

/// Endpoints a page at most, and when nothing is asked for.
const PAGE: usize = 100;
const USUAL_PAGE: usize = 10;
/// Behind an endpoint's name in the name of its configuration.
const CONFIG: &str = "-config-1";

pub(super) fn answer(call: &Call<'_>) -> Result<Value, Refusal> {
    match call.operation {
        "ListEndpoints" => list_endpoints(call),
        "DescribeEndpoint" => describe_endpoint(call),
        "DescribeEndpointConfig" => describe_config(call),
        "ListTags" => list_tags(call),
        "ListInferenceComponents" => list_components(call),
        _ => call.unknown(),
    }
}

/// The endpoints of the account, whether they can be described or not.
fn endpoints(call: &Call<'_>) -> Vec<Arc<Resource>> {
    if !call.here() {
        return Vec::new();
    }
    let mut all = call.shared.world.existing(&call.account, call.now);
    all.retain(|r| matches!(r.kind, Kind::Endpoint(_)));
    all
}

fn endpoint_of(resource: &Resource) -> Option<&Endpoint> {
    match &resource.kind {
        Kind::Endpoint(endpoint) => Some(endpoint),
        _ => None,
    }
}

fn list_endpoints(call: &Call<'_>) -> Result<Value, Refusal> {
    let input = &call.input;
    let size = whole(input, "MaxResults").unwrap_or(USUAL_PAGE);
    if !(1..=PAGE).contains(&size) {
        return Err(Refusal::validation("MaxResults must be between 1 and 100"));
    }
    let mut all = endpoints(call);
    let before = |key, at: i64| millis(input, key).is_none_or(|limit| at < limit);
    let after = |key, at: i64| millis(input, key).is_none_or(|limit| at > limit);
    all.retain(|r| {
        let (asked, changed) = (r.asked().timestamp_millis(), r.since.timestamp_millis());
        before("CreationTimeBefore", asked)
            && millis(input, "CreationTimeAfter").is_none_or(|limit| asked >= limit)
            && before("LastModifiedTimeBefore", changed)
            && after("LastModifiedTimeAfter", changed)
            && r.name.contains(text(input, "NameContains"))
            && input["StatusEquals"].as_str().is_none_or(|status| endpoint_of(r).is_some_and(|e| e.status == status))
    });
    let status = |r: &Resource| endpoint_of(r).map(|e| e.status.clone());
    match text(input, "SortBy") {
        "" | "CreationTime" => all.sort_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name))),
        "Name" => all.sort_by(|a, b| a.name.cmp(&b.name)),
        "Status" => all.sort_by_key(|r| (status(r), r.name.clone())),
        other => {
            return Err(Refusal::validation(format!(
                "Value '{other}' at 'sortBy' failed to satisfy constraint: \
                 Member must satisfy enum value set: [Name, CreationTime, Status]"
            )));
        }
    }
    if text(input, "SortOrder") != "Ascending" {
        all.reverse();
    }
    let (found, next) = call.page(&all, text(input, "NextToken"), size)?;
    let found: Vec<_> = found
        .iter()
        .map(|r| {
            json!({
                "EndpointName": r.name,
                "EndpointArn": r.arn(),
                "CreationTime": moment(r.asked()),
                "LastModifiedTime": moment(r.since),
                "EndpointStatus": status(r),
            })
        })
        .collect();
    Ok(with_token(json!({"Endpoints": found}), next))
}

fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["NextToken"] = Value::String(next);
    }
    answer
}

/// The endpoint called `name`, unless it is gone; `what` says what was looked for.
fn find(call: &Call<'_>, what: &str, name: &str) -> Result<Arc<Resource>, Refusal> {
    let world = &call.shared.world;
    let found = world.by_dimension(&call.account, "EndpointName", name);
    let found = found.filter(|r| call.here() && r.exists(call.now) && !r.vanished);
    found.ok_or_else(|| Refusal::validation(format!("Could not find {what}.")))
}

fn describe_endpoint(call: &Call<'_>) -> Result<Value, Refusal> {
    let name = text(&call.input, "EndpointName");
    let arn = format!("arn:aws:sagemaker:{}:{}:endpoint/{name}", call.region, call.account);
    let resource = find(call, &format!("endpoint \"{arn}\""), name)?;
    let Some(endpoint) = endpoint_of(&resource) else {
        return call.unknown();
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let now = values::instances(&resource, call.now.timestamp()) as u64;
    let mut variant = json!({
        "VariantName": endpoint.variant,
        "CurrentWeight": 1.0,
        "DesiredWeight": 1.0,
    });
    if endpoint.mode == Mode::Serverless {
        variant["CurrentServerlessConfig"] = serverless();
    } else {
        variant["CurrentInstanceCount"] = json!(now);
        variant["DesiredInstanceCount"] = json!(now);
    }
    let mut answer = json!({
        "EndpointName": resource.name,
        "EndpointArn": resource.arn(),
        "EndpointConfigName": config_name(&resource),
        "ProductionVariants": [variant],
        "EndpointStatus": endpoint.status,
        "CreationTime": moment(resource.asked()),
        "LastModifiedTime": moment(resource.since),
    });
    if endpoint.mode == Mode::Async {
        answer["AsyncInferenceConfig"] = asynchronous(&resource);
    }
    if endpoint.status == "Failed" {
        answer["FailureReason"] =
            json!("The primary container for production variant AllTraffic did not pass the ping health check.");
    }
    Ok(answer)
}

fn serverless() -> Value {
    json!({"MemorySizeInMB": 3072, "MaxConcurrency": 5})
}

fn asynchronous(resource: &Resource) -> Value {
    json!({
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
        "OutputConfig": {"S3OutputPath": format!("s3://{}-output/", resource.name.to_lowercase())},
    })
}

fn config_name(resource: &Resource) -> String {
    format!("{}{CONFIG}", resource.name)
}

fn describe_config(call: &Call<'_>) -> Result<Value, Refusal> {
    let name = text(&call.input, "EndpointConfigName");
    let what = format!("endpoint configuration \"{name}\"");
    let resource = find(call, &what, name.strip_suffix(CONFIG).unwrap_or_default())?;
    let Some(endpoint) = endpoint_of(&resource) else {
        return call.unknown();
    };
    let mut variant = json!({"VariantName": endpoint.variant, "InitialVariantWeight": 1.0});
    if endpoint.mode == Mode::Serverless {
        variant["ServerlessConfig"] = serverless();
    } else {
        variant["InstanceType"] = json!(endpoint.instance);
        variant["InitialInstanceCount"] = json!(endpoint.count);
    }
    // The model of an inference component is named by the component.
    if endpoint.mode != Mode::Component {
        variant["ModelName"] = json!(format!("{}-model", resource.name));
    }
    let arn = format!("arn:aws:sagemaker:{REGION}:{}:endpoint-config/{}", resource.account, name.to_lowercase());
    let mut answer = json!({
        "EndpointConfigName": name,
        "EndpointConfigArn": arn,
        "ProductionVariants": [variant],
        "CreationTime": moment(resource.asked()),
    });
    if endpoint.mode == Mode::Async {
        answer["AsyncInferenceConfig"] = asynchronous(&resource);
    }
    Ok(answer)
}

fn list_tags(call: &Call<'_>) -> Result<Value, Refusal> {
    let arn = text(&call.input, "ResourceArn");
    let mut all = endpoints(call).into_iter();
    let resource = all
        .find(|r| !r.vanished && r.arn().eq_ignore_ascii_case(arn))
        .ok_or_else(|| Refusal::validation(format!("Could not find resource \"{arn}\".")))?;
    let tags: Vec<_> = resource.tags.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect();
    let (tags, next) = call.page(&tags, text(&call.input, "NextToken"), 50)?;
    Ok(with_token(json!({"Tags": tags}), next))
}

fn list_components(call: &Call<'_>) -> Result<Value, Refusal> {
    let wanted = text(&call.input, "EndpointNameEquals");
    let all: Vec<_> = endpoints(call)
        .iter()
        .filter(|r| endpoint_of(r).is_some_and(|e| e.mode == Mode::Component))
        .filter(|r| wanted.is_empty() || r.name == wanted)
        .map(|r| {
            let name = format!("{}-component", r.name);
            json!({
                "InferenceComponentName": name,
                "InferenceComponentArn":
                    format!("arn:aws:sagemaker:{REGION}:{}:inference-component/{name}", r.account),
                "EndpointName": r.name,
                "EndpointArn": r.arn(),
                "VariantName": "AllTraffic",
                "InferenceComponentStatus": "InService",
                "CreationTime": moment(r.asked()),
                "LastModifiedTime": moment(r.since),
            })
        })
        .collect();
    let (found, next) = call.page(&all, text(&call.input, "NextToken"), PAGE)?;
    Ok(with_token(json!({"InferenceComponents": found}), next))
}
