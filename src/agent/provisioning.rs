//! What provisioning has to know of the rest of the program.

use crate::config::Settings;
use crate::model::series;
use crate::provision::lint::{Delays, Known, Metrics};
use crate::source::metrics::{catalogue, disabled};
use crate::telemetry::{Kind, Name};

/// Every series that there will be, for the lint of queries.
#[must_use]
pub fn known_metrics(settings: &Settings) -> Metrics {
    let ours: Vec<Known> = Name::ALL.iter().map(|name| known(*name)).collect();
    let all = Metrics::new(&catalogue(&settings.metrics), &ours, &settings.datadog.tags, Delays::of(settings));
    all.without(disabled(&settings.metrics))
}

fn known(name: Name) -> Known {
    let kind = match name.kind() {
        Kind::Count => series::Kind::Count,
        Kind::Gauge => series::Kind::Gauge,
    };
    Known::at_once(name.as_str(), kind, name.unit(), name.tags())
}
