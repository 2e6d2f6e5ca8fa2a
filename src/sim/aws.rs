//! All AWS services on one port, told apart by their protocols' headers and paths.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Query, State},
    http::{HeaderMap, Request, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Company, Shared, company,
    faults::{self, Fault},
    world::REGION,
};

mod canned;
mod cloudwatch;
mod logs;
mod sagemaker;
mod sts;
mod tagging;
mod wire;

pub(super) use sts::{BASE_KEY, EXTERNAL_ID, ROLE, SECRET};

/// AWS takes less; enough for 500 queries.
const BODY_LIMIT: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// JSON 1.0 or 1.1 with `X-Amz-Target`.
    Json,
    /// Smithy RPC v2 CBOR.
    Cbor,
    /// Form in, XML out.
    Query,
}

/// An error as AWS words it.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    /// The name of the exception's shape.
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// The code in the Query protocol and for its heirs, without the suffix.
    fn query_code(&self) -> &'static str {
        match self.code {
            "ValidationException" => "ValidationError",
            "UnrecognizedClientException" => "InvalidClientTokenId",
            code => code.strip_suffix("Exception").unwrap_or(code),
        }
    }
}

/// One request, its protocol taken away.
struct Call<'a> {
    shared: &'a Shared,
    service: &'static str,
    operation: &'a str,
    account: String,
    region: String,
    input: Value,
    faults: Vec<Fault>,
    now: DateTime<Utc>,
}

impl Call<'_> {
    fn request(&self) -> faults::Request<'_> {
        faults::Request { service: self.service, operation: self.operation, account: &self.account }
    }

    /// Nothing of the company is outside its region.
    fn here(&self) -> bool {
        self.region == REGION
    }

    fn small_pages(&self) -> Option<usize> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::SmallPages(size) => Some(*size),
            _ => None,
        })
    }

    /// The token without the mark of an empty page, or the token to send with an empty page.
    fn turn<'t>(&self, token: &'t str) -> Result<&'t str, String> {
        match token.strip_prefix("again-") {
            Some(token) => Ok(token),
            None if self.faults.contains(&Fault::EmptyPageWithToken) => Err(format!("again-{token}")),
            None => Ok(token),
        }
    }

    /// A page of a listing, and the token of the next one.
    fn page<'t, T>(&self, all: &'t [T], token: &str, size: usize) -> Result<(&'t [T], Option<String>), Refusal> {
        let token = match self.turn(token) {
            Ok(token) => token,
            Err(again) => return Ok((&[], Some(again))),
        };
        let size = self.small_pages().unwrap_or(size).min(size);
        wire::page(all, token, size).map_err(|token| Refusal::validation(format!("Invalid pagination token: {token}")))
    }

    fn unknown<T>(&self) -> Result<T, Refusal> {
        Err(Refusal::new(
            "UnknownOperationException",
            format!("the pretend {} has no {}", self.service, self.operation),
        ))
    }
}

/// The name of the service behind a target prefix.
fn service_of(target: &str) -> Option<&'static str> {
    Some(match target {
        "ResourceGroupsTaggingAPI_20170126" => "tagging",
        "SageMaker" => "sagemaker",
        "Logs_20140328" => "logs",
        "GraniteServiceVersion20100801" => "cloudwatch",
        _ => return None,
    })
}

/// Protocol, service and operation of a request.
fn route(uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Option<(Protocol, &'static str, String)> {
    let parts: Vec<_> = uri.path().split('/').collect();
    if let ["", "service", target, "operation", operation] = parts[..] {
        return Some((Protocol::Cbor, service_of(target)?, operation.to_owned()));
    }
    if let Some(target) = headers.get("x-amz-target") {
        let (target, operation) = target.to_str().ok()?.split_once('.')?;
        return Some((Protocol::Json, service_of(target)?, operation.to_owned()));
    }
    let form = form_of(body)?;
    let action = form["Action"].as_str()?;
    Some((Protocol::Query, "sts", action.to_owned()))
}

/// The fields of an URL-encoded form.
fn form_of(body: &Bytes) -> Option<Value> {
    let uri: Uri = format!("/?{}", std::str::from_utf8(body).ok()?).parse().ok()?;
    let Query(fields) = Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
    Some(fields.into_iter().map(|(k, v)| (k, Value::String(v))).collect())
}

/// The access key and the region of `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DAY/REGION/..`.
fn credential(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let scope = value.split_once("Credential=")?.1;
    let mut parts = scope.split('/');
    let key = parts.next()?.to_owned();
    Some((key, parts.nth(1)?.to_owned()))
}

/// Answers one request.
pub(super) async fn serve(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Some((protocol, service, operation)) = route(&parts.uri, &parts.headers, &body) else {
        let text = "the pretend AWS answers tagging, sagemaker, cloudwatch, logs and sts only";
        return (StatusCode::NOT_IMPLEMENTED, text).into_response();
    };
    shared.count(service, &operation);
    if !shared.options.latency.is_zero() {
        tokio::time::sleep(shared.options.latency).await;
    }
    let answer = answer(&shared, protocol, service, &operation, &parts.headers, &body).await;
    respond(protocol, service, &operation, answer)
}

/// What is sent when all went well.
enum Answer {
    Value(Value),
    /// Already in CBOR.
    Bytes(Vec<u8>),
    /// The contents of the result element.
    Xml(String),
}

async fn answer(
    shared: &Shared,
    protocol: Protocol,
    service: &'static str,
    operation: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Answer, Refusal> {
    let (key, region) = credential(headers)
        .ok_or_else(|| Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"))?;
    let account = sts::account_of(&key);
    let faults = shared.faults.of_request(faults::Request { service, operation, account: account.unwrap_or_default() });
    act_out(&faults).await?;
    let Some(account) = account else {
        return Err(Refusal {
            status: StatusCode::FORBIDDEN,
            ..Refusal::new("UnrecognizedClientException", "The security token included in the request is invalid.")
        });
    };
    let now = shared.options.clock.now();
    if let (Company::Uniform { .. }, Protocol::Cbor, "GetMetricData") = (&shared.options.company, protocol, operation) {
        return canned::get_metric_data(body, now)
            .map(Answer::Bytes)
            .ok_or_else(|| Refusal::new("SerializationException", "not the CBOR of a request"));
    }
    let input = match protocol {
        Protocol::Json if body.is_empty() => Some(json!({})),
        Protocol::Json => serde_json::from_slice(body).ok(),
        Protocol::Cbor => wire::from_cbor(body),
        Protocol::Query => form_of(body),
    };
    let input = input.ok_or_else(|| Refusal::new("SerializationException", "the body cannot be read"))?;
    let call = Call { shared, service, operation, account: account.to_owned(), region, input, faults, now };
    match service {
        "sts" => sts::answer(&call).map(Answer::Xml),
        "tagging" => tagging::answer(&call).map(Answer::Value),
        "sagemaker" => sagemaker::answer(&call).map(Answer::Value),
        "logs" => logs::answer(&call).map(Answer::Value),
        _ => cloudwatch::answer(&call).map(Answer::Value),
    }
}

/// Waits and refuses as the faults say.
async fn act_out(faults: &[Fault]) -> Result<(), Refusal> {
    for fault in faults {
        let (status, code, message) = match fault {
            Fault::Slow(millis) => {
                tokio::time::sleep(Duration::from_millis(*millis)).await;
                continue;
            }
            Fault::Reset | Fault::LostAnswer => super::hang_up(),
            Fault::Throttle | Fault::RateLimited | Fault::HourUsedUp(_) | Fault::SecondaryLimit(_) => {
                (400, "ThrottlingException", "Rate exceeded")
            }
            Fault::ServerError(503) => (503, "ServiceUnavailableException", "Service Unavailable"),
            Fault::ServerError(_) => (500, "InternalFailure", "Internal error"),
            Fault::AccessDenied | Fault::Forbidden => {
                (403, "AccessDeniedException", "User is not authorized to perform this operation")
            }
            Fault::NotFound => (400, "ResourceNotFoundException", "The specified log group does not exist."),
            Fault::ExpiredToken => {
                (403, "ExpiredTokenException", "The security token included in the request is expired")
            }
            Fault::PartialData
            | Fault::InternalError
            | Fault::SmallPages(_)
            | Fault::EmptyPageWithToken
            | Fault::Nothing => continue,
        };
        return Err(Refusal {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            ..Refusal::new(code, message)
        });
    }
    Ok(())
}

fn respond(protocol: Protocol, service: &str, operation: &str, answer: Result<Answer, Refusal>) -> Response {
    let (status, body, failed) = match answer {
        Ok(Answer::Bytes(bytes)) => (StatusCode::OK, bytes, None),
        Ok(Answer::Xml(result)) => (StatusCode::OK, sts::xml(operation, &result), None),
        Ok(Answer::Value(value)) if protocol == Protocol::Cbor => (StatusCode::OK, wire::to_cbor(value), None),
        Ok(Answer::Value(value)) => (StatusCode::OK, wire::to_json(value).to_string().into_bytes(), None),
        Err(refusal) => {
            let body = match protocol {
                Protocol::Query => sts::error_xml(refusal.query_code(), &refusal.message),
                Protocol::Json => json!({"__type": refusal.code, "message": refusal.message}).to_string().into_bytes(),
                Protocol::Cbor => {
                    let kind = format!("com.amazonaws.{service}#{}", refusal.code);
                    wire::to_cbor(json!({"__type": kind, "message": refusal.message}))
                }
            };
            (refusal.status, body, Some(refusal))
        }
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    put("x-amzn-requestid", "00000000-0000-4000-8000-000000000000");
    put(
        "content-type",
        match protocol {
            Protocol::Json => "application/x-amz-json-1.1",
            Protocol::Cbor => "application/cbor",
            Protocol::Query => "text/xml",
        },
    );
    if protocol == Protocol::Cbor {
        put("smithy-protocol", "rpc-v2-cbor");
    }
    if let Some(refusal) = failed {
        put("x-amzn-errortype", refusal.code);
        // CloudWatch was a Query service: its heirs keep the old codes in a header.
        if service == "cloudwatch" {
            let side = if refusal.status.is_server_error() { "Receiver" } else { "Sender" };
            put("x-amzn-query-error", &format!("{};{side}", refusal.query_code()));
        }
    }
    response
}

/// The account of the credentials that belong to no role.
const HOME: &str = company::DEVELOPMENT;
