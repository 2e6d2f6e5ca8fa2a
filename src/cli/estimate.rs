//! `ddsync estimate`: requests and dollars, before anything runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use self::logs::Logs;
use super::session::Session;
use super::{DEFAULT_CONFIG, EstimateArgs, Outcome, discover, print};
use crate::agent::jobs::{hot_every, warm_every};
use crate::client::aws::Aws;
use crate::config::Settings;
use crate::config::settings::Limits;
use crate::model::catalogue::{Metric, Target, Tier};
use crate::model::pipeline::Pipeline;
use crate::model::resource::EndpointKind;
use crate::source::discover::{Epoch, Inventory};
use crate::source::logs::group::{Group, counted, groups};
use crate::source::logs::schedule::requests_per_hour;
use crate::source::logs::volume;
use crate::source::metrics::budget::{Demands, Fit, add, demands, fit, of_deployments, of_logs};
use crate::source::metrics::plan::{Owner, Subject, plan, requests, subjects};
use crate::source::metrics::{catalogue, window::Rules};

mod logs;

/// The JSON object of `estimate --json`.
#[derive(Serialize)]
struct Estimate {
    /// Version of this object.
    version: u32,
    /// As configured, within `limits`.
    configured: Fit,
    /// `GetMetricData` requests an hour, as configured.
    requests_per_hour: u64,
    /// `FilterLogEvents` requests an hour when no log says anything, and when all do; none when they are not followed.
    log_requests_per_hour: (u64, u64),
    /// What is written and sent; null when logs are not followed, or nothing is there to be asked.
    logs: Option<Logs>,
    /// Dollars a month with everything every minute.
    dollars_all_60s: f64,
    /// Dollars a month with everything every five minutes.
    dollars_all_300s: f64,
}

/// What there is to measure in one account and region.
struct Measured {
    subjects: Vec<Subject>,
    pipelines: Vec<Pipeline>,
    /// How many stages pipeline files declare there.
    declared: usize,
    /// Log groups, and those of functions among them.
    groups: (usize, usize),
    /// What is written into them, when they are followed.
    written: Option<volume::Total>,
}

pub(super) async fn run(args: &EstimateArgs, verbose: u8) -> Outcome {
    let session = match args.endpoints {
        // A file that was asked for by name has to be there.
        Some(_) if args.config.config == Path::new(DEFAULT_CONFIG) && !args.config.config.exists() => {
            Session::by_default(verbose)?
        }
        _ => Session::open(&args.config.config, verbose)?,
    };
    let settings = &session.settings;
    let (measured, errors) = if let Some(endpoints) = args.endpoints {
        let groups = (usize::try_from(endpoints).unwrap_or(usize::MAX), 0);
        let imagined =
            Measured { subjects: imagined(endpoints), pipelines: Vec::new(), declared: 0, groups, written: None };
        (vec![imagined], Vec::new())
    } else {
        let spinner = print::spinner("discovering");
        let found = look(&session).await;
        spinner.finish_and_clear();
        found
    };
    let catalogue = catalogue(&settings.metrics);
    let mut total = Demands::new();
    let mut log_requests_per_hour = (0, 0);
    let mut written: Option<volume::Total> = None;
    for Measured { subjects, pipelines, declared, groups, written: here } in &measured {
        if let Some(here) = here {
            written.get_or_insert_default().add(here);
        }
        add(&mut total, &demands(&catalogue, subjects, pipelines, *declared, &settings.limits));
        if settings.github.is_some() {
            add(&mut total, &of_deployments(pipelines));
        }
        if settings.logs.collect {
            add(&mut total, &of_logs(groups.0, groups.1));
            let (least, most) = requests_per_hour(groups.0 as u64, settings.logs.requests_per_second);
            log_requests_per_hour = (log_requests_per_hour.0 + least, log_requests_per_hour.1 + most);
        }
    }
    let (hot, warm) = (hot_every(settings), warm_every(settings));
    let mut configured = fit(&total, hot, warm, &settings.limits, None);
    configured.dollars = unsigned(configured.dollars);
    let unlimited = Limits { cloudwatch_dollars_per_month: None, datadog_series: None, ..settings.limits.clone() };
    let at = |seconds| {
        let every = Duration::from_secs(seconds);
        unsigned(fit(&total, every, every, &unlimited, None).dollars)
    };
    let per_hour = |tier, every: u64| {
        let minutes = usize::try_from(Rules::of(&settings.metrics, tier).reread / 60).unwrap_or(15) + 5;
        polls(&catalogue, &measured, tier, &configured, minutes) * 3600 / every.max(1)
    };
    let estimate = Estimate {
        version: 1,
        requests_per_hour: per_hour(Tier::Hot, hot.as_secs()) + per_hour(Tier::Warm, configured.warm_every),
        log_requests_per_hour,
        logs: written.map(|written| Logs::of(&written, settings)),
        dollars_all_60s: at(60),
        dollars_all_300s: at(300),
        configured,
    };
    if args.json {
        print::json(&estimate);
    } else {
        show(&estimate, warm, settings);
    }
    for error in &errors {
        print::error(error);
    }
    Ok(u8::from(!errors.is_empty()))
}

/// The sum of no dollars without its sign: of floats the sum of nothing is -0.
fn unsigned(dollars: f64) -> f64 {
    dollars + 0.0
}

/// Discovers every account and region and asks how much is logged there; what fails leaves the rest alone.
async fn look(session: &Session) -> (Vec<Measured>, Vec<String>) {
    let clients = session.aws().await;
    let discover::Seen { inventories, mut errors, .. } = discover::look_through(session, &clients).await;
    let mut all = Vec::new();
    for (measured, error) in join_all(inventories.into_iter().map(|here| measure(session, &clients, here))).await {
        all.push(measured);
        errors.extend(error);
    }
    (all, errors)
}

/// What there is to measure in one account and region, and why something of it is not known.
async fn measure(session: &Session, clients: &[Arc<Aws>], inventory: Inventory) -> (Measured, Option<String>) {
    let groups = groups(&inventory);
    let aws = clients.iter().find(|aws| *aws.scope() == inventory.scope).filter(|_| session.settings.logs.collect);
    let (mut written, mut error) = (None, None);
    if let Some(aws) = aws {
        let found = volume::read(aws, &groups, session.clock.now().timestamp()).await;
        let ceilings: Vec<String> = groups.iter().map(Group::ceiling_key).collect();
        let of_groups = ceilings.iter().map(String::as_str).zip(found.of_groups);
        written = Some(volume::total(of_groups, session.settings.logs.daily_bytes));
        error = found.error.map(|error| error.to_string());
    }
    let measured = Measured {
        subjects: subjects(&inventory),
        declared: inventory.declared.len(),
        groups: counted(&groups),
        pipelines: inventory.pipelines,
        written,
    };
    (measured, error)
}

/// Requests of one poll of a tier, all accounts and regions together.
fn polls(catalogue: &[Metric], measured: &[Measured], tier: Tier, fit: &Fit, minutes: usize) -> u64 {
    let given_up = fit.given_up();
    measured
        .iter()
        .map(|measured| requests(&plan(catalogue, &measured.subjects, tier, &given_up), minutes).len() as u64)
        .sum()
}

fn show(estimate: &Estimate, usual_warm: Duration, settings: &Settings) {
    let fit = &estimate.configured;
    let money = |dollars: f64| format!("${dollars:.2}");
    let limit = |limit: Option<String>| limit.unwrap_or_else(|| "none".to_owned());
    let (least, most) = estimate.log_requests_per_hour;
    let mut rows = vec![
        vec!["CloudWatch a month".into(), money(fit.dollars), limit(fit.dollars_limit.map(money))],
        vec!["Datadog series".into(), fit.series.to_string(), limit(fit.series_limit.map(|n| n.to_string()))],
        vec!["GetMetricData requests an hour".into(), estimate.requests_per_hour.to_string(), String::new()],
    ];
    if most > 0 {
        rows.push(vec!["FilterLogEvents requests an hour".into(), format!("{least} to {most}"), String::new()]);
    }
    rows.extend(estimate.logs.iter().flat_map(|logs| logs.rows(settings)));
    print::line(print::table(&["what", "estimate", "limit"], rows));
    print::line("");
    print::note(format_args!(
        "everything every 60 s would cost {}, every 300 s {}; backlog metrics are read every minute, the others every {} s",
        money(estimate.dollars_all_60s),
        money(estimate.dollars_all_300s),
        fit.warm_every
    ));
    if let Some(note) = estimate.logs.as_ref().and_then(|logs| logs.note(settings)) {
        print::note(note);
    }
    if fit.warm_every > usual_warm.as_secs() {
        print::warning(format_args!(
            "to stay within `limits` all but the backlog metrics are read every {} s instead of every {} s",
            fit.warm_every,
            usual_warm.as_secs()
        ));
    }
    if !fit.given_up.is_empty() {
        print::warning(format_args!("to stay within `limits` these are not read: {}", fit.given_up.join(", ")));
    }
    if !fit.within {
        print::warning("the backlog metrics alone are over `limits`; they are read all the same");
    }
}

/// Asynchronous endpoints that do not exist, for a price beforehand.
fn imagined(endpoints: u32) -> Vec<Subject> {
    let tags: Arc<[Epoch]> = Arc::from([Epoch { since: 0, tags: Arc::from([]) }]);
    let subject = |target, name: &str, variant: Option<Arc<str>>| Subject {
        variant,
        kind: Some(EndpointKind::Async),
        ..Subject::new(target, name, Owner::Shared(Arc::clone(&tags)))
    };
    (0..endpoints)
        .flat_map(|n| {
            let name = format!("endpoint-{n}");
            let variant = subject(Target::Variant, &format!("{name}/AllTraffic"), Some("AllTraffic".into()));
            [subject(Target::Endpoint, &name, None), variant]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::config;

    #[test]
    fn nothing_costs_nothing_and_not_less() {
        let environment = config::settings::Environment::new();
        let limits = config::read("regions: [us-west-2]", "ddsync.yaml", &environment).unwrap().settings.limits;
        let every = Duration::from_mins(1);
        let nothing = unsigned(fit(&Demands::new(), every, every, &limits, None).dollars);
        assert_eq!(format!("{nothing:.2}"), "0.00");
        assert_eq!(format!("{:.2}", unsigned(Vec::<f64>::new().iter().sum())), "0.00");
        assert_eq!(format!("{:.2}", unsigned(12.3)), "12.30");
    }
}
