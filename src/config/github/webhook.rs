//! `github.webhook`: where GitHub may tell that something has happened.

use std::path::Path;

use crate::config::Secret;
use crate::config::agent::address;
use crate::config::datadog::secret_file;
use crate::config::field::Section;
use crate::config::load::variable;
use crate::config::problem::Findings;
use crate::config::settings::{Environment, Webhook};

const VARIABLE: &str = "GITHUB_WEBHOOK_SECRET";

/// Whoever has one delivery can try words against its signature at leisure.
const FEWEST_CHARACTERS: usize = 16;

pub(super) fn read(github: &Section<'_>, folder: &Path, env: &Environment, findings: &mut Findings) -> Option<Webhook> {
    let field = github.get("webhook")?;
    let section = field.section(&["listen", "secret_file"], findings);
    if field.is_section() && section.get("listen").is_none() {
        field.problem(findings, "needs `listen`, for example `listen: \"0.0.0.0:8081\"`");
    }
    let listen = section.get("listen").and_then(|field| address(field, "8081", findings));
    let secret = secret(&section, folder, env, findings);
    Some(Webhook { listen: listen?, secret })
}

/// Any text, unlike a key: GitHub takes whatever is typed. No message repeats it, nor the name of the file.
fn secret(section: &Section<'_>, folder: &Path, env: &Environment, findings: &mut Findings) -> Option<Secret> {
    let file = section.get("secret_file").and_then(|field| Some((field, field.text(findings)?)));
    let (place, text) = if let Some((place, text)) = variable(env, VARIABLE) {
        (place, text.to_owned())
    } else {
        let (field, path) = file?;
        let instead = format!("name a file that holds the webhook's secret and nothing else, or set {VARIABLE}");
        (field.place.clone(), secret_file(field, path, folder, &instead, findings)?)
    };
    let text = text.trim();
    if text.is_empty() {
        findings.problem(
            &place,
            "holds no secret; GitHub and ddsync need the same one, for example of `openssl rand -hex 32`",
        );
        return None;
    }
    if text.chars().count() < FEWEST_CHARACTERS {
        let short = format!(
            "has fewer than {FEWEST_CHARACTERS} characters, and can be guessed; take one of `openssl rand -hex 32`"
        );
        findings.warning(&place, short);
    }
    Some(Secret::new(text))
}
