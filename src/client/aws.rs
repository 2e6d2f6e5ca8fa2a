//! AWS: one client for each account and region, one limiter, one place that retries.
//!
//! Endpoints and credentials come from the environment and the profile, as every AWS tool takes them; this module sets
//! neither. The SDK's own retries are off: each attempt has to pass the limiter and to be counted.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatch::config::SharedCredentialsProvider;
use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use backon::{ExponentialBuilder, Retryable};

mod api;
pub mod cloudwatch;
mod error;
mod limiter;
pub mod logs;
mod pages;
pub mod sagemaker;
pub mod tagging;

pub use api::{Access, Api, policy};
pub use error::{AwsError, Class};

use crate::clock::Clock;
use crate::config::settings::{Account, Limits, Logs};
use crate::model::resource::Scope;
use limiter::Limiter;
use pages::Pages;

/// An attempt that takes longer is given up and tried again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts of one call, the first one included; fewer where it asks for events, see [`logs::UNANSWERED`].
const ATTEMPTS: usize = 5;
/// Pause before the second attempt; doubled for each further one, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Name under which an assumed role's session appears in CloudTrail.
const SESSION: &str = "ddsync";

/// The clients of one account in one region.
pub struct Aws {
    scope: Scope,
    cloudwatch: aws_sdk_cloudwatch::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    sagemaker: aws_sdk_sagemaker::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
    sts: aws_sdk_sts::Client,
    limiter: Limiter,
    requests: Mutex<BTreeMap<Api, u64>>,
}

/// Clients for every account and region. Nothing is asked of AWS yet. `clock` is the time in which
/// `logs.requests_per_second` counts.
pub async fn connect(accounts: &[Account], limits: &Limits, logs: &Logs, clock: Clock) -> Vec<Arc<Aws>> {
    let mut clients = Vec::new();
    for account in accounts {
        for region in &account.regions {
            clients.push(Arc::new(Aws::new(account, region, Limiter::new(limits, logs, clock)).await));
        }
    }
    clients
}

impl Aws {
    async fn new(account: &Account, region: &str, limiter: Limiter) -> Self {
        let scope = Scope { account: account.name.clone(), region: region.to_owned() };
        Self::within(limiter, &sdk_config(account, region).await, scope)
    }

    /// Clients that are configured as told, not by the environment.
    #[must_use]
    pub fn over(config: &SdkConfig, scope: Scope, limits: &Limits, logs: &Logs, clock: Clock) -> Self {
        Self::within(Limiter::new(limits, logs, clock), config, scope)
    }

    /// A client that is never asked anything.
    #[cfg(test)]
    pub(crate) fn for_tests(settings: &crate::config::Settings) -> Self {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
        let scope = Scope { account: "dev".into(), region: "us-west-2".into() };
        Self::over(&config, scope, &settings.limits, &settings.logs, Clock::Real)
    }

    fn within(limiter: Limiter, config: &SdkConfig, scope: Scope) -> Self {
        Self {
            scope,
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::from_conf(
                aws_sdk_cloudwatchlogs::config::Builder::from(config)
                    .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(logs::ATTEMPT_TIMEOUT).build())
                    .build(),
            ),
            sagemaker: aws_sdk_sagemaker::Client::new(config),
            tagging: aws_sdk_resourcegroupstagging::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
            limiter,
            requests: Mutex::default(),
        }
    }

    /// The account and region.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Attempts made since the start, by operation.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<Api, u64> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The account's twelve digits.
    ///
    /// # Errors
    /// When the credentials are missing or wrong, or STS does not answer.
    pub async fn account_id(&self) -> Result<String, AwsError> {
        let answer = self.call(Api::GetCallerIdentity, 0, || self.sts.get_caller_identity().send()).await?;
        Ok(answer.account.unwrap_or_default())
    }

    /// Makes one call within the quota and tries again while that may help. `points` counts against the quota of
    /// points a second; 0 for a call that is not limited here.
    async fn call<T, E, F>(&self, api: Api, points: u32, attempt: impl Fn() -> F) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let pauses =
            ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_times(ATTEMPTS - 1).with_jitter();
        let mut unanswered = 0;
        let mut is_over = |error: &AwsError| {
            unanswered += usize::from(error.class != Class::Throttled);
            api == Api::FilterLogEvents && unanswered >= logs::UNANSWERED
        };
        let attempt = || async {
            match api {
                Api::GetMetricData | Api::GetMetricStatistics => self.limiter.admit(points).await,
                Api::FilterLogEvents => self.limiter.admit_events().await,
                _ => {}
            }
            *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(api).or_default() += 1;
            attempt().await.map_err(|error| AwsError::new(&self.scope, api, &error))
        };
        attempt
            .retry(pauses)
            .when(|error: &AwsError| error.class.retriable() && !is_over(error))
            .notify(|error, pause| tracing::debug!(%error, ?pause, "trying again"))
            .await
    }
}

/// The ambient configuration, with the account's role on top.
async fn sdk_config(account: &Account, region: &str) -> SdkConfig {
    let ambient = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
        .load()
        .await;
    let Some(role) = &account.role else {
        return ambient;
    };
    let mut provider = AssumeRoleProvider::builder(role).session_name(SESSION).configure(&ambient);
    if let Some(id) = &account.external_id {
        provider = provider.external_id(id);
    }
    let provider = SharedCredentialsProvider::new(provider.build().await);
    ambient.into_builder().credentials_provider(provider).build()
}
