//! `[telemetry]`: logs, traces and metrics.

use std::{net::SocketAddr, str::FromStr};

use http::Uri;

use super::settings::Settings;
use crate::domain::fault::UnknownName;

/// Texts of this section are short; a longer one is a mistake.
const TEXT_BYTES_MAX: usize = 1_024;

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// How logs look.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of tracing's `EnvFilter`: `info`, `rightful=debug,warn`.
    pub log_filter: String,
    /// Where traces and metrics are sent over OTLP: `http://host:port`. Absent: nowhere.
    pub otlp_endpoint: Option<String>,
    /// How the collector is spoken to.
    pub otlp_protocol: OtlpProtocol,
    /// Whether log lines are sent to the collector as well.
    pub otlp_logs: bool,
    /// Of a hundred traces that nobody has decided about, so many are recorded, 0 to 100.
    pub sample_percent: u32,
    /// The address and port of `GET /metrics` for Prometheus, and of `/livez` and `/readyz` for probes; port 0 takes a free one. Absent: nowhere.
    pub metrics_listen: Option<SocketAddr>,
}

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `text`: lines for people.
    Text,
    /// `json`: one JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownName),
        }
    }
}

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpProtocol {
    /// `grpc`, usually on port 4317, without TLS.
    Grpc,
    /// `http`, usually on port 4318; with an `https` endpoint over TLS.
    Http,
}

impl FromStr for OtlpProtocol {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "grpc" => Ok(Self::Grpc),
            "http" => Ok(Self::Http),
            _ => Err(UnknownName),
        }
    }
}

pub(super) fn telemetry(settings: &mut Settings) -> Telemetry {
    let otlp_protocol =
        settings.parsed("telemetry.otlp_protocol", OtlpProtocol::Grpc, "must be grpc or http");
    let otlp_endpoint = settings.optional("telemetry.otlp_endpoint").filter(|text| !text.is_empty());
    if let Some(text) = &otlp_endpoint {
        let rule = match otlp_protocol {
            OtlpProtocol::Grpc => {
                "must be http://host:port, or empty for none; with otlp_protocol http also https"
            }
            OtlpProtocol::Http => {
                "must be a URL such as http://host:4318 or https://host/otlp, or empty for none"
            }
        };
        if !is_collector(text, otlp_protocol) {
            settings.fault("telemetry.otlp_endpoint", rule);
        }
    }
    let listen = settings.optional("telemetry.metrics_listen").filter(|text| !text.is_empty());
    let metrics_listen = listen.and_then(|text| {
        let address = text.parse().ok();
        if address.is_none() {
            settings.fault(
                "telemetry.metrics_listen",
                "must be an IP address and a port, such as 127.0.0.1:9464, or empty for none",
            );
        }
        address
    });
    Telemetry {
        log_format: settings.parsed("telemetry.log_format", LogFormat::Text, "must be text or json"),
        log_filter: settings.text("telemetry.log_filter", "info", TEXT_BYTES_MAX),
        otlp_endpoint,
        otlp_protocol,
        otlp_logs: settings.parsed("telemetry.otlp_logs", false, "must be true or false"),
        sample_percent: settings.number("telemetry.sample_percent", 100, 0..=100),
        metrics_listen,
    }
}

/// Without a user's name and password, which would end in logs.
fn is_collector(text: &str, protocol: OtlpProtocol) -> bool {
    text.len() <= TEXT_BYTES_MAX
        && text.parse::<Uri>().is_ok_and(|uri| {
            let is_plain = uri.host().is_some_and(|host| !host.is_empty())
                && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
                && uri.query().is_none();
            is_plain
                && match protocol {
                    OtlpProtocol::Grpc => {
                        uri.scheme_str() == Some("http") && uri.port_u16().is_some() && uri.path() == "/"
                    }
                    OtlpProtocol::Http => matches!(uri.scheme_str(), Some("http" | "https")),
                }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_over_grpc_is_a_host_and_over_http_a_url() {
        let both =
            |text| [OtlpProtocol::Grpc, OtlpProtocol::Http].map(|protocol| is_collector(text, protocol));
        assert_eq!(both("http://collector:4317"), [true, true]);
        assert_eq!(both("https://collector/otlp"), [false, true]);
        for bad in ["collector:4317", "", "ftp://c:1", "http://u:p@c:1", "http://c:1/?a=b"] {
            assert_eq!(both(bad), [false, false], "{bad}");
        }
    }
}
