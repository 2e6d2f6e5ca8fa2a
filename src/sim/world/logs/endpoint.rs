//! What a container of an endpoint writes, and what `SageMaker` writes of an asynchronous one.

use serde_json::json;

use super::{
    super::super::{dice, values},
    Endpoint, Mode, Request, Resource, Said, World, moment,
};

pub(super) fn minute(
    world: &World,
    resource: &Resource,
    endpoint: &Endpoint,
    minute: i64,
    requests: &[Request],
) -> Vec<Said> {
    let streams = streams(world, resource, endpoint, minute);
    if streams.is_empty() {
        return Vec::new();
    }
    let writes_json = dice::roll(world.seed, &[&resource.name, "writes"], 0).is_multiple_of(2);
    // The model's time is part of the minute's metric, in microseconds; the minute itself is not as long.
    let took = world.average(resource, "ModelLatency", minute);
    let mut said: Vec<Said> = streams
        .iter()
        .filter(|_| endpoint.mode != Mode::Serverless)
        .map(|stream| line(stream, minute * 1_000 + 1_000, access("GET /ping", "200 OK")))
        .collect();
    for request in requests {
        let stream = &streams[usize::try_from(request.number).unwrap_or(0) % streams.len()];
        let Request { at, inference_id, fails, .. } = request;
        let words = if *fails { failure(world, resource, endpoint, request) } else { String::new() };
        match (writes_json, fails) {
            (true, false) => said.push(line(stream, *at, told(request, took))),
            (true, true) => said.push(line(stream, at + 400, told_failure(request, &words))),
            (false, false) => {
                let text = format!("INFO:     inference_id={inference_id} answered in {:.0} ms", took / 1_000.0);
                said.push(line(stream, *at, text));
                said.push(line(stream, at + 1, access("POST /invocations", "200 OK")));
            }
            (false, true) => {
                let head = format!("ERROR:    inference_id={inference_id} failed");
                let trace = std::iter::once(head.as_str()).chain(TRACE.lines()).chain([words.as_str()]);
                said.extend(trace.map(|text| line(stream, at + 400, text.to_owned())));
            }
        }
        if endpoint.mode == Mode::Async {
            let stream = format!("{stream}/data-log");
            said.push(line(&stream, at + 500, data_log(world, resource, request, minute, took)));
        }
    }
    said
}

/// A traceback up to its last line.
const TRACE: &str = "Traceback (most recent call last):
  File \"/opt/ml/code/serve.py\", line 61, in invocations
    result = predict_fn(input_fn(body, content_type), model)
  File \"/opt/ml/code/inference.py\", line 88, in predict_fn
    return model(batch)";

fn line(stream: &str, at: i64, text: String) -> Said {
    Said { stream: stream.to_owned(), at, text }
}

fn access(request: &str, answer: &str) -> String {
    format!("INFO:     169.254.178.2:52814 - \"{request} HTTP/1.1\" {answer}")
}

/// A stream for each instance; a serverless variant has one, and what has no instance writes nothing.
fn streams(world: &World, resource: &Resource, endpoint: &Endpoint, minute: i64) -> Vec<String> {
    let number = |index: u8| dice::roll(world.seed, &[&resource.account, &resource.name, "instance"], i64::from(index));
    let variant = &endpoint.variant;
    match endpoint.mode {
        Mode::Serverless => vec![format!("{variant}/{:016x}{:016x}", number(0), number(1))],
        _ => (0..u8::MAX)
            .take_while(|index| f64::from(*index) < values::instances(resource, minute))
            .map(|index| format!("{variant}/i-0{:016x}", number(index)))
            .collect(),
    }
}

fn told(request: &Request, took: f64) -> String {
    let Request { at, inference_id, number, .. } = request;
    json!({"timestamp": moment(*at).to_string(), "level": "INFO", "logger": "inference", "message": "request answered",
        "inference_id": inference_id, "took_ms": (took / 1_000.0).round(), "pages": 1 + number % 9})
    .to_string()
}

fn told_failure(request: &Request, words: &str) -> String {
    let Request { at, inference_id, .. } = request;
    json!({"timestamp": moment(*at).to_string(), "level": "ERROR", "logger": "inference", "message": "request failed",
        "inference_id": inference_id, "exc_info": format!("{TRACE}\n{words}")})
    .to_string()
}

/// The last line of the traceback of a request that fails.
fn failure(world: &World, resource: &Resource, endpoint: &Endpoint, request: &Request) -> String {
    let words = [&resource.account, &resource.name, "failure"];
    let memory = if endpoint.instance.starts_with("ml.g") {
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 22.03 GiB"
    } else {
        "MemoryError: Unable to allocate 512. MiB for an array with shape (8192, 8192) and data type float64"
    };
    match dice::roll(world.seed, &words, request.at) % 4 {
        0 => memory.to_owned(),
        1 => "TimeoutError: the model gave no answer within 60 s".to_owned(),
        2 => format!("PIL.UnidentifiedImageError: cannot identify image file '/tmp/page-{}.png'", request.number),
        _ => "RuntimeError: mat1 and mat2 shapes cannot be multiplied (1x768 and 512x512)".to_owned(),
    }
}

/// <https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-troubleshooting.html> shows some; their form is
/// documented nowhere.
fn data_log(world: &World, resource: &Resource, request: &Request, minute: i64, took: f64) -> String {
    let Request { at, inference_id, fails, .. } = request;
    let outcome = if *fails { "failed. The model container answered 500" } else { "succeeded" };
    let of = |metric| world.average(resource, metric, minute);
    format!(
        "{}:[sagemaker logs] [{inference_id}] Inference request {outcome}. ModelLatency: {took:.0} us, \
         RequestDownloadLatency: {:.0} us, ResponseUploadLatency: {:.0} us, TimeInBacklog: {:.0} ms, \
         TotalProcessingTime: {:.0} ms",
        moment(at + 500),
        of("RequestDownloadLatency"),
        of("ResponseUploadLatency"),
        of("TimeInBacklog"),
        of("TotalProcessingTime")
    )
}
