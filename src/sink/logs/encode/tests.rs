#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::sink::logs::tests::{line, origin};

fn encoded(line: &Line, tags: &[String]) -> Value {
    let mut bytes = Vec::new();
    Encoder::new(tags).encode(line, &mut bytes).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_line_says_what_and_where_it_is() {
    let mut line = line(1, 1_714_557_600_123, "CUDA out of memory");
    line.attributes = json!({"inference_id": "in-1", "took": 1.5}).as_object().unwrap().clone();
    let tags = ["env:test", "team:other", "site:here"].map(str::to_owned);
    assert_eq!(
        encoded(&line, &tags),
        json!({"message": "CUDA out of memory", "status": "info", "service": "lease", "ddsource": "sagemaker",
            "ddtags": "env:data_dev,pipeline:lease,site:here,team:other", "timestamp": 1_714_557_600_123_i64,
            "event_id": "1", "aws": {"awslogs": {"logGroup": "/aws/sagemaker/Endpoints/x", "logStream": "AllTraffic/i-1"}},
            "inference_id": "in-1", "took": 1.5})
    );
}

#[test]
fn attributes_do_not_take_the_place_of_what_is_ours() {
    let mut line = line(1, 5, "x");
    let hostile = json!({"message": "evil", "Status": "ok", " ddtags": "a:b", "service": "evil", "timestamp": 0, "aws": 1,
        "host": "evil", "event_id": "2", "aws.awslogs.logStream": "evil", "original": {"level": 3}, "plain": true});
    line.attributes = hostile.as_object().unwrap().clone();
    let value = encoded(&line, &[]);
    assert_eq!((&value["message"], &value["service"], &value["event_id"]), (&json!("x"), &json!("lease"), &json!("1")));
    assert_eq!((&value["timestamp"], &value["plain"]), (&json!(5), &json!(true)));
    let kept: Vec<&String> = value["original"].as_object().unwrap().keys().collect();
    let wanted = [
        " ddtags",
        "Status",
        "aws",
        "aws.awslogs.logStream",
        "event_id",
        "host",
        "level",
        "message",
        "service",
        "timestamp",
    ];
    assert_eq!(kept, wanted);
    line.attributes = json!({"original": 7, "host": "h"}).as_object().unwrap().clone();
    assert_eq!(encoded(&line, &[])["original"], json!({"original": 7, "host": "h"}));
}

#[test]
fn each_group_has_its_own_tags() {
    let (one, mut two) = (line(1, 1, "x"), line(2, 2, "y"));
    two.origin = Arc::new(Origin { tags: Arc::from(["pipeline:other".to_owned()]), ..Origin::clone(&origin()) });
    let mut encoder = Encoder::new(&[]);
    let tags: Vec<Value> = [&one, &two, &one]
        .map(|line| {
            let mut bytes = Vec::new();
            encoder.encode(line, &mut bytes).unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap()["ddtags"].take()
        })
        .into();
    let own = "env:data_dev,pipeline:lease";
    assert_eq!(tags, [own, "pipeline:other", own]);
}

proptest! {
    #[test]
    fn for_all_attributes_the_names_of_ours_say_what_is_ours(
        names in proptest::collection::vec(prop_oneof![
            proptest::sample::select(OWN).prop_map(str::to_owned),
            proptest::sample::select(OWN).prop_map(str::to_uppercase),
            "[a-z.]{0,6}",
            Just("original".to_owned()),
        ], 0..8),
        message in any::<String>(),
    ) {
        let mut line = line(7, 9, &message);
        line.attributes = names.iter().map(|name| (name.clone(), json!({"hostile": name}))).collect();
        let mut bytes = Vec::new();
        Encoder::new(&[]).encode(&line, &mut bytes).unwrap();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&value["message"], &json!(message));
        prop_assert_eq!(&value["event_id"], &json!("7"));
        prop_assert_eq!(&value["ddtags"], &json!("env:data_dev,pipeline:lease"));
        for name in OWN.iter().filter(|name| value.get(**name).is_some()) {
            prop_assert!(!value[*name].to_string().contains("hostile"), "{}", value);
        }
        // Nothing is lost, and no name stands twice.
        for name in &names {
            let kept = value.to_string().contains(&json!({"hostile": name}).to_string());
            prop_assert!(kept || name == "original", "{} is lost", name);
        }
        let text = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(text.matches("\"timestamp\":9").count(), 1);
        prop_assert_eq!(text.len(), value.to_string().len());
    }
}
