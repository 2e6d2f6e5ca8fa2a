//! The measured process of plans: the program's own planning and applying, word by word on demand.
//!
//! It reads one word a line and answers each with a [`Report`] as JSON:
//!
//! | word | what it does |
//! |---|---|
//! | `plan` | what `ddsync plan` does once it knows the pipelines |
//! | `apply` | the same, and carries the plan out |
//! | `look` | reads what Datadog has |
//! | `imagine` | takes it that Datadog has everything, as it is sent |
//! | `offline` | from pipelines to a plan, over what was last looked at or imagined: no network |

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ddsync::agent::known_metrics;
use ddsync::client::datadog::Client;
use ddsync::clock::Clock;
use ddsync::config::Settings;
use ddsync::model::pipeline::Pipeline;
use ddsync::model::resource::Resource;
use ddsync::provision::apply::{self, Inputs, OnError, Prepared, Session, Wanting, execute, look, prepare};
use ddsync::provision::lint::Metrics;
use ddsync::provision::object::{Identity, Kind, Live, World, resolve};
use ddsync::provision::plan::{self, Action, Plan, Step};
use ddsync::provision::template::Templates;
use serde::{Deserialize, Serialize};

use crate::pipelines::{choose, pipelines};
use crate::polling::CONFIG;
use crate::{Result, machine};

/// How long a plan and its execution may take.
const WITHIN: Duration = Duration::from_mins(15);

/// Objects of each kind for a pipeline when a known number of them is wanted.
pub(crate) const CHOSEN: [(Kind, usize); Kind::ALL.len()] = [(Kind::Dashboard, 1), (Kind::Monitor, 12), (Kind::Slo, 2)];

/// What a word did, and what it took.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Seconds that this word took.
    pub(crate) wall: f64,
    /// Seconds of processor time that this word took.
    pub(crate) cpu: f64,
    /// Peak of resident memory since the start, MB.
    pub(crate) peak: f64,
    /// Steps of the plan.
    pub(crate) steps: usize,
    /// Objects that are as they should be.
    pub(crate) unchanged: usize,
    /// Steps carried out, by kind.
    pub(crate) done: BTreeMap<Kind, usize>,
    /// Steps that failed or were not tried, and the first reason.
    pub(crate) undone: usize,
    pub(crate) reason: String,
}

/// Plans for `count` pipelines, with a chosen part of the templates or with all that are shipped.
pub(crate) async fn serve(count: usize, chosen: bool) -> Result<()> {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let config = environment.get(CONFIG).ok_or("no configuration is named")?;
    let loaded = ddsync::config::load(Path::new(config), &environment).map_err(|problems| problems.to_string())?;
    let mut settings = loaded.settings;
    if chosen {
        choose(&mut settings, &CHOSEN)?;
    }
    let metrics = known_metrics(&settings);
    let (pipelines, resources) = pipelines(&settings, count);
    let client = Client::new(&settings.datadog)?;
    let cache = Path::new(config).with_file_name("dashboards.json");
    let world = World::default();
    let mut planner = Planner { settings, metrics, pipelines, resources, client, cache, world };
    // Nothing else runs while the next word is waited for.
    for word in std::io::stdin().lines() {
        let (started, cpu) = (Instant::now(), machine::cpu()?);
        let report = planner.work(&word?).await?;
        let (wall, cpu) = (started.elapsed().as_secs_f64(), machine::cpu()? - cpu);
        println!("{}", serde_json::to_string(&Report { wall, cpu, peak: machine::peak()?, ..report })?);
    }
    Ok(())
}

struct Planner {
    settings: Settings,
    metrics: Metrics,
    pipelines: Vec<Pipeline>,
    resources: Vec<Resource>,
    client: Client,
    /// Bodies of dashboards from word to word, as from run to run.
    cache: PathBuf,
    /// What was last looked at or imagined.
    world: World,
}

impl Planner {
    async fn work(&mut self, word: &str) -> Result<Report> {
        let session = Session::new(&self.client, &self.settings.datadog, Clock::Real, WITHIN);
        match word {
            "plan" => Ok(of_plan(&self.prepare(&session).await?.plan)),
            "apply" => {
                let Prepared { plan, world } = self.prepare(&session).await?;
                let options = apply::Options { on_error: OnError::Stop, force: false };
                let carried = execute(&session, &plan, &world, options, &|_| {}).await;
                let mut report = of_plan(&plan);
                for done in &carried.done {
                    *report.done.entry(done.item.kind).or_default() += 1;
                }
                report.undone = carried.failed.len() + carried.skipped.len();
                report.reason = carried.failed.first().map(|failed| failed.reason.clone()).unwrap_or_default();
                Ok(report)
            }
            "look" => {
                self.world = look(&session, &self.settings.provision.namespace, Some(&self.cache)).await?;
                Ok(Report::default())
            }
            "imagine" => {
                self.world = made(self.offline(&World::default())?);
                Ok(Report::default())
            }
            "offline" => Ok(of_plan(&self.offline(&self.world)?)),
            _ => Err(format!("no such word: {word}").into()),
        }
    }

    fn offline(&self, world: &World) -> Result<Plan> {
        let Self { settings, pipelines, resources, metrics, .. } = self;
        let templates = &Templates::load(&settings.templates)?;
        Ok(Wanting { templates, settings, pipelines, resources, metrics }.plan(world, &self.options())?)
    }

    async fn prepare(&self, session: &Session<'_>) -> Result<Prepared> {
        let inputs = Inputs {
            settings: &self.settings,
            pipelines: &self.pipelines,
            resources: &self.resources,
            metrics: &self.metrics,
            cache: Some(&self.cache),
            options: self.options(),
        };
        Ok(prepare(session, inputs).await?)
    }

    fn options(&self) -> plan::Options {
        plan::Options {
            namespace: self.settings.provision.namespace.clone(),
            now: Clock::Real.now().timestamp(),
            grace_seconds: i64::try_from(self.settings.provision.grace.as_secs()).unwrap_or(i64::MAX),
            ..plan::Options::default()
        }
    }
}

/// What there is once everything that `plan` creates has been made, but for what a server adds of its own.
fn made(plan: Plan) -> World {
    let ids: HashMap<(Kind, Identity), String> =
        plan.steps.iter().zip(1..).map(|(step, id)| ((step.kind, step.identity.clone()), format!("{id}"))).collect();
    let known = |kind: Kind, identity: &Identity| ids.get(&(kind, identity.clone())).cloned();
    let live = |step: Step| {
        let Action::Create { body } = step.action else { return None };
        let (mut body, _) = resolve(&body, &known);
        body["id"] = known(step.kind, &step.identity)?.into();
        Live::new(step.kind, body)
    };
    World::of(plan.steps.into_iter().filter_map(live).collect())
}

fn of_plan(plan: &Plan) -> Report {
    Report { steps: plan.steps.len(), unchanged: plan.unchanged, ..Report::default() }
}
