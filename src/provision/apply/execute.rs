//! Carries out a plan.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::land::{self, New, Unlanded};
use super::reference::{Ids, Key, filled};
use super::report::{self, Done, Failed, Item, Report, Skipped, What};
use super::{CONCURRENCY, Session, link, objects};
use crate::client::datadog::SendError;
use crate::provision::guard::count_mut;
use crate::provision::object::{Kind, Mark, World};
use crate::provision::plan::{Action, Cause, FLEET, Plan, Step};

/// What happens after a step failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// What is under way is finished, nothing more is begun.
    #[default]
    Stop,
    /// All that does not need it goes on.
    Continue,
}

/// How a plan is carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// After a failure.
    pub on_error: OnError,
    /// Delete even what others refer to.
    pub force: bool,
}

/// One more step is behind us.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Steps behind us, this one included.
    pub finished: usize,
    /// Steps in all.
    pub total: usize,
}

/// Carries out `plan`, which was made on `world`, and says what became of every step. It never makes a thing twice, and
/// may be dropped at any moment.
pub async fn execute(
    session: &Session<'_>,
    plan: &Plan,
    world: &World,
    options: Options,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Report {
    let run = Run::new(session, plan, world, options, progress);
    run.write_all().await;
    run.delete_all().await;
    run.shared.into_inner().unwrap_or_else(PoisonError::into_inner).report
}

struct Run<'a> {
    session: &'a Session<'a>,
    plan: &'a Plan,
    options: Options,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    leaving: HashSet<&'a str>,
    shared: Mutex<Shared>,
}

/// What the steps have in common.
#[derive(Default)]
struct Shared {
    report: Report,
    ids: Ids,
    /// Dashboards that are there and empty, until what they refer to is there.
    shells: HashMap<Key, String>,
    /// Monitors that have become another object.
    adopted: HashSet<String>,
    /// Why nothing more is begun.
    stopped: Option<String>,
    /// Kinds that the key may not write, and why.
    refused: BTreeMap<Kind, String>,
    /// Objects of each kind that the plan counts on and that are not there.
    missing: BTreeMap<Kind, usize>,
}

/// What became of one step, and the error if Datadog gave one.
enum Outcome {
    Done { what: What, id: String },
    Failed { reason: String, error: SendError },
    Skipped(String),
}

impl From<SendError> for Outcome {
    fn from(error: SendError) -> Self {
        Self::Failed { reason: error.to_string(), error }
    }
}

impl From<Unlanded> for Outcome {
    fn from(unlanded: Unlanded) -> Self {
        match unlanded {
            Unlanded::Refused(error) => error.into(),
            Unlanded::Taken(error, reason) => Self::Failed { reason, error },
        }
    }
}

impl<'a> Run<'a> {
    fn new(
        session: &'a Session<'a>,
        plan: &'a Plan,
        world: &'a World,
        options: Options,
        progress: &'a (dyn Fn(Progress) + Send + Sync),
    ) -> Self {
        let old = plan.steps.iter().filter_map(|step| match &step.action {
            Action::Recreate { id, .. } | Action::Delete { id, .. } => Some((step.kind, id.as_str())),
            _ => None,
        });
        // Nothing may hold on to an id that is about to be none.
        let old: HashSet<(Kind, &str)> = old.collect();
        let ids = world.objects.iter().filter_map(|live| {
            let mark = live.mark.as_ref().filter(|mark| mark.namespace == plan.namespace)?;
            let stays = !old.contains(&(live.kind, live.id.as_str()));
            stays.then(|| ((live.kind, mark.identity.clone()), live.id.clone()))
        });
        let ids = ids.collect();
        let leaving = plan.steps.iter().filter(|step| is_delete(step) && step.kind == Kind::Monitor);
        let leaving = leaving.filter_map(|step| step.action.id()).collect();
        let shared = Mutex::new(Shared { ids, ..Shared::default() });
        Self { session, plan, options, progress, leaving, shared }
    }

    /// Writes what is to be written: wave by wave, but nothing before what it refers to.
    async fn write_all(&self) {
        let mut pending: Vec<&Step> = self.plan.steps.iter().filter(|step| !is_delete(step)).collect();
        while !pending.is_empty() {
            let coming: HashSet<Key> = pending.iter().map(|step| key(step)).collect();
            let mut ready = Vec::new();
            let mut waiting = Vec::new();
            let mut lost = false;
            for step in pending {
                let open = self.open(step);
                match open.iter().find(|key| !coming.contains(key)) {
                    Some((kind, identity)) => {
                        lost = true;
                        let words = format!("it needs {kind} {identity}, which is not there and not made either");
                        self.note(step, Outcome::Skipped(words));
                    }
                    None if open.is_empty() => ready.push(step),
                    None => waiting.push((step, open)),
                }
            }
            pending = match ready.iter().map(|step| step.wave).min() {
                // Others may need what was lost: look again before anything is decided.
                _ if lost => ready.into_iter().chain(waiting.into_iter().map(|(step, _)| step)).collect(),
                Some(first) => {
                    let (wave, later): (Vec<&Step>, Vec<&Step>) =
                        ready.into_iter().partition(|step| step.wave == first);
                    self.wave(wave).await;
                    later.into_iter().chain(waiting.into_iter().map(|(step, _)| step)).collect()
                }
                None => self.untie(waiting).await,
            };
        }
    }

    /// Objects refer to each other in a circle, as a monitor does to the dashboard that shows it: the dashboards in it
    /// are made empty, so that they have ids. Returns what is still to be done.
    async fn untie<'b>(&self, waiting: Vec<(&'b Step, Vec<Key>)>) -> Vec<&'b Step> {
        let wanted: HashSet<&Key> = waiting.iter().flat_map(|(_, open)| open).collect();
        let (shells, others): (Vec<&Step>, Vec<&Step>) = waiting.iter().map(|(step, _)| *step).partition(|step| {
            step.kind == Kind::Dashboard && matches!(step.action, Action::Create { .. }) && wanted.contains(&key(step))
        });
        if shells.is_empty() {
            for step in others {
                self.note(step, Outcome::Skipped("it and others need each other".to_owned()));
            }
            return Vec::new();
        }
        let made: Vec<_> = shells.into_iter().map(|step| self.shell(step)).collect();
        let made: Vec<Option<&Step>> = stream::iter(made).buffer_unordered(CONCURRENCY).collect().await;
        others.into_iter().chain(made.into_iter().flatten()).collect()
    }

    /// Makes an empty dashboard; `None` when that failed, which is noted.
    async fn shell<'b>(&self, step: &'b Step) -> Option<&'b Step> {
        let Action::Create { body } = &step.action else { return Some(step) };
        let outcome = match self.halted(step.kind) {
            Some(because) => Outcome::Skipped(because),
            None => match land::create(self.session, &self.new_object(step, &empty(body))).await {
                Ok(landed) => {
                    self.with(|shared| {
                        shared.shells.insert(key(step), landed.id.clone());
                        shared.ids.insert(key(step), landed.id);
                    });
                    return Some(step);
                }
                Err(error) => error.into(),
            },
        };
        self.note(step, outcome);
        None
    }

    /// Deletes what is to be deleted: first what refers to others.
    async fn delete_all(&self) {
        let mut waves: BTreeMap<u8, Vec<&Step>> = BTreeMap::new();
        for step in self.plan.steps.iter().filter(|step| is_delete(step)) {
            waves.entry(step.wave).or_default().push(step);
        }
        for wave in waves.into_values() {
            self.wave(wave).await;
        }
    }

    async fn wave(&self, steps: Vec<&Step>) {
        let steps: Vec<_> = steps.into_iter().map(|step| self.step(step)).collect();
        stream::iter(steps).buffer_unordered(CONCURRENCY).for_each(|()| async {}).await;
    }

    async fn step(&self, step: &Step) {
        let outcome = match (&step.action, self.halted(step.kind)) {
            (Action::Blocked { because, .. }, _) => Outcome::Skipped(because.clone()),
            (_, Some(because)) => Outcome::Skipped(because),
            (Action::Create { body }, None) => self.create(step, body, What::Created).await,
            (Action::Update { id, body, cause, .. }, None) => {
                let what = if *cause == Cause::Adopt { What::Adopted } else { What::Updated };
                self.update(step, id, body, what).await
            }
            (Action::Recreate { id, body, .. }, None) => match self.delete(step, id).await {
                Outcome::Done { .. } => self.create(step, body, What::Recreated).await,
                failed => failed,
            },
            (Action::Delete { id, .. }, None) => self.delete(step, id).await,
        };
        self.note(step, outcome);
    }

    async fn create(&self, step: &Step, body: &Value, what: What) -> Outcome {
        if let Some(id) = self.with(|shared| shared.shells.get(&key(step)).cloned()) {
            return self.update(step, &id, body, what).await;
        }
        let body = self.body(step, body);
        match land::create(self.session, &self.new_object(step, &body)).await {
            Ok(landed) if landed.adopted => {
                self.with(|shared| shared.adopted.insert(landed.id.clone()));
                Outcome::Done { what: What::Adopted, id: landed.id }
            }
            Ok(landed) => Outcome::Done { what, id: landed.id },
            Err(error) => error.into(),
        }
    }

    async fn update(&self, step: &Step, id: &str, body: &Value, what: What) -> Outcome {
        let body = self.body(step, body);
        match self.session.persist(|| self.session.client.update(objects(step.kind), id, &body)).await {
            Ok(()) => Outcome::Done { what, id: id.to_owned() },
            Err(error) => error.into(),
        }
    }

    async fn delete(&self, step: &Step, id: &str) -> Outcome {
        let other = step.kind == Kind::Monitor && self.with(|shared| shared.adopted.contains(id));
        let client = self.session.client;
        let deleted = if other {
            Ok(())
        } else {
            self.session.persist(|| client.delete(objects(step.kind), id, self.options.force)).await
        };
        match deleted {
            Ok(()) | Err(SendError::NotFound { .. }) => Outcome::Done { what: What::Deleted, id: id.to_owned() },
            Err(error) => error.into(),
        }
    }

    /// What is sent for a step: every reference filled in, and in the fleet dashboard what is really owned.
    fn body(&self, step: &Step, body: &Value) -> Value {
        let (mut body, missing) = self.with(|shared| (filled(step.kind, body, &shared.ids).0, shared.missing.clone()));
        if step.identity.template == FLEET
            && let Some(mut mark) = Mark::read(step.kind, &body)
            && let Some(owned) = &mut mark.owned
        {
            // What was not made would look lost next time, and nothing would be written any more.
            for (kind, missing) in missing {
                let count = count_mut(owned, kind);
                *count = count.saturating_sub(missing);
            }
            Mark::strip(step.kind, &mut body);
            mark.write(step.kind, &mut body);
        }
        body
    }

    /// What a step still waits for.
    fn open(&self, step: &Step) -> Vec<Key> {
        match &step.action {
            Action::Create { body } | Action::Update { body, .. } | Action::Recreate { body, .. } => {
                self.with(|shared| filled(step.kind, body, &shared.ids).1)
            }
            Action::Delete { .. } | Action::Blocked { .. } => Vec::new(),
        }
    }

    /// Why a step of that kind is not begun.
    fn halted(&self, kind: Kind) -> Option<String> {
        let over = self.session.over();
        self.with(|shared| over.or_else(|| shared.stopped.clone()).or_else(|| shared.refused.get(&kind).cloned()))
    }

    fn new_object<'b>(&'b self, step: &'b Step, body: &'b Value) -> New<'b> {
        let Step { kind, identity, .. } = step;
        New { namespace: &self.plan.namespace, kind: *kind, identity, body, leaving: &self.leaving }
    }

    /// Notes what became of a step, and what that means for those that follow.
    fn note(&self, step: &Step, outcome: Outcome) {
        let item = Item::from(step);
        let ok = matches!(outcome, Outcome::Done { .. });
        let finished = self.with(|shared| {
            if !ok && matches!(step.action, Action::Create { .. } | Action::Recreate { .. }) {
                *shared.missing.entry(step.kind).or_default() += 1;
            }
            match outcome {
                Outcome::Done { what, id } => {
                    if what != What::Deleted {
                        shared.ids.insert(key(step), id.clone());
                    }
                    let link = (what != What::Deleted).then(|| link(&self.session.settings.site, step.kind, &id));
                    shared.report.done.push(Done { item, what, id, link });
                }
                Outcome::Failed { reason, error } => {
                    let advice = report::advice(&error, &item, is_delete(step));
                    if report::concerns_all(&error) || self.options.on_error == OnError::Stop {
                        let words = || format!("{} {} failed before it", item.kind, item.identity);
                        shared.stopped.get_or_insert_with(words);
                    } else if let SendError::Forbidden { scope, .. } = error {
                        shared.refused.insert(step.kind, format!("the application key lacks `{scope}`"));
                    }
                    shared.report.failed.push(Failed { item, reason, advice });
                }
                Outcome::Skipped(because) => shared.report.skipped.push(Skipped { item, because }),
            }
            shared.report.done.len() + shared.report.failed.len() + shared.report.skipped.len()
        });
        (self.progress)(Progress { finished, total: self.plan.steps.len() });
    }

    fn with<T>(&self, change: impl FnOnce(&mut Shared) -> T) -> T {
        change(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_delete(step: &Step) -> bool {
    matches!(step.action, Action::Delete { .. })
}

fn key(step: &Step) -> Key {
    (step.kind, step.identity.clone())
}

/// A dashboard without anything on it. Its mark tells no digest of ours, so that a next run sees that it has to be
/// written.
fn empty(body: &Value) -> Value {
    let mut shell = json!({
        "title": body["title"],
        "layout_type": body["layout_type"],
        "description": body["description"],
        "widgets": [],
    });
    if let Some(mark) = Mark::read(Kind::Dashboard, &shell) {
        Mark::strip(Kind::Dashboard, &mut shell);
        shell["description"] = json!("");
        Mark { digest: String::new(), ..mark }.write(Kind::Dashboard, &mut shell);
    }
    shell
}
