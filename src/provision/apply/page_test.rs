//! Proves a route: a monitor of its own is made to alert and to recover, so that a person sees the page come and go.

use std::io::Write;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::Session;
use crate::client::datadog::{Address, Objects, SendError};
use crate::config::settings::Compression;
use crate::model::tag::{normalize_value, tag};

/// The metric of which points are sent.
const METRIC: &str = "ddsync.page_test";

/// The tag by which [`cleanup`] finds the monitor.
const TAG: &str = "ddsync_page_test";

/// Which route, and how it is told from other tests.
#[derive(Debug, Clone)]
pub struct PageTest {
    /// The route's name.
    pub route: String,
    /// Its handles as they stand in a message.
    pub handles: String,
    /// Names this test; no other one has it.
    pub run: String,
}

impl PageTest {
    /// A name for a test that begins at `now`, by which [`sweep`] knows its age.
    #[must_use]
    pub fn run(namespace: &str, now: DateTime<Utc>) -> String {
        format!("{namespace}-{}-{}", now.timestamp(), std::process::id())
    }
}

/// How long is waited, in the time of the session's clock.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the alert.
    pub alert: TimeDelta,
    /// For the recovery.
    pub recovery: TimeDelta,
    /// From one look at the monitor to the next.
    pub poll: TimeDelta,
}

/// What has been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The monitor is there.
    Made {
        /// Datadog's id.
        id: String,
    },
    /// Datadog took a point that is too high.
    Fired,
    /// The monitor alerts: the page is on its way.
    Alerted,
    /// Datadog took a point that is low enough.
    Released,
    /// The monitor has recovered: the page is closed.
    Recovered,
    /// The monitor is gone.
    Removed,
    /// It ended here, and why.
    Failed(String),
}

/// What has been seen, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What.
    pub seen: Seen,
    /// When.
    pub at: DateTime<Utc>,
}

/// Carries out `test`, tells each step as it is seen, and returns them all. The monitor is deleted whatever happens, but
/// not when this is dropped: whoever drops it calls [`cleanup`].
pub async fn page_test(
    session: &Session<'_>,
    test: &PageTest,
    patience: Patience,
    show: &(dyn Fn(&Shown) + Send + Sync),
) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut note = |seen| {
        let step = Shown { seen, at: session.clock.now() };
        show(&step);
        shown.push(step);
    };
    // A lost answer ends the test: what may have been made is cleaned up.
    let made = session.once(session.client.create(Objects::Monitors, &monitor(test))).await;
    let made = made.inspect(|id| note(Seen::Made { id: id.clone() }));
    let ended = match &made {
        Ok(id) => fire_and_release(session, test, id, patience, &mut note).await,
        Err(error) => Err(error.to_string()),
    };
    if let Err(reason) = ended {
        note(Seen::Failed(reason));
    }
    let removed = match made.ok() {
        Some(id) => remove(session, &id).await.map(|()| 1),
        // Perhaps it was made and nobody told us.
        None => cleanup(session, &test.run).await,
    };
    match removed {
        Ok(0) => {}
        Ok(_) => note(Seen::Removed),
        Err(error) => note(Seen::Failed(format!(
            "the monitor tagged {} could not be deleted, delete it by hand: {error}",
            tag(TAG, &test.run)
        ))),
    }
    shown
}

/// Deletes whatever monitor the test called `run` has left, and says how many.
///
/// # Errors
/// When one may be left.
pub async fn cleanup(session: &Session<'_>, run: &str) -> Result<usize, SendError> {
    let mine = tag(TAG, run);
    let monitors = session.persist(|| session.client.list_monitors(&mine)).await?;
    let tagged = |monitor: &&Value| monitor["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| *tag == mine));
    let mut deleted = 0;
    for monitor in monitors.iter().filter(tagged) {
        let id = monitor["id"].to_string();
        remove(session, &id).await?;
        deleted += 1;
    }
    Ok(deleted)
}

/// Deletes the monitors of tests of that namespace on that route that began before `end` and were killed, and says how
/// many there were.
///
/// # Errors
/// When one may be left.
pub async fn sweep(
    session: &Session<'_>,
    namespace: &str,
    route: &str,
    end: DateTime<Utc>,
) -> Result<usize, SendError> {
    let route = tag("route", route);
    let start = format!("{}-", tag(TAG, namespace));
    let is_over = |tag: &Value| {
        let run = tag.as_str().and_then(|tag| tag.strip_prefix(&start)?.split_once('-'));
        let numbers = run.and_then(|(began, process)| Some((began.parse::<i64>().ok()?, process.parse::<u32>().ok()?)));
        numbers.is_some_and(|(began, _)| began < end.timestamp())
    };
    let mut deleted = 0;
    for monitor in session.persist(|| session.client.list_monitors(&route)).await? {
        let tags = monitor["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
        if tags.iter().any(|tag| *tag == route) && tags.iter().any(is_over) {
            remove(session, &monitor["id"].to_string()).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

async fn remove(session: &Session<'_>, id: &str) -> Result<(), SendError> {
    match session.persist(|| session.client.delete(Objects::Monitors, id, true)).await {
        Err(SendError::NotFound { .. }) => Ok(()),
        answer => answer,
    }
}

async fn fire_and_release(
    session: &Session<'_>,
    test: &PageTest,
    id: &str,
    patience: Patience,
    note: &mut (impl FnMut(Seen) + Send),
) -> Result<(), String> {
    let words = |error: SendError| error.to_string();
    send(session, test, 1).await.map_err(words)?;
    note(Seen::Fired);
    until(session, test, id, "Alert", 1, patience.alert, patience.poll).await?;
    note(Seen::Alerted);
    send(session, test, 0).await.map_err(words)?;
    note(Seen::Released);
    until(session, test, id, "OK", 0, patience.recovery, patience.poll).await?;
    note(Seen::Recovered);
    Ok(())
}

/// Waits until the monitor is in `state`, and goes on sending the point: its window moves.
async fn until(
    session: &Session<'_>,
    test: &PageTest,
    id: &str,
    state: &str,
    value: u8,
    patience: TimeDelta,
    poll: TimeDelta,
) -> Result<(), String> {
    let end = session.clock.now() + patience;
    loop {
        let found = session.persist(|| session.client.monitor_state(id)).await.map_err(|error| error.to_string())?;
        if found.overall == state {
            return Ok(());
        }
        if session.clock.now() >= end {
            let span = humantime::format_duration(Duration::from_secs(patience.num_seconds().unsigned_abs()));
            return Err(format!("the monitor was still {} and not {state} after {span}", found.overall));
        }
        session.clock.sleep_until(session.clock.now() + poll).await;
        send(session, test, value).await.map_err(|error| error.to_string())?;
    }
}

fn tags(test: &PageTest) -> [String; 2] {
    [tag("route", &test.route), tag("run", &test.run)]
}

fn monitor(test: &PageTest) -> Value {
    let [route, run] = tags(test);
    let (name, handles) = (normalize_value(&test.route), &test.handles);
    json!({
        "name": format!("[test] ddsync pages route {name}: nothing is wrong"),
        "type": "query alert",
        "query": format!("max(last_1m):max:{METRIC}{{{route},{run}}} >= 1"),
        // A page that is not told of the recovery stays open with some providers.
        "message": format!(
            "{{{{#is_alert}}}}This is a test of route {name}: nothing is wrong, it resolves by itself.{{{{/is_alert}}}}\n\
             {{{{#is_recovery}}}}The test of route {name} is over.{{{{/is_recovery}}}}\n{handles}"
        ),
        "tags": [tag(TAG, &test.run), route],
        // In hours, and one is the least: should this program be killed, the page ends all the same.
        "options": {
            "thresholds": { "critical": 1 }, "notify_no_data": false, "include_tags": false, "timeout_h": 1,
        },
    })
}

async fn send(session: &Session<'_>, test: &PageTest, value: u8) -> Result<(), SendError> {
    let body = json!({ "series": [{
        "metric": METRIC,
        "type": 3,
        "points": [{ "timestamp": session.clock.now().timestamp(), "value": value }],
        "tags": tags(test),
    }]});
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    let packed = encoder.write_all(body.to_string().as_bytes()).and_then(|()| encoder.finish());
    let packed = bytes::Bytes::from(packed.map_err(|error| SendError::Unreachable {
        base_url: Address::of_api(&session.settings.base_url),
        reason: error.to_string(),
    })?);
    session.persist(|| session.client.send_series(packed.clone(), Compression::Gzip)).await
}
