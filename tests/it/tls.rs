//! TLS on both sides: who is let in, who is trusted, what a person reads when it fails, and what changes while it runs.

use std::time::Duration;

use rightful::{
    proto::{
        downstream::v1::Right,
        v1::{
            CaseState, CheckDownstreamRequest, ListCasesRequest, TaskKind, TaskState, WatchCaseRequest,
            case_service_client::CaseServiceClient,
        },
    },
    transport::{self, Client},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    harness::{
        ADA, Authority, Builder, EXPIRED, Named, TO_COME, VALID, World, opening, people_services, run, soon,
        task,
    },
    puppet::{Fault, Method},
};

/// What the server is called by.
const HERE: Named<'static> = Named { dns: &["localhost"], uris: &[] };

/// Why a call over such a connection fails; `None` if it succeeds.
async fn failure(world: &World, client: &Client) -> Option<String> {
    let mut cases = CaseServiceClient::new(world.channel_as(client));
    let status = cases.list_cases(ListCasesRequest::default()).await.err()?;
    Some(transport::why(&status).unwrap_or_else(|| format!("{status:?}")))
}

/// Fails unless it fails for this reason.
async fn assert_fails(world: &World, client: &Client, why: &str) {
    let failed = failure(world, client).await.expect("it is not to be let in");
    assert!(failed.contains(why), "{failed}");
}

#[tokio::test]
async fn calls_go_over_tls_and_the_authority_and_the_name_count() {
    let authority = Authority::default();
    let server = authority.issue("server", HERE, VALID);
    let world = Builder::new(people_services()).tls(&server, authority.trusting()).start().await;
    assert!(world.url().starts_with("https://"));
    assert_eq!(world.run(Right::Access, &[ADA]).await.state(), CaseState::Completed);

    assert_fails(&world, &Authority::default().trusting(), "not of an authority that is trusted").await;
    let elsewhere = Client { server_name: Some("elsewhere.example".into()), ..authority.trusting() };
    assert_fails(&world, &elsewhere, "not for elsewhere.example, but for").await;
    let workload = Client { spiffe_id: Some("spiffe://shop/rightful".into()), ..authority.trusting() };
    assert_fails(&world, &workload, "for another name").await;
    world.finish().await;
}

#[tokio::test]
async fn where_certificates_are_required_nobody_gets_in_without_a_good_one() {
    let (authority, others) = (Authority::default(), Authority::default());
    let server = authority.issue("server", HERE, VALID);
    let desk = Named { dns: &[], uris: &["spiffe://shop/support-desk"] };
    let good = authority.showing(authority.issue("desk", desk, VALID));
    let file = format!("\"{}\"", authority.file().display());
    let world = Builder::new(people_services())
        .tls(&server, good)
        .set("server.tls.client_authorities", &file)
        .start()
        .await;
    assert_eq!(world.run(Right::Access, &[ADA]).await.state(), CaseState::Completed);
    let shows = |identity| Client { identity: Some(identity), ..authority.trusting() };
    assert!(failure(&world, &authority.trusting()).await.is_some(), "one without a certificate");
    assert!(failure(&world, &shows(others.issue("desk", desk, VALID))).await.is_some(), "one of others");
    world.finish().await;

    let good = authority.showing(authority.issue("desk", desk, VALID));
    let world = Builder::new(people_services())
        .tls(&server, good)
        .set("server.tls.client_authorities", &file)
        .set("server.tls.client_certificates", "\"optional\"")
        .start()
        .await;
    assert_eq!(failure(&world, &authority.trusting()).await, None);
    assert!(
        failure(&world, &shows(others.issue("desk", desk, VALID))).await.is_some(),
        "but a bad one is bad"
    );
    world.finish().await;
}

#[tokio::test]
async fn changed_certificates_count_for_new_connections_and_streams_go_on() {
    let authority = Authority::default();
    let server = authority.issue("server", HERE, VALID);
    let world = Builder::new(people_services()).tls(&server, authority.trusting()).start().await;
    world.puppet("marketing").always(Method::Collect, Fault::Hang);
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let mut cases = world.cases();
    let request = WatchCaseRequest { case_id: case.case_id.clone() };
    let mut watch = cases.watch_case(request).await.unwrap().into_inner();
    watch.message().await.unwrap().expect("it begins with the case as it is");

    let renewed = Client { server_name: Some("renewed.example".into()), ..authority.trusting() };
    assert!(failure(&world, &renewed).await.is_some());
    authority.issue("server", Named { dns: &["localhost", "renewed.example"], uris: &[] }, VALID);
    soon("the new certificate", async { while failure(&world, &renewed).await.is_some() {} }).await;

    // What cannot be used changes nothing: neither one that is over nor one that is torn.
    authority.issue("server", HERE, EXPIRED);
    std::fs::write(&server.key, "-----BEGIN PRIVATE KEY-----\ntorn").unwrap();
    for _ in 0..20 {
        assert_eq!(failure(&world, &renewed).await, None);
    }
    world.puppet("marketing").heal();
    let settled = soon("the watch to go on", async {
        loop {
            let seen = watch.message().await.unwrap().expect("it goes on").case.unwrap();
            if seen.state() == CaseState::Completed {
                return seen;
            }
        }
    })
    .await;
    assert_eq!(settled.case_id, case.case_id);
    world.finish().await;
}

#[tokio::test]
async fn whoever_does_not_begin_in_time_or_in_clear_is_cut_off() {
    let authority = Authority::default();
    let server = authority.issue("server", HERE, VALID);
    let world = Builder::new(people_services())
        .tls(&server, authority.trusting())
        .set("server.tls.handshake_timeout", "\"200ms\"")
        .start()
        .await;
    let port = world.url().rsplit(':').next().unwrap().to_owned();
    for first in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b""] {
        let mut socket = TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        socket.write_all(first).await.unwrap();
        let mut answer = Vec::new();
        // An end or a reset; nothing of ours is said in clear but an alert of TLS.
        let _ = soon("the connection to end", socket.read_to_end(&mut answer)).await;
        assert!(answer.len() < 16, "{answer:?}");
    }
    assert_eq!(failure(&world, &authority.trusting()).await, None, "others are served meanwhile");
    world.finish().await;
}

/// A world in which billing is called over TLS, with these lines in its entry.
fn calling(authority: &Authority, named: Named<'_>, years: (i32, i32), tls: &str) -> Builder {
    let identity = authority.issue("billing", named, years);
    let [billing, marketing, _] = people_services();
    let billing = billing.tls(Authority::acceptor(&identity, Some(authority)));
    let file = authority.file();
    let line = format!("tls = {{ authorities = \"{}\"{tls} }}", file.display());
    Builder::new([billing, marketing]).extra("billing", &line)
}

/// What rightful shows of itself.
fn shown(authority: &Authority) -> String {
    let own = authority.issue("rightful", Named { dns: &[], uris: &["spiffe://shop/rightful"] }, VALID);
    format!(", certificate = \"{}\", key = \"{}\"", own.certificate.display(), own.key.display())
}

#[tokio::test]
async fn a_downstream_is_called_with_our_certificate_and_known_by_its_own() {
    let authority = Authority::default();
    let own = shown(&authority);
    let world = calling(&authority, HERE, VALID, &own).start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(task(&case, "billing", TaskKind::Collect).state(), TaskState::Done);
    world.finish().await;

    // By its SPIFFE ID there need be no name.
    let workload = Named { dns: &[], uris: &["spiffe://shop/billing"] };
    let pinned = format!("{own}, spiffe_id = \"spiffe://shop/billing\"");
    let world = calling(&authority, workload, VALID, &pinned).start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(task(&case, "billing", TaskKind::Collect).state(), TaskState::Done);
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_that_cannot_be_trusted_is_asked_nothing_and_a_person_reads_why() {
    let authority = Authority::default();
    let own = shown(&authority);
    let pinned = format!("{own}, spiffe_id = \"spiffe://shop/billing\"");
    let stranger = Named { dns: &["localhost"], uris: &["spiffe://shop/marketing"] };
    for (named, years, tls, why) in [
        (HERE, EXPIRED, own.as_str(), "its certificate expired at 2021-01-01T00:00:00Z"),
        (HERE, TO_COME, own.as_str(), "its certificate is not valid before 2090-01-01T00:00:00Z"),
        (
            Named { dns: &["elsewhere"], uris: &[] },
            VALID,
            own.as_str(),
            "its certificate is not for localhost",
        ),
        (stranger, VALID, pinned.as_str(), "its certificate is for another name"),
        (HERE, VALID, "", "it asks for a certificate of ours"),
    ] {
        let world = calling(&authority, named, years, tls).down("billing").start().await;
        world.puppet("billing").come_up();
        let request = CheckDownstreamRequest { name: "billing".into() };
        let checked = soon("the check to say why", async {
            loop {
                let checked =
                    world.downstreams().check_downstream(request.clone()).await.unwrap().into_inner();
                // TLS 1.3 tells of a missing certificate only after the first bytes; the first call may just break.
                if checked.error.contains(why) || !checked.error.contains("the connection failed") {
                    return checked;
                }
            }
        })
        .await;
        assert!(!checked.healthy && checked.error.contains(why), "{why}: {}", checked.error);
        assert_eq!(world.puppet("billing").personal_calls(), 0);
        world.finish().await;
    }
}

#[tokio::test]
async fn the_command_line_speaks_tls() {
    let authority = Authority::default();
    let server = authority.issue("server", HERE, VALID);
    let world = Builder::new(people_services()).tls(&server, authority.trusting()).start().await;
    let ca = authority.file().display().to_string();
    let cli = async |arguments: &[&str]| run(world.dir(), world.url(), arguments, "").await;
    cli(&["case", "list", "--ca", &ca]).await.expect(0);
    let unknown = cli(&["case", "list"]).await.expect(5);
    assert!(unknown.stderr.contains("not of an authority that is trusted"), "{unknown:?}");
    let missing = cli(&["case", "list", "--ca", "no-such.pem"]).await.expect(2);
    assert!(missing.stderr.contains("--ca: no-such.pem cannot be read"), "{missing:?}");
    cli(&["case", "list", "--certificate", &ca]).await.expect(2);
    let clear = run(world.dir(), "http://127.0.0.1:1", &["case", "list", "--ca", &ca], "").await.expect(2);
    assert!(clear.stderr.contains("need an https:// server"), "{clear:?}");
    world.finish().await;
}

#[tokio::test]
async fn the_server_does_not_start_with_bad_files_and_names_them_all() {
    let authority = Authority::default();
    let old = authority.issue("old", HERE, EXPIRED);
    let other = authority.issue("other", HERE, VALID);
    let dir = authority.dir();
    let entry = |name: &str, tls: &str| {
        format!("[[downstream]]\nname = \"{name}\"\nendpoint = \"https://{name}:1\"\ntls = {{ {tls} }}\n")
    };
    let serve = async |text: String| {
        std::fs::write(dir.join("rightful.toml"), text).unwrap();
        let arguments = ["serve", "--insecure", "--listen", "127.0.0.1:0", "--config", "rightful.toml"];
        let ran = tokio::time::timeout(Duration::from_mins(1), run(dir, "", &arguments, "")).await;
        ran.expect("it ends at once").stderr
    };
    let tls = format!(
        "[server.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nclient_authorities = \"none.pem\"\n",
        old.certificate.display(),
        dir.join("nothing.key").display()
    );
    let said = serve(tls).await;
    for part in [
        "server.tls.certificate: ",
        "expired at 2021-01-01T00:00:00Z",
        "server.tls.key: ",
        "nothing.key cannot be read",
        "server.tls.client_authorities: none.pem cannot be read",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let mixed = format!("certificate = \"{}\", key = \"{}\"", old.certificate.display(), other.key.display());
    let said = serve(entry("a", "authorities = \"no.pem\"") + &entry("b", &mixed)).await;
    for part in ["downstream.a.tls.authorities: no.pem cannot be read", "downstream.b.tls.certificate: "] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let swapped =
        format!("certificate = \"{}\", key = \"{}\"", other.certificate.display(), old.key.display());
    let said = serve(entry("c", &swapped)).await;
    assert!(said.contains("is not the key of the first certificate"), "{said}");
    let said = serve("[[downstream]]\nname = \"d\"\nendpoint = \"http://billing:1\"\n".to_owned()).await;
    assert!(said.contains("personal data would travel in clear") && said.contains("use https://"), "{said}");
    let said = serve(
        "[server.tls]\nkey = \"k\"\nclient_certificates = \"required\"\n[[downstream]]\nname = \"e\"\n\
         endpoint = \"http://127.0.0.1:1\"\ntls = { spiffe_id = \"billing\" }\n"
            .to_owned(),
    )
    .await;
    for part in [
        "server.tls.certificate: must name",
        "server.tls.client_authorities: must name",
        "downstream[0].tls.spiffe_id: must be a SPIFFE ID",
        "downstream[0].tls: must be left out",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}
