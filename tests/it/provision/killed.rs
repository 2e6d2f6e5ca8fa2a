//! Killed at any moment, and run again: everything is there once.

use std::collections::BTreeMap;

use ddsync::provision::object::{Identity, Kind};
use ddsync::sim::{Fault, Rule, Write};

use super::{apply, census, scene, stored};
use crate::kill::{self, SEED};
use crate::process::wait_for;
use crate::scene::Scene;

/// So often is it killed at least, each time while it works.
const KILLS: u32 = 16;
/// Real milliseconds between a start and the next kill, and between its first write and every other kill.
const LIVES: (u64, u64) = (300, 4_000);
const AMID_WRITES: (u64, u64) = (0, 1_000);
/// Milliseconds that every write takes: all of them take a long time.
const SLOW: u64 = 800;

const WRITES: [&str; 6] =
    ["create_monitor", "create_slo", "create_dashboard", "update_monitor", "update_slo", "update_dashboard"];

fn faults() -> Vec<Rule> {
    let rule = |kind, probability| Rule::new("datadog", kind).with_probability(probability);
    let slow = WRITES.iter().map(|operation| Rule::new("datadog", Fault::Slow(SLOW)).on(operation));
    let lost = WRITES.iter().map(|operation| rule(Fault::LostAnswer, 0.1).on(operation));
    slow.chain(lost).chain([rule(Fault::ServerError(500), 0.08)]).collect()
}

fn written(scene: &Scene) -> u64 {
    scene.sim.writes().values().sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_moments_an_apply_makes_everything_once() {
    let seed = kill::seed();
    let again = format!("seed {seed}; the same again: {SEED}={seed} cargo test --test it provision::killed");
    // So slowly that no pipeline comes or goes meanwhile.
    let scene = scene(1.0).await;
    let planned = scene.run(&["plan", "--json"]).await;
    assert_eq!(planned.code, Some(0), "{}", planned.whole());
    let steps = planned.json()["steps"].as_array().cloned().expect("steps");
    let wanted: BTreeMap<(Kind, Identity), usize> = steps
        .iter()
        .map(|step| {
            let kind = Kind::parse(step["kind"].as_str().expect("a kind")).expect("a kind that is one");
            let identity = Identity::parse(step["identity"].as_str().expect("an identity"));
            ((kind, identity.expect("an identity that is one")), 1)
        })
        .collect();
    assert!(wanted.len() > 150, "{} objects", wanted.len());

    scene.sim.faults().set(faults());
    let mut amid_writes = 0;
    for number in 0..KILLS {
        let before = written(&scene);
        let mut child = scene.start(&["apply", "--auto-approve"]);
        let writes = number % 2 == 1;
        if writes {
            wait_for("it does not write", async || written(&scene) > before).await;
        }
        tokio::time::sleep(kill::life(seed, number, if writes { AMID_WRITES } else { LIVES })).await;
        let ended = child.try_wait().expect("it can be waited for");
        assert!(ended.is_none(), "it ended by itself with {ended:?} before kill {number}; {again}");
        child.kill().await.expect("it can be killed");
        amid_writes += u32::from(written(&scene) > before);
    }
    let fired = scene.sim.faults().fired();
    assert!(amid_writes >= KILLS / 2, "only {amid_writes} kills hit it while it wrote; {again}");
    let left = wanted.len() - census(&scene).len();
    assert!(left > 0, "nothing was left to do; {again}");

    let ended = apply(&scene).await;
    assert_eq!(ended.code, Some(0), "{again}\n{}", ended.whole());
    assert!(scene.sim.faults().fired() > fired, "the last run met no fault; {again}");
    assert_eq!(census(&scene), wanted, "{again}");
    let unfinished = stored(&scene).into_iter().find(|(.., body)| body.to_string().contains("<ref:"));
    assert_eq!(unfinished, None, "{again}");

    scene.sim.faults().clear();
    let before = scene.sim.writes();
    let second = apply(&scene).await;
    assert_eq!(second.code, Some(0), "{again}\n{}", second.whole());
    assert_eq!(scene.sim.writes(), before, "a second apply writes; {again}\n{}", second.whole());
    let deletes = before.keys().filter(|(_, write)| *write == Write::Delete).count();
    assert_eq!(deletes, 0, "nothing had to be deleted; {again}");
}
