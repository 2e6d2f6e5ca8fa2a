//! `datadog`: where series go, and with which keys.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use reqwest::Url;

use crate::config::Secret;
use crate::config::echo::{nearest, quoted};
use crate::config::field::{Field, Section};
use crate::config::load::variable;
use crate::config::problem::{Findings, Place};
use crate::config::settings::{Compression, Datadog, Environment};
use crate::model::tag::{normalize_tag, tag};

/// <https://docs.datadoghq.com/getting_started/site/>; others are taken as they are.
const SITES: &[&str] = &[
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "datadoghq.eu",
    "ddog-gov.com",
];

const KEYS: &[&str] =
    &["site", "base_url", "logs_url", "api_key_file", "app_key_file", "compression", "tags", "deadline"];

/// Whether that is a site of Datadog's.
pub(crate) fn is_known_site(name: &str) -> bool {
    SITES.contains(&name)
}

pub(super) fn read(root: &Section<'_>, folder: &Path, env: &Environment, findings: &mut Findings) -> Datadog {
    let section = root.section("datadog", KEYS, findings);
    let site = site(&section, env, findings);
    let compressions = [("zstd", Compression::Zstd), ("gzip", Compression::Gzip)];
    let deadline = Duration::from_secs(1)..=Duration::from_mins(5);
    Datadog {
        base_url: base_url(&section, env, findings).unwrap_or_else(|| format!("https://api.{site}")),
        logs_url: logs_url(&section, findings).unwrap_or_else(|| format!("https://http-intake.logs.{site}")),
        site,
        api_key: secret(&section, "DD_API_KEY", "api_key_file", folder, env, findings),
        app_key: secret(&section, "DD_APP_KEY", "app_key_file", folder, env, findings),
        compression: section.word("compression", &compressions, findings).unwrap_or(Compression::Zstd),
        tags: tags(&section, env, findings),
        deadline: section.duration("deadline", deadline, findings).unwrap_or(Duration::from_secs(45)),
    }
}

/// The variable's value if it is set, else the file's, which is checked for its type in both cases.
fn either(
    section: &Section<'_>,
    key: &str,
    variables: &[&str],
    env: &Environment,
    findings: &mut Findings,
) -> Option<(Place, String)> {
    let in_file = section.get(key).and_then(|field| Some((field.place.clone(), field.text(findings)?.to_owned())));
    let in_environment = variables.iter().find_map(|name| variable(env, name));
    in_environment.map(|(place, text)| (place, text.to_owned())).or(in_file)
}

fn site(section: &Section<'_>, env: &Environment, findings: &mut Findings) -> String {
    let Some((place, site)) = either(section, "site", &["DD_SITE"], env, findings) else {
        return "datadoghq.com".to_owned();
    };
    let bare = site.trim_start_matches("https://").trim_start_matches("http://");
    let bare = bare.split('/').next().unwrap_or(bare);
    let bare = ["api.", "app."].into_iter().find_map(|host| bare.strip_prefix(host)).unwrap_or(bare);
    let legal = bare.contains('.') && bare.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    if !legal {
        findings.problem(&place, format!("{} is no site; write one such as `datadoghq.eu`", quoted(&site)));
    } else if bare != site {
        findings.problem(&place, format!("{} is more than a site; write {}", quoted(&site), quoted(bare)));
    } else if !SITES.contains(&site.as_str())
        && let Some(near) = nearest(&site, SITES.iter().copied())
    {
        let message = format!("{} is not a site known to this version; did you mean `{near}`?", quoted(&site));
        findings.warning(&place, message);
    }
    site
}

fn base_url(section: &Section<'_>, env: &Environment, findings: &mut Findings) -> Option<String> {
    let (place, text) = either(section, "base_url", &["DD_DD_URL", "DD_URL"], env, findings)?;
    checked_base_url(&place, &text, "https://api.datadoghq.eu", findings)
}

/// No variable goes before it: `DD_LOGS_CONFIG_LOGS_DD_URL`, which the Agent takes, is a host and a port.
fn logs_url(section: &Section<'_>, findings: &mut Findings) -> Option<String> {
    let field = section.get("logs_url")?;
    let text = field.text(findings)?;
    checked_base_url(&field.place, text, "https://http-intake.logs.datadoghq.eu", findings)
}

/// The base URL of an API to which keys are sent, without a slash at its end.
pub(super) fn checked_base_url(place: &Place, text: &str, example: &str, findings: &mut Findings) -> Option<String> {
    match check_base_url(text, example) {
        Ok(url) => {
            if url.scheme() == "http" && !is_loopback(&url) {
                findings.warning(place, "sends keys over http without encryption; use https outside of tests");
            }
            Some(text.trim_end_matches('/').to_owned())
        }
        Err(reason) => {
            findings.problem(place, format!("{} {reason}", quoted(text)));
            None
        }
    }
}

fn check_base_url(text: &str, example: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| format!("is no URL; write one such as `{example}`"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("is neither http nor https; write one such as `{example}`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user or a password; leave them out".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a `?` or a `#`; paths are added to it, so end it before them".to_owned());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The variable, or the file that is named in its place. No message repeats either, nor the name of
/// the file: people paste keys there.
pub(super) fn secret(
    section: &Section<'_>,
    name: &str,
    key: &str,
    folder: &Path,
    env: &Environment,
    findings: &mut Findings,
) -> Option<Secret> {
    let file = section.get(key).and_then(|field| Some((field, field.text(findings)?)));
    let (place, text) = if let Some((place, text)) = variable(env, name) {
        (place, text.to_owned())
    } else {
        let (field, path) = file?;
        let instead = format!("name a file that holds the key and nothing else, or set {name}");
        (field.place.clone(), secret_file(field, path, folder, &instead, findings)?)
    };
    let key = text.trim();
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_graphic()) {
        findings.problem(&place, "does not hold a key: a key is one word of letters and digits");
        return None;
    }
    Some(Secret::new(key))
}

/// What the file holds whose name `field` gives. No message repeats either.
pub(super) fn secret_file(
    field: &Field<'_>,
    path: &str,
    folder: &Path,
    instead: &str,
    findings: &mut Findings,
) -> Option<String> {
    match std::fs::read_to_string(folder.join(path)) {
        Ok(text) => Some(text),
        Err(error) => {
            let reason = match error.kind() {
                ErrorKind::NotFound => "not found".to_owned(),
                kind => kind.to_string(),
            };
            field.problem(findings, format!("the file cannot be read: {reason}; {instead}"));
            None
        }
    }
}

fn tags(section: &Section<'_>, env: &Environment, findings: &mut Findings) -> Vec<String> {
    let mut tags = BTreeSet::new();
    for (field, text) in section.texts("tags", findings) {
        tags.extend(checked_tag(text, &field.place, findings));
    }
    if let Some((place, list)) = variable(env, "DD_TAGS") {
        for text in list.split(|c: char| c == ',' || c.is_whitespace()).filter(|text| !text.is_empty()) {
            tags.extend(checked_tag(text, &place, findings));
        }
    }
    for (name, key) in [("DD_ENV", "env"), ("DD_SERVICE", "service"), ("DD_VERSION", "version")] {
        tags.extend(variable(env, name).map(|(_, value)| tag(key, value)));
    }
    tags.into_iter().collect()
}

fn checked_tag(text: &str, place: &Place, findings: &mut Findings) -> Option<String> {
    let Some(tag) = normalize_tag(text) else {
        findings.problem(place, format!("{} is no tag; write one such as `cost-center:docs`", quoted(text)));
        return None;
    };
    if tag != text.to_lowercase() {
        findings.warning(place, format!("{} becomes the tag {}", quoted(text), quoted(&tag)));
    }
    Some(tag)
}
