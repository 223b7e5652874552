//! Every role against every RPC, over the wire, as the table says; and identities by certificate.

use bytes::Bytes;
use http::uri::PathAndQuery;
use rightful::{
    domain::Role,
    grpc::PERMISSIONS,
    proto::v1::{GetCallerRequest, Role as Shown, access_service_client::AccessServiceClient},
};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::Channel,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use super::{Guarded, bearing, by};
use crate::harness::Named;

/// Bytes as they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put(buffer, item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let remaining = bytes::Buf::remaining(buffer);
        Ok(Some(bytes::Buf::copy_to_bytes(buffer, remaining)))
    }
}

/// Calls an RPC with an empty message, and answers the reason of its error, if it has one.
async fn reason(channel: &Channel, rpc: &str, request: Request<Bytes>) -> Option<(Code, String)> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.expect("it is connected");
    let path: PathAndQuery = format!("/{rpc}").parse().expect("it is a path");
    let status = client.server_streaming(request, path, Raw).await.err()?;
    let info = status.get_details_error_info();
    Some((status.code(), info.map(|info| info.reason).unwrap_or_default()))
}

#[tokio::test]
async fn each_role_may_call_what_the_table_says_and_nothing_else() {
    let guarded = Guarded::start().await;
    let channel = guarded.bare();
    let callers = [
        (Some(Role::Requester), guarded.token("desk", &["desk"])),
        (Some(Role::Operator), guarded.token("ops", &["privacy"])),
        (Some(Role::Approver), guarded.token("dpo", &["dpo"])),
        (Some(Role::Auditor), guarded.token("audit", &["audit"])),
        (Some(Role::Downstream), guarded.token("billing-service", &[])),
        (None, guarded.token("nobody", &["nothing"])),
    ];
    let denied = Some((Code::PermissionDenied, "ERROR_REASON_NOT_PERMITTED".to_owned()));
    let mut refused = 0;
    for (rpc, allowed) in PERMISSIONS {
        for (role, token) in &callers {
            let may = allowed.is_empty() || allowed.iter().any(|(of, _)| Some(*of) == *role);
            let answer = reason(&channel, rpc, by(token, Bytes::new())).await;
            assert_eq!(answer == denied, !may, "{rpc} as {role:?}: {answer:?}");
            refused += usize::from(!may);
        }
        let unknown = reason(&channel, rpc, bearing("", Bytes::new())).await;
        assert_eq!(
            unknown,
            Some((Code::Unauthenticated, "ERROR_REASON_UNAUTHENTICATED".to_owned())),
            "{rpc}"
        );
    }
    assert!(PERMISSIONS.len() >= 39 && refused > 100, "{refused} of {}", PERMISSIONS.len());
    let made_up =
        reason(&channel, "rightful.v1.CaseService/EraseEverything", by(&callers[0].1, Bytes::new()));
    assert_eq!(made_up.await.unwrap().0, Code::Unimplemented);
    let health = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    assert!(health.is_ok(), "probes need no token");
    guarded.world.finish().await;
}

#[tokio::test]
async fn certificates_say_who_calls_where_there_is_no_token() {
    let guarded = Guarded::start().await;
    let whoami = async |client: &rightful::transport::Client, authorization: &str| {
        let mut access = AccessServiceClient::new(guarded.world.channel_as(client));
        access.get_caller(bearing(authorization, GetCallerRequest {})).await.map(tonic::Response::into_inner)
    };
    let admin = guarded.shows("admin2", Named { dns: &[], uris: &["spiffe://shop/admin"] });
    let known = whoami(&admin, "").await.unwrap();
    assert_eq!((known.caller.as_str(), known.roles), ("admin", vec![Shown::Admin.into()]));
    let desk = guarded.shows("desk", Named { dns: &["desk.shop.internal"], uris: &["spiffe://shop/desk"] });
    let known = whoami(&desk, "").await.unwrap();
    assert_eq!((known.caller.as_str(), known.roles), ("desk.shop.internal", vec![Shown::Requester.into()]));
    // A name that is like one, and a host name that is an authority's business, are nobody.
    for uri in
        ["spiffe://shop/admin2", "spiffe://shop/admi", "spiffe://SHOP/admin", "spiffe://evil/shop/admin"]
    {
        let stranger = guarded.shows("stranger", Named { dns: &["admin"], uris: &[uri] });
        assert_eq!(whoami(&stranger, "").await.unwrap_err().code(), Code::Unauthenticated, "{uri}");
    }
    // A token decides alone: an admin's certificate makes no admin of it, and a bad one is not made good.
    let token = format!("Bearer {}", guarded.token("ada", &["audit"]));
    let known = whoami(&admin, &token).await.unwrap();
    assert_eq!((known.caller.as_str(), known.roles), ("ada", vec![Shown::Auditor.into()]));
    assert_eq!(whoami(&admin, "Bearer x").await.unwrap_err().code(), Code::Unauthenticated);
    guarded.world.finish().await;
}
