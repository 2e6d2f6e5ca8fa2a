#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use object_store::memory::InMemory;
use serde::Deserialize;

use super::*;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Checkpoint {
    watermark: i64,
}

const FIRST: Checkpoint = Checkpoint { watermark: 1 };
const SECOND: Checkpoint = Checkpoint { watermark: 2 };

fn key() -> Key {
    Key::scoped("hot", Scope { account: "prod".into(), region: "us-west-2".into() })
}

fn folder(path: impl Into<PathBuf>) -> StateLocation {
    StateLocation::Folder(path.into())
}

/// Stands still.
fn clock() -> Clock {
    Clock::Scaled { real_origin_ms: 0, sim_origin_ms: 1_700_000_000_000, rate: 1e-12 }
}

async fn loaded(store: &Store) -> Option<Checkpoint> {
    store.load(&key()).await.unwrap().data
}

#[tokio::test]
async fn what_is_saved_is_loaded_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let location = folder(dir.path().join("not/yet/there"));
    let store = Store::open(&location, "a", Clock::Real).unwrap();
    assert_eq!(loaded(&store).await, None);
    store.save(&key(), &FIRST).await.unwrap();
    store.save(&key(), &SECOND).await.unwrap();
    drop(store);
    let store = Store::open(&location, "b", Clock::Real).unwrap();
    assert_eq!(loaded(&store).await, Some(SECOND));
    let text = std::fs::read_to_string(dir.path().join("not/yet/there/hot/prod/us-west-2.json")).unwrap();
    assert!(text.starts_with(r#"{"version":1,"written_by":"a","written_at":""#), "{text}");
    assert_eq!(Key::of("report").to_string(), "report.json");
    let part = Key { part: Some("2026-11".into()), ..Key::of("ledger") };
    assert_eq!(part.to_string(), "ledger/2026-11.json");
}

#[test]
fn a_second_writer_to_a_folder_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let location = folder(dir.path());
    let first = Store::open(&location, "host-1 pid 4711", clock()).unwrap();
    let refused = Store::open(&location, "host-1 pid 4712", clock()).unwrap_err();
    let StateError::Locked { holder, .. } = &refused else {
        unreachable!("{refused}");
    };
    assert!(holder.starts_with("host-1 pid 4711, since 2023-11-14T22:13:20Z"), "{holder}");
    drop(first);
    Store::open(&location, "host-1 pid 4712", clock()).unwrap();
}

#[tokio::test]
async fn a_reader_needs_no_lock_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let location = folder(dir.path());
    let writer = Store::open(&location, "a", Clock::Real).unwrap();
    writer.save(&key(), &FIRST).await.unwrap();
    let reader = Store::peek(&location).unwrap();
    assert_eq!(loaded(&reader).await, Some(FIRST));
    assert!(matches!(reader.save(&key(), &SECOND).await, Err(StateError::ReadOnly { .. })));

    let missing = folder(dir.path().join("missing"));
    assert_eq!(loaded(&Store::peek(&missing).unwrap()).await, None);
    assert!(!dir.path().join("missing").exists());

    std::fs::write(dir.path().join("hot/prod/us-west-2.json"), "{").unwrap();
    assert!(matches!(reader.load::<Checkpoint>(&key()).await, Err(StateError::Corrupt { .. })));
}

#[tokio::test]
async fn a_corrupt_object_is_set_aside_and_named() {
    for text in ["", "{\"version\":1,", "[]", r#"{"version":1,"written_by":"x","data":{"watermark":"no"}}"#] {
        let dir = tempfile::tempdir().unwrap();
        let object = dir.path().join("hot/prod/us-west-2.json");
        let store = Store::open(&folder(dir.path()), "a", Clock::Real).unwrap();
        std::fs::create_dir_all(object.parent().unwrap()).unwrap();
        std::fs::write(&object, text).unwrap();
        let found = store.load::<Checkpoint>(&key()).await.unwrap();
        let aside = found.set_aside.unwrap();
        assert_eq!(found.data, None);
        assert!(aside.starts_with(&format!("{}.corrupt-", object.display())), "{aside}");
        assert_eq!(std::fs::read_to_string(&aside).unwrap(), text);
        assert_eq!(store.load::<Checkpoint>(&key()).await.unwrap().set_aside, Some(aside), "one copy");
        store.save(&key(), &FIRST).await.unwrap();
        assert_eq!(loaded(&store).await, Some(FIRST));
    }
}

#[tokio::test]
async fn an_object_of_a_newer_program_is_refused_and_kept() {
    let text = r#"{"version":7,"written_by":"x","data":"a shape of tomorrow"}"#;
    let dir = tempfile::tempdir().unwrap();
    let object = dir.path().join("hot/prod/us-west-2.json");
    let store = Store::open(&folder(dir.path()), "a", Clock::Real).unwrap();
    std::fs::create_dir_all(object.parent().unwrap()).unwrap();
    std::fs::write(&object, text).unwrap();
    let refused = store.load::<Checkpoint>(&key()).await.unwrap_err();
    assert!(matches!(refused, StateError::Future { version: 7, .. }));
    assert!(refused.to_string().contains("written by a newer ddsync; upgrade, or point `state:` elsewhere"));
    assert_eq!(store.save(&key(), &FIRST).await, Err(refused));
    assert_eq!(std::fs::read_to_string(&object).unwrap(), text);
}

#[tokio::test]
async fn a_write_that_was_killed_leaves_the_old_object() {
    let dir = tempfile::tempdir().unwrap();
    let location = folder(dir.path());
    let store = Store::open(&location, "a", Clock::Real).unwrap();
    store.save(&key(), &FIRST).await.unwrap();
    drop(store);
    // What is left when the process dies before it renames: the staged file, half of it written.
    let staged = dir.path().join("hot/prod/us-west-2.json#1");
    std::fs::write(&staged, "{\"version\":1,\"wri").unwrap();
    let others = ["notes.json#draft", "hot/prod/deep/x.json#1"].map(|name| dir.path().join(name));
    std::fs::create_dir_all(dir.path().join("hot/prod/deep")).unwrap();
    for other in &others {
        std::fs::write(other, "").unwrap();
    }
    Store::peek(&location).unwrap();
    assert!(staged.exists(), "a reader removes nothing");
    let store = Store::open(&location, "b", Clock::Real).unwrap();
    assert!(!staged.exists());
    assert!(others.iter().all(|other| other.exists()));
    assert_eq!(loaded(&store).await, Some(FIRST));
    store.save(&key(), &SECOND).await.unwrap();
    assert_eq!(loaded(&store).await, Some(SECOND));
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let refused = Store::open(&folder(dir.path().join("file/state")), "a", Clock::Real).unwrap_err().to_string();
    assert!(refused.contains("file/state: Not a directory"), "{refused}");
    assert!(refused.contains("`state:`"), "{refused}");

    let store = Store::open(&folder(dir.path()), "a", Clock::Real).unwrap();
    std::fs::write(dir.path().join("hot"), "a file where a folder should be").unwrap();
    let refused = store.save(&key(), &FIRST).await.unwrap_err();
    assert!(refused.retriable());
    let refused = refused.to_string();
    assert!(refused.starts_with("cannot write state hot/prod/us-west-2.json in "), "{refused}");
    assert!(refused.ends_with("make the folder that `state:` names writable, or point `state:` elsewhere"));
}

#[test]
fn a_full_disk_is_called_so() {
    let error = std::io::Error::from_raw_os_error(28); // ENOSPC
    let error = object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(error) };
    let words = StateError::write(&folder("./state"), &key(), &error).to_string();
    assert_eq!(
        words,
        "cannot write state hot/prod/us-west-2.json in ./state: No space left on device (os error 28); \
         free some space, or point `state:` to another disk"
    );
}

#[test]
fn in_s3_a_missing_bucket_is_told_from_a_missing_object_in_one_line() {
    let answer = |code: &str| object_store::Error::NotFound {
        path: "hot.json".into(),
        source: format!("404 Not Found: <?xml?>\n<Error><Code>{code}</Code><Message>Gone.</Message></Error>").into(),
    };
    assert!(error::is_missing_object(&answer("NoSuchKey")));
    assert!(!error::is_missing_object(&answer("NoSuchBucket")));
    let location = StateLocation::S3 { bucket: "bucket".into(), prefix: "a".into() };
    let words = StateError::read(&location, &key(), &answer("NoSuchBucket")).to_string();
    assert_eq!(
        words,
        "cannot read state hot/prod/us-west-2.json in s3://bucket/a: NoSuchBucket: Gone.; check that the bucket that \
         `state:` names exists in AWS_REGION and that credentials come from the environment, the container or the \
         instance; profiles are not read"
    );
}

#[tokio::test]
async fn in_s3_a_second_writer_is_noticed_and_named() {
    let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (first, second) = (Store::shared(&inner, "task-1 pid 1"), Store::shared(&inner, "task-2 pid 1"));
    assert_eq!(loaded(&first).await, None);
    first.save(&key(), &FIRST).await.unwrap();
    assert_eq!(loaded(&second).await, Some(FIRST));
    second.save(&key(), &SECOND).await.unwrap();

    let refused = first.save(&key(), &FIRST).await.unwrap_err();
    assert!(matches!(&refused, StateError::SecondWriter { written_by, .. } if written_by == "task-2 pid 1"));
    assert_eq!(first.save(&key(), &FIRST).await, Err(refused), "until it is loaded again");
    assert_eq!(loaded(&first).await, Some(SECOND));
    first.save(&key(), &FIRST).await.unwrap();
}

#[tokio::test]
async fn in_s3_two_writers_cannot_both_create_an_object() {
    let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (first, second) = (Store::shared(&inner, "task-1"), Store::shared(&inner, "task-2"));
    assert_eq!((loaded(&first).await, loaded(&second).await), (None, None));
    first.save(&key(), &FIRST).await.unwrap();
    assert!(matches!(second.save(&key(), &SECOND).await, Err(StateError::SecondWriter { .. })));
    assert!(inner.head(&Path::from("a/b/hot/prod/us-west-2.json")).await.is_ok());
}

#[tokio::test]
async fn in_s3_a_repeated_write_that_had_landed_is_ours() {
    let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let location = StateLocation::S3 { bucket: "bucket".into(), prefix: String::new() };
    // The clock stands still, so the repeated write equals the one that landed.
    let store = |holder| {
        Store::over(Arc::clone(&inner), Path::default(), location.clone(), holder, clock(), Guard::Conditional)
    };
    store("task-1").save(&key(), &FIRST).await.unwrap();
    let again = store("task-1");
    again.save(&key(), &FIRST).await.unwrap();
    again.save(&key(), &SECOND).await.unwrap();
    assert!(matches!(store("task-2").save(&key(), &SECOND).await, Err(StateError::SecondWriter { .. })));
}

#[tokio::test]
async fn in_s3_an_object_that_vanished_is_not_written_over_in_silence() {
    let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let store = Store::shared(&inner, "task-1");
    store.save(&key(), &FIRST).await.unwrap();
    inner.delete(&Path::from("a/b/hot/prod/us-west-2.json")).await.unwrap();
    let refused = store.save(&key(), &SECOND).await.unwrap_err();
    assert!(refused.to_string().contains("somebody who deleted it"), "{refused}");
}

#[tokio::test]
async fn in_s3_a_write_whose_answer_was_lost_does_not_lock_its_writer_out() {
    let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = Path::from("a/b/hot/prod/us-west-2.json");
    let store = Store::shared(&inner, "task-1");
    store.save(&key(), &FIRST).await.unwrap();
    let before = inner.head(&path).await.unwrap();
    let before = Some(UpdateVersion { e_tag: before.e_tag, version: before.version });
    let sent = envelope::encode("task-1", clock().now(), &SECOND).unwrap();
    let lost = || Seen::Unsure { before: before.clone(), sent: sent.clone() };

    store.seen().insert(path.clone(), lost());
    store.save(&key(), &FIRST).await.unwrap();

    inner.put(&path, sent.clone().into()).await.unwrap();
    store.seen().insert(path.clone(), lost());
    store.save(&key(), &FIRST).await.unwrap();

    inner.put(&path, envelope::encode("task-2", clock().now(), &SECOND).unwrap().into()).await.unwrap();
    store.seen().insert(path.clone(), lost());
    assert!(matches!(store.save(&key(), &FIRST).await, Err(StateError::SecondWriter { .. })));
}

#[tokio::test]
async fn a_rehearsal_saves_and_nothing_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let location = folder(dir.path().join("state"));
    let rehearsal = Store::rehearse(&location).unwrap();
    rehearsal.save(&key(), &FIRST).await.unwrap();
    assert_eq!(loaded(&rehearsal).await, None);
    assert!(!dir.path().join("state").exists());
    // Nor does it need the lock, or take what is there away.
    let store = Store::open(&location, "a", Clock::Real).unwrap();
    store.save(&key(), &FIRST).await.unwrap();
    let rehearsal = Store::rehearse(&location).unwrap();
    assert_eq!(loaded(&rehearsal).await, Some(FIRST));
    rehearsal.save(&key(), &SECOND).await.unwrap();
    assert_eq!(loaded(&store).await, Some(FIRST));
    let word =
        crate::model::dora::Word { at: 1, verdict: crate::model::dora::Verdict::Ok, because: "said".into(), by: None };
    store.leave(&crate::model::dora::DeploymentId::from_text("one"), &word).await.unwrap();
    let inbox = rehearsal.inbox().await.unwrap();
    rehearsal.clear(&inbox).await.unwrap();
    assert!(!inbox.is_empty() && !store.inbox().await.unwrap().is_empty());
}
