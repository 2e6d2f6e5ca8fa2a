//! CloudWatch Logs: what was written into a group.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;

use super::{Api, Aws, AwsError, Class};
use crate::model::log::Event;

/// Events on one page, the most that are allowed; 1 MB of them ends a page too.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
pub const MAX_EVENTS: i32 = 10_000;

/// Attempts without an answer after which a page is given up, and how long each may take. A group that does not answer keeps
/// its account waiting meanwhile, and the next look at it comes within a minute anyway: so at most half of one is spent on it.
pub(super) const UNANSWERED: usize = 2;
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// A page of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventPage {
    /// As they came: of one stream in the order of time, as far as they had been taken in by then.
    pub events: Vec<Event>,
    /// What to ask the next page with, within 24 hours. A page with no events may have another after it.
    pub next: Option<String>,
}

impl Aws {
    /// One page of the events of `group`, of every stream, that were written at `from_ms <= at < to_ms` (Unix
    /// milliseconds, as their writers say). `token` is [`EventPage::next`] of the page before, asked with the same group
    /// and times. Waits for its turn within `logs.requests_per_second`.
    ///
    /// # Errors
    /// [`Class::NotFound`] when the group is gone, [`Class::AccessDenied`] when `logs:FilterLogEvents` is not allowed, the
    /// others when the page could not be had. An event without an id or a time is an error: neither could be told from
    /// another.
    pub async fn filter_events(
        &self,
        group: &str,
        from_ms: i64,
        to_ms: i64,
        token: Option<&str>,
    ) -> Result<EventPage, AwsError> {
        if to_ms <= from_ms {
            return Ok(EventPage::default());
        }
        let asked = self
            .call(Api::FilterLogEvents, 0, || {
                self.logs
                    .filter_log_events()
                    .log_group_name(group)
                    .start_time(from_ms)
                    // The end belongs to the range.
                    .end_time(to_ms - 1)
                    .limit(MAX_EVENTS)
                    .set_next_token(token.map(str::to_owned))
                    .send()
            })
            .await;
        let page = asked.map_err(|error| error.about(&format!("log group {group}")))?;
        let events: Option<Vec<Event>> = page.events.unwrap_or_default().into_iter().map(event).collect();
        let next = page.next_token.filter(|token| !token.is_empty());
        let strange = |detail: &str| AwsError {
            scope: self.scope().clone(),
            api: Api::FilterLogEvents,
            class: Class::Server,
            detail: format!("log group {group}: {detail}"),
        };
        if next.is_some() && next.as_deref() == token {
            return Err(strange("it names the same page for ever"));
        }
        let events = events.ok_or_else(|| strange("an event has no id or no time"))?;
        Ok(EventPage { events, next })
    }
}

/// Everything is optional in the SDK; none of it is in an answer of AWS, but for the text of an empty line.
fn event(event: FilteredLogEvent) -> Option<Event> {
    let at = event.timestamp?;
    Some(Event {
        id: event.event_id.filter(|id| !id.is_empty())?,
        stream: event.log_stream_name.unwrap_or_default(),
        at,
        ingested_at: event.ingestion_time.unwrap_or(at),
        text: event.message.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
