//! Which pipelines a run's file declares.

use crate::model::declared::Declared;
use crate::model::dora::Unit;

/// Names of the pipelines of an environment, each once: those that are declared for it or for every environment, else
/// all, since a run that went through had found its environment.
pub(super) fn named(declared: &Declared, environment: &str) -> Vec<String> {
    let key = |name: &str| Unit::new("", name).key();
    let own = declared.environments.iter().filter(|(name, _)| !name.is_empty() && key(name) == key(environment));
    let own: Vec<&String> = own.flat_map(|(_, list)| list).map(|pipeline| &pipeline.name).collect();
    let every = declared.environments.get("").into_iter().flatten().map(|pipeline| &pipeline.name);
    let mut names: Vec<&String> = own.into_iter().chain(every).collect();
    if names.is_empty() {
        names = declared.environments.values().flatten().map(|pipeline| &pipeline.name).collect();
    }
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}
