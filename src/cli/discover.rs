//! `ddsync discover`: what is found, and what is wrong with it.

use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;

use super::session::Session;
use super::{DiscoverArgs, Outcome, print};
use crate::client::aws::Aws;
use crate::model::declared::Deployed;
use crate::model::pipeline::{Finding, Pipeline, quoted};
use crate::model::resource::{Resource, ResourceKind, Variant};
use crate::source::discover::{Inventory, Memory, declared, discover};
use crate::state::ledger::DECLARED;
use crate::state::{StateError, Store};

/// The JSON object of `discover --json`.
#[derive(Serialize)]
struct Found<'a> {
    /// Version of this object.
    version: u32,
    pipelines: Vec<&'a Pipeline>,
    resources: Vec<&'a Resource>,
    /// Pipelines that a file declares and of which nothing is deployed anywhere.
    undeployed: Vec<Undeployed>,
    findings: Vec<&'a Finding>,
    errors: Vec<String>,
}

/// A pipeline that only its file knows.
#[derive(Serialize)]
struct Undeployed {
    pipeline: String,
    /// Empty when the file declares it for any.
    environment: String,
}

pub(super) async fn run(args: &DiscoverArgs, verbose: u8) -> Outcome {
    let session = Session::open(&args.config.config, verbose)?;
    let spinner = print::spinner("discovering");
    let Seen { inventories, declared, errors } = look(&session).await;
    spinner.finish_and_clear();
    let found = Found {
        version: 1,
        pipelines: inventories.iter().flat_map(|inventory| &inventory.pipelines).collect(),
        resources: inventories.iter().flat_map(|inventory| &inventory.resources).map(|one| &one.resource).collect(),
        undeployed: undeployed(&session, &inventories, &declared).await,
        findings: inventories.iter().flat_map(|inventory| &inventory.findings).collect(),
        errors,
    };
    if args.json {
        print::json(&found);
    } else {
        show(&found, &session.settings.tags.pipeline);
    }
    for error in &found.errors {
        print::error(error);
    }
    Ok(u8::from(!found.errors.is_empty()))
}

/// What is there.
pub(super) struct Seen {
    /// Of every account and region that answered.
    pub(super) inventories: Vec<Inventory>,
    /// What GitHub tells of the files of deployed pipelines.
    declared: Vec<Deployed>,
    /// What failed.
    pub(super) errors: Vec<String>,
}

/// Discovers every account and region; one that fails leaves the others alone.
pub(super) async fn look(session: &Session) -> Seen {
    look_through(session, &session.aws().await).await
}

/// As [`look`], with clients that are used for more than this.
pub(super) async fn look_through(session: &Session, clients: &[Arc<Aws>]) -> Seen {
    let (declared, mut errors) = match deployed(session).await {
        Ok(declared) => (declared, Vec::new()),
        Err(error) => (Vec::new(), vec![error.to_string()]),
    };
    let rounds = clients.iter().map(|aws| async {
        let mut memory = Memory::default();
        discover(aws, &session.settings, &declared, &mut memory, session.clock.now()).await
    });
    let mut inventories = Vec::new();
    for result in join_all(rounds).await {
        match result {
            Ok(inventory) => {
                errors.extend(inventory.errors.iter().map(ToString::to_string));
                inventories.push(inventory);
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    Seen { inventories, declared, errors }
}

/// What GitHub tells of the files of deployed pipelines, as far as the daemon or a back-fill has kept it in the state.
async fn deployed(session: &Session) -> Result<Vec<Deployed>, StateError> {
    if session.settings.github.is_none() {
        return Ok(Vec::new());
    }
    let store = Store::peek(&session.settings.state)?;
    Ok(store.load::<Vec<Deployed>>(&DECLARED).await?.data.unwrap_or_default())
}

/// What the pipeline files declare and no account has. Not told while an account is missing from the picture.
async fn undeployed(session: &Session, inventories: &[Inventory], deployed: &[Deployed]) -> Vec<Undeployed> {
    let scopes: usize = session.settings.accounts.iter().map(|account| account.regions.len()).sum();
    let Some(first) = inventories.first().filter(|_| inventories.len() == scopes) else { return Vec::new() };
    let (files, _told_as_findings) = declared::read(&session.settings.pipelines.files, &first.scope).await;
    let there: Vec<Pipeline> = inventories.iter().flat_map(|inventory| inventory.pipelines.clone()).collect();
    let missing = declared::undeployed(declared::Files { deployed, named: &files }, &there).into_iter();
    let wanted = missing.filter(|(pipeline, _)| session.settings.pipelines.wants(pipeline));
    wanted.map(|(pipeline, environment)| Undeployed { pipeline, environment }).collect()
}

fn show(found: &Found<'_>, key: &str) {
    let pipelines = &found.pipelines;
    if pipelines.is_empty() && found.errors.is_empty() {
        print::line(format_args!("no pipeline was found: nothing there carries the tag `{key}` (see `tags.pipeline`)"));
    } else if pipelines.is_empty() {
        print::line("no pipeline was found");
    } else {
        // A column that is empty for most people is not worth its width.
        let owners = pipelines.iter().any(|pipeline| pipeline.owner.is_some());
        let mut header = vec!["pipeline", "environment", "team", "account", "stages"];
        if owners {
            header.insert(3, "owner");
        }
        let rows = pipelines.iter().map(|pipeline| row(pipeline, owners));
        print::line(print::table(&header, rows.collect()));
    }
    show_endpoints(&found.resources);
    for Undeployed { pipeline, environment } in &found.undeployed {
        let place = if environment.is_empty() { "anywhere".to_owned() } else { format!("in {}", quoted(environment)) };
        print::warning(format_args!("pipeline {} is declared in a file and not deployed {place}", quoted(pipeline)));
    }
    if found.findings.is_empty() {
        return;
    }
    print::line("");
    print::heading(format_args!("{} findings", found.findings.len()));
    for finding in &found.findings {
        let pipeline = finding.pipeline.as_ref().map(|name| format!(" pipeline {}", quoted(name))).unwrap_or_default();
        let place = format!("{} {}{pipeline} {}", finding.kind.word(), finding.scope, finding.resource);
        print::line(print::printable(place.trim_end()));
        print::line(print::printable(&format!("    {}; {}", finding.detail, finding.kind.advice())));
    }
}

fn show_endpoints(resources: &[&Resource]) {
    let rows: Vec<Vec<String>> = resources
        .iter()
        .filter_map(|resource| match &resource.kind {
            ResourceKind::Endpoint(Some(endpoint)) => Some((resource, endpoint)),
            _ => None,
        })
        .map(|(resource, endpoint)| {
            let variants: Vec<String> = endpoint.variants.iter().map(variant).collect();
            vec![
                print::short(&resource.name),
                resource.account_id().to_owned(),
                endpoint.kind.to_string(),
                endpoint.status.clone(),
                variants.join(", "),
            ]
        })
        .collect();
    if !rows.is_empty() {
        print::line("");
        print::line(print::table(&["endpoint", "account", "kind", "status", "variants"], rows));
    }
}

/// `AllTraffic 4 x ml.c5.4xlarge`, with `2 of 4` while instances are missing.
fn variant(variant: &Variant) -> String {
    let count = match (variant.instances, variant.desired) {
        (Some(now), Some(wanted)) if now != wanted => format!("{now} of {wanted} x "),
        (Some(now), _) => format!("{now} x "),
        (None, _) => String::new(),
    };
    let kind = variant.instance_type.as_deref().unwrap_or("serverless");
    format!("{} {count}{kind}", variant.name)
}

fn row(pipeline: &Pipeline, owners: bool) -> Vec<String> {
    let stages = pipeline.stages.iter().map(|stage| {
        let kinds: Vec<String> = stage.kinds.iter().map(ToString::to_string).collect();
        if kinds.is_empty() { stage.name.clone() } else { format!("{} ({})", stage.name, kinds.join(", ")) }
    });
    let mut row = vec![
        print::short(&pipeline.name),
        print::short(&pipeline.environment),
        pipeline.team.as_deref().map_or_else(|| "-".to_owned(), print::short),
        pipeline.scope.to_string(),
        stages.collect::<Vec<_>>().join(", "),
    ];
    if owners {
        row.insert(3, pipeline.owner.as_deref().map_or_else(|| "-".to_owned(), print::short));
    }
    row
}
