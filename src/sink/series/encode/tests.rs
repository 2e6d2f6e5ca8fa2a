#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::Read;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::model::series::sorted;

fn decode(body: &[u8], compression: Compression) -> (usize, Vec<Value>) {
    let raw = match compression {
        Compression::Zstd => zstd::stream::decode_all(body).unwrap(),
        Compression::Gzip => {
            let mut raw = Vec::new();
            flate2::read::GzDecoder::new(body).read_to_end(&mut raw).unwrap();
            raw
        }
    };
    let mut value: Value = serde_json::from_slice(&raw).unwrap();
    let Value::Array(series) = value["series"].take() else { panic!("no list of series") };
    (raw.len(), series)
}

fn points(series: &Value) -> Vec<(String, i64, f64)> {
    let name = series["metric"].as_str().unwrap();
    let points = series["points"].as_array().unwrap();
    points.iter().map(|p| (name.to_owned(), p["timestamp"].as_i64().unwrap(), p["value"].as_f64().unwrap())).collect()
}

fn everything(series: &[Series]) -> Vec<Piece> {
    let some = series.iter().enumerate().filter(|(_, one)| !one.points.is_empty());
    some.map(|(series, one)| Piece { series, points: 0..one.points.len() }).collect()
}

prop_compose! {
    fn any_series()(
        kind in prop_oneof![Just(Kind::Count), Just(Kind::Gauge)],
        tags in vec("[a-z]{1,9}:[a-z0-9_./-]{0,40}", 0..8),
        values in vec(any::<i32>().prop_map(|value| f64::from(value) / 8.0), 0..60),
    ) -> Series {
        let points = (1_700_000_000..).zip(values).map(|(at, value)| Point { at, value }).collect();
        Series { name: "".into(), kind, interval: 60, unit: "second".into(), tags: sorted(tags), points }
    }
}

fn named(mut series: Vec<Series>) -> Vec<Series> {
    for (index, one) in series.iter_mut().enumerate() {
        one.name = Arc::from(format!("mlpipeline.m{index}"));
    }
    series
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn for_all_series_splitting_loses_nothing_and_keeps_both_limits(
        series in vec(any_series(), 0..30).prop_map(named),
        raw in 200_usize..6000,
        compressed in 100_usize..2000,
        gzip in any::<bool>(),
    ) {
        let compression = if gzip { Compression::Gzip } else { Compression::Zstd };
        let encoder = Encoder::new(&series, &[], compression, Limits { raw, compressed });
        let mut got = Vec::new();
        let mut settled = Vec::new();
        for next in encoder.split(everything(&series)) {
            match next {
                Next::Body(body) => {
                    let (raw_len, decoded) = decode(&body.compressed, compression);
                    prop_assert!(raw_len <= raw && body.compressed.len() <= compressed);
                    prop_assert_eq!(decoded.len(), body.pieces.len());
                    got.extend(decoded.iter().flat_map(points));
                    settled.extend(body.pieces);
                }
                Next::TooLarge(piece) => {
                    prop_assert_eq!(piece.len(), 1);
                    let point = series[piece.series].points[piece.points.start];
                    got.push((series[piece.series].name.to_string(), point.at, point.value));
                    settled.push(piece);
                }
                Next::Failed(_, error) => panic!("{error}"),
            }
        }
        let all = |one: &Series| one.points.iter().map(|p| (one.name.to_string(), p.at, p.value)).collect::<Vec<_>>();
        let mut wanted: Vec<_> = series.iter().flat_map(all).collect();
        wanted.sort_by(|a, b| a.partial_cmp(b).unwrap());
        got.sort_by(|a, b| a.partial_cmp(b).unwrap());
        prop_assert_eq!(got, wanted);
        let count = |pieces: &[Piece]| pieces.iter().map(Piece::len).sum::<usize>();
        prop_assert_eq!(count(&settled), count(&everything(&series)));
    }

    #[test]
    fn for_all_pieces_halves_make_the_whole(lengths in vec(1_usize..9, 1..9)) {
        let pieces: Vec<Piece> =
            lengths.iter().enumerate().map(|(series, &len)| Piece { series, points: 3..3 + len }).collect();
        let (left, right) = halve(pieces.clone());
        prop_assert!(!left.is_empty());
        let points = |pieces: &[Piece]| -> Vec<(usize, usize)> {
            pieces.iter().flat_map(|piece| piece.points.clone().map(|point| (piece.series, point))).collect()
        };
        prop_assert_eq!(points(&[left, right].concat()), points(&pieces));
    }
}

#[test]
fn a_series_looks_as_datadog_documents_it() {
    let series = Series {
        name: "mlpipeline.endpoint.invocations.sum".into(),
        kind: Kind::Count,
        interval: 60,
        unit: "".into(),
        tags: sorted(vec!["team:docs".into(), "env:data_dev".into()]),
        points: vec![Point { at: 1_700_000_000, value: 3.0 }],
    };
    let mut gauge = series.clone();
    (gauge.kind, gauge.unit) = (Kind::Gauge, "second".into());
    let series = [series, gauge];
    let tags = ["env:data_dev".to_owned(), "site:eu".to_owned()];
    let encoder = Encoder::new(&series, &tags, Compression::Zstd, LIMITS);
    let Some(Next::Body(body)) = encoder.split(everything(&series)).next() else { panic!("no body") };
    let (_, decoded) = decode(&body.compressed, Compression::Zstd);
    let tags = r#"["env:data_dev","site:eu","team:docs"]"#;
    let points = r#"[{"timestamp":1700000000,"value":3.0}]"#;
    let name = r#""metric":"mlpipeline.endpoint.invocations.sum""#;
    let count = format!(r#"{{{name},"type":1,"interval":60,"tags":{tags},"points":{points}}}"#);
    let gauge = format!(r#"{{{name},"type":3,"unit":"second","tags":{tags},"points":{points}}}"#);
    assert_eq!(decoded, [count, gauge].map(|text| serde_json::from_str::<Value>(&text).unwrap()));
}
