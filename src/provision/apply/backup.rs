//! What is about to be deleted, kept whole, and put back.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::moved::find;
use super::report::{Done, Report, What};
use super::{Item, OnError, Options, Progress, Session, execute, fetch, link, look};
use crate::client::datadog::SendError;
use crate::provision::compare::SERVERS;
use crate::provision::object::{Identity, Kind, Live, World, reference};
use crate::provision::plan::{self, Action, Cause, Plan, Step};

/// A backup of another version is not read.
const VERSION: u32 = 1;

/// Objects as they were, for [`restore`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    version: u32,
    namespace: String,
    objects: Vec<Saved>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Saved {
    kind: Kind,
    identity: Identity,
    title: String,
    id: String,
    body: Value,
}

/// Nothing can be restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file is not one of ours.
    #[error("this is no backup that `ddsync destroy` wrote: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It was written by another version of this program.
    #[error("this backup has version {0}, and only version {VERSION} can be read: use the ddsync that wrote it")]
    Version(u64),
}

impl Backup {
    /// Whose objects it holds.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Reads what [`backup`] wrote.
    ///
    /// # Errors
    /// When it is something else, or of another version.
    pub fn from_json(text: &str) -> Result<Self, BackupError> {
        let backup: Value = serde_json::from_str(text)?;
        match backup["version"].as_u64() {
            Some(version) if version != u64::from(VERSION) => Err(BackupError::Version(version)),
            _ => Ok(Self::deserialize(backup)?),
        }
    }
}

/// The whole of every object that `steps` delete, for [`restore`].
#[must_use]
pub fn backup(namespace: &str, world: &World, steps: &[Step]) -> Backup {
    let saved = steps.iter().filter_map(|step| {
        let (Action::Delete { id, .. } | Action::Recreate { id, .. }) = &step.action else { return None };
        let live = find(world, step.kind, id)?;
        let Step { kind, identity, title, .. } = step;
        let (kind, identity, title) = (*kind, identity.clone(), title.clone());
        Some(Saved { kind, identity, title, id: id.clone(), body: live.body.clone() })
    });
    Backup { version: VERSION, namespace: namespace.to_owned(), objects: saved.collect() }
}

/// Puts back what a backup holds and Datadog does not have: a dashboard under its id while Datadog still keeps it, all
/// else anew, with its mark. What refers to an object that has another id now is written with that.
///
/// # Errors
/// When Datadog does not tell what is there. What becomes of each object is in the report.
pub async fn restore(
    session: &Session<'_>,
    backup: Backup,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Report, SendError> {
    let Backup { namespace, objects, .. } = backup;
    let world = look(session, &namespace, None).await?;
    let there = |saved: &Saved| {
        let same = |live: &&Live| {
            let mark = live.mark.as_ref();
            live.kind == saved.kind && mark.is_some_and(|mark| mark.identity == saved.identity || live.id == saved.id)
        };
        world.objects.iter().find(same).map(|live| live.id.clone())
    };
    let mut report = Report::default();
    let mut lost = Vec::new();
    let mut restored = Vec::new();
    for saved in objects {
        if let Some(id) = there(&saved) {
            report.done.push(saved.done(session, What::Kept, id));
        } else if saved.kind == Kind::Dashboard && undeleted(session, &saved).await? {
            restored.push(saved);
        } else {
            lost.push(saved);
        }
    }
    let renewed: HashMap<(Kind, &str), &Identity> =
        lost.iter().map(|saved| ((saved.kind, saved.id.as_str()), &saved.identity)).collect();
    let mut steps: Vec<Step> =
        lost.iter().map(|saved| saved.step(Action::Create { body: saved.fresh(&renewed) })).collect();
    for saved in &restored {
        let body = saved.fresh(&renewed);
        if body == saved.fresh(&HashMap::new()) {
            report.done.push(saved.done(session, What::Restored, saved.id.clone()));
        } else {
            let update = Action::Update { id: saved.id.clone(), body, fields: Vec::new(), cause: Cause::Back };
            steps.push(saved.step(update));
        }
    }
    let plan = Plan { version: plan::VERSION, namespace, steps, ..Plan::default() };
    let options = Options { on_error: OnError::Continue, force: false };
    let made = execute(session, &plan, &world, options, progress).await;
    // What is written to a dashboard that is back under its id is a part of that.
    report.done.extend(made.done.into_iter().map(|done| match done.what {
        What::Updated => Done { what: What::Restored, ..done },
        _ => done,
    }));
    report.failed.extend(made.failed);
    report.skipped.extend(made.skipped);
    Ok(report)
}

/// Whether Datadog has brought a dashboard back; what it does not is made anew. A restoration whose answer was lost is
/// refused when it is asked for again, so it is looked whether the dashboard is there, and ours.
async fn undeleted(session: &Session<'_>, saved: &Saved) -> Result<bool, SendError> {
    match session.persist(|| async move { session.client.restore_dashboards(&[&saved.id]).await }).await {
        Ok(()) => Ok(true),
        Err(_) => Ok(fetch(session, Kind::Dashboard, &saved.id).await?.is_some_and(|live| saved.is(&live))),
    }
}

impl Saved {
    fn is(&self, live: &Live) -> bool {
        live.kind == self.kind && live.mark.as_ref().is_some_and(|mark| mark.identity == self.identity)
    }

    fn item(&self) -> Item {
        Item { kind: self.kind, identity: self.identity.clone(), title: self.title.clone() }
    }

    fn done(&self, session: &Session<'_>, what: What, id: String) -> Done {
        let link = Some(link(&session.settings.site, self.kind, &id));
        Done { item: self.item(), what, id, link }
    }

    fn step(&self, action: Action) -> Step {
        let Item { kind, identity, title } = self.item();
        // Within a kind, what refers to others waits for them.
        Step { kind, identity, title, wave: kind as u8, action, was: None }
    }

    /// The body as it can be sent, with references in the place of ids that will be others.
    fn fresh(&self, renewed: &HashMap<(Kind, &str), &Identity>) -> Value {
        let mut body = self.body.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|field, _| !SERVERS.contains(&field.as_str()));
        }
        let composite = body["type"] == "composite";
        refer(&mut body, "", composite, renewed);
        body
    }
}

/// An SLO's id is a word that nothing else is. A monitor's is a number, so only known places are looked at.
fn refer(value: &mut Value, field: &str, composite: bool, renewed: &HashMap<(Kind, &str), &Identity>) {
    match value {
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(field, value)| refer(value, field, composite, renewed));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, field, composite, renewed)),
        Value::Number(id) if field == "monitor_ids" => {
            let id = id.to_string();
            if let Some(identity) = renewed.get(&(Kind::Monitor, id.as_str())) {
                *value = json!(reference(Kind::Monitor, identity));
            }
        }
        Value::String(text) => {
            let monitors = field == "alert_id" || (composite && field == "query");
            *text = words(text, |word| {
                let monitor = renewed.get(&(Kind::Monitor, word)).filter(|_| monitors).map(|id| (Kind::Monitor, *id));
                let slo = renewed.get(&(Kind::Slo, word)).map(|id| (Kind::Slo, *id));
                monitor.or(slo).map(|(kind, identity)| reference(kind, identity))
            });
        }
        _ => {}
    }
}

/// `text` with each word replaced that `other` has another for.
fn words(text: &str, other: impl Fn(&str) -> Option<String>) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())];
        out.push_str(&other(word).unwrap_or_else(|| word.to_owned()));
        rest = &rest[word.len()..];
        let gap = &rest[..rest.find(part).unwrap_or(rest.len())];
        out.push_str(gap);
        rest = &rest[gap.len()..];
    }
    out
}
