//! All groups of one account in one region, within its budget of requests.
//!
//! ```text
//! follow     which groups there are
//!   -> collect   pages of those whose turn it is, as lines
//!   -> settle    what Datadog has taken; the rest is read again
//!   -> commit    positions move on; save the checkpoint
//!   -> series    counts of the minutes that have changed: until they have arrived, their minutes stay open
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::choose::{Account, Crossing, Rules, Verdict};
use super::counts::{self, Tally};
use super::group::Group;
use super::reader::{Item, Policy, Position, Reader};
use super::redact::{BadPattern, Redaction};
use super::schedule::{Found, Schedule};
use crate::client::aws::logs::EventPage;
use crate::client::aws::{Aws, AwsError, Class};
use crate::config::settings::Logs;
use crate::model::log::Line;
use crate::model::series::Series;

/// Lines and looks after which what was collected is delivered: one body of Datadog's, or a second of the usual budget.
/// Looks at groups that do not exist take as long as others.
const MOST_LINES: usize = 1_000;
const MOST_LOOKS: usize = 3;

/// Datadog keeps no line that is older, in milliseconds: 18 hours, less what it takes to read and to send it.
/// <https://docs.datadoghq.com/api/latest/logs/#send-logs>
const MAX_AGE: i64 = 18 * 3_600_000 - 300_000;

/// How far an account has been read. Kept in the state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// By the name of the group.
    groups: BTreeMap<String, Position>,
    /// What pipelines have sent today, by [`Group::ceiling_key`]: what is settled of it.
    sent: Account,
    /// Stages of whose failures nothing is told before an instant, Unix milliseconds.
    #[serde(default)]
    quiet: BTreeMap<String, i64>,
}

/// The groups of one account in one region, and how far each has been read.
#[derive(Debug)]
pub struct Following {
    policy: Policy,
    schedule: Schedule,
    groups: BTreeMap<String, Followed>,
    /// Of groups that are not followed yet, or not any more.
    positions: BTreeMap<String, Position>,
    sent: Account,
    quiet: BTreeMap<String, i64>,
    /// Groups of which something was collected that is not settled.
    under_way: BTreeSet<String>,
}

#[derive(Debug)]
struct Followed {
    group: Group,
    /// [`Group::ceiling_key`].
    ceiling: String,
    reader: Reader,
    /// What the last look found.
    found: Option<Found>,
}

/// What was collected, and is to be delivered.
#[derive(Debug, Default)]
pub struct Collected {
    /// In the order in which they are to arrive: of one stream in the order of time.
    pub lines: Vec<Line>,
    /// What each was made of, with its place in `lines`.
    items: Vec<(String, Item, Range<usize>)>,
    /// Groups of which a page was read.
    groups: BTreeSet<String>,
    /// Groups that did not answer, and the last of their errors.
    unanswered: (usize, Option<AwsError>),
    /// Groups that were asked; none when nobody was due.
    pub looks: usize,
    /// Pages that were read.
    pub pages: usize,
    /// What deserves a look.
    pub remarks: Vec<Remark>,
    /// What ended it: no group can be read at the moment.
    pub failed: Option<AwsError>,
    /// What pipelines will have sent when all of it is settled.
    sent: Account,
    /// When it began, Unix milliseconds.
    at: i64,
}

/// What somebody should know, of one group or one pipeline.
#[derive(Debug)]
pub enum Remark {
    /// What lies between these instants (Unix milliseconds) is lost.
    Lost {
        /// The group.
        group: String,
        /// From.
        from: i64,
        /// To.
        to: i64,
    },
    /// A group cannot be read, and the others can.
    Unreadable(AwsError),
    /// A pipeline has sent what it may send a day, and only its errors are sent until the day (UTC) is over.
    OverCap {
        /// Its tag, and that of the environment: `lease/data_prod`.
        pipeline: String,
        /// What it may send, in bytes.
        cap: u64,
    },
}

impl Following {
    /// From where the checkpoint says.
    ///
    /// # Errors
    /// When a pattern for redaction cannot be used: then nothing may be sent.
    pub fn new(settings: &Logs, checkpoint: Checkpoint) -> Result<Self, BadPattern> {
        let reread = i64::try_from(settings.reread.as_millis()).unwrap_or(i64::MAX);
        let policy = Policy { rules: Rules::of(settings), redaction: Redaction::new(&settings.redact)?, reread };
        let Checkpoint { groups: positions, sent, quiet } = checkpoint;
        let (schedule, groups, under_way) = (Schedule::default(), BTreeMap::new(), BTreeSet::new());
        Ok(Self { policy, schedule, groups, positions, sent, quiet, under_way })
    }

    /// Follows these groups from now on (Unix milliseconds). What is not among them is remembered for as long as it could
    /// come back and be worth reading. What was collected before and not settled is read again.
    pub fn follow(&mut self, groups: Vec<Group>, now: i64) {
        for name in std::mem::take(&mut self.under_way) {
            self.read_again(&name);
        }
        let mut before = std::mem::take(&mut self.groups);
        for group in groups {
            let (name, ceiling) = (group.name.clone(), group.ceiling_key());
            let (reader, found) = match before.remove(&name) {
                Some(Followed { reader, found, .. }) => (reader, found),
                None => (Reader::new(self.positions.remove(&name), now), None),
            };
            let followed = Followed { group, ceiling, reader, found };
            self.groups.insert(name, followed);
        }
        let left = before.into_iter().map(|(name, followed)| (name, followed.reader.position().clone()));
        self.positions.extend(left);
        self.positions.retain(|_, position| position.until > now - MAX_AGE);
        self.schedule.follow(self.groups.keys().map(String::as_str));
        self.quiet.retain(|_, until| *until > now);
    }

    /// A group that is followed.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name).map(|followed| &followed.group)
    }

    /// How its lines are treated.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Looks at a group before all others.
    pub fn hurry(&mut self, name: &str) {
        self.schedule.hurry(name);
    }

    /// Whether failures of the stage that a group belongs to may be told at an instant, Unix milliseconds.
    #[must_use]
    pub fn may_tell(&self, group: &Group, now: i64) -> bool {
        self.quiet.get(&group.stage_key()).is_none_or(|until| now >= *until)
    }

    /// Tells nothing of failures of that stage before `until`, Unix milliseconds.
    pub fn be_quiet(&mut self, group: &Group, until: i64) {
        self.quiet.insert(group.stage_key(), until);
    }

    /// How many groups are followed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Looks at the groups whose turn it is, a page each, until there is a body's worth of lines, a second or so has passed,
    /// or nobody is due. `now` tells the time in Unix milliseconds.
    pub async fn collect(&mut self, aws: &Aws, now: impl Fn() -> i64) -> Collected {
        let mut collected = self.begin(now());
        while collected.looks < MOST_LOOKS && collected.lines.len() < MOST_LINES && collected.failed.is_none() {
            let at = now();
            let Some(name) = self.schedule.next(at).map(str::to_owned) else { break };
            // A window is committed before the next of its group is begun.
            if collected.is_over(&name, &self.groups) {
                break;
            }
            collected.looks += 1;
            self.under_way.insert(name.clone());
            let found = self.look(aws, &name, at, &mut collected).await;
            self.schedule.looked(&name, at, found);
            if let Some(followed) = self.groups.get_mut(&name) {
                followed.found = Some(found);
            }
        }
        self.under_way.clone_from(&collected.groups);
        // One group that does not answer costs only itself; when none does, it is CloudWatch.
        if let (failed, Some(error)) = std::mem::take(&mut collected.unanswered) {
            if failed == collected.looks {
                collected.failed = collected.failed.or(Some(error));
            } else {
                collected.remarks.push(Remark::Unreadable(error));
            }
        }
        collected
    }

    fn begin(&self, at: i64) -> Collected {
        Collected { sent: self.sent.clone(), at, ..Collected::default() }
    }

    /// One page of one group.
    async fn look(&mut self, aws: &Aws, name: &str, at: i64, collected: &mut Collected) -> Found {
        let Some(Followed { reader, found, .. }) = self.groups.get_mut(name) else { return Found::Missing };
        if let Some((from, to)) = reader.give_up_before(at - MAX_AGE)
            // Whoever may not read it has been told.
            && *found != Some(Found::Denied)
        {
            collected.remarks.push(Remark::Lost { group: name.to_owned(), from, to });
        }
        let window = reader.window(at);
        let is_behind = window.to < at;
        let asked = aws.filter_events(name, window.from, window.to, window.token.as_deref()).await;
        let page = match asked {
            Ok(page) => page,
            Err(error) => {
                // A token that has grown old is refused: the window is begun anew.
                reader.abort();
                return match error.class {
                    Class::NotFound => {
                        reader.nothing_before(at - self.policy.reread);
                        Found::Missing
                    }
                    Class::AccessDenied | Class::Refused => {
                        collected.remarks.push(Remark::Unreadable(error));
                        Found::Denied
                    }
                    Class::Server | Class::Unreachable => {
                        collected.unanswered = (collected.unanswered.0 + 1, Some(error));
                        Found::Unanswered
                    }
                    Class::Throttled | Class::Credentials | Class::Clock => {
                        collected.failed = Some(error);
                        Found::Silence
                    }
                };
            }
        };
        self.take(name, page, is_behind, collected)
    }

    /// What is new on a page. `is_behind` says that there is more to read after its window.
    fn take(&mut self, name: &str, page: EventPage, is_behind: bool, collected: &mut Collected) -> Found {
        let Some(Followed { group, ceiling, reader, .. }) = self.groups.get_mut(name) else { return Found::Missing };
        collected.pages += 1;
        collected.groups.insert(name.to_owned());
        let (more, is_empty) = (page.next.is_some() || is_behind, page.events.is_empty());
        let items = reader.take(page.events, page.next, group, &self.policy);
        let found = match (more, is_empty && !reader.waits()) {
            (true, _) => Found::More,
            (false, true) => Found::Silence,
            (false, false) => Found::Events,
        };
        for item in items {
            collected.add(name, ceiling, item, self.policy.rules.daily_bytes);
        }
        found
    }

    /// Whether `settled` says of each line of a part that it need not be sent again. What is not settled is read again.
    /// Lines that are dealt with by not being sent, by why.
    pub fn settle(
        &mut self,
        collected: &Collected,
        part: &Part,
        settled: impl Fn(usize) -> bool,
    ) -> BTreeMap<Verdict, u64> {
        let mut left_out = BTreeMap::new();
        let mut behind: BTreeSet<&str> = BTreeSet::new();
        for (name, item, range) in &collected.items[part.items.clone()] {
            let Some(followed) = self.groups.get_mut(name) else { continue };
            // What was refused in between stays in order: nothing after what is left of a group is settled.
            if !behind.contains(name.as_str()) && range.clone().all(&settled) {
                followed.reader.settle(item);
                if item.verdict != Verdict::Kept {
                    *left_out.entry(item.verdict).or_default() += 1;
                }
                if matches!(item.verdict, Verdict::Kept | Verdict::OverCap) {
                    take(&mut self.sent, &followed.ceiling, item, self.policy.rules.daily_bytes, collected.at);
                }
            } else {
                behind.insert(name);
            }
        }
        for name in behind {
            self.read_again(name);
        }
        left_out
    }

    fn read_again(&mut self, name: &str) {
        if let Some(followed) = self.groups.get_mut(name) {
            followed.reader.abort();
        }
        self.schedule.again(name);
    }

    /// Counts of the minutes that have changed since they were delivered.
    #[must_use]
    pub fn series(&self) -> Vec<Series> {
        let followed = self.groups.values();
        let changed = |it: &Followed| -> Vec<(i64, Tally)> {
            it.reader.changed().map(|(minute, tally)| (minute, *tally)).collect()
        };
        followed.flat_map(|it| counts::series(&it.group, &changed(it))).collect()
    }

    /// The counts of [`Self::series`] have been delivered.
    pub fn counted(&mut self) {
        self.groups.values_mut().for_each(|followed| followed.reader.delivered());
    }

    /// Once all is settled: windows that are over are done with. Whether there is anything new for the state.
    pub fn commit(&mut self, collected: &Collected) -> bool {
        self.under_way.clear();
        for name in &collected.groups {
            if let Some(followed) = self.groups.get_mut(name) {
                followed.reader.commit(&self.policy);
            }
        }
        !collected.items.is_empty()
    }

    /// The oldest instant up to which a group has been read that can be, Unix milliseconds.
    #[must_use]
    pub fn until(&self) -> Option<i64> {
        let readable = |it: &&Followed| !matches!(it.found, Some(Found::Missing | Found::Denied));
        self.groups.values().filter(readable).map(|followed| followed.reader.position().until).min()
    }

    /// Whether every group that answers has been read up to an instant, Unix milliseconds.
    #[must_use]
    pub fn has_read(&self, until: i64) -> bool {
        let answers = |it: &&Followed| !matches!(it.found, Some(Found::Missing | Found::Denied | Found::Unanswered));
        self.groups.values().filter(answers).all(|followed| followed.reader.position().until >= until)
    }

    /// For the state: what is settled.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let followed = self.groups.iter().map(|(name, it)| (name.clone(), it.reader.position().clone()));
        let groups = self.positions.clone().into_iter().chain(followed).collect();
        Checkpoint { groups, sent: self.sent.clone(), quiet: self.quiet.clone() }
    }
}

/// As much of what was collected as is settled together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    items: Range<usize>,
    /// Its lines.
    pub lines: Range<usize>,
}

/// Takes an item into an account of what pipelines send.
fn take(sent: &mut Account, ceiling: &str, item: &Item, cap: Option<u64>, at: i64) -> (Verdict, Option<Crossing>) {
    sent.take(ceiling, item.bytes as u64, item.is_error, cap, at / 1_000)
}

impl Collected {
    fn add(&mut self, name: &str, ceiling: &str, mut item: Item, cap: Option<u64>) {
        if item.verdict == Verdict::Kept {
            let (verdict, crossing) = take(&mut self.sent, ceiling, &item, cap, self.at);
            item.verdict = verdict;
            if let Some(crossing) = crossing {
                self.remarks.push(Remark::OverCap { pipeline: crossing.pipeline, cap: crossing.cap });
            }
        }
        let start = self.lines.len();
        if item.verdict == Verdict::Kept {
            self.lines.append(&mut item.lines);
        } else {
            item.lines.clear();
        }
        let range = start..self.lines.len();
        self.items.push((name.to_owned(), item, range));
    }

    /// What was collected, about a body's worth of lines at a time.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut begun = Part { items: 0..0, lines: 0..0 };
        for (index, (.., range)) in self.items.iter().enumerate() {
            begun = Part { items: begun.items.start..index + 1, lines: begun.lines.start..range.end };
            if begun.lines.len() >= MOST_LINES {
                let next = Part { items: index + 1..index + 1, lines: range.end..range.end };
                parts.push(std::mem::replace(&mut begun, next));
            }
        }
        parts.extend((!begun.items.is_empty()).then_some(begun));
        parts
    }

    /// How many lines were read, whatever becomes of them.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// Whether a group's window has been read to its end, and not been committed.
    fn is_over(&self, name: &str, groups: &BTreeMap<String, Followed>) -> bool {
        self.groups.contains(name) && groups.get(name).is_some_and(|followed| followed.reader.is_over())
    }
}

#[cfg(test)]
mod tests;
