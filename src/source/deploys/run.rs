//! One run, read: what it deployed, and how its attempts went.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::attempt::attempt;
use super::commit::{self, Found, Told};
use super::known::{Fate, as_of, is_over};
use super::{MOST_PIPELINES, What, attribution, pipelines};
use crate::client::github::{self, Client, Error, Job};
use crate::config::settings::{Repository, Workflow};
use crate::model::declared::{self, Declared};
use crate::model::dora::{
    Attempt, AttemptState, Attribution, Call, Commit, CommitSource, Deployment, Fact, Life, NoCommit, Origin, Run,
    RunState, Unit,
};

/// What was read of a run.
pub(super) struct Read {
    pub(super) fate: Fate,
    pub(super) facts: Vec<Fact>,
    pub(super) troubles: Vec<What>,
}

/// Asks about runs, and remembers for one round what several of them ask.
pub(super) struct Reader<'a> {
    client: &'a Client,
    deadline: DateTime<Utc>,
    files: HashMap<(String, String, String), File>,
    branches: HashMap<(String, String), Branch>,
    behind: HashMap<(String, String, String), bool>,
    recorded: HashMap<String, Recorded>,
}

/// A pipelines' file at a commit, or why it is of no use.
pub(super) type File = Result<Arc<Declared>, String>;

/// What a branch leads to; `None` when it is gone.
#[derive(Clone)]
struct Branch {
    asked: DateTime<Utc>,
    commits: Option<Arc<[github::Commit]>>,
}

/// Deployments that programs recorded, by run, from some time on.
struct Recorded {
    since: DateTime<Utc>,
    by_run: HashMap<u64, Vec<github::Deployment>>,
}

/// A run, and where it is of.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) repository: &'a Repository,
    pub(super) workflow: &'a Workflow,
    pub(super) run: &'a github::Run,
}

/// The jobs of the attempts that were asked for; `None` for one that GitHub has let go of.
type Attempts = BTreeMap<u32, Option<Vec<Job>>>;

impl<'a> Reader<'a> {
    pub(super) fn new(client: &'a Client, deadline: DateTime<Utc>) -> Self {
        let (files, branches, behind, recorded) = Default::default();
        Self { client, deadline, files, branches, behind, recorded }
    }

    fn github<'r>(&self, of: Of<'r>) -> github::Repository<'r>
    where
        'a: 'r,
    {
        self.client.repository(&of.repository.name, self.deadline)
    }

    /// Reads these attempts of a run. `known` are its deployments, if it has been read before.
    pub(super) async fn read(&mut self, of: Of<'_>, numbers: &[u32], known: &[Deployment]) -> Result<Read, Error> {
        let attempts = self.attempts(of, numbers).await?;
        if !known.is_empty() {
            let facts = known.iter().map(|it| Fact::Deployment(again(it, of, &attempts))).collect();
            return Ok(Read { fate: Fate::Attributed, facts, troubles: Vec::new() });
        }
        let Some((by, calls)) = self.calls(of, &attempts).await? else {
            return Ok(if is_over(of.run) { unread(of, RunState::NoInputs) } else { unread(of, RunState::Pending) });
        };
        let mut read = Read { fate: Fate::Attributed, facts: Vec::new(), troubles: Vec::new() };
        let mut waits = false;
        for call in calls {
            let tried = tried(of, &attempts, &call);
            let began = tried.values().filter_map(|attempt| attempt.started_at).min();
            if began.is_none() && !is_over(of.run) {
                waits = true;
                continue;
            }
            let started = began.and_then(|at| DateTime::from_timestamp(at, 0));
            let commit = self.commit(of, call.branch.as_deref(), started.unwrap_or(of.run.created_at)).await?;
            let (names, team) = match self.pipelines(of, &call, &commit).await? {
                Ok(found) => found,
                Err(what) => {
                    read.troubles.push(what);
                    continue;
                }
            };
            for name in names {
                let deployment = described(of, by, &call, &name, &commit, team.as_ref(), &tried);
                let now = Some(self.client.now().timestamp());
                let life = Life { seen: now, attributed: now, ..Life::default() };
                read.facts.push(Fact::Life { id: deployment.id(), life });
                read.facts.push(Fact::Deployment(deployment));
            }
        }
        if read.facts.is_empty() {
            let state = if waits { RunState::Pending } else { RunState::NoFile };
            return Ok(Read { troubles: read.troubles, ..unread(of, state) });
        }
        Ok(read)
    }

    /// A run that GitHub does not have any more: what was not over never will be.
    pub(super) fn vanished(known: &[Deployment], record: Option<Run>) -> Read {
        let mut deployments = known.to_vec();
        for attempt in deployments.iter_mut().flat_map(|deployment| deployment.attempts.values_mut()) {
            if attempt.state == AttemptState::Running {
                attempt.state = AttemptState::Cancelled;
            }
        }
        let fate = if known.is_empty() { Fate::Unattributed } else { Fate::Attributed };
        let record = record.map(|record| Fact::Run(Run { state: RunState::NoInputs, ..record }));
        let facts = deployments.into_iter().map(Fact::Deployment).chain(record).collect();
        Read { fate, facts, troubles: Vec::new() }
    }

    async fn attempts(&self, of: Of<'_>, numbers: &[u32]) -> Result<Attempts, Error> {
        let mut attempts = Attempts::new();
        for number in numbers {
            let (newest, github) = (*number == of.run.run_attempt, self.github(of));
            // What is over stays as it is, and nobody asks again.
            let github = if newest && !is_over(of.run) { github } else { github.unkept() };
            let jobs = match github.jobs(of.run.id, *number).await {
                Ok(listed) => Some(listed.items),
                Err(error) if error.is_not_found() && !newest => None,
                Err(error) => return Err(error),
            };
            attempts.insert(*number, jobs);
        }
        Ok(attempts)
    }

    /// What the run was asked to do, and by what that is known.
    async fn calls(&mut self, of: Of<'_>, attempts: &Attempts) -> Result<Option<(Attribution, Vec<Call>)>, Error> {
        if let Some(call) = of.run.display_title.as_deref().and_then(|title| of.workflow.run_name.read(title)) {
            return Ok(Some((Attribution::Title, vec![call])));
        }
        // Of several jobs one may wait, or not be told yet, while another has begun: all of them are known at the end.
        if !is_over(of.run) {
            return Ok(None);
        }
        let newest_first = attempts.values().rev().flatten();
        if let Some(calls) = newest_first.map(|jobs| attribution::by_jobs(of.workflow, jobs)).find(|it| !it.is_empty())
        {
            return Ok(Some((Attribution::JobName, calls)));
        }
        let recorded = self.recorded(of).await?;
        let calls: Vec<Call> = recorded.iter().filter_map(|it| attribution::by_deployment(of.workflow, it)).collect();
        if !calls.is_empty() {
            return Ok(Some((Attribution::DeploymentsApi, calls)));
        }
        let artifacts = self.github(of).unkept().artifacts(of.run.id).await?;
        let calls = attribution::by_artifacts(of.workflow, &artifacts.items);
        Ok((!calls.is_empty()).then_some((Attribution::Artifact, calls)))
    }

    /// Deployments of the run whose texts say anything. They are listed once a round, for the oldest run that asks; only
    /// those that say something are asked for the run that they are of.
    async fn recorded(&mut self, of: Of<'_>) -> Result<Vec<github::Deployment>, Error> {
        let name = &of.repository.name;
        let since = of.run.created_at;
        if self.recorded.get(name).is_none_or(|recorded| recorded.since > since) {
            // Some days more, so that the next older run need not ask again.
            let since = since - TimeDelta::days(30);
            let github = self.github(of).unkept();
            let listed = github.deployments(None, since).await?;
            let mut by_run: HashMap<u64, Vec<github::Deployment>> = HashMap::new();
            for deployment in listed.items {
                // Whoever asks next may be of another workflow.
                let mut workflows = of.repository.workflows.iter();
                if !workflows.any(|workflow| attribution::by_deployment(workflow, &deployment).is_some()) {
                    continue;
                }
                let statuses = github.deployment_statuses(deployment.id).await?;
                if let Some(run) = statuses.items.iter().find_map(github::DeploymentStatus::run) {
                    by_run.entry(run).or_default().push(deployment);
                }
            }
            self.recorded.insert(name.clone(), Recorded { since, by_run });
        }
        let recorded = self.recorded.get(name).and_then(|recorded| recorded.by_run.get(&of.run.id));
        Ok(recorded.cloned().unwrap_or_default())
    }

    async fn commit(&mut self, of: Of<'_>, branch: Option<&str>, started: DateTime<Utc>) -> Result<Commit, Error> {
        let branch = match commit::told(branch, of.run) {
            Told::Commit(commit) => return Ok(commit),
            Told::Branch(branch) => branch,
        };
        let now = self.client.now();
        let Some(commits) = self.branch(of, branch, started).await? else {
            return Ok(Commit::Unknown(NoCommit::BranchDeleted));
        };
        let known = |from, resolved_at: DateTime<Utc>, commit: &github::Commit| Commit::Known {
            from,
            resolved_at: resolved_at.timestamp(),
            sha: commit.sha.to_ascii_lowercase(),
        };
        let found = match commit::at_start(branch, &commits, started) {
            Found::Said(commit) => return Ok(known(CommitSource::Run, of.run.created_at, commit)),
            Found::Nothing => return Ok(Commit::Unknown(NoCommit::Moved)),
            Found::OnBranch(commit) => commit,
        };
        // Looked at late, a line that has led back to where the workflow itself came from says nothing of the branch: it
        // was replaced or moved, or had no commit of its own yet.
        let late = now - started > commit::soon();
        if late && self.is_behind(of, &found.sha).await? {
            let dispatched_elsewhere = of.run.head_branch.is_some();
            return Ok(Commit::Unknown(if dispatched_elsewhere { NoCommit::ForcePushed } else { NoCommit::Moved }));
        }
        Ok(known(CommitSource::BranchAtStart, now, found))
    }

    async fn branch(
        &mut self,
        of: Of<'_>,
        branch: &str,
        started: DateTime<Utc>,
    ) -> Result<Option<Arc<[github::Commit]>>, Error> {
        let key = (of.repository.name.clone(), branch.to_owned());
        if let Some(branch) = self.branches.get(&key).filter(|branch| branch.asked >= started) {
            return Ok(branch.commits.clone());
        }
        let asked = self.client.now();
        let commits = match self.github(of).newest_commits(branch).await {
            Ok(listed) => Some(listed.items.into()),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        self.branches.insert(key, Branch { asked, commits: commits.clone() });
        Ok(commits)
    }

    /// Whether the commit that the workflow was dispatched on has all that this commit has.
    async fn is_behind(&mut self, of: Of<'_>, sha: &str) -> Result<bool, Error> {
        let head = &of.run.head_sha;
        if !commit::is_sha(head) {
            return Ok(false);
        }
        let key = (of.repository.name.clone(), head.clone(), sha.to_owned());
        if let Some(behind) = self.behind.get(&key) {
            return Ok(*behind);
        }
        let behind = match self.github(of).unkept().compare(head, sha).await {
            Ok(comparison) => matches!(comparison.status.as_str(), "behind" | "identical"),
            Err(error) if error.is_not_found() => false,
            Err(error) => return Err(error),
        };
        self.behind.insert(key, behind);
        Ok(behind)
    }

    /// Names of the pipelines, and the team. Where the deployed commit is unknown, the file is read as it was where the
    /// workflow was dispatched: that is enough for names, and lead time stays unknown.
    async fn pipelines(
        &mut self,
        of: Of<'_>,
        call: &Call,
        commit: &Commit,
    ) -> Result<Result<(Vec<String>, Option<String>), What>, Error> {
        let Some(yaml) = &call.yaml else {
            return Ok(Ok((call.pipeline.iter().cloned().collect(), None)));
        };
        let sha = commit.sha().unwrap_or(&of.run.head_sha);
        let file = self.file(of.repository, yaml, sha).await?;
        let names = match (&call.pipeline, &file) {
            (Some(pipeline), _) => Ok(vec![pipeline.clone()]),
            (None, Ok(file)) => Ok(pipelines::named(file, &call.environment)),
            (None, Err(reason)) => Err(reason.clone()),
        };
        let names = names.and_then(|names| match names.len() {
            0 => Err("it declares none".to_owned()),
            1..=MOST_PIPELINES => Ok(names),
            _ => Err(format!("it declares more than {MOST_PIPELINES}")),
        });
        let team = file.ok().and_then(|file| file.team.clone());
        Ok(names.map(|names| (names, team)).map_err(|reason| What::File {
            path: yaml.clone(),
            commit: sha.to_owned(),
            reason,
        }))
    }

    pub(super) async fn file(&mut self, repository: &Repository, yaml: &str, sha: &str) -> Result<File, Error> {
        let key = (repository.name.clone(), yaml.to_owned(), sha.to_owned());
        if let Some(file) = self.files.get(&key) {
            return Ok(file.clone());
        }
        let github = self.client.repository(&repository.name, self.deadline);
        let file = match github.contents(yaml, sha).await {
            Ok(bytes) => declared::parse(&String::from_utf8_lossy(&bytes)).map(Arc::new),
            Err(error) if error.is_not_found() => Err("it is not there".to_owned()),
            Err(error @ (Error::TooLong { .. } | Error::BadRequest { .. })) => Err(error.to_string()),
            Err(error) => return Err(error),
        };
        self.files.insert(key, file.clone());
        Ok(file)
    }
}

/// A run of which no deployment is known.
pub(super) fn unread(of: Of<'_>, state: RunState) -> Read {
    let fate = if state == RunState::Pending { Fate::Pending } else { Fate::Unattributed };
    let Of { repository, run, .. } = of;
    let record = Run {
        as_of: as_of(run),
        state,
        id: run.id,
        created_at: run.created_at.timestamp(),
        repository: repository.name.clone(),
        workflow: path(of),
        title: run.display_title.clone().unwrap_or_default(),
        url: page(of),
    };
    Read { fate, facts: vec![Fact::Run(record)], troubles: Vec::new() }
}

/// A deployment that is known, with what is new of its attempts.
fn again(known: &Deployment, of: Of<'_>, attempts: &Attempts) -> Deployment {
    let yaml = &known.origin.yaml;
    let call = Call {
        action: known.action,
        environment: known.unit.environment.clone(),
        yaml: (!yaml.is_empty()).then(|| yaml.clone()),
        pipeline: Some(known.unit.pipeline.clone()),
        branch: None,
        version: None,
    };
    let origin = Origin { as_of: as_of(of.run).max(known.origin.as_of), ..known.origin.clone() };
    Deployment { origin, attempts: tried(of, attempts, &call), ..known.clone() }
}

fn tried(of: Of<'_>, attempts: &Attempts, call: &Call) -> BTreeMap<u32, Attempt> {
    let tried = attempts.iter().map(|(number, jobs)| {
        let newest = *number == of.run.run_attempt;
        let url = format!("{}/attempts/{number}", page(of));
        let jobs = jobs.as_deref().unwrap_or_default();
        // A success of nothing is no answer.
        let untold = newest && jobs.is_empty() && of.run.conclusion.as_deref() == Some("success");
        let over = !newest || (is_over(of.run) && !untold);
        (*number, attempt(jobs, *number, over, url, call, &of.workflow.job_name))
    });
    tried.collect()
}

fn described(
    of: Of<'_>,
    by: Attribution,
    call: &Call,
    pipeline: &str,
    commit: &Commit,
    team: Option<&String>,
    attempts: &BTreeMap<u32, Attempt>,
) -> Deployment {
    Deployment {
        run: of.run.id,
        action: call.action,
        unit: Unit::new(pipeline, &call.environment),
        created_at: of.run.created_at.timestamp(),
        origin: Origin {
            by,
            as_of: as_of(of.run),
            repository: of.repository.name.clone(),
            workflow: path(of),
            title: of.run.display_title.clone().unwrap_or_default(),
            url: page(of),
            yaml: call.yaml.clone().unwrap_or_default(),
            branch: call.branch.clone(),
        },
        commit: commit.clone(),
        team: team.cloned(),
        version: call.version.clone(),
        attempts: attempts.clone(),
    }
}

/// The workflow's file as it is configured: a run's `path` may have a ref behind it, and null in its place.
fn path(of: Of<'_>) -> String {
    format!(".github/workflows/{}", of.workflow.file)
}

fn page(of: Of<'_>) -> String {
    of.run.html_url.clone().unwrap_or_default()
}
