//! Who calls: the tokens that callers bring, the keys of their issuers, and the identities that tokens and certificates are
//! mapped to. The only home of jsonwebtoken.

mod grants;
mod keys;
mod token;

pub use grants::{Grant, Grants, Shown};
pub use keys::{Keys, Source};
pub use token::{Claims, Tokens};

use jiff::Timestamp;

use crate::domain::{Identity, Peer};

/// Why it is not known who calls. Nothing of the token is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unidentified {
    /// Neither a token nor a certificate that is somebody's.
    #[error("bring a token (authorization: Bearer …) or a certificate that the configuration knows")]
    Missing,
    /// Tokens are not taken.
    #[error("tokens are not taken here: callers are known by their certificates")]
    NotTaken,
    /// It is no JWT.
    #[error("the token is no signed JWT")]
    Malformed,
    /// It is signed in a way that is not taken.
    #[error("the token's algorithm is not taken: RS256, ES256 and EdDSA are")]
    Algorithm,
    /// Its issuer has no such key.
    #[error("the token's key is not one of its issuer's")]
    UnknownKey,
    /// The signature is not good.
    #[error("the token's signature is not good")]
    BadSignature,
    /// Somebody else issued it.
    #[error("the token is of another issuer")]
    WrongIssuer,
    /// It is meant for somebody else.
    #[error("the token is for another audience")]
    WrongAudience,
    /// It is over.
    #[error("the token has expired")]
    Expired,
    /// It has not begun.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It names nobody who can be a caller.
    #[error("the token has no name that a caller can have")]
    NoName,
    /// The issuer's keys cannot be had just now.
    #[error("the keys of the tokens' issuer cannot be had just now")]
    KeysUnavailable,
}

impl Unidentified {
    /// In one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotTaken => "not_taken",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::NoName => "no_name",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }
}

/// Tells who calls.
pub struct Authenticator {
    /// Absent: callers are known by certificates only.
    pub tokens: Option<Tokens>,
    /// Who has which roles.
    pub grants: Grants,
}

impl Authenticator {
    /// Who it is. A token decides alone where there is one: whoever brings a bad one is nobody.
    pub async fn identify(
        &self,
        token: Option<&str>,
        peer: &Peer,
        now: Timestamp,
    ) -> Result<Identity, Unidentified> {
        match (token, &self.tokens) {
            (Some(_), None) => Err(Unidentified::NotTaken),
            (Some(token), Some(tokens)) => Ok(self.grants.of_token(&tokens.verify(token, now).await?)),
            (None, _) => self.grants.of_peer(peer).ok_or(Unidentified::Missing),
        }
    }
}
