//! `[auth]` and `[[auth.grant]]`: how callers are known, and what they may do.

use std::path::PathBuf;

use jiff::SignedDuration;

use super::settings::Settings;
use crate::domain::{
    Role,
    endpoint::{URL_RULE, is_safe},
    identity::{NAME_RULE, is_name as is_caller_name},
    subject::{NAME_RULE as DOWNSTREAM_RULE, is_name as is_downstream_name},
};

/// URLs, paths and names are short; a longer one is a mistake.
const TEXT_BYTES_MAX: usize = 1_024;
/// Grants at the most: roles times the services and groups of a large company.
const GRANTS_MAX: usize = 10_000;

/// `[auth]`: how callers are known. Absent as long as nobody is granted anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// How tokens are verified; absent: callers are known by their certificates only.
    pub tokens: Option<Tokens>,
    /// Who has which roles; at least one.
    pub grants: Vec<Grant>,
}

/// How tokens are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// `iss` has to be this.
    pub issuer: String,
    /// `aud` has to have this.
    pub audience: String,
    /// Where the issuer's keys are.
    pub keys: KeySource,
    /// PEM of the authorities that may vouch for the issuer; absent: those that the machine trusts.
    pub authorities: Option<PathBuf>,
    /// Where the caller's name is.
    pub name_claim: String,
    /// Where the values are that roles are granted to.
    pub roles_claim: String,
    /// How far the issuer's clock may be off, up to 10 min.
    pub leeway: SignedDuration,
    /// How often the keys are asked for, 100 ms to 24 h.
    pub refresh_every: SignedDuration,
    /// For how long keys go on while the issuer is away, 100 ms to 30 days.
    pub outage: SignedDuration,
}

/// Where the issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// Where its discovery document says that they are.
    Discovery,
    /// At this URL.
    Url(String),
    /// In this file.
    File(PathBuf),
}

/// A role, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which.
    pub role: Role,
    /// A value of the roles claim, …
    pub claim: Option<String>,
    /// … or the name in a token, …
    pub caller: Option<String>,
    /// … or a URI or DNS name in a certificate. Exactly one of them.
    pub peer: Option<String>,
    /// The name of a caller that is known by its certificate.
    pub name: Option<String>,
    /// Which downstream it is; there exactly for the role of a downstream.
    pub downstream: Option<String>,
}

/// The section and its grants.
pub(super) fn section(settings: &mut Settings) -> Option<Auth> {
    let tokens = tokens(settings);
    let length = settings.length("auth.grant");
    if length > GRANTS_MAX {
        settings.fault("auth.grant", format!("must have at most {GRANTS_MAX} entries"));
    }
    let grants: Vec<Grant> = (0..length.min(GRANTS_MAX))
        .map(|index| grant(settings, &format!("auth.grant[{index}]"), tokens.is_some()))
        .collect();
    if tokens.is_some() && grants.is_empty() {
        settings.fault("auth.grant", "must have an entry: without one nobody may do anything");
    }
    (!grants.is_empty()).then_some(Auth { tokens, grants })
}

fn tokens(settings: &mut Settings) -> Option<Tokens> {
    let issuer = settings.text_if_any("auth.issuer", TEXT_BYTES_MAX);
    let audience = settings.text_if_any("auth.audience", TEXT_BYTES_MAX);
    let url = settings.text_if_any("auth.jwks_url", TEXT_BYTES_MAX);
    let file = settings.text_if_any("auth.jwks_file", TEXT_BYTES_MAX).map(PathBuf::from);
    let authorities = settings.text_if_any("auth.authorities", TEXT_BYTES_MAX).map(PathBuf::from);
    let name_claim = settings.text("auth.name_claim", "sub", TEXT_BYTES_MAX);
    let roles_claim = settings.text("auth.roles_claim", "roles", TEXT_BYTES_MAX);
    let (least, day) = (SignedDuration::from_millis(100), SignedDuration::from_hours(24));
    let leeway = settings.duration(
        "auth.leeway",
        SignedDuration::from_secs(30),
        SignedDuration::ZERO..=SignedDuration::from_mins(10),
    );
    let refresh_every = settings.duration("auth.refresh_every", SignedDuration::from_mins(10), least..=day);
    let outage = settings.duration("auth.outage", day, least..=day * 30);
    let Some(issuer) = issuer else {
        if audience.is_some() || url.is_some() || file.is_some() {
            settings.fault("auth.issuer", "must name the issuer of the tokens");
        }
        return None;
    };
    if audience.is_none() {
        settings.fault("auth.audience", "must be what the tokens' `aud` names us by");
    }
    if url.as_ref().is_some_and(|url| !is_safe(url)) {
        settings.fault("auth.jwks_url", URL_RULE);
    }
    let keys = match (url, file) {
        (Some(_), Some(_)) => {
            settings.fault("auth.jwks_file", "must be left out where a jwks_url is given");
            KeySource::Discovery
        }
        (Some(url), None) => KeySource::Url(url),
        (None, Some(file)) => KeySource::File(file),
        (None, None) => {
            if !is_safe(&issuer) {
                settings.fault("auth.issuer", format!("{URL_RULE}, where no jwks_url or jwks_file is given"));
            }
            KeySource::Discovery
        }
    };
    Some(Tokens {
        issuer,
        audience: audience.unwrap_or_default(),
        keys,
        authorities,
        name_claim,
        roles_claim,
        leeway,
        refresh_every,
        outage,
    })
}

fn grant(settings: &mut Settings, at: &str, takes_tokens: bool) -> Grant {
    let key = |name: &str| format!("{at}.{name}");
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let role = settings.optional(&key("role")).and_then(|text| text.parse().ok());
    if role.is_none() {
        settings.fault(&key("role"), format!("must be one of {}", roles.join(", ")));
    }
    let mut text = |name: &str| settings.text_if_any(&key(name), TEXT_BYTES_MAX);
    let (claim, caller, peer) = (text("claim"), text("caller"), text("peer"));
    let (name, downstream) = (text("name"), text("downstream"));
    let of_token = claim.is_some() || caller.is_some();
    if [&claim, &caller, &peer].into_iter().flatten().count() != 1 {
        settings.fault(at, "must have exactly one of claim, caller and peer");
    } else if of_token && !takes_tokens {
        settings.fault(at, "must have a peer, or auth.issuer must name the issuer of tokens");
    }
    let shown = name.as_ref().or(peer.as_ref());
    if shown.is_some_and(|name| !is_caller_name(name)) {
        settings.fault(&key(if name.is_some() { "name" } else { "peer" }), NAME_RULE);
    }
    if name.is_some() && peer.is_none() {
        settings.fault(&key("name"), "must be left out: a token says the name");
    }
    let is_downstream = role == Some(Role::Downstream);
    match &downstream {
        Some(name) if is_downstream && !is_downstream_name(name) => {
            settings.fault(&key("downstream"), DOWNSTREAM_RULE);
        }
        None if is_downstream => settings.fault(&key("downstream"), "must say which downstream it is"),
        Some(_) if !is_downstream => {
            settings.fault(&key("downstream"), "must be left out but for the role downstream");
        }
        _ => {}
    }
    Grant { role: role.unwrap_or(Role::Requester), claim, caller, peer, name, downstream }
}
