//! Whether Datadog is still as it was when a plan was made. Pure.

use crate::provision::object::{Identity, Kind, Live, World};
use crate::provision::plan::{Action, Plan, Step, fingerprint};

/// What has changed since under the plan's feet, a line each. Carrying out the plan all the same would undo it.
#[must_use]
pub fn moved(plan: &Plan, world: &World) -> Vec<String> {
    let moved = plan.steps.iter().filter_map(|step| {
        let Step { kind, identity, title, .. } = step;
        match &step.action {
            Action::Create { .. } => {
                let live = world.objects.iter().find(|live| is(live, &plan.namespace, *kind, identity))?;
                Some(format!("{kind} {identity} ({title}) exists now: {}", live.id))
            }
            Action::Update { id, .. } | Action::Recreate { id, .. } | Action::Delete { id, .. } => {
                match find(world, *kind, id) {
                    None => Some(format!("{kind} {identity} ({title}) is gone: {id}")),
                    Some(live) if Some(fingerprint(live)) != step.was => {
                        Some(format!("{kind} {identity} ({title}) has been changed: {id}"))
                    }
                    Some(_) => None,
                }
            }
            Action::Blocked { .. } => None,
        }
    });
    moved.collect()
}

/// The object of that kind and id.
pub(super) fn find<'a>(world: &'a World, kind: Kind, id: &str) -> Option<&'a Live> {
    world.objects.iter().find(|live| live.kind == kind && live.id == id)
}

/// Whether a live object is the one that is meant.
pub(super) fn is(live: &Live, namespace: &str, kind: Kind, identity: &Identity) -> bool {
    let mark = live.mark.as_ref().filter(|mark| mark.namespace == namespace);
    live.kind == kind && mark.is_some_and(|mark| mark.identity == *identity)
}
