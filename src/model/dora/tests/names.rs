//! Ids, and names that look alike.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn is_legal(id: &str) -> bool {
    (16..=MAX_ID).contains(&id.len())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
}

#[test]
fn an_id_can_be_read_when_its_names_can() {
    let id = DeploymentId::new(17_234_567_890, Action::Up, &Unit::new("lease", "data_prod"));
    assert_eq!(id.as_str(), "ddsync:17234567890:up:data_prod:lease");
    assert_eq!(DeploymentId::new(1, Action::Up, &Unit::new("p", "e")).as_str(), "ddsync:00000000001:up:e:p");
    // It is in Datadog and in ledgers: it may never change.
    let odd = DeploymentId::new(1, Action::Destroy, &Unit::new("Verträge & Co", "data_prod"));
    assert_eq!(odd.as_str(), "ddsync:00000000001:8e8af9df9cad29366058e89b6ac897c5");
}

#[test]
fn names_that_are_one_tag_are_two_ids_one_unit_and_never_silent() {
    let (a, b) = (up(1, 1, at(1, 0)).of("my lease", "data_prod"), up(1, 1, at(1, 0)).of("my_lease", "data_prod"));
    assert_ne!(a.id(), b.id());
    assert_eq!(a.unit.key(), b.unit.key());
    let ledger = deployed(&[a.clone(), b.clone(), up(2, 1, at(2, 0))]);
    assert_eq!(ledger.collisions().into_values().collect::<Vec<_>>(), [[a.unit, b.unit].into()]);
}

#[test]
fn no_two_pairs_of_names_share_an_id() {
    let names = ["", "a", "a:a", "a:", ":a", "a.a", "a a", "A"];
    let units = names.iter().flat_map(|a| names.iter().map(|b| Unit::new(*a, *b)));
    let ids: Vec<DeploymentId> =
        units.flat_map(|unit| [1, 2].map(|run| DeploymentId::new(run, Action::Up, &unit))).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

proptest! {
    #[test]
    fn for_all_names_an_id_is_legal(run in any::<u64>(), pipeline in any::<String>(), environment in ".{0,150}") {
        let id = DeploymentId::new(run, Action::Preview, &Unit::new(pipeline, environment));
        prop_assert!(is_legal(id.as_str()), "{}", id);
    }
}
