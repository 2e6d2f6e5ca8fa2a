//! How the repositories came to be what they are: half a year of work, drawn from the seed.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::super::dice;
use super::history::{Action, Attempt, Cause, Commit, Conclusion, Deploy, Repository};

/// How long it went on before the opening.
pub(super) const DAYS: i64 = 180;
/// And goes on after it.
const AHEAD_DAYS: i64 = 2;
/// Days before the opening at which the workflow got its `run-name`, and its jobs their names.
const TITLED: i64 = 120;
const NAMED_JOBS: i64 = 150;
/// Before so many days a program recorded deployments, and described them.
const DESCRIBED: i64 = 165;
/// Minutes after which a job is stopped.
pub(super) const TIMEOUT: i64 = 60;
/// Branches for features; the last of them are still there.
const FEATURES: usize = 30;
const OPEN_FEATURES: usize = 3;
/// A branch whose history was replaced.
pub(super) const FORCED: &str = "experiment/layout";

/// Draws for one repository.
struct Draw<'a> {
    seed: u64,
    repository: &'a str,
}

impl Draw<'_> {
    fn roll(&self, what: &str, number: usize) -> u64 {
        dice::roll(self.seed, &["github", self.repository, what], i64::try_from(number).unwrap_or(0))
    }

    fn unit(&self, what: &str, number: usize) -> f64 {
        dice::unit(self.roll(what, number))
    }

    /// In `0..below`.
    fn below(&self, what: &str, number: usize, below: u64) -> i64 {
        i64::try_from(self.roll(what, number) % below.max(1)).unwrap_or(0)
    }

    fn sha(&self, what: &str, number: usize) -> String {
        let part = |name: &str| self.roll(&format!("{what} {name}"), number);
        format!("{:016x}{:016x}{:08x}", part("a"), part("b"), part("c") >> 32)
    }
}

/// The repositories at the opening; `runs` is how many runs the first of them has.
pub(super) fn repositories(seed: u64, opened: DateTime<Utc>, runs: usize) -> Vec<Repository> {
    let ml: &[&str] = &["Lease", "InvoiceTotals", "Renewals", "FaxIntake"];
    vec![
        repository(seed, opened, (701, "acme/ml-pipelines", "deploy.yml"), ml, runs),
        repository(seed, opened, (702, "acme/claims", "release.yml"), &["ClaimTriage"], runs.min(200)),
    ]
}

fn repository(
    seed: u64,
    opened: DateTime<Utc>,
    (id, name, workflow): (u64, &str, &str),
    pipelines: &'static [&'static str],
    runs: usize,
) -> Repository {
    let draw = Draw { seed, repository: name };
    let mut repository = Repository {
        id,
        name: name.to_owned(),
        workflow: workflow.to_owned(),
        workflow_id: id * 1_000,
        pipelines,
        commits: Vec::new(),
        by_sha: HashMap::new(),
        on_main: 0,
        branches: BTreeMap::new(),
        deploys: Vec::new(),
    };
    let start = opened - TimeDelta::days(DAYS + 10);
    write_main(&mut repository, &draw, start, (runs / 2).max(300));
    write_features(&mut repository, &draw);
    repository.by_sha = (0..).zip(&repository.commits).map(|(at, commit)| (commit.sha.clone(), at)).collect();
    deploy(&mut repository, &draw, opened, runs);
    repository
}

fn paths(pipelines: &[&str], draw: &Draw<'_>, number: usize) -> Vec<String> {
    let at = draw.below("pipeline of commit", number, pipelines.len() as u64);
    let pipeline = pipelines[usize::try_from(at).unwrap_or(0)];
    match number % 10 {
        0 => vec!["src/shared/geometry.py".to_owned()],
        1..=3 => vec![Repository::file(pipeline)],
        _ => vec![format!("src/{}/model.py", pipeline.to_lowercase())],
    }
}

/// A line of commits; every seventh was squashed, so that it was written days before it came.
fn write_main(repository: &mut Repository, draw: &Draw<'_>, start: DateTime<Utc>, count: usize) {
    let span = TimeDelta::days(DAYS + 10 + AHEAD_DAYS).num_seconds();
    let step = span / i64::try_from(count).unwrap_or(1);
    let mut committed = start;
    for number in 0..count {
        let squashed = number % 7 == 3;
        let written =
            if squashed { TimeDelta::hours(20 + draw.below("written", number, 60)) } else { TimeDelta::zero() };
        repository.commits.push(Commit {
            sha: draw.sha("main", number),
            message: format!("{} step {number}", if squashed { "Squash" } else { "Take" }),
            authored: committed - written,
            committed,
            parents: number.checked_sub(1).into_iter().collect(),
            paths: paths(repository.pipelines, draw, number),
        });
        committed +=
            TimeDelta::seconds(step / 2 + draw.below("pause", number, u64::try_from(step.max(1)).unwrap_or(1)));
    }
    repository.on_main = count;
}

/// Branches off `main`, most of them merged and deleted; every fifth came in as a merge commit.
fn write_features(repository: &mut Repository, draw: &Draw<'_>) {
    for feature in 0..FEATURES {
        let base = feature * (repository.on_main - 12) / FEATURES;
        let mut parent = base;
        for number in 0..3 {
            let at = repository.commits[base].committed + TimeDelta::hours(1 + number);
            repository.commits.push(Commit {
                sha: draw.sha(&format!("feature {feature}"), usize::try_from(number).unwrap_or(0)),
                message: format!("Try {feature}.{number}"),
                authored: at,
                committed: at,
                parents: vec![parent],
                paths: paths(repository.pipelines, draw, feature * 10 + 4),
            });
            parent = repository.commits.len() - 1;
        }
        if feature + OPEN_FEATURES >= FEATURES {
            repository.branches.insert(format!("feature/{feature}"), parent);
        } else if feature % 5 == 0 {
            let merge = &mut repository.commits[base + 9];
            merge.parents.push(parent);
            merge.message = format!("Merge pull request #{feature} from acme/feature/{feature}");
        }
    }
    // What it was before is nowhere any more; only old runs name it.
    repository.branches.insert(FORCED.to_owned(), repository.commits.len() - 1);
}

/// The runs, in the order of time.
fn deploy(repository: &mut Repository, draw: &Draw<'_>, opened: DateTime<Utc>, count: usize) {
    let span = TimeDelta::days(DAYS + AHEAD_DAYS).num_seconds();
    let step = span / i64::try_from(count.max(1)).unwrap_or(1);
    let start = opened - TimeDelta::days(DAYS);
    // The commit in production by pipeline, the one before it, and whether the newest is bad.
    let mut live: BTreeMap<&str, (usize, usize, bool)> = BTreeMap::new();
    let mut last = start;
    for number in 0..count {
        let mut asked = start + TimeDelta::seconds(step * i64::try_from(number).unwrap_or(0));
        asked += TimeDelta::seconds(draw.below("when", number, u64::try_from(step.max(1)).unwrap_or(1)));
        if number % 61 == 60 {
            // Two pipelines in one second.
            asked = last;
        }
        last = asked;
        let pipeline = repository.pipelines
            [usize::try_from(draw.below("pipeline", number, repository.pipelines.len() as u64)).unwrap_or(0)];
        let (_, before, bad) = live.get(pipeline).copied().unwrap_or_default();
        let mut deploy = planned(repository, draw, number, pipeline, asked);
        if bad {
            deploy.action = Action::Up;
            "data_prod".clone_into(&mut deploy.environment);
            if draw.unit("rollback", number) < 0.6 {
                deploy.cause = Cause::Rollback;
                deploy.commit.clone_from(&repository.commits[before].sha);
                deploy.branch.clone_from(&deploy.commit);
            } else {
                deploy.cause = Cause::Hotfix;
                deploy.commit.clone_from(&deploy.head_sha);
                deploy.branch = format!("hotfix/{number}");
            }
        }
        deploy.titled = asked >= opened - TimeDelta::days(TITLED);
        deploy.named_jobs = asked >= opened - TimeDelta::days(NAMED_JOBS);
        deploy.described = asked < opened - TimeDelta::days(DESCRIBED);
        deploy.attempts = attempts(draw, number, &deploy.environment, asked, deploy.cause != Cause::Planned);
        let ended_well = deploy.attempts.last().is_some_and(|last| last.conclusion == Conclusion::Success);
        if ended_well
            && (deploy.action, deploy.environment.as_str()) == (Action::Up, "data_prod")
            && let Some(now) = repository.by_sha.get(&deploy.commit)
        {
            let then = live.get(pipeline).map_or(*now, |(then, ..)| *then);
            let goes_bad = deploy.cause == Cause::Planned && draw.unit("bad", number) < 0.12;
            live.insert(pipeline, (*now, then, goes_bad));
        }
        repository.deploys.push(deploy);
    }
}

/// A run as usual, without its attempts.
fn planned(repository: &Repository, draw: &Draw<'_>, number: usize, pipeline: &str, asked: DateTime<Utc>) -> Deploy {
    let main = repository.main_at(asked);
    let production = draw.unit("environment", number) < 0.35;
    let action = match draw.unit("action", number) {
        drawn if drawn < 0.12 => Action::Preview,
        drawn if drawn < 0.14 && !production => Action::Destroy,
        _ => Action::Up,
    };
    let feature = main * FEATURES / (repository.on_main - 12);
    let (branch, commit) = match draw.unit("branch", number) {
        drawn if production || drawn < 0.5 || feature >= FEATURES => {
            ("main".to_owned(), repository.commits[main].sha.clone())
        }
        drawn if drawn < 0.53 => (FORCED.to_owned(), draw.sha("replaced", number)),
        _ => {
            let head = repository.on_main + feature * 3 + 2;
            (format!("feature/{feature}"), repository.commits[head].sha.clone())
        }
    };
    Deploy {
        repository: repository.name.clone(),
        id: repository.id * 10_000_000 + u64::try_from(number).unwrap_or(0) * 37,
        number: u64::try_from(number).unwrap_or(0) + 1,
        pipeline: pipeline.to_owned(),
        action,
        environment: if production { "data_prod" } else { "data_dev" }.to_owned(),
        branch,
        commit,
        head_sha: repository.commits[main].sha.clone(),
        cause: Cause::Planned,
        titled: true,
        named_jobs: true,
        described: false,
        nulls: match number {
            _ if number % 97 == 5 => &["name"],
            _ if number % 131 == 7 => &["head_branch", "head_commit"],
            _ => &[],
        },
        attempts: Vec::new(),
    }
}

/// What fails is mostly run again, now or days later.
fn attempts(draw: &Draw<'_>, number: usize, environment: &str, asked: DateTime<Utc>, sure: bool) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let mut asked = asked;
    for try_number in 0..3 {
        let of = |what: &str| format!("{what} {try_number}");
        let conclusion = match draw.unit(&of("conclusion"), number) {
            drawn if sure || drawn < 0.86 => Conclusion::Success,
            drawn if drawn < 0.94 => Conclusion::Failure,
            drawn if drawn < 0.97 => Conclusion::Cancelled,
            _ => Conclusion::TimedOut,
        };
        let approval = if environment == "data_prod" { 60 * draw.below(&of("approval"), number, 40) } else { 0 };
        let started = asked + TimeDelta::seconds(5 + approval);
        let takes = match conclusion {
            Conclusion::TimedOut => TimeDelta::minutes(TIMEOUT),
            _ => TimeDelta::seconds(180 + draw.below(&of("takes"), number, 900)),
        };
        attempts.push(Attempt { asked, started, completed: started + takes, conclusion });
        if conclusion == Conclusion::Success || draw.unit(&of("again"), number) < 0.4 {
            break;
        }
        let later = if draw.unit(&of("later"), number) < 0.2 { 60 * 24 * 9 } else { 10 };
        asked = started + takes + TimeDelta::minutes(later);
    }
    attempts
}
