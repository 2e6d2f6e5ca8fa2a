//! Where measurements leave: pure encoding and splitting, then one send.

use crate::model::series::{Kind, Point, Series, sorted};
use crate::model::tag;
use crate::telemetry::{self, Sample};

pub mod dogstatsd;
pub mod dora;
pub mod events;
pub mod logs;
pub mod metadata;
pub mod series;

/// What this program says about itself, as series. `interval` is the span in seconds between two reports.
///
/// Only samples that go over HTTP are taken; [`dogstatsd::DogStatsD::submit`] takes the others.
#[must_use]
pub fn about_ourselves(samples: &[Sample], interval: u32) -> Vec<Series> {
    let over_http = samples.iter().filter(|sample| sample.name.route() == telemetry::Route::Http);
    over_http
        .map(|sample| Series {
            name: sample.name.as_str().into(),
            kind: match sample.name.kind() {
                telemetry::Kind::Count => Kind::Count,
                telemetry::Kind::Gauge => Kind::Gauge,
            },
            interval,
            unit: sample.name.unit().into(),
            tags: sorted(legal_tags(&sample.tags)),
            points: vec![Point { at: sample.at, value: sample.value }],
        })
        .collect()
}

/// Whether two tags have a key, and the same one.
fn same_key(one: &str, other: &str) -> bool {
    match (one.split_once(':'), other.split_once(':')) {
        (Some((one, _)), Some((other, _))) => one == other,
        _ => false,
    }
}

fn legal_tags(tags: &telemetry::Tags) -> Vec<String> {
    tags.iter().map(|(key, value)| tag::tag(key, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Name, Telemetry};

    #[test]
    fn what_is_said_over_http_becomes_series_with_legal_tags() {
        let telemetry = Telemetry::new();
        telemetry.record(Name::PointsRefused, &[("reason", "Not|Finite\n")], 2.0);
        telemetry.record(Name::JobOverruns, &[("job", "hot")], 1.0);
        let series = about_ourselves(&telemetry.flush(600), 60);
        assert_eq!(series.len(), 1, "{series:?}");
        assert_eq!(&*series[0].name, "ddsync.points.refused");
        assert_eq!(series[0].kind, Kind::Count);
        assert_eq!(*series[0].tags, ["reason:not_finite".to_owned()]);
        assert_eq!(series[0].points, [Point { at: 600, value: 2.0 }]);
    }
}
