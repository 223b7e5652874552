//! What is HTTP but no gRPC, gRPC that breaks its rules, and bytes that are no message.

use prost::Message as _;
use rightful::proto::{
    downstream::v1::Right,
    v1::{GetCaseRequest, ListCasesRequest, OpenCaseRequest},
};

use super::{
    Arena,
    http::{Http, framed, prefixed},
};
use crate::{canary::CANARY, harness::opening};

const GET: &str = "/rightful.v1.CaseService/GetCase";
const LIST: &str = "/rightful.v1.CaseService/ListCases";
const OPEN: &str = "/rightful.v1.CaseService/OpenCase";

fn nothing() -> Vec<u8> {
    framed(&GetCaseRequest { case_id: "0199aaaa-0000-7000-8000-000000000000".into() })
}

/// HTTP that is no gRPC.
pub async fn http(arena: &Arena<'_>) {
    let http = Http::open(arena.address()).await;
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let request = http.post(GET).method(method);
        arena.note("http", &format!("the method {method}"), http.send(request, b"").await);
    }
    for kind in [
        "",
        "text/html",
        "application/json",
        "application/x-protobuf",
        "application/grpc-web",
        "application/grpc-web-text",
        "multipart/form-data; boundary=x",
        "application/grpcx",
    ] {
        let mut request = http.post(GET);
        if let Some(headers) = request.headers_mut() {
            headers.remove("content-type");
            headers.insert("content-type", kind.parse().expect("it is a header"));
        }
        let name =
            if kind.is_empty() { "no content type".to_owned() } else { format!("content type {kind}") };
        arena.note("http", &name, http.send(request, &nothing()).await);
    }
    for (name, path) in [
        ("the root", "/".to_owned()),
        ("the metrics", "/metrics".to_owned()),
        ("an unknown service", "/rightful.v1.NoService/GetCase".to_owned()),
        ("an unknown method", "/rightful.v1.CaseService/DropCases".to_owned()),
        ("a downstream's service", "/rightful.downstream.v1.SubjectDataService/Describe".to_owned()),
        ("a method in lower case", "/rightful.v1.CaseService/getcase".to_owned()),
        ("a slash at the end", format!("{GET}/")),
        ("two slashes", format!("/{GET}")),
        ("a dot in percent", "/rightful%2Ev1.CaseService/GetCase".to_owned()),
        ("a slash in percent", "/rightful.v1.CaseService%2FGetCase".to_owned()),
        ("a letter in percent", "/rightful.v1.CaseService/%47etCase".to_owned()),
        ("dots that go up", "/rightful.v1.CaseService/../rightful.v1.CaseService/GetCase".to_owned()),
        ("a zero in percent", format!("{GET}%00")),
        ("a semicolon", format!("{GET};admin=1")),
        ("somebody's address", format!("/rightful.v1.CaseService/{CANARY}@example.org")),
        ("8,000 bytes", format!("/rightful.v1.CaseService/{}", "x".repeat(8_000))),
        ("the debugger of another language", "/debug/pprof/heap".to_owned()),
        ("a question mark", format!("{GET}?case_id={CANARY}")),
    ] {
        arena.note("paths", name, http.send(http.post(&path), &nothing()).await);
    }
}

/// Headers that gRPC or we give a meaning.
pub async fn metadata(arena: &Arena<'_>) {
    let http = Http::open(arena.address()).await;
    let list = framed(&ListCasesRequest { page_size: 1, ..ListCasesRequest::default() });
    let long = "x".repeat(3_000);
    for (name, headers) in [
        ("a timeout that is none", vec![("grpc-timeout", "soon")]),
        ("a timeout before now", vec![("grpc-timeout", "-1S")]),
        ("a timeout of nine digits", vec![("grpc-timeout", "999999999H")]),
        ("a timeout of centuries", vec![("grpc-timeout", "99999999H")]),
        ("an unknown compression", vec![("grpc-encoding", "br")]),
        ("an unasked compression", vec![("grpc-encoding", "gzip")]),
        ("compressions that are none", vec![("grpc-accept-encoding", ", ,,;q=x")]),
        ("a caller in capitals", vec![("rightful-caller", "CRM")]),
        ("a caller of two words", vec![("rightful-caller", "crm desk")]),
        ("a caller of nothing", vec![("rightful-caller", "")]),
        ("a caller of 3,000 bytes", vec![("rightful-caller", long.as_str())]),
        ("two callers", vec![("rightful-caller", "crm"), ("rightful-caller", "desk")]),
        ("a caller with a terminal's escape", vec![("rightful-caller", "crm%1b[31m")]),
        ("a trace that is none", vec![("traceparent", "00-zz-yy-01")]),
        (
            "a trace of zeros",
            vec![("traceparent", "00-00000000000000000000000000000000-0000000000000000-01")],
        ),
        ("a trace of 3,000 bytes", vec![("traceparent", long.as_str())]),
        ("a trace's baggage", vec![("baggage", CANARY), ("tracestate", CANARY)]),
        ("a token where none is asked", vec![("authorization", "Bearer canary")]),
        ("a forwarded address", vec![("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1")]),
        ("a binary header that is none", vec![("trace-bin", "***")]),
        ("details of a status in a request", vec![("grpc-status", "0"), ("grpc-status-details-bin", "*")]),
        ("a host that is another", vec![("host", "elsewhere.example")]),
    ] {
        let request =
            headers.iter().fold(http.post(LIST), |request, (key, value)| request.header(*key, *value));
        arena.note("metadata", name, http.send(request, &list).await);
    }
    let many = (0..100).fold(http.post(LIST), |request, at| request.header(format!("x-{at}"), "x"));
    arena.note("metadata", "100 small headers", http.send(many, &list).await);
    let much =
        (0..20).fold(http.post(LIST), |request, at| request.header(format!("x-{at}"), "x".repeat(1_000)));
    arena.note("metadata", "20,000 bytes of headers", http.send(much, &list).await);
}

/// Frames of gRPC, and what is in them.
pub async fn messages(arena: &Arena<'_>) {
    let http = Http::open(arena.address()).await;
    let good = nothing();
    for (name, body) in [
        ("no message", vec![]),
        ("half a prefix", vec![0, 0, 0]),
        ("a message that is cut", good[..good.len() - 3].to_vec()),
        ("a prefix of 4 GiB", vec![0, 0xff, 0xff, 0xff, 0xff, 1]),
        ("a prefix above the limit", vec![0, 0, 0x20, 0, 0, 1]),
        ("two messages where one is asked", good.repeat(2)),
        ("something after the message", [good.clone(), vec![9; 3]].concat()),
        ("compressed, it says, and does not say how", prefixed(1, b"x")),
        ("a flag that is none", prefixed(2, b"x")),
        ("a flag of 255", prefixed(255, b"x")),
    ] {
        arena.note("framing", name, http.send(http.post(GET), &body).await);
    }
    let deep = (0..200).fold(Vec::new(), |inner: Vec<u8>, _| {
        let mut bytes = vec![0x1a];
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend(inner);
        bytes
    });
    let crowd = OpenCaseRequest {
        subject: Some(crate::harness::subject(&vec![("email", "a@example.org"); 20_000])),
        ..opening(Right::Access, &[])
    };
    let labels = OpenCaseRequest {
        labels: (0..20_000).map(|at| (format!("l{at}"), CANARY.to_owned())).collect(),
        ..opening(Right::Access, &[("email", "a@example.org")])
    };
    for (name, message) in [
        ("a field of another type", vec![0x08, 1]),
        ("a number without end", vec![0x10, 0xff, 0xff]),
        ("a number of eleven bytes", [vec![0x10], vec![0xff; 10], vec![1]].concat()),
        ("the field 0", vec![0x02, 0]),
        ("a field beyond all", vec![0xfa, 0xff, 0xff, 0xff, 0x7f, 1]),
        ("a group that does not end", vec![0xa3, 0x06]),
        ("the end of no group", vec![0xa4, 0x06]),
        ("groups in groups in groups", vec![0xa3; 4_000].iter().flat_map(|byte| [*byte, 0x06]).collect()),
        ("a type that is none", vec![0x0f]),
        ("text that is no UTF-8", vec![0x0a, 2, 0xff, 0xfe]),
        ("text longer than the message", vec![0x0a, 0x7f, b'x']),
        ("a length of 2^63", [vec![0x0a], vec![0xff; 8], vec![0x7f]].concat()),
        ("messages in messages, 200 deep", deep),
        ("fields that are unknown", [vec![0xf2, 0x7f, 3], b"abc".to_vec()].concat()),
        ("60,000 bytes of zeros", vec![0; 60_000]),
        ("HTML", b"<html><script>alert(1)</script></html>".to_vec()),
        ("JSON", br#"{"requestId":"x","right":"RIGHT_ACCESS"}"#.to_vec()),
        ("a ZIP", b"PK\x03\x04\x14\x00\x00\x00\x08\x00".to_vec()),
        ("20,000 identifiers", crowd.encode_to_vec()),
        ("20,000 labels", labels.encode_to_vec()),
    ] {
        arena.note("messages", name, http.send(http.post(OPEN), &prefixed(0, &message)).await);
    }
    let larger = prefixed(0, &vec![0x0a; 64 * 1024 + 1]);
    arena.note("messages", "one byte above request_bytes", http.send(http.post(OPEN), &larger).await);
}
