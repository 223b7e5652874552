//! A server under TLS that knows its callers: who is none of them, and what those do not get who may do less.

use rightful::proto::{
    downstream::v1::Right,
    v1::{
        ApproveCaseRequest, CancelCaseRequest, CheckDownstreamRequest, GetCallerRequest, GetCaseRequest,
        GetGuardianRequest, ListCasesRequest, ListDenialsRequest, OpenCaseRequest, PauseDownstreamRequest,
        PlaceHoldRequest, RunSweepRequest, access_service_client::AccessServiceClient,
        case_service_client::CaseServiceClient, downstream_service_client::DownstreamServiceClient,
        hold_service_client::HoldServiceClient, retention_service_client::RetentionServiceClient,
    },
};

use super::{
    Answers, Arena, answer,
    well_behaved::WellBehaved,
    wire::{PREFACE, SETTINGS, Wire, frame},
};
use crate::{
    auth::{Guarded, bad_tokens, bearing, by},
    canary::{CANARY, assert_nowhere},
    harness::{Authority, Builder, Named, VALID, opening},
};

/// Abuses it.
pub async fn abused() -> Answers {
    let guarded = Guarded::with(settings, "").await;
    let token = guarded.token("well-behaved", &["desk", "privacy"]);
    let arena = Arena::new(&guarded.world);
    let well_behaved = WellBehaved::start(&guarded.world, Some(token)).await;
    handshakes(&arena).await;
    certificates(&arena, &guarded).await;
    tokens(&arena, &guarded).await;
    roles(&arena, &guarded).await;
    well_behaved.ask().await.assert_unharmed();
    assert_nowhere(&guarded.world).await;
    let answers = arena.answers.into_inner().expect("nobody panicked");
    guarded.world.finish().await;
    answers
}

fn settings(builder: Builder) -> Builder {
    builder.binary().set("telemetry.log_filter", "\"trace\"").set("server.tls.handshake_timeout", "\"400ms\"")
}

/// What begins as no TLS does, or does not go on.
async fn handshakes(arena: &Arena<'_>) {
    let record = |version: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).expect("it is short").to_be_bytes();
        [&[22, 3, version][..], &length, body].concat()
    };
    let in_clear = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let hello = |version: [u8; 2]| {
        let body = [&version[..], &[7; 32], &[0, 0, 2, 0xc0, 0x2f, 1, 0]].concat();
        record(1, &[&[1, 0, 0, u8::try_from(body.len()).expect("it is short")][..], &body].concat())
    };
    for (name, bytes) in [
        ("HTTP/2 in clear", in_clear),
        ("HTTP/1.1 in clear", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("nothing", vec![]),
        ("half a hello", record(1, &[1, 0, 2, 0])[..7].to_vec()),
        ("SSL 2", vec![0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10]),
        ("SSL 3", hello([3, 0])),
        ("TLS 1.0", hello([3, 1])),
        ("TLS 1.1", hello([3, 2])),
        ("a hello without anything to agree on", hello([3, 3])),
        ("a record of 64 KiB", [&[22, 3, 1, 0xff, 0xff][..], &[1; 2_000]].concat()),
        ("an alert first", vec![21, 3, 3, 0, 2, 2, 40]),
        ("data first", vec![23, 3, 3, 0, 4, 1, 2, 3, 4]),
    ] {
        let mut wire = Wire::open(arena.address()).await;
        wire.send(&bytes).await;
        arena.note("handshakes", name, wire.closed().await);
    }
}

/// Certificates that are none, or not for this.
async fn certificates(arena: &Arena<'_>, guarded: &Guarded) {
    let admin = Named { dns: &[], uris: &["spiffe://shop/admin"] };
    let strangers = Authority::default();
    let shown = |issued| guarded.authority.showing(issued);
    for (name, client) in [
        ("a stranger's authority", shown(strangers.issue("admin", admin, VALID))),
        ("one that names nobody", shown(guarded.authority.issue("nobody", Named::default(), VALID))),
        (
            "one of nobody that is known",
            shown(guarded.authority.issue(
                "unknown",
                Named { dns: &["admin"], uris: &["spiffe://shop/administrator"] },
                VALID,
            )),
        ),
        (
            "one of another trust domain",
            shown(guarded.authority.issue(
                "elsewhere",
                Named { dns: &[], uris: &["spiffe://elsewhere/admin"] },
                VALID,
            )),
        ),
        (
            "one of two workloads",
            shown(guarded.authority.issue(
                "two",
                Named { dns: &[], uris: &["spiffe://shop/admin", "spiffe://shop/other"] },
                VALID,
            )),
        ),
        ("none", guarded.authority.trusting()),
    ] {
        let mut cases = CaseServiceClient::new(guarded.world.channel_as(&client));
        let listed = cases.list_cases(ListCasesRequest::default()).await;
        let listed = match listed {
            Err(status) if status.details().is_empty() => "the connection ends".to_owned(),
            other => answer(other),
        };
        arena.note("certificates", name, listed);
    }
}

/// Who brings no token, or none that is good.
async fn tokens(arena: &Arena<'_>, guarded: &Guarded) {
    let mut access = AccessServiceClient::new(guarded.bare());
    for (name, token, _) in bad_tokens(guarded) {
        let known = access.get_caller(by(&token, GetCallerRequest {})).await;
        arena.note("tokens", name, answer(known));
    }
    let good = guarded.token("desk", &["desk"]);
    for (name, authorization) in [
        ("no authorization", String::new()),
        ("another scheme", "Basic cm9vdDpyb290".to_owned()),
        ("a scheme without a token", "Bearer".to_owned()),
        ("a token without a scheme", good.clone()),
        ("two tokens in one", format!("Bearer {good}, Bearer {good}")),
        ("somebody's address", format!("Bearer {CANARY}@example.org")),
    ] {
        let known = access.get_caller(bearing(&authorization, GetCallerRequest {})).await;
        arena.note("tokens", name, answer(known));
    }
    let mut twice = by(&good, GetCallerRequest {});
    let again = format!("Bearer {good}").parse().expect("it is ASCII");
    twice.metadata_mut().append("authorization", again);
    arena.note("tokens", "two authorizations", answer(access.get_caller(twice).await));
    let mut named = by(&good, GetCallerRequest {});
    named.metadata_mut().insert("rightful-caller", "admin".parse().expect("it is ASCII"));
    arena.note("tokens", "a name besides the token's", answer(access.get_caller(named).await));
}

/// Who is known, and asks for what others may.
async fn roles(arena: &Arena<'_>, guarded: &Guarded) {
    let channel = guarded.bare();
    let mut cases = CaseServiceClient::new(channel.clone());
    let mut downstreams = DownstreamServiceClient::new(channel.clone());
    let mut holds = HoldServiceClient::new(channel.clone());
    let mut retention = RetentionServiceClient::new(channel.clone());
    let mut access = AccessServiceClient::new(channel);
    let desk = guarded.token("desk", &["desk"]);
    let opened = cases.open_case(by(&desk, opening(Right::Access, &[("email", "x@example.org")]))).await;
    let case_id = opened.expect("it may").into_inner().case.expect("there is one").case_id;
    let id = || case_id.clone();
    for (name, caller, groups) in [
        ("nobody's role", "nobody", &[][..]),
        ("a group that is none", "nobody", &["admin", "root", "*", ""][..]),
        ("another requester", "shop", &["desk"][..]),
        ("an auditor", "auditor", &["audit"][..]),
        ("a downstream", "billing-service", &[][..]),
    ] {
        let token = guarded.token(caller, groups);
        let note = |rpc: &str, answer: String| arena.note("roles", &format!("{rpc}, {name}"), answer);
        note("GetCase", answer(cases.get_case(by(&token, GetCaseRequest { case_id: id() })).await));
        note("CancelCase", answer(cases.cancel_case(by(&token, CancelCaseRequest { case_id: id() })).await));
        let approve = ApproveCaseRequest { case_id: id(), note: String::new() };
        note("ApproveCase", answer(cases.approve_case(by(&token, approve)).await));
        note(
            "GetGuardian",
            answer(cases.get_guardian(by(&token, GetGuardianRequest { case_id: id() })).await),
        );
        let pause = PauseDownstreamRequest { name: "marketing".into(), note: String::new() };
        note("PauseDownstream", answer(downstreams.pause_downstream(by(&token, pause)).await));
        let check = CheckDownstreamRequest { name: "marketing".into() };
        note("CheckDownstream", answer(downstreams.check_downstream(by(&token, check)).await));
        note("PlaceHold", answer(holds.place_hold(by(&token, PlaceHoldRequest::default())).await));
        let run = RunSweepRequest { sweep_id: id(), despite_holds: true };
        note("RunSweep", answer(retention.run_sweep(by(&token, run)).await));
        note("ListDenials", answer(access.list_denials(by(&token, ListDenialsRequest::default())).await));
    }
    let auditor = guarded.token("auditor", &["audit"]);
    let open = opening(Right::Erasure, &[("email", "x@example.org")]);
    arena.note("roles", "OpenCase, an auditor", answer(cases.open_case(by(&auditor, open)).await));
    let nothing = OpenCaseRequest::default();
    arena.note(
        "roles",
        "OpenCase of nothing, an auditor",
        answer(cases.open_case(by(&auditor, nothing)).await),
    );
}
