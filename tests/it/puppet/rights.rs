//! What a puppet does for rights other than erasure.

use rightful::proto::downstream::v1::{
    CategoryOutcome, CategoryPurposes, Correction, DescribeResponse, GroundCode, ObjectRequest, Outcome,
    Retained,
};
use serde_json::Value;

use super::{Person, ground};

/// One outcome for each of these categories.
fn outcomes<'a>(categories: impl IntoIterator<Item = &'a String>) -> Vec<CategoryOutcome> {
    let mut outcomes: Vec<CategoryOutcome> = Vec::new();
    for category in categories {
        if outcomes.iter().all(|outcome| outcome.category != *category) {
            outcomes.push(CategoryOutcome { category: category.clone(), ..CategoryOutcome::default() });
        }
    }
    outcomes
}

/// Puts fields right; with `half` only in every second record of what it says. Records with `"fixed": true` stay as they
/// are, on a ground.
pub fn rectify<'a>(
    people: impl Iterator<Item = &'a mut Person>,
    corrections: &[Correction],
    half: bool,
) -> Outcome {
    let mut categories = outcomes(corrections.iter().map(|correction| &correction.category));
    for (category, json) in people.flat_map(|person| &mut person.records) {
        let Some(outcome) = categories.iter_mut().find(|outcome| outcome.category == *category) else {
            continue;
        };
        let mut record: Value = serde_json::from_slice(json).expect("tests write JSON");
        let fixed = record["fixed"] == true;
        let mut is_wrong = false;
        for correction in corrections.iter().filter(|correction| correction.category == *category) {
            let new: Value = serde_json::from_str(&correction.new_json).expect("rightful sends JSON");
            let old: Option<Value> = serde_json::from_str(&correction.old_json).ok();
            let Some(held) = record.pointer_mut(&correction.field) else { continue };
            if *held != new && old.is_none_or(|old| old == *held) {
                is_wrong = true;
                if !(fixed || half && outcome.rectified % 2 == 1) {
                    *held = new;
                }
            }
        }
        if is_wrong && fixed {
            let law = ground(GroundCode::LegalObligation, "BAO § 131");
            outcome.retained.push(Retained { count: 1, ground: Some(law), release_time: None });
        } else if is_wrong {
            outcome.rectified += 1;
            *json = record.to_string().into();
        }
    }
    Outcome { categories }
}

/// Restricts, or lifts that; with `half` every second record is lost on the way.
pub fn restrict<'a>(
    people: impl Iterator<Item = &'a mut Person>,
    categories: &[String],
    lift: bool,
    half: bool,
) -> Outcome {
    let mut outcomes = outcomes(categories);
    for person in people {
        for outcome in &mut outcomes {
            let was_restricted = person.restricted.contains(&outcome.category);
            let records = person.count(&outcome.category);
            if lift {
                outcome.unrestricted += if was_restricted { records } else { 0 };
                person.restricted.remove(&outcome.category);
            } else {
                outcome.restricted += records;
                person.restricted.insert(outcome.category.clone());
            }
            let mut number = 0;
            person.records.retain(|(category, _)| {
                number += u32::from(*category == outcome.category);
                *category != outcome.category || !half || number % 2 == 0
            });
        }
    }
    Outcome { categories: outcomes }
}

/// Stops uses of every category.
pub fn object<'a>(people: impl Iterator<Item = &'a mut Person>, request: &ObjectRequest) -> Outcome {
    let mut categories = outcomes(&request.categories);
    for person in people {
        for outcome in &mut categories {
            outcome.stopped += person.count(&outcome.category);
        }
        person.stopped.extend(request.uses().map(|each| each.as_str_name().to_owned()));
    }
    Outcome { categories }
}

/// Stops what rested on consent.
pub fn withdraw<'a>(people: impl Iterator<Item = &'a mut Person>, asked: &[CategoryPurposes]) -> Outcome {
    let mut categories = outcomes(asked.iter().map(|of| &of.category));
    for person in people {
        for (of, outcome) in asked.iter().zip(&mut categories) {
            outcome.stopped += person.count(&of.category);
            outcome.stopped_purposes.clone_from(&of.purposes);
            person.stopped.extend(of.purposes.iter().cloned());
        }
    }
    Outcome { categories }
}

/// Tells the first recipient of each category that was changed, and no other.
pub fn tell(outcome: &mut Outcome, description: &DescribeResponse) {
    for outcome in &mut outcome.categories {
        let category = description.categories.iter().find(|category| category.name == outcome.category);
        let first = category.and_then(|category| category.recipients.first());
        let changes =
            [outcome.erased, outcome.anonymised, outcome.rectified, outcome.restricted, outcome.unrestricted];
        if changes.iter().any(|count| *count > 0) {
            outcome.told.extend(first.map(|recipient| recipient.name.clone()));
        }
    }
}
