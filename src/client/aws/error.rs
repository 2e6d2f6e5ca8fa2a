//! What can go wrong with a call to AWS, in words that name what to change.

use std::error::Error;
use std::fmt;

use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

use super::api::Api;
use crate::model::resource::Scope;

/// Longest excerpt of AWS's own words in an error, in characters.
const MAX_DETAIL: usize = 300;

/// What to look at when somebody else answered.
const NOT_AWS: &str = "check AWS_ENDPOINT_URL and the proxies on the way";

/// A call failed.
#[derive(Debug, Clone, thiserror::Error)]
pub struct AwsError {
    /// Where.
    pub scope: Scope,
    /// What was called.
    pub api: Api,
    /// Whose fault, and whether trying again may help.
    pub class: Class,
    /// AWS's words, cut and without control characters.
    pub detail: String,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Too many requests.
    Throttled,
    /// No answer, or not in time.
    Unreachable,
    /// The service failed.
    Server,
    /// The credentials are good, the permission is missing.
    AccessDenied,
    /// No credentials, or ones that are wrong or expired.
    Credentials,
    /// The signature's time is not AWS's time.
    Clock,
    /// The resource does not exist (any more).
    NotFound,
    /// The request itself was refused.
    Refused,
}

impl Class {
    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub fn retriable(self) -> bool {
        matches!(self, Self::Throttled | Self::Unreachable | Self::Server)
    }

    /// A short tag for metrics and status.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unreachable => "unreachable",
            Self::Server => "server",
            Self::AccessDenied => "access_denied",
            Self::Credentials => "credentials",
            Self::Clock => "clock",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.scope, self.without_scope())
    }
}

impl AwsError {
    /// The message for a place that names the account and region already.
    #[must_use]
    pub fn without_scope(&self) -> String {
        let action = self.api.action();
        let advice = match self.class {
            Class::Throttled if self.api == Api::FilterLogEvents => {
                "throttled; lower `logs.requests_per_second`, others in the account read logs too".to_owned()
            }
            Class::Throttled => "throttled; lower `metrics.concurrency` or `limits.requests_per_second`".to_owned(),
            Class::Unreachable => {
                "no answer from AWS; check the network, `accounts[].regions` and AWS_ENDPOINT_URL".to_owned()
            }
            Class::Server => "AWS failed to answer, which may pass".to_owned(),
            Class::AccessDenied if self.api == Api::AssumeRole => {
                "access denied; check `accounts[].role`, `accounts[].external_id` and the trust policy of the role"
                    .to_owned()
            }
            Class::AccessDenied => format!("access denied; allow {action} (`ddsync iam-policy` prints the policy)"),
            Class::Credentials => {
                "no valid AWS credentials; set AWS_PROFILE, AWS_ACCESS_KEY_ID or the task's role, or renew them"
                    .to_owned()
            }
            Class::Clock => {
                "this machine's clock is off, so AWS refuses its signatures; correct the clock (NTP)".to_owned()
            }
            Class::NotFound => "it does not exist (any more)".to_owned(),
            Class::Refused => "the request was refused".to_owned(),
        };
        let said = if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        format!("{action}: {advice}{said}")
    }

    /// The same error, saying what was asked for. AWS does not always.
    pub(super) fn about(self, what: &str) -> Self {
        let detail = if self.detail.is_empty() { what.to_owned() } else { format!("{what}: {}", self.detail) };
        Self { detail: excerpt(&detail), ..self }
    }

    /// Sorts what the SDK says into a class.
    pub(super) fn new<E>(scope: &Scope, api: Api, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let (api, class, detail) = match error {
            SdkError::ServiceError(context) => {
                let meta = context.err();
                let status = context.raw().status().as_u16();
                let detail = match (meta.code(), meta.message()) {
                    (None, None) => format!("HTTP {status}, and nothing that AWS says; {NOT_AWS}"),
                    (_, message) => message.unwrap_or_default().to_owned(),
                };
                (api, by_code(meta.code().unwrap_or_default(), status, &detail), detail)
            }
            SdkError::ConstructionFailure(_) => (api, Class::Refused, innermost(error)),
            SdkError::ResponseError(_) => (api, Class::Server, format!("{}; {NOT_AWS}", innermost(error))),
            _ => unsent(api, error),
        };
        Self { scope: scope.clone(), api, class, detail: excerpt(&detail) }
    }
}

/// A request that could not be sent or was not answered. A role is assumed while another call is being signed, so its
/// failure is met here, inside the other call's error.
fn unsent(api: Api, error: &(dyn Error + 'static)) -> (Api, Class, String) {
    let mut api = api;
    let mut status = 0;
    let mut credentials = false;
    let mut said = None;
    for cause in causes(error) {
        if let Some(role) = cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
            api = Api::AssumeRole;
            credentials = false;
            status = role.raw_response().map_or(0, |answer| answer.status().as_u16());
        }
        credentials |= cause.to_string().contains("redential");
        said = cause.downcast_ref::<ErrorMetadata>().or(said);
    }
    if let Some(meta) = said {
        let detail = meta.message().unwrap_or_default().to_owned();
        return (api, by_code(meta.code().unwrap_or_default(), status, &detail), detail);
    }
    let detail = innermost(error);
    match credentials {
        // The SDK lists every place where it looked, on as many lines.
        true if detail.contains("no credentials found in chain") => {
            (api, Class::Credentials, "none in the environment, the profile, the container or the instance".to_owned())
        }
        true => (api, Class::Credentials, detail),
        false => (api, Class::Unreachable, detail),
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What the last cause in a chain says; those above it say where in the SDK it happened.
fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

fn by_code(code: &str, status: u16, message: &str) -> Class {
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => Class::Throttled,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => Class::AccessDenied,
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => Class::Clock,
        // The same, in the words of the services that have no code for it: "Signature expired: 20260101T100000Z is
        // now earlier than ..", "Signature not yet current: ..".
        "SignatureDoesNotMatch" | "InvalidSignatureException"
            if message.contains("Signature expired") || message.contains("not yet current") =>
        {
            Class::Clock
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "MissingAuthenticationTokenException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "AuthFailure" => Class::Credentials,
        "ResourceNotFound" | "ResourceNotFoundException" => Class::NotFound,
        // SageMaker has no error of its own for what does not exist.
        "ValidationException" if message.contains("Could not find") => Class::NotFound,
        _ if status == 429 => Class::Throttled,
        _ if status >= 500 => Class::Server,
        _ => Class::Refused,
    }
}

fn excerpt(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DETAIL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key() {
        let late =
            "Signature expired: 20260101T100000Z is now earlier than 20260101T105500Z (20260101T110000Z - 5 min.)";
        let early = "Signature not yet current: 20260101T120000Z is still later than 20260101T110500Z";
        for (code, message, class) in [
            ("RequestTimeTooSkewed", "", Class::Clock),
            ("RequestExpired", "", Class::Clock),
            ("InvalidSignatureException", late, Class::Clock),
            ("SignatureDoesNotMatch", early, Class::Clock),
            ("InvalidSignatureException", "The request signature we calculated does not match", Class::Credentials),
        ] {
            assert_eq!(by_code(code, 403, message), class, "{code}: {message}");
        }
    }
}
