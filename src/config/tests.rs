//! The example file is the defaults; every fault is named, all at once; layers win in order.

use std::collections::BTreeSet;

use super::*;

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// The example with every setting uncommented: prose has a space after its `#`, settings have none.
fn uncommented() -> String {
    let line =
        |line: &'static str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn environment(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>().into_iter()
}

fn from(text: &str) -> Result<Config, Error> {
    Ok(check::config(layer(text, environment(&[]), &[]).map_err(Error::Syntax)?)?)
}

fn fault_keys(text: &str) -> Vec<String> {
    match from(text) {
        Err(Error::Faults(faults)) => faults.as_slice().iter().map(|fault| fault.field.clone()).collect(),
        other => panic!("expected faults, got {other:?}"),
    }
}

#[test]
fn the_example_is_the_defaults() {
    assert_eq!(from(EXAMPLE).unwrap(), Config::default());
    let mut uncommented = from(&uncommented()).unwrap();
    assert_eq!(
        uncommented.downstreams,
        from("[[downstream]]\nname = 'billing'\nendpoint = 'http://127.0.0.1:7001'").unwrap().downstreams
    );
    uncommented.downstreams.clear();
    assert_eq!(uncommented.handling.verification.rules.len(), 1);
    uncommented.handling.verification.rules.clear();
    assert_eq!(uncommented.retention.policy.rules.len(), 5);
    uncommented.retention.policy.rules.clear();
    assert_eq!(uncommented.webhooks.len(), 1);
    uncommented.webhooks.clear();
    assert_eq!(uncommented.auth.take().expect("the example grants a role").grants.len(), 1);
    assert_eq!(uncommented, Config::default());
}

#[test]
fn the_example_has_every_key() {
    let mut settings = layer(&uncommented(), environment(&[]), &[]).unwrap();
    check::sections(&mut settings);
    let written: BTreeSet<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once(" = ")?.0.rsplit('.').next())
        .collect();
    let last = |key: &String| key.rsplit('.').find(|name| !name.is_empty()).map(str::to_owned);
    for asked in settings.asked.iter().filter(|key| !key.ends_with('[')) {
        assert!(written.contains(last(asked).unwrap().as_str()), "{asked} is not in config.example.toml");
    }
}

#[test]
fn all_faults_are_named_at_once() {
    let faults = fault_keys(
        "colour = 1\n[server]\nlisten = 'localhost'\nport = 1\n[store]\nurl = 'mysql://x'\n[storage]\nurl = 'x'\n\
         [policy]\nrespond_within = '30 days'\n[engine]\nlease = '0s'\npoll = 'soon'\nopen_batch_max = 0\n\
         [limits]\nopens_per_second = 0\nstreams = 1000001\n\
         [retry]\ninitial = '2m'\nlongest = '1m'\n[telemetry]\nlog_format = 'xml'\n\
         otlp_endpoint = 'collector:4317'\nmetrics_listen = '9464'\n[nonsense]\n[controller]\nname = ''",
    );
    let expected = [
        "server.listen",
        "store.url",
        "storage.url",
        "controller.name",
        "policy.respond_within",
        "engine.lease",
        "engine.poll",
        "engine.open_batch_max",
        "limits.streams",
        "limits.opens_per_second",
        "retry.longest",
        "telemetry.otlp_endpoint",
        "telemetry.metrics_listen",
        "telemetry.log_format",
        "colour",
        "server.port",
        "nonsense",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn origins_are_what_a_browser_sends() {
    for good in ["https://console.example.com", "https://10.0.0.1:8443", "http://localhost:5173"] {
        let config = from(&format!("[server]\nweb_origins = ['{good}']")).expect("it is one");
        assert_eq!(config.server.web_origins, [good]);
    }
    for bad in [
        "*",
        "null",
        "console.example.com",
        "http://console.example.com",
        "https://console.example.com/",
        "https://Console.example.com",
        "https://console.example.com:443",
        "https://me@console.example.com",
    ] {
        let faults = fault_keys(&format!("[server]\nweb_origins = ['https://a.example', '{bad}']"));
        assert_eq!(faults, ["server.web_origins[1]"], "{bad}");
    }
}

#[test]
fn downstreams_are_checked_one_by_one() {
    let text = "[[downstream]]\nname = 'billing'\nendpoint = 'ftp://billing:443'\n\
                [[downstream]]\nname = 'billing'\nendpoint = 'http://billing:7001'\nparallel_calls = 'many'\n\
                [[downstream]]\nname = 'Mail'\nendpoint = 'http://mail'\nspeed = 3\n[[downstream]]";
    let expected = [
        "downstream[0].endpoint",
        "downstream[1].parallel_calls",
        "downstream[1].name",
        "downstream[2].name",
        "downstream[2].endpoint",
        "downstream[3].name",
        "downstream[3].endpoint",
        "downstream[2].speed",
    ];
    assert_eq!(fault_keys(text), expected);
    for good in ["http://[::1]:7001", "http://billing.internal:80/", "https://billing:443"] {
        assert!(downstream::is_endpoint(good), "{good}");
    }
    for bad in ["", "billing:7001", "http://billing", "http://a@b:1", "http://b:1/x", "http://b:1?x"] {
        assert!(!downstream::is_endpoint(bad), "{bad}");
    }
}

#[test]
fn variables_win_over_the_file_and_flags_over_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rightful.toml");
    std::fs::write(&path, "[engine]\nlease = '1m'\npoll = '2s'\nopen_batch_max = 7\n").unwrap();
    let variables = environment(&[
        ("RIGHTFUL_ENGINE__LEASE", "2m"),
        ("RIGHTFUL_ENGINE__POLL", "3s"),
        ("RIGHTFUL_STORAGE__OPTIONS__AWS_REGION", "eu-north-1"),
        ("RIGHTFUL_PORT", "tcp://10.0.0.1:7443"),
        ("HOME", "/"),
    ]);
    let config = load(Some(&path), variables, &[("engine.poll", "4s".to_owned())]).unwrap();
    assert_eq!(config.engine.lease.as_secs(), 120);
    assert_eq!(config.engine.poll.as_secs(), 4);
    assert_eq!(config.engine.open_batch_max, 7);
    assert_eq!(config.storage.options.get("aws_region").map(String::as_str), Some("eu-north-1"));

    let unknown = load(None, environment(&[("RIGHTFUL_ENGINE__LEESE", "2m")]), &[]).unwrap_err().to_string();
    assert!(unknown.contains("engine.leese") && unknown.contains("environment"), "{unknown}");
}

#[test]
fn webhooks_are_checked_one_by_one() {
    let text = "[[webhook]]\nname = 'crm'\nurl = 'http://crm.example/'\ntypes = ['case.settled', 'case.x']\n\
                [[webhook]]\nname = 'crm'\nurl = 'https://crm.example/'\nsecrets_file = 's'\ntimeout = '1h'\n\
                [[webhook]]\n[webhook_secrets]\nerp = 'whsec_x'";
    let expected = [
        "webhook[0].url",
        "webhook[0].secrets_file",
        "webhook[0].types[1]",
        "webhook[1].timeout",
        "webhook[1].name",
        "webhook[2].name",
        "webhook[2].url",
        "webhook[2].secrets_file",
        "webhook_secrets.erp",
    ];
    assert_eq!(fault_keys(text), expected);
    let good = "[[webhook]]\nname = 'crm'\nurl = 'https://crm.example/?token=canary'\n\
                [webhook_secrets]\ncrm = 'whsec_canary whsec_b'";
    let config = from(good).unwrap();
    assert_eq!(config.webhooks[0].secrets, "whsec_canary whsec_b");
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn manual_downstreams_describe_themselves() {
    let text = "[[downstream]]\nname = 'archive'\nkind = 'manual'\nunderstands = ['email']\nrights = ['access']\n\
                processor_for = 'Acme'\n[[downstream.category]]\nname = 'letters'\npurposes = ['evidence']\nretention = 'P7Y'\n\
                retention_ground = 'legal_obligation'";
    let config = from(text).unwrap();
    let said = config.downstreams[0].manual.as_ref().unwrap();
    assert_eq!((said.title.as_str(), said.understands.len(), said.rights.len()), ("Archive", 1, 1));
    assert_eq!(said.processor_for.as_deref(), Some("Acme"));
    assert!(said.category("letters").unwrap().retention.ground.is_some());
    let bad = "[[downstream]]\nname = 'a'\nkind = 'manual'\nendpoint = 'http://a:1'\nrights = ['all']\n\
               [[downstream]]\nname = 'b'\nkind = 'paper'\n\
               [[downstream]]\nname = 'c'\nkind = 'manual'\nunderstands = ['E']\n\
               [[downstream.category]]\nname = 'X'\nretention = '7'\nretention_ground = 'x'\nlegal_basis = 'x'\ncolour = 1";
    let expected = [
        "downstream[0].understands",
        "downstream[0].rights[0]",
        "downstream[0].category",
        "downstream[0].endpoint",
        "downstream[1].kind",
        "downstream[1].endpoint",
        "downstream[2].understands[0]",
        "downstream[2].understands",
        "downstream[2].category[0].name",
        "downstream[2].category[0].legal_basis",
        "downstream[2].category[0].retention",
        "downstream[2].category[0].retention_ground",
        "downstream[2].category[0].colour",
    ];
    assert_eq!(fault_keys(bad), expected);
}

#[test]
fn who_may_do_what_is_checked() {
    let good = from(
        "[auth]\nissuer = 'https://login'\naudience = 'rightful'\n[[auth.grant]]\nrole = 'operator'\nclaim = 'privacy'\n\
         [[auth.grant]]\nrole = 'downstream'\npeer = 'spiffe://shop/billing'\ndownstream = 'billing'",
    );
    let auth = good.unwrap().auth.unwrap();
    assert_eq!((auth.grants.len(), auth.tokens.unwrap().keys), (2, KeySource::Discovery));
    assert_eq!(from("").unwrap().auth, None);
    let bad = "[auth]\nissuer = 'http://login.example'\njwks_url = 'http://login.example/keys'\njwks_file = 'keys.json'\n\
               [[auth.grant]]\nrole = 'king'\nclaim = 'a'\ncaller = 'b'\n\
               [[auth.grant]]\nrole = 'downstream'\nclaim = 'a'\nname = 'n'\n\
               [[auth.grant]]\nrole = 'admin'\npeer = 'a b'\ndownstream = 'billing'";
    let expected = [
        "auth.audience",
        "auth.jwks_url",
        "auth.jwks_file",
        "auth.grant[0].role",
        "auth.grant[0]",
        "auth.grant[1].name",
        "auth.grant[1].name",
        "auth.grant[1].downstream",
        "auth.grant[2].peer",
        "auth.grant[2].downstream",
    ];
    let mut found = fault_keys(bad);
    found.dedup();
    let mut wanted = expected.to_vec();
    wanted.dedup();
    assert_eq!(found, wanted);
    assert_eq!(fault_keys("[auth]\nissuer = 'https://login'\naudience = 'x'"), ["auth.grant"]);
    assert_eq!(fault_keys("[[auth.grant]]\nrole = 'admin'\nclaim = 'x'"), ["auth.grant[0]"]);
    assert_eq!(fault_keys("[auth]\naudience = 'x'"), ["auth.issuer"]);
}

#[test]
fn a_missing_file_and_bad_toml_are_said() {
    let missing = load(Some(Path::new("no/such/file.toml")), environment(&[]), &[]);
    assert!(matches!(missing, Err(Error::Read { .. })));
    assert!(matches!(from("[server"), Err(Error::Syntax(_))));
}

#[test]
fn secrets_do_not_print() {
    let config = from(
        "[store]\nurl = 'postgres://u:canary@db/x'\n[storage]\noptions = { aws_secret_access_key = 'canary' }",
    )
    .unwrap();
    let printed = format!("{config:?}");
    assert!(!printed.contains("canary") && printed.contains("aws_secret_access_key"), "{printed}");
}

#[test]
fn retention_rules_are_checked_one_by_one() {
    let text = "[retention]\nsweep_every = 'monthly'\nrun = 'now'\n\
                [[retention.rule]]\ndownstream = 'Billing'\ncategory = 'in voices'\naction = 'keep'\n\
                [[retention.rule]]\naction = 'retain'\n\
                [[retention.rule]]\naction = 'erase'\nground = { code = 'whim' }\noutlived = 'retain'\n\
                [[retention.rule]]\ncategory = 'a'\ndpv_term = 'b'\naction = 'erase'\nperiod = '7 years'\n\
                [[retention.rule]]\naction = 'erase'\nground = { source = 'HGB' }\nspeed = 1";
    let expected = [
        "retention.sweep_every",
        "retention.run",
        "retention.rule[0].downstream",
        "retention.rule[0].category",
        "retention.rule[0].action",
        "retention.rule[1]",
        "retention.rule[2].ground.code",
        "retention.rule[2].outlived",
        "retention.rule[3]",
        "retention.rule[3].period",
        "retention.rule[4].ground.code",
        "retention.rule[4].speed",
    ];
    assert_eq!(fault_keys(text), expected);
}

#[test]
fn how_cases_are_handled_is_checked_in_every_part() {
    let text = "[policy]\nregimes = ['gdpr', 'hipaa']\nacknowledge_within = 'soon'\nwhen_due = 'panic'\nverification = 'some'\n\
                approval = ['erasing']\nconfirmation_window = '1000h'\n[clocks]\nzone = 'Mars/Base'\nholidays = 'mars'\n\
                [assurance]\nemail_link = 'x'\nhearsay = 'low'\n[[verification]]\nright = 'x'\nregime = 'x'\n[[verification]]";
    let expected = [
        "clocks.zone",
        "clocks.holidays",
        "policy.regimes[1]",
        "policy.verification",
        "verification[0].right",
        "verification[0].regime",
        "verification[0].level",
        "verification[1].level",
        "assurance.email_link",
        "policy.acknowledge_within",
        "policy.when_due",
        "policy.approval[0]",
        "policy.confirmation_window",
        "assurance.hearsay",
    ];
    assert_eq!(fault_keys(text), expected);
}

#[test]
fn another_table_replaces_the_built_in_one_and_its_faults_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let own = "[[regime]]\nname = 'house'\ntitle = 'House rules'\n[[clock]]\nregime = 'house'\n\
               respond = '5 business_days'\nsource = 'house rules'\nvalid_from = '2020-01-01'\n\
               [[holidays]]\nname = 'weekends'\nsource = 'x'";
    std::fs::write(&path, own).unwrap();
    let text = format!("[clocks]\ntable = '{}'\n[policy]\nregimes = ['house']", path.display());
    let config = from(&text).unwrap();
    assert_eq!(config.handling.table.regimes.len(), 1);
    std::fs::write(&path, own.replace("5 business_days", "a week")).unwrap();
    assert_eq!(fault_keys(&text), ["clocks.table: clock[0].respond"]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(fault_keys("[clocks]\ntable = 'no/such/file'"), ["clocks.table"]);
}
