//! What operators see: one trace from the caller to the last span of a case, and metrics, pushed and scraped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use rightful::{
    proto::{
        downstream::v1::Right,
        v1::{Case, CaseReason},
    },
    telemetry::declared::{self, Declared},
};

use crate::{
    harness::{ADA, Builder, Collector, World, attribute, get, get_as, opening, people_services, soon},
    puppet::{Fault, Method},
};

/// The caller's trace and span.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A world that sends its telemetry to a collector.
async fn observed(collector: &Collector) -> World {
    let endpoint = format!("\"{}\"", collector.endpoint());
    let world = Builder::new(people_services()).binary().set("telemetry.otlp_endpoint", &endpoint);
    world.set("engine.lease", "\"1s\"").patience("30s").start().await
}

/// Opens an access case as a caller would who traces its calls.
async fn open_traced(world: &World) -> Case {
    let mut request = tonic::Request::new(opening(Right::Access, &[ADA]));
    let parent = format!("00-{TRACE}-{CALLER}-01");
    request.metadata_mut().insert("traceparent", parent.parse().expect("it is ASCII"));
    let answer = world.cases().open_case(request).await.expect("the case can be opened");
    answer.into_inner().case.expect("the answer has a case")
}

fn opened(span: &Span) -> bool {
    span.name == "rightful.v1.CaseService/OpenCase"
}

fn task<'a>(spans: &'a [Span], downstream: &str) -> impl Iterator<Item = &'a Span> {
    let is_so = move |span: &&Span| {
        span.name == "task"
            && attribute(span, "downstream") == downstream
            && attribute(span, "kind") == "collect"
    };
    spans.iter().filter(is_so)
}

fn settled(span: &Span) -> bool {
    span.name == "case" && attribute(span, "work") == "settle"
}

/// Fails unless it is one trace: the caller's, then OpenCase, and below that the tasks and the settling.
fn assert_one_trace(world: &World, spans: &[Span]) {
    let ours: Vec<&Span> = spans.iter().filter(|span| hex::encode(&span.trace_id) == TRACE).collect();
    let open: Vec<&&Span> = ours.iter().filter(|span| opened(span)).collect();
    let [open] = open[..] else { panic!("one OpenCase in the caller's trace, not {}", open.len()) };
    assert_eq!(hex::encode(&open.parent_span_id), CALLER);
    assert_eq!(attribute(open, "rpc.method"), "rightful.v1.CaseService/OpenCase");
    assert_eq!(attribute(open, "rpc.response.status_code"), "OK");
    for name in world.names() {
        let below: Vec<&Span> = task(spans, &name).collect();
        assert!(!below.is_empty(), "{name} was collected");
        for span in &below {
            assert_eq!((&span.trace_id, &span.parent_span_id), (&open.trace_id, &open.span_id), "{span:?}");
        }
        // What the downstream was told is the span of the call, which is below that of the attempt that made it.
        let call = world.puppet(&name).calls(Method::Collect).pop().expect("it was asked");
        let told = call.traceparent.expect("it was told of the trace");
        let asked = spans.iter().find(|span| told == format!("00-{TRACE}-{}-01", hex::encode(&span.span_id)));
        let asked = asked.unwrap_or_else(|| panic!("{told} is no span of ours"));
        assert_eq!(attribute(asked, "rpc.method"), "rightful.downstream.v1.SubjectDataService/Collect");
        assert_eq!(asked.kind, SpanKind::Client as i32);
        assert!(
            below.iter().any(|span| span.span_id == asked.parent_span_id),
            "{asked:?} is below none of {below:?}"
        );
    }
    let settling = spans.iter().find(|span| settled(span)).expect("it was waited for");
    assert_eq!((&settling.trace_id, &settling.parent_span_id), (&open.trace_id, &open.span_id));
    let all = format!("{spans:?}");
    for identifier in ["ada@example", "C-1815"] {
        assert!(!all.contains(identifier), "a span names a person");
    }
}

#[tokio::test]
async fn one_trace_leads_from_the_caller_over_the_tasks_to_the_export() {
    let collector = Collector::start().await;
    let world = observed(&collector).await;
    let case = open_traced(&world).await;
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    let spans = collector.spans("the last span", |spans| spans.iter().any(settled)).await;
    assert_one_trace(&world, &spans);
    world.finish().await;
}

#[tokio::test]
async fn the_trace_goes_on_after_a_crash() {
    let collector = Collector::start().await;
    let mut world = observed(&collector).await;
    world.puppet("analytics").always(Method::Collect, Fault::HangAfter(100));
    let case = open_traced(&world).await;
    world.puppet("analytics").called(Method::Collect, 1).await;
    // Spans are sent every few seconds: this one must not die with the process that made it.
    collector.spans("the call's span", |spans| spans.iter().any(opened)).await;
    world.kill().await;
    world.puppet("analytics").heal();
    world.start_server().await;
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    let spans = collector.spans("the last span", |spans| spans.iter().any(settled)).await;
    assert_one_trace(&world, &spans);
    world.finish().await;
}

/// Runs a case, ends, and sees that all three signals have come, without a person in them.
async fn assert_everything_comes(collector: &Collector, protocol: &str) {
    let endpoint = format!("\"{}\"", collector.endpoint());
    let world = Builder::new(people_services()).binary().set("telemetry.otlp_endpoint", &endpoint);
    let world = world.set("telemetry.otlp_protocol", protocol).set("telemetry.otlp_logs", "true");
    let world = world.set("telemetry.log_filter", "\"trace\"").start().await;
    world.run(Right::Erasure, &[ADA]).await;
    world.finish().await;
    let metrics = collector.metrics();
    for name in ["rightful.store.transactions", "rightful.task.attempts", "rightful.cases.settled"] {
        assert!(metrics.contains(name), "no {name} among {metrics:?}");
    }
    collector.spans("the last span", |spans| spans.iter().any(settled)).await;
    let logs = collector.logs();
    assert!(logs.iter().any(|line| line.trace_id.len() == 16), "no line belongs to a trace: {logs:?}");
    assert!(!format!("{logs:?}").contains("ada@example"), "a line names a person");
    for key in ["service.name", "service.version", "service.instance.id"] {
        assert!(collector.resources().contains(key), "{key}");
    }
}

#[tokio::test]
async fn metrics_and_logs_are_sent_to_the_collector_at_the_latest_at_the_end() {
    assert_everything_comes(&Collector::start().await, "\"grpc\"").await;
}

#[tokio::test]
async fn a_collector_is_spoken_to_over_http_as_well() {
    assert_everything_comes(&Collector::start_http().await, "\"http\"").await;
}

#[tokio::test]
async fn traces_that_are_not_sampled_are_not_recorded() {
    let collector = Collector::start().await;
    let endpoint = format!("\"{}\"", collector.endpoint());
    let world = Builder::new(people_services()).binary().set("telemetry.otlp_endpoint", &endpoint);
    let world = world.set("telemetry.sample_percent", "0").start().await;
    world.run(Right::Access, &[ADA]).await;
    let traced = open_traced(&world).await;
    world.settled(&traced.case_id).await;
    world.finish().await;
    let spans = collector.spans("the traced call", |spans| spans.iter().any(opened)).await;
    let calls = spans.iter().filter(|span| opened(span));
    let seen: BTreeSet<String> = calls.map(|span| hex::encode(&span.trace_id)).collect();
    assert_eq!(seen, BTreeSet::from([TRACE.to_owned()]), "only what the caller wanted to be traced");
}

/// What a scraper gets, by series: `name{label="value"}` and its value. Fails unless it is well-formed.
fn series(text: &str) -> BTreeMap<String, f64> {
    let (mut kinds, mut series) = (BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            let [word, name, text] = words[..] else { panic!("{line}") };
            assert!(matches!(word, "HELP" | "TYPE"), "{line}");
            if word == "TYPE" {
                assert!(kinds.insert(name, text).is_none(), "{name} has two types");
            }
            continue;
        }
        let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let (name, labels) = key.split_once('{').unwrap_or((key, "}"));
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':'), "{line}");
        assert!(labels.ends_with('}'), "{line}");
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| kinds.get_key_value(name.strip_suffix(end)?));
        let kind =
            kinds.get(name).or(family.map(|(_, kind)| kind)).unwrap_or_else(|| panic!("{line}: of no type"));
        assert_eq!(*kind == "counter", name.ends_with("_total"), "{line}: a {kind}");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(series.insert(key.to_owned(), value).is_none(), "{key} is there twice");
    }
    series
}

#[tokio::test]
async fn a_scrape_shows_what_happened_in_the_format_of_prometheus() {
    let listen = Builder::new(people_services()).binary().set("telemetry.metrics_listen", "\"127.0.0.1:0\"");
    let world = listen.start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    let (head, body) = get(&world.metrics(), "/metrics").await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.contains("text/plain"), "{head}");
    let series = series(&body);
    let of = |name: &str, labels: &[&str]| -> f64 {
        let is_so = |key: &&String| {
            key.starts_with(&format!("{name}{{")) && labels.iter().all(|label| key.contains(label))
        };
        series.iter().filter(|(key, _)| is_so(key)).map(|(_, value)| value).sum()
    };
    let settled = of("rightful_cases_settled_total", &["right=\"access\"", "reason=\"fulfilled\""]);
    assert!((settled - 1.0).abs() < f64::EPSILON, "{body}");
    let attempts = of("rightful_task_attempts_total", &["downstream=\"billing\"", "kind=\"collect\""]);
    assert!((attempts - 1.0).abs() < f64::EPSILON, "{body}");
    let labels = ["rpc_method=\"rightful.v1.CaseService/OpenCase\"", "rpc_response_status_code=\"OK\""];
    let calls = of("rpc_server_call_duration_seconds_count", &labels);
    assert!((calls - 1.0).abs() < f64::EPSILON, "{body}");
    assert!(of("rpc_client_call_duration_seconds_count", &["downstream=\"billing\""]) >= 2.0, "{body}");
    assert!(of("rightful_collected_bytes_total", &["downstream=\"billing\""]) > 0.0, "{body}");
    assert!(of("rightful_store_transactions_total", &["outcome=\"committed\""]) >= 1.0, "{body}");
    assert!(of("rightful_task_attempt_duration_seconds_count", &[]) >= 4.0, "{body}");
    // Prometheus sees growth only from a value that it knew: what has not happened is there as 0.
    for nothing in [
        "rightful_deadlines_missed_total{kind=\"respond\",regime=\"gdpr\"",
        "rightful_calls_refused_total{limit=\"callers\"",
        "rightful_connections_closed_total{limit=\"preface_timeout\"",
        "rightful_outage{",
        "rightful_leases_lost_total",
        "rightful_cases_opened_total{",
    ] {
        let told = series.iter().find(|(key, value)| key.starts_with(nothing) && **value == 0.0);
        assert!(told.is_some(), "{nothing}: {body}");
    }
    let names: BTreeSet<&str> = series.keys().filter_map(|key| key.split('{').next()).collect();
    assert!(names.contains("target_info"), "{names:?}");
    let declared: BTreeSet<String> = declared::ALL.iter().map(Declared::prometheus).collect();
    for name in names.into_iter().filter(|name| *name != "target_info") {
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(declared.contains(family), "{name} is not declared");
    }
    assert!(!body.contains("ada@") && !body.contains(&case.case_id), "labels are names of a closed list");
    let (head, _) = get(&world.metrics(), "/").await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    world.finish().await;
}

#[tokio::test]
async fn whoever_wants_openmetrics_gets_the_traces_of_what_was_measured() {
    let listen = Builder::new(people_services()).binary().set("telemetry.metrics_listen", "\"127.0.0.1:0\"");
    let world = listen.start().await;
    let case = open_traced(&world).await;
    world.settled(&case.case_id).await;
    let (_, plain) = get(&world.metrics(), "/metrics").await;
    assert!(!plain.contains(TRACE), "the older format has no place for it: {plain}");
    // What a Prometheus sends.
    let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
    let (head, body) = get_as(&world.metrics(), "/metrics", accept).await;
    assert!(head.contains("application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    let lines = body.strip_suffix("# EOF\n").expect("it is whole");
    let mut exemplars = Vec::new();
    let mut names = BTreeSet::new();
    for line in lines.lines().filter(|line| !line.starts_with("# ")) {
        let (series, exemplar) =
            line.split_once(" # ").map_or((line, None), |(series, of)| (series, Some(of)));
        names.insert(series.split(['{', ' ']).next().expect("there is a first"));
        if let Some(exemplar) = exemplar {
            // It is no more than the trace, the value and the time.
            let words: Vec<&str> = exemplar.split(' ').collect();
            let [labels, value, at] = words[..] else { panic!("{line}") };
            assert_eq!(
                labels,
                format!("{{trace_id=\"{TRACE}\"}}"),
                "only the caller's trace is recorded: {line}"
            );
            assert!(value.parse::<f64>().is_ok() && at.parse::<f64>().is_ok(), "{line}");
            exemplars.push(series);
        }
    }
    for of in [
        ("rpc_server_call_duration_seconds_bucket", "rpc_method=\"rightful.v1.CaseService/OpenCase\""),
        ("rpc_client_call_duration_seconds_bucket", "downstream=\"billing\""),
        ("rightful_task_attempt_duration_seconds_bucket", "kind=\"collect\""),
    ] {
        let found = exemplars.iter().any(|series| series.starts_with(of.0) && series.contains(of.1));
        assert!(found, "{of:?} has no exemplar: {body}");
    }
    // It is the same otherwise: nothing is missing, nothing has another name.
    let told = series(&plain);
    let plain: BTreeSet<&str> = told.keys().map(|key| key.split('{').next().unwrap_or(key)).collect();
    assert_eq!(names, plain);
    for line in [
        "# TYPE target info",
        "# TYPE rightful_cases_opened counter",
        "rightful_cases_opened_total{right=\"access\"} 1.0",
    ] {
        assert!(lines.lines().any(|had| had == line), "{line}: {body}");
    }
    world.finish().await;
}

#[tokio::test]
async fn whoever_speaks_no_grpc_can_ask_whether_it_lives_and_is_ready() {
    let mut world = Builder::new(people_services())
        .binary()
        .set("telemetry.metrics_listen", "\"127.0.0.1:0\"")
        .start()
        .await;
    let ask = async |path: &str| {
        let (head, body) = get(&world.metrics(), path).await;
        (head.split(' ').nth(1).unwrap_or_default().to_owned(), body)
    };
    let answer = |code: &str, body: &str| (code.to_owned(), body.to_owned());
    assert_eq!(ask("/livez").await, answer("200", "alive\n"));
    assert_eq!(ask("/readyz").await, answer("200", "ready\n"));
    // The storage is gone: it lives, and can answer nothing.
    let objects = world.dir().join("objects");
    fs::rename(&objects, world.dir().join("elsewhere")).expect("it can be moved");
    fs::write(&objects, "in its place").expect("it can be written");
    soon("it to notice", async { while ask("/readyz").await.0 == "200" {} }).await;
    assert_eq!(ask("/livez").await, answer("200", "alive\n"));
    fs::remove_file(&objects).expect("it can be removed");
    fs::rename(world.dir().join("elsewhere"), &objects).expect("it can be moved");
    soon("it to be back", async { while ask("/readyz").await.0 != "200" {} }).await;
    world.stop().await;
}

#[tokio::test]
async fn metrics_are_not_served_where_others_can_reach_them() {
    let world = World::start(people_services()).await;
    std::fs::write(world.dir().join("open.toml"), "[telemetry]\nmetrics_listen = \"0.0.0.0:0\"\n").unwrap();
    let serve = ["serve", "--insecure", "--listen", "127.0.0.1:0", "--config", "open.toml"];
    let refused = crate::harness::run(world.dir(), world.url(), &serve, "").await.expect(2);
    assert!(refused.stderr.contains("0.0.0.0:0"), "{refused:?}");
    world.finish().await;
}
