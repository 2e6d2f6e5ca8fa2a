#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use super::*;
use crate::clock::Clock;
use crate::config::settings::StateLocation;
use crate::model::dora::{
    Action, Attribution, Commit, Deployment, Life, NoCommit, Origin, RunState, SignalKind, Unit, Verdict, Word,
};

const DAY: i64 = 86_400;
/// 26 November 2026.
const NOW: i64 = 1_795_651_200;
const NOVEMBER: &str = "ledger/2026-11.json";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).unwrap()
}

fn open(folder: &Path) -> Store {
    Store::open(&StateLocation::Folder(folder.to_owned()), "test", Clock::Real).unwrap()
}

async fn load(folder: &Path) -> StoredLedger {
    StoredLedger::load(&open(folder), now()).await.unwrap()
}

async fn save(folder: &Path, facts: impl IntoIterator<Item = Fact>) -> usize {
    let store = open(folder);
    let mut stored = StoredLedger::load(&store, now()).await.unwrap();
    for fact in facts {
        stored.observe(fact);
    }
    stored.save(&store).await.unwrap()
}

/// A deployment so many days before [`NOW`].
fn deployment(run: u64, days: i64) -> Deployment {
    Deployment {
        run,
        action: Action::Up,
        unit: Unit::new("lease", "data_prod"),
        created_at: NOW - days * DAY,
        origin: Origin {
            by: Attribution::Title,
            as_of: NOW,
            repository: "acme/ml".into(),
            workflow: ".github/workflows/deploy.yml".into(),
            title: "up".into(),
            url: String::new(),
            yaml: "pipelines/lease.yaml".into(),
            branch: None,
        },
        commit: Commit::Unknown(NoCommit::NotAsked),
        team: None,
        version: None,
        attempts: BTreeMap::new(),
    }
}

fn deployed(run: u64, days: i64) -> Fact {
    Fact::Deployment(deployment(run, days))
}

fn word(of: &Deployment) -> Fact {
    Fact::Word { id: of.id(), word: Word { at: NOW, verdict: Verdict::Failed, because: "x".into(), by: None } }
}

fn run(id: u64, days: i64) -> Fact {
    Fact::Run(Run {
        as_of: NOW,
        state: RunState::NoInputs,
        id,
        created_at: NOW - days * DAY,
        repository: "acme/ml".into(),
        workflow: ".github/workflows/deploy.yml".into(),
        title: "Deploy".into(),
        url: String::new(),
    })
}

fn signal(days: i64) -> Fact {
    Fact::Signal(Signal {
        as_of: NOW,
        withdrawn: false,
        key: format!("monitor:{days}"),
        unit: Unit::new("lease", "data_prod"),
        kind: SignalKind::EndpointFailed,
        at: NOW - days * DAY,
        words: String::new(),
        link: None,
    })
}

/// Of everything one, in three months and in none.
fn facts() -> Vec<Fact> {
    let life = Life { seen: Some(NOW), ..Life::default() };
    vec![
        deployed(1, 0),
        deployed(2, 40),
        Fact::Life { id: deployment(2, 40).id(), life },
        run(3, 40),
        signal(80),
        word(&deployment(4, 0)),
    ]
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder.join("ledger")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn every_fact_has_a_home_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(save(dir.path(), facts()).await, 6);
    let names = ["2026-09.json", "2026-10.json", "2026-11.json", "index.json", "loose.json", "words.json"];
    assert_eq!(files(dir.path()), names);
    let mut wanted = Ledger::default();
    for fact in facts() {
        wanted.observe(fact);
    }
    assert_eq!(load(dir.path()).await.ledger(), &wanted);
    let reader = Store::peek(&StateLocation::Folder(dir.path().to_owned())).unwrap();
    assert_eq!(StoredLedger::load(&reader, now()).await.unwrap().ledger(), &wanted);
    let missing = Store::peek(&StateLocation::Folder(dir.path().join("missing"))).unwrap();
    assert_eq!(StoredLedger::load(&missing, now()).await.unwrap().ledger(), &Ledger::default());
}

#[tokio::test]
async fn only_what_changed_is_written() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), facts()).await;
    assert_eq!(save(dir.path(), facts()).await, 0);
    let before = std::fs::read(dir.path().join("ledger/2026-10.json")).unwrap();
    assert_eq!(save(dir.path(), [deployed(5, 1)]).await, 1);
    assert_eq!(std::fs::read(dir.path().join("ledger/2026-10.json")).unwrap(), before);
    // What a word was said of has come: it moves from the loose ones to its month.
    assert_eq!(save(dir.path(), [deployed(4, 0)]).await, 2);
    let moved = load(dir.path()).await;
    assert_eq!(moved.ledger().entries[&deployment(4, 0).id()].words.len(), 1);
    assert!(!std::fs::read_to_string(dir.path().join("ledger/loose.json")).unwrap().contains("because"));
}

#[tokio::test]
async fn a_kill_between_two_objects_loses_nothing_that_was_known() {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The last fact tells that run 2 was created a month earlier than it seemed.
    let more =
        || [deployed(4, 0), run(6, 20), signal(2), deployed(2, 80), word(&deployment(7, 0)), word(&deployment(2, 80))];
    save(before.path(), facts()).await;
    save(after.path(), facts()).await;
    save(after.path(), more()).await;
    let (old, whole) = (load(before.path()).await, load(after.path()).await);
    let order = ["index.json", "2026-09.json", "2026-10.json", "2026-11.json", "loose.json"];
    for written in 0..=order.len() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("ledger")).unwrap();
        for (number, name) in order.iter().enumerate() {
            let from = if number < written { after.path() } else { before.path() };
            std::fs::copy(from.join("ledger").join(name), dir.path().join("ledger").join(name)).unwrap();
        }
        let mut killed = load(dir.path()).await.ledger().clone();
        assert!(!killed.clone().merge(old.ledger().clone()), "{written}: something was lost");
        // What was collected is collected again, since its watermark was not saved.
        for fact in more() {
            killed.observe(fact);
        }
        assert_eq!(&killed, whole.ledger(), "{written}");
        save(dir.path(), more()).await;
        assert_eq!(load(dir.path()).await.ledger(), whole.ledger(), "{written}");
    }
}

#[tokio::test]
async fn a_part_that_is_corrupt_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), facts()).await;
    std::fs::write(dir.path().join(NOVEMBER), "{\"version\":1,").unwrap();
    let reader = Store::peek(&StateLocation::Folder(dir.path().to_owned())).unwrap();
    let read = StoredLedger::load(&reader, now()).await.unwrap();
    assert_eq!((read.set_aside().len(), read.ledger().deployments().count()), (1, 1));
    let found = load(dir.path()).await;
    let [aside] = found.set_aside() else { unreachable!("{:?}", found.set_aside()) };
    assert_eq!((aside.object.as_str(), aside.since), (NOVEMBER, Some(1_793_491_200)));
    assert!(aside.words.contains("2026-11.json.corrupt-"), "{}", aside.words);
    assert_eq!(found.ledger().deployments().map(|it| it.run).collect::<Vec<_>>(), [2]);
    save(dir.path(), []).await;
    assert_eq!(load(dir.path()).await.set_aside(), [], "it is told once");
    save(dir.path(), [deployed(1, 0)]).await;
    assert_eq!(load(dir.path()).await.ledger().deployments().count(), 2);
}

#[tokio::test]
async fn a_month_that_is_not_there_is_missed_and_what_people_said_is_not_lost_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (deployment(1, 0), deployment(2, 0));
    save(dir.path(), [Fact::Deployment(good.clone()), Fact::Deployment(bad.clone()), word(&bad)]).await;
    let told = |found: &StoredLedger| {
        let told = found.set_aside().iter().map(|part| (part.object.clone(), part.since)).collect::<Vec<_>>();
        (told, found.ledger().deployments().count(), found.ledger().entries[&bad.id()].words.len())
    };
    assert_eq!(told(&load(dir.path()).await), (Vec::new(), 2, 1));
    std::fs::remove_file(dir.path().join(NOVEMBER)).unwrap();
    assert_eq!(told(&load(dir.path()).await), (vec![(NOVEMBER.to_owned(), Some(1_793_491_200))], 0, 1));
    // Read anew it is whole again.
    save(dir.path(), [Fact::Deployment(good), Fact::Deployment(bad.clone())]).await;
    assert_eq!(told(&load(dir.path()).await), (Vec::new(), 2, 1));
}

#[tokio::test]
async fn without_its_index_everything_is_found() {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), facts()).await;
    // Nobody would look for this one by the time of day.
    save(dir.path(), [deployed(9, -100)]).await;
    assert_eq!(load(dir.path()).await.ledger().deployments().count(), 3);
    std::fs::write(dir.path().join("ledger/index.json"), "{").unwrap();
    let found = load(dir.path()).await;
    assert_eq!((found.set_aside()[0].since, found.ledger().deployments().count()), (None, 2));
    save(dir.path(), [deployed(10, -100)]).await;
    assert_eq!(load(dir.path()).await.ledger().deployments().count(), 4, "what was there is joined, not overwritten");
}

#[tokio::test]
async fn months_that_are_old_are_emptied_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (old, kept) = (deployment(1, 460), deployment(2, 399));
    save(dir.path(), [Fact::Deployment(old.clone()), word(&old), Fact::Deployment(kept.clone())]).await;
    let store = open(dir.path());
    let mut stored = StoredLedger::load(&store, now()).await.unwrap();
    assert!(stored.prune(now()));
    assert_eq!(stored.save(&store).await.unwrap(), 3, "the index, the month, and the words");
    assert!(!stored.prune(now() + TimeDelta::days(1)), "a month is forgotten once a month");
    drop(store);
    let later = load(dir.path()).await;
    assert_eq!(later.ledger().deployments().map(|it| it.run).collect::<Vec<_>>(), [2]);
    assert_eq!(later.ledger().pruned_before, 1_759_276_800, "1 October 2025");
    let kept = std::fs::read_to_string(dir.path().join("ledger/2025-10.json")).unwrap();
    assert!(kept.contains("lease"), "{kept}");
    let gone = std::fs::read_to_string(dir.path().join("ledger/2025-08.json")).unwrap();
    assert!(gone.ends_with(r#""data":{"entries":{},"runs":{},"signals":{}}}"#), "{gone}");
    assert_eq!(save(dir.path(), [Fact::Deployment(old)]).await, 0, "it does not come back");
}

#[test]
fn an_instant_that_no_clock_shows_has_no_month() {
    for at in [i64::MIN, -1, i64::MAX, 400_000_000_000] {
        assert_eq!(Part::of(at), Part::Loose, "{at}");
    }
    assert_eq!(Part::of(NOW), Part::Month("2026-11".into()));
    assert_eq!(first_day("2026-13").or(first_day("../x")).or(first_day("2026-1")), None);
}
