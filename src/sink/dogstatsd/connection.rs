//! One client of the `dogstatsd` crate, made when somebody listens and made anew when it fails.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use dogstatsd::{Client, DogstatsdError, EventAlertType, EventOptions, OptionsBuilder, ServiceStatus};

use crate::config::settings::DogStatsD;
use crate::model::tag;
use crate::sink::dogstatsd::{Alert, Message, Status, text};

/// Bytes that a datagram may have. <https://docs.datadoghq.com/developers/dogstatsd/high_throughput/>
const MAX_UDP: usize = 1432;
const MAX_UNIX: usize = 8192;

/// An event's fields besides title, text, key and tags take less.
const EVENT_FIELDS: usize = 60;

/// How long a resolved address is believed: over UDP nothing tells that the Agent has moved.
const RESOLVED_FOR: Duration = Duration::from_mins(1);

/// Tags that the crate takes from the environment as they are, unless it is given one of the key.
const FROM_ENVIRONMENT: [(&str, &str); 3] = [("env", "DD_ENV"), ("service", "DD_SERVICE"), ("version", "DD_VERSION")];

/// The way to the Agent, open or not.
pub(super) struct Connection {
    target: DogStatsD,
    tags: Vec<String>,
    open: Option<(Client, Instant)>,
}

impl Connection {
    pub(super) fn new(target: DogStatsD, tags: &[String]) -> Self {
        Self { target, tags: guarded(tags, |variable| std::env::var(variable).ok()), open: None }
    }

    /// Sends one message. When that fails the client is made anew, once: the Agent may have come back.
    pub(super) fn send(&mut self, message: &Message) -> io::Result<()> {
        let stale = |made: &Instant| matches!(self.target, DogStatsD::Udp(_)) && made.elapsed() > RESOLVED_FOR;
        if self.open.as_ref().is_some_and(|(_, made)| stale(made)) {
            self.open = None;
        }
        let fresh = self.open.is_none();
        match self.attempt(message) {
            // The Agent is there and does not read: waiting would stall us, too.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(error),
            Err(error) => {
                self.open = None;
                if fresh { Err(error) } else { self.attempt(message) }
            }
            Ok(()) => Ok(()),
        }
    }

    fn attempt(&mut self, message: &Message) -> io::Result<()> {
        let room = self.room(message);
        let (client, _) = match self.open.take() {
            Some(open) => self.open.insert(open),
            None => self.open.insert((connect(&self.target, &self.tags)?, Instant::now())),
        };
        let sent = match message {
            Message::Count { name, value, tags } => client.count(*name, *value, tags),
            Message::Gauge { name, value, tags } => client.gauge(*name, value.to_string(), tags),
            Message::Check { name, status, tags } => {
                let status = match status {
                    Status::Ok => ServiceStatus::OK,
                    Status::Warning => ServiceStatus::Warning,
                    Status::Critical => ServiceStatus::Critical,
                    Status::Unknown => ServiceStatus::Unknown,
                };
                client.service_check(name, status, tags, None)
            }
            Message::Event { title, text, alert, key, tags } => {
                let mut options = EventOptions::new().with_alert_type(match alert {
                    Alert::Info => EventAlertType::Info,
                    Alert::Success => EventAlertType::Success,
                    Alert::Warning => EventAlertType::Warning,
                    Alert::Error => EventAlertType::Error,
                });
                if let Some(key) = key {
                    options = options.with_aggregation_key(key);
                }
                client.event_with_options(title, text::within(text, room), tags, Some(options))
            }
        };
        sent.map_err(|DogstatsdError::IoError(error)| error)
    }

    /// Bytes that are left for an event's text in one datagram.
    fn room(&self, message: &Message) -> usize {
        let Message::Event { title, key, tags, .. } = message else { return 0 };
        let max = match self.target {
            DogStatsD::Udp(_) => MAX_UDP,
            DogStatsD::Unix(_) => MAX_UNIX,
        };
        let tags: usize = tags.iter().chain(&self.tags).map(|tag| tag.len() + 1).sum();
        max.saturating_sub(EVENT_FIELDS + title.len() + key.as_ref().map_or(0, String::len) + tags)
    }
}

/// Legal tags, with those that the crate would take from the environment as they are.
fn guarded(tags: &[String], environment: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut tags: Vec<String> = tags.iter().filter_map(|text| tag::normalize_tag(text)).collect();
    for (key, variable) in FROM_ENVIRONMENT {
        let given = tags.iter().any(|tag| tag.starts_with(&format!("{key}:")));
        if let (false, Some(value)) = (given, environment(variable)) {
            tags.push(tag::tag(key, &value));
        }
    }
    tags
}

fn connect(target: &DogStatsD, tags: &[String]) -> io::Result<Client> {
    let mut options = OptionsBuilder::new();
    for tag in tags {
        options.default_tag(tag.clone());
    }
    match target {
        DogStatsD::Udp(host) => {
            let address = resolve(host)?;
            options.from_addr(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }.into());
            options.to_addr(address.to_string());
        }
        DogStatsD::Unix(path) => {
            probe(path)?;
            options.socket_path(Some(path.to_string_lossy().into_owned()));
        }
    }
    Client::new(options.build()).map_err(|DogstatsdError::IoError(error)| error)
}

/// Once per client, since the crate would ask for the name with every message.
fn resolve(host: &str) -> io::Result<SocketAddr> {
    host.to_socket_addrs()?.next().ok_or_else(|| io::Error::new(ErrorKind::NotFound, format!("{host} has no address")))
}

/// Fails where nobody listens: the crate would print, and bind the path so that the Agent cannot.
fn probe(path: &Path) -> io::Result<()> {
    UnixDatagram::unbound()?.connect(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_crate_would_take_from_the_environment_is_made_legal_first() {
        let environment = |variable: &str| (variable != "DD_VERSION").then(|| "a|#b\nc".to_owned());
        assert_eq!(guarded(&["service:x".to_owned()], environment), ["service:x", "env:a_b_c"]);
    }
}
