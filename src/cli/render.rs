//! `ddsync render`: the JSON that a template would send. Ids that Datadog gives stand as `<ref:..>` in it.

use clap::Args;

use super::objects::found;
use super::session::Session;
use super::{CommandError, ConfigArgs, Outcome, print};
use crate::provision::desired::render;
use crate::provision::object::Mark;
use crate::provision::template::Templates;

#[derive(Debug, Args)]
pub(super) struct RenderArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The template's key, such as `oldest-request-age`.
    #[arg(value_name = "TEMPLATE")]
    template: String,
    /// For this pipeline alone.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
}

pub(super) async fn run(args: &RenderArgs, verbose: u8) -> Outcome {
    let session = Session::open(&args.config.config, verbose)?;
    let templates = Templates::load(&session.settings.templates).map_err(CommandError::Configuration)?;
    let found = found(&session).await?;
    let settings = &session.settings;
    let pipeline = args.pipeline.as_deref();
    let objects = render(&templates, &found.pipelines, &found.resources, settings, &args.template, pipeline);
    let mut objects = objects.map_err(CommandError::Configuration)?;
    for object in &mut objects {
        let (namespace, identity) = (settings.provision.namespace.clone(), object.identity.clone());
        let mark = Mark { namespace, identity, digest: object.digest(), gone_since: None, owned: None };
        mark.write(object.kind, &mut object.body);
    }
    if objects.is_empty() {
        print::note("nothing that is deployed has an object of this template");
    }
    print::json(&objects);
    Ok(0)
}
