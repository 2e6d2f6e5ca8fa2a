//! Where templates come from: built in, and a folder of the user's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use include_dir::{Dir, include_dir};
use serde_json::Value;

use crate::config::settings::Templates as Settings;
use crate::config::{Problem, Problems};
use crate::provision::compare::SERVERS;
use crate::provision::import::verbatim;
use crate::provision::object::{Kind, Mark};
use crate::provision::read;
use crate::provision::template::header::{HEADER, Header};
use crate::provision::template::parse::parse;
use crate::provision::template::render::{Faults, join_block_lines};
use crate::provision::template::{Blocks, Compiled, Template, engine};

static DASHBOARDS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/dashboards");
static MONITORS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/monitors");

/// The largest dashboards have some hundred kilobytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

const ENDS: [&str; 3] = ["yaml", "yml", "json"];

/// The text of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// By the folder it is in.
    pub kind: Kind,
    /// As messages name it; its last part is the template's key and `.yaml`, `.yml` or `.json`.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// Every template in use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Templates {
    /// In the order of their kinds and keys.
    pub(in crate::provision) used: Vec<Template>,
    /// Every variable there is, those of templates that are not used included.
    pub(in crate::provision) variables: BTreeSet<String>,
    /// Names under `templates.disable` that name nothing.
    pub(in crate::provision) unknown: Vec<String>,
}

impl Templates {
    /// The built-in templates, and those of the user's folder.
    ///
    /// # Errors
    /// Every problem of every template.
    pub fn load(settings: &Settings) -> Result<Self, Problems> {
        let mut sources = embedded();
        if let Some(dir) = &settings.dir {
            sources.extend(folder(dir)?);
        }
        Self::read(sources, &settings.disable)
    }

    /// Reads templates; a later source replaces an earlier one of the same kind and key.
    ///
    /// # Errors
    /// Every problem of every template.
    pub fn read(sources: Vec<Source>, disable: &BTreeSet<String>) -> Result<Self, Problems> {
        let mut chosen: BTreeMap<(Kind, String), Source> = BTreeMap::new();
        for source in sources {
            chosen.insert((source.kind, source.key().to_owned()), source);
        }
        let mut problems = Vec::new();
        let mut templates = Self::default();
        for source in chosen.into_values() {
            let mut faults = Faults::new(&source.file);
            if let Some(template) = template(source, &mut faults) {
                templates.variables.extend(template.header.variables.keys().cloned());
                templates.used.push(template);
            }
            problems.extend(faults.problems());
        }
        Problems::check(problems)?;
        let is_known = |name: &&String| templates.used.iter().any(|template| template.key == **name);
        templates.unknown = disable.iter().filter(|name| !is_known(name)).cloned().collect();
        templates.used.retain(|template| !disable.contains(&template.key));
        Ok(templates)
    }

    /// Every template in use, in the order of kinds and keys.
    pub fn iter(&self) -> impl Iterator<Item = &Template> {
        self.used.iter()
    }
}

impl Source {
    /// The file's name without its end.
    fn key(&self) -> &str {
        let name = self.file.rsplit(['/', '\\']).next().unwrap_or_default();
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }
}

/// Whether a template may be called so.
#[must_use]
pub fn is_key(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'))
}

/// The folder of the templates of that kind, in the folder of all templates.
#[must_use]
pub fn folder_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Dashboard => "dashboards",
        Kind::Monitor => "monitors",
        Kind::Slo => "monitors/slos",
    }
}

fn is_template(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && path.extension().is_some_and(|end| ENDS.iter().any(|known| end == *known))
}

/// The templates that are built in.
fn embedded() -> Vec<Source> {
    let mut sources = Vec::new();
    for kind in Kind::ALL {
        let dir = match kind {
            Kind::Dashboard => Some(&DASHBOARDS),
            Kind::Monitor => Some(&MONITORS),
            Kind::Slo => MONITORS.get_dir("slos"),
        };
        for file in dir.iter().flat_map(|dir| dir.files()).filter(|file| is_template(file.path())) {
            let Some(file_name) = file.path().file_name() else { continue };
            let file_name = format!("{}/{}", folder_of(kind), file_name.to_string_lossy());
            sources.push(Source { kind, file: file_name, text: String::from_utf8_lossy(file.contents()).into_owned() });
        }
    }
    sources
}

/// The templates in a folder of the user's.
fn folder(dir: &Path) -> Result<Vec<Source>, Problems> {
    let mut sources: Vec<Source> = Vec::new();
    let mut problems = Vec::new();
    // With templates that cannot be read, what they made would look as if it had gone.
    let unreadable = |dir: &Path, error: std::io::Error| {
        problem(&dir.display().to_string(), None, format!("cannot be read: {error}"))
    };
    if let Err(error) = std::fs::read_dir(dir) {
        problems.push(unreadable(dir, error));
    }
    for kind in Kind::ALL {
        let dir = dir.join(folder_of(kind));
        let read = || std::fs::read_dir(&dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
        let mut paths = match read() {
            Ok(paths) => paths,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                problems.push(unreadable(&dir, error));
                continue;
            }
        };
        paths.sort();
        for path in paths.into_iter().filter(|path| is_template(path)) {
            let file = path.display().to_string();
            let text = read::bounded(&path, MAX_BYTES)
                .and_then(|bytes| String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not UTF-8")));
            match text {
                Ok(text) => sources.push(Source { kind, file, text }),
                Err(error) => problems.push(problem(&file, None, format!("cannot be read: {error}"))),
            }
        }
    }
    for (index, source) in sources.iter().enumerate() {
        let same = |other: &&Source| (other.kind, other.key()) == (source.kind, source.key());
        if let Some(first) = sources[..index].iter().find(same) {
            problems.push(problem(
                &source.file,
                None,
                format!("has the same name as {}; keep one of them", first.file),
            ));
        }
    }
    Problems::check(problems)?;
    Ok(sources)
}

fn template(source: Source, faults: &mut Faults) -> Option<Template> {
    let key = source.key().to_owned();
    if !is_key(&key) {
        faults.add("", "the name of a template takes a to z, 0 to 9 and `-`; rename the file");
    }
    let is_json = Path::new(&source.file).extension().is_some_and(|end| end == "json");
    let mut body = match parse(&source.text, is_json) {
        Ok(Value::Object(body)) => body,
        Ok(_) => {
            faults.add("", "has to be a mapping: Datadog's JSON of one object");
            return None;
        }
        Err((line, message)) => {
            faults.at_line(line, message);
            return None;
        }
    };
    let is_export = is_json && !body.contains_key(HEADER);
    let header = Header::take(&mut body, faults);
    body.retain(|key, _| !SERVERS.contains(&key.as_str()));
    let mut body = Value::Object(body);
    if is_export {
        body = verbatim(&body);
    }
    // What is exported may be one of ours.
    Mark::strip(source.kind, &mut body);
    join_block_lines(&mut body);
    if source.kind.title(&body).is_empty() {
        faults.add(source.kind.title_key(), "is missing; every object has one");
    }
    let template = Template { kind: source.kind, key, file: source.file, header, body };
    // Whatever does not depend on a pipeline is found now.
    Compiled::new(&engine(), &Blocks::default(), &template, faults);
    Some(template)
}

fn problem(file: &str, line: Option<u64>, message: String) -> Problem {
    Problem { file: file.to_owned(), line, column: None, path: String::new(), message }
}
