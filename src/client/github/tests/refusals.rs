use super::*;

#[tokio::test]
async fn each_refusal_names_the_setting_to_change() {
    let sim = company().await;
    let client = client_of(&sim);
    let plain = |error: Error| error.to_string().replace(&sim.github_url(), "http://GITHUB");
    let wrong = super::client(&sim, &settings(sim.github_url(), "ghp_wrong-token"));
    insta::assert_snapshot!(plain(wrong.repository(ML, opened()).run(1).await.unwrap_err()), @"github refused the credential (HTTP 401): check GITHUB_TOKEN or `github.token_file`, and that it belongs to `github.base_url` http://GITHUB");
    insta::assert_snapshot!(plain(client.repository("acme/nothing", opened()).run(1).await.unwrap_err()), @"no repository acme/nothing (HTTP 404): it is gone, was renamed, or may not be read; check `github.repositories`, and that GITHUB_TOKEN or `github.token_file` may read it");
    insta::assert_snapshot!(plain(client.repository("acme/nothing", opened()).runs("a.yml", since(1)).await.unwrap_err()), @"no repository acme/nothing (HTTP 404): it is gone, was renamed, or may not be read; check `github.repositories`, and that GITHUB_TOKEN or `github.token_file` may read it");
    insta::assert_snapshot!(plain(client.repository(ML, opened()).runs("release.yml", since(1)).await.unwrap_err()), @"acme/ml-pipelines has no workflow `release.yml`; it has deploy.yml; check `workflows` in `github.repositories`");
    insta::assert_snapshot!(plain(client.repository(ML, opened()).run(1).await.unwrap_err()), @"acme/ml-pipelines has no run 1 (HTTP 404)");
    insta::assert_snapshot!(plain(client.repository("acme/old-pipelines", opened()).run(1).await.unwrap_err()), @"acme/old-pipelines has moved (HTTP 301); write its new name into `github.repositories`");
    assert_eq!(asked(&sim, "followed"), 0, "a redirect is not followed");
    sim.faults().add(Rule::new("github", Fault::Forbidden));
    insta::assert_snapshot!(plain(client.repository(ML, opened()).run(1).await.unwrap_err()), @"github does not allow it (HTTP 403): it takes `actions=read`, and the token has `read:user`; check GITHUB_TOKEN or `github.token_file`; it said: Resource not accessible by personal access token");
    sim.stop().await;
}

#[tokio::test]
async fn what_is_not_github_is_told_from_it() {
    let sim = company().await;
    let (aws, datadog) = (sim.aws_url(), sim.datadog_url());
    for base_url in [aws, datadog] {
        let client = super::client(&sim, &settings(base_url, TOKEN));
        let error = client.repository(ML, opened()).branch("main").await.unwrap_err();
        assert!(!error.to_string().contains(TOKEN), "{error}");
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = tokio::spawn(async move {
        let login = axum::Router::new().fallback(async || axum::response::Html("<html>Log in</html>"));
        axum::serve(listener, login).await
    });
    let client = super::client(&sim, &settings(format!("http://{address}"), TOKEN));
    let error = client.repository(ML, opened()).branch("main").await.unwrap_err();
    assert_eq!(error.tag(), "misdirected", "{error}");
    assert!(error.to_string().contains("`github.base_url`"), "{error}");
    page.abort();
    let error = super::client(&sim, &settings("http://127.0.0.1:9".into(), TOKEN));
    let error = error.repository(ML, opened()).branch("main").await.unwrap_err();
    assert_eq!(error.tag(), "unreachable", "{error}");
    sim.stop().await;
}

#[tokio::test]
async fn a_server_of_ones_own_has_its_api_below_a_path() {
    let sim = company().await;
    let own = super::client(&sim, &settings(format!("{}/api/v3", sim.github_url()), TOKEN));
    // Three pages: the second is asked for with the token as the first is.
    let listed = own.repository(ML, opened()).runs("deploy.yml", since(30)).await.unwrap();
    assert!(listed.items.len() > 200, "{}", listed.items.len());
    sim.stop().await;
}
