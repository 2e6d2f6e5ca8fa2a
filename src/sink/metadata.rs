//! What Datadog shows of a metric: unit, description and type, set once for each name.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{debug, warn};

use crate::client::datadog::{Client, SendError};
use crate::model::series::Kind;

/// Requests of one round: the endpoint is rate limited, and a round is run beside other work.
const MAX_REQUESTS: usize = 100;

/// What is to be shown of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The metric's whole name.
    pub name: Arc<str>,
    /// How it adds up.
    pub kind: Kind,
    /// Datadog's word, or empty.
    pub unit: String,
    /// One sentence.
    pub about: String,
}

/// Describes the metrics whose names are not in `done`, and puts those names there.
///
/// Does nothing without an application key. Pass only names of which points were accepted: Datadog does not know a
/// metric before, and a name that it does not know yet is tried again the next time. Nothing here fails the caller;
/// what goes wrong is a warning, and a bad key or a rate limit ends the round. Adds the requests made to `requests` as
/// they are made: a caller may stop waiting.
pub async fn describe(client: &Client, wanted: &[Description], done: &mut BTreeSet<Arc<str>>, requests: &mut u64) {
    if !client.has_app_key() {
        return;
    }
    let open: Vec<&Description> = wanted.iter().filter(|one| !done.contains(&one.name)).take(MAX_REQUESTS).collect();
    for one in open {
        let kind = match one.kind {
            Kind::Count => "count",
            Kind::Gauge => "gauge",
        };
        *requests += 1;
        match client.put_metadata(&one.name, &one.unit, &one.about, kind).await {
            Ok(()) => {
                done.insert(Arc::clone(&one.name));
            }
            Err(SendError::NotFound { .. }) => debug!(metric = &*one.name, "datadog does not know the metric yet"),
            Err(error @ SendError::BadRequest { .. }) => {
                warn!(metric = &*one.name, %error, "metric not described, and not tried again");
                done.insert(Arc::clone(&one.name));
            }
            Err(error) => {
                warn!(metric = &*one.name, %error, "metric not described; tried again later");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Mutex;
    use std::time::Duration;

    use axum::extract::{Path, State};
    use axum::http::StatusCode;
    use axum::{Router, routing::put};

    use super::*;
    use crate::config::Secret;
    use crate::config::settings::{Compression, Datadog};

    type Asked = Arc<Mutex<Vec<String>>>;

    async fn answer(State(asked): State<Asked>, Path(name): Path<String>) -> StatusCode {
        let mut asked = asked.lock().unwrap();
        asked.push(name.clone());
        let before = asked.iter().filter(|one| **one == name).count();
        StatusCode::from_u16(match name.as_str() {
            "late" if before == 1 => 404,
            "bad" => 400,
            "limited" if before == 1 => 429,
            _ => 200,
        })
        .unwrap()
    }

    async fn client(asked: &Asked, app_key: Option<Secret>) -> Client {
        let app = Router::new().route("/api/v1/metrics/{name}", put(answer)).with_state(Arc::clone(asked));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Client::new(&Datadog {
            site: "datadoghq.com".into(),
            logs_url: base_url.clone(),
            base_url,
            api_key: Some(Secret::new("key")),
            app_key,
            compression: Compression::Zstd,
            tags: Vec::new(),
            deadline: Duration::from_secs(5),
        })
        .unwrap()
    }

    fn wanted() -> Vec<Description> {
        let names = ["late", "bad", "good", "limited", "after"];
        names
            .map(|name| Description { name: name.into(), kind: Kind::Gauge, unit: "second".into(), about: "A.".into() })
            .into()
    }

    #[tokio::test]
    async fn each_metric_is_described_once_as_soon_as_datadog_knows_it() {
        let asked = Asked::default();
        let client = client(&asked, Some(Secret::new("app"))).await;
        let (mut done, mut requests) = (BTreeSet::new(), 0);
        for _ in 0..3 {
            describe(&client, &wanted(), &mut done, &mut requests).await;
        }
        assert_eq!(*asked.lock().unwrap(), ["late", "bad", "good", "limited", "late", "limited", "after"]);
        assert_eq!((done.len(), requests), (5, 7));
    }

    #[tokio::test]
    async fn without_an_application_key_nothing_is_asked() {
        let asked = Asked::default();
        let client = client(&asked, None).await;
        describe(&client, &wanted(), &mut BTreeSet::new(), &mut 0).await;
        assert!(asked.lock().unwrap().is_empty());
    }
}
