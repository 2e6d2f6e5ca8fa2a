//! What is known of deployments, from GitHub and from people, kept in the state and brought to Datadog.
//!
//! The steps that the daemon's job and a back-fill have in common. Each saves before it returns, and what it remembers of
//! its progress only after what it found, so that a kill in between finds the same again and loses nothing:
//!
//! ```text
//! let mut following = Following::load(&store, now).await?;
//! let client = github::Client::new(&github)?.with_clock(clock).with_cache(following.answers());
//! following.hear(&store).await?;
//! let collected = following.collect(&store, Asked { client: &client, github: &github, .. }).await?;
//! let delivery = following.deliver(&store, To { .. }).await?;
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;

use crate::client::github::Cache;
use crate::client::{datadog, github};
use crate::clock::Clock;
use crate::config::settings::GitHub;
use crate::model::declared::Deployed;
use crate::model::dora::{DeploymentId, Fact, Ledger, Rules};
use crate::sink::dora::{Delivery, Request, deliver};
use crate::source::deploys::{Progress, RERUN_DAYS, Round, Summary, Watermarks};
use crate::state::ledger::{ANSWERS, DECLARED, KEPT_DAYS, SetAside, WATERMARKS};
use crate::state::{Key, Loaded, StateError, Store, StoredLedger};

/// How far a first look goes back. What is older is a back-fill's.
const FIRST_LOOK: TimeDelta = TimeDelta::days(RERUN_DAYS);

/// The ledger as one process holds it, and how far it has come.
#[derive(Debug)]
pub struct Following {
    stored: StoredLedger,
    watermarks: Watermarks,
    answers: Cache,
    declared: Arc<[Deployed]>,
    set_aside: Vec<SetAside>,
    /// What Datadog has refused since the process began.
    refused: BTreeSet<DeploymentId>,
}

/// Whom to ask, and how far.
pub struct Asked<'a> {
    /// With the answers of [`Following::answers`].
    pub client: &'a github::Client,
    /// Whose workflows.
    pub github: &'a GitHub,
    /// From when on runs are wanted; `None` for what is followed already, and 30 days at first.
    pub since: Option<DateTime<Utc>>,
    /// When to leave the rest to the next time.
    pub deadline: DateTime<Utc>,
    /// Told how it goes.
    pub tell: &'a (dyn Fn(Progress<'_>) + Send + Sync),
}

/// What came of a look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// What the round says.
    pub summary: Summary,
    /// Deployments that were not known before.
    pub new: usize,
    /// Whether the ledger knows more than before.
    pub changed: bool,
}

/// What people have said.
#[derive(Debug, Default)]
pub struct Heard {
    /// Words that are in the ledger now.
    pub words: usize,
    /// Words that nobody can read, and those that could not be removed. They harm nobody.
    pub troubles: Vec<StateError>,
}

/// Whom to tell, and how much.
#[derive(Debug, Clone, Copy)]
pub struct To<'a> {
    /// With an application key.
    pub datadog: &'a datadog::Client,
    /// For waits between attempts.
    pub clock: &'a Clock,
    /// What is a failure.
    pub rules: &'a Rules,
    /// `datadog.tags`.
    pub tags: &'a [String],
    /// Deployments sent at most.
    pub most: usize,
    /// When to leave the rest to the next time.
    pub deadline: Duration,
}

impl Following {
    /// Loads what the state has. Where a part of it is corrupt, what was in it will be looked for again.
    ///
    /// # Errors
    /// As for [`Store::load`] and [`Store::save`], but for what is corrupt: that is told by [`Self::set_aside`].
    pub async fn load(store: &Store, now: DateTime<Utc>) -> Result<Self, StateError> {
        let mut set_aside = Vec::new();
        let mut watermarks: Watermarks = kept(store, &WATERMARKS, &mut set_aside).await?;
        let answers = kept(store, &ANSWERS, &mut set_aside).await?;
        let declared: Vec<Deployed> = kept(store, &DECLARED, &mut set_aside).await?;
        let stored = StoredLedger::load(store, now).await?;
        set_aside.extend_from_slice(stored.set_aside());
        let lost = set_aside.iter().filter_map(|part| part.since).min();
        if let Some(lost) = lost.and_then(|since| DateTime::from_timestamp(since, 0)) {
            watermarks.set_back(lost);
            // At once: the next save of the ledger is the last that anybody hears of what is corrupt.
            store.save(&WATERMARKS, &watermarks).await?;
        }
        let declared = declared.into();
        Ok(Self { stored, watermarks, answers, declared, set_aside, refused: BTreeSet::new() })
    }

    /// What is known.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        self.stored.ledger()
    }

    /// What was corrupt and set aside.
    #[must_use]
    pub fn set_aside(&self) -> &[SetAside] {
        &self.set_aside
    }

    /// For [`github::Client::with_cache`].
    #[must_use]
    pub fn answers(&self) -> Cache {
        self.answers.clone()
    }

    /// What is declared of the pipelines that are deployed, for discovery.
    #[must_use]
    pub fn declared(&self) -> Arc<[Deployed]> {
        Arc::clone(&self.declared)
    }

    /// When every workflow had last been looked at whole; nothing when one never was.
    #[must_use]
    pub fn looked_at(&self) -> Option<DateTime<Utc>> {
        self.watermarks.looked_at()
    }

    /// Takes facts in and saves what has changed. How many were news.
    ///
    /// # Errors
    /// As for [`StoredLedger::save`]. What was not saved is, by the next call.
    pub async fn observe(&mut self, store: &Store, facts: Vec<Fact>) -> Result<usize, StateError> {
        let news = facts.into_iter().map(|fact| self.stored.observe(fact)).filter(|new| *new).count();
        self.stored.save(store).await?;
        Ok(news)
    }

    /// Takes over what people have said.
    ///
    /// # Errors
    /// When the words cannot be listed, or the ledger not be saved: then they stay where they are.
    pub async fn hear(&mut self, store: &Store) -> Result<Heard, StateError> {
        let inbox = store.inbox().await?;
        let mut heard = Heard { words: 0, troubles: inbox.unreadable().to_vec() };
        if !inbox.is_empty() {
            heard.words = self.observe(store, inbox.facts().collect()).await?;
            heard.troubles.extend(store.clear(&inbox).await.err());
        }
        Ok(heard)
    }

    /// Looks at GitHub, and saves whatever was found, the ledger before how far it came. What GitHub refuses is told by
    /// [`Summary::troubles`] and [`Summary::stopped`].
    ///
    /// # Errors
    /// Only of the state. The next look finds again what was not saved.
    pub async fn collect(&mut self, store: &Store, asked: Asked<'_>) -> Result<Collected, StateError> {
        let Asked { client, github, since, deadline, tell } = asked;
        let now = client.now();
        let since = since.or(self.watermarks.since()).unwrap_or(now - FIRST_LOOK);
        let since = since.max(now - TimeDelta::days(KEPT_DAYS));
        let known = self.ledger().deployments().count();
        let mut news = 0;
        let mut round = Round::open(client, github, self.ledger(), &self.watermarks, since, deadline, tell).await;
        while round.pending() > 0 {
            let facts = round.step().await;
            news += self.observe(store, facts).await?;
        }
        loop {
            let facts = round.compare(self.ledger()).await;
            if facts.is_empty() {
                break;
            }
            news += self.observe(store, facts).await?;
        }
        let declared = round.declared(self.ledger(), &self.declared).await;
        if *declared != *self.declared {
            store.save(&DECLARED, &declared).await?;
            self.declared = declared.into();
        }
        let new = self.ledger().deployments().count().saturating_sub(known);
        if self.stored.prune(now) {
            self.stored.save(store).await?;
        }
        let summary = round.close(&mut self.watermarks);
        store.save(&WATERMARKS, &self.watermarks).await?;
        let answers = client.kept();
        if !answers.holds_the_same(&self.answers) {
            store.save(&ANSWERS, &answers).await?;
            self.answers = answers;
        }
        Ok(Collected { summary, new, changed: news > 0 })
    }

    /// Brings Datadog up to date, and saves what it said yes to, also after an error: see [`Delivery::error`].
    ///
    /// # Errors
    /// Only of the state. The next delivery finds what Datadog has then.
    pub async fn deliver(&mut self, store: &Store, to: To<'_>) -> Result<Delivery, StateError> {
        let To { datadog, clock, rules, tags, most, deadline } = to;
        let ledger = self.ledger();
        let judged = ledger.judge(rules);
        let refused = &self.refused;
        let request = Request { ledger, judged: &judged, rules, tags, most, refused, deadline };
        let delivery = deliver(datadog, clock, request).await;
        self.refused.extend(delivery.refused.iter().map(|(id, _)| id.clone()));
        self.observe(store, delivery.facts.clone()).await?;
        Ok(delivery)
    }
}

/// What is kept under a key. What is corrupt is begun anew; a rehearsal makes no copy of it.
async fn kept<T: DeserializeOwned + Default>(
    store: &Store,
    key: &Key,
    set_aside: &mut Vec<SetAside>,
) -> Result<T, StateError> {
    let (data, words) = match store.load(key).await {
        Ok(Loaded { data, set_aside }) => (data, set_aside),
        Err(StateError::Corrupt { reason, .. }) => (None, Some(reason)),
        Err(error) => return Err(error),
    };
    set_aside.extend(words.map(|words| SetAside { object: key.to_string(), words, since: None }));
    Ok(data.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::config::settings::StateLocation;
    use crate::model::dora::{Verdict, Word};

    fn now() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    fn word(verdict: Verdict) -> Fact {
        let id = DeploymentId::from_text("ddsync:00000000001:up:x");
        Fact::Word { id, word: Word { at: now().timestamp(), verdict, because: "because".into(), by: None } }
    }

    #[tokio::test]
    async fn a_corrupt_month_is_looked_for_again_even_when_killed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::Folder(folder.path().to_owned());
        let marks = serde_json::json!({
            "acme/ml/deploy.yml": {"since": "2026-01-01T00:00:00Z", "looked_at": "2026-11-20T11:58:00Z"},
        });
        let looked_at = |following: &Following| following.looked_at().unwrap().to_rfc3339();
        {
            let store = Store::open(&location, "a", Clock::Real).unwrap();
            store.save(&WATERMARKS, &marks).await.unwrap();
            assert_eq!(looked_at(&Following::load(&store, now()).await.unwrap()), "2026-11-20T11:58:00+00:00");
            std::fs::create_dir_all(folder.path().join("ledger")).unwrap();
            std::fs::write(folder.path().join("ledger/2026-09.json"), "{").unwrap();
            let mut following = Following::load(&store, now()).await.unwrap();
            assert_eq!(following.set_aside()[0].object, "ledger/2026-09.json");
            following.observe(&store, vec![word(Verdict::Failed)]).await.unwrap();
        }
        let store = Store::open(&location, "b", Clock::Real).unwrap();
        let following = Following::load(&store, now()).await.unwrap();
        assert_eq!((following.set_aside().len(), looked_at(&following).as_str()), (0, "2026-10-01T00:00:00+00:00"));
        assert_eq!(following.watermarks.since(), Some("2026-01-01T00:00:00Z".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_rehearsal_reads_around_what_is_corrupt_and_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        for key in [&WATERMARKS, &ANSWERS, &DECLARED] {
            std::fs::write(folder.path().join(key.to_string()), "{").unwrap();
        }
        let store = Store::rehearse(&StateLocation::Folder(folder.path().to_owned())).unwrap();
        let following = Following::load(&store, now()).await.unwrap();
        let told: Vec<&str> = following.set_aside().iter().map(|part| part.object.as_str()).collect();
        assert_eq!(told, ["deploys.json", "github-answers.json", "declared.json"]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[tokio::test]
    async fn what_people_say_is_in_the_ledger_before_it_is_taken_from_the_inbox() {
        let folder = tempfile::tempdir().unwrap();
        let location = StateLocation::Folder(folder.path().to_owned());
        let store = Store::open(&location, "daemon", Clock::Real).unwrap();
        let visitor = Store::visit(&location, "ana", Clock::Real).unwrap();
        let Fact::Word { id, word } = word(Verdict::Failed) else { return };
        visitor.leave(&id, &word).await.unwrap();
        std::fs::write(folder.path().join("words/1-x.json"), "{").unwrap();
        let mut following = Following::load(&store, now()).await.unwrap();
        let heard = following.hear(&store).await.unwrap();
        assert_eq!((heard.words, heard.troubles.len()), (1, 1), "{:?}", heard.troubles);
        assert!(store.inbox().await.unwrap().is_empty());
        let later = Following::load(&store, now()).await.unwrap();
        assert!(later.ledger().entries[&id].words.contains(&word));
    }
}
