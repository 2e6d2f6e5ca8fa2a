//! What Linux says about a process.

use std::fs;

use crate::Result;

/// Ticks a second of `/proc/PID/stat`, the same on every architecture that Rust's standard library supports. proc(5)
const TICKS: f64 = 100.0;

/// Seconds of processor time that this process has used, all threads together.
pub(crate) fn cpu() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field is the program's name, which may hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat has no name")?;
    // Fields 14 and 15, counted from 1: user and system time.
    let ticks: Vec<f64> =
        fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<std::result::Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

/// The most memory that this process has had resident, MB.
pub(crate) fn peak() -> Result<f64> {
    status("self", "VmHWM:")
}

/// The same of another process that runs.
pub(crate) fn peak_of(process: u32) -> Result<f64> {
    status(&process.to_string(), "VmHWM:")
}

/// The memory that a process has resident now, MB.
pub(crate) fn resident(process: u32) -> Result<f64> {
    status(&process.to_string(), "VmRSS:")
}

fn status(process: &str, key: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("no such line in /proc/PID/status")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024.0 / 1e6)
}
