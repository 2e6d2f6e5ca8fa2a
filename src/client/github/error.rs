//! What went wrong with a request to GitHub, whose fault it is and what to change.

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::header::HeaderMap;

use crate::config::settings::GitHubCredential;

/// Anything but a yes of GitHub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// 401: no retry heals it.
    #[error(
        "github refused the credential (HTTP 401): check {credential}, and that it belongs to `github.base_url` {base_url}"
    )]
    BadCredential {
        /// Settings that hold what was refused.
        credential: Credential,
        /// As configured.
        base_url: String,
    },
    /// 404 of the App's installation.
    #[error(
        "github knows no installation {installation_id} of this App (HTTP 404): check `github.installation_id` and `github.app_id`"
    )]
    NoInstallation {
        /// As configured.
        installation_id: u64,
    },
    /// 403: the credential is good for something else.
    #[error("github does not allow it (HTTP 403): {}; check {credential}; it said: {answer}", lack(.needs.as_deref(), .has.as_deref()))]
    Forbidden {
        /// What would be enough, as GitHub words it: `actions=read`.
        needs: Option<String>,
        /// Scopes that a classic token has.
        has: Option<String>,
        /// Settings that hold what was not enough.
        credential: Credential,
        /// The start of the answer, without control characters.
        answer: String,
    },
    /// 404 of the repository itself. GitHub does not tell one that is gone from one that may not be read.
    #[error(
        "no repository {repository} (HTTP 404): it is gone, was renamed, or may not be read; check `github.repositories`, \
         and that {credential} may read it"
    )]
    NoRepository {
        /// `owner/name`.
        repository: String,
        /// Settings that say as whom it was asked for.
        credential: Credential,
    },
    /// A redirect: the repository has another name now. It is not followed.
    #[error("{repository} has moved (HTTP {status}); write its new name into `github.repositories`")]
    Moved {
        /// `owner/name`.
        repository: String,
        /// As answered.
        status: u16,
    },
    /// 404 of a workflow of a repository that is there.
    #[error("{repository} has no workflow `{workflow}`; {}; check `workflows` in `github.repositories`", known_words(.known))]
    NoWorkflow {
        /// `owner/name`.
        repository: String,
        /// As configured.
        workflow: String,
        /// Names of the files that it has.
        known: Vec<String>,
    },
    /// 404 of something else in a repository that is there.
    #[error("{repository} has no {what} (HTTP 404)")]
    NotFound {
        /// `owner/name`.
        repository: String,
        /// For example `branch main`.
        what: String,
    },
    /// 403 or 429: the limit of an hour, or the one on bursts, and the deadline comes before its end.
    #[error("github's {limit} limit is used up until {}", instant(.until))]
    Limited {
        /// Which one.
        limit: Limit,
        /// From when on it is worth trying again.
        until: DateTime<Utc>,
    },
    /// 400, 409, 422.
    #[error("github refused the request (HTTP {status}): {answer}")]
    BadRequest {
        /// As answered.
        status: u16,
        /// The start of the answer, without control characters.
        answer: String,
    },
    /// 408, 5xx, some times in a row.
    #[error("github failed (HTTP {status}): {answer}")]
    Server {
        /// As answered.
        status: u16,
        /// The start of the answer, without control characters.
        answer: String,
    },
    /// No answer, some times in a row.
    #[error("{base_url} cannot be reached: {reason}; check `github.base_url` and the network")]
    Unreachable {
        /// As configured.
        base_url: String,
        /// The innermost cause.
        reason: String,
    },
    /// A redirect to elsewhere, a 2xx of another form, or a status that the API does not give.
    #[error("unexpected answer of {base_url} (HTTP {status}): {answer}; check `github.base_url`")]
    Misdirected {
        /// As answered.
        status: u16,
        /// As configured.
        base_url: String,
        /// The start of the answer, or what is wrong with it.
        answer: String,
    },
    /// A 2xx that goes on and on. It is not cut: half a list would look like a short one.
    #[error("the answer of {base_url} is longer than {limit} bytes and was not read to its end")]
    TooLong {
        /// As configured.
        base_url: String,
        /// What would have been read.
        limit: usize,
    },
}

impl Error {
    /// A short word for tags and for `/status`.
    #[must_use]
    pub fn tag(&self) -> &'static str {
        match self {
            Self::BadCredential { .. } | Self::NoInstallation { .. } => "bad_credential",
            Self::Forbidden { .. } => "forbidden",
            Self::NoRepository { .. } => "no_repository",
            Self::Moved { .. } => "moved",
            Self::NoWorkflow { .. } => "no_workflow",
            Self::NotFound { .. } => "not_found",
            Self::Limited { .. } => "rate_limited",
            Self::BadRequest { .. } => "bad_request",
            Self::Server { .. } => "server",
            Self::Unreachable { .. } => "unreachable",
            Self::Misdirected { .. } => "misdirected",
            Self::TooLong { .. } => "too_long",
        }
    }

    /// Whether the same request can succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Limited { .. } | Self::Server { .. } | Self::Unreachable { .. })
    }

    /// Whether a thing is missing from a repository that can be read: a branch that was deleted, a commit that a forced
    /// push has left behind.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

/// Which of GitHub's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// So many requests an hour.
    Primary,
    /// On bursts; GitHub does not say how many.
    Secondary,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Primary => "hourly",
            Self::Secondary => "secondary rate",
        })
    }
}

/// Where the credential comes from, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A token.
    Token,
    /// An installation of an App with this id.
    App {
        /// `github.installation_id`.
        installation_id: u64,
    },
}

impl From<&GitHubCredential> for Credential {
    fn from(credential: &GitHubCredential) -> Self {
        match credential {
            GitHubCredential::Token(_) => Self::Token,
            GitHubCredential::App { installation_id, .. } => Self::App { installation_id: *installation_id },
        }
    }
}

impl std::fmt::Display for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token => "GITHUB_TOKEN or `github.token_file`",
            Self::App { .. } => "the App of `github.app_id` and `github.private_key_file`",
        })
    }
}

fn lack(needs: Option<&str>, has: Option<&str>) -> String {
    let needs = needs.map_or("the credential lacks a permission".to_owned(), |needs| format!("it takes `{needs}`"));
    match has {
        Some("") => format!("{needs}, and the token has no scopes"),
        Some(has) => format!("{needs}, and the token has `{has}`"),
        None => needs,
    }
}

fn known_words(known: &[String]) -> String {
    if known.is_empty() { "it has none at all".to_owned() } else { format!("it has {}", known.join(", ")) }
}

fn instant(until: &DateTime<Utc>) -> String {
    until.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Where a request went, for messages.
pub(super) struct Place<'a> {
    pub(super) base_url: &'a str,
    pub(super) credential: Credential,
    pub(super) repository: &'a str,
    /// What is missing when the answer is 404.
    pub(super) what: &'a str,
}

/// The class of an answer that is neither a yes nor a limit. `answer` is already quoted.
pub(super) fn classify(status: u16, headers: &HeaderMap, answer: String, place: &Place<'_>) -> Error {
    let base_url = place.base_url.to_owned();
    let repository = place.repository.to_owned();
    let word = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match status {
        401 => Error::BadCredential { credential: place.credential, base_url },
        403 => Error::Forbidden {
            // The first is of fine-grained tokens and Apps, the second of classic tokens.
            needs: word("x-accepted-github-permissions").or_else(|| word("x-accepted-oauth-scopes")),
            has: word("x-oauth-scopes"),
            credential: place.credential,
            answer,
        },
        404 | 410 | 451 => Error::NotFound { repository, what: place.what.to_owned() },
        301 | 302 | 307 | 308 => Error::Moved { repository, status },
        400 | 409 | 422 => Error::BadRequest { status, answer },
        408 | 500..=599 => Error::Server { status, answer },
        _ => Error::Misdirected { status, base_url, answer },
    }
}
