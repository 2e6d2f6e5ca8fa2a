//! What a poll of everything, a plan of everything and a back-fill of deployments cost, in requests, dollars, time and
//! memory, measured against the pretend company in a process of its own. `make bench` runs it; it prints `name value unit`, one a line.
//!
//! Arguments after `cargo bench --bench poll --`:
//!
//! | argument | what it does |
//! |---|---|
//! | none | everything, for 10, 100, 1,000 and 5,000 endpoints, 1,000 pipelines and 10,000 runs |
//! | `metrics N..` | polls of `N` endpoints; the exit code tells whether what is promised of times and memory holds |
//! | `apply` | a first apply of 750 objects, and what a plan asks for after it; the exit code tells whether what is promised holds |
//! | `plan N` | a plan that finds nothing to do, for `N` pipelines; the same |
//! | `dora N` | a back-fill of the deployments of `N` runs, twice; the same |
//! | `logs` | what lines of logs cost, and how late they are; the same |
//! | `dollars`, `series`, `program` | that part alone |
//! | `counts` | counts and ratios alone, checked; the exit code tells. Times are not looked at, so any profile will do |
//!
//! Of every size the simulator, the daemon's jobs with the real quotas and the jobs without the limiter (`_unlimited`)
//! are three processes, so that their peaks are their own. The first of the jobs live in the environment of the container
//! image, the second in a bare one. A plan is measured in a process that does nothing else. Linux only: memory and processor time are read from `/proc`.

#![expect(clippy::print_stdout, reason = "figures are printed")]

use std::process::ExitCode;
use std::time::Duration;

mod backfill;
mod child;
mod company;
mod counts;
mod drive;
mod intake;
mod logs;
mod machine;
mod pipelines;
mod polling;
mod program;
mod provision;
mod provisioning;

/// Below so many endpoints, what is compared is the steps of the clock and the program's own size.
const COMPARED: usize = 1000;

/// Whatever goes wrong ends the benchmark.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Numbers of endpoints.
const SIZES: [usize; 4] = [10, 100, 1000, 5000];

fn main() -> ExitCode {
    // `cargo bench` adds `--bench` of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            println!("# failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match words[..] {
            ["serve", endpoints, latency, ref runs @ ..] => {
                let runs = runs.first().map(|runs| runs.parse()).transpose()?;
                company::serve(endpoints.parse()?, Duration::from_millis(latency.parse()?), runs).await?;
            }
            ["planner", pipelines, templates] => {
                Box::pin(provisioning::serve(pipelines.parse()?, templates == "chosen")).await?;
            }
            ["jobs", quota] => Box::pin(polling::serve(quota == "lifted")).await?,
            ["intake"] => intake::serve().await?,
            ["counts"] => return counts::check().await,
            ["apply"] => return Ok(code(provision::print_apply().await?)),
            ["plan", pipelines] => return Ok(code(provision::print_plan(pipelines.parse()?).await?)),
            ["dora", runs] => return Ok(code(backfill::print(runs.parse()?).await?)),
            ["logs"] => return Ok(code(logs::print().await?)),
            ["logs", "read"] => logs::read()?,
            ["logs", "follow"] => logs::follow()?,
            ["dollars"] => program::dollars().await?,
            ["series"] => intake::print().await?,
            ["program"] => program::print().await?,
            ["metrics", ref sizes @ ..] if !sizes.is_empty() => {
                let sizes: Vec<usize> = sizes.iter().map(|size| size.parse()).collect::<std::result::Result<_, _>>()?;
                return Ok(code(polls(&sizes).await?));
            }
            [] => {
                let mut held = polls(&SIZES).await?;
                held &= provision::print_apply().await?;
                held &= provision::print_plan(provision::PLANNED).await?;
                held &= backfill::print(backfill::RUNS).await?;
                held &= logs::print().await?;
                program::dollars().await?;
                intake::print().await?;
                program::print().await?;
                return Ok(code(held));
            }
            _ => return Err(format!("no such argument: {}", words.join(" ")).into()),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Fails when a figure is not what is promised.
fn code(held: bool) -> ExitCode {
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Polls of each size, and how the last two compare; whether what is promised holds.
async fn polls(sizes: &[usize]) -> Result<bool> {
    let mut before: Option<(usize, drive::Measured)> = None;
    let mut all_held = true;
    for size in sizes {
        let (measured, held) = drive::print(*size).await?;
        all_held &= held;
        if let Some((smaller, known)) = before.filter(|(smaller, _)| *smaller >= COMPARED) {
            let times = rise(smaller, *size);
            for (name, growth) in drive::growths(&known, &measured) {
                let name = format!("metrics.{name}_growth.{smaller}_to_{size}");
                figure(&name, rounded(growth), "x");
                let most =
                    times * if name.starts_with("metrics.cpu") { counts::PROCESSOR_ROOM } else { counts::MEMORY_ROOM };
                if growth > most {
                    drive::broken_promise(&name, growth, most);
                    all_held = false;
                }
            }
        }
        before = Some((*size, measured));
    }
    Ok(all_held)
}

/// How many times as many endpoints.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rise(from: usize, to: usize) -> f64 {
    to as f64 / from as f64
}

/// Prints the command that shows the figures below it.
fn heading(part: &str) {
    println!("# cargo bench --bench poll -- {part}");
}

/// Prints one figure.
fn figure(name: &str, value: impl std::fmt::Display, unit: &str) {
    println!("{name} {value} {unit}");
}

/// For figures that are fractions: what is below the third digit is noise.
fn rounded(value: f64) -> String {
    if value < 10.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}
