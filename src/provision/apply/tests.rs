//! Against a small Datadog on loopback that loses answers, refuses and forgets on request.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::client::datadog::Client;
use crate::clock::Clock;
use crate::config::Secret;
use crate::config::settings::{Compression, Datadog};
use crate::provision::object::{Counts, Desired, Identity, Kind, Mark, Subject, World};
use crate::provision::plan::{self, Action, Cause, Plan, Step};

mod execute;
mod look;
mod page;
mod prepare;
mod pretend;
mod undo;
mod whole;

use pretend::Pretend;

const NAMESPACE: &str = "main";

/// Pauses are a thousandth of what they are.
const CLOCK: Clock = Clock::Scaled { real_origin_ms: 0, sim_origin_ms: 1_700_000_000_000, rate: 1000.0 };

/// A pretend Datadog, and a client of it.
struct Bench {
    there: Pretend,
    settings: Datadog,
    client: Client,
}

impl Bench {
    async fn new() -> Self {
        let there = Pretend::start().await;
        let settings = Datadog {
            site: "datadoghq.eu".into(),
            base_url: there.url.clone(),
            logs_url: there.url.clone(),
            api_key: Some(Secret::new("api-key-0123456789")),
            app_key: Some(Secret::new("app-key-0123456789")),
            compression: Compression::Gzip,
            tags: Vec::new(),
            deadline: Duration::from_secs(1),
        };
        let client = Client::new(&settings).unwrap().with_clock(CLOCK);
        Self { there, settings, client }
    }

    fn session(&self) -> Session<'_> {
        Session::new(&self.client, &self.settings, CLOCK, Duration::from_secs(20))
    }

    async fn look(&self) -> World {
        super::look(&self.session(), NAMESPACE, None).await.unwrap()
    }

    async fn execute(&self, steps: Vec<Step>, on_error: OnError) -> Report {
        let world = self.look().await;
        self.there.forget();
        let plan = Plan { version: 1, namespace: NAMESPACE.into(), steps, ..Plan::default() };
        super::execute(&self.session(), &plan, &world, Options { on_error, force: false }, &|_| {}).await
    }
}

fn identity(template: &str) -> Identity {
    Identity::new(template, Subject::Global)
}

/// `body` with our mark.
fn marked(kind: Kind, template: &str, body: &Value) -> Value {
    let mut marked = body.clone();
    let owned = (template == "fleet").then_some(Counts { monitors: 9, slos: 9, dashboards: 9 });
    let digest = crate::provision::object::digest(body);
    let mark = Mark { namespace: NAMESPACE.into(), identity: identity(template), digest, gone_since: None, owned };
    mark.write(kind, &mut marked);
    marked
}

fn step(kind: Kind, template: &str, wave: u8, action: Action) -> Step {
    Step { kind, identity: identity(template), title: template.to_uppercase(), wave, action, was: None }
}

fn create(kind: Kind, template: &str, wave: u8, body: &Value) -> Step {
    step(kind, template, wave, Action::Create { body: marked(kind, template, body) })
}

fn update(kind: Kind, template: &str, id: &str, body: &Value) -> Step {
    let body = marked(kind, template, body);
    step(kind, template, kind as u8, Action::Update { id: id.into(), body, fields: Vec::new(), cause: Cause::Change })
}

fn delete(kind: Kind, template: &str, wave: u8, id: &str) -> Step {
    step(kind, template, wave, Action::Delete { id: id.into(), because: "it is not wanted".into() })
}

fn reference(kind: Kind, template: &str) -> String {
    crate::provision::object::reference(kind, &identity(template))
}

fn monitor(name: &str) -> Value {
    json!({ "name": name, "type": "query alert", "query": format!("avg(last_5m):avg:{name}{{*}} > 1"), "tags": [] })
}
