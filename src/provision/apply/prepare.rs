//! From pipelines to a plan: what the templates ask for, checked, against what Datadog has.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::{CONCURRENCY, Session, look, verify_handles};
use crate::client::datadog::SendError;
use crate::config::settings::{Route, Routes};
use crate::config::{Problems, Settings};
use crate::model::pipeline::Pipeline;
use crate::model::resource::Resource;
use crate::provision::desired::{Wanted, desired, each};
use crate::provision::guard::Refusal;
use crate::provision::lint::{Delays, Finding, Level, Linter, Metrics, Rule, lint};
use crate::provision::object::{Desired, Identity, Kind, World, resolve};
use crate::provision::plan::{self, Action, Plan};
use crate::provision::template::Templates;

/// How far back it is looked how late data was, in seconds.
const LATELY: i64 = 3600;

/// What a plan is made of.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// Every pipeline that was found: what is not among them has vanished.
    pub pipelines: &'a [Pipeline],
    /// What they are made of.
    pub resources: &'a [Resource],
    /// The series that queries may name.
    pub metrics: &'a Metrics,
    /// Keeps bodies of dashboards between runs.
    pub cache: Option<&'a Path>,
    /// How to plan; what Datadog does not let go is found here.
    pub options: plan::Options,
}

/// A plan, and the world that it was made on.
#[derive(Debug)]
pub struct Prepared {
    /// What is to be done; its findings tell what deserves a look.
    pub plan: Plan,
    /// What Datadog has.
    pub world: World,
}

/// There is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Templates cannot be read or rendered.
    #[error("{0}")]
    Templates(Problems),
    /// Objects could not do what they are there for.
    #[error("{}", lines(.0))]
    Lint(Vec<Finding>),
    /// Datadog does not tell what is there.
    #[error("{0}")]
    Datadog(#[from] SendError),
    /// What Datadog tells cannot be true.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

/// Makes a plan. Asks Datadog for three lists, for the bodies of dashboards that are not in the cache, for handles and
/// for how late data was; and, when something is to be deleted, whether it may be.
///
/// # Errors
/// [`PrepareError`]; nothing was written.
pub async fn prepare(session: &Session<'_>, inputs: Inputs<'_>) -> Result<Prepared, PrepareError> {
    let Inputs { settings, pipelines, resources, metrics, cache, mut options } = inputs;
    let templates = Templates::load(&settings.templates).map_err(PrepareError::Templates)?;
    let wanting = Wanting { templates: &templates, settings, pipelines, resources, metrics };
    let world = look(session, &options.namespace, cache).await?;
    if let Some(skew) = session.client.skew().filter(|skew| session.client.skew_holds() && skew.is_too_far()) {
        // A clock that is wrong would end every time of grace, or none.
        options.now -= skew.ahead.num_seconds();
    }
    let mut plan = wanting.plan(&world, &options)?;
    options.undeletable = held(session, &plan).await?;
    if !options.undeletable.is_empty() {
        plan = wanting.plan(&world, &options)?;
    }
    plan.findings.extend(unknown_handles(session, &settings.routes).await);
    plan.findings.extend(lateness(session, Delays::of(settings)).await);
    Ok(Prepared { plan, world })
}

/// What a plan is made of, beside what Datadog has.
#[derive(Debug)]
pub struct Wanting<'a> {
    /// What there is an object of for each of its subjects.
    pub templates: &'a Templates,
    /// As in [`Inputs`].
    pub settings: &'a Settings,
    /// As in [`Inputs`].
    pub pipelines: &'a [Pipeline],
    /// As in [`Inputs`].
    pub resources: &'a [Resource],
    /// As in [`Inputs`].
    pub metrics: &'a Metrics,
}

impl Wanting<'_> {
    /// A plan, with findings about templates, pipelines and objects before its own. Pure.
    ///
    /// # Errors
    /// When templates cannot be rendered, the lint finds errors, or what Datadog lists is implausibly little.
    pub fn plan(&self, world: &World, options: &plan::Options) -> Result<Plan, PrepareError> {
        let mut told = Vec::new();
        // All objects at once would take most of the time and of the memory of a plan.
        let each = |take: &mut dyn FnMut(&Desired)| {
            told = self.each(take)?;
            Ok(())
        };
        let plan = plan::plan_each::<PrepareError>(each, world, options)?;
        let mut plan = if let Some(plan) = plan {
            plan
        } else {
            let mut objects = Vec::new();
            told = self.each(&mut |object: &Desired| objects.push(object.clone()))?;
            plan::plan(&objects, world, options)?
        };
        told.append(&mut plan.findings);
        plan.findings = told;
        Ok(plan)
    }

    /// Every object, looked at before it is handed over. What is odd, a line each.
    fn each(&self, take: &mut dyn FnMut(&Desired)) -> Result<Vec<String>, PrepareError> {
        let Self { templates, settings, pipelines, resources, metrics } = *self;
        let mut linter = Linter::new(metrics);
        let mut look = |object: &Desired| {
            linter.look(object);
            take(object);
        };
        let odd = each(templates, pipelines, resources, settings, &mut look).map_err(PrepareError::Templates)?;
        let lint = without_errors(linter.findings, settings)?;
        Ok([odd.findings, odd.remarks, told(&lint)].concat())
    }
}

/// What should be there, and what the lint says of it that is no error.
///
/// # Errors
/// When templates cannot be read or rendered, or the lint finds errors.
pub fn wanted(
    settings: &Settings,
    pipelines: &[Pipeline],
    resources: &[Resource],
    metrics: &Metrics,
) -> Result<(Wanted, Vec<Finding>), PrepareError> {
    let templates = Templates::load(&settings.templates).map_err(PrepareError::Templates)?;
    let wanted = desired(&templates, pipelines, resources, settings).map_err(PrepareError::Templates)?;
    let lint = without_errors(lint(&wanted.objects, metrics), settings)?;
    Ok((wanted, lint))
}

fn without_errors(findings: Vec<Finding>, settings: &Settings) -> Result<Vec<Finding>, PrepareError> {
    let (errors, others): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| finding.level == Level::Error);
    if !errors.is_empty() {
        return Err(PrepareError::Lint(errors));
    }
    // Without routes that is said once, and not of each monitor again.
    let silent = settings.routes.is_empty();
    Ok(others.into_iter().filter(|finding| !(silent && finding.rule == Rule::NoHandle)).collect())
}

/// What Datadog refuses of the monitors that a plan would write, by its words; and how many were asked about. Those with a
/// query of what does not exist yet cannot be asked about.
///
/// # Errors
/// When Datadog does not answer.
pub async fn refused_monitors(
    session: &Session<'_>,
    plan: &Plan,
) -> Result<(usize, Vec<(Identity, String)>), SendError> {
    let written = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Create { body } | Action::Update { body, .. } | Action::Recreate { body, .. } => Some((step, body)),
        Action::Delete { .. } | Action::Blocked { .. } => None,
    });
    // A dashboard stands in messages alone, where any id will do.
    let ids = |kind, _: &Identity| (kind == Kind::Dashboard).then(|| "abc-def-ghi".to_owned());
    let monitors = written.filter(|(step, _)| step.kind == Kind::Monitor);
    let monitors = monitors.map(|(step, body)| (step, resolve(body, &ids))).filter(|(_, (_, open))| !open);
    let asked = monitors.map(|(step, (body, _))| async move {
        match session.persist(|| session.client.validate_monitor(&body)).await {
            // A duplicate is not refused for what it says.
            Ok(()) | Err(SendError::Duplicate { .. }) => Ok(None),
            Err(SendError::BadRequest { answer, .. }) => Ok(Some((step.identity.clone(), answer))),
            Err(error) => Err(error),
        }
    });
    let answers: Vec<Option<(Identity, String)>> =
        stream::iter(asked.collect::<Vec<_>>()).buffered(CONCURRENCY).try_collect().await?;
    Ok((answers.len(), answers.into_iter().flatten().collect()))
}

/// A line for each thing that is wrong: one template makes many objects, and all of them the same mistake.
#[must_use]
pub fn told(findings: &[Finding]) -> Vec<String> {
    let mut alike: BTreeMap<_, (&Finding, usize)> = BTreeMap::new();
    for finding in findings {
        let key = (finding.level, finding.kind, &finding.identity.template, &finding.place, finding.rule.word());
        alike.entry(key).or_insert((finding, 0)).1 += 1;
    }
    let line = |(finding, count): (&Finding, usize)| match count {
        1 => finding.to_string(),
        _ => format!("{finding}, and the same in {} more", count - 1),
    };
    alike.into_values().map(line).collect()
}

fn lines(findings: &[Finding]) -> String {
    told(findings).join("\n")
}

/// What is to be deleted and Datadog does not let go, with its reasons. What holds it only because it is to be deleted
/// too is deleted first, and what is written without it is written before: neither holds anything.
///
/// # Errors
/// When Datadog does not tell.
pub async fn held(session: &Session<'_>, plan: &Plan) -> Result<BTreeMap<(Kind, String), String>, SendError> {
    let mut leaving: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
    let mut written: HashMap<&str, &Value> = HashMap::new();
    for step in &plan.steps {
        match &step.action {
            Action::Delete { id, .. } | Action::Recreate { id, .. } => leaving.entry(step.kind).or_default().push(id),
            Action::Update { id, body, .. } => {
                written.insert(id, body);
            }
            Action::Create { .. } | Action::Blocked { .. } => {}
        }
    }
    let ids: HashSet<&str> = leaving.values().flatten().copied().collect();
    let mut held = BTreeMap::new();
    for (kind, asked) in &leaving {
        let reasons = match kind {
            Kind::Monitor => session.persist(|| session.client.can_delete_monitors(asked)).await?,
            Kind::Slo => session.persist(|| session.client.can_delete_slos(asked)).await?,
            Kind::Dashboard => BTreeMap::new(),
        };
        for (id, reasons) in reasons {
            let lets_go = |other: &str| {
                ids.contains(other) || written.get(other).is_some_and(|body| !body.to_string().contains(&id))
            };
            let holds: Vec<String> = reasons.into_iter().filter(|reason| !falls(reason, &id, &lets_go)).collect();
            if !holds.is_empty() {
                held.insert((*kind, id), holds.join("; "));
            }
        }
    }
    Ok(held)
}

/// Whether all that a reason names beside `id` itself lets go of it. Datadog writes such as `monitor [1] is referenced in
/// slos: [2,3]`.
fn falls(reason: &str, id: &str, lets_go: &dyn Fn(&str) -> bool) -> bool {
    let parts = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    let bracketed = reason.split('[').skip(1).filter_map(|rest| rest.split_once(']'));
    let bracketed = bracketed.flat_map(|(ids, _)| ids.split(parts));
    let numbered = reason.split(parts).filter(|word| lets_go(word) || word.contains(|c: char| c.is_ascii_digit()));
    let others: Vec<&str> = bracketed.chain(numbered).filter(|word| !word.is_empty() && *word != id).collect();
    !others.is_empty() && others.iter().all(|other| lets_go(other))
}

/// Handles of the configuration that would reach nobody.
async fn unknown_handles(session: &Session<'_>, routes: &Routes) -> Vec<String> {
    let named: Vec<(&String, &Route)> = routes.all().flat_map(handles_of).collect();
    let handles: BTreeSet<String> = named.iter().map(|(handle, _)| (*handle).clone()).collect();
    if handles.is_empty() {
        return Vec::new();
    }
    let Some(known) = verify_handles(session, &handles).await else {
        return vec!["datadog does not tell which handles there are: those of `routes` were not checked".to_owned()];
    };
    let unknown = named.into_iter().filter(|(handle, _)| !known.contains(*handle));
    unknown
        .map(|(handle, route)| {
            format!("{handle} of `routes.{}` is not known to datadog: it reaches nobody", route.name)
        })
        .collect()
}

fn handles_of(route: &Route) -> impl Iterator<Item = (&String, &Route)> {
    route.page.iter().chain(&route.notify).map(move |handle| (handle, route))
}

/// Tiers whose data came later lately than monitors wait for it. Says nothing when Datadog does not answer: it is only a
/// hint.
async fn lateness(session: &Session<'_>, delays: Delays) -> Vec<String> {
    let now = session.clock.now().timestamp();
    let asked = session.once(session.client.query(now - LATELY, now, "max:ddsync.lag{*} by {job}")).await;
    let Ok(answer) = asked else { return Vec::new() };
    let late = |(tier, delay): (&str, u64)| {
        let lag = newest_lag(&answer, tier)?;
        #[expect(clippy::cast_precision_loss, reason = "minutes of a delay")]
        let over = lag > delay as f64;
        over.then(|| {
            format!(
                "data of the {tier} tier came {lag:.0} s late in the last hour, and monitors wait {delay} s for it: they \
                 may judge minutes that are not there yet; see `schedules.{tier}`, `metrics.delay` and `limits`"
            )
        })
    };
    [("hot", delays.hot), ("warm", delays.warm)].into_iter().filter_map(late).collect()
}

/// The median of a tier's lag, in seconds: one late poll is no lateness.
fn newest_lag(answer: &Value, tier: &str) -> Option<f64> {
    let is_tier = |series: &&Value| series["scope"].as_str().is_some_and(|scope| scope == format!("job:{tier}"));
    let series = answer["series"].as_array()?.iter().find(is_tier)?;
    let mut lags: Vec<f64> = series["pointlist"].as_array()?.iter().filter_map(|point| point[1].as_f64()).collect();
    lags.sort_by(f64::total_cmp);
    lags.get(lags.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::falls;

    #[test]
    fn a_reason_falls_when_everything_that_it_names_is_deleted_too() {
        let leaving = ["11", "0a1b2c", "abc-def-ghi"];
        for (reason, expected) in [
            ("monitor [7] is referenced in slos: [0a1b2c]", true),
            ("monitor [7] is referenced in slos: [0a1b2c,ffff]", false),
            ("monitor [7] is referenced in composite monitors: [11, 0a1b2c]", true),
            ("monitor [7] is referenced in composite monitors: [11, 12]", false),
            ("used in dashboard abc-def-ghi", true),
            ("used in dashboards abc-def-ghi and xyz-123-xyz", false),
            ("it is used elsewhere", false),
            ("monitor [7] is in use", false),
        ] {
            assert_eq!(falls(reason, "7", &|other| leaving.contains(&other)), expected, "{reason}");
        }
    }
}
