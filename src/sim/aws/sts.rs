//! STS: who may be whom. An access key tells the account, so that the other services need no memory of it.

use chrono::{SecondsFormat, TimeDelta, Utc};

use super::{Call, HOME, Refusal, StatusCode, company, wire::text};

/// The access key of the caller before it assumes a role.
pub(in crate::sim) const BASE_KEY: &str = "AKIASIMBASE000000001";
/// The secret of every key; signatures are not checked.
pub(in crate::sim) const SECRET: &str = "pretend-secret";
/// The external id that every role asks for.
pub(in crate::sim) const EXTERNAL_ID: &str = "pretend";
/// The name of the role in every account.
pub(in crate::sim) const ROLE: &str = "ddsync-read";
/// In front of the account in the access key of an assumed role.
const ASSUMED: &str = "ASIASIM0";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The account of an access key; `None` for a key that was never given out.
pub(super) fn account_of(key: &str) -> Option<&str> {
    if key == BASE_KEY {
        return Some(HOME);
    }
    let account = key.strip_prefix(ASSUMED)?;
    known(account).then_some(account)
}

fn known(account: &str) -> bool {
    [company::DEVELOPMENT, company::PRODUCTION].contains(&account)
}

pub(super) fn answer(call: &Call<'_>) -> Result<String, Refusal> {
    match call.operation {
        "AssumeRole" => assume_role(call),
        "GetCallerIdentity" => Ok(format!(
            "<Arn>arn:aws:sts::{0}:assumed-role/{ROLE}/pretend</Arn>\
             <UserId>AROASIM:pretend</UserId><Account>{0}</Account>",
            call.account
        )),
        _ => call.unknown(),
    }
}

fn assume_role(call: &Call<'_>) -> Result<String, Refusal> {
    let arn = text(&call.input, "RoleArn");
    let denied = || Refusal {
        status: StatusCode::FORBIDDEN,
        ..Refusal::new(
            "AccessDenied",
            format!(
                "User: arn:aws:iam::{HOME}:user/ddsync is not authorized to perform: \
                 sts:AssumeRole on resource: {}",
                escape(arn)
            ),
        )
    };
    let account = arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.strip_suffix(ROLE)?.strip_suffix(":role/"))
        .filter(|account| known(account))
        .ok_or_else(denied)?;
    if text(&call.input, "ExternalId") != EXTERNAL_ID {
        return Err(denied());
    }
    let session = escape(text(&call.input, "RoleSessionName"));
    // A client may look at its own clock or at the simulated one: good for an hour by either.
    let expires = call.now.max(Utc::now()) + TimeDelta::hours(1);
    let expires = expires.to_rfc3339_opts(SecondsFormat::Secs, true);
    Ok(format!(
        "<Credentials><AccessKeyId>{ASSUMED}{account}</AccessKeyId>\
         <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>pretend-session</SessionToken>\
         <Expiration>{expires}</Expiration></Credentials>\
         <AssumedRoleUser><AssumedRoleId>AROASIM:{session}</AssumedRoleId>\
         <Arn>arn:aws:sts::{account}:assumed-role/{ROLE}/{session}</Arn></AssumedRoleUser>"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The document of a good answer.
pub(super) fn xml(operation: &str, result: &str) -> Vec<u8> {
    format!(
        "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{operation}Response>"
    )
    .into_bytes()
}

/// The document of a refusal.
pub(super) fn error_xml(code: &str, message: &str) -> Vec<u8> {
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    )
    .into_bytes()
}
