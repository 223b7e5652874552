//! What every gRPC server offers besides: health and reflection.

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message as _;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{v1, v1alpha};

use crate::harness::{World, people_services};

#[tokio::test]
async fn health_is_answered_for_the_server_and_for_each_service() {
    let world = World::start(people_services()).await;
    let mut health = HealthClient::new(world.channel());
    for service in ["", "rightful.v1.CaseService", "rightful.v1.DownstreamService"] {
        let answer = health.check(HealthCheckRequest { service: service.into() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
    let unknown = health.check(HealthCheckRequest { service: "rightful.v9.Nothing".into() }).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    world.finish().await;
}

#[tokio::test]
async fn reflection_lists_the_services() {
    use v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let world = World::start(people_services()).await;
    let mut reflection = ServerReflectionClient::new(world.channel());
    let ask = |message_request| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message_request),
    };
    let questions = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("rightful.v1.CaseService".into())),
    ];
    let mut answers =
        reflection.server_reflection_info(tokio_stream::iter(questions)).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("it lists the services")
    };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in [
        "rightful.v1.CaseService",
        "rightful.v1.DownstreamService",
        "rightful.v1.NoticeService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let Some(MessageResponse::FileDescriptorResponse(files)) =
        answers.message().await.unwrap().unwrap().message_response
    else {
        panic!("it answers the file of a service")
    };
    let described = files.file_descriptor_proto.iter().any(|bytes| {
        let file = prost_types::FileDescriptorProto::decode(bytes.as_slice()).expect("it is a descriptor");
        file.service.iter().any(|service| service.name() == "CaseService" && service.method.len() == 19)
    });
    assert!(described, "CaseService with all of its RPCs");
    world.finish().await;
}

#[tokio::test]
async fn reflection_answers_older_clients_too() {
    use v1alpha::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let world = World::start(people_services()).await;
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(world.channel())
        .server_reflection_info(tokio_stream::iter([question]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("it lists the services") };
    assert!(list.service.iter().any(|service| service.name == "rightful.v1.CaseService"));
    world.finish().await;
}

#[tokio::test]
async fn bytes_that_are_no_request_are_refused() {
    let world = World::start(people_services()).await;
    let mut raw = tonic::client::Grpc::new(world.channel());
    raw.ready().await.unwrap();
    let path = PathAndQuery::from_static("/rightful.v1.CaseService/OpenCase");
    let garbage = tonic::Request::new(Bytes::from_static(b"\xff\xff\xff\xff\xff\xff garbage"));
    let refused = raw.unary(garbage, path, RawCodec).await.unwrap_err();
    assert!(matches!(refused.code(), Code::Internal | Code::InvalidArgument), "{refused:?}");
    world.finish().await;
}

/// Sends and takes bytes as they are.
struct RawCodec;

impl tonic::codec::Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

struct Raw;

impl tonic::codec::Encoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, out: &mut tonic::codec::EncodeBuf<'_>) -> Result<(), tonic::Status> {
        bytes::BufMut::put(out, item);
        Ok(())
    }
}

impl tonic::codec::Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, from: &mut tonic::codec::DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        let length = bytes::Buf::remaining(from);
        Ok(Some(bytes::Buf::copy_to_bytes(from, length)))
    }
}
