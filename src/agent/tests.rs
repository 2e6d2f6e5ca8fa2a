#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::health::JobStatus;
use super::http::Server;
use super::webhook::Hint;
use super::*;

/// A guard against hanging, never a measure.
const FOREVER: Duration = Duration::from_mins(1);
const START: i64 = 1_700_000_000_000;

/// A minute takes a tenth of a second.
fn clock() -> Clock {
    Clock::Scaled { real_origin_ms: Utc::now().timestamp_millis(), sim_origin_ms: START, rate: 600.0 }
}

fn settings() -> settings::Agent {
    settings::Agent { listen: ([127, 0, 0, 1], 0).into(), shutdown_deadline: FOREVER, unready_after: 3 }
}

fn job(kind: JobKind, account: &str, cron: &str) -> Job {
    let scope = (!account.is_empty()).then(|| Scope { account: account.into(), region: "us-west-2".into() });
    Job { kind, scope, schedule: Schedule::from_str(cron).unwrap() }
}

fn minutely(kind: JobKind, account: &str) -> Job {
    job(kind, account, "0 * * * * *")
}

fn failure(tag: &'static str, retriable: bool) -> Failure {
    Failure { message: "the words".into(), tag, retriable, fatal: false }
}

/// The table at work in the background.
struct Daemon {
    health: Arc<Health>,
    shutdown: Shutdown,
    task: JoinHandle<Exit>,
}

impl Daemon {
    fn start<F, Fut>(jobs: Vec<Job>, settings: settings::Agent, work: F) -> Self
    where
        F: Fn(Job, DateTime<Utc>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Summary, Failure>> + Send + 'static,
    {
        Self::start_hinted(jobs, settings, None, work)
    }

    fn start_hinted<F, Fut>(jobs: Vec<Job>, settings: settings::Agent, hinted: Option<Hinted>, work: F) -> Self
    where
        F: Fn(Job, DateTime<Utc>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Summary, Failure>> + Send + 'static,
    {
        let (clock, shutdown) = (clock(), Shutdown::default());
        let health = Arc::new(Health::new(clock, &settings));
        let (shared, stop) = (Arc::clone(&health), shutdown.clone());
        let task = tokio::spawn(async move { run(jobs, clock, shared, &settings, stop, hinted, work).await });
        Self { health, shutdown, task }
    }

    fn job(&self, account: &str) -> Option<JobStatus> {
        self.health.status().jobs.into_iter().find(|job| job.account.as_deref().unwrap_or_default() == account)
    }

    async fn until(&self, account: &str, reached: impl Fn(&JobStatus) -> bool) -> JobStatus {
        tokio::time::timeout(FOREVER, async {
            loop {
                if let Some(job) = self.job(account).filter(|job| reached(job)) {
                    return job;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await
        .unwrap()
    }

    async fn exit(self) -> Exit {
        tokio::time::timeout(FOREVER, self.task).await.unwrap().unwrap()
    }

    async fn stop(self) -> Exit {
        self.shutdown.drain();
        self.exit().await
    }
}

#[tokio::test]
async fn jobs_run_at_once_and_then_by_their_schedule() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let jobs = vec![minutely(JobKind::Report, ""), minutely(JobKind::Hot, "a"), minutely(JobKind::Discover, "a")];
    let daemon = Daemon::start(jobs, settings(), move |job, due| {
        log.lock().unwrap().push((job.kind, due));
        async move { Ok(Summary { watermark: Some(due), note: "fine".into() }) }
    });
    let job = daemon.until("", |job| job.runs >= 4).await;
    assert!(daemon.health.ready());
    assert_eq!((job.job, job.note.as_str(), job.failures), (JobKind::Report, "fine", 0));
    assert!(job.lag_seconds.is_some_and(|lag| lag >= 0) && job.last_success.is_some());
    assert_eq!(daemon.stop().await, Exit::Clean);

    let seen = seen.lock().unwrap();
    let kinds: Vec<JobKind> = seen.iter().take(3).map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [JobKind::Discover, JobKind::Hot, JobKind::Report]);
    let dues: Vec<i64> =
        seen.iter().filter(|(kind, _)| *kind == JobKind::Hot).map(|(_, due)| due.timestamp()).collect();
    assert!(dues.iter().skip(1).all(|due| due % 60 == 0), "{dues:?}");
    assert!(dues.windows(2).all(|pair| pair[0] < pair[1]), "{dues:?}");
}

#[tokio::test]
async fn a_hint_makes_deployments_due_before_their_time_and_nothing_else() {
    let (hint, hinted) = Hint::new();
    let yearly = |kind| job(kind, "", "0 0 0 1 1 *");
    let jobs = vec![yearly(JobKind::Deploys), yearly(JobKind::Report)];
    let dues = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&dues);
    let daemon = Daemon::start_hinted(jobs, settings(), Some(hinted), move |job, due| {
        log.lock().unwrap().push((job.kind, due));
        async { Ok(Summary::default()) }
    });
    let runs = |kind| dues.lock().unwrap().iter().filter(|(of, _)| *of == kind).count();
    let until = async |number| {
        while runs(JobKind::Deploys) < number || runs(JobKind::Report) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    until(1).await;
    for number in 2..4 {
        hint.give();
        hint.give();
        until(number).await;
    }
    assert_eq!((runs(JobKind::Deploys), runs(JobKind::Report)), (3, 1));
    assert!(dues.lock().unwrap().iter().all(|(_, due)| due.timestamp() < START / 1_000 + 60), "of the same time due");
    assert_eq!(daemon.stop().await, Exit::Clean);
}

#[tokio::test]
async fn an_overrun_is_skipped_and_counted() {
    let (gate, running, most) = (Arc::new(Semaphore::new(0)), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (shared, running, peak) = (Arc::clone(&gate), Arc::new(running), Arc::clone(&most));
    let daemon = Daemon::start(vec![minutely(JobKind::Hot, "a")], settings(), move |_, _| {
        let (gate, running, peak) = (Arc::clone(&shared), Arc::clone(&running), Arc::clone(&peak));
        async move {
            peak.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            gate.acquire().await.unwrap().forget();
            running.fetch_sub(1, SeqCst);
            Ok(Summary::default())
        }
    });
    let job = daemon.until("a", |job| job.overruns >= 3).await;
    assert_eq!(job.runs, 0);
    assert!(job.running_since.is_some());
    assert!(!daemon.health.ready(), "it has not run yet");
    gate.add_permits(1);
    let job = daemon.until("a", |job| job.runs == 1 && job.running_since.is_some()).await;
    assert!(job.last_start >= job.last_success, "the next run waited for its own time");
    gate.add_permits(Semaphore::MAX_PERMITS / 2);
    assert_eq!(daemon.stop().await, Exit::Clean);
    assert_eq!(most.load(SeqCst), 1, "never two at once");
}

#[tokio::test]
async fn a_failed_run_is_tried_again_before_it_is_due_again() {
    let dues = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&dues);
    let yearly = job(JobKind::Hot, "a", "0 0 0 1 1 *");
    let daemon = Daemon::start(vec![yearly], settings(), move |_, due| {
        let mut dues = log.lock().unwrap();
        dues.push(due);
        let outcome = if dues.len() < 3 { Err(failure("throttled", true)) } else { Ok(Summary::default()) };
        async move { outcome }
    });
    let job = daemon.until("a", |job| job.runs >= 3).await;
    assert_eq!((job.failures, job.consecutive_failures), (2, 0));
    assert_eq!(job.last_error.map(|error| (error.message, error.tag)), Some(("the words".into(), "throttled")));
    let dues = dues.lock().unwrap().clone();
    assert!(dues.iter().all(|due| *due == dues[0]), "a retry is of the same window: {dues:?}");
    assert_eq!(daemon.stop().await, Exit::Clean);
}

#[tokio::test]
async fn a_job_that_keeps_failing_makes_the_daemon_unready_until_it_succeeds() {
    let broken = Arc::new(AtomicBool::new(true));
    let shared = Arc::clone(&broken);
    let jobs = vec![minutely(JobKind::Hot, "a"), minutely(JobKind::Hot, "b")];
    let daemon = Daemon::start(jobs, settings(), move |job, _| {
        let fails = shared.load(SeqCst) && job.scope.is_some_and(|scope| scope.account == "a");
        async move { if fails { Err(failure("access_denied", false)) } else { Ok(Summary::default()) } }
    });
    let job = daemon.until("a", |job| job.consecutive_failures >= 2).await;
    assert_eq!(daemon.health.ready(), job.consecutive_failures < 3);
    daemon.until("a", |job| job.consecutive_failures >= 3).await;
    let unready = daemon.health.unready();
    assert_eq!(unready.len(), 1);
    assert!(unready[0].starts_with("hot a/us-west-2 has failed "), "{unready:?}");
    assert!(unready[0].ends_with(" times in a row: the words"), "{unready:?}");

    let before = daemon.job("b").unwrap();
    let other = daemon.until("b", |job| job.runs >= before.runs + 2).await;
    assert_eq!(other.failures, 0, "one account's failure is its own");

    broken.store(false, SeqCst);
    daemon.until("a", |job| job.consecutive_failures == 0).await;
    assert!(daemon.health.ready());
    assert_eq!(daemon.stop().await, Exit::Clean);
}

#[tokio::test]
async fn a_panic_is_a_failure_and_the_next_run_goes_on() {
    let runs = AtomicUsize::new(0);
    let daemon = Daemon::start(vec![minutely(JobKind::Hot, "a")], settings(), move |_, _| {
        let run = runs.fetch_add(1, SeqCst);
        async move {
            assert!(run != 0, "the first run dies");
            Ok(Summary::default())
        }
    });
    let job = daemon.until("a", |job| job.last_success.is_some()).await;
    assert_eq!(job.failures, 1);
    let error = job.last_error.unwrap();
    assert_eq!((error.tag, error.message.as_str()), ("panic", "panicked: the first run dies"));
    assert_eq!(daemon.stop().await, Exit::Clean);
}

#[tokio::test]
async fn a_job_that_keeps_dying_ends_the_process_after_the_others_have_finished() {
    let finished = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&finished);
    let jobs = vec![minutely(JobKind::Hot, "a"), minutely(JobKind::Hot, "b")];
    let shutdown = Arc::new(Mutex::new(Shutdown::default()));
    let stop = Arc::clone(&shutdown);
    let daemon = Daemon::start(jobs, settings(), move |job, _| {
        let (count, stop) = (Arc::clone(&count), stop.lock().unwrap().clone());
        async move {
            assert!(job.scope.is_some_and(|scope| scope.account != "a"), "every run of a dies");
            stop.draining().await;
            count.fetch_add(1, SeqCst);
            Ok(Summary::default())
        }
    });
    let draining = daemon.shutdown.clone();
    let (health, exit) = (Arc::clone(&daemon.health), tokio::spawn(daemon.exit()));
    draining.draining().await;
    assert_eq!(finished.load(SeqCst), 0);
    shutdown.lock().unwrap().drain();
    assert_eq!(exit.await.unwrap(), Exit::JobKeepsDying { job: "hot a/us-west-2".into() });
    assert_eq!(finished.load(SeqCst), 1);
    assert_eq!(health.status().jobs[0].consecutive_failures, 3);
}

#[tokio::test]
async fn a_fatal_failure_ends_the_process() {
    let daemon = Daemon::start(vec![minutely(JobKind::Report, "")], settings(), |_, _| async {
        Err(Failure { fatal: true, ..failure("bad_key", false) })
    });
    let exit = daemon.exit().await;
    assert_eq!(exit.to_string(), "job report: the words");
    assert_eq!(exit.code(), 4);
}

#[tokio::test]
async fn a_stop_waits_for_what_runs_and_starts_nothing_new() {
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (shared, count) = (Arc::clone(&gate), Arc::clone(&begun));
    let daemon = Daemon::start(vec![minutely(JobKind::Hot, "a")], settings(), move |_, _| {
        count.fetch_add(1, SeqCst);
        let gate = Arc::clone(&shared);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(Summary::default())
        }
    });
    daemon.until("a", |job| job.running_since.is_some()).await;
    daemon.shutdown.drain();
    daemon.until("a", |job| job.overruns >= 1).await;
    assert!(!daemon.task.is_finished());
    let health = Arc::clone(&daemon.health);
    gate.add_permits(1);
    assert_eq!(daemon.exit().await, Exit::Clean);
    assert_eq!((begun.load(SeqCst), health.status().jobs[0].runs), (1, 1));
}

#[tokio::test]
async fn a_stop_ends_at_its_deadline_or_when_it_is_forced() {
    for (deadline, force, expected) in
        [(Duration::from_millis(10), false, Exit::DeadlinePassed), (FOREVER * 60, true, Exit::Forced)]
    {
        let dropped = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&dropped);
        let settings = settings::Agent { shutdown_deadline: deadline, ..settings() };
        let daemon = Daemon::start(vec![minutely(JobKind::Hot, "a")], settings, move |_, _| {
            let told = TellsItsEnd(Arc::clone(&shared));
            async move {
                let _told = told;
                std::future::pending().await
            }
        });
        daemon.until("a", |job| job.running_since.is_some()).await;
        daemon.shutdown.drain();
        if force {
            daemon.shutdown.force();
        }
        let exit = daemon.exit().await;
        assert_eq!((&exit, exit.code()), (&expected, 1));
        while !dropped.load(SeqCst) {
            tokio::task::yield_now().await;
        }
    }
}

struct TellsItsEnd(Arc<AtomicBool>);

impl Drop for TellsItsEnd {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[tokio::test]
async fn health_is_told_over_http() {
    let gate = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&gate);
    let daemon = Daemon::start(vec![minutely(JobKind::Hot, "a")], settings(), move |_, due| {
        let gate = Arc::clone(&shared);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(Summary { watermark: Some(due), note: "12 points".into() })
        }
    });
    let server = Server::start(settings().listen, Arc::clone(&daemon.health)).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        let answer = client.get(format!("http://{}{path}", server.address())).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    daemon.until("a", |job| job.running_since.is_some()).await;
    assert_eq!(get("/livez").await, (200, "ok\n".into()));
    assert_eq!(get("/readyz").await, (503, "hot a/us-west-2 has not run yet\n".into()));

    daemon.until("a", |job| job.overruns > 10).await;
    let (code, text) = get("/livez").await;
    assert_eq!(code, 503);
    assert!(text.starts_with("hot a/us-west-2 has been running since 2023-11-14 "), "{text}");

    gate.add_permits(Semaphore::MAX_PERMITS / 2);
    daemon.until("a", |job| job.runs > 0).await;
    assert_eq!(get("/livez").await.0, 200);
    assert_eq!(get("/readyz").await, (200, "ok\n".into()));
    daemon.health.publish("budget", serde_json::json!({"dollars": 1.5}));
    let (code, text) = get("/status").await;
    assert_eq!(code, 200);
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status["version"], 1);
    assert_eq!(status["ready"], true);
    assert_eq!(status["extra"]["budget"]["dollars"], 1.5);
    let job = &status["jobs"][0];
    assert_eq!((&job["job"], &job["account"], &job["region"]), (&"hot".into(), &"a".into(), &"us-west-2".into()));
    assert_eq!(job["note"], "12 points");
    assert!(job["lag_seconds"].as_i64().unwrap() >= 0 && job["next_run"].is_string(), "{text}");

    let refused = Server::start(server.address(), Arc::clone(&daemon.health)).await.unwrap_err().to_string();
    assert!(refused.starts_with(&format!("cannot listen on {}: Address", server.address())), "{refused}");
    assert!(refused.ends_with("set `agent.listen` to a free address"), "{refused}");
    assert_eq!(daemon.stop().await, Exit::Clean);
}
