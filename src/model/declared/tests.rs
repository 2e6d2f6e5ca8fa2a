#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

const FILE: &str = "
team: Docs
identifier: LeaseAbstraction
data_dev:
  buckets:
    - name: docs-model-storage-dev
      additionalWriters: [\"arn:aws:iam::111122223333:role/DataDevelopers\"]
  sagemakerPipelines:
    - name: Lease
      models:
        - name: page-split
          async: true
          count: 4
          image: 111122223333.dkr.ecr.us-west-2.amazonaws.com/page-split:2.1.0
          instanceType: ml.c5.4xlarge
          access: {filesAccess: true}
          dependsOn:
            s3Buckets: [{bucketName: docs-model-input-dev, prefix: manifests/, suffix: .json}]
        - name: clause-tagger
          async: true
          count: 1
          instanceType: ml.m5.xlarge
          dependsOn: {models: [page-split]}
        - name: table-reader
          textract: true
          dependsOn:
";

#[test]
fn the_example_is_read() {
    let declared = parse(FILE).unwrap();
    assert_eq!(declared.team.as_deref(), Some("Docs"));
    assert_eq!(declared.problems, Vec::<String>::new());
    let models = &declared.environments["data_dev"][0].models;
    assert_eq!(declared.environments["data_dev"][0].name, "Lease");
    assert_eq!((models[0].is_async, models[0].count), (true, Some(4)));
    assert_eq!(models[0].depends_on.s3_buckets[0].bucket_name, "docs-model-input-dev");
    assert_eq!(models[1].depends_on.models, ["page-split"]);
    assert_eq!(models[1].instance_type.as_deref(), Some("ml.m5.xlarge"));
    assert!(models[2].textract && !models[2].is_async);
    assert_eq!(models[2].depends_on, DependsOn::default());
}

#[test]
fn pipelines_at_the_top_level_are_of_every_environment() {
    let declared = parse("sagemakerPipelines: [{name: 2024, models: [{name: a}]}]\nbuckets: []").unwrap();
    assert_eq!(declared.environments[""][0].name, "2024");
}

#[test]
fn what_is_odd_loses_only_itself() {
    let declared = parse(
        "sagemakerPipelines:\n  - models: []\n  - name: P\n    models:\n      - name: good\n      - name: odd\n        \
         count: many\n      - just text\n      - name: also-good\n  - {name: Q, models: 3}\nprod: {sagemakerPipelines: x}",
    )
    .unwrap();
    let models: Vec<&str> = declared.environments[""][0].models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(models, ["good", "also-good"]);
    insta::assert_snapshot!(declared.problems.join("\n"));
}

#[test]
fn what_is_no_mapping_is_refused_with_its_line() {
    let texts = ["", "- a", "a: [1, 2", "a: 1\nb: 'x\n", "a: *nowhere", "\u{0}"];
    let errors: Vec<String> = texts.iter().filter_map(|text| parse(text).err()).collect();
    assert_eq!(errors.len(), texts.len());
    insta::assert_snapshot!(errors.join("\n"));
}

proptest! {
    #[test]
    fn for_all_texts_reading_ends_without_panic(text in any::<String>()) {
        let _declared = parse(&text);
    }

    #[test]
    fn for_all_damaged_files_reading_ends_without_panic(at in 0..FILE.len(), insert in "[\\[\\]{}:&*!|>'\"\n -]{0,4}") {
        let mut text = FILE.to_owned();
        text.insert_str(at, &insert);
        if let Err(error) = parse(&text) {
            prop_assert!(!error.contains('\n'), "{error}");
        }
    }
}
