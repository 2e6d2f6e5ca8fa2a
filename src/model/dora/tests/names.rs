//! Ids, and names that look alike.

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

proptest! {
    #[test]
    fn for_all_names_an_id_is_legal(run in any::<u64>(), pipeline in any::<String>(), environment in ".{0,150}") {
        let id = DeploymentId::new(run, Action::Preview, &Unit::new(pipeline, environment));
        prop_assert!(is_legal(id.as_str()), "{}", id);
    }

    #[test]
    fn for_all_pairs_of_names_only_equal_ones_share_an_id(
        a in ("[a:. ]{0,3}", "[a:. ]{0,3}"), b in ("[a:. ]{0,3}", "[a:. ]{0,3}"), runs in (0u64..2, 0u64..2),
    ) {
        let id = |run, (pipeline, environment): &(String, String)| {
            DeploymentId::new(run, Action::Up, &Unit::new(pipeline.as_str(), environment.as_str()))
        };
        prop_assert_eq!(id(runs.0, &a) == id(runs.1, &b), runs.0 == runs.1 && a == b);
    }
}
