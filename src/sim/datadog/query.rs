//! `GET /api/v1/query` over the series that came in, in the language of [`crate::query`].
//! <https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    super::received::{Kept, Received},
    Asked, Refused, Reply, ok,
};
use crate::query::{self, Expr, Group, Kind, Stored};

/// Seconds of a point when its metric does not say.
const MINUTE: i64 = 60;
/// The longest span, and the seconds that a point of an answer stands for then. Datadog goes below a minute for short
/// spans (<https://docs.datadoghq.com/dashboards/functions/rollup/>); nothing comes more often than that here.
const INTERVALS: [(i64, i64); 5] =
    [(4 * 3_600 + 900, 60), (86_400, 300), (172_800, 600), (604_800, 3_600), (2_678_400, 14_400)];
const LONGEST_INTERVAL: i64 = 86_400;

/// Every source of the metrics that a query reads.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<String, Vec<Source>>);

#[derive(Debug)]
struct Source {
    tags: Vec<String>,
    kind: Kind,
    points: BTreeMap<i64, f64>,
}

impl Sources {
    pub(super) fn of(expr: &Expr, received: &Received) -> Self {
        let mut sources = Self::default();
        for selector in expr.selectors() {
            sources.0.entry(selector.metric.clone()).or_default();
        }
        for (series, points) in &received.series {
            let (Some(of_metric), Some(kind)) = (sources.0.get_mut(&series.metric), points.values().last().map(kind))
            else {
                continue;
            };
            let mut tags = series.tags.clone();
            if !series.host.is_empty() {
                tags.push(format!("host:{}", series.host));
            }
            let points = points.iter().map(|(second, kept)| (*second, kept.value)).collect();
            of_metric.push(Source { tags, kind, points });
        }
        sources
    }

    /// When the first point came of those that have all of these tags.
    pub(super) fn since(&self, tags: &BTreeMap<String, String>) -> Option<i64> {
        let has_all =
            |source: &&Source| tags.iter().all(|(key, value)| source.tags.contains(&format!("{key}:{value}")));
        let sources = self.0.values().flatten().filter(has_all);
        sources.filter_map(|source| source.points.keys().next().copied()).min()
    }

    pub(super) fn stored(&self, metric: &str) -> Vec<Stored<'_>> {
        let of_metric = self.0.get(metric).into_iter().flatten();
        of_metric.map(|source| Stored { tags: &source.tags, kind: source.kind, points: &source.points }).collect()
    }
}

fn kind(kept: &Kept) -> Kind {
    let interval = kept.interval.unwrap_or(MINUTE);
    match kept.kind {
        1 => Kind::Count { interval },
        2 => Kind::Rate { interval },
        _ => Kind::Gauge,
    }
}

pub(super) fn answer(asked: &Asked<'_>) -> Reply {
    let second = |key: &str| asked.word(key).and_then(|text| text.parse::<i64>().ok());
    let (Some(from), Some(to)) = (second("from"), second("to")) else {
        return Err(Refused::bad("from and to are Unix seconds"));
    };
    let text = asked.word("query").unwrap_or_default();
    let wrong = |why: query::Unchecked| Refused::bad(format!("Error parsing query: {why}"));
    let expr = query::parse(text).map_err(wrong)?;
    let interval = INTERVALS.iter().find(|(span, _)| to - from <= *span).map_or(LONGEST_INTERVAL, |(_, each)| *each);
    let sources = Sources::of(&expr, &asked.shared.received());
    let groups = query::evaluate(&expr, &|metric| sources.stored(metric), from, to, interval).map_err(wrong)?;
    let metric = expr.selectors().first().map_or("", |selector| selector.metric.as_str()).to_owned();
    let series = |(index, group): (usize, &Group)| {
        let tags: Vec<String> = group.tags.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        let points: Vec<Value> = group.points.iter().map(|(at, value)| json!([at * 1_000, value])).collect();
        json!({
            "metric": metric, "display_name": metric, "expression": text, "query_index": 0, "series_index": index,
            "scope": if tags.is_empty() { "*".to_owned() } else { tags.join(",") }, "tag_set": tags,
            "interval": interval, "length": points.len(), "pointlist": points,
            "start": from * 1_000, "end": to * 1_000,
        })
    };
    let series: Vec<Value> = groups.iter().enumerate().map(series).collect();
    Ok(ok(json!({
        "status": "ok", "res_type": "time_series", "resp_version": 1, "query": text, "message": "",
        "from_date": from * 1_000, "to_date": to * 1_000, "series": series, "group_by": expr.group_by(),
    })))
}
