//! `ddsync demo` on the machine of somebody who works with AWS and Datadog every day.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scene::Scene;

/// Listens where nobody may call, and counts those who do.
fn trap() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    std::thread::spawn(move || {
        for _caller in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, calls)
}

/// An environment, and profiles, in which every setting leads to the trap.
fn poison(scene: &mut Scene, address: &str) {
    let url = format!("http://{address}");
    let udp = format!("udp://{address}");
    let profile = format!(
        "[default]\nregion = eu-west-1\nendpoint_url = {url}\nservices = all\n\
         [services all]\ncloudwatch =\n  endpoint_url = {url}\nsagemaker =\n  endpoint_url = {url}\n\
         [profile work]\nregion = eu-west-1\nendpoint_url = {url}\n"
    );
    let folder = scene.path(".aws");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("config"), &profile).expect("a profile");
    let file = folder.join("config").to_string_lossy().into_owned();
    let credentials = format!("{url}/credentials");
    for (name, value) in [
        ("AWS_CONFIG_FILE", file.as_str()),
        ("AWS_SHARED_CREDENTIALS_FILE", &file),
        ("AWS_PROFILE", "work"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_SESSION_TOKEN", "of somebody else"),
        ("AWS_ENDPOINT_URL", &url),
        ("AWS_ENDPOINT_URL_CLOUDWATCH", &url),
        ("AWS_ENDPOINT_URL_SAGEMAKER", &url),
        ("AWS_ENDPOINT_URL_STS", &url),
        ("AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API", &url),
        ("AWS_ENDPOINT_URL_S3", &url),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &credentials),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url),
        ("DD_SITE", "datadoghq.eu"),
        ("DD_URL", &url),
        ("DD_DD_URL", &url),
        ("DD_AGENT_HOST", "127.0.0.1"),
        ("DD_DOGSTATSD_URL", &udp),
        ("DD_TAGS", "poison:yes"),
        ("DD_API_KEY", "a-real-key"),
        ("DDSYNC_CLOCK", "nonsense"),
        ("DDSYNC_CONFIG", "/nonexistent"),
        ("HTTP_PROXY", &url),
        ("http_proxy", &url),
        ("HTTPS_PROXY", &url),
        ("https_proxy", &url),
        ("ALL_PROXY", &url),
        ("all_proxy", &url),
    ] {
        scene.environment.insert(name.to_owned(), value.to_owned());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_environment_leads_the_demo_off_this_machine() {
    let mut scene = Scene::new().await;
    let (address, calls) = trap();
    poison(&mut scene, &address);
    let screen = scene.run(&["demo", "--json", "--minutes", "5"]).await;
    assert_eq!(calls.load(Ordering::SeqCst), 0, "the trap was called:\n{}", screen.stderr);
    assert_eq!((screen.code, screen.stderr.as_str()), (Some(0), ""));
    assert!(screen.points("accepted") > 0);
    // All settings of others name one place; one of them alone must not do either.
    scene.environment.retain(|name, _| !name.starts_with("AWS_ENDPOINT") && !name.to_uppercase().ends_with("_PROXY"));
    scene.environment.insert("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS".to_owned(), "true".to_owned());
    // Whoever would be asked for the real endpoint is the trap.
    scene.environment.insert("https_proxy".to_owned(), format!("http://{address}"));
    let screen = scene.run(&["demo", "--json", "--minutes", "5"]).await;
    assert_eq!(calls.load(Ordering::SeqCst), 0, "the trap was called:\n{}", screen.stderr);
    assert_eq!((screen.code, screen.stderr.as_str()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_serve_prints_leads_another_command_to_the_company_alone() {
    use tokio::io::{AsyncBufReadExt, BufReader};

    let mut scene = Scene::new().await;
    let (address, calls) = trap();
    poison(&mut scene, &address);
    let mut serving = scene.start_heard(&["demo", "--serve"]);
    let mut lines = BufReader::new(serving.stdout.take().expect("a pipe")).lines();
    while let Some(line) = lines.next_line().await.expect("UTF-8") {
        if let Some(names) = line.strip_prefix("unset ") {
            scene.environment.retain(|name, _| !names.split(' ').any(|unset| unset == name));
        } else if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
            scene.environment.insert(name.to_owned(), value.to_owned());
        } else {
            break;
        }
    }
    let screen = scene.run(&["once", "--json"]).await;
    serving.kill().await.expect("it ends");
    assert_eq!(calls.load(Ordering::SeqCst), 0, "the trap was called:\n{}", screen.stderr);
    assert_eq!((screen.code, screen.stderr.as_str()), (Some(0), ""));
    assert!(screen.points("accepted") > 0);
}
