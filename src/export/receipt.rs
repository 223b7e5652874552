//! The receipt of an erasure or another change: what each service erased, changed or stopped, what it kept, on which ground
//! and until when, who was told, and what was found when it was collected again. It holds no personal data.

use serde::{Deserialize, Serialize};

use super::Error;
use super::bag::pretty;
use super::facts::{Controller, Facts};
use crate::domain::follow_up::{Categories, FollowUp, Left};
use crate::domain::outcome::Tally;
use crate::domain::statement::{Proof, Standing, Statement};
use crate::domain::{
    CaseId, CaseReason, CategoryOutcome, CategoryResult, FieldResult, Ground, Right, TaskReason, Use,
    confirmation,
};

const VERSION: u32 = 1;

/// The document. `schemas/receipt.schema.json` describes it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Receipt {
    #[serde(rename = "$schema")]
    schema: String,
    version: u32,
    case_id: CaseId,
    right: Right,
    subject_pseudonym: String,
    received_time: jiff::Timestamp,
    opened_time: jiff::Timestamp,
    due_time: jiff::Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    settled_time: Option<jiff::Timestamp>,
    policy_version: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reason: Option<CaseReason>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    uses: Vec<Use>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    purposes: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    lift: bool,
    complete: bool,
    controller: ControllerFacts,
    downstreams: Vec<Downstream>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    follow_up_of: Option<CaseId>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    releases: Vec<Release>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    unscheduled: Vec<Left>,
}

/// When something that is retained now will be erased.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    release_time: jiff::Timestamp,
    categories: Categories,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ControllerFacts {
    name: String,
    contact: String,
    complaint_body: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Downstream {
    name: String,
    title: String,
    standing: Standing,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reason: Option<TaskReason>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ground: Option<Ground>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    backup_horizon_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    proof: Option<Proof>,
    categories: Vec<Category>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    name: String,
    title: String,
    found: Tally,
    erased: u64,
    anonymised: u64,
    restricted: u64,
    retained: Vec<Retained>,
    #[serde(skip_serializing_if = "is_zero", default)]
    rectified: u64,
    #[serde(skip_serializing_if = "is_zero", default)]
    unrestricted: u64,
    #[serde(skip_serializing_if = "is_zero", default)]
    stopped: u64,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    stopped_purposes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    remaining: Option<Tally>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    fields: Vec<FieldResult>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    recipients: Vec<Recipient>,
}

/// A recipient of a category that was changed (GDPR 19).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipient {
    name: String,
    told: bool,
    /// Unset: the downstream describes it as a recipient. `false`: nothing but its being told says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    described: Option<bool>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retained {
    count: u64,
    ground: Ground,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    release_time: Option<jiff::Timestamp>,
}

/// The receipt of a settled case, as JSON text.
pub fn render(facts: &Facts) -> Vec<u8> {
    let case = &facts.case;
    let particulars = &case.proceedings.particulars;
    let follow_ups = &case.proceedings.follow_ups;
    let release = |follow_up: &FollowUp| Release {
        release_time: follow_up.released.at,
        categories: follow_up.released.categories.clone(),
    };
    let Controller { name, contact, complaint_body } = facts.controller.clone();
    pretty(&Receipt {
        schema: "receipt.schema.json".to_owned(),
        version: VERSION,
        case_id: case.id,
        right: case.right,
        subject_pseudonym: case.pseudonym.clone(),
        received_time: case.received_at,
        opened_time: case.opened_at,
        due_time: case.due_at,
        settled_time: case.settled_at,
        policy_version: case.policy_version.clone(),
        reason: case.reason,
        uses: particulars.uses.clone(),
        purposes: particulars.purposes.clone(),
        lift: particulars.lift,
        complete: facts.is_complete(),
        controller: ControllerFacts { name, contact, complaint_body },
        downstreams: facts.statements.iter().map(|statement| downstream(facts, statement)).collect(),
        follow_up_of: follow_ups.of.as_ref().map(|origin| origin.case_id),
        releases: follow_ups.ahead().map(release).collect(),
        unscheduled: follow_ups.left.clone(),
    })
}

fn downstream(facts: &Facts, statement: &Statement) -> Downstream {
    let name = &statement.downstream;
    let capabilities = facts.capabilities(name);
    Downstream {
        name: name.clone(),
        title: facts.title(name).to_owned(),
        standing: statement.standing,
        reason: statement.reason,
        ground: statement.ground.clone(),
        backup_horizon_seconds: capabilities.and_then(|capabilities| capabilities.backup_horizon_seconds),
        proof: statement.proof,
        categories: statement.results.iter().map(|result| category(facts, name, result)).collect(),
    }
}

/// Every described recipient of a category that was changed, and whoever else was told.
fn recipients(facts: &Facts, downstream: &str, outcome: &CategoryOutcome) -> Vec<Recipient> {
    let changed =
        [outcome.erased, outcome.anonymised, outcome.rectified, outcome.restricted, outcome.unrestricted];
    if !facts.case.right.tells_recipients() || changed.iter().all(|count| *count == 0) {
        return Vec::new();
    }
    let described = facts.category(downstream, &outcome.category);
    let names: Vec<&String> = described
        .map(|category| category.recipients.iter().map(|one| &one.name).collect())
        .unwrap_or_default();
    let mut recipients: Vec<Recipient> = Vec::new();
    for name in names {
        if recipients.iter().all(|known| known.name != *name) {
            recipients.push(Recipient {
                name: name.clone(),
                told: outcome.told.contains(name),
                described: None,
            });
        }
    }
    for name in &outcome.told {
        if recipients.iter().all(|known| known.name != *name) {
            recipients.push(Recipient { name: name.clone(), told: true, described: Some(false) });
        }
    }
    recipients
}

fn category(facts: &Facts, downstream: &str, result: &CategoryResult) -> Category {
    let title = facts.category(downstream, &result.category).map(|category| category.title.as_str());
    let outcome = result.outcome.clone().unwrap_or_default();
    let recipients = recipients(facts, downstream, &outcome);
    let retained = |retained: crate::domain::Retained| Retained {
        count: retained.count,
        ground: retained.ground,
        release_time: retained.release_at,
    };
    Category {
        name: result.category.clone(),
        title: title.filter(|title| !title.is_empty()).unwrap_or(&result.category).to_owned(),
        found: result.found.clone(),
        erased: outcome.erased,
        anonymised: outcome.anonymised,
        restricted: outcome.restricted,
        retained: outcome.retained.into_iter().map(retained).collect(),
        rectified: outcome.rectified,
        unrestricted: outcome.unrestricted,
        stopped: outcome.stopped,
        stopped_purposes: outcome.stopped_purposes,
        remaining: result.remaining.clone(),
        fields: result.fields.clone(),
        recipients,
    }
}

/// What a receipt says, once it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The case.
    pub case_id: CaseId,
    /// Whether every service that had to be asked has done it, or holds nothing.
    pub complete: bool,
    /// How each service's part went.
    pub downstreams: Vec<(String, Standing)>,
    /// Records erased in all.
    pub erased: u64,
    /// Records rectified, unrestricted or stopped being used in all.
    pub changed: u64,
    /// Records kept and not used in all.
    pub restricted: u64,
    /// Records kept in all, on a ground.
    pub retained: u64,
    /// Where sums do not agree. A downstream may count rows that it does not hand out, so this is to be read, and not
    /// necessarily a fault.
    pub notes: Vec<String>,
}

/// Checks a receipt's structure and sums. [`Error::Corrupt`] if it is not a receipt, or contradicts itself.
pub fn verify(bytes: &[u8]) -> Result<Verified, Error> {
    let corrupt = || Error::Corrupt("the receipt".to_owned());
    let receipt: Receipt = serde_json::from_slice(bytes).map_err(|_| corrupt())?;
    if receipt.version != VERSION {
        return Err(corrupt());
    }
    let mut verified = Verified {
        case_id: receipt.case_id,
        complete: receipt.complete,
        downstreams: Vec::new(),
        erased: 0,
        changed: 0,
        restricted: 0,
        retained: 0,
        notes: Vec::new(),
    };
    for downstream in &receipt.downstreams {
        for category in &downstream.categories {
            sum_up(&mut verified, receipt.right, downstream, category)?;
        }
        verified.downstreams.push((downstream.name.clone(), downstream.standing));
    }
    let gap = |(_, standing): &(String, Standing)| {
        matches!(standing, Standing::Failed | Standing::Refused | Standing::Unconfirmed | Standing::Waived)
    };
    if receipt.complete && verified.downstreams.iter().any(gap) {
        return Err(corrupt());
    }
    Ok(verified)
}

fn sum_up(
    verified: &mut Verified,
    right: Right,
    downstream: &Downstream,
    category: &Category,
) -> Result<(), Error> {
    let place = format!("{}, {}", downstream.name, category.name);
    let sum = |counts: &[u64]| {
        let sum = counts.iter().copied().try_fold(0, u64::checked_add);
        sum.ok_or_else(|| Error::Corrupt(format!("the receipt ({place})")))
    };
    let retained: Vec<u64> = category.retained.iter().map(|retained| retained.count).collect();
    let retained = sum(&retained)?;
    let kept = sum(&[retained, category.restricted])?;
    verified.changed = sum(&[verified.changed, category.rectified, category.unrestricted, category.stopped])?;
    verified.restricted = sum(&[verified.restricted, category.restricted])?;
    verified.retained = sum(&[verified.retained, retained])?;
    for field in &category.fields {
        let wrong = field.after.is_some_and(|after| after.old > retained);
        if wrong && downstream.standing == Standing::Rectified {
            return Err(Error::Corrupt(format!("the receipt ({place})")));
        }
    }
    if right != Right::Erasure {
        return Ok(());
    }
    let handled = sum(&[category.erased, category.anonymised, kept])?;
    let found = category.found.records;
    // What a person did by hand, nobody counted before.
    if handled != found && downstream.standing != Standing::Stated {
        verified.notes.push(format!("{place}: {found} found, but {handled} accounted for"));
    }
    let (remaining, files) = category.remaining.as_ref().map_or((0, 0), |tally| (tally.records, tally.files));
    if confirmation::exceeds(remaining, files, kept) {
        verified.notes.push(format!("{place}: {remaining} remain, but only {kept} are declared kept"));
        if downstream.standing == Standing::Erased {
            return Err(Error::Corrupt(format!("the receipt ({place})")));
        }
    }
    verified.erased = sum(&[verified.erased, category.erased])?;
    Ok(())
}
