//! `ddsync health`: asks the daemon on this machine how it is, for a container that has no other program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::session::settings;
use super::{CommandError, HealthArgs, Outcome, print};

/// Below the 5 s that ECS gives a health check by default.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn run(args: &HealthArgs) -> Outcome {
    let listen = reachable(settings(&args.config.config)?.agent.listen);
    let url = format!("http://{listen}/{}", if args.ready { "readyz" } else { "livez" });
    let silent = |error: reqwest::Error| {
        let reason = if error.is_timeout() { "no answer in time" } else { "nobody answers" };
        CommandError::Failed(format!("{url}: {reason}; is `ddsync run` up, with the same `agent.listen`?"))
    };
    // The daemon is on this machine: no proxy stands between.
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(silent)?;
    let answer = client.get(&url).send().await.map_err(silent)?;
    let healthy = answer.status().is_success();
    let words = answer.text().await.map_err(silent)?;
    for line in words.lines() {
        print::line(print::printable(line));
    }
    Ok(u8::from(!healthy))
}

/// Who listens on all addresses is asked on the loopback one.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_reached_on_loopback() {
        let ask = |text: &str| text.parse().map(reachable).map(|address| address.to_string());
        assert_eq!(ask("0.0.0.0:8080").as_deref(), Ok("127.0.0.1:8080"));
        assert_eq!(ask("[::]:8080").as_deref(), Ok("[::1]:8080"));
        assert_eq!(ask("10.0.0.7:81").as_deref(), Ok("10.0.0.7:81"));
    }
}
