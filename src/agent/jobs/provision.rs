//! The provision job: what `ddsync apply` does, with nobody to ask.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::{Failure, Jobs, Summary, count, no_inventory};
use crate::agent::known_metrics;
use crate::client::datadog::SendError;
use crate::config::settings::StateLocation;
use crate::model::pipeline::Pipeline;
use crate::model::resource::Resource;
use crate::provision::apply::{Inputs, OnError, Options, PrepareError, Report, Session, execute, prepare};
use crate::provision::object::Kind;
use crate::provision::plan::{self, Action, Cause, Plan};
use crate::telemetry::Name;

/// How long a run may take. The next one goes on where it ended.
const WITHIN: Duration = Duration::from_mins(4);

impl Jobs {
    /// Plans and applies. A pipeline that cannot be seen is not one that has gone, so every account has to be known in
    /// full.
    pub(super) async fn provision(&self) -> Result<Summary, Failure> {
        let (pipelines, resources) = self.deployed()?;
        let settings = &self.settings;
        let session = Session::new(&self.datadog, &settings.datadog, self.clock, WITHIN);
        let metrics = known_metrics(settings);
        let cache = self.cache();
        let options = plan::Options::of(&settings.provision, self.clock.now().timestamp());
        let (pipelines, resources) = (&pipelines, &resources);
        let inputs = Inputs { settings, pipelines, resources, metrics: &metrics, cache: cache.as_deref(), options };
        let prepared = prepare(&session, inputs).await.map_err(|error| of_prepare(&error))?;
        for finding in &prepared.plan.findings {
            tracing::warn!("{finding}");
        }
        self.gauge(Name::ProvisionDrift, &drifted(&prepared.plan));
        let options = Options { on_error: OnError::Continue, force: false };
        let report = execute(&session, &prepared.plan, &prepared.world, options, &|_| {}).await;
        self.gauge(Name::ProvisionPending, &pending(&report));
        for failed in &report.failed {
            tracing::error!(object = %failed.item.identity, "{}; {}", failed.reason, failed.advice);
        }
        if let Some(failed) = report.failed.first() {
            let message =
                format!("{} {}: {}; {}", failed.item.kind, failed.item.identity, failed.reason, failed.advice);
            return Err(Failure { message, tag: "provision", retriable: true, fatal: false });
        }
        Ok(Summary { watermark: None, note: format!("{}", prepared.plan.summary()) })
    }

    fn deployed(&self) -> Result<(Vec<Pipeline>, Vec<Resource>), Failure> {
        let (mut pipelines, mut resources) = (Vec::new(), Vec::new());
        for scope in self.scopes.values() {
            let inventory = scope.inventory.borrow().clone();
            let whole = |inventory: &std::sync::Arc<_>| {
                let inventory: &crate::source::discover::Inventory = inventory;
                inventory.pending == 0 && inventory.errors.is_empty()
            };
            let inventory = inventory.filter(whole).ok_or_else(|| Failure {
                message: format!("{} has not been discovered in full, so nothing is planned", scope.aws.scope()),
                ..no_inventory()
            })?;
            pipelines.extend(inventory.pipelines.iter().cloned());
            resources.extend(inventory.resources.iter().map(|tracked| tracked.resource.clone()));
        }
        Ok((pipelines, resources))
    }

    /// Beside the state, where that is a folder; elsewhere there may be no disk to write to.
    fn cache(&self) -> Option<PathBuf> {
        match &self.settings.state {
            StateLocation::Folder(folder) => Some(folder.join("dashboards.cache.json")),
            StateLocation::S3 { .. } => None,
        }
    }

    fn gauge(&self, name: Name, by_kind: &BTreeMap<Kind, u64>) {
        for kind in Kind::ALL {
            let objects = by_kind.get(&kind).copied().unwrap_or(0);
            self.telemetry.record(name, &[("kind", kind.word())], count(objects));
        }
    }
}

fn drifted(plan: &Plan) -> BTreeMap<Kind, u64> {
    let mut drifted = BTreeMap::new();
    for step in &plan.steps {
        if matches!(step.action, Action::Update { cause: Cause::Drift, .. }) {
            *drifted.entry(step.kind).or_default() += 1;
        }
    }
    drifted
}

/// What should have been done and was not.
fn pending(report: &Report) -> BTreeMap<Kind, u64> {
    let failed = report.failed.iter().map(|failed| failed.item.kind);
    let skipped = report.skipped.iter().map(|skipped| skipped.item.kind);
    let mut pending = BTreeMap::new();
    for kind in failed.chain(skipped) {
        *pending.entry(kind).or_default() += 1;
    }
    pending
}

fn of_prepare(error: &PrepareError) -> Failure {
    let (tag, retriable) = match error {
        PrepareError::Templates(_) => ("templates", false),
        PrepareError::Lint(_) => ("lint", false),
        PrepareError::Datadog(error) => (error.tag(), SendError::is_retriable(error)),
        PrepareError::Refused(_) => ("shrunk", false),
    };
    Failure { message: error.to_string(), tag, retriable, fatal: false }
}
