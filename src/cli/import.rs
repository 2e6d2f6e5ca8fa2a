//! `ddsync import`: an object made by hand becomes a template, and with `--adopt` ours.

use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Url;

use super::apply::{approve, carry_out, tell};
use super::objects::{KindArg, PlanOptions, Work};
use super::{CommandError, ConfigArgs, Outcome, print};
use crate::config::is_known_site;
use crate::config::settings::{self, Settings};
use crate::provision::apply::{Options, fetch, wanted};
use crate::provision::import::{template, yaml};
use crate::provision::object::{Desired, Kind, Live, World};
use crate::provision::plan::{self, Plan, Step, VERSION, adopt};
use crate::provision::template::{Templates, folder_of, is_key};

/// Characters of a template's key.
const KEY: usize = 60;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Its address in Datadog, or its id.
    #[arg(value_name = "URL|ID")]
    object: String,
    /// What it is, when only an id is given and does not tell.
    #[arg(long, value_enum)]
    kind: Option<KindArg>,
    /// The template's key; by default made of its name.
    #[arg(long = "as", value_name = "KEY")]
    key: Option<String>,
    /// Write into the folder `templates.dir` instead of printing.
    #[arg(long)]
    write: bool,
    /// Write, and take the object over: from now on `apply` keeps it as the template says.
    #[arg(long)]
    adopt: bool,
    /// Do not ask before it is taken over.
    #[arg(long)]
    auto_approve: bool,
}

pub(super) async fn run(args: &ImportArgs, verbose: u8) -> Outcome {
    let work = Work::open(&args.config.config, verbose)?;
    let (kind, id) = named(&args.object, args.kind.map(KindArg::kind), &work.session.settings.datadog.site)?;
    let spinner = print::spinner("reading from Datadog");
    let live = fetch(&work.datadog(), kind, &id).await;
    spinner.finish_and_clear();
    let live = live?.ok_or_else(|| CommandError::Failed(format!("datadog has no {kind} {id}")))?;
    let text = yaml(&template(kind, &live.body)).map_err(|error| CommandError::Failed(error.to_string()))?;
    let ours =
        live.mark.as_ref().map(|mark| format!("it is {} of namespace {} already", mark.identity, mark.namespace));
    if !args.write && !args.adopt {
        if let Some(why) = ours {
            print::warning(format_args!("{kind} {id} needs no template: {}", print::printable(&why)));
        }
        print::raw(text.as_bytes());
        return Ok(0);
    }
    if let Some(why) = ours {
        return Err(CommandError::Failed(format!("{kind} {id} needs no template: {}", print::printable(&why))));
    }
    let key = args.key.clone().unwrap_or_else(|| slug(kind.title(&live.body)));
    if args.adopt {
        approve(args.auto_approve, &question(&live, &key))?;
    }
    let path = write(&work.session.settings, kind, &key, &text)?;
    let written = format!("{kind} {id} is the template {}", path.display());
    if !args.adopt {
        print::line(written);
        return Ok(0);
    }
    let step = taken_over(&work, &key, &live).inspect_err(|_| {
        // With the template there, the next apply would make a second one.
        let _left = std::fs::remove_file(&path);
    })?;
    print::line(written);
    let namespace = work.namespace().to_owned();
    let plan = Plan { version: VERSION, namespace, steps: vec![step], ..Plan::default() };
    let world = World::of(vec![live]);
    let report = carry_out(&work, &plan, &world, Options::default()).await;
    if !report.as_ref().is_ok_and(|report| report.failed.is_empty() && report.skipped.is_empty()) {
        take_back(&work, kind, &id, &path).await;
    }
    Ok(u8::from(tell(&report?)))
}

fn question(live: &Live, key: &str) -> String {
    let Live { kind, id, body, .. } = live;
    let title = print::printable(kind.title(body));
    format!("Let ddsync keep {kind} {id}, \"{title}\", as the template {key} says?")
}

/// Deletes the template of an object that did not become ours: with it there, the next apply would make a second one. An
/// answer that was lost says nothing, so Datadog is asked.
async fn take_back(work: &Work, kind: Kind, id: &str, path: &Path) {
    let session = work.datadog();
    let fetched = tokio::select! {
        fetched = fetch(&session, kind, id) => fetched.map_err(|error| error.to_string()),
        _ = tokio::signal::ctrl_c() => Err("stopped".to_owned()),
    };
    let file = path.display();
    match fetched {
        Ok(Some(live)) if live.mark.is_some() => print::note(format_args!("{kind} {id} is ours, and {file} stays")),
        Ok(_) => match std::fs::remove_file(path) {
            Ok(()) => print::note(format_args!("{kind} {id} is not ours, and {file} is deleted again")),
            Err(error) => {
                print::warning(format_args!("delete {file}, or the next apply makes a second {kind}: {error}"));
            }
        },
        Err(error) => print::warning(format_args!(
            "whether {kind} {id} is ours now is not known ({error}): if `ddsync plan` would create it, delete {file}"
        )),
    }
}

/// What gives the object our mark; its next plan is empty.
fn taken_over(work: &Work, key: &str, live: &Live) -> Result<Step, CommandError> {
    let settings = &work.session.settings;
    // A template made of one object is about no pipeline.
    let objects = wanted(settings, &[], &[], &work.metrics)?.0.objects;
    let refuse = || {
        let Live { kind, id, .. } = live;
        CommandError::Failed(format!("{kind} {id} cannot be taken over: its template makes no object"))
    };
    let ours: Vec<Desired> =
        objects.into_iter().filter(|object| object.kind == live.kind && object.identity.template == key).collect();
    let made = plan::plan(&ours, &World::default(), &work.options(&PlanOptions::default()))?;
    made.steps.first().and_then(|step| adopt(step, live)).ok_or_else(refuse)
}

/// The kind and the id in an address, or of an id: a dashboard's is three groups of letters and digits, a monitor's a
/// number, an SLO's 32 hexadecimal digits. An address has to be one of `site`: elsewhere the id is another object's.
fn named(object: &str, kind: Option<Kind>, site: &str) -> Result<(Kind, String), CommandError> {
    let part = |after: &str| {
        let (_, rest) = object.split_once(after)?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(rest.len());
        (end > 0).then(|| rest[..end].to_owned())
    };
    let addressed = [
        (Kind::Slo, "slo_id="),
        (Kind::Slo, "/slo/manage/"),
        (Kind::Dashboard, "/dashboard/"),
        (Kind::Monitor, "/monitors/"),
    ];
    let found = addressed.into_iter().find_map(|(kind, after)| Some((kind, part(after)?)));
    if let Some(host) = found.as_ref().and_then(|_| host(object)).filter(|host| !is_of_site(host, site)) {
        return Err(CommandError::Failed(format!(
            "that address is one of {}, and `datadog.site` is {site}: take the address from there, or give the id alone",
            print::printable(&host)
        )));
    }
    let of_id = || {
        let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        let groups: Vec<&str> = object.split('-').collect();
        let dashed = groups.len() == 3 && groups.iter().all(|group| group.len() == 3 && group.is_ascii());
        let kind = kind.or(match object {
            id if digits(id) => Some(Kind::Monitor),
            _ if dashed => Some(Kind::Dashboard),
            id if id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()) => Some(Kind::Slo),
            _ => None,
        });
        let legal = !object.is_empty() && object.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        kind.filter(|_| legal).map(|kind| (kind, object.to_owned()))
    };
    found.or_else(of_id).ok_or_else(|| {
        CommandError::Failed(format!(
            "{} is neither the address of a dashboard, monitor or SLO nor an id; say what it is with --kind",
            print::printable(object)
        ))
    })
}

/// The host of an address, with or without `https://`; `None` when it is a path alone.
fn host(address: &str) -> Option<String> {
    if address.starts_with('/') {
        return None;
    }
    let whole = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
    // What is no address is of no site.
    Some(Url::parse(&whole).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default())
}

/// Whether people look at objects of `site` there: `app.datadoghq.eu`, `us3.datadoghq.com`, or a name of one's own before.
fn is_of_site(host: &str, site: &str) -> bool {
    let own = host.strip_suffix(site).and_then(|rest| rest.strip_suffix('.'));
    host == site || (own.is_some_and(|name| !name.contains('.')) && !is_known_site(host))
}

/// A template's key out of a title.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase).take(KEY) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "imported".to_owned() } else { slug.to_owned() }
}

fn write(settings: &Settings, kind: Kind, key: &str, text: &str) -> Result<PathBuf, CommandError> {
    let built_in = Templates::load(&settings::Templates::default()).map_err(CommandError::Configuration)?;
    if built_in.iter().any(|template| template.key == key) {
        return Err(CommandError::Failed(format!(
            "{key} is a template that is built in, and would be replaced: choose another key with --as"
        )));
    }
    if !is_key(key) {
        let key = print::printable(key);
        return Err(CommandError::Failed(format!("{key} is no key of a template: a to z, 0 to 9 and `-`")));
    }
    let Some(dir) = &settings.templates.dir else {
        return Err(CommandError::Failed("there is no folder to write into: set `templates.dir`".to_owned()));
    };
    let path = dir.join(folder_of(kind)).join(format!("{key}.yaml"));
    let failed = |error: &std::io::Error| CommandError::file("the template", &path, error);
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(path);
    }
    if path.exists() {
        return Err(CommandError::Failed(format!(
            "{} is there already: choose another key with --as, or delete it",
            path.display()
        )));
    }
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(""))).map_err(|error| failed(&error))?;
    print::file(&path, text.as_bytes()).map_err(|error| failed(&error))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_address_and_an_id_tell_what_they_are() {
        let site = "datadoghq.com";
        let is =
            |text: &str, kind, id: &str| assert_eq!(named(text, None, site).unwrap(), (kind, id.to_owned()), "{text}");
        is("https://app.datadoghq.com/dashboard/abc-def-ghi/our-lease?from=1", Kind::Dashboard, "abc-def-ghi");
        is("app.datadoghq.com/monitors/12345", Kind::Monitor, "12345");
        is("/monitors/12345", Kind::Monitor, "12345");
        is(
            "https://acme.datadoghq.com/slo?slo_id=0123456789abcdef0123456789abcdef&tab=x",
            Kind::Slo,
            "0123456789abcdef0123456789abcdef",
        );
        is("abc-def-ghi", Kind::Dashboard, "abc-def-ghi");
        is("12345", Kind::Monitor, "12345");
        is("0123456789abcdef0123456789abcdef", Kind::Slo, "0123456789abcdef0123456789abcdef");
        assert_eq!(named("whatever", Some(Kind::Slo), site).unwrap(), (Kind::Slo, "whatever".to_owned()));
        for text in ["", "whatever", "../../v1/user", "https://app.datadoghq.com/logs"] {
            assert!(named(text, None, site).is_err(), "{text}");
        }
        assert!(named("a/../b", Some(Kind::Slo), site).is_err());
    }

    #[test]
    fn an_address_elsewhere_names_another_object() {
        let refused = |host: &str, site: &str| {
            named(&format!("https://{host}/dashboard/abc-def-ghi"), None, site).err().map(|error| error.to_string())
        };
        for (host, site) in [
            ("us3.datadoghq.com", "us3.datadoghq.com"),
            ("acme.us3.datadoghq.com", "us3.datadoghq.com"),
            ("APP.datadoghq.eu", "datadoghq.eu"),
            ("x@app.datadoghq.eu:443", "datadoghq.eu"),
        ] {
            assert_eq!(refused(host, site), None, "{host}");
        }
        for host in [
            "evil.example",
            "us3.datadoghq.com",
            "app.datadoghq.eu",
            "evildatadoghq.com",
            "datadoghq.com.evil.example",
            "app.datadoghq.com@evil.example",
            "evil.example/https://app.datadoghq.com",
            "evil.example\\.datadoghq.com",
        ] {
            let told = refused(host, "datadoghq.com").unwrap_or_default();
            assert!(told.contains("and `datadog.site` is datadoghq.com"), "{host}: {told}");
        }
    }

    #[test]
    fn what_is_taken_over_is_named_with_its_title() {
        let body = serde_json::json!({ "id": 5, "name": "Errors\u{1b}[2J" });
        let live = Live::new(Kind::Monitor, body).unwrap();
        let asked = "Let ddsync keep monitor 5, \"Errors\u{fffd}[2J\", as the template errors says?";
        assert_eq!(question(&live, "errors"), asked);
    }

    #[test]
    fn a_title_makes_a_key() {
        assert_eq!(slug("Lease (prod): Requests wait!"), "lease-prod-requests-wait");
        assert_eq!(slug("日本"), "imported");
    }
}
