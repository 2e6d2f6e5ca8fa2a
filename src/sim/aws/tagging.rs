//! `tag:GetResources`.

use serde_json::{Value, json};

use super::{
    Call, Refusal,
    wire::{list, text, whole},
};
use crate::sim::world::Resource;

/// Resources a page when nothing is asked for, and at most.
const PAGE: usize = 100;

pub(super) fn answer(call: &Call<'_>) -> Result<Value, Refusal> {
    match call.operation {
        "GetResources" => get_resources(call),
        _ => call.unknown(),
    }
}

fn get_resources(call: &Call<'_>) -> Result<Value, Refusal> {
    let input = &call.input;
    let size = whole(input, "ResourcesPerPage").unwrap_or(PAGE);
    if !(1..=PAGE).contains(&size) {
        return Err(Refusal::new("InvalidParameterException", "ResourcesPerPage must be between 1 and 100"));
    }
    let (filters, types) = (list(input, "TagFilters"), list(input, "ResourceTypeFilters"));
    if filters.len() > 50 || types.len() > 100 || filters.iter().any(|f| list(f, "Values").len() > 20) {
        return Err(Refusal::new("InvalidParameterException", "too many filters"));
    }
    let mut found = if call.here() { call.shared.world.existing(&call.account, call.now) } else { Vec::new() };
    found.retain(|r| r.listed && has_type(r, types) && has_tags(r, filters));
    let (page, next) = call.page(&found, text(input, "PaginationToken"), size)?;
    let page: Vec<_> = page.iter().map(|r| shown(r)).collect();
    // The last page has an empty token, not none.
    Ok(json!({
        "ResourceTagMappingList": page,
        "PaginationToken": next.unwrap_or_default(),
    }))
}

fn has_type(resource: &Resource, types: &[Value]) -> bool {
    let arn = resource.arn();
    let mut parts = arn.split(':').skip(2);
    let service = parts.next().unwrap_or_default();
    let kind = parts.nth(2).unwrap_or_default();
    let kind = kind.split('/').next().unwrap_or_default();
    types.is_empty()
        || types.iter().filter_map(Value::as_str).any(|wanted| match wanted.split_once(':') {
            None => wanted == service,
            Some(("s3", "bucket")) => service == "s3",
            Some(pair) => pair == (service, kind),
        })
}

fn has_tags(resource: &Resource, filters: &[Value]) -> bool {
    filters.iter().all(|filter| {
        let values = list(filter, "Values");
        resource
            .tag(text(filter, "Key"))
            .is_some_and(|value| values.is_empty() || values.iter().any(|wanted| wanted == value))
    })
}

fn shown(resource: &Resource) -> Value {
    let tags = resource.tags.iter();
    let tags: Vec<_> = tags.map(|(k, v)| json!({"Key": k, "Value": v})).collect();
    json!({"ResourceARN": resource.arn(), "Tags": tags})
}
