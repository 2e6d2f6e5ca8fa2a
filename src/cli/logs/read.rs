//! Log groups, read as the daemon reads them: assembled, classified, redacted, each line once. No rule leaves a line out
//! here: those of the configuration are about what is worth its price in Datadog.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use indicatif::ProgressBar;

use super::lines::{Entry, Kept};
use super::print;
use super::which::Source;
use crate::client::aws::{Aws, AwsError, Class};
use crate::source::logs::reader::{Item, Policy, Reader};

/// Milliseconds after which it is looked again whether a group exists.
const MISSING: i64 = 60_000;

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    Errors,
    /// Those that carry an id.
    WithId,
}

/// The groups of all accounts, and how far each has been read.
pub(super) struct Groups {
    accounts: Vec<Account>,
    policy: Policy,
    wanted: Wanted,
    /// Nothing before it is shown, Unix milliseconds.
    from: i64,
}

struct Account {
    aws: Arc<Aws>,
    groups: Vec<Followed>,
}

struct Followed {
    source: Arc<Source>,
    reader: Reader,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Read,
    /// It may not be read.
    Denied,
    /// It did not exist at this instant, Unix milliseconds.
    Missing(i64),
}

/// What was read at one time.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) kept: Kept,
    /// What could not be read, and why.
    pub(super) complaints: BTreeSet<String>,
    /// Groups that were read, and those that do not exist.
    pub(super) read: usize,
    pub(super) missing: usize,
}

impl Groups {
    /// From `from` on, Unix milliseconds.
    pub(super) fn new(
        clients: &[Arc<Aws>],
        sources: &[Arc<Source>],
        policy: Policy,
        wanted: Wanted,
        from: i64,
    ) -> Self {
        let followed = |aws: &Arc<Aws>| -> Vec<Followed> {
            let own = sources.iter().filter(|source| source.scope == *aws.scope());
            own.map(|source| Followed { source: Arc::clone(source), reader: Reader::since(from), state: State::Read })
                .collect()
        };
        let accounts = clients.iter().map(|aws| Account { aws: Arc::clone(aws), groups: followed(aws) }).collect();
        Self { accounts, policy, wanted, from }
    }

    /// Everything up to `to` (Unix milliseconds) that was not read before. With `last`, also what may have more to come.
    pub(super) async fn read(&mut self, to: i64, last: bool, spinner: &ProgressBar) -> Round {
        let Self { accounts, policy, wanted, from } = self;
        let taking = Taking { policy, wanted: *wanted, from: *from, to, last };
        let rounds = accounts.iter_mut().map(|account| account.read(taking, spinner));
        let mut whole = Round::default();
        for round in join_all(rounds).await {
            whole.kept.merge(round.kept);
            whole.complaints.extend(round.complaints);
            whole.read += round.read;
            whole.missing += round.missing;
        }
        whole.kept.sort();
        whole
    }
}

/// How pages are read at one time.
#[derive(Clone, Copy)]
struct Taking<'a> {
    policy: &'a Policy,
    wanted: Wanted,
    from: i64,
    to: i64,
    last: bool,
}

impl Account {
    async fn read(&mut self, taking: Taking<'_>, spinner: &ProgressBar) -> Round {
        let Self { aws, groups } = self;
        let mut round = Round::default();
        for followed in groups {
            let waits = |at: i64| taking.to < at.saturating_add(MISSING);
            match followed.state {
                State::Denied => continue,
                State::Missing(at) if waits(at) => {
                    round.missing += 1;
                    continue;
                }
                State::Missing(_) | State::Read => followed.state = State::Read,
            }
            spinner.set_message(format!("reading {}", print::printable(&followed.source.group.name)));
            let Err(error) = followed.read(aws, taking, &mut round.kept).await else {
                round.read += 1;
                continue;
            };
            // What is left of its window is asked for anew.
            followed.reader.abort();
            match error.class {
                Class::NotFound => {
                    followed.state = State::Missing(taking.to);
                    round.missing += 1;
                }
                Class::AccessDenied | Class::Refused => {
                    followed.state = State::Denied;
                    round.complaints.insert(error.to_string());
                }
                // Nothing else can be read in this account at the moment.
                _ => {
                    round.complaints.insert(error.to_string());
                    break;
                }
            }
        }
        round
    }
}

impl Followed {
    async fn read(&mut self, aws: &Aws, taking: Taking<'_>, kept: &mut Kept) -> Result<(), AwsError> {
        let Self { source, reader, .. } = self;
        let (group, policy) = (&source.group, taking.policy);
        loop {
            let window = reader.window(taking.to).clone();
            let page = aws.filter_events(&group.name, window.from, window.to, window.token.as_deref()).await?;
            let items = reader.take(page.events, page.next, group, policy);
            keep(reader, items, source, taking, kept);
            // Nobody is told of counts.
            reader.delivered();
            if reader.commit(policy) && reader.position().until >= taking.to {
                break;
            }
        }
        if taking.last {
            let items = reader.finish(group, policy);
            keep(reader, items, source, taking, kept);
        }
        Ok(())
    }
}

fn keep(reader: &mut Reader, items: Vec<Item>, source: &Arc<Source>, taking: Taking<'_>, kept: &mut Kept) {
    for item in items {
        reader.settle(&item);
        // A line that was too long for one has several, of the same text.
        let bytes = item.bytes / item.lines.len().max(1);
        for line in item.lines {
            let entry = Entry { line, source: Arc::clone(source), bytes, told: false };
            let is_wanted = match taking.wanted {
                Wanted::All => true,
                Wanted::Errors => entry.line.status.is_error(),
                Wanted::WithId => entry.inference().or(entry.request()).is_some(),
            };
            if is_wanted && entry.line.at >= taking.from {
                kept.add(entry);
            }
        }
    }
}
