//! What exactly a request asks for, beyond its right: corrections, uses, purposes. Each belongs to one right.

use super::choice;
use crate::{
    domain::{Correction, CorrectionRef, Details, Faults, Particulars, Right, Use, correction, subject},
    proto::v1,
};

/// A form has a few dozen fields.
const CORRECTIONS_MAX: usize = 64;
/// Of all values together: they are sealed in one piece, and opened in each attempt.
const VALUES_BYTES_MAX: usize = 128 << 10;
/// As many as one category may have.
const PURPOSES_MAX: usize = 64;
/// As long as a described purpose may be.
const PURPOSE_BYTES_MAX: usize = 1_024;

/// The fields as they were given.
pub(super) struct Given {
    pub(super) corrections: Vec<v1::Correction>,
    pub(super) uses: Vec<i32>,
    pub(super) purposes: Vec<String>,
    pub(super) lift: bool,
}

/// Checks them against the right. Whether there are such categories and purposes is for the engine to say: it knows the
/// registry.
pub(super) fn read(faults: &mut Faults, right: Right, given: Given) -> (Particulars, Details) {
    let only = |faults: &mut Faults, field: &str, is_set: bool, owner: Right| {
        if is_set && right != owner {
            faults.push(
                field,
                format!("must not be set: it belongs to {}", choice::right(owner).as_str_name()),
            );
        }
    };
    only(faults, "corrections", !given.corrections.is_empty(), Right::Rectification);
    only(faults, "uses", !given.uses.is_empty(), Right::Objection);
    only(faults, "purposes", !given.purposes.is_empty(), Right::ConsentWithdrawal);
    only(faults, "lift", given.lift, Right::Restriction);
    let mut corrections = Vec::new();
    if right == Right::Rectification {
        corrections = self::corrections(faults, given.corrections);
    }
    let uses = if right == Right::Objection { uses(faults, &given.uses) } else { Vec::new() };
    purposes(faults, &given.purposes);
    let refs = corrections.iter().map(|correction| correction.of.clone()).collect();
    let particulars = Particulars { uses, purposes: given.purposes, lift: given.lift, corrections: refs };
    (particulars, Details { corrections, ..Details::default() })
}

fn corrections(faults: &mut Faults, given: Vec<v1::Correction>) -> Vec<Correction> {
    if !(1..=CORRECTIONS_MAX).contains(&given.len()) {
        faults.push("corrections", format!("must have 1 to {CORRECTIONS_MAX} entries"));
        return Vec::new();
    }
    let mut read: Vec<Correction> = Vec::with_capacity(given.len());
    for (index, given) in given.into_iter().enumerate() {
        let path = format!("corrections[{index}]");
        for (field, name) in [("downstream", &given.downstream), ("category", &given.category)] {
            let may_be_empty = field == "downstream";
            if !(subject::is_name(name) || (may_be_empty && name.is_empty())) {
                faults.push(format!("{path}.{field}"), subject::NAME_RULE);
            }
        }
        let of = CorrectionRef { downstream: given.downstream, category: given.category, field: given.field };
        let correction = Correction::new(of, &given.old_json, &given.new_json);
        let Some(correction) = faults.take(&path, correction) else { continue };
        if read.iter().any(|earlier| earlier.clashes(&correction)) {
            faults.push(&path, correction::CLASH_RULE);
        }
        read.push(correction);
    }
    if read.iter().map(Correction::bytes).sum::<usize>() > VALUES_BYTES_MAX {
        faults.push("corrections", format!("must have values of at most {VALUES_BYTES_MAX} bytes together"));
    }
    read
}

fn uses(faults: &mut Faults, given: &[i32]) -> Vec<Use> {
    let mut uses = Vec::new();
    if given.is_empty() || given.len() > Use::ALL.len() {
        faults.push("uses", format!("must have 1 to {} entries", Use::ALL.len()));
        return uses;
    }
    for (index, number) in given.iter().enumerate() {
        match choice::use_of(*number) {
            Some(each) if !uses.contains(&each) => uses.push(each),
            Some(_) => faults.push(format!("uses[{index}]"), "must come once"),
            None => faults.push(format!("uses[{index}]"), "must be a Use"),
        }
    }
    uses
}

fn purposes(faults: &mut Faults, given: &[String]) {
    if given.len() > PURPOSES_MAX {
        return faults.push("purposes", format!("must have at most {PURPOSES_MAX} entries"));
    }
    for (index, purpose) in given.iter().enumerate() {
        let fits = (1..=PURPOSE_BYTES_MAX).contains(&purpose.len()) && !purpose.chars().any(char::is_control);
        if !fits || given[..index].contains(purpose) {
            let rule =
                format!("must be 1 to {PURPOSE_BYTES_MAX} bytes without control characters, and come once");
            faults.push(format!("purposes[{index}]"), rule);
        }
    }
}
