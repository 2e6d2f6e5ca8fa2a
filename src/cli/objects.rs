//! What the commands about dashboards, monitors and SLOs begin with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::apply::{approve, unmoved};
use super::session::Session;
use super::{CommandError, discover, print};
use crate::agent::known_metrics;
use crate::client::datadog::Client;
use crate::config::nearest;
use crate::model::pipeline::{Pipeline, quoted};
use crate::model::resource::Resource;
use crate::model::tag::normalize_value;
use crate::provision::apply::{self, Inputs, Prepared};
use crate::provision::lint::Metrics;
use crate::provision::object::{Kind, Live, World};
use crate::provision::plan::{Choice, Filter, Options, Plan};

/// How long a command talks to Datadog at most.
const WITHIN: Duration = Duration::from_mins(15);

/// Heading of the help.
const WHICH: &str = "Which objects (each may be given more than once)";

/// Which objects a command is about; without any of these, all of them.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct FilterArgs {
    /// Of this pipeline.
    #[arg(long, help_heading = WHICH, value_name = "NAME")]
    pipeline: Vec<String>,
    /// Of this team.
    #[arg(long, help_heading = WHICH, value_name = "NAME")]
    team: Vec<String>,
    /// Of this environment.
    #[arg(long, help_heading = WHICH, value_name = "NAME")]
    environment: Vec<String>,
    /// Of this kind.
    #[arg(long, help_heading = WHICH, value_enum)]
    kind: Vec<KindArg>,
    /// Of this template.
    #[arg(long, help_heading = WHICH, value_name = "KEY")]
    only: Vec<String>,
}

impl FilterArgs {
    pub(super) fn filter(&self) -> Filter {
        Filter {
            pipelines: self.pipeline.clone(),
            teams: self.team.clone(),
            environments: self.environment.clone(),
            kinds: self.kind.iter().map(|kind| kind.kind()).collect(),
            only: self.only.clone(),
        }
    }
}

impl FilterArgs {
    /// Whether an object of `world` is meant, when anything is left out. A filter that means nothing is mistyped.
    ///
    /// # Errors
    /// What may have been meant: `pipelines` are those that there are.
    pub(super) fn check(&self, world: &World, pipelines: &BTreeSet<&str>) -> Result<(), CommandError> {
        let filter = self.filter();
        let choice = Choice::new(&filter, &[], world);
        let meant =
            |live: &Live| live.mark.as_ref().is_some_and(|mark| choice.has(live.kind, &mark.identity, &live.body));
        if filter.is_everything() || world.objects.iter().any(meant) {
            return Ok(());
        }
        let same = |name: &str, wanted: &str| normalize_value(name) == normalize_value(wanted);
        let unknown = self.pipeline.iter().find(|wanted| !pipelines.iter().any(|name| same(name, wanted)));
        Err(CommandError::Usage(match unknown {
            None => "no object matches: `ddsync plan` without filters shows all of them".to_owned(),
            Some(wanted) => {
                let hint = nearest(wanted, pipelines.iter().copied());
                let hint = hint.map(|name| format!("; did you mean {}?", quoted(name))).unwrap_or_default();
                format!("no object matches: there is no pipeline {}{hint}", quoted(wanted))
            }
        }))
    }
}

fn names(pipelines: &[Pipeline]) -> BTreeSet<&str> {
    pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect()
}

/// A kind of object, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum KindArg {
    // Comments of another kind would make the help of every command twice as long.
    Dashboard,
    Monitor,
    Slo,
}

impl KindArg {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Dashboard => Kind::Dashboard,
            Self::Monitor => Kind::Monitor,
            Self::Slo => Kind::Slo,
        }
    }
}

/// How a plan is made.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PlanOptions {
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Delete what has been gone for longer than `provision.grace`.
    #[arg(long)]
    pub(super) prune: bool,
    /// Delete and make anew what Datadog cannot change, such as the type of a monitor; its history is lost.
    #[arg(long)]
    pub(super) recreate: bool,
    /// Believe Datadog when it lists far fewer objects than there were.
    #[arg(long)]
    pub(super) accept_shrunk_list: bool,
}

/// Settings, clients, and what queries may name.
pub(super) struct Work {
    pub(super) session: Session,
    pub(super) client: Client,
    pub(super) metrics: Metrics,
}

/// What was found in all accounts.
pub(super) struct Found {
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) resources: Vec<Resource>,
}

impl Work {
    pub(super) fn open(config: &Path, verbose: u8) -> Result<Self, CommandError> {
        let session = Session::open(config, verbose)?;
        let client = Client::new(&session.settings.datadog)?.with_clock(session.clock);
        let metrics = known_metrics(&session.settings);
        Ok(Self { session, client, metrics })
    }

    pub(super) fn datadog(&self) -> apply::Session<'_> {
        apply::Session::new(&self.client, &self.session.settings.datadog, self.session.clock, WITHIN).for_a_person()
    }

    pub(super) fn namespace(&self) -> &str {
        &self.session.settings.provision.namespace
    }

    /// A file of another namespace is about what is not ours.
    pub(super) fn check_namespace(&self, file: &Path, what: &str, namespace: &str) -> Result<(), CommandError> {
        if namespace == self.namespace() {
            return Ok(());
        }
        let (file, namespace, ours) = (file.display(), print::printable(namespace), self.namespace());
        let words = format!("{file} is a {what} for namespace {namespace}, and `provision.namespace` is {ours}");
        Err(CommandError::Failed(words))
    }

    /// What Datadog has of this namespace.
    pub(super) async fn look(&self) -> Result<World, CommandError> {
        let spinner = print::spinner("looking at Datadog");
        let world = apply::look(&self.datadog(), self.namespace(), cache(self.namespace()).as_deref()).await;
        spinner.finish_and_clear();
        Ok(world?)
    }

    /// Asks on the terminal; whoever says yes to a plan has seen it as it will be done, so it is looked again after that.
    ///
    /// # Errors
    /// When the answer is no, nobody can be asked, or Datadog has changed meanwhile.
    pub(super) async fn approve(
        &self,
        auto: bool,
        question: &str,
        plan: &Plan,
        world: World,
    ) -> Result<World, CommandError> {
        approve(auto, question)?;
        if auto {
            return Ok(world);
        }
        let world = self.look().await?;
        unmoved(plan, &world, "shown")?;
        Ok(world)
    }

    pub(super) fn options(&self, options: &PlanOptions) -> Options {
        Options {
            prune: options.prune,
            recreate: options.recreate,
            accept_shrunk: options.accept_shrunk_list,
            filter: options.filter.filter(),
            ..Options::of(&self.session.settings.provision, self.session.clock.now().timestamp())
        }
    }

    /// A plan. Templates that are about what cannot be seen would look as if that had gone, so every account has to
    /// answer.
    pub(super) async fn prepare(&self, options: &PlanOptions) -> Result<Prepared, CommandError> {
        let found = found(&self.session).await?;
        let spinner = print::spinner("looking at Datadog");
        let cache = cache(self.namespace());
        let prepared = apply::prepare(
            &self.datadog(),
            Inputs {
                settings: &self.session.settings,
                pipelines: &found.pipelines,
                resources: &found.resources,
                metrics: &self.metrics,
                cache: cache.as_deref(),
                options: self.options(options),
            },
        )
        .await;
        spinner.finish_and_clear();
        let prepared = prepared?;
        let Prepared { plan, world } = &prepared;
        if plan.steps.is_empty() && plan.unchanged == 0 {
            options.filter.check(world, &names(&found.pipelines))?;
        }
        Ok(prepared)
    }
}

/// What is deployed.
///
/// # Errors
/// When an account, or a part of one, does not answer.
pub(super) async fn found(session: &Session) -> Result<Found, CommandError> {
    let spinner = print::spinner("discovering");
    let discover::Seen { inventories, errors, .. } = discover::look(session).await;
    spinner.finish_and_clear();
    if let Some(first) = errors.first() {
        let more = if errors.len() > 1 { format!(" (and {} errors more)", errors.len() - 1) } else { String::new() };
        return Err(CommandError::Failed(format!(
            "{first}{more}; what cannot be seen would look as if it had gone, so nothing is planned: `ddsync discover` shows \
             what is found"
        )));
    }
    let mut found = Found { pipelines: Vec::new(), resources: Vec::new() };
    for inventory in inventories {
        found.pipelines.extend(inventory.pipelines);
        let resources = inventory.resources.into_iter();
        found.resources.extend(resources.map(|tracked| Arc::unwrap_or_clone(tracked).resource));
    }
    Ok(found)
}

/// Where bodies of dashboards are kept between runs: it only saves requests, so any place will do, or none.
pub(super) fn cache(namespace: &str) -> Option<PathBuf> {
    let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = given("XDG_CACHE_HOME").or_else(|| given("HOME").map(|home| home.join(".cache")))?;
    Some(folder.join("ddsync").join(format!("dashboards-{namespace}.json")))
}
