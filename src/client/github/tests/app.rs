use super::*;
use crate::client::github::ClientError;
use crate::sim::github::APP;

/// A key of an App, made for this test.
fn key() -> Secret {
    let output = std::process::Command::new("openssl").args(["genrsa", "2048"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Secret::new(&String::from_utf8(output.stdout).unwrap())
}

fn app(sim: &Sim, installation_id: u64, private_key: Secret) -> GitHub {
    let credential = GitHubCredential::App { app_id: APP.0, installation_id, private_key };
    GitHub {
        base_url: format!("{}/api/v3", sim.github_url()),
        credential: Some(credential),
        repositories: Vec::new(),
        webhook: None,
    }
}

#[tokio::test]
async fn an_app_reads_with_a_token_of_its_installation() {
    let sim = company().await;
    let client = client(&sim, &app(&sim, APP.1, key()));
    let listed = client.repository(ML, opened()).runs("deploy.yml", since(30)).await.unwrap();
    assert!(listed.items.len() > 200);
    assert!(asked(&sim, "runs") >= 3);
    assert!(asked(&sim, "access_token") >= 1);
    sim.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_app_is_named() {
    let sim = company().await;
    let key = key();
    let client = client(&sim, &app(&sim, 1, key.clone()));
    let error = client.repository(ML, opened()).run(1).await.unwrap_err();
    insta::assert_snapshot!(error, @"github knows no installation 1 of this App (HTTP 404): check `github.installation_id` and `github.app_id`");
    assert!(!format!("{client:?}").contains(&key.expose()[40..80]));
    let bad =
        Client::new(&app(&sim, 1, Secret::new("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----")));
    let error = bad.unwrap_err();
    assert!(matches!(error, ClientError::Key), "{error}");
    let none = Client::new(&GitHub { credential: None, ..settings(sim.github_url(), TOKEN) }).unwrap_err();
    insta::assert_snapshot!(none, @"no GitHub token: set GITHUB_TOKEN or `github.token_file`, or name an App with `github.app_id`");
    sim.stop().await;
}
