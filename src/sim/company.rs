//! Who the pretend company is: its accounts, pipelines and the things that somebody forgot to tag.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    Company,
    world::{Endpoint, Kind, Load, Mode, Resource},
};

/// The development account.
pub const DEVELOPMENT: &str = "111122223333";
/// The production account.
pub const PRODUCTION: &str = "444455556666";
/// Minutes after the opening at which the pipeline `Renewals` appears.
pub const APPEARS: i64 = 5;
/// Minutes after the opening at which the pipeline `FaxIntake` disappears.
pub const DISAPPEARS: i64 = 15;

/// The accounts with their names.
pub(super) fn accounts(company: &Company) -> &'static [(&'static str, &'static str)] {
    let both: &'static [_] = &[("data_dev", DEVELOPMENT), ("data_prod", PRODUCTION)];
    match company {
        Company::Example => both,
        Company::Uniform { .. } => &both[..1],
    }
}

/// Everything that is ever there, unless somebody changes it.
pub(super) fn resources(company: &Company, opened: DateTime<Utc>) -> Vec<Resource> {
    match company {
        Company::Example => accounts(company)
            .iter()
            .flat_map(|(environment, account)| example(environment, account, opened))
            .chain(forgotten(opened))
            .collect(),
        Company::Uniform { endpoints } => (0..*endpoints).map(|n| uniform(n, opened)).collect(),
    }
}

/// Who fills in the tags of one pipeline of one account.
struct Pipeline<'a> {
    account: &'a str,
    environment: &'a str,
    name: &'a str,
    team: &'a str,
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl Pipeline<'_> {
    fn resource(&self, name: &str, kind: Kind, stage: &str, load: Load) -> Resource {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut tags = vec![tag("pipeline", self.name), tag("environment", self.environment), tag("team", self.team)];
        if !stage.is_empty() {
            tags.push(tag("model", stage));
        }
        Resource {
            account: self.account.to_owned(),
            name: name.to_owned(),
            kind,
            tags,
            listed: true,
            load,
            since: self.since,
            until: self.until,
            vanished: false,
        }
    }

    fn endpoint(&self, name: &str, stage: &str, mode: Mode, size: (&str, u32), load: Load) -> Resource {
        let endpoint = Endpoint {
            mode,
            variant: "AllTraffic".to_owned(),
            instance: size.0.to_owned(),
            count: size.1,
            status: "InService".to_owned(),
        };
        self.resource(name, Kind::Endpoint(endpoint), stage, load)
    }

    fn function(&self, name: &str, stage: &str) -> Resource {
        self.resource(name, Kind::Function, stage, Load::Steady)
    }

    fn bucket(&self, name: &str) -> Resource {
        let name = format!("{name}-{}", self.environment.trim_start_matches("data_"));
        self.resource(&name, Kind::Bucket, "", Load::Silent)
    }
}

fn with_tag(mut resource: Resource, key: &str, value: &str) -> Resource {
    resource.tags.push((key.to_owned(), value.to_owned()));
    resource
}

fn example(environment: &str, account: &str, opened: DateTime<Utc>) -> Vec<Resource> {
    let pipeline =
        |name, team| Pipeline { account, environment, name, team, since: opened - TimeDelta::days(30), until: None };
    let renewals = Pipeline { since: opened + TimeDelta::minutes(APPEARS), ..pipeline("Renewals", "Docs") };
    let fax = Pipeline { until: Some(opened + TimeDelta::minutes(DISAPPEARS)), ..pipeline("FaxIntake", "Claims") };
    let stuck = if account == PRODUCTION { Load::Stuck } else { Load::Steady };
    let mut all = lease(&pipeline("Lease", "Docs"));
    all.extend(invoices(&pipeline("InvoiceTotals", "Finance")));
    all.extend(claims(&pipeline("ClaimTriage", "Claims"), stuck));
    let one = ("ml.m5.large", 1);
    all.extend([
        renewals.endpoint("renewals-scan", "scan", Mode::Async, one, Load::Steady),
        fax.endpoint("fax-reader", "reader", Mode::Async, one, Load::Steady),
    ]);
    all
}

/// A pipeline's file, which says what is deployed to production; `others` are pipelines without a model. JSON is YAML too.
pub(super) fn declared(name: &str, others: &[&str]) -> String {
    let mut file = json!({"team": "Docs"});
    // What is in development is nobody's plan.
    for (environment, account) in accounts(&Company::Example).iter().filter(|(_, account)| *account == PRODUCTION) {
        let mut models = Vec::new();
        for resource in example(environment, account, DateTime::UNIX_EPOCH) {
            let Kind::Endpoint(Endpoint { mode, instance, count, .. }) = &resource.kind else { continue };
            if resource.tag("pipeline") == Some(name) {
                let mut model = json!({"name": resource.tag("model"), "async": *mode == Mode::Async});
                if !instance.is_empty() {
                    model["count"] = json!(count);
                    model["instanceType"] = json!(instance);
                }
                if let Some(before) = resource.tag("depends-on") {
                    model["dependsOn"] = json!({"models": [before]});
                }
                models.push(model);
            }
        }
        let others = others.iter().map(|other| json!({"name": other}));
        let pipelines: Vec<Value> = std::iter::once(json!({"name": name, "models": models})).chain(others).collect();
        file[environment] = json!({"sagemakerPipelines": pipelines});
    }
    format!("{file:#}\n")
}

fn lease(lease: &Pipeline<'_>) -> Vec<Resource> {
    let textract = Resource {
        tags: Vec::new(),
        listed: false,
        ..lease.resource("AnalyzeDocument", Kind::Operation, "", Load::Steady)
    };
    vec![
        lease.bucket("docs-model-input"),
        lease.bucket("docs-model-output"),
        lease.function("lease-trigger", "page-split"),
        lease.endpoint("lease-page-split", "page-split", Mode::Async, ("ml.c5.4xlarge", 4), Load::Steady),
        with_tag(
            lease.endpoint("lease-clause-tagger", "clause-tagger", Mode::Async, ("ml.m5.xlarge", 1), Load::Slow),
            "depends-on",
            "page-split",
        ),
        with_tag(
            lease.endpoint("lease-table-reader", "table-reader", Mode::Async, ("ml.m5.large", 2), Load::Steady),
            "depends-on",
            "page-split",
        ),
        lease.resource("lease-results", Kind::Stream, "", Load::Steady),
        textract,
    ]
}

fn invoices(invoices: &Pipeline<'_>) -> Vec<Resource> {
    vec![
        invoices.bucket("invoices-input"),
        invoices.function("invoice-trigger", "reader"),
        invoices.endpoint("InvoiceTotals-Reader", "reader", Mode::Async, ("ml.g5.xlarge", 2), Load::Failing),
        with_tag(
            invoices.endpoint("InvoiceTotals-Lookup", "lookup", Mode::RealTime, ("ml.m5.large", 2), Load::Steady),
            "depends-on",
            "reader",
        ),
    ]
}

fn claims(claims: &Pipeline<'_>, router: Load) -> Vec<Resource> {
    vec![
        claims.function("claim-trigger", "router"),
        claims.endpoint("claim-router", "router", Mode::Async, ("ml.m5.xlarge", 2), router),
        with_tag(
            claims.endpoint("claim-scorer", "scorer", Mode::Serverless, ("", 0), Load::Rare),
            "depends-on",
            "router",
        ),
        claims.endpoint("claim-assist", "assist", Mode::Component, ("ml.g5.2xlarge", 1), Load::Silent),
    ]
}

/// What discovery has to report with a reason; all of it in the development account.
fn forgotten(opened: DateTime<Utc>) -> Vec<Resource> {
    let pipeline = |name, team| Pipeline {
        account: DEVELOPMENT,
        environment: "data_dev",
        name,
        team,
        since: opened - TimeDelta::days(20),
        until: None,
    };
    let lease = pipeline("Lease", "Docs");
    let small = ("ml.m5.large", 1);
    let mut half_tagged = lease.function("lease-sandbox", "sandbox");
    half_tagged.tags.retain(|(key, _)| key != "environment");
    let mut no_team = pipeline("Payroll", "").endpoint("payroll-ocr", "ocr", Mode::Async, small, Load::Rare);
    no_team.tags.retain(|(key, _)| key != "team");
    let hostile = pipeline("Statements", "Docs},*:{} {{#is_alert}} @all,env:prod\n<<x>>|#a:b");
    let hostile = hostile.endpoint("statement-reader", "reader", Mode::Async, small, Load::Rare);
    let hostile = with_tag(hostile, "owner", &"\u{e9}\u{1f4c4}\u{4e2d}x".repeat(64));
    let mut failed = lease.endpoint("lease-experiment", "experiment", Mode::Async, small, Load::Silent);
    if let Kind::Endpoint(endpoint) = &mut failed.kind {
        "Failed".clone_into(&mut endpoint.status);
    }
    let mut untagged = lease.endpoint("notebook-7", "", Mode::RealTime, small, Load::Rare);
    untagged.tags.clear();
    untagged.listed = false;
    let mut once_tagged = lease.bucket("docs-old");
    once_tagged.tags.clear();
    vec![
        half_tagged,
        no_team,
        hostile,
        failed,
        untagged,
        once_tagged,
        lease.resource("lease-nightly", Kind::Job, "", Load::Silent),
        lease.resource("lease-scan-old", Kind::Orphan, "scan-old", Load::Silent),
    ]
}

/// The resources of a pipeline that somebody adds while the company runs.
pub(super) fn added_pipeline(account: &str, name: &str, now: DateTime<Utc>) -> Vec<Resource> {
    let environment = if account == PRODUCTION { "data_prod" } else { "data_dev" };
    let pipeline = Pipeline { account, environment, name, team: "Docs", since: now, until: None };
    let endpoint = format!("{name}-reader");
    vec![pipeline.endpoint(&endpoint, "reader", Mode::Async, ("ml.m5.large", 1), Load::Steady)]
}

fn uniform(number: usize, opened: DateTime<Utc>) -> Resource {
    let name = format!("uniform-{}", number / 50);
    let pipeline = Pipeline {
        account: DEVELOPMENT,
        environment: "data_dev",
        name: &name,
        team: "Docs",
        since: opened - TimeDelta::days(30),
        until: None,
    };
    let stage = format!("stage-{number:05}");
    let endpoint = format!("uniform-{number:05}");
    pipeline.endpoint(&endpoint, &stage, Mode::Async, ("ml.m5.large", 1), Load::Uniform)
}
