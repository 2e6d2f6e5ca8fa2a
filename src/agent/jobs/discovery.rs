//! The discover job: what is deployed, published as it becomes known.

use std::sync::Arc;

use super::{Failure, Jobs, Remembered, ScopeJobs, Summary, budget, lock, status};
use crate::model::declared::Deployed;
use crate::model::pipeline::FindingKind;
use crate::source::discover::{Memory, Round};
use crate::source::logs::group::{counted, groups};
use crate::source::metrics::plan;
use crate::state::ledger::DECLARED;
use crate::telemetry::Name;

impl Jobs {
    /// What the deploys job has last learnt, or what it had learnt before the start.
    async fn declared(&self) -> Result<Arc<[Deployed]>, Failure> {
        if self.settings.github.is_none() {
            return Ok(Arc::from([]));
        }
        let mut held = self.declared.lock().await;
        if held.is_none() {
            *held = Some(self.load::<Vec<Deployed>>(&DECLARED).await?.into());
        }
        Ok(held.clone().unwrap_or_default())
    }

    pub(super) async fn discover(&self, scope: &ScopeJobs) -> Result<Summary, Failure> {
        let key = scope.key("discover");
        let mut held = scope.memory.lock().await;
        if held.is_none() {
            let memory = self.load::<Memory>(&key).await?;
            *held = Some(Remembered { stored: memory.clone(), memory });
        }
        let Some(Remembered { memory, stored }) = held.as_mut() else { return Ok(Summary::default()) };
        let declared = self.declared().await?;
        let mut round =
            Round::open(&scope.aws, &self.settings, &declared, memory).await.map_err(|error| self.met(&error))?;
        // Polls go on with what is known while a cold start describes the rest.
        let inventory = loop {
            let inventory = Arc::new(round.inventory(memory, self.clock.now()));
            // Stored before it is used: a point's tags must be the same after a crash.
            if memory.is_worth_storing(stored) {
                self.save(&key, memory).await?;
                stored.clone_from(memory);
            }
            let subjects = plan::subjects(&inventory);
            let (pipelines, declared) = (&inventory.pipelines, inventory.declared.len());
            let mut demands = budget::demands(&self.catalogue, &subjects, pipelines, declared, &self.settings.limits);
            if self.settings.github.is_some() {
                budget::add(&mut demands, &budget::of_deployments(pipelines));
            }
            if self.settings.logs.collect {
                let (groups, functions) = counted(&groups(&inventory));
                budget::add(&mut demands, &budget::of_logs(groups, functions));
            }
            *lock(&scope.demands) = demands;
            self.fit_budget();
            scope.inventory.send_replace(Some(Arc::clone(&inventory)));
            if round.pending() == 0 {
                break inventory;
            }
            round.step(memory).await;
        };
        let states = status::series(&inventory, self.clock.now().timestamp());
        let mut waiting = scope.statuses.lock().await;
        let what = format!("states of endpoints and stages of {}", scope.aws.scope());
        let delivered = self.deliver_in_order(&self.clock, &what, &mut waiting, states).await;
        drop(waiting);
        for (word, points) in delivered.fate.words() {
            self.telemetry.record(Name::Points, &[("fate", word)], super::count(points));
        }
        lock(&self.totals).derived(&delivered.fate);
        let tags = [("aws_account", scope.aws.scope().account.as_str()), ("region", scope.aws.scope().region.as_str())];
        for kind in FindingKind::ALL {
            let found = inventory.findings.iter().filter(|finding| finding.kind == *kind).count();
            let tags = [("reason", kind.word()), tags[0], tags[1]];
            self.telemetry.record(Name::Findings, &tags, super::count(found as u64));
        }
        if let Some(failure) = inventory.errors.iter().map(|error| self.met(error)).next_back() {
            return Err(failure);
        }
        if let Some(failure) = delivered.failure {
            return Err(failure);
        }
        Ok(Summary {
            watermark: None,
            note: format!(
                "{} pipelines, {} resources, {} described, {} findings",
                inventory.pipelines.len(),
                inventory.resources.len(),
                inventory.described,
                inventory.findings.len()
            ),
        })
    }
}
