#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use axum::http::{HeaderMap, HeaderValue};
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::clock::Clock;
use crate::config::settings::{GitHub, Repository, Workflow};
use crate::model::dora::{JOB_NAME, Pattern, TITLE};

const SECRET: &str = "It's a Secret to Everybody";
/// Half a real second is ages on loopback, and not long to wait for.
const SHORT: Patience = Patience { part: Duration::from_millis(500), whole: Duration::from_secs(2) };

/// A clock by which a hint is due at once.
fn fast() -> Clock {
    Clock::Scaled { real_origin_ms: 0, sim_origin_ms: 0, rate: 1e6 }
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={:x}", bytes::Bytes::copy_from_slice(&mac.finalize().into_bytes()))
}

/// A delivery about a run of a workflow.
fn run(repository: &str, path: &str, number: usize) -> String {
    serde_json::json!({
        "action": "completed",
        "workflow_run": {"id": number, "path": path, "head_branch": null},
        "repository": {"id": 1, "full_name": repository},
    })
    .to_string()
}

struct Listening {
    webhook: Webhook,
    hinted: Hinted,
    telemetry: Telemetry,
    client: reqwest::Client,
}

impl Listening {
    async fn start() -> Self {
        let workflow = Workflow {
            file: "deploy.yml".into(),
            run_name: Pattern::parse(TITLE).unwrap(),
            job_name: Pattern::parse(JOB_NAME).unwrap(),
        };
        let repositories =
            vec![Repository { name: "example/ml".into(), workflows: vec![workflow], source_paths: Vec::new() }];
        let secret = Some(Secret::new(SECRET));
        let webhook = settings::Webhook { listen: ([127, 0, 0, 1], 0).into(), secret };
        let github = GitHub { base_url: String::new(), credential: None, repositories, webhook: Some(webhook.clone()) };
        let ((hint, hinted), telemetry) = (Hint::new(), Telemetry::new());
        let webhook = Webhook::patient(&webhook, &github, telemetry.clone(), hint, SHORT).await.unwrap();
        Self { webhook, hinted, telemetry, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    fn post(&self, event: &str, body: &str) -> reqwest::RequestBuilder {
        self.post_as("application/json", event, body)
    }

    fn post_as(&self, kind: &str, event: &str, body: &str) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("http://{}{PATH}", self.webhook.address()));
        request.header("x-github-event", event).header("content-type", kind).body(body.to_owned())
    }

    /// A delivery as GitHub makes it.
    async fn deliver(&self, event: &str, body: &str) -> (u16, String) {
        let signed = self.post(event, body).header("x-hub-signature-256", signature(SECRET, body.as_bytes()));
        answer(signed).await
    }

    /// Sends these bytes on a connection of their own and reads until it is closed.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.webhook.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    /// How many looks are due.
    async fn looks(&mut self) -> usize {
        let mut looks = 0;
        while tokio::time::timeout(Duration::from_millis(100), self.hinted.due(fast())).await.is_ok() {
            looks += 1;
        }
        looks
    }

    fn counted(&self) -> Vec<(String, f64)> {
        let samples = self.telemetry.flush(60).into_iter();
        samples.map(|sample| (sample.tags[0].1.clone(), sample.value)).collect()
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation>
#[test]
fn a_signature_is_what_github_says_it_is() {
    let given = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let judged = |given: &str, body: &[u8], secret: &str| {
        let headers: HeaderMap =
            [("x-hub-signature-256".parse().unwrap(), HeaderValue::from_str(given).unwrap())].into_iter().collect();
        delivery::signed(&headers, body, &Secret::new(secret)).map(|_| ())
    };
    assert_eq!(judged(given, b"Hello, World!", SECRET), Ok(()));
    assert_eq!(judged(&given.replace('a', "A").replace("shA", "sha"), b"Hello, World!", SECRET), Ok(()));
    assert_eq!(judged(given, b"Hello, World?", SECRET), Err(Fate::BadSignature));
    assert_eq!(judged(given, b"Hello, World!", "It's a secret"), Err(Fate::BadSignature));
    assert_eq!(judged(&given.replace('7', "8"), b"Hello, World!", SECRET), Err(Fate::BadSignature));
    for other in ["", "sha256=", &given[7..], &given[..70], &format!("{given}00"), &given.replace("75", "+7")] {
        assert_eq!(judged(other, b"Hello, World!", SECRET), Err(Fate::Unsigned), "{other}");
    }
    assert_eq!(delivery::signed(&HeaderMap::new(), b"", &Secret::new(SECRET)).map(|_| ()), Err(Fate::Unsigned));
}

#[tokio::test]
async fn only_what_github_signs_about_a_followed_workflow_is_a_hint() {
    let mut listening = Listening::start().await;
    let good = run("example/ml", ".github/workflows/deploy.yml", 1);
    for (event, body, status, words) in [
        ("ping", "{\"zen\": \"Keep it logically awesome.\"}", 200, "pong"),
        ("push", &*good, 202, "only `workflow_run`"),
        ("workflow_run", &run("other/ml", ".github/workflows/deploy.yml", 1), 202, "the repository is not"),
        ("workflow_run", &run("example/ml", ".github/workflows/test.yml", 1), 202, "the workflow is not"),
        ("workflow_run", "{\"workflow_run\": ", 400, "not the JSON"),
        ("workflow_run", "[]", 400, "not the JSON"),
        ("workflow_run", "", 400, "not the JSON"),
        ("workflow_run", &"[".repeat(100_000), 400, "not the JSON"),
    ] {
        let (got, text) = listening.deliver(event, body).await;
        assert!(got == status && text.contains(words), "{event} {body:.100}: {got} {text}");
    }
    let form = format!("payload={good}");
    let posted = listening.post_as("application/x-www-form-urlencoded", "workflow_run", &form);
    let (status, text) = answer(posted.header("x-hub-signature-256", signature(SECRET, form.as_bytes()))).await;
    assert!(status == 415 && text.contains("`application/json`"), "{status} {text}");
    let (status, text) = answer(listening.post("workflow_run", &good)).await;
    assert!(status == 401 && text.contains("no `X-Hub-Signature-256`"), "{status} {text}");
    let other = signature("another secret of ours", good.as_bytes());
    let (status, text) = answer(listening.post("workflow_run", &good).header("x-hub-signature-256", other)).await;
    assert!(status == 401 && text.contains("GITHUB_WEBHOOK_SECRET"), "{status} {text}");
    assert_eq!(listening.looks().await, 0);

    assert_eq!(listening.deliver("workflow_run", &good).await.0, 202);
    assert_eq!(listening.looks().await, 1);
    // Shared workflows are known by the file that calls them, and a deployment by hand has no run.
    for (event, body) in [
        ("workflow_run", run("Example/ML", ".github/workflows/deploy.yml@refs/heads/main", 2)),
        ("deployment_status", "{\"workflow_run\": null, \"repository\": {\"full_name\": \"example/ml\"}}".to_owned()),
    ] {
        assert_eq!(listening.deliver(event, &body).await.0, 202);
        assert_eq!(listening.looks().await, 1, "{event}");
    }
    let counted = listening.counted();
    let of = |outcome: &str| counted.iter().find(|(word, _)| word == outcome).map(|(_, count)| *count);
    assert_eq!(
        (of("accepted"), of("ping"), of("unsigned"), of("bad_signature")),
        (Some(3.0), Some(1.0), Some(1.0), Some(1.0))
    );
}

#[tokio::test]
async fn a_replay_is_known_whatever_its_headers_say_and_a_flood_is_one_look() {
    let mut listening = Listening::start().await;
    let body = run("example/ml", ".github/workflows/deploy.yml", 0);
    for id in ["first", "another"] {
        let signed =
            listening.post("workflow_run", &body).header("x-hub-signature-256", signature(SECRET, body.as_bytes()));
        assert_eq!(answer(signed.header("x-github-delivery", id)).await.0, 202);
        assert_eq!(listening.looks().await, usize::from(id == "first"));
    }
    for number in 1..=2 * REMEMBERED {
        let body = run("example/ml", ".github/workflows/deploy.yml", number);
        assert_eq!(listening.deliver("workflow_run", &body).await.0, 202);
    }
    assert_eq!(listening.looks().await, 1);
    // Forgotten by now, which costs a look and nothing else.
    assert_eq!(listening.deliver("workflow_run", &body).await.0, 202);
    assert_eq!(listening.looks().await, 1);
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_it_is_read() {
    let mut listening = Listening::start().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    // Not a byte of the body is sent: the answer does not wait for it.
    let answer = listening.raw(format!("{head}content-length: 31457280\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let chunk = format!("100001\r\n{}", "x".repeat(0x10_0001));
    let answer = listening.raw(format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(listening.looks().await, 0);
    assert_eq!(listening.counted(), [("too_long".to_owned(), 2.0)]);
}

#[tokio::test]
async fn who_is_slow_is_cut_off_and_keeps_nobody_else_out() {
    let mut listening = Listening::start().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n");
    let answer = listening.raw(format!("{head}\r\n1234").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let mut slow = Vec::new();
    for _ in 0..2 * MAX_CONNECTIONS {
        let mut stream = TcpStream::connect(listening.webhook.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let body = run("example/ml", ".github/workflows/deploy.yml", 1);
    assert_eq!(listening.deliver("workflow_run", &body).await.0, 202);
    assert_eq!(listening.looks().await, 1);
    for mut stream in slow {
        // It is closed, with or without a word: otherwise this would never end.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test]
async fn nothing_else_is_answered() {
    let listening = Listening::start().await;
    let base = format!("http://{}", listening.webhook.address());
    for path in ["/status", "/livez", "/readyz", "/", "/webhook/"] {
        assert_eq!(answer(listening.client.get(format!("{base}{path}"))).await.0, 404, "{path}");
    }
    assert_eq!(answer(listening.client.get(format!("{base}{PATH}"))).await.0, 405);
}

#[tokio::test]
async fn without_a_secret_or_a_free_address_nobody_listens() {
    let listening = Listening::start().await;
    let start = async |listen, secret: Option<&str>| {
        let webhook = settings::Webhook { listen, secret: secret.map(Secret::new) };
        let github = GitHub { base_url: String::new(), credential: None, repositories: Vec::new(), webhook: None };
        Webhook::start(&webhook, &github, Telemetry::new(), Hint::new().0).await.map(|_| ()).unwrap_err().to_string()
    };
    let address = listening.webhook.address();
    assert!(start(address, None).await.starts_with("no secret for the webhook: set GITHUB_WEBHOOK_SECRET"));
    let taken = start(address, Some(SECRET)).await;
    assert!(taken.contains("set `github.webhook.listen` to a free address"), "{taken}");
}
