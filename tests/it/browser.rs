//! Calls from web pages: those of the origins that are configured are served, others get nothing that a browser would show
//! them, and without any origin nothing of it is there.

use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, Response};
use rightful::proto::v1::{GetCallerRequest, GetCallerResponse, GetCaseRequest};

use crate::{
    abuse::{Http, framed},
    harness::{Builder, World, people_services, soon},
};

const CONSOLE: &str = "https://console.example.com";
const GET_CALLER: &str = "/rightful.v1.AccessService/GetCaller";
const GET_CASE: &str = "/rightful.v1.CaseService/GetCase";

async fn with_a_console() -> World {
    Builder::new(people_services()).set("server.web_origins", &format!("[\"{CONSOLE}\"]")).start().await
}

fn address(world: &World) -> std::net::SocketAddr {
    world.url().trim_start_matches("http://").parse().expect("it is an address")
}

/// What a browser asks before it calls.
async fn asked(world: &World, origin: &str) -> (u16, HeaderMap) {
    let http = Http::open(address(world)).await;
    let request = http
        .post(GET_CALLER)
        .method("OPTIONS")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-grpc-web");
    let answer = http.begin(request, &[], true).await.expect("it is answered");
    (answer.status().as_u16(), answer.headers().clone())
}

/// What a page's call is answered.
async fn called(world: &World, path: &str, message: &impl prost::Message) -> (HeaderMap, Bytes) {
    let http = Http::open(address(world)).await;
    let mut request = http.post(path).header("origin", CONSOLE).header("x-grpc-web", "1");
    let headers = request.headers_mut().expect("the parts are good");
    headers.insert("content-type", "application/grpc-web+proto".parse().expect("it is ASCII"));
    let answer = http.begin(request, &framed(message), true).await.expect("it is answered");
    let (head, body) = answer.into_parts();
    (head.headers, soon("the answer's end", read(Response::new(body))).await)
}

async fn read(answer: Response<RecvStream>) -> Bytes {
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        bytes.extend_from_slice(&data.expect("it comes whole"));
    }
    bytes.into()
}

/// The message, and the trailers that come after it in the body.
fn parts(body: &[u8]) -> (Option<Vec<u8>>, String) {
    let (mut message, mut trailers, mut rest) = (None, String::new(), body);
    while let Some((head, after)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let (content, after) = after.split_at(usize::try_from(length).expect("it is short"));
        match head[0] {
            0 => message = Some(content.to_vec()),
            0x80 => trailers = String::from_utf8_lossy(content).into_owned(),
            flag => panic!("a frame of {flag}"),
        }
        rest = after;
    }
    (message, trailers)
}

#[tokio::test]
async fn a_page_of_the_console_calls() {
    let world = with_a_console().await;
    let (code, headers) = asked(&world, CONSOLE).await;
    assert_eq!(code, 200);
    assert_eq!(headers["access-control-allow-origin"], CONSOLE);
    assert!(headers.get("access-control-allow-credentials").is_none(), "tokens only");
    let allowed = headers["access-control-allow-headers"].to_str().expect("it is ASCII");
    assert!(allowed.contains("authorization") && allowed.contains("x-grpc-web"), "{allowed}");

    let (headers, body) = called(&world, GET_CALLER, &GetCallerRequest {}).await;
    assert_eq!(headers["content-type"], "application/grpc-web+proto");
    assert_eq!(headers["access-control-allow-origin"], CONSOLE);
    let (message, trailers) = parts(&body);
    let caller: GetCallerResponse =
        prost::Message::decode(&message.expect("it answers")[..]).expect("it decodes");
    assert_eq!(caller.caller, "local");
    assert!(trailers.contains("grpc-status:0"), "{trailers}");

    // Why it is refused reaches the page too.
    let (headers, body) = called(&world, GET_CASE, &GetCaseRequest::default()).await;
    let exposed = headers["access-control-expose-headers"].to_str().expect("it is ASCII");
    assert!(exposed.contains("grpc-status-details-bin"), "{exposed}");
    let status =
        headers.get("grpc-status").map(|status| format!("grpc-status:{}", status.to_str().expect("ASCII")));
    assert!(status.unwrap_or(parts(&body).1).contains("grpc-status:3"), "{headers:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_page_from_elsewhere_is_shown_nothing() {
    let world = with_a_console().await;
    for origin in ["https://evil.example", "https://console.example.com.evil.example", "null"] {
        let (_, headers) = asked(&world, origin).await;
        let allowed =
            headers.get("access-control-allow-origin").map(|origin| origin.to_str().expect("ASCII"));
        assert!(allowed.is_none(), "{origin}: {allowed:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn without_an_origin_there_is_no_grpc_web() {
    let world = Builder::new(people_services()).start().await;
    let (_, headers) = asked(&world, CONSOLE).await;
    assert!(headers.get("access-control-allow-origin").is_none(), "{headers:?}");
    let (headers, _) = called(&world, GET_CALLER, &GetCallerRequest {}).await;
    assert_ne!(
        headers.get("content-type").map(http::HeaderValue::as_bytes),
        Some(&b"application/grpc-web+proto"[..])
    );
    world.finish().await;
}
