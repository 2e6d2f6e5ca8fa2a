//! One round of collecting, in steps, so that what was found can be saved in between.

use std::collections::{HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};

use super::compare::{compare, paths};
use super::known::{AGAIN, Fate, Known, Left, left};
use super::run::{Of, Read, Reader, unread};
use super::{Progress, Stopped, Summary, Trouble, Unfit, Watermarks, What};
use crate::client::github::{self, Client, Error};
use crate::config::settings::{GitHub, Repository, Workflow};
use crate::model::declared::Deployed;
use crate::model::dora::{Comparison, Deployment, DeploymentId, Fact, Ledger, Question, Run, RunState};

/// Runs that are read in one step.
const STEP: usize = 50;

/// Questions that are answered in one step.
const QUESTIONS: usize = 50;

/// Failures in a row after which the rest is left to the next round: it would fail too.
const FAILURES: usize = 3;

/// Longer titles are cut where they are kept to be shown.
const MAX_TITLE: usize = 200;

/// Told how a round goes.
type Tell<'a> = &'a (dyn Fn(Progress<'_>) + Send + Sync);

/// A round under way. Requests go one after the other, as GitHub asks:
/// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#avoid-concurrent-requests>
pub struct Round<'a> {
    client: &'a Client,
    settings: &'a GitHub,
    deadline: DateTime<Utc>,
    opened: DateTime<Utc>,
    tell: Tell<'a>,
    reader: Reader<'a>,
    queue: VecDeque<Look<'a>>,
    /// Workflows whose runs were listed, with the time from which on.
    listed: Vec<(&'a Repository, &'a Workflow, DateTime<Utc>)>,
    /// Workflows of which a run was left unread.
    left: HashSet<(String, String)>,
    /// Questions that were asked and could not be answered.
    unanswered: HashSet<(DeploymentId, String)>,
    /// Two pipelines of one file ask the same.
    answers: HashMap<(String, String, String, String), Comparison>,
    failures: usize,
    summary: Summary,
}

/// A run to be read.
struct Look<'a> {
    repository: &'a Repository,
    workflow: &'a Workflow,
    which: Which,
    known: Vec<Deployment>,
    record: Option<Run>,
}

enum Which {
    /// As it was listed, with the attempts to read.
    Listed(Box<github::Run>, Vec<u32>),
    /// It had not ended when it was last looked at, and is too old for the list.
    Unfinished(u64),
}

impl<'a> Round<'a> {
    /// Lists the runs that were created since `since`, as far as they are not known to `ledger` and `watermarks` already.
    /// A workflow that cannot be listed is a trouble, and the others are read. No request is begun, and no limit is waited
    /// for, after `deadline`.
    pub async fn open(
        client: &'a Client,
        settings: &'a GitHub,
        ledger: &Ledger,
        watermarks: &Watermarks,
        since: DateTime<Utc>,
        deadline: DateTime<Utc>,
        tell: &'a (dyn Fn(Progress<'_>) + Send + Sync),
    ) -> Self {
        let mut round = Self {
            client,
            settings,
            deadline,
            opened: client.now(),
            tell,
            reader: Reader::new(client, deadline),
            queue: VecDeque::new(),
            listed: Vec::new(),
            left: HashSet::new(),
            unanswered: HashSet::new(),
            answers: HashMap::new(),
            failures: 0,
            summary: Summary::default(),
        };
        let known = Known::of(ledger);
        for repository in &settings.repositories {
            for workflow in &repository.workflows {
                if !round.goes_on() {
                    return round;
                }
                let from = watermarks.from(&repository.name, workflow, since);
                let renamed = watermarks.is_renamed(&repository.name, workflow);
                round.list(repository, workflow, (from, since), renamed, &known).await;
            }
        }
        // The newest matter most to whoever looks at a dashboard.
        round.queue.make_contiguous().sort_by_key(|look| std::cmp::Reverse(look.created_at()));
        round
    }

    /// Runs that are still to be read.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Reads some runs. Once the round has stopped, the rest is told as pending, so that [`Self::pending`] is 0 in the
    /// end, whatever happens.
    pub async fn step(&mut self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let read = self.summary.listed - self.queue.len();
        (self.tell)(Progress::Runs { done: read, of: self.summary.listed });
        for _ in 0..STEP {
            if !self.goes_on() {
                break;
            }
            let Some(look) = self.queue.pop_front() else { break };
            match self.read(&look).await {
                Ok(read) => {
                    self.failures = 0;
                    facts.extend(self.note(&look, read));
                }
                Err(error) => {
                    if !self.stops(&error) {
                        self.trouble(look.repository, look.workflow, Some(look.id()), What::GitHub(error));
                    }
                    facts.extend(self.leave(&look));
                }
            }
        }
        if self.summary.stopped.is_some() {
            let rest: Vec<Look<'a>> = self.queue.drain(..).collect();
            for look in rest {
                facts.extend(self.leave(&look));
            }
        }
        (self.tell)(Progress::Runs { done: self.summary.listed - self.queue.len(), of: self.summary.listed });
        facts
    }

    /// Answers some of the ledger's questions about commits; empty when no more can be answered in this round. To be
    /// called when no runs are pending, with a ledger that has taken in what came before.
    pub async fn compare(&mut self, ledger: &Ledger) -> Vec<Fact> {
        let questions: Vec<Question> = (ledger.questions().into_iter())
            .filter(|question| !self.unanswered.contains(&(question.id.clone(), question.base.clone())))
            .collect();
        let (done, of) = (self.summary.compared, self.summary.compared + questions.len());
        (self.tell)(Progress::Comparisons { done, of });
        let mut facts = Vec::new();
        for question in questions {
            if facts.len() == QUESTIONS || !self.goes_on() {
                break;
            }
            match self.answer(&question).await {
                // A commit that had just been pushed may not be everywhere yet.
                Ok(Some(comparison)) if comparison.is_gone() && self.is_young(ledger, &question.id) => {
                    self.unanswered.insert((question.id, question.base));
                }
                Ok(Some(comparison)) => {
                    self.failures = 0;
                    self.summary.compared += 1;
                    facts.push(Fact::Compared { id: question.id, base: question.base, comparison });
                }
                Ok(None) => {
                    self.unanswered.insert((question.id, question.base));
                }
                Err(error) => {
                    if !self.stops(&error)
                        && let Some((repository, workflow)) = self.place(ledger, &question)
                    {
                        let run = ledger.entries.get(&question.id).and_then(|entry| entry.deployment.as_ref());
                        let run = run.map(|deployment| deployment.run);
                        self.trouble(repository, workflow, run, What::GitHub(error));
                    }
                    self.unanswered.insert((question.id, question.base));
                }
            }
        }
        (self.tell)(Progress::Comparisons { done: self.summary.compared, of });
        facts
    }

    /// What is declared of the pipelines that were deployed, at the commits that they were deployed from. `known` is what
    /// was told before: only what is new is asked for. What cannot be had in this round is left out.
    pub async fn declared(&mut self, ledger: &Ledger, known: &[Deployed]) -> Vec<Deployed> {
        let mut declared = Vec::new();
        for (unit, source) in ledger.in_force() {
            if let Some(known) = known.iter().find(|known| known.source == source && known.unit == unit) {
                declared.push(known.clone());
                continue;
            }
            let Some(repository) = self.repository(&source.repository).filter(|_| self.goes_on()) else { continue };
            match self.reader.file(repository, &source.yaml, &source.sha).await {
                Ok(file) => {
                    self.failures = 0;
                    let pipeline = file.ok().and_then(|file| file.of(&unit).cloned());
                    declared.push(Deployed { unit, source, pipeline });
                }
                Err(error) => {
                    if !self.stops(&error)
                        && let Some(workflow) = repository.workflows.first()
                    {
                        self.trouble(repository, workflow, None, What::GitHub(error));
                    }
                }
            }
        }
        declared
    }

    /// Ends the round. The watermarks go on for every workflow of which nothing was left; save them after the ledger.
    pub fn close(mut self, watermarks: &mut Watermarks) -> Summary {
        for look in &self.queue {
            self.left.insert((look.repository.name.clone(), look.workflow.file.clone()));
        }
        for (repository, workflow, since) in &self.listed {
            if !self.left.contains(&(repository.name.clone(), workflow.file.clone())) {
                watermarks.advance(&repository.name, workflow, *since, self.opened);
            }
        }
        self.summary.pending += self.queue.len();
        self.summary
    }

    async fn list(
        &mut self,
        repository: &'a Repository,
        workflow: &'a Workflow,
        (from, since): (DateTime<Utc>, DateTime<Utc>),
        renamed: bool,
        known: &Known<'_>,
    ) {
        (self.tell)(Progress::Listing { repository: &repository.name, workflow: &workflow.file });
        let found = match self.client.repository(&repository.name, self.deadline).runs(&workflow.file, from).await {
            Ok(found) => found,
            Err(error) => {
                if !self.stops(&error) {
                    self.trouble(repository, workflow, None, What::GitHub(error));
                }
                return;
            }
        };
        if found.cut {
            self.trouble(repository, workflow, None, What::Cut);
        }
        self.listed.push((repository, workflow, since));
        self.look_at_titles(repository, workflow, &found.items);
        let ids: HashSet<u64> = found.items.iter().map(|run| run.id).collect();
        for run in found.items {
            self.summary.listed += 1;
            let deployments = known.deployments(run.id);
            let record = known.run(run.id).cloned();
            // Another pattern may read the names of its jobs.
            let settled = record.as_ref().filter(|record| !renamed || record.state != RunState::NoInputs);
            match left(&run, &deployments, settled, workflow, self.opened.timestamp()) {
                Left::Nothing(fate) => self.count(fate),
                Left::Attempts(numbers) => {
                    let which = Which::Listed(Box::new(run), numbers);
                    self.queue.push_back(Look { repository, workflow, which, known: deployments, record });
                }
            }
        }
        for (id, _) in known.unfinished(&repository.name, &workflow.file) {
            if !ids.contains(&id) {
                self.summary.listed += 1;
                let (known, record) = (known.deployments(id), known.run(id).cloned());
                self.queue.push_back(Look { repository, workflow, which: Which::Unfinished(id), known, record });
            }
        }
    }

    fn look_at_titles(&mut self, repository: &Repository, workflow: &Workflow, runs: &[github::Run]) {
        let titles = || runs.iter().map(|run| run.display_title.as_deref().unwrap_or_default());
        // Lists are newest first.
        if let Some(newest) = titles().next().filter(|_| titles().all(|title| workflow.run_name.read(title).is_none()))
        {
            self.summary.unfit.push(Unfit {
                repository: repository.name.clone(),
                workflow: workflow.file.clone(),
                title: newest.chars().take(MAX_TITLE).collect(),
                listed: runs.len(),
            });
        }
    }

    async fn read(&mut self, look: &Look<'a>) -> Result<Read, Error> {
        let Look { repository, workflow, which, known, record } = look;
        let (run, numbers) = match which {
            Which::Listed(run, numbers) => (run.as_ref().clone(), numbers.clone()),
            Which::Unfinished(id) => {
                let run = match self.client.repository(&repository.name, self.deadline).run(*id).await {
                    Ok(run) => run,
                    Err(error) if error.is_not_found() => return Ok(Reader::vanished(known, record.clone())),
                    Err(error) => return Err(error),
                };
                match left(&run, known, record.as_ref(), workflow, self.opened.timestamp()) {
                    Left::Nothing(fate) => return Ok(Read { fate, facts: Vec::new(), troubles: Vec::new() }),
                    Left::Attempts(numbers) => (run, numbers),
                }
            }
        };
        self.reader.read(Of { repository, workflow, run: &run }, &numbers, known).await
    }

    fn note(&mut self, look: &Look<'a>, read: Read) -> Vec<Fact> {
        self.count(read.fate);
        for what in read.troubles {
            self.trouble(look.repository, look.workflow, Some(look.id()), what);
        }
        read.facts
    }

    /// A run that was not read: it stays as it is known, or becomes known as one that waits, and is looked at by its id
    /// from then on.
    fn leave(&mut self, look: &Look<'a>) -> Vec<Fact> {
        if self.summary.stopped.is_some() {
            self.left.insert((look.repository.name.clone(), look.workflow.file.clone()));
        }
        self.count(Fate::Pending);
        match &look.which {
            Which::Listed(run, _) if look.known.is_empty() => {
                unread(Of { repository: look.repository, workflow: look.workflow, run }, RunState::Pending).facts
            }
            _ => Vec::new(),
        }
    }

    async fn answer(&mut self, question: &Question) -> Result<Option<Comparison>, Error> {
        let Some(repository) = self.repository(&question.repository) else { return Ok(None) };
        let Question { base, head, yaml, .. } = question;
        let key = (repository.name.clone(), base.clone(), head.clone(), yaml.clone());
        if let Some(known) = self.answers.get(&key) {
            return Ok(Some(known.clone()));
        }
        let github = self.client.repository(&repository.name, self.deadline).unkept();
        let comparison = compare(github, base, head, &paths(yaml, &repository.source_paths)).await?;
        self.answers.insert(key, comparison.clone());
        Ok(Some(comparison))
    }

    fn is_young(&self, ledger: &Ledger, id: &DeploymentId) -> bool {
        let deployment = ledger.entries.get(id).and_then(|entry| entry.deployment.as_ref());
        deployment.is_some_and(|it| self.opened.timestamp() - it.origin.as_of < AGAIN)
    }

    fn repository(&self, name: &str) -> Option<&'a Repository> {
        let settings: &'a GitHub = self.settings;
        settings.repositories.iter().find(|repository| repository.name.eq_ignore_ascii_case(name))
    }

    fn place(&self, ledger: &Ledger, question: &Question) -> Option<(&'a Repository, &'a Workflow)> {
        let repository = self.repository(&question.repository)?;
        let origin = &ledger.entries.get(&question.id)?.deployment.as_ref()?.origin;
        let file = origin.workflow.rsplit('/').next().unwrap_or_default();
        let workflow = repository.workflows.iter().find(|workflow| workflow.file == file);
        Some((repository, workflow.or_else(|| repository.workflows.first())?))
    }

    /// Whether anything may be asked.
    fn goes_on(&mut self) -> bool {
        if self.summary.stopped.is_none() && self.client.now() >= self.deadline {
            self.summary.stopped = Some(Stopped::Deadline);
        }
        self.summary.stopped.is_none()
    }

    /// Ends the round when the rest would fail too. Whether it does.
    fn stops(&mut self, error: &Error) -> bool {
        self.failures += usize::from(error.is_retriable());
        let stopped = match error {
            Error::Limited { until, .. } => Some(Stopped::Limited { until: *until, error: error.clone() }),
            Error::BadCredential { .. } | Error::NoInstallation { .. } => Some(Stopped::Failing(error.clone())),
            _ if self.failures >= FAILURES => Some(Stopped::Failing(error.clone())),
            _ => None,
        };
        self.summary.stopped = self.summary.stopped.take().or(stopped);
        self.summary.stopped.is_some()
    }

    fn trouble(&mut self, repository: &Repository, workflow: &Workflow, run: Option<u64>, what: What) {
        let (repository, workflow) = (repository.name.clone(), workflow.file.clone());
        self.summary.troubles.push(Trouble { repository, workflow, run, what });
    }

    fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Attributed => self.summary.attributed += 1,
            Fate::Unattributed => self.summary.unattributed += 1,
            Fate::Pending => self.summary.pending += 1,
        }
    }
}

impl Look<'_> {
    fn id(&self) -> u64 {
        match &self.which {
            Which::Listed(run, _) => run.id,
            Which::Unfinished(id) => *id,
        }
    }

    /// Of a run that is not listed it is not worth asking before all others.
    fn created_at(&self) -> i64 {
        match &self.which {
            Which::Listed(run, _) => run.created_at.timestamp(),
            Which::Unfinished(_) => i64::MIN,
        }
    }
}
