//! Follow-ups: what an erasure had to retain is erased when its time has come, by a case of its own.
//!
//! **Expected flow.** When an erasure settles, [`schedule`] makes one follow-up for each day (UTC) on which something
//! that was retained is released. On that day the follow-up becomes a case over the categories that are released then.
//! That case asks as every erasure does, so a duty to keep goes on binding what is not released yet: nothing goes early.
//!
//! **Guarantees.** A case that follows up schedules only what nobody has scheduled before it, so follow-ups do not
//! multiply. One that was in vain (the downstream was away, or still keeps what is released) is tried again after 1, 2, 4,
//! … 128 days; after that it is left to a person, and the case says so.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{Case, CaseId, Task, TaskKind, TaskReason, TaskState};

/// Tries in vain, after which a person has to look: eight months have gone by.
const VAIN_MAX: u32 = 8;
/// Follow-ups of one case: one for every other day of five years, and for every week of twenty. What is released later
/// comes with the last of them, which schedules it again.
const FOLLOW_UPS_MAX: usize = 1_024;

/// Categories by downstream.
pub type Categories = BTreeMap<String, BTreeSet<String>>;

/// What is released at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The last moment of its day at which something is released.
    pub at: Timestamp,
    /// What.
    pub categories: Categories,
}

impl Released {
    fn overlaps(&self, other: &Self) -> bool {
        let mut pairs = self.categories.iter().flat_map(|(name, of)| of.iter().map(move |one| (name, one)));
        pairs.any(|(downstream, category)| other.covers(downstream, category))
    }

    fn covers(&self, downstream: &str, category: &str) -> bool {
        self.categories.get(downstream).is_some_and(|names| names.contains(category))
    }
}

/// An erasure to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    /// Counts the follow-ups of a case from 1; never used twice.
    pub number: u32,
    /// When, and what.
    pub released: Released,
    /// How often the same was tried in vain before.
    pub vain: u32,
    /// The case that it became.
    pub case_id: Option<CaseId>,
}

/// Where a case that follows up comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The case that it follows up.
    pub case_id: CaseId,
    /// Which of that case's follow-ups it is.
    pub number: u32,
    /// How often the same was tried in vain before.
    pub vain: u32,
    /// What is scheduled by those before it.
    pub scheduled: Vec<Released>,
}

named! {
    /// Why something that is retained has no follow-up.
    pub enum Unscheduled {
        /// The downstream gave no time of release.
        NoReleaseTime = "no_release_time",
        /// It was tried too often in vain.
        InVain = "in_vain",
    }
}

/// Something retained that has no follow-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Where.
    pub downstream: String,
    /// Which category.
    pub category: String,
    /// Why.
    pub reason: Unscheduled,
}

/// All follow-ups of a case, and what it follows up itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FollowUps {
    /// In order of time.
    pub list: Vec<FollowUp>,
    /// The highest number that was used.
    pub last_number: u32,
    /// What is retained and has none.
    pub left: Vec<Left>,
    /// Set if the case follows up another one.
    pub of: Option<Origin>,
}

impl FollowUps {
    /// Those that have not become cases.
    pub fn ahead(&self) -> impl Iterator<Item = &FollowUp> {
        self.list.iter().filter(|follow_up| follow_up.case_id.is_none())
    }

    /// When the next one begins.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.ahead().map(|follow_up| follow_up.released.at).min()
    }

    /// When the last one begins: until then the subject has to be known.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.ahead().map(|follow_up| follow_up.released.at).max()
    }

    /// What the case that this follow-up becomes must not schedule again.
    pub fn scheduled_beside(&self, follow_up: &FollowUp) -> Vec<Released> {
        let own = self.ahead().filter(|other| other.number != follow_up.number).map(|other| &other.released);
        let before = self.of.iter().flat_map(|origin| &origin.scheduled);
        let later = own.chain(before).filter(|other| other.at > follow_up.released.at);
        later.filter(|other| other.overlaps(&follow_up.released)).cloned().collect()
    }
}

/// Something to be erased later.
struct Row<'a> {
    downstream: &'a str,
    category: &'a str,
    at: Timestamp,
    vain: u32,
}

/// The follow-ups of a case that settles now, with those that have become cases before.
pub fn schedule(case: &Case, tasks: &[Task], now: Timestamp) -> FollowUps {
    let before = &case.proceedings.follow_ups;
    let mut follow_ups = FollowUps {
        list: before.list.iter().filter(|follow_up| follow_up.case_id.is_some()).cloned().collect(),
        last_number: before.last_number,
        left: Vec::new(),
        of: before.of.clone(),
    };
    let mut rows = Vec::new();
    for task in tasks.iter().filter(|task| task.kind() == TaskKind::Erase) {
        retained_rows(task, &mut follow_ups, now, &mut rows);
        if follow_ups.of.is_some() && is_in_vain(task) {
            failed_rows(case, task, &mut follow_ups, now, &mut rows);
        }
    }
    add(&mut follow_ups, rows);
    follow_ups
}

/// What a task says it retained.
fn retained_rows<'a>(task: &'a Task, follow_ups: &mut FollowUps, now: Timestamp, rows: &mut Vec<Row<'a>>) {
    let downstream = task.downstream.as_str();
    for outcome in task.results.iter().filter_map(|result| result.outcome.as_ref()) {
        let category = outcome.category.as_str();
        for retained in outcome.retained.iter().filter(|retained| retained.count > 0) {
            let Some(release_at) = retained.release_at else {
                leave(follow_ups, downstream, category, Unscheduled::NoReleaseTime);
                continue;
            };
            if release_at > now {
                if !is_scheduled_before(follow_ups, downstream, category, release_at) {
                    rows.push(Row { downstream, category, at: release_at, vain: 0 });
                }
            } else if !has_become_a_case(follow_ups, downstream, category, release_at) {
                again(follow_ups, (downstream, category), now, rows);
            }
        }
    }
}

/// What a case that follows up could not have erased.
fn failed_rows<'a>(
    case: &'a Case,
    task: &'a Task,
    follow_ups: &mut FollowUps,
    now: Timestamp,
    rows: &mut Vec<Row<'a>>,
) {
    for category in case.scope.categories.get(&task.downstream).into_iter().flatten() {
        if !rows
            .iter()
            .any(|row| row.downstream == task.downstream && row.category == category && row.vain > 0)
        {
            again(follow_ups, (&task.downstream, category), now, rows);
        }
    }
}

fn is_in_vain(task: &Task) -> bool {
    task.state == TaskState::NeedsAttention || task.reason == Some(TaskReason::RightNotSupported)
}

/// What should have gone by now is tried again: at once if nobody has tried yet, then after ever longer pauses.
fn again<'a>(
    follow_ups: &mut FollowUps,
    (downstream, category): (&'a str, &'a str),
    now: Timestamp,
    rows: &mut Vec<Row<'a>>,
) {
    let Some(origin) = &follow_ups.of else {
        rows.push(Row { downstream, category, at: now, vain: 0 });
        return;
    };
    let vain = origin.vain + 1;
    if vain > VAIN_MAX {
        leave(follow_ups, downstream, category, Unscheduled::InVain);
        return;
    }
    let pause = SignedDuration::from_hours(24) * (1 << (vain - 1));
    rows.push(Row { downstream, category, at: now.saturating_add(pause).unwrap_or(Timestamp::MAX), vain });
}

fn leave(follow_ups: &mut FollowUps, downstream: &str, category: &str, reason: Unscheduled) {
    let left = Left { downstream: downstream.to_owned(), category: category.to_owned(), reason };
    if !follow_ups.left.contains(&left) {
        follow_ups.left.push(left);
    }
}

/// Whether those before this case will come for it.
fn is_scheduled_before(follow_ups: &FollowUps, downstream: &str, category: &str, at: Timestamp) -> bool {
    let scheduled = follow_ups.of.iter().flat_map(|origin| &origin.scheduled);
    scheduled
        .into_iter()
        .any(|other| other.covers(downstream, category) && other.at >= at && day(other.at) == day(at))
}

/// Whether a follow-up of this case has come for it already.
fn has_become_a_case(follow_ups: &FollowUps, downstream: &str, category: &str, at: Timestamp) -> bool {
    let mut done = follow_ups.list.iter().filter(|follow_up| follow_up.case_id.is_some());
    done.any(|done| done.released.covers(downstream, category) && done.released.at >= at)
}

fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// One follow-up for each day.
fn add(follow_ups: &mut FollowUps, rows: Vec<Row<'_>>) {
    let mut days: BTreeMap<(Date, u32), Released> = BTreeMap::new();
    for row in rows {
        let released = days
            .entry((day(row.at), row.vain))
            .or_insert_with(|| Released { at: row.at, categories: Categories::new() });
        released.at = released.at.max(row.at);
        released.categories.entry(row.downstream.to_owned()).or_default().insert(row.category.to_owned());
    }
    for ((_, vain), released) in days {
        let is_full = follow_ups.list.len() >= FOLLOW_UPS_MAX;
        match follow_ups.list.last_mut() {
            Some(last) if is_full && last.case_id.is_none() => {
                for (downstream, categories) in released.categories {
                    last.released.categories.entry(downstream).or_default().extend(categories);
                }
            }
            _ => {
                follow_ups.last_number += 1;
                let number = follow_ups.last_number;
                follow_ups.list.push(FollowUp { number, released, vain, case_id: None });
            }
        }
    }
}

#[cfg(test)]
mod tests;
