//! The configuration: one TOML file, `RIGHTFUL_…` variables, flags; later ones win.
//!
//! `config.example.toml` names every key with its meaning and its default. All faults are reported at once.

mod auth;
mod check;
mod downstream;
#[cfg(fuzzing)]
pub mod fuzz;
mod handling;
mod keys;
mod limits;
mod manual;
mod regimes;
mod retention;
mod section;
mod settings;
mod telemetry;
mod tls;
mod webhook;

#[cfg(test)]
mod tests;

pub use auth::{Auth, Grant, KeySource, Tokens};
pub use downstream::Downstream;
pub use keys::{Keys, Vault};
pub use limits::Limits;
pub use retention::Retention;
pub use section::{Controller, Engine, Policy, Server, Storage, Store};
pub use telemetry::{LogFormat, OtlpProtocol, Telemetry};
pub use tls::{ClientCertificates, ClientTls, ServerTls};
pub use webhook::{Notices, Webhook};

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use config::{Environment, File, FileFormat};
use jiff::SignedDuration;

use crate::domain::{Faults, breaker, handling::Handling, retry};
use settings::Settings;

/// What every variable of ours starts with.
const PREFIX: &str = "RIGHTFUL";
/// What stands between section and key in a variable: keys have single underscores themselves.
const SEPARATOR: &str = "__";

/// Everything that can be configured, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[server]`: what it serves on.
    pub server: Server,
    /// `tls.reload_every`: how often certificates, keys and authorities are looked at. 10 ms to 24 h.
    pub reload_every: SignedDuration,
    /// `[auth]`: how callers are known, and what they may do; absent: they say who they are, on this machine.
    pub auth: Option<Auth>,
    /// `[store]`: the database.
    pub store: Store,
    /// `[storage]`: where parts of exports are kept.
    pub storage: Storage,
    /// `[keys]`: what personal data is sealed with.
    pub keys: Keys,
    /// `[controller]`: who answers to the person.
    pub controller: Controller,
    /// `[policy]`: how long things may take and live.
    pub policy: Policy,
    /// `[policy]`, `[clocks]`, `[assurance]`, `[[verification]]`: how cases are handled.
    pub handling: Handling,
    /// `[engine]`: how work is claimed and polled.
    pub engine: Engine,
    /// `[limits]`: how much is let in at once.
    pub limits: Limits,
    /// `[retry]`: how failed calls are tried again.
    pub retry: retry::Policy,
    /// `[breaker]`: when a downstream that fails again and again is left alone.
    pub breaker: breaker::Policy,
    /// `[retention]`: what is kept, for how long and why.
    pub retention: Retention,
    /// `[notices]`: what is kept of what happened to cases.
    pub notices: Notices,
    /// `[[webhook]]`: who is told, in the order of the file, each name once.
    pub webhooks: Vec<Webhook>,
    /// `[telemetry]`: logs, traces and metrics.
    pub telemetry: Telemetry,
    /// `[[downstream]]`: the registered services, in the order of the file, each name once.
    pub downstreams: Vec<Downstream>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML, or a layer does not fit onto the one below.
    #[error("the configuration is not well-formed")]
    Syntax(#[source] config::ConfigError),
    /// Keys are unknown or values are wrong: all of them.
    #[error("the configuration has faults: {0}")]
    Faults(#[from] Faults),
}

/// Reads the file, if there is one, then the variables, then the overrides (`("server.listen", …)`), and checks all.
///
/// Of the environment, only variables of the form `RIGHTFUL_SECTION__KEY` count; others, such as the `RIGHTFUL_PORT`
/// that Kubernetes sets for a service of this name, are left alone. Downstreams are named in the file only.
pub fn load(
    path: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    overrides: &[(&str, String)],
) -> Result<Config, Error> {
    let text = path.map_or_else(|| Ok(String::new()), read)?;
    let settings = layer(&text, environment, overrides).map_err(Error::Syntax)?;
    Ok(check::config(settings)?)
}

impl Default for Config {
    /// What an empty file means.
    fn default() -> Self {
        check::config(Settings::default()).expect("the defaults keep their own rules: a test loads them")
    }
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn layer(
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
    overrides: &[(&str, String)],
) -> Result<Settings, config::ConfigError> {
    let ours: HashMap<String, String> = environment.filter(|(name, _)| names_a_key(name)).collect();
    let variables =
        Environment::with_prefix(PREFIX).prefix_separator("_").separator(SEPARATOR).source(Some(ours));
    let mut builder =
        config::Config::builder().add_source(File::from_str(text, FileFormat::Toml)).add_source(variables);
    for (key, value) in overrides {
        builder = builder.set_override(*key, value.as_str())?;
    }
    Ok(Settings::flatten(builder.build()?.cache))
}

fn names_a_key(variable: &str) -> bool {
    variable
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix('_'))
        .is_some_and(|rest| rest.contains(SEPARATOR))
}
