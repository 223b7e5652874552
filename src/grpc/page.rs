//! Page tokens: where the page before ended, and for which filters. Opaque to callers.

use std::mem;

use prost::Message;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    domain::{CaseId, Fault, HoldId, SweepId, subject::is_name},
    proto::v1::{ListCasesRequest, ListDenialsRequest, ListHoldsRequest, ListSweepsRequest},
};

/// The first byte of a token that continues a list of cases. Another layout takes another number.
const CASES: u8 = 1;
/// The first byte of a token that continues a list of downstreams.
const DOWNSTREAMS: u8 = 2;
/// The first byte of a token that continues a list of holds.
const HOLDS: u8 = 3;
/// The first byte of a token that continues a list of sweeps.
const SWEEPS: u8 = 4;
/// The first byte of a token that continues a list of denials.
const DENIALS: u8 = 5;
/// Bytes of the digest over the filters. It guards against mistakes, not against forgers: a forged token shows
/// nothing that its caller may not list anyway.
const DIGEST_BYTES: usize = 8;
/// Bytes of an id.
const ID_BYTES: usize = 16;
const RULE: &str = "must be the next_page_token of the page before, with the same filters";

/// How many items a page has: `default` if the caller leaves it open, 500 at the most, which keeps an answer under
/// the 4 MiB that clients commonly take.
pub(super) fn size(asked: u32, default: u32) -> u32 {
    if asked == 0 { default } else { asked.min(500) }
}

/// A token that continues after this case.
pub(super) fn after_case(after: CaseId, request: &mut ListCasesRequest) -> String {
    after_id(CASES, after.0, request)
}

/// After which case the page begins; absent for the first one.
pub(super) fn case_before(request: &mut ListCasesRequest) -> Result<Option<CaseId>, Fault> {
    Ok(id_before(CASES, request)?.map(CaseId))
}

/// A token that continues after this hold.
pub(super) fn after_hold(after: HoldId, request: &mut ListHoldsRequest) -> String {
    after_id(HOLDS, after.0, request)
}

/// After which hold the page begins; absent for the first one.
pub(super) fn hold_before(request: &mut ListHoldsRequest) -> Result<Option<HoldId>, Fault> {
    Ok(id_before(HOLDS, request)?.map(HoldId))
}

/// A token that continues after this sweep.
pub(super) fn after_sweep(after: SweepId, request: &mut ListSweepsRequest) -> String {
    after_id(SWEEPS, after.0, request)
}

/// After which sweep the page begins; absent for the first one.
pub(super) fn sweep_before(request: &mut ListSweepsRequest) -> Result<Option<SweepId>, Fault> {
    Ok(id_before(SWEEPS, request)?.map(SweepId))
}

/// A token that continues after this denial.
pub(super) fn after_denial(after: Uuid, request: &mut ListDenialsRequest) -> String {
    after_id(DENIALS, after, request)
}

/// After which denial the page begins; absent for the first one.
pub(super) fn denial_before(request: &mut ListDenialsRequest) -> Result<Option<Uuid>, Fault> {
    id_before(DENIALS, request)
}

/// A request for a page of a list that is in order of ids.
trait Paged: Message {
    /// Its token and its size.
    fn page(&mut self) -> (&mut String, &mut u32);
}

impl Paged for ListCasesRequest {
    fn page(&mut self) -> (&mut String, &mut u32) {
        (&mut self.page_token, &mut self.page_size)
    }
}

impl Paged for ListDenialsRequest {
    fn page(&mut self) -> (&mut String, &mut u32) {
        (&mut self.page_token, &mut self.page_size)
    }
}

impl Paged for ListSweepsRequest {
    fn page(&mut self) -> (&mut String, &mut u32) {
        (&mut self.page_token, &mut self.page_size)
    }
}

impl Paged for ListHoldsRequest {
    fn page(&mut self) -> (&mut String, &mut u32) {
        (&mut self.page_token, &mut self.page_size)
    }
}

fn after_id(list: u8, after: Uuid, request: &mut impl Paged) -> String {
    let mut token = vec![list];
    token.extend_from_slice(after.as_bytes());
    token.extend_from_slice(&digest(after, request));
    hex::encode(token)
}

fn id_before(list: u8, request: &mut impl Paged) -> Result<Option<Uuid>, Fault> {
    let (token, _) = request.page();
    if token.is_empty() {
        return Ok(None);
    }
    let fault = || Fault::new("", RULE);
    let bytes = hex::decode(token).map_err(|_| fault())?;
    let (_, rest) = bytes.split_first().filter(|(first, _)| **first == list).ok_or_else(fault)?;
    let (id, given) = rest.split_at_checked(ID_BYTES).ok_or_else(fault)?;
    let after = Uuid::from_slice(id).map_err(|_| fault())?;
    if given == digest(after, request) { Ok(Some(after)) } else { Err(fault()) }
}

/// Over the filters, and over the id: an identifier that is asked for leaves no fingerprint that could be recognised
/// in another token.
fn digest(after: Uuid, request: &mut impl Paged) -> [u8; DIGEST_BYTES] {
    let (token, size) = request.page();
    let page = (mem::take(token), mem::take(size));
    let filters = request.encode_to_vec();
    let (token, size) = request.page();
    (*token, *size) = page;
    let full = Sha256::new().chain_update(after.as_bytes()).chain_update(filters).finalize();
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&full[..DIGEST_BYTES]);
    short
}

/// A token that continues after the downstream of this name.
pub(super) fn after_downstream(name: &str) -> String {
    hex::encode([&[DOWNSTREAMS], name.as_bytes()].concat())
}

/// After which name the page begins; absent for the first one.
pub(super) fn downstream_before(token: &str) -> Result<Option<String>, Fault> {
    if token.is_empty() {
        return Ok(None);
    }
    let fault = || Fault::new("", RULE);
    let bytes = hex::decode(token).map_err(|_| fault())?;
    let Some((&DOWNSTREAMS, name)) = bytes.split_first() else { return Err(fault()) };
    let name = str::from_utf8(name).ok().filter(|name| is_name(name)).ok_or_else(fault)?;
    Ok(Some(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::downstream::v1::Identifier;

    fn request() -> ListCasesRequest {
        let identifier = Identifier { kind: "email".into(), value: "ada@example.org".into() };
        ListCasesRequest { page_size: 10, overdue: true, identifier: Some(identifier), ..Default::default() }
    }

    #[test]
    fn a_token_finds_its_place_whatever_the_page_size() {
        let after = CaseId(Uuid::from_u128(0x0199_7000));
        let mut next = request();
        next.page_token = after_case(after, &mut request());
        next.page_size = 20;
        assert_eq!(case_before(&mut next), Ok(Some(after)));
        assert_eq!(next.page_size, 20);
        assert_eq!(case_before(&mut request()), Ok(None));
    }

    #[test]
    fn other_filters_and_garbage_are_faults() {
        let token = after_case(CaseId(Uuid::from_u128(7)), &mut request());
        let mut other = request();
        other.overdue = false;
        other.page_token.clone_from(&token);
        assert!(case_before(&mut other).is_err());
        let mut forged = token.clone();
        forged.replace_range(4..6, "ff");
        let swapped = after_downstream("billing");
        for garbage in
            ["x", "zz", "01", "ff", &token[2..], &token[..20], &forged, &swapped, &format!("{token}00")]
        {
            let mut bad = request();
            bad.page_token = garbage.to_owned();
            assert!(case_before(&mut bad).is_err(), "{garbage}");
        }
    }

    #[test]
    fn equal_filters_leave_no_recognisable_trace() {
        let first = after_case(CaseId(Uuid::from_u128(1)), &mut request());
        let second = after_case(CaseId(Uuid::from_u128(2)), &mut request());
        assert_ne!(first[34..], second[34..]);
    }

    #[test]
    fn downstream_tokens_hold_a_name() {
        assert_eq!(downstream_before(&after_downstream("billing")), Ok(Some("billing".into())));
        assert_eq!(downstream_before(""), Ok(None));
        for garbage in
            ["02", "0x", &after_downstream("../x"), &after_case(CaseId(Uuid::nil()), &mut request())]
        {
            assert!(downstream_before(garbage).is_err(), "{garbage}");
        }
    }

    #[test]
    fn pages_have_a_default_and_a_limit() {
        assert_eq!((size(0, 50), size(7, 50), size(501, 50), size(u32::MAX, 50)), (50, 7, 500, 500));
    }
}
