//! A pretend company with its AWS accounts, its Datadog and its GitHub, on loopback.
//!
//! Three HTTP servers on free ports of 127.0.0.1: one answers the AWS APIs that this program calls (tagging, `SageMaker`, `CloudWatch`,
//! Logs, STS), one Datadog's, one GitHub's. Every value of every minute is a pure function of the seed, points arrive late and change as
//! they do at AWS, the clock can run fast, and faults come on request. It names metrics, tags and fields by literals of its own and
//! imports nothing of this crate but its query language, so that a misspelt name elsewhere cannot hide.
//!
//! Other processes use Datadog's port too:
//!
//! | request | what it does |
//! |---|---|
//! | `GET /_sim/received` | every stored point, one JSON object a line |
//! | `GET /_sim/counters` | what came in, in numbers |
//! | `GET /_sim/logs` | every line of a log that is kept, with `at` and `received_at` in Unix milliseconds, one JSON object a line |
//! | `GET /_sim/metadata` | metric metadata, by metric |
//! | `GET /_sim/truth?from=S&to=S` | the final values of the minutes in `from..to` (Unix seconds), one JSON object a line |
//! | `GET /_sim/requests` | how often each operation was asked for |
//! | `GET /_sim/clock` | the simulated time in Unix milliseconds, and what `DDSYNC_CLOCK` holds |
//! | `GET`, `POST /_sim/faults` | the list of [`Rule`]s; `[{"service":"sagemaker","kind":"throttle","times":3}]`, `{"server_error":503}`, `{"slow":200}` |
//! | `POST /_sim/world` | `{"retag":{"name","key","value"}}`, `{"vanish":{"name"}}`, `{"delete":{"name"}}`, `{"add_pipeline":{"account","pipeline"}}` |
//! | `GET /_sim/objects?kind=K` | every `dashboard`, `monitor` or `slo` as Datadog keeps it, one JSON object a line |
//! | `POST /_sim/objects` | a person makes one: `{"kind":"monitor","body":{..}}`; the answer is `{"id":".."}` |
//! | `POST /_sim/objects/edit` | a person changes one: `{"kind","id","pointer":"/options/thresholds/critical","value":5}`; null takes away |
//! | `POST /_sim/objects/delete` | a person deletes one: `{"kind","id"}` |
//! | `GET /_sim/writes` | how many were written through the API, by kind and `create`, `update`, `delete`, `restore` |
//! | `POST /_sim/history` | `{"days":30}` copies the last hour of every series back over so many days, some points every few hours |
//! | `GET /_sim/deploys` | what every run of a deploy workflow really was, one JSON object a line |
//! | `POST /_sim/deploys` | somebody deploys now: `{"repository","deploy":{"pipeline","action":"up","environment","branch","cause":"planned","minutes":5,"conclusion":"success"}}` |
//! | `GET /_sim/deployments` | every deployment that Datadog's DORA took, one JSON object a line |
//! | `GET /_sim/events` | every event, posted or of a monitor, as a search answers it, one JSON object a line |
//! | `POST /_sim/alerts` | a monitor alerts now: `{"monitor":"12","group":"stage:reader"}` |
//! | `POST /_sim/reset` | forgets all of the above |

use std::{
    any::Any,
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, middleware::map_response_with_state};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

mod aws;
pub mod clock;
pub mod company;
mod control;
mod datadog;
mod dice;
pub mod faults;
pub mod github;
mod lateness;
pub mod received;
mod values;
pub mod world;

pub use self::{
    clock::Clock,
    datadog::{
        dora::Kept as KeptDeployment,
        logs::{LogLine, Logs},
        objects::{ObjectKind, Write},
    },
    faults::{Fault, Faults, Rule},
    github::history::{Deploy, Dispatch},
    received::{Kept, Received, Series},
    world::{Truth, World, logs::LogEvent},
};

use self::datadog::{events::Event, limits, objects::Objects};

/// How a simulation runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides every value and every drawn fault.
    pub seed: u64,
    /// The time of the company and of both services.
    pub clock: Clock,
    /// Who is there.
    pub company: Company,
    /// How long every answer takes at least.
    pub latency: Duration,
    /// The one API key that Datadog accepts.
    pub api_key: String,
    /// The one application key that Datadog accepts.
    pub app_key: String,
    /// What Datadog keeps of the points.
    pub record: Record,
    /// How many requests each of Datadog's operations gets; those over it are refused with 429.
    pub rate_limit: RateLimit,
    /// How many requests each of CloudWatch Logs' operations answers to an account.
    pub logs_limit: RateLimit,
    /// The one personal token that GitHub accepts.
    pub github_token: String,
    /// How many requests GitHub answers in an hour.
    pub github_limit: RateLimit,
    /// How many runs the larger of two deploy workflows has.
    pub github_runs: usize,
    /// What a message may notify, each with its `@`.
    pub handles: Vec<String>,
}

impl Default for Options {
    /// The example company in real time, with no latency.
    fn default() -> Self {
        Self {
            seed: 1,
            clock: Clock::real(),
            company: Company::Example,
            latency: Duration::ZERO,
            api_key: "pretend-api-key".to_owned(),
            app_key: "pretend-app-key".to_owned(),
            record: Record::Points,
            rate_limit: RateLimit { requests: 100_000, seconds: 10 },
            logs_limit: RateLimit { requests: 5, seconds: 1 },
            github_token: "ghp_pretend-github-token".to_owned(),
            github_limit: RateLimit { requests: 5_000, seconds: 3_600 },
            github_runs: 1_300,
            handles: ["@slack-ml", "@pagerduty-ml", "@slack-docs", "@pagerduty-Docs", "@person@example.com"]
                .map(str::to_owned)
                .into(),
        }
    }
}

/// Which company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// A few pipelines of every kind in two accounts, with everything that tends to be wrong.
    Example,
    /// For benchmarks: asynchronous endpoints that are all the same, with one variant each, in one account.
    Uniform {
        /// How many.
        endpoints: usize,
    },
}

/// What Datadog keeps of the points it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// Every point.
    Points,
    /// Only how many.
    CountsOnly,
}

/// So many requests in so many seconds of the company's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests.
    pub requests: u64,
    /// Seconds; at least 1.
    pub seconds: u32,
}

/// What the servers share.
#[derive(Debug)]
struct Shared {
    options: Options,
    world: World,
    faults: Faults,
    received: Mutex<Received>,
    logs: Mutex<Logs>,
    requests: Mutex<BTreeMap<(String, String), u64>>,
    objects: Mutex<Objects>,
    deployments: Mutex<Vec<KeptDeployment>>,
    events: Mutex<Vec<Event>>,
    limits: Mutex<limits::Used>,
    github: Mutex<github::Memory>,
}

impl Shared {
    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn logs(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deployments(&self) -> MutexGuard<'_, Vec<KeptDeployment>> {
        self.deployments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> MutexGuard<'_, limits::Used> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> Received {
        self.received().clone()
    }

    fn requests(&self) -> BTreeMap<(String, String), u64> {
        let requests = self.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, service: &str, operation: &str) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (service.to_owned(), operation.to_owned());
        *requests.entry(key).or_insert(0) += 1;
    }

    fn reset(&self) {
        *self.received() = Received::default();
        *self.logs() = Logs::default();
        *self.objects() = Objects::new(self.options.seed);
        self.deployments().clear();
        self.events().clear();
        self.limits().clear();
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.clear();
        self.faults.clear();
        self.forget_github();
        self.world.reopen(&self.options.company);
    }
}

/// Ends the task of the connection, so that it closes with no answer. No panic hook runs.
fn hang_up() -> ! {
    let nothing: Box<dyn Any + Send> = Box::new(());
    std::panic::resume_unwind(nothing)
}

/// The running simulation.
#[derive(Debug)]
pub struct Sim {
    shared: Arc<Shared>,
    aws: SocketAddr,
    datadog: SocketAddr,
    github: SocketAddr,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<io::Result<()>>>,
}

impl Sim {
    /// Opens the company and starts the servers on free ports.
    ///
    /// # Errors
    /// When no port of 127.0.0.1 can be listened on.
    pub async fn start(options: Options) -> io::Result<Self> {
        let opened = options.clock.now();
        let shared = Arc::new(Shared {
            world: World::new(options.seed, &options.company, opened),
            github: Mutex::new(github::Memory::new(options.seed, opened, options.github_runs)),
            faults: Faults::new(options.seed),
            received: Mutex::default(),
            logs: Mutex::default(),
            requests: Mutex::default(),
            objects: Mutex::new(Objects::new(options.seed)),
            deployments: Mutex::default(),
            events: Mutex::default(),
            limits: Mutex::default(),
            options,
        });
        let (stop, stopping) = watch::channel(false);
        let mut servers = Vec::new();
        let mut serve = async |router: Router<Arc<Shared>>| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            let mut stopping = stopping.clone();
            let router = router.with_state(shared.clone());
            servers.push(tokio::spawn(async move {
                tokio::select! {
                    served = axum::serve(listener, router) => served,
                    _ = stopping.changed() => Ok(()),
                }
            }));
            io::Result::Ok(address)
        };
        let aws = serve(Router::new().fallback(aws::serve)).await?;
        let dated = map_response_with_state(shared.clone(), clock::date);
        let datadog = serve(datadog::router().merge(control::router()).layer(dated)).await?;
        let dated = map_response_with_state(shared.clone(), clock::date);
        let github = serve(github::router().layer(dated)).await?;
        Ok(Self { shared, aws, datadog, github, stop, servers })
    }

    /// The endpoint of every AWS service, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn aws_url(&self) -> String {
        format!("http://{}", self.aws)
    }

    /// Datadog's base URL, `http://127.0.0.1:PORT`; the control surface is under `/_sim/` there.
    #[must_use]
    pub fn datadog_url(&self) -> String {
        format!("http://{}", self.datadog)
    }

    /// GitHub's base URL, `http://127.0.0.1:PORT`; `/api/v3` below it is the same.
    #[must_use]
    pub fn github_url(&self) -> String {
        format!("http://{}", self.github)
    }

    /// What every run of a deploy workflow really was that has been dispatched by now, oldest first by repository.
    #[must_use]
    pub fn deploys(&self) -> Vec<Deploy> {
        self.shared.deploys()
    }

    /// Dispatches a deploy workflow now; nothing when there is no such repository or branch.
    #[must_use]
    pub fn dispatch(&self, repository: &str, asked: &Dispatch) -> Option<Deploy> {
        self.shared.dispatch(repository, asked)
    }

    /// The environment of a process that is to live in this company.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let options = &self.shared.options;
        [
            ("AWS_ENDPOINT_URL", self.aws_url()),
            ("AWS_ACCESS_KEY_ID", aws::BASE_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", aws::SECRET.to_owned()),
            ("AWS_REGION", world::REGION.to_owned()),
            ("DD_API_KEY", options.api_key.clone()),
            ("DD_APP_KEY", options.app_key.clone()),
            ("GITHUB_TOKEN", options.github_token.clone()),
            ("DDSYNC_CLOCK", options.clock.to_env()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// A `ddsync.yaml` for this company that keeps its state at `state`.
    #[must_use]
    pub fn config_yaml(&self, state: &str) -> String {
        let (role, id) = (aws::ROLE, aws::EXTERNAL_ID);
        let account = |(name, account): &(&str, &str)| {
            format!("  - {{name: {name}, role: \"arn:aws:iam::{account}:role/{role}\", external_id: {id}}}")
        };
        let datadog = self.datadog_url();
        let accounts = company::accounts(&self.shared.options.company).iter();
        format!(
            "regions: [{}]\naccounts:\n{}\ndatadog: {{base_url: \"{datadog}\", logs_url: \"{datadog}\"}}\n\
             github: {{base_url: \"{}\", repositories: [{{repo: acme/ml-pipelines, workflows: [deploy.yml]}}, \
             {{repo: acme/claims, workflows: [release.yml]}}]}}\nstate: {}\n",
            world::REGION,
            accounts.map(account).collect::<Vec<_>>().join("\n"),
            self.github_url(),
            serde_json::Value::from(state)
        )
    }

    /// What goes wrong, to be changed at any time.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What Datadog has taken in until now.
    #[must_use]
    pub fn ledger(&self) -> Received {
        self.shared.snapshot()
    }

    /// The lines of logs that Datadog has taken in until now.
    #[must_use]
    pub fn logs(&self) -> Logs {
        self.shared.logs().clone()
    }

    /// The company.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// The company's time.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.shared.options.clock
    }

    /// How often each operation was asked for, by service (`tagging`, `sagemaker`, `cloudwatch`, `logs`, `sts`, `datadog`, `github`) and
    /// operation.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<(String, String), u64> {
        self.shared.requests()
    }

    /// Takes no new connections and ends the servers.
    pub async fn stop(self) {
        // The servers may have ended before.
        let _ = self.stop.send(true);
        for server in self.servers {
            let _ = server.await;
        }
    }
}

#[cfg(test)]
mod tests;
