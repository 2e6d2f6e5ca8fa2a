//! What of the world is ours.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::provision::guard::created;
use crate::provision::object::{Identity, Kind, Live, Mark, World};

/// An object within a namespace.
pub(super) type Key<'a> = (Kind, &'a Identity);

/// The objects of one namespace.
pub(super) struct Ours<'a> {
    /// All of them.
    pub(super) all: Vec<&'a Live>,
    /// One of each identity, with its mark.
    pub(super) kept: HashMap<Key<'a>, (&'a Live, &'a Mark)>,
    /// What a race has made a second time: those that are too many.
    pub(super) doubled: Vec<(&'a Live, &'a Mark)>,
}

impl<'a> Ours<'a> {
    pub(super) fn of(world: &'a World, namespace: &str) -> Self {
        let mut ours = Self { all: Vec::new(), kept: HashMap::new(), doubled: Vec::new() };
        for live in &world.objects {
            let Some(mark) = live.mark.as_ref().filter(|mark| mark.namespace == namespace) else { continue };
            ours.all.push(live);
            match ours.kept.entry((live.kind, &mark.identity)) {
                Entry::Vacant(entry) => {
                    entry.insert((live, mark));
                }
                Entry::Occupied(mut entry) => {
                    let newer =
                        if age(live, entry.get().0).is_lt() { entry.insert((live, mark)) } else { (live, mark) };
                    ours.doubled.push(newer);
                }
            }
        }
        ours.doubled.sort_by_key(|(live, _)| (live.kind, &live.id));
        ours
    }
}

/// The older one is less, else the one with the lower id. A monitor's id is a number that grows.
fn age(one: &Live, other: &Live) -> Ordering {
    let number = |live: &Live| (live.kind == Kind::Monitor).then(|| live.id.parse::<u64>().ok()).flatten();
    let by_number = number(one).zip(number(other)).map_or(Ordering::Equal, |(one, other)| one.cmp(&other));
    let by_time = created(one).zip(created(other)).map_or(Ordering::Equal, |(one, other)| one.cmp(&other));
    by_number.then(by_time).then_with(|| one.id.cmp(&other.id))
}
