//! What is done with each object.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::filter::with_needed;
use super::ours::{Key, Ours};
use super::{Action, Cause, Choice, Extra, FLEET, FieldChange, Filter, Plan, Step, VERSION, fingerprint, mark, wave};
use crate::config::settings::Provision;
use crate::provision::compare::{carry, differences, extras, extras_of_same, frozen, is_same, written};
use crate::provision::guard::{self, Refusal};
use crate::provision::object::{Counts, Desired, Identity, Kind, Live, Mark, Subject, World, digest_in};

/// How to plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Which installation.
    pub namespace: String,
    /// Unix seconds.
    pub now: i64,
    /// How long an object is kept when nothing is left that it is about.
    pub grace_seconds: i64,
    /// Whether it is deleted after that.
    pub prune: bool,
    /// Whether an object is deleted and made anew when Datadog cannot change it.
    pub recreate: bool,
    /// Whether a list that is implausibly short is believed.
    pub accept_shrunk: bool,
    /// Which objects it is about.
    pub filter: Filter,
    /// Objects that Datadog does not let go, by kind and id, and why.
    pub undeletable: BTreeMap<(Kind, String), String>,
}

impl Options {
    /// Those of a configuration, about everything.
    #[must_use]
    pub fn of(settings: &Provision, now: i64) -> Self {
        Self {
            namespace: settings.namespace.clone(),
            now,
            grace_seconds: i64::try_from(settings.grace.as_secs()).unwrap_or(i64::MAX),
            prune: settings.prune,
            ..Self::default()
        }
    }
}

/// What is to be done so that `world` has what is `desired`, which is always the whole of it: an object of ours that is
/// not in it has lost what it is about. Objects without our mark, or of another namespace, are not touched.
///
/// # Errors
/// When what Datadog lists is implausibly little.
pub fn plan(desired: &[Desired], world: &World, options: &Options) -> Result<Plan, Refusal> {
    let ours = Ours::of(world, &options.namespace);
    let choice = Choice::new(&options.filter, desired, world);
    let mut planner = Planner::new(&ours, options, &choice);
    for one in planner.choose(desired) {
        planner.want(one);
    }
    planner.conclude(world)
}

/// As [`plan`], of objects that `each` hands over one after the other, so that all of them need not be held at once.
/// `None` when that is not enough, since what is done with one object depends on others: then take [`plan`].
///
/// # Errors
/// Those of `each`, and when what Datadog lists is implausibly little.
pub fn plan_each<E: From<Refusal>>(
    each: impl FnOnce(&mut dyn FnMut(&Desired)) -> Result<(), E>,
    world: &World,
    options: &Options,
) -> Result<Option<Plan>, E> {
    if !options.filter.is_everything() || options.recreate {
        return Ok(None);
    }
    let ours = Ours::of(world, &options.namespace);
    let choice = Choice::new(&options.filter, &[], world);
    let mut planner = Planner::new(&ours, options, &choice);
    each(&mut |one| {
        if planner.note(one) {
            planner.want(one);
        }
    })?;
    Ok(Some(planner.conclude(world)?))
}

/// Makes a step that creates an object into one that takes over `live`, which Datadog says is the same, or which a person
/// named. `None` when it is not ours to take: it carries a mark, or cannot become what it should be.
#[must_use]
pub fn adopt(step: &Step, live: &Live) -> Option<Step> {
    let Action::Create { body } = &step.action else { return None };
    let mark = Mark::read(step.kind, body)?;
    let mut desired = body.clone();
    Mark::strip(step.kind, &mut desired);
    if live.kind != step.kind || live.mark.is_some() || frozen(step.kind, &desired, &live.body).is_some() {
        return None;
    }
    let fields = differences(step.kind, &desired, &live.body);
    carry(step.kind, &mut desired, &live.body, true);
    mark.write(step.kind, &mut desired);
    let action = Action::Update { id: live.id.clone(), body: desired, fields, cause: Cause::Adopt };
    Some(Step { action, was: Some(fingerprint(live)), ..step.clone() })
}

pub(super) struct Planner<'a> {
    pub(super) ours: &'a Ours<'a>,
    pub(super) options: &'a Options,
    pub(super) choice: &'a Choice<'a>,
    pub(super) plan: Plan,
    /// All that is wanted.
    pub(super) wanted: BTreeMap<Kind, HashSet<Identity>>,
    /// Made anew in this plan, so that their ids are not known yet.
    anew: HashSet<Key<'a>>,
    /// Whether any dashboard is chosen.
    wants_dashboards: bool,
    /// Dashboards that know how much is owned come last.
    fleet: Vec<Desired>,
    /// For digests.
    written: Vec<u8>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(ours: &'a Ours<'a>, options: &'a Options, choice: &'a Choice<'a>) -> Self {
        let plan = Plan { version: VERSION, namespace: options.namespace.clone(), ..Plan::default() };
        let (wanted, anew, wants_dashboards, fleet, written) = Default::default();
        Self { ours, options, choice, plan, wanted, anew, wants_dashboards, fleet, written }
    }

    /// Remembers what is wanted. Whether it is the first of its identity.
    fn note(&mut self, one: &Desired) -> bool {
        let first = self.wanted.entry(one.kind).or_default().insert(one.identity.clone());
        if !first {
            self.plan.findings.push(format!("{} {} is wanted twice: the first is taken", one.kind, one.identity));
        }
        first
    }

    /// What the plan is about.
    fn choose(&mut self, desired: &'a [Desired]) -> Vec<&'a Desired> {
        let mut chosen = Vec::with_capacity(desired.len());
        for one in desired {
            if self.note(one) && self.choice.has(one.kind, &one.identity, &one.body) {
                chosen.push(one);
            }
        }
        if !self.options.filter.is_everything() {
            let is_there = |kind: Kind, identity: &Identity| self.ours.kept.contains_key(&(kind, identity));
            chosen = with_needed(chosen, desired, &is_there);
        }
        for one in &chosen {
            let live = self.ours.kept.get(&(one.kind, &one.identity));
            if let Some((live, _)) = live
                && self.options.recreate
                && self.held(live).is_none()
                && frozen(one.kind, &one.body, &live.body).is_some()
            {
                self.anew.insert((one.kind, &one.identity));
            }
        }
        chosen
    }

    fn want(&mut self, one: &Desired) {
        self.wants_dashboards |= one.kind == Kind::Dashboard;
        if is_fleet(one.kind, &one.identity) {
            self.fleet.push(one.clone());
        } else {
            self.decide(one, None);
        }
    }

    /// Once all that is wanted is known.
    fn conclude(mut self, world: &World) -> Result<Plan, Refusal> {
        let Options { namespace, now, accept_shrunk, .. } = self.options;
        if !accept_shrunk {
            guard::check(namespace, &self.ours.all, world.lists_dashboards, self.wants_dashboards, *now)?;
        }
        self.vanish();
        self.drop_doubled();
        let mut owned = self.owned_after();
        for one in std::mem::take(&mut self.fleet) {
            owned.dashboards += usize::from(!self.ours.kept.contains_key(&(one.kind, &one.identity)));
            self.decide(&one, Some(owned));
        }
        Ok(self.finish())
    }

    /// Puts the steps in order.
    pub(super) fn finish(mut self) -> Plan {
        self.remember_shrinking();
        let order = |step: &Step| (step.wave, step.kind, step.identity.clone(), step.action.id().map(str::to_owned));
        self.plan.steps.sort_by_cached_key(order);
        self.plan
    }

    fn decide(&mut self, desired: &Desired, owned: Option<Counts>) {
        let Desired { kind, ref identity, .. } = *desired;
        let ids = |kind: Kind, identity: &Identity| {
            let key = (kind, identity);
            self.ours.kept.get(&key).filter(|_| !self.anew.contains(&key)).map(|(live, _)| live.id.clone())
        };
        let namespace = self.options.namespace.clone();
        let digest = digest_in(&desired.body, &mut self.written);
        let mark = Mark { namespace, identity: identity.clone(), digest, gone_since: None, owned };
        let live = self.ours.kept.get(&(kind, identity));
        if let Some((live, old)) = live
            && **old == mark
            && is_same(kind, &desired.body, &live.body, &ids)
        {
            self.plan.unchanged += 1;
            self.keep_in_mind(kind, identity, extras_of_same(kind, &desired.body, &live.body));
            return;
        }
        let (body, open) = written(kind, &desired.body, &ids);
        let action = match live {
            None => Action::Create { body: marked(kind, body, &mark) },
            Some((live, _)) if let Some(because) = frozen(kind, &body, &live.body) => {
                self.replacement(live, marked(kind, body, &mark), because)
            }
            Some((live, old)) => self.update(live, old, body, &mark, open),
        };
        let wave = wave::of_write(kind, identity, &desired.body);
        let title = kind.title(&desired.body).to_owned();
        let was = live.map(|(live, _)| fingerprint(live));
        self.plan.steps.push(Step { kind, identity: identity.clone(), title, wave, action, was });
    }

    /// What is done when Datadog cannot change what has to change.
    fn replacement(&self, live: &Live, body: Value, because: String) -> Action {
        let id = live.id.clone();
        match self.held(live) {
            Some(held) => Action::Blocked { id, because: format!("{because}, and it cannot be deleted: {held}") },
            None if self.options.recreate => Action::Recreate { id, body, because },
            None => {
                let because =
                    format!("{because}: run again with --recreate to delete it, with its history, and make it anew");
                Action::Blocked { id, because }
            }
        }
    }

    fn update(&mut self, live: &Live, old: &Mark, mut body: Value, mark: &Mark, open: bool) -> Action {
        let kind = live.kind;
        let mut fields = differences(kind, &body, &live.body);
        let cause = if old.gone_since.is_some() {
            Cause::Back
        } else if old.digest != mark.digest || fields.is_empty() || open {
            Cause::Change
        } else {
            Cause::Drift
        };
        // What a template no longer says looks like what a person added: when the template has changed, it goes.
        let keep = old.digest == mark.digest;
        let (kept, dropped) = if keep {
            let kept = extras(kind, &body, &live.body);
            carry(kind, &mut body, &live.body, keep);
            (kept, Vec::new())
        } else {
            let own_tags = tags(&body).len();
            carry(kind, &mut body, &live.body, keep);
            let kept = tags(&body)[own_tags..].iter().map(|tag| ("tags".to_owned(), tag.clone())).collect();
            (kept, extras(kind, &body, &live.body))
        };
        self.keep_in_mind(kind, &mark.identity, kept);
        for (path, old) in dropped {
            // Datadog keeps the priority of a monitor that says nothing about it.
            if path == "priority" {
                body[path.as_str()] = Value::Null;
            }
            fields.push(FieldChange { path, old, new: Value::Null });
        }
        fields.extend(mark::changes(old, mark));
        Action::Update { id: live.id.clone(), body: marked(kind, body, mark), fields, cause }
    }

    fn keep_in_mind(&mut self, kind: Kind, identity: &Identity, added: Vec<(String, Value)>) {
        let extra = |(path, value)| Extra { kind, identity: identity.clone(), path, value };
        self.plan.extras.extend(added.into_iter().map(extra));
    }

    /// Why Datadog does not let it go, when it does not.
    fn held(&self, live: &Live) -> Option<&'a String> {
        self.options.undeletable.get(&(live.kind, live.id.clone()))
    }

    /// What is owned when the plan so far is carried out.
    fn owned_after(&self) -> Counts {
        let mut owned = guard::counts(&self.ours.all);
        for step in &self.plan.steps {
            let count = guard::count_mut(&mut owned, step.kind);
            match step.action {
                Action::Create { .. } => *count += 1,
                Action::Delete { .. } => *count -= 1,
                Action::Update { .. } | Action::Recreate { .. } | Action::Blocked { .. } => {}
            }
        }
        owned
    }

    /// A plan that leaves the fleet dashboard out and takes much away would make the next list look implausibly short:
    /// then the fleet dashboard has to remember it.
    fn remember_shrinking(&mut self) {
        let identity = Identity::new(FLEET, Subject::Global);
        let Some(&(live, old)) = self.ours.kept.get(&(Kind::Dashboard, &identity)) else { return };
        let owned = self.owned_after();
        if old.owned.and_then(|before| guard::shrunk(before, owned)).is_none() {
            return;
        }
        let planned = self.plan.steps.iter().position(|step| is_fleet(step.kind, &step.identity));
        match planned.map(|at| &self.plan.steps[at].action) {
            None => self.remark(live, old, &Mark { owned: Some(owned), ..old.clone() }, Cause::Change),
            // It has vanished itself, and keeps what it remembers.
            Some(Action::Update { cause: Cause::Gone, .. }) => {
                self.plan.steps.retain(|step| !is_fleet(step.kind, &step.identity));
                let gone_since = Some(self.options.now);
                self.remark(live, old, &Mark { owned: Some(owned), gone_since, ..old.clone() }, Cause::Gone);
            }
            Some(_) => {}
        }
    }

    /// Writes an object as it is, with another mark.
    pub(super) fn remark(&mut self, live: &Live, old: &Mark, new: &Mark, cause: Cause) {
        let (id, body) = (live.id.clone(), mark::remarked(live, new));
        let action = Action::Update { id, body, fields: mark::changes(old, new), cause };
        let wave = wave::of_write(live.kind, &new.identity, &live.body);
        self.push(live, &new.identity, wave, action);
    }

    /// Deletes an object, if Datadog lets it go.
    pub(super) fn delete(&mut self, live: &Live, identity: &Identity, because: String) {
        let id = live.id.clone();
        let action = match self.held(live) {
            Some(held) => Action::Blocked { id, because: format!("it cannot be deleted: {held}") },
            None => Action::Delete { id, because },
        };
        self.push(live, identity, wave::of_delete(live.kind, identity, &live.body), action);
    }

    fn push(&mut self, live: &Live, identity: &Identity, wave: u8, action: Action) {
        let (kind, title, was) = (live.kind, live.kind.title(&live.body).to_owned(), Some(fingerprint(live)));
        self.plan.steps.push(Step { kind, identity: identity.clone(), title, wave, action, was });
    }
}

fn marked(kind: Kind, mut body: Value, mark: &Mark) -> Value {
    mark.write(kind, &mut body);
    body
}

fn tags(body: &Value) -> &[Value] {
    body.get("tags").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn is_fleet(kind: Kind, identity: &Identity) -> bool {
    kind == Kind::Dashboard && identity.template == FLEET
}
