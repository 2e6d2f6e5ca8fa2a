//! A tagged resource as the tagging API tells it: what its ARN means, and the tags of its series.

use std::sync::Arc;

use crate::client::aws::tagging::Tagged;
use crate::model::pipeline::stage_of;
use crate::model::resource::{Resource, ResourceKind, Scope};
use crate::model::series::sorted;
use crate::model::tag::{TagKeys, tag};

/// What an ARN names. One that is not of the usual form is a resource of type `unknown`, named by the whole text.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
pub(super) fn resource(tagged: Tagged) -> Resource {
    let Tagged { arn, tags } = tagged;
    let (kind, name) = named(&arn);
    let name = name.to_owned();
    Resource { arn, name, kind, tags }
}

fn named(arn: &str) -> (ResourceKind, &str) {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", _, service, _, _, rest] = parts.as_slice() else {
        return (ResourceKind::Other("unknown".into()), arn);
    };
    let (kind, name) = rest.split_once(['/', ':']).unwrap_or(("", rest));
    match (service, kind) {
        ("sagemaker", "endpoint") => (ResourceKind::Endpoint(None), name),
        // A version or an alias may follow the name.
        ("lambda", "function") => (ResourceKind::Function, name.split(':').next().unwrap_or(name)),
        ("firehose", "deliverystream") => (ResourceKind::Stream, name),
        // The ARN of a group may end with `:*`.
        ("logs", "log-group") => (ResourceKind::LogGroup, name.trim_end_matches(":*")),
        ("s3", _) => (ResourceKind::Bucket, rest.split('/').next().unwrap_or(rest)),
        (service, "") => (ResourceKind::Other(service.to_owned()), name),
        (service, kind) => (ResourceKind::Other(format!("{service}:{kind}")), name),
    }
}

/// The tags that every series of a resource carries, but for the variant's.
pub(super) fn series_tags(resource: &Resource, scope: &Scope, keys: &TagKeys) -> Arc<[String]> {
    let value = |key: &str| resource.tags.get(key).map_or("", |value| value.trim());
    let environment = value(&keys.environment);
    let mut tags = vec![
        tag("pipeline", value(&keys.pipeline)),
        tag("environment", environment),
        tag("env", environment),
        tag("team", value(&keys.team)),
        tag("stage", stage_of(resource, keys).unwrap_or_default()),
        tag("aws_account", resource.account_id()),
        tag("region", &scope.region),
    ];
    let kind = match &resource.kind {
        ResourceKind::Endpoint(_) => Some("endpoint"),
        ResourceKind::Function => Some("function"),
        ResourceKind::Stream => Some("stream"),
        ResourceKind::Bucket | ResourceKind::LogGroup | ResourceKind::Other(_) => None,
    };
    tags.extend(kind.map(|key| tag(key, &resource.name)));
    sorted(tags)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn tagged(arn: &str, tags: &[(&str, &str)]) -> Resource {
        let tags: BTreeMap<String, String> = tags.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        resource(Tagged { arn: arn.to_owned(), tags })
    }

    #[test]
    fn an_arn_tells_type_and_name() {
        let told = |arn| {
            let resource = tagged(arn, &[]);
            (resource.kind.word().to_owned(), resource.name)
        };
        let is = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        assert_eq!(told("arn:aws:sagemaker:us-west-2:1:endpoint/Page-Split"), is("endpoint", "Page-Split"));
        assert_eq!(told("arn:aws:sagemaker:us-west-2:1:endpoint-config/c"), is("sagemaker:endpoint-config", "c"));
        assert_eq!(told("arn:aws:lambda:us-west-2:1:function:start:3"), is("function", "start"));
        assert_eq!(told("arn:aws-us-gov:s3:::bucket"), is("bucket", "bucket"));
        assert_eq!(told("arn:aws:firehose:us-west-2:1:deliverystream/out"), is("stream", "out"));
        assert_eq!(told("arn:aws:sqs:us-west-2:1:queue"), is("sqs", "queue"));
        assert_eq!(told("arn:aws:iam::1:role/path/r"), is("iam:role", "path/r"));
        assert_eq!(told("('arn:aws:x', 'y')"), is("unknown", "('arn:aws:x', 'y')"));
        assert_eq!(told(""), is("unknown", ""));
    }

    #[test]
    fn series_carry_the_contract_whatever_the_tags_say() {
        let scope = Scope { account: "dev".into(), region: "us-west-2".into() };
        let hostile = [("pipeline", "{{x}}\n@all"), ("environment", "data_dev"), ("model", " Page Split ")];
        let endpoint = tagged("arn:aws:sagemaker:us-west-2:111122223333:endpoint/Page-Split", &hostile);
        assert_eq!(
            series_tags(&endpoint, &scope, &TagKeys::default()).join(" "),
            "aws_account:111122223333 endpoint:page-split env:data_dev environment:data_dev pipeline:_x_all \
             region:us-west-2 stage:page_split team:none"
        );
        let stream = tagged("arn:aws:firehose:us-west-2:1:deliverystream/Out", &[("pipeline", ""), ("team", "Docs")]);
        assert_eq!(
            series_tags(&stream, &scope, &TagKeys::default()).join(" "),
            "aws_account:1 env:none environment:none pipeline:none region:us-west-2 stage:none stream:out team:docs"
        );
    }
}
