//! Makes an object exactly once, although a request may have had its effect without an answer.

use std::collections::HashSet;

use backon::BackoffBuilder;
use serde_json::Value;

use super::{Session, moved, objects};
use crate::client::datadog::{Objects, SendError};
use crate::provision::object::{Identity, Kind, Live, Mark};

/// An object that is there now, with our body.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) id: String,
    /// It was somebody else's, or nobody's.
    pub(super) adopted: bool,
}

/// Why an object is not there.
#[derive(Debug)]
pub(super) enum Unlanded {
    Refused(SendError),
    /// A monitor like it belongs to another object, in these words.
    Taken(SendError, String),
}

impl From<SendError> for Unlanded {
    fn from(error: SendError) -> Self {
        Self::Refused(error)
    }
}

/// What is to be made.
pub(super) struct New<'a> {
    pub(super) namespace: &'a str,
    pub(super) kind: Kind,
    pub(super) identity: &'a Identity,
    /// Whole, with the mark.
    pub(super) body: &'a Value,
    /// Monitors that are to be deleted anyway: an identical one of them may become this one.
    pub(super) leaving: &'a HashSet<&'a str>,
}

/// Makes `new`. After an answer that leaves it open whether there is one now, it looks before it sends again.
pub(super) async fn create(session: &Session<'_>, new: &New<'_>) -> Result<Landed, Unlanded> {
    let mut pauses = session.back_off().build();
    loop {
        let error = match session.once(session.client.create(objects(new.kind), new.body)).await {
            Ok(id) => return Ok(Landed { id, adopted: false }),
            Err(SendError::Duplicate { id }) => return adopt(session, new, &id).await,
            Err(error) => error,
        };
        if !error.is_retriable() && !error.may_have_landed() {
            return Err(error.into());
        }
        // It may arrive a little after we gave up on it, so look after the pause, not before.
        let pause = pauses.next().and_then(|planned| session.pause(&error, planned));
        let Some(pause) = pause else { return Err(error.into()) };
        tokio::time::sleep(pause).await;
        if error.may_have_landed() {
            if let Some(found) = find(session, new).await? {
                return settle(session, new, found).await;
            }
            if !error.is_retriable() {
                return Err(error.into());
            }
        }
    }
}

/// The object that carries our mark, if there is one.
async fn find(session: &Session<'_>, new: &New<'_>) -> Result<Option<Live>, SendError> {
    let tag = Mark::key_tag(new.identity);
    let bodies = match new.kind {
        Kind::Monitor => session.persist(|| session.client.list_monitors(&tag)).await?,
        Kind::Slo => session.persist(|| session.client.list_slos(&tag)).await?,
        Kind::Dashboard => session.persist(|| session.client.list_dashboards()).await?,
    };
    let mut lives = bodies.into_iter().filter_map(|body| Live::new(new.kind, body));
    Ok(lives.find(|live| moved::is(live, new.namespace, new.kind, new.identity)))
}

/// What we find is ours; if it is of an earlier run it may have an earlier body.
async fn settle(session: &Session<'_>, new: &New<'_>, found: Live) -> Result<Landed, Unlanded> {
    if found.mark != Mark::read(new.kind, new.body) {
        session.persist(|| session.client.update(objects(new.kind), &found.id, new.body)).await?;
    }
    Ok(Landed { id: found.id, adopted: false })
}

/// Takes over an identical monitor when nobody owns it, or we do and nothing else of ours is it.
async fn adopt(session: &Session<'_>, new: &New<'_>, id: &str) -> Result<Landed, Unlanded> {
    let body = session.persist(|| session.client.get(Objects::Monitors, id)).await?;
    let mark = Mark::read(Kind::Monitor, &body);
    if let Some(Mark { namespace, identity, .. }) = &mark {
        let same = namespace == new.namespace && (identity == new.identity || new.leaving.contains(id));
        if !same {
            let words = format!("monitor {id} is identical, and it is {identity} of namespace {namespace}");
            return Err(Unlanded::Taken(SendError::Duplicate { id: id.to_owned() }, words));
        }
    }
    session.persist(|| session.client.update(Objects::Monitors, id, new.body)).await?;
    let adopted = mark.is_none_or(|mark| mark.identity != *new.identity);
    Ok(Landed { id: id.to_owned(), adopted })
}
