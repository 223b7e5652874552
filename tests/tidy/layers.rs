//! Who may import whom, and where each framework may be named. The arrows run one way.

use crate::{
    paths::{self, Named},
    report,
    source::{self, Source},
};

/// A room, and the rooms that it may import besides itself.
const ROOMS: [(&str, &[&str]); 18] = [
    ("domain", &[]),
    ("clock", &[]),
    ("proto", &[]),
    ("config", &["domain"]),
    ("telemetry", &["config"]),
    ("web", &[]),
    ("transport", &["domain", "telemetry"]),
    ("identity", &["domain", "telemetry", "web"]),
    ("vault", &["domain", "web"]),
    ("store", &["domain", "telemetry", "vault"]),
    ("export", &["domain", "telemetry", "vault"]),
    ("downstream", &["domain", "telemetry", "transport", "vault", "proto"]),
    ("notice", &["domain", "vault", "web"]),
    ("engine", &["domain", "clock", "store", "downstream", "export", "notice", "telemetry", "vault"]),
    ("grpc", &["domain", "engine", "identity", "proto", "telemetry", "transport"]),
    ("demo", &["proto", "telemetry"]),
    ("cli", EVERYTHING),
    ("app", EVERYTHING),
];

const EVERYTHING: &[&str] = &[
    "domain",
    "clock",
    "proto",
    "config",
    "telemetry",
    "web",
    "transport",
    "identity",
    "vault",
    "store",
    "export",
    "downstream",
    "notice",
    "engine",
    "grpc",
    "demo",
    "cli",
    "app",
];

/// A framework, and the rooms whose code, and whose tests, may name it.
struct Framework {
    name: &'static str,
    is: fn(&[String]) -> bool,
    code: &'static [&'static str],
    tests: &'static [&'static str],
}

const FRAMEWORKS: [Framework; 12] = [
    Framework {
        name: "sea-orm",
        is: |path| path[0] == "sea_orm" || path[0] == "sea_orm_migration" || path[0] == "sqlx",
        code: &["store", "demo"],
        tests: &["store", "demo"],
    },
    Framework {
        name: "the tonic server",
        is: |path| {
            path.windows(2).any(|pair| pair[0] == "transport" && pair[1] == "Server")
                || path.iter().any(|word| word.ends_with("_service_server"))
                || (path[0] == "tonic_health" && path.get(1).is_none_or(|part| part != "pb"))
                || path[0] == "tonic_reflection"
        },
        code: &["grpc", "demo"],
        tests: &["grpc", "demo", "downstream"],
    },
    Framework {
        name: "the tonic client",
        is: |path| {
            path.windows(2)
                .any(|pair| pair[0] == "transport" && (pair[1] == "Channel" || pair[1] == "Endpoint"))
                || path.iter().any(|word| word.ends_with("_service_client"))
        },
        code: &["downstream", "cli"],
        tests: &["downstream", "cli", "demo", "grpc"],
    },
    Framework {
        name: "object_store",
        is: |path| path[0] == "object_store",
        code: &["export"],
        tests: &["export"],
    },
    Framework {
        name: "OpenTelemetry",
        is: |path| path[0].starts_with("opentelemetry") || path[0] == "tracing_opentelemetry",
        code: &["telemetry"],
        tests: &["telemetry"],
    },
    Framework {
        name: "the scrape endpoint (axum, prometheus, prometheus_client)",
        is: |path| matches!(path[0].as_str(), "axum" | "prometheus" | "prometheus_client"),
        code: &["telemetry"],
        tests: &["telemetry"],
    },
    Framework {
        name: "the HTTP client (reqwest)",
        is: |path| path[0] == "reqwest",
        code: &["web"],
        tests: &["web"],
    },
    Framework {
        name: "TLS (rustls, x509-parser)",
        is: |path| {
            matches!(path[0].as_str(), "rustls" | "tokio_rustls" | "rustls_native_certs" | "x509_parser")
        },
        code: &["transport"],
        tests: &["transport"],
    },
    Framework {
        name: "tokens (jsonwebtoken)",
        is: |path| path[0] == "jsonwebtoken",
        code: &["identity"],
        tests: &["identity"],
    },
    Framework { name: "aws-lc-rs", is: |path| path[0] == "aws_lc_rs", code: &["vault"], tests: &["vault"] },
    Framework {
        name: "the terminal (clap, indicatif, comfy-table)",
        is: |path| matches!(path[0].as_str(), "clap" | "indicatif" | "comfy_table"),
        code: &["cli"],
        tests: &["cli"],
    },
    Framework {
        name: "anyhow",
        is: |path| path[0] == "anyhow",
        code: &["cli", "app", "config"],
        tests: &["cli", "app"],
    },
];

#[test]
fn every_room_of_the_crate_is_in_the_table() {
    let lib = source::strip(&std::fs::read_to_string(source::top().join("src/lib.rs")).expect("src/lib.rs"));
    let declared = lib.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    let unknown: Vec<String> = declared
        .filter(|room| !ROOMS.iter().any(|(name, _)| name == room))
        .map(|room| {
            format!("src/lib.rs: room `{room}` is new: say in tests/tidy/layers.rs what it may import")
        })
        .collect();
    report(&unknown);
}

#[test]
fn rooms_import_only_what_they_may() {
    let mut faults = Vec::new();
    for source in source::all() {
        let Some(room) = source.room() else { continue };
        let may = ROOMS.iter().find(|(name, _)| *name == room).map_or(&[] as &[&str], |(_, may)| may);
        for Named { line, path } in paths::named(&source.code) {
            if let Some(other) = imported(&source, &path)
                && other != room
                && !may.contains(&other)
            {
                let allowed = if may.is_empty() { "nothing of ours".to_owned() } else { may.join(", ") };
                faults.push(format!(
                    "{}:{line}: `{room}` must not import `{other}`: it may import {allowed}. Move the code to the \
                     room that knows both, or pass a value in.",
                    source.path
                ));
            }
        }
    }
    report(&faults);
}

/// The room that a path leads to from the top of the crate.
fn imported<'a>(source: &Source, path: &'a [String]) -> Option<&'a str> {
    let supers = path.iter().take_while(|word| *word == "super").count();
    let below = if path[0] == "crate" {
        &path[1..]
    } else if supers >= source.depth() {
        &path[supers..]
    } else {
        return None;
    };
    let room = below.first()?.as_str();
    ROOMS.iter().any(|(name, _)| *name == room).then_some(room)
}

#[test]
fn each_framework_has_one_home() {
    let mut faults = Vec::new();
    for source in source::all() {
        let Some(room) = source.room() else { continue };
        for (text, is_test) in [(&source.code, false), (&source.tests, true)] {
            let from = if is_test { source.code.lines().count().saturating_sub(1) } else { 0 };
            for Named { line, path } in paths::named(text) {
                for framework in FRAMEWORKS.iter().filter(|framework| (framework.is)(&path)) {
                    let homes = if is_test { framework.tests } else { framework.code };
                    if !homes.contains(&room) {
                        faults.push(format!(
                            "{}:{}: {} is named only in {}: ask that room for what you need",
                            source.path,
                            from + line,
                            framework.name,
                            homes.join(" and "),
                        ));
                    }
                }
            }
        }
    }
    report(&faults);
}
