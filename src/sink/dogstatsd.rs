//! Our own live metrics, service checks and events, to a local Agent. Best effort: nothing here waits for the Agent or
//! fails the caller; what is lost is counted.
//!
//! The `dogstatsd` crate is used unbatched (batched it loses everything at exit) and behind guards: it escapes nothing,
//! so whatever goes in is made legal here; it binds a socket's path when nobody listens there, so a client is made only
//! when somebody does; it does not recover when the Agent comes back, so it is made anew on an error. All of it happens
//! on a thread of its own, behind a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::config::settings;
use crate::sink::legal_tags;
use crate::telemetry::{self, Route, Sample, Tags};

mod connection;
mod text;

use connection::Connection;

/// Messages that wait for the thread; more are dropped.
const QUEUE: usize = 1024;

/// The way to a local Agent.
#[derive(Debug)]
pub struct DogStatsD {
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

/// Something that a person should see in the event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// One line, at most 100 characters are sent.
    pub title: String,
    /// At most 4,000 characters are sent, and over UDP what fits into one datagram.
    pub text: String,
    /// How it is shown.
    pub alert: Alert,
    /// Events of the same key are shown as one.
    pub aggregation_key: Option<String>,
    /// Key and raw value.
    pub tags: Tags,
}

/// How an event is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// Grey.
    Info,
    /// Green.
    Success,
    /// Yellow.
    Warning,
    /// Red.
    Error,
}

/// State of a service check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Works.
    Ok,
    /// Works, not for long.
    Warning,
    /// Does not work.
    Critical,
    /// Cannot be told.
    Unknown,
}

/// What the thread sends; every text is legal already.
#[derive(Debug, Clone)]
enum Message {
    Count { name: &'static str, value: i64, tags: Vec<String> },
    Gauge { name: &'static str, value: f64, tags: Vec<String> },
    Event { title: String, text: String, alert: Alert, key: Option<String>, tags: Vec<String> },
    Check { name: String, status: Status, tags: Vec<String> },
}

impl DogStatsD {
    /// Starts the thread. `tags` are put on everything; they are made legal.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(target: &settings::DogStatsD, tags: &[String]) -> std::io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let connection = Connection::new(target.clone(), tags);
        let counter = Arc::clone(&dropped);
        let thread = std::thread::Builder::new()
            .name("dogstatsd".into())
            .spawn(move || send_all(connection, &messages, &counter))?;
        Ok(Self { queue, dropped, thread })
    }

    /// Sends the samples that do not go over HTTP.
    pub fn submit(&self, samples: &[Sample]) {
        for sample in samples.iter().filter(|sample| sample.name.route() == Route::DogStatsD) {
            let (name, tags) = (sample.name.as_str(), legal_tags(&sample.tags));
            self.enqueue(match sample.name.kind() {
                #[expect(clippy::cast_possible_truncation, reason = "float to integer casts saturate")]
                telemetry::Kind::Count => Message::Count { name, value: sample.value.round() as i64, tags },
                telemetry::Kind::Gauge => Message::Gauge { name, value: sample.value, tags },
            });
        }
    }

    /// Sends an event.
    pub fn event(&self, event: &Event) {
        self.enqueue(Message::Event {
            title: text::title(&event.title),
            text: text::body(&event.text),
            alert: event.alert,
            key: event.aggregation_key.as_deref().map(text::aggregation_key),
            tags: legal_tags(&event.tags),
        });
    }

    /// Sends the state of a service check, for example `ddsync.can_read`. Without a message: the protocol wants it
    /// last, and the crate puts it before the tags.
    pub fn service_check(&self, name: &str, status: Status, tags: &Tags) {
        self.enqueue(Message::Check { name: text::name(name), status, tags: legal_tags(tags) });
    }

    /// How many messages were lost so far: the queue was full, the Agent does not read or is not there.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends what is queued, ends the thread, and says how many messages were lost in all. Blocks for as long as a
    /// look-up of the Agent's host name takes; over a socket, not at all.
    #[must_use]
    pub fn close(self) -> u64 {
        drop(self.queue);
        // The thread does not panic; if it did, what it lost is what it counted.
        let _ = self.thread.join();
        self.dropped.load(Ordering::Relaxed)
    }

    fn enqueue(&self, message: Message) {
        if self.queue.try_send(message).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn send_all(mut connection: Connection, messages: &Receiver<Message>, dropped: &AtomicU64) {
    for message in messages {
        if let Err(error) = connection.send(&message) {
            if dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!(%error, "the Agent does not take our own metrics; further losses are only counted");
            }
            tracing::debug!(%error, "message to the Agent lost");
        }
    }
}

#[cfg(test)]
mod tests;
