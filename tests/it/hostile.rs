//! Something that is no downstream at the place of one: its answers are bytes of somebody who means no good. What is wrong is
//! said in our words, nothing of it is followed, and the others are asked as ever.

use std::{
    collections::BTreeSet,
    io::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use h2::server::SendResponse;
use http::{HeaderMap, Response};
use rightful::proto::{
    downstream::v1::Right,
    v1::{CaseState, CheckDownstreamRequest, Correction, DescribeDownstreamRequest},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    abuse::memory,
    harness::{ADA, Builder, World, opening, people_services},
    puppet::{Method, Person, Profile, category},
};

/// Stands for what must not be repeated.
const CANARY: &str = "zq7canary7qz";

/// How it answers.
#[derive(Clone, Debug)]
enum Answer {
    /// These headers, with these in the end.
    Headers(u16, Vec<(&'static str, String)>, Vec<(&'static str, String)>),
    /// A good beginning, and then this body.
    Body(Vec<(&'static str, String)>, Bytes),
    /// A good beginning, and then zeros without end.
    Endless,
    /// The stream is reset.
    Reset,
}

/// It answers everything as it was told last.
struct Hostile {
    address: SocketAddr,
    answer: watch::Sender<Answer>,
    asked: Arc<AtomicUsize>,
}

impl Hostile {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (answer, answers) = watch::channel(Answer::Reset);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, count) = (answers.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                    while let Some(Ok((_request, respond))) = connection.accept().await {
                        count.fetch_add(1, Ordering::SeqCst);
                        let answer = answers.borrow().clone();
                        tokio::spawn(give(answer, respond));
                    }
                });
            }
        });
        Self { address, answer, asked }
    }
}

fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, value.parse().expect("it is a header"));
    }
    map
}

async fn give(answer: Answer, mut respond: SendResponse<Bytes>) {
    let begun = |status: u16, given: &[(&'static str, String)]| {
        let mut response = Response::new(());
        *response.status_mut() = status.try_into().expect("it is a status");
        *response.headers_mut() = headers(given);
        response
    };
    let grpc = ("content-type", "application/grpc".to_owned());
    // Whoever asked may be gone by now.
    match answer {
        Answer::Headers(status, given, trailers) => {
            let ends = trailers.is_empty();
            let Ok(mut stream) = respond.send_response(begun(status, &given), ends) else { return };
            if !ends {
                let _ = stream.send_trailers(headers(&trailers));
            }
        }
        Answer::Body(mut given, body) => {
            given.push(grpc);
            let Ok(mut stream) = respond.send_response(begun(200, &given), false) else { return };
            let _ = stream.send_data(body, true);
        }
        Answer::Endless => {
            let Ok(mut stream) = respond.send_response(begun(200, &[grpc]), false) else { return };
            let zeros = Bytes::from(vec![0; 16 * 1024]);
            // An empty message after the other; each is a good one.
            loop {
                stream.reserve_capacity(zeros.len());
                let Some(Ok(_)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else {
                    return;
                };
                if stream.send_data(zeros.clone(), false).is_err() {
                    return;
                }
            }
        }
        Answer::Reset => respond.send_reset(h2::Reason::INTERNAL_ERROR),
    }
}

/// 64 MiB of zeros in 64 KiB.
fn bomb() -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![0; 1 << 20]).expect("memory takes everything");
    }
    let packed = encoder.finish().expect("it ends");
    let length = u32::try_from(packed.len()).expect("it is short").to_be_bytes();
    [&[1][..], &length, &packed].concat().into()
}

fn answers() -> Vec<(&'static str, Answer)> {
    let grpc = || ("content-type", "application/grpc".to_owned());
    let status = |status: &str| vec![grpc(), ("grpc-status", status.to_owned())];
    let html = ("content-type", "text/html".to_owned());
    let with = |more: Vec<(&'static str, String)>| [vec![grpc()], more].concat();
    let trailers = |more: Vec<(&'static str, String)>| Answer::Headers(200, vec![grpc()], more);
    let place = format!("http://169.254.169.254/{CANARY}");
    vec![
        ("a page", Answer::Headers(200, vec![html.clone()], vec![])),
        ("a page of a proxy's error", Answer::Headers(502, vec![html], vec![])),
        ("another place", Answer::Headers(302, vec![("location", place.clone())], vec![])),
        ("another place, for gRPC", Answer::Headers(307, with(vec![("location", place)]), vec![])),
        ("a status that is none", Answer::Headers(200, status("99"), vec![])),
        ("a status that is a word", Answer::Headers(200, status(CANARY), vec![])),
        ("a status below zero", Answer::Headers(200, status("-1"), vec![])),
        ("no status", Answer::Headers(200, vec![grpc()], vec![])),
        ("success without a message", Answer::Headers(200, status("0"), vec![])),
        ("a message with a terminal's escape", {
            let message = format!("%1B]0;{CANARY}%07%1B[31m%0A%0D");
            Answer::Headers(200, [status("13"), vec![("grpc-message", message)]].concat(), vec![])
        }),
        ("a message that is no UTF-8", {
            let message = "%FF%FE%80".to_owned();
            Answer::Headers(200, [status("13"), vec![("grpc-message", message)]].concat(), vec![])
        }),
        ("details that are no base64", {
            let details = ("grpc-status-details-bin", "***".to_owned());
            Answer::Headers(200, [status("13"), vec![details]].concat(), vec![])
        }),
        ("details that are no base64, at the end", {
            let details = ("grpc-status-details-bin", "***".to_owned());
            trailers([vec![("grpc-status", "13".to_owned())], vec![details]].concat())
        }),
        ("details of something else", {
            let details = ("grpc-status-details-bin", "CAUSBm9vcHM".to_owned());
            trailers([vec![("grpc-status", "8".to_owned())], vec![details]].concat())
        }),
        ("come back in a thousand years", {
            let more = vec![("grpc-status", "14".to_owned()), ("retry-after", "31536000000".to_owned())];
            trailers(more)
        }),
        (
            "12,000 bytes of headers",
            Answer::Headers(200, with(vec![("x-large", "x".repeat(12_000))]), vec![]),
        ),
        ("a message of 4 GiB announced", Answer::Body(vec![], vec![0, 255, 255, 255, 255, 1].into())),
        ("a message that is cut", Answer::Body(vec![], vec![0, 0, 0, 1, 0, 1].into())),
        ("a message of nonsense", Answer::Body(vec![], vec![0, 0, 0, 0, 3, 0xff, 0xff, 0xff].into())),
        ("a bomb", Answer::Body(vec![("grpc-encoding", "gzip".to_owned())], bomb())),
        (
            "an unknown compression",
            Answer::Body(vec![("grpc-encoding", "br".to_owned())], vec![1, 0, 0, 0, 1, 1].into()),
        ),
        ("a flag that is none", Answer::Body(vec![], vec![7, 0, 0, 0, 0].into())),
        ("messages without end", Answer::Endless),
        ("a reset", Answer::Reset),
    ]
}

#[tokio::test]
async fn answers_of_what_is_no_downstream_are_contained() {
    let hostile = Hostile::start().await;
    let entry = format!(
        "[[downstream]]\nname = \"hostile\"\nendpoint = \"http://{}\"\ncall_timeout = \"5s\"\nidle_timeout = \"2s\"\n",
        hostile.address
    );
    let mut world = Builder::new(people_services())
        .binary()
        .set("telemetry.log_filter", "\"debug\"")
        .set("engine.describe_patience", "\"0s\"")
        .entry(&entry)
        .start()
        .await;
    let before = memory(world.pid());
    let mut downstreams = world.downstreams();
    for (name, answer) in answers() {
        hostile.answer.send_replace(answer);
        let asked = hostile.asked.load(Ordering::SeqCst);
        let request = CheckDownstreamRequest { name: "hostile".into() };
        let checked = downstreams.check_downstream(request).await.expect("we answer").into_inner();
        assert!(!checked.healthy, "{name}: it is no downstream");
        assert!(!checked.error.is_empty() && checked.error.len() < 400, "{name}: {}", checked.error);
        let is_plain = !checked.error.chars().any(char::is_control) && !checked.error.contains(CANARY);
        assert!(is_plain, "{name}: its words are repeated: {:?}", checked.error);
        assert!(hostile.asked.load(Ordering::SeqCst) > asked, "{name}: it was asked");
        println!("{name}: {}", checked.error);
    }
    let grown = memory(world.pid()).saturating_sub(before);
    assert!(grown < 64 * 1024, "the server grew by {grown} KiB");
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let settled = world.settled(&case.case_id).await;
    assert_eq!(settled.state(), CaseState::Completed, "the others are asked as ever");
    world.stop().await;
    let log = std::fs::read_to_string(world.dir().join("server.log")).expect("it is there");
    assert!(!log.contains("panicked"), "nothing of it makes us panic");
    assert!(!log.contains('\u{1b}') && !log.contains(CANARY), "nothing of it is in the log");
}

#[tokio::test]
async fn a_downstream_is_asked_for_what_it_described_and_told_what_it_understands() {
    let world = World::start(people_services()).await;
    for right in [Right::Access, Right::Rectification, Right::Restriction, Right::Erasure] {
        let mut request = opening(right, &[ADA, ("phone", "+4930123456"), ("customer_id", "C-unknown")]);
        if right == Right::Rectification {
            request.corrections = vec![Correction {
                category: "invoices".into(),
                field: "/text".into(),
                new_json: "\"x\"".into(),
                ..Correction::default()
            }];
        }
        let case = world.open(request).await;
        world.settled(&case.case_id).await;
    }
    let mut asked = 0;
    for name in world.names() {
        let request = DescribeDownstreamRequest { name: name.clone() };
        let described = world.downstreams().describe_downstream(request).await.expect("it is known");
        let described = described.into_inner().downstream.expect("it is there");
        let categories: BTreeSet<&str> = described.categories.iter().map(|c| c.name.as_str()).collect();
        for method in [
            Method::Resolve,
            Method::Collect,
            Method::Erase,
            Method::Rectify,
            Method::Restrict,
            Method::Object,
        ] {
            for call in world.puppet(&name).calls(method) {
                asked += 1;
                for identifier in &call.identifiers {
                    let kind = identifier.split('=').next().unwrap_or_default().to_owned();
                    assert!(described.understands.contains(&kind), "{name} was told a {kind}: {method:?}");
                }
                let directed = call.directives.iter().map(|directive| directive.category.as_str());
                let corrected = call.corrections.iter().map(|correction| correction.category.as_str());
                let meant = call.categories.iter().map(String::as_str).chain(directed).chain(corrected);
                for category in meant {
                    assert!(categories.contains(category), "{name} was asked for {category}: {method:?}");
                }
            }
        }
    }
    assert!(asked > 8, "{asked} calls");
    world.finish().await;
}

#[tokio::test]
async fn what_a_spreadsheet_or_a_page_would_run_is_delivered_as_text() {
    let formulas = [
        "=HYPERLINK(\"http://evil.example\")",
        "+1+1",
        "-1",
        "@SUM(1)",
        "\t=1",
        "=cmd|'/c calc'!A1",
        "<script>1</script>",
    ];
    let person = Person::new(&[("email", "ada@example.org")]);
    let person =
        formulas.iter().fold(person, |person, text| person.record("notes", &json!({ "text": text })));
    let crm = Profile::new("crm", &["email"]).category(category("notes")).person(person);
    let world = World::start([crm]).await;
    let case = world.run(Right::Access, &[("email", "ada@example.org")]).await;
    let bag = world.bag(&case.case_id).await;
    let delivered: Vec<_> =
        bag.records("data/crm/notes.ndjson").into_iter().map(|record| record["text"].clone()).collect();
    assert_eq!(delivered, formulas.map(|text| json!(text)));
    // Nothing of ours is opened by a spreadsheet by itself, and the page holds none of it as markup.
    for file in bag.files.keys() {
        let ending = file.rsplit('.').next().unwrap_or_default();
        assert!(["json", "ndjson", "html", "txt"].contains(&ending), "{file}");
    }
    assert!(!bag.text("data/index.html").contains("<script"), "the page has no script");
    world.finish().await;
}
