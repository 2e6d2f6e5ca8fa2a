//! What following logs costs: processor and memory by the program's own functions, requests and lateness in simulated time.

use std::sync::Arc;
use std::time::Instant;

use ddsync::config::settings::{Logs, Redact};
use ddsync::model::log::{Event, Line, Origin};
use ddsync::model::resource::{Resource, ResourceKind};
use ddsync::sink::logs::bodies;
use ddsync::source::discover::{Epoch, Tracked};
use ddsync::source::logs::choose::Rules;
use ddsync::source::logs::group::Group;
use ddsync::source::logs::reader::{Policy, Reader};
use ddsync::source::logs::redact::Redaction;
use ddsync::source::logs::schedule::{Found, Schedule};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::child::clean;
use crate::counts::told;
use crate::{Result, heading, machine, rounded};

/// Events of a page, and pages that are read: about a sixth of a GB.
const PAGE: usize = 10_000;
const PAGES: usize = 80;
/// Groups whose memory is promised, and events of each that are remembered.
const GROUPS: usize = 5_000;
const REMEMBERED: usize = 40;
/// What is promised: seconds of one core for a GB, MB of memory, seconds that 95 of 100 lines take.
const CPU_PER_GB: f64 = 30.0;
const RSS: f64 = 150.0;
const LATE: [(usize, f64); 3] = [(50, 60.0), (500, 180.0), (5_000, f64::INFINITY)];
/// The default budget.
const PER_SECOND: i64 = 3;
/// Groups that say nothing for an hour.
const SILENT: usize = 1_000;
const HOUR: i64 = 3_600_000;
/// A full minute.
const START: i64 = 1_788_739_200_000;

/// What a process that reads has used.
#[derive(Debug, Serialize, Deserialize)]
struct Used {
    /// Bytes of texts.
    bytes: usize,
    /// Seconds of processor time.
    cpu: f64,
    /// Seconds.
    wall: f64,
    /// Peak of resident memory, MB.
    peak: f64,
}

/// Prints all figures; whether what is promised holds.
pub(crate) async fn print() -> Result<bool> {
    heading("logs");
    let read = child("read").await?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let gigabytes = read.bytes as f64 / 1e9;
    let per_gb = read.cpu / gigabytes;
    let mut held = told("logs.cpu_per_gb", &rounded(per_gb), "s", per_gb < CPU_PER_GB);
    held &= told("logs.mb_per_second", &rounded(gigabytes * 1e3 / read.wall), "MB/s", true);
    let peak = child("follow").await?.peak;
    held &= told(&format!("logs.rss.{GROUPS}"), &rounded(peak), "MB", peak < RSS);
    Ok(held & counts())
}

/// The figures of simulated time; whether what is promised holds.
pub(crate) fn counts() -> bool {
    let requests = requests_of_silence();
    let name = format!("logs.requests_per_hour.{SILENT}");
    let mut held = told(&name, &requests.to_string(), "requests", requests <= PER_SECOND * 3_600);
    for (groups, most) in LATE {
        let delay = delay(groups);
        held &= told(&format!("logs.delay.{groups}"), &rounded(delay), "s", delay < most);
    }
    held
}

async fn child(word: &str) -> Result<Used> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = clean(&mut command).args(["logs", word]).output().await?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// From collected pages to encoded requests, on one core.
pub(crate) fn read() -> Result<()> {
    let (group, policy) = (group("page-split"), policy()?);
    let mut reader = Reader::new(None, START);
    let (mut bytes, mut cpu, mut wall) = (0, 0.0, 0.0);
    for page in 0..PAGES {
        let events: Vec<Event> = (0..PAGE).map(|number| event(page * PAGE + number)).collect();
        bytes += events.iter().map(|event| event.text.len()).sum::<usize>();
        let now = events.last().map_or(START, |event| event.at + 1);
        let (before, began) = (machine::cpu()?, Instant::now());
        reader.window(now);
        let mut items = reader.take(events, None, &group, &policy);
        let lines: Vec<Line> = items.iter_mut().flat_map(|item| std::mem::take(&mut item.lines)).collect();
        let sent = bodies(&lines, &[])?;
        if sent.is_empty() {
            return Err("nothing was encoded".into());
        }
        for item in &items {
            reader.settle(item);
        }
        reader.delivered();
        reader.commit(&policy);
        cpu += machine::cpu()? - before;
        wall += began.elapsed().as_secs_f64();
    }
    print_used(&Used { bytes, cpu, wall, peak: machine::peak()? })
}

/// Many groups, each with what is remembered of it.
pub(crate) fn follow() -> Result<()> {
    let policy = policy()?;
    let mut readers = Vec::new();
    let mut bytes = 0;
    for number in 0..GROUPS {
        let group = group(&format!("endpoint-{number}"));
        let mut reader = Reader::new(None, START);
        reader.window(START + 60_000);
        let events: Vec<Event> = (0..REMEMBERED).map(event).collect();
        bytes += events.iter().map(|event| event.text.len()).sum::<usize>();
        let items = reader.take(events, None, &group, &policy);
        for item in &items {
            reader.settle(item);
        }
        reader.delivered();
        reader.commit(&policy);
        readers.push((group, reader));
    }
    if readers.iter().any(|(_, reader)| reader.position().seen.len() != REMEMBERED) {
        return Err("not every event is remembered".into());
    }
    print_used(&Used { bytes, cpu: machine::cpu()?, wall: 0.0, peak: machine::peak()? })
}

fn print_used(used: &Used) -> Result<()> {
    println!("{}", serde_json::to_string(used)?);
    Ok(())
}

/// Requests of an hour in which nobody says anything.
fn requests_of_silence() -> i64 {
    let (mut schedule, names) = scheduled(SILENT);
    let mut requests = 0;
    for at in instants(2 * HOUR) {
        if let Some(name) = schedule.next(at).map(str::to_owned) {
            schedule.looked(&name, at, Found::Silence);
            requests += i64::from(at >= HOUR);
        }
    }
    drop(names);
    requests
}

/// Seconds from an event to the look that finds it, of 95 in 100. One group in ten says something every other second, the
/// others every ten minutes; an event can be read up to 5 seconds after it was written.
fn delay(groups: usize) -> f64 {
    let (mut schedule, names) = scheduled(groups);
    let mut looked = vec![HOUR - 60_000; groups];
    let mut delays = Vec::new();
    for at in instants(2 * HOUR) {
        let Some(name) = schedule.next(at).map(str::to_owned) else { continue };
        let number: usize = names.binary_search(&name).unwrap_or(0);
        let every = if number.is_multiple_of(10) { 2_000 } else { 600_000 };
        // Written every so often from an own instant on, and read a little later.
        let first = i64::try_from(number).unwrap_or(0) * 7_919 % every;
        let late = 1_000 + i64::try_from(number).unwrap_or(0) * 104_729 % 4_000;
        let until = |now: i64| (now - late - first).div_euclid(every);
        let found = until(at) - until(looked[number]);
        for back in 0..found {
            let written = first + (until(at) - back) * every;
            if written >= HOUR {
                delays.push(at - written);
            }
        }
        looked[number] = at;
        schedule.looked(&name, at, if found > 0 { Found::Events } else { Found::Silence });
    }
    delays.sort_unstable();
    let at = delays.len() * 95 / 100;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of two hours")]
    delays.get(at).map_or(f64::NAN, |delay| *delay as f64 / 1_000.0)
}

fn scheduled(groups: usize) -> (Schedule, Vec<String>) {
    let names: Vec<String> = (0..groups).map(|number| format!("{number:05}")).collect();
    let mut schedule = Schedule::default();
    schedule.follow(names.iter().map(String::as_str));
    (schedule, names)
}

/// When a request may be made.
fn instants(until: i64) -> impl Iterator<Item = i64> {
    (0..until * PER_SECOND / 1_000).map(|number| number * 1_000 / PER_SECOND)
}

fn policy() -> Result<Policy> {
    let settings = Logs {
        collect: true,
        requests_per_second: 3,
        reread: std::time::Duration::from_mins(5),
        rules: Vec::new(),
        lambda_lines: true,
        daily_bytes: None,
        redact: Redact::default(),
    };
    Ok(Policy { rules: Rules::of(&settings), redaction: Redaction::new(&settings.redact)?, reread: 300_000 })
}

fn group(name: &str) -> Group {
    let resource = Resource {
        arn: format!("arn:aws:sagemaker:us-west-2:111122223333:endpoint/{name}"),
        name: name.to_owned(),
        kind: ResourceKind::Function,
        tags: std::collections::BTreeMap::new(),
    };
    let tags: Arc<[String]> = ["pipeline:lease", "stage:page-split", "team:docs"].map(str::to_owned).into();
    let epochs = Arc::from([Epoch { since: 0, tags: Arc::clone(&tags) }]);
    let owner = Arc::new(Tracked { resource, epochs, stage: "page-split".into() });
    let name = format!("/aws/sagemaker/Endpoints/{name}");
    let origin = Origin { group: name.clone(), service: "lease".into(), source: "sagemaker".into(), tags };
    Group { name, origin: Arc::new(origin), pipeline: "lease".into(), stage: "page-split".into(), owner }
}

/// What servers of models say: mostly plain lines, some JSON, now and then an error.
fn event(number: usize) -> Event {
    let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let text = match number % 20 {
        0 => format!(
            "{{\"level\": \"info\", \"inference_id\": \"{id:032x}\", \"message\": \"answered\", \"ms\": {}, \"pages\": [1, 2, 3]}}",
            number % 9_000
        ),
        1..6 => format!("INFO:     169.254.178.2:{} - \"POST /invocations HTTP/1.1\" 200 OK", 40_000 + number % 9_000),
        6 => format!("ERROR:    inference_id={id:032x} failed: CUDA out of memory while page {} was read", number % 90),
        7 => format!(
            "WARNING:  page {} has no text layer, it is read as an image at {} dpi",
            number % 90,
            150 + number % 150
        ),
        _ => format!(
            "INFO:     inference_id={id:032x} answered in {} ms, {} pages of s3://inbox-lease/documents/{number:08}/contract.pdf, \
             batch of 4, queue of {}",
            number % 9_000,
            number % 90,
            number % 17
        ),
    };
    // A thousand lines a second.
    let at = START + i64::try_from(number).unwrap_or(0);
    Event { id: format!("{number:056}"), stream: format!("AllTraffic/i-{:02}", number % 4), at, ingested_at: at, text }
}
