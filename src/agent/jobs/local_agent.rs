//! What a local Agent is told: live metrics, a service check for each job, an event when something changes.

use std::collections::BTreeSet;

use crate::agent::health::JobStatus;
use crate::config::{Settings, settings};
use crate::sink::dogstatsd::{Alert, DogStatsD, Event, Status};
use crate::source::metrics::budget::Fit;
use crate::telemetry::{Sample, Tags};

/// The state of a job: OK, warning after a failure, critical when it keeps failing.
const CHECK: &str = "ddsync.job";

/// The way to the Agent, and what it has been told.
pub(super) struct LocalAgent {
    agent: DogStatsD,
    unready_after: u32,
    /// Jobs of which an event has said that they keep failing.
    failing: BTreeSet<String>,
    given_up: Vec<String>,
    /// Lost messages that have been told.
    dropped: u64,
}

impl LocalAgent {
    pub(super) fn start(target: &settings::DogStatsD, settings: &Settings) -> Option<Self> {
        match DogStatsD::start(target, &settings.datadog.tags) {
            Ok(agent) => Some(Self {
                agent,
                unready_after: settings.agent.unready_after,
                failing: BTreeSet::new(),
                given_up: Vec::new(),
                dropped: 0,
            }),
            Err(error) => {
                tracing::error!(%error, "no thread for `dogstatsd`; what goes to the local Agent is not sent");
                None
            }
        }
    }

    /// Messages that were lost since this was last asked: the queue was full, or the Agent does not read.
    pub(super) fn newly_dropped(&mut self) -> u64 {
        let before = std::mem::replace(&mut self.dropped, self.agent.dropped());
        self.dropped - before
    }

    /// Sends what is queued and ends.
    pub(super) fn close(self) {
        let lost = self.agent.close();
        if lost > self.dropped {
            tracing::warn!(messages = lost - self.dropped, "lost on the way to the local Agent");
        }
    }

    /// Sends samples and checks, and events for what has changed since the last time.
    pub(super) fn tell(&mut self, samples: &[Sample], jobs: &[JobStatus], fit: &Fit) {
        self.agent.submit(samples);
        for job in jobs {
            let keeps_failing = job.consecutive_failures >= self.unready_after.max(1);
            let status = match job.consecutive_failures {
                0 if job.runs == 0 => Status::Unknown,
                0 => Status::Ok,
                _ if keeps_failing => Status::Critical,
                _ => Status::Warning,
            };
            self.agent.service_check(CHECK, status, &owned(job));
            self.tell_change(job, keeps_failing);
        }
        if fit.given_up != self.given_up {
            self.given_up.clone_from(&fit.given_up);
            let (text, alert) = if fit.given_up.is_empty() {
                ("Everything is read again.".to_owned(), Alert::Success)
            } else {
                let names = fit.given_up.join(", ");
                (format!("Not read: {names}. See `limits` in the configuration."), Alert::Warning)
            };
            self.agent.event(&Event {
                title: "ddsync: what is read has been fitted to limits".to_owned(),
                text,
                alert,
                aggregation_key: Some("ddsync-budget".to_owned()),
                tags: Tags::new(),
            });
        }
    }

    fn tell_change(&mut self, job: &JobStatus, keeps_failing: bool) {
        let name = job.to_string();
        let (verb, alert) = match (keeps_failing, self.failing.contains(&name)) {
            (true, false) => ("keeps failing", Alert::Error),
            (false, true) if job.consecutive_failures == 0 => ("works again", Alert::Success),
            _ => return,
        };
        if keeps_failing {
            self.failing.insert(name.clone());
        } else {
            self.failing.remove(&name);
        }
        let last = job.last_error.as_ref().map_or("", |error| error.message.as_str());
        self.agent.event(&Event {
            title: format!("ddsync: job {name} {verb}"),
            text: if keeps_failing { last.to_owned() } else { String::new() },
            alert,
            aggregation_key: Some(format!("ddsync-job-{name}")),
            tags: owned(job),
        });
    }
}

fn owned(job: &JobStatus) -> Tags {
    let mut tags: Tags = job.tags().into_iter().map(|(key, value)| (key, value.to_owned())).collect();
    tags.sort_unstable();
    tags
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;
    use crate::agent::JobKind;
    use crate::agent::health::LastError;
    use crate::config;

    fn job(failures: u32) -> JobStatus {
        JobStatus {
            job: JobKind::Hot,
            account: Some("data_prod".into()),
            region: Some("us-west-2".into()),
            running_since: None,
            last_start: None,
            last_success: None,
            last_error: (failures > 0).then(|| LastError {
                message: "access denied".into(),
                tag: "access_denied",
                at: chrono::DateTime::UNIX_EPOCH,
            }),
            consecutive_failures: failures,
            next_run: None,
            lag_seconds: None,
            note: String::new(),
            runs: 1,
            failures: u64::from(failures),
            overruns: 0,
        }
    }

    fn fit(given_up: &[&str]) -> Fit {
        Fit {
            warm_every: 300,
            given_up: given_up.iter().map(ToString::to_string).collect(),
            dollars: 0.0,
            series: 0,
            dollars_limit: None,
            series_limit: None,
            within: true,
        }
    }

    #[test]
    fn an_event_tells_a_change_once_and_a_check_tells_the_state_each_time() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let text = format!(
            "regions: [us-west-2]\ndogstatsd: {{url: \"udp://{}\"}}\nagent: {{unready_after: 2}}\n",
            socket.local_addr().unwrap()
        );
        let settings = config::read(&text, "ddsync.yaml", &config::settings::Environment::new()).unwrap().settings;
        let mut agent = LocalAgent::start(settings.dogstatsd.as_ref().unwrap(), &settings).unwrap();
        let next = || {
            let mut buffer = [0; 8192];
            let length = socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };

        for (failures, state) in [(0, 0), (1, 1), (2, 2)] {
            agent.tell(&[], &[job(failures)], &fit(&[]));
            assert!(next().starts_with(&format!("_sc|ddsync.job|{state}")));
        }
        let event = next();
        assert!(
            event.contains("job hot data_prod/us-west-2 keeps failing") && event.contains("access denied"),
            "{event}"
        );
        agent.tell(&[], &[job(3)], &fit(&["mlpipeline.instance.disk_utilization"]));
        assert!(next().starts_with("_sc|ddsync.job|2"));
        let event = next();
        assert!(event.contains("Not read: mlpipeline.instance.disk_utilization"), "{event}");
        agent.tell(&[], &[job(0)], &fit(&[]));
        assert!(next().starts_with("_sc|ddsync.job|0"));
        assert!(next().contains("works again"));
        assert!(next().contains("Everything is read again"));
    }
}
