//! `[keys]`: the key ring, and who keeps the key that it is sealed under.

use std::path::PathBuf;

use super::settings::Settings;
use crate::domain::endpoint::{URL_RULE, is_safe};

/// Names, paths and URLs are short; a longer one is a mistake.
const TEXT_BYTES_MAX: usize = 1_024;

/// `[keys]`: what personal data is sealed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The key ring file (relative to the working directory).
    pub ring: PathBuf,
    /// Who seals the file; absent: it lies there as it is.
    pub vault: Option<Vault>,
}

/// `[keys.vault]`: a key of the Transit engine of Vault or OpenBao.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// `https://vault:8200`; http on this machine only.
    pub address: String,
    /// Where the engine is mounted.
    pub mount: String,
    /// The key's name.
    pub key: String,
    /// The namespace, where there are any.
    pub namespace: Option<String>,
    /// The file with the token, read for every call.
    pub token_file: PathBuf,
    /// The authorities that may vouch for it, instead of those that this machine trusts.
    pub authorities: Option<PathBuf>,
}

/// Reads the section.
pub(super) fn section(settings: &mut Settings) -> Keys {
    let ring = PathBuf::from(settings.text("keys.ring", "rightful.keys.json", TEXT_BYTES_MAX));
    Keys { ring, vault: vault(settings) }
}

fn vault(settings: &mut Settings) -> Option<Vault> {
    let key = |key: &str| format!("keys.vault.{key}");
    let mount = settings.text(&key("mount"), "transit", TEXT_BYTES_MAX);
    let namespace = settings.text_if_any(&key("namespace"), TEXT_BYTES_MAX);
    let authorities = settings.text_if_any(&key("authorities"), TEXT_BYTES_MAX).map(PathBuf::from);
    let name = settings.text_if_any(&key("key"), TEXT_BYTES_MAX);
    let token_file = settings.text_if_any(&key("token_file"), TEXT_BYTES_MAX).map(PathBuf::from);
    let Some(address) = settings.text_if_any(&key("address"), TEXT_BYTES_MAX) else {
        if name.is_some() || token_file.is_some() {
            settings.fault(&key("address"), URL_RULE);
        }
        return None;
    };
    if !is_safe(&address) {
        settings.fault(&key("address"), URL_RULE);
    }
    // They become parts of a path.
    let is_path = |text: &str| {
        !text.is_empty()
            && text.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
    };
    if !is_path(&mount) {
        settings.fault(&key("mount"), "must be a path of letters, digits, -, _ and .");
    }
    let name = name.filter(|name| is_path(name) && !name.contains('/'));
    if name.is_none() {
        settings.fault(&key("key"), "must name the key: letters, digits, -, _ and .");
    }
    if token_file.is_none() {
        settings.fault(&key("token_file"), "must name the file with the token");
    }
    Some(Vault { address, mount, key: name?, namespace, token_file: token_file?, authorities })
}
