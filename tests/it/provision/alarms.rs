//! What alerts in the pretend company, and why.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{ask, stored};
use crate::scene::Scene;
use ddsync::provision::object::{Kind, Mark};

/// A monitor, a group of it, and its state.
type Alarm = (&'static str, &'static str, &'static str);

/// What is wrong in the company, and everything that has to be on because of it.
const INCIDENTS: &[(&str, &[Alarm])] = &[
    (
        "claim-router in production: requests wait for hours and no instance runs. It processes nothing, so nothing fails \
         either, and what is made of its failures has nothing to look at",
        &[
            ("stuck-without-capacity/pipeline/claimtriage/data_prod", "stage:router", "Alert"),
            ("oldest-request-age/pipeline/claimtriage/data_prod", "stage:router", "Alert"),
            ("slo-burn-fast/pipeline/claimtriage/data_prod", "*", "No Data"),
            ("slo-burn-slow/pipeline/claimtriage/data_prod", "*", "No Data"),
        ],
    ),
    (
        "lease-clause-tagger, in both accounts: the model takes a minute, one instance is too few, and in the morning more \
         and more wait, for more than an hour",
        &[
            ("model-latency/pipeline/lease/data_dev", "stage:clause-tagger", "Alert"),
            ("model-latency/pipeline/lease/data_prod", "stage:clause-tagger", "Alert"),
            ("oldest-request-age/pipeline/lease/data_dev", "stage:clause-tagger", "Alert"),
            ("oldest-request-age/pipeline/lease/data_prod", "stage:clause-tagger", "Alert"),
            ("backlog-growing/pipeline/lease/data_dev", "stage:clause-tagger", "Alert"),
            ("backlog-growing/pipeline/lease/data_prod", "stage:clause-tagger", "Alert"),
        ],
    ),
    (
        "InvoiceTotals-Reader, in both accounts: a quarter of the requests fails, which is 25 times what the SLO allows",
        &[
            ("failure-ratio/pipeline/invoicetotals/data_dev", "stage:reader", "Alert"),
            ("failure-ratio/pipeline/invoicetotals/data_prod", "stage:reader", "Alert"),
            ("slo-burn-fast/pipeline/invoicetotals/data_dev", "*", "Alert"),
            ("slo-burn-fast/pipeline/invoicetotals/data_prod", "*", "Alert"),
            ("slo-burn-slow/pipeline/invoicetotals/data_dev", "*", "Alert"),
            ("slo-burn-slow/pipeline/invoicetotals/data_prod", "*", "Alert"),
        ],
    ),
    (
        "signature-finder in production: the pipeline's file declares it, and nobody has deployed it",
        &[("missing-stage/pipeline/lease/data_prod", "stage:signature-finder", "Alert")],
    ),
    (
        "lease-experiment in development: its creation failed",
        &[("endpoint-state/pipeline/lease/data_dev", "endpoint:lease-experiment,stage:experiment", "Alert")],
    ),
];

/// A line for each group of a monitor that is on and should not be, or the other way round.
pub(super) async fn wrong(scene: &Scene) -> String {
    let (status, monitors) = ask(scene, "/api/v1/monitor", &[("group_states", "all")]).await;
    assert_eq!(status, 200, "{monitors}");
    let monitors = monitors.as_array().expect("a list");
    assert_eq!(monitors.len(), stored(scene).iter().filter(|(kind, ..)| *kind == Kind::Monitor).count());
    let mut found = BTreeSet::new();
    for monitor in monitors {
        let mark = Mark::read(Kind::Monitor, monitor).expect("a mark");
        let groups = monitor["state"]["groups"].as_object().expect("groups");
        for (name, group) in groups {
            let status = group["status"].as_str().expect("a word").to_owned();
            if status != "OK" {
                found.insert((mark.identity.to_string(), name.clone(), status));
            }
        }
    }
    let expected: BTreeSet<(String, String, String)> = INCIDENTS
        .iter()
        .flat_map(|(_, on)| *on)
        .map(|(monitor, group, state)| ((*monitor).into(), (*group).into(), (*state).into()))
        .collect();
    let mut words = String::new();
    for (what, set) in [("missing", &expected - &found), ("not expected", &found - &expected)] {
        for (monitor, group, state) in set {
            let _ = writeln!(words, "{what}: {monitor} [{group}] {state}");
        }
    }
    words
}
