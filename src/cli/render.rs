//! `ddsync render`: the JSON that a template would send.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::objects::found;
use super::session::Session;
use super::{CommandError, ConfigArgs, Outcome, print};
use crate::provision::desired::render;
use crate::provision::template::Templates;

#[derive(Debug, Args)]
pub(super) struct RenderArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The template's key, such as `oldest-request-age`.
    #[arg(value_name = "TEMPLATE")]
    template: String,
    /// For this pipeline.
    #[arg(long, value_name = "NAME")]
    pipeline: String,
}

/// One object of `render`'s list.
#[derive(Serialize)]
struct Rendered {
    kind: &'static str,
    identity: String,
    body: Value,
}

pub(super) async fn run(args: &RenderArgs, verbose: u8) -> Outcome {
    let session = Session::open(&args.config.config, verbose)?;
    let templates = Templates::load(&session.settings.templates).map_err(CommandError::Configuration)?;
    let found = found(&session).await?;
    let settings = &session.settings;
    let objects = render(&templates, &found.pipelines, &found.resources, settings, &args.template, &args.pipeline);
    let objects = objects.map_err(CommandError::Configuration)?;
    let rendered = objects.into_iter().map(|object| Rendered {
        kind: object.kind.word(),
        identity: object.identity.to_string(),
        body: object.body,
    });
    print::json(&rendered.collect::<Vec<_>>());
    Ok(0)
}
