//! What Datadog has of ours: three lists, and the bodies of dashboards that have changed since they were last seen.

use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::cache::{self, Cache};
use super::{CONCURRENCY, Session, objects};
use crate::client::datadog::{Address, SendError};
use crate::provision::object::{Kind, Live, Mark, World};

/// So many dashboards may be deleted between the list and their bodies.
const AT_ONCE: usize = 1;

/// Every object of `namespace`. `cache` is a file that keeps the bodies of dashboards; it need not exist.
///
/// # Errors
/// When one of the lists or bodies cannot be had: half a world would look as if the rest had to be made.
pub async fn look(session: &Session<'_>, namespace: &str, cache: Option<&Path>) -> Result<World, SendError> {
    // All are waited for, so that of several failures it is always the same one that is told.
    let (monitors, slos, dashboards) = tokio::join!(
        listed(session, namespace, Kind::Monitor),
        listed(session, namespace, Kind::Slo),
        dashboards(session, namespace, cache),
    );
    let mut objects = monitors?;
    objects.extend(slos?);
    let (dashboards, lists_dashboards) = dashboards?;
    objects.extend(dashboards);
    Ok(World { objects, lists_dashboards })
}

/// The monitors or the SLOs of `namespace`.
async fn listed(session: &Session<'_>, namespace: &str, kind: Kind) -> Result<Vec<Live>, SendError> {
    let tag = Mark::namespace_tag(namespace);
    let bodies = match kind {
        Kind::Monitor => session.persist(|| session.client.list_monitors(&tag)).await?,
        _ => session.persist(|| session.client.list_slos(&tag)).await?,
    };
    Ok(bodies.into_iter().filter_map(|body| owned(kind, body, namespace)).collect())
}

/// The dashboards of `namespace`, and whether there are any at all.
async fn dashboards(
    session: &Session<'_>,
    namespace: &str,
    path: Option<&Path>,
) -> Result<(Vec<Live>, bool), SendError> {
    let listed = session.persist(|| session.client.list_dashboards()).await?;
    let lists_any = !listed.is_empty();
    let ours = listed.into_iter().filter(|body| belongs(Kind::Dashboard, body, namespace));
    let mut old = path.map(Cache::read).unwrap_or_default();
    let known: Vec<(Option<Value>, Value)> = ours.map(|listed| (old.take(&listed), listed)).collect();
    let same = old.is_empty() && known.iter().all(|(body, _)| body.is_some());
    let bodies = known.into_iter().map(|(known, listed)| async move {
        let body = match (known, listed["id"].as_str()) {
            (Some(body), _) => Some(body),
            (None, Some(id)) => listed_body(session, id, namespace).await?,
            (None, None) => None,
        };
        Ok::<_, SendError>(body.map(|body| (listed, body)))
    });
    let bodies: Vec<Option<(Value, Value)>> =
        stream::iter(bodies.collect::<Vec<_>>()).buffered(CONCURRENCY).try_collect().await?;
    let gone = bodies.iter().filter(|body| body.is_none()).count();
    if gone > AT_ONCE {
        return Err(odd(session, 404, format!("it lists {gone} dashboards that are not there")));
    }
    if let Some(path) = path
        && !same
        && let Err(error) = cache::write(path, bodies.iter().flatten().map(|(listed, body)| (listed, body)))
    {
        tracing::warn!("{} cannot be written, the next plan is slower: {error}", path.display());
    }
    let owned = bodies.into_iter().flatten().filter_map(|(_, body)| owned(Kind::Dashboard, body, namespace));
    Ok((owned.collect(), lists_any))
}

/// One object, whoever's it is; `None` when there is none.
///
/// # Errors
/// When Datadog does not tell.
pub async fn fetch(session: &Session<'_>, kind: Kind, id: &str) -> Result<Option<Live>, SendError> {
    match session.persist(|| session.client.get(objects(kind), id)).await {
        Ok(body) => Ok(Live::new(kind, body)),
        Err(SendError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The body of a dashboard that is listed as ours; `None` when it has been deleted meanwhile.
async fn listed_body(session: &Session<'_>, id: &str, namespace: &str) -> Result<Option<Value>, SendError> {
    match fetch(session, Kind::Dashboard, id).await? {
        None => Ok(None),
        Some(live) if belongs(Kind::Dashboard, &live.body, namespace) => Ok(Some(live.body)),
        Some(_) => Err(odd(session, 200, format!("dashboard {id} is listed as ours and told without our mark"))),
    }
}

/// What does not fit together would look as if objects had to be made again.
fn odd(session: &Session<'_>, status: u16, answer: String) -> SendError {
    SendError::Misdirected { status, base_url: Address::of_api(&session.settings.base_url), answer }
}

/// An object of ours.
fn owned(kind: Kind, body: Value, namespace: &str) -> Option<Live> {
    belongs(kind, &body, namespace).then(|| Live::new(kind, body))?
}

/// Datadog's filter may be more generous than ours.
fn belongs(kind: Kind, body: &Value, namespace: &str) -> bool {
    Mark::read(kind, body).is_some_and(|mark| mark.namespace == namespace)
}
