#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::telemetry::{Name, Telemetry};

/// With these the crate takes no tags from the environment of whoever runs the tests.
const OURS: &str = "env:t,service:t,version:t";

fn start(target: &settings::DogStatsD) -> DogStatsD {
    let tags: Vec<String> = OURS.split(',').map(str::to_owned).collect();
    DogStatsD::start(target, &tags).unwrap()
}

fn udp() -> (UdpSocket, settings::DogStatsD) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let target = settings::DogStatsD::Udp(socket.local_addr().unwrap().to_string());
    (socket, target)
}

fn unix(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::bind(path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

fn read(receive: impl Fn(&mut [u8]) -> std::io::Result<usize>) -> String {
    let mut buffer = [0; 8192];
    let length = receive(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

fn overruns(job: &str) -> Vec<Sample> {
    let telemetry = Telemetry::new();
    telemetry.record(Name::JobOverruns, &[("job", job)], 2.0);
    telemetry.record(Name::Heartbeat, &[], 1.0);
    telemetry.flush(60)
}

fn event(text: &str) -> Event {
    Event {
        title: "Budget\nreached".into(),
        text: text.into(),
        alert: Alert::Warning,
        aggregation_key: Some("a|b".into()),
        tags: vec![("team", "Docs".into())],
    }
}

/// Waits for the thread, which nothing else tells about.
fn until(done: impl Fn() -> bool) {
    for _ in 0..500 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(done(), "not in five seconds");
}

#[test]
fn only_what_does_not_go_over_http_is_sent_and_a_hostile_tag_is_one_tag() {
    let (socket, target) = udp();
    let statsd =
        DogStatsD::start(&target, &["Env:Data Dev".into(), "|#,\n".into(), "service:t".into(), "version:t".into()])
            .unwrap();
    statsd.submit(&overruns("hot\nddsync.heartbeat:9|g|#a,b"));
    let line = read(|buffer| socket.recv(buffer));
    assert_eq!(line, "ddsync.job.overruns:2|c|#job:hot_ddsync.heartbeat:9_g_a_b,env:data_dev,service:t,version:t");
    assert_eq!(statsd.close(), 0);
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 1]).is_err(), "the heartbeat was sent, too");
}

#[test]
fn events_count_bytes_and_escape_lines() {
    let (socket, target) = udp();
    let statsd = start(&target);
    statsd.event(&event("é|1\nnext"));
    let line = read(|buffer| socket.recv(buffer));
    assert_eq!(line, format!("_e{{14,10}}:Budget reached|é|1\\nnext|k:a_b|t:warning|#team:docs,{OURS}"));
    statsd.event(&event(&"é".repeat(5000)));
    let line = read(|buffer| socket.recv(buffer));
    assert!(line.len() <= 1432 && line.len() > 1350, "{}", line.len());
    assert_eq!(statsd.close(), 0);
}

#[test]
fn a_service_check_has_its_state_and_its_tags() {
    let (socket, target) = udp();
    let statsd = start(&target);
    statsd.service_check("ddsync.can|read", Status::Critical, &vec![("aws_account", "1".into())]);
    assert_eq!(read(|buffer| socket.recv(buffer)), format!("_sc|ddsync.can_read|2|#aws_account:1,{OURS}"));
    assert_eq!(statsd.close(), 0);
}

#[test]
fn a_socket_that_is_missing_is_not_bound_and_is_used_when_it_comes_and_when_it_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsd.socket");
    let statsd = start(&settings::DogStatsD::Unix(path.clone()));
    statsd.submit(&overruns("a"));
    until(|| statsd.dropped() == 1);
    assert!(!path.exists());
    for job in ["b", "c"] {
        let socket = unix(&path);
        statsd.submit(&overruns(job));
        assert_eq!(read(|buffer| socket.recv(buffer)), format!("ddsync.job.overruns:2|c|#job:{job},{OURS}"));
        drop(socket);
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(statsd.close(), 1);
}

#[test]
fn a_socket_file_that_nobody_reads_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsd.socket");
    drop(unix(&path));
    let statsd = start(&settings::DogStatsD::Unix(path.clone()));
    statsd.submit(&overruns("a"));
    assert_eq!(statsd.close(), 1);
    assert!(path.exists());
}

#[test]
fn a_reader_that_stalls_costs_messages_and_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsd.socket");
    let socket = unix(&path);
    let statsd = start(&settings::DogStatsD::Unix(path));
    for _ in 0..3000 {
        statsd.submit(&overruns("a"));
    }
    let dropped = statsd.close();
    socket.set_nonblocking(true).unwrap();
    let received = std::iter::from_fn(|| socket.recv(&mut [0; 100]).ok()).count() as u64;
    assert!(dropped > 0 && received > 0);
    assert_eq!(dropped + received, 3000);
}
