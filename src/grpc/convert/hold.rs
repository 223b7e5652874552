//! Legal holds: requests checked whole, and holds for the eyes of a caller. The pseudonym stays inside.

use super::{category, choice, request, time};
use crate::{
    domain::{Faults, Ground, GroundCode, Hold, HoldId, Identifier},
    engine::{HeldCase, HoldFilter, NewHold, PlacedHold},
    grpc::page,
    proto::{downstream::v1 as shared, v1},
};

/// A file number.
const MATTER_BYTES_MAX: usize = 128;
/// A law and its article, as in `subject_data.proto`.
const SOURCE_BYTES_MAX: usize = 256;
/// A sentence for a person, as in `subject_data.proto`.
const GROUND_NOTE_BYTES_MAX: usize = 1_024;

/// A request to place a hold.
pub(crate) fn new_hold(given: v1::PlaceHoldRequest, caller: &str) -> Result<NewHold, Faults> {
    let mut faults = Faults::default();
    request::ascii(&mut faults, "request_id", &given.request_id, 1..=request::REQUEST_ID_BYTES_MAX);
    let subject = request::subject(&mut faults, given.subject);
    let ground = ground(&mut faults, given.ground);
    request::text(&mut faults, "matter", &given.matter, 1..=MATTER_BYTES_MAX);
    request::text(&mut faults, "note", &given.note, 0..=request::NOTE_BYTES_MAX);
    faults.or(NewHold {
        caller: caller.to_owned(),
        request_id: given.request_id,
        subject,
        ground,
        matter: given.matter,
        note: given.note,
    })
}

fn ground(faults: &mut Faults, given: Option<shared::Ground>) -> Ground {
    let given = given.unwrap_or_else(|| shared::Ground {
        code: shared::GroundCode::LegalHold.into(),
        ..Default::default()
    });
    let code = choice::ground_code_of(given.code).unwrap_or_else(|| {
        faults.push("ground.code", "must be a GroundCode");
        GroundCode::LegalHold
    });
    request::text(faults, "ground.source", &given.source, 0..=SOURCE_BYTES_MAX);
    request::text(faults, "ground.note", &given.note, 0..=GROUND_NOTE_BYTES_MAX);
    Ground { code, source: given.source, note: given.note }
}

/// A request to release a hold: which, and why.
pub(crate) fn release_hold(given: v1::ReleaseHoldRequest) -> Result<(HoldId, String), Faults> {
    let mut faults = Faults::default();
    let id = faults.take("hold_id", given.hold_id.parse());
    request::text(&mut faults, "note", &given.note, 0..=request::NOTE_BYTES_MAX);
    // Without an id there is a fault.
    faults.or(()).map(|()| (id.unwrap_or(HoldId(uuid::Uuid::nil())), given.note))
}

/// Which holds to list, and after which one.
pub(crate) fn hold_filter(given: &mut v1::ListHoldsRequest) -> Result<(HoldFilter, Option<HoldId>), Faults> {
    let mut faults = Faults::default();
    let identifier = given
        .identifier
        .as_ref()
        .and_then(|given| faults.take("identifier", Identifier::new(&given.kind, &given.value)));
    let after = faults.take("page_token", page::hold_before(given)).flatten();
    faults.or((HoldFilter { active: given.active, identifier }, after))
}

/// A hold.
pub(crate) fn hold(hold: Hold) -> v1::Hold {
    let (release_time, release_caller, release_note) = match hold.release {
        Some(release) => (Some(time::time(release.at)), release.caller, release.note),
        None => (None, String::new(), String::new()),
    };
    v1::Hold {
        hold_id: hold.id.to_string(),
        request_id: hold.request_id,
        ground: Some(category::ground(hold.ground)),
        matter: hold.matter,
        note: hold.note,
        identifier_kinds: hold.identifier_kinds.iter().map(ToString::to_string).collect(),
        place_time: Some(time::time(hold.placed_at)),
        place_caller: hold.caller,
        release_time,
        release_caller,
        release_note,
    }
}

/// A hold that was placed, with the cases that it covers.
pub(crate) fn placed_hold(placed: PlacedHold) -> v1::PlaceHoldResponse {
    let case = |held: HeldCase| v1::HeldCase {
        case_id: held.case_id.to_string(),
        waiting_downstreams: held.waiting,
        sent_downstreams: held.sent,
    };
    v1::PlaceHoldResponse {
        hold: Some(hold(placed.hold)),
        replayed: placed.replayed,
        cases: placed.cases.into_iter().map(case).collect(),
    }
}
