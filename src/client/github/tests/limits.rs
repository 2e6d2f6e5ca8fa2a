use super::*;

#[tokio::test]
async fn an_answer_that_has_not_changed_costs_nothing_even_in_the_next_process() {
    let sim = company().await;
    let before = client_of(&sim);
    let runs = before.repository(ML, opened()).runs("deploy.yml", since(30)).await.unwrap();
    let left = before.quota().unwrap().remaining;
    let kept = serde_json::to_string(&before.kept()).unwrap();
    assert!(!kept.contains(TOKEN));
    assert!(kept.len() < 1_000 * runs.items.len(), "{} bytes for {} runs", kept.len(), runs.items.len());
    let kept: Cache = serde_json::from_str(&kept).unwrap();
    let after = client_of(&sim).with_cache(kept);
    let again = after.repository(ML, opened()).runs("deploy.yml", since(30)).await.unwrap();
    assert_eq!(again, runs);
    assert_eq!(after.quota().unwrap().remaining, left);
    assert_eq!(after.requests(), before.requests());
    sim.stop().await;
}

#[tokio::test]
async fn an_hour_that_is_used_up_is_told_with_its_end_and_not_asked_about_again() {
    let sim = company().await;
    sim.faults().add(Rule::new("github", Fault::HourUsedUp(3_600)));
    let client = client_of(&sim);
    let error = client.repository(ML, opened() + TimeDelta::minutes(1)).run(1).await.unwrap_err();
    assert_eq!(error.to_string(), "github's hourly limit is used up until 2026-09-08T09:00:00Z");
    assert!(matches!(error, Error::Limited { limit: Limit::Primary, .. }) && error.is_retriable());
    client.repository(ML, opened() + TimeDelta::minutes(1)).branch("main").await.unwrap_err();
    assert_eq!(client.requests(), 1, "what GitHub said of the hour holds for every question");
    sim.stop().await;
}

#[tokio::test]
async fn limits_are_waited_for_when_the_deadline_is_after_them() {
    // Five hours pass in some seconds.
    let sim = company_with(3_000.0, |options| options).await;
    let client = client_of(&sim);
    for fault in
        [Fault::HourUsedUp(1_800), Fault::SecondaryLimit(Some(600)), Fault::SecondaryLimit(None), Fault::RateLimited]
    {
        sim.faults().set(vec![Rule::new("github", fault).at_most(1)]);
        let now = Clock::parse(&sim.clock().to_env()).unwrap().now();
        let before = client.requests();
        let sha = client.repository(ML, now + TimeDelta::hours(9)).branch("main").await;
        assert!(sha.is_ok(), "{fault:?}: {sha:?}");
        assert_eq!(client.requests(), before + 2, "{fault:?}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_real_hour_ends_and_a_new_one_begins() {
    let limit = RateLimit { requests: 3, seconds: 3_600 };
    let sim = company_with(3_000.0, |options| Options { github_limit: limit, ..options }).await;
    let client = client_of(&sim);
    let deadline = opened() + TimeDelta::days(2);
    for path in ["a", "b", "c", "d", "e", "main"] {
        let found = client.repository(ML, deadline).branch(path).await;
        assert_eq!(found.is_ok(), path == "main", "{found:?}");
    }
    sim.stop().await;
}

#[tokio::test]
async fn a_secondary_limit_without_a_hint_is_at_least_a_minute() {
    let sim = company().await;
    sim.faults().add(Rule::new("github", Fault::SecondaryLimit(None)));
    let error = client_of(&sim).repository(ML, opened() + TimeDelta::seconds(30)).run(1).await.unwrap_err();
    let Error::Limited { limit: Limit::Secondary, until } = error else { panic!("{error}") };
    assert!(until >= opened() + TimeDelta::seconds(59));
    sim.stop().await;
}

#[tokio::test]
async fn a_failure_that_passes_is_not_seen_and_one_that_stays_is() {
    let sim = company_with(600.0, |options| options).await;
    let client = client_of(&sim);
    let deadline = opened() + TimeDelta::days(1);
    for fault in [Fault::ServerError(502), Fault::Reset] {
        sim.faults().set(vec![Rule::new("github", fault).at_most(2)]);
        assert!(client.repository(ML, deadline).branch("main").await.is_ok(), "{fault:?}");
        sim.faults().set(vec![Rule::new("github", fault)]);
        let error = client.repository(ML, deadline).branch("main").await.unwrap_err();
        assert!(["server", "unreachable"].contains(&error.tag()) && error.is_retriable(), "{error}");
    }
    sim.stop().await;
}
