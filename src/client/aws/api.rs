//! The table of every AWS call that this program makes. The IAM policy is generated from it.

use serde_json::{Value, json};

/// One operation of one AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// Which resources carry the `pipeline` tag.
    GetResources,
    /// Which endpoints there are, and when each was last changed.
    ListEndpoints,
    /// Status, variants and instance counts of one endpoint.
    DescribeEndpoint,
    /// Instance types and the asynchronous settings of one configuration.
    DescribeEndpointConfig,
    /// Points of up to 500 metrics.
    GetMetricData,
    /// The unit of one metric, which `GetMetricData` does not tell.
    GetMetricStatistics,
    /// What was written into one log group.
    FilterLogEvents,
    /// Credentials of another account.
    AssumeRole,
    /// Who we are.
    GetCallerIdentity,
}

impl Api {
    /// Every call, in the order of the policy.
    pub const ALL: &[Self] = &[
        Self::GetResources,
        Self::ListEndpoints,
        Self::DescribeEndpoint,
        Self::DescribeEndpointConfig,
        Self::GetMetricData,
        Self::GetMetricStatistics,
        Self::FilterLogEvents,
        Self::AssumeRole,
        Self::GetCallerIdentity,
    ];

    /// The IAM action that allows it.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::GetResources => "tag:GetResources",
            Self::ListEndpoints => "sagemaker:ListEndpoints",
            Self::DescribeEndpoint => "sagemaker:DescribeEndpoint",
            Self::DescribeEndpointConfig => "sagemaker:DescribeEndpointConfig",
            Self::GetMetricData => "cloudwatch:GetMetricData",
            Self::GetMetricStatistics => "cloudwatch:GetMetricStatistics",
            Self::FilterLogEvents => "logs:FilterLogEvents",
            Self::AssumeRole => "sts:AssumeRole",
            Self::GetCallerIdentity => "sts:GetCallerIdentity",
        }
    }

    /// The service's part of the action, and the operation's.
    #[must_use]
    pub fn service_and_operation(self) -> (&'static str, &'static str) {
        self.action().split_once(':').unwrap_or((self.action(), ""))
    }

    /// What the action may be narrowed to; `*` where the service allows nothing narrower, or where the resources'
    /// names are not known beforehand.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html>,
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>
    fn resource(self) -> &'static str {
        match self {
            Self::DescribeEndpoint => "arn:aws:sagemaker:*:*:endpoint/*",
            Self::DescribeEndpointConfig => "arn:aws:sagemaker:*:*:endpoint-config/*",
            Self::FilterLogEvents => "arn:aws:logs:*:*:log-group:*",
            Self::GetResources
            | Self::ListEndpoints
            | Self::GetMetricData
            | Self::GetMetricStatistics
            | Self::AssumeRole
            | Self::GetCallerIdentity => "*",
        }
    }
}

/// What a role is for, and so what it has to be allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Access<'a> {
    /// Whether it reads an account itself.
    pub reads: bool,
    /// Roles that it assumes.
    pub assumes: &'a [String],
    /// Bucket and prefix of a state in S3; the prefix may be empty.
    pub state: Option<(&'a str, &'a str)>,
}

/// The least-privilege policy: reading, assuming exactly the given roles, writing nothing but the state.
#[must_use]
pub fn policy(access: Access<'_>) -> Value {
    let mut statements = Vec::new();
    if access.reads {
        statements = reading();
    }
    if !access.assumes.is_empty() {
        let roles: Vec<&str> = access.assumes.iter().map(String::as_str).collect();
        statements.push(statement("AssumeAccountRoles", &[Api::AssumeRole.action()], &roles));
    }
    if let Some((bucket, prefix)) = access.state {
        let bucket = format!("arn:aws:s3:::{bucket}");
        let objects = if prefix.is_empty() { format!("{bucket}/*") } else { format!("{bucket}/{prefix}/*") };
        statements.push(statement("State", &["s3:GetObject", "s3:PutObject"], &[&objects]));
        // Without it S3 answers 403, not 404, for an object that does not exist yet. It takes no condition on the
        // prefix: a request for an object carries none.
        statements.push(statement("StateIsMissing", &["s3:ListBucket"], &[&bucket]));
        // What people have said is removed when the ledger has it; nothing else ever is.
        let words = objects.trim_end_matches('*').to_owned() + "words/*";
        statements.push(statement("WordsAreTakenOver", &["s3:DeleteObject"], &[&words]));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn reading() -> Vec<Value> {
    let mut anywhere = Vec::new();
    let mut narrower = Vec::new();
    for api in Api::ALL {
        match (api, api.resource()) {
            // Everybody may ask who they are: no permission exists to withhold it. Roles are named one by one.
            (Api::AssumeRole | Api::GetCallerIdentity, _) => {}
            (_, "*") => anywhere.push(api.action()),
            (_, resource) => narrower.push(statement(api.service_and_operation().1, &[api.action()], &[resource])),
        }
    }
    let mut statements = vec![statement("Read", &anywhere, &["*"])];
    statements.append(&mut narrower);
    statements
}

fn statement(sid: &str, actions: &[&str], resources: &[&str]) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_what_is_called_and_nothing_that_writes() {
        let text =
            policy(Access { reads: true, assumes: &["arn:aws:iam::1:role/x".to_owned()], state: None }).to_string();
        for api in Api::ALL.iter().filter(|api| **api != Api::GetCallerIdentity) {
            assert!(text.contains(api.action()), "{}", api.action());
        }
        for verb in ["Create", "Delete", "Update", "Put", "Invoke"] {
            assert!(!text.contains(verb), "{verb}");
        }
    }

    #[test]
    fn a_state_in_s3_is_read_written_and_known_to_be_missing() {
        let resources = |prefix| {
            let policy = policy(Access { state: Some(("docs-state", prefix)), ..Access::default() });
            assert_eq!(policy.pointer("/Statement/1/Resource/0"), Some(&json!("arn:aws:s3:::docs-state")));
            ["/Statement/0/Resource/0", "/Statement/2/Resource/0"].map(|at| policy.pointer(at).cloned())
        };
        let all = "arn:aws:s3:::docs-state";
        let wanted = |objects: &str, words: &str| [Some(json!(objects)), Some(json!(words))];
        let found = resources("ddsync/prod");
        assert_eq!(found, wanted(&format!("{all}/ddsync/prod/*"), &format!("{all}/ddsync/prod/words/*")));
        assert_eq!(resources(""), wanted(&format!("{all}/*"), &format!("{all}/words/*")));
    }

    #[test]
    fn nothing_but_words_may_be_removed() {
        let policy = policy(Access { state: Some(("docs-state", "ddsync")), ..Access::default() });
        let removing: Vec<&Value> = policy["Statement"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|statement| statement["Action"].to_string().contains("Delete"))
            .map(|statement| &statement["Resource"])
            .collect();
        assert_eq!(removing, [&json!(["arn:aws:s3:::docs-state/ddsync/words/*"])]);
    }
}
