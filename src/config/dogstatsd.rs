//! `dogstatsd`: a local Agent for live metrics about `ddsync` itself.

use std::path::PathBuf;

use crate::config::echo::quoted;
use crate::config::field::Section;
use crate::config::load::variable;
use crate::config::problem::Findings;
use crate::config::settings::{DogStatsD, Environment};

/// The Agent's own default. <https://docs.datadoghq.com/developers/dogstatsd/>
const PORT: &str = "8125";
const EXAMPLES: &str = "`udp://127.0.0.1:8125` or `unix:///var/run/datadog/dsd.socket`";

pub(super) fn read(root: &Section<'_>, env: &Environment, findings: &mut Findings) -> Option<DogStatsD> {
    let section = root.section("dogstatsd", &["url"], findings);
    let in_file = section.get("url").and_then(|field| Some((field.place.clone(), field.text(findings)?.to_owned())));
    let url = variable(env, "DD_DOGSTATSD_URL").map(|(place, url)| (place, url.to_owned()));
    let agent_host = variable(env, "DD_AGENT_HOST").map(|(place, host)| {
        let port = variable(env, "DD_DOGSTATSD_PORT").map_or(PORT, |(_, port)| port);
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        (place, format!("udp://{host}:{port}"))
    });
    let (place, url) = url.or(agent_host).or(in_file)?;
    match parse(&url) {
        Ok(target) => Some(target),
        Err(reason) => {
            findings.problem(&place, format!("{} {reason}; write {EXAMPLES}", quoted(&url)));
            None
        }
    }
}

fn parse(url: &str) -> Result<DogStatsD, &'static str> {
    if let Some(path) = url.strip_prefix("unix://") {
        return if path.starts_with('/') {
            Ok(DogStatsD::Unix(PathBuf::from(path)))
        } else {
            Err("needs a whole path")
        };
    }
    let Some(address) = url.strip_prefix("udp://") else {
        return Err("is neither `udp://host:port` nor `unix:///path`");
    };
    let (host, port) = match address.rsplit_once(':') {
        // The last colon of `[::1]` is part of the host.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (address, PORT),
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@' | '?' | '#')) {
        return Err("has no host");
    }
    if port.parse::<u16>().is_ok_and(|port| port != 0) {
        Ok(DogStatsD::Udp(format!("{host}:{port}")))
    } else {
        Err("has no port from 1 to 65535")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_a_port_may_be_left_out() {
        let udp = |text: &str| Ok(DogStatsD::Udp(text.into()));
        assert_eq!(parse("udp://127.0.0.1:8126"), udp("127.0.0.1:8126"));
        assert_eq!(parse("udp://agent"), udp("agent:8125"));
        assert_eq!(parse("udp://[::1]:8125"), udp("[::1]:8125"));
        assert_eq!(parse("udp://[::1]"), udp("[::1]:8125"));
        assert_eq!(parse("unix:///run/dsd.socket"), Ok(DogStatsD::Unix("/run/dsd.socket".into())));
        for text in ["unix://run/dsd", "http://x", "udp://:8125", "udp://x:0", "udp://x:99999", "127.0.0.1:8125", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
