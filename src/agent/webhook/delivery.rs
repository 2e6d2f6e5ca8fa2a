//! What a delivery is: whether GitHub made it, and whether it is about something that we follow. Pure.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use std::fmt;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit, Mac as _};
use serde::Deserialize;
use sha2::Sha256;

use crate::config::Secret;
use crate::config::settings::Repository;

const SIGNATURE: &str = "x-hub-signature-256";
const EVENT: &str = "x-github-event";

/// HMAC-SHA256 of a body.
pub(super) type Mac = [u8; 32];

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// There is something to see.
    Accepted,
    /// It was accepted before.
    Repeated,
    /// GitHub's first delivery to a new webhook.
    Ping,
    /// An event that says nothing about deployments.
    OtherEvent,
    /// A repository that is not configured.
    OtherRepository,
    /// A workflow that does not deploy.
    OtherWorkflow,
    /// Without a signature, or with one in another form.
    Unsigned,
    /// Signed with another secret, or changed on its way.
    BadSignature,
    /// The body is longer than is read.
    TooLong,
    /// The body did not come in time.
    TooSlow,
    /// The body ended too early.
    BrokenOff,
    /// The body is a form.
    NotJsonType,
    /// The body is not what GitHub sends.
    NotJson,
}

impl Fate {
    /// For the counter.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Repeated => "repeated",
            Self::Ping => "ping",
            Self::OtherEvent | Self::OtherRepository | Self::OtherWorkflow => "ignored",
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::TooLong => "too_long",
            Self::TooSlow => "too_slow",
            Self::BrokenOff => "broken_off",
            Self::NotJsonType => "content_type",
            Self::NotJson => "not_json",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Ping => StatusCode::OK,
            Self::Accepted | Self::Repeated | Self::OtherEvent | Self::OtherRepository | Self::OtherWorkflow => {
                StatusCode::ACCEPTED
            }
            Self::Unsigned | Self::BadSignature => StatusCode::UNAUTHORIZED,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NotJsonType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BrokenOff | Self::NotJson => StatusCode::BAD_REQUEST,
        }
    }
}

/// Nothing of the request is repeated.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted => "accepted: ddsync looks for deployments",
            Self::Repeated => "accepted before: nothing to do",
            Self::Ping => "pong: the secret is right",
            Self::OtherEvent => "ignored: only `workflow_run` and `deployment_status` say something about deployments",
            Self::OtherRepository => "ignored: the repository is not in `github.repositories`",
            Self::OtherWorkflow => "ignored: the workflow is not in `github.repositories`",
            Self::Unsigned => "refused: no `X-Hub-Signature-256`; give the webhook the secret of GITHUB_WEBHOOK_SECRET",
            Self::BadSignature => {
                "refused: the signature is not by the secret in GITHUB_WEBHOOK_SECRET or `github.webhook.secret_file`"
            }
            Self::TooLong => "refused: the body is longer than 1 MiB",
            Self::TooSlow => "refused: the body did not come in time",
            Self::BrokenOff => "refused: the body broke off",
            Self::NotJsonType => "refused: set the webhook's content type to `application/json`",
            Self::NotJson => "refused: the body is not the JSON that GitHub sends",
        })
    }
}

/// What is read of a payload.
#[derive(Deserialize)]
struct Payload {
    repository: Named,
    /// Null in a `deployment_status` that no workflow made.
    workflow_run: Option<WorkflowRun>,
}

#[derive(Deserialize)]
struct Named {
    full_name: String,
}

#[derive(Deserialize)]
struct WorkflowRun {
    /// `.github/workflows/deploy.yml`, maybe with `@` and a ref.
    path: Option<String>,
}

/// The signature, when it is of this body by this secret. It is compared in constant time.
/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
pub(super) fn signed(headers: &HeaderMap, body: &[u8], secret: &Secret) -> Result<Mac, Fate> {
    let given = headers.get(SIGNATURE).and_then(|header| mac(header.to_str().ok()?)).ok_or(Fate::Unsigned)?;
    let mut own = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| Fate::BadSignature)?;
    own.update(body);
    own.verify_slice(&given).map_err(|_| Fate::BadSignature)?;
    Ok(given)
}

/// Reads `sha256=` and 64 hexadecimal digits.
fn mac(text: &str) -> Option<Mac> {
    let digits = text.strip_prefix("sha256=")?;
    let mut mac = Mac::default();
    if digits.len() != 2 * mac.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in mac.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(mac)
}

/// What a delivery is about that GitHub has signed.
pub(super) fn read(headers: &HeaderMap, body: &[u8], followed: &[Repository]) -> Fate {
    let header = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let kind = header(CONTENT_TYPE.as_str()).and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        return Fate::NotJsonType;
    }
    match header(EVENT) {
        Some("ping") => return Fate::Ping,
        Some("workflow_run" | "deployment_status") => {}
        _ => return Fate::OtherEvent,
    }
    let Ok(payload) = serde_json::from_slice::<Payload>(body) else { return Fate::NotJson };
    let same = |repository: &&Repository| repository.name.eq_ignore_ascii_case(&payload.repository.full_name);
    let Some(repository) = followed.iter().find(same) else { return Fate::OtherRepository };
    let path = payload.workflow_run.and_then(|run| run.path);
    let file = path.as_deref().and_then(|path| path.split('@').next()?.rsplit('/').next());
    match file {
        Some(file) if !repository.workflows.iter().any(|workflow| workflow.file == file) => Fate::OtherWorkflow,
        _ => Fate::Accepted,
    }
}
