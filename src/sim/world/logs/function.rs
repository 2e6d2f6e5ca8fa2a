//! What a Python function writes, and what Lambda writes around it.
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>

use chrono::DateTime;

use super::{super::super::dice, Request, Resource, Said, World, moment, uuid};

/// Environments that work at once.
const ENVIRONMENTS: i64 = 3;
/// One invocation in so many finds no environment.
const COLD: u64 = 50;
/// One failure in so many is that it takes too long.
const LONG: u64 = 4;
/// Milliseconds after which an invocation is ended, and MB that it has.
const TIMEOUT: f64 = 3_000.0;
const MEMORY: u64 = 256;

pub(super) fn minute(
    world: &World,
    resource: &Resource,
    calls: Option<&str>,
    minute: i64,
    requests: &[Request],
) -> Vec<Said> {
    let took = world.average(resource, "Duration", minute).max(1.0);
    let mut said = Vec::new();
    for request in requests {
        let words = |what| [resource.account.as_str(), &resource.name, what];
        let roll = |what| dice::roll(world.seed, &words(what), minute * 1_000 + request.number);
        let environment =
            dice::roll(world.seed, &words("environment"), minute / 3_600 * 10 + request.number % ENVIRONMENTS);
        let day = DateTime::from_timestamp(minute, 0).unwrap_or_default().format("%Y/%m/%d");
        let id = uuid(world.seed, &words("invocation"), minute * 1_000 + request.number);
        let invocation = Invocation {
            stream: format!("{day}/[$LATEST]{environment:016x}{:016x}", environment.rotate_left(17)),
            cold: roll("cold") % COLD == 0,
            long: request.fails && roll("long") % LONG == 0,
            used: 80 + roll("memory") % 40,
            took: took * (0.8 + 0.4 * dice::unit(roll("took"))),
            id,
        };
        said.extend(invocation.lines(request, calls.unwrap_or("none")));
    }
    said
}

struct Invocation {
    stream: String,
    id: String,
    cold: bool,
    /// It fails since it takes too long.
    long: bool,
    /// MB.
    used: u64,
    /// Milliseconds.
    took: f64,
}

impl Invocation {
    fn lines(&self, request: &Request, endpoint: &str) -> Vec<Said> {
        let Self { id, cold, long, used, .. } = self;
        let took = if *long { TIMEOUT } else { self.took };
        let (at, inference) = (request.at, &request.inference_id);
        #[expect(clippy::cast_possible_truncation, reason = "some seconds")]
        let end = at + took as i64;
        let mut lines = Vec::new();
        if *cold {
            lines.push((
                at,
                "INIT_START Runtime Version: python:3.12.v38\tRuntime Version ARN: arn:aws:lambda:us-west-2::runtime:0"
                    .to_owned(),
            ));
        }
        lines.push((at, format!("START RequestId: {id} Version: $LATEST")));
        match (request.fails, long) {
            (false, _) => {
                let text = format!(
                    "[INFO]\t{}Z\t{id}\tinvoked endpoint {endpoint}, inference_id={inference}",
                    moment(end - 1)
                );
                lines.push((end - 1, text));
            }
            (true, true) => lines.push((end, format!("{}Z {id} Task timed out after 3.00 seconds\n", moment(end)))),
            (true, false) => {
                let text = format!("[ERROR] KeyError: 'Records'\n{TRACE}");
                lines.push((end - 1, text));
            }
        }
        lines.push((end, format!("END RequestId: {id}")));
        let init = if *cold { "Init Duration: 412.33 ms\t" } else { "" };
        let status = if *long { "Status: timeout" } else { "" };
        let report = format!(
            "REPORT RequestId: {id}\tDuration: {took:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: {MEMORY} MB\t\
             Max Memory Used: {used} MB\t{init}{status}",
            took.ceil()
        );
        lines.push((end, report));
        lines.into_iter().map(|(at, text)| Said { stream: self.stream.clone(), at, text: text + "\n" }).collect()
    }
}

const TRACE: &str = "Traceback (most recent call last):
  File \"/var/task/app.py\", line 31, in handler
    keys = [record['s3']['object']['key'] for record in event['Records']]
           ~~~~~^^^^^^^^^^^";
