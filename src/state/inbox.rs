//! People's words on their way into the ledger.
//!
//! Whoever says something must not wait for the daemon, which holds the folder or is the one writer in S3. So each word
//! is an object of its own, `words/<second>-<digest>.json`, that is only ever added: no lock is needed, and nobody
//! writes what another has written. The daemon joins the words with its ledger, saves that, and only then removes them.
//! Killed in between, it joins them again, which changes nothing: words are facts. Who only reads, reads the words first
//! and the ledger after them, so that one which moves meanwhile is seen twice and not never.
//!
//! In S3 whoever says something needs `s3:PutObject` on `words/`, and the daemon `s3:DeleteObject`; without it words
//! stay where they are, and are joined again after every start.

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::envelope::{self, Undecodable};
use super::{Guard, Key, StateError, Store};
use crate::model::dora::{DeploymentId, Fact, Word};

const FOLDER: &str = "words";

/// Bytes of the digest in a name: enough that two words never meet.
const DIGEST: usize = 16;

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Letter {
    id: DeploymentId,
    word: Word,
}

/// Words that wait, in the order in which they were said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inbox {
    letters: Vec<Letter>,
    objects: Vec<Path>,
    unreadable: Vec<StateError>,
}

impl Inbox {
    /// For [`crate::model::dora::Ledger::observe`].
    pub fn facts(&self) -> impl Iterator<Item = Fact> + '_ {
        self.letters.iter().map(|letter| Fact::Word { id: letter.id.clone(), word: letter.word.clone() })
    }

    /// Whether nothing waits that could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Objects that could not be understood; they are left alone.
    #[must_use]
    pub fn unreadable(&self) -> &[StateError] {
        &self.unreadable
    }
}

impl Store {
    /// Leaves a word for the daemon; when this returns, it is there, and stays after a loss of power. Saying the same
    /// again changes nothing. For a store opened by [`Store::visit`].
    ///
    /// # Errors
    /// As for [`Store::save`].
    pub async fn leave(&self, id: &DeploymentId, word: &Word) -> Result<(), StateError> {
        let letter = Letter { id: id.clone(), word: word.clone() };
        match self.save(&key(&letter), &letter).await {
            // The name says what is inside.
            Err(StateError::SecondWriter { .. }) => Ok(()),
            other => other,
        }
    }

    /// Reads the words that wait.
    ///
    /// # Errors
    /// [`StateError::Read`] when the place cannot be read. What is wrong with one object costs only itself:
    /// [`Inbox::unreadable`].
    pub async fn inbox(&self) -> Result<Inbox, StateError> {
        let folder = Path::from(format!("{}/{FOLDER}", self.prefix));
        let refuse = |error| StateError::read(&self.location, &Key::of(FOLDER), &error);
        let mut found: Vec<Path> =
            self.inner.list(Some(&folder)).map_ok(|object| object.location).try_collect().await.map_err(refuse)?;
        found.sort();
        let mut inbox = Inbox::default();
        for path in found {
            let Some(name) = path.filename().and_then(|name| name.strip_suffix(".json")) else { continue };
            let key = Key { part: Some(name.to_owned()), ..Key::of(FOLDER) };
            // Taken over since it was listed.
            let Some(object) = self.read(&key, &path).await? else { continue };
            match envelope::decode::<Letter>(&object.bytes) {
                Ok(letter) => {
                    inbox.letters.push(letter);
                    inbox.objects.push(path);
                }
                Err(Undecodable::Future(version)) => inbox.unreadable.push(self.future(&key, version)),
                Err(Undecodable::Corrupt(reason)) => inbox.unreadable.push(StateError::Read {
                    key: key.to_string(),
                    location: self.location.to_string(),
                    reason,
                    hint: "remove it, and say it again with `ddsync dora mark`",
                }),
            }
        }
        inbox.letters.sort_by(|a, b| a.word.cmp(&b.word));
        Ok(inbox)
    }

    /// Removes the words of an inbox, after the ledger that knows them was saved.
    ///
    /// # Errors
    /// [`StateError::Write`] when one cannot be removed, which harms nobody; [`StateError::ReadOnly`] after
    /// [`Store::peek`] and [`Store::visit`].
    pub async fn clear(&self, inbox: &Inbox) -> Result<(), StateError> {
        let key = Key::of(FOLDER);
        if matches!(self.guard, Guard::ReadOnly | Guard::Visitor) {
            return Err(StateError::ReadOnly { key: key.to_string() });
        }
        if matches!(self.guard, Guard::Rehearsal) {
            return Ok(());
        }
        for path in &inbox.objects {
            match self.inner.delete(path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(StateError::write(&self.location, &key, &error)),
            }
        }
        Ok(())
    }
}

/// The second comes first, so that names are in the order of time.
fn key(letter: &Letter) -> Key {
    let Word { at, verdict, because, by } = &letter.word;
    let said = format!("{}\0{at}\0{verdict:?}\0{because}\0{by:?}", letter.id);
    let digest = Sha256::digest(said).iter().take(DIGEST).fold(0_u128, |all, byte| (all << 8) | u128::from(*byte));
    Key { part: Some(format!("{at:011}-{digest:032x}")), ..Key::of(FOLDER) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::clock::Clock;
    use crate::config::settings::StateLocation;
    use crate::model::dora::Verdict;

    fn word(at: i64, because: &str) -> Word {
        Word { at, verdict: Verdict::Failed, because: because.into(), by: Some("ana".into()) }
    }

    fn id(run: u64) -> DeploymentId {
        DeploymentId::from_text(&format!("ddsync:{run:011}:up:data_prod:lease"))
    }

    fn reasons(inbox: &Inbox) -> Vec<&str> {
        inbox.letters.iter().map(|letter| letter.word.because.as_str()).collect()
    }

    #[tokio::test]
    async fn a_word_is_left_while_a_daemon_holds_the_folder_and_waits_until_it_is_saved() {
        let dir = tempfile::tempdir().unwrap();
        let location = StateLocation::Folder(dir.path().join("state"));
        let daemon = Store::open(&location, "daemon", Clock::Real).unwrap();
        let person = Store::visit(&location, "ana", Clock::Real).unwrap();
        for (run, said) in [(2, word(20, "later")), (1, word(10, "first")), (1, word(10, "first"))] {
            person.leave(&id(run), &said).await.unwrap();
        }
        let inbox = daemon.inbox().await.unwrap();
        assert_eq!((reasons(&inbox), inbox.unreadable().len()), (vec!["first", "later"], 0));
        // Killed before it has saved, it finds them again; so does a reader.
        assert_eq!(Store::peek(&location).unwrap().inbox().await.unwrap(), inbox);
        assert!(matches!(person.clear(&inbox).await, Err(StateError::ReadOnly { .. })));
        // What is said between reading and removing stays.
        person.leave(&id(3), &word(15, "meanwhile")).await.unwrap();
        daemon.clear(&inbox).await.unwrap();
        daemon.clear(&inbox).await.unwrap();
        assert_eq!(reasons(&daemon.inbox().await.unwrap()), ["meanwhile"]);
    }

    #[tokio::test]
    async fn a_visitor_adds_and_never_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let location = StateLocation::Folder(dir.path().into());
        Store::open(&location, "daemon", Clock::Real).unwrap().save(&Key::of("hot"), &1).await.unwrap();
        let person = Store::visit(&location, "ana", Clock::Real).unwrap();
        assert!(matches!(person.save(&Key::of("hot"), &2).await, Err(StateError::SecondWriter { .. })));
        assert_eq!(person.load::<i32>(&Key::of("hot")).await.unwrap().data, Some(1));
        assert!(matches!(person.save(&Key::of("hot"), &2).await, Err(StateError::SecondWriter { .. })));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_named_and_left_and_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let location = StateLocation::Folder(dir.path().into());
        let person = Store::visit(&location, "ana", Clock::Real).unwrap();
        person.leave(&id(1), &word(10, "good")).await.unwrap();
        let hostile = ["{", r#"{"version":1,"written_by":"x","data":{"id":3}}"#, r#"{"version":9,"written_by":"x"}"#];
        for (number, text) in hostile.iter().enumerate() {
            std::fs::write(dir.path().join(format!("words/0000000000{number}-x.json")), text).unwrap();
        }
        // What a write that was killed has left.
        std::fs::write(dir.path().join("words/00000000010-y.json#1"), "{").unwrap();
        let daemon = Store::open(&location, "daemon", Clock::Real).unwrap();
        let inbox = daemon.inbox().await.unwrap();
        assert_eq!((reasons(&inbox), inbox.unreadable().len()), (vec!["good"], 3));
        let words = inbox.unreadable().first().unwrap().to_string();
        assert!(words.starts_with("cannot read state words/00000000000-x.json in "), "{words}");
        assert!(words.ends_with("; remove it, and say it again with `ddsync dora mark`"), "{words}");
        daemon.clear(&inbox).await.unwrap();
        assert_eq!(daemon.inbox().await.unwrap().unreadable().len(), 3);
    }

    #[tokio::test]
    async fn in_s3_a_word_stands_beside_what_the_daemon_writes() {
        let inner: Arc<dyn object_store::ObjectStore> = Arc::new(InMemory::new());
        let (daemon, person) = (Store::shared(&inner, "task-1"), Store::shared(&inner, "ana"));
        assert_eq!(daemon.inbox().await.unwrap(), Inbox::default());
        person.leave(&id(1), &word(10, "first")).await.unwrap();
        person.leave(&id(1), &word(10, "first")).await.unwrap();
        Store::shared(&inner, "ben").leave(&id(1), &word(10, "first")).await.unwrap();
        let inbox = daemon.inbox().await.unwrap();
        assert_eq!(reasons(&inbox), ["first"]);
        daemon.clear(&inbox).await.unwrap();
        assert!(daemon.inbox().await.unwrap().is_empty());
    }
}
