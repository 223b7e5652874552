//! Tokens: JSON Web Tokens (RFC 7519) of one issuer, for us, signed by a key of its set.
//!
//! The algorithm is one of a closed list and has to fit the key (RFC 8725, 3.1 and 3.2): `none` and shared secrets are not
//! among them. Times are compared here, with the time that is passed in.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, errors::ErrorKind};
use serde_json::Value;

use super::{Keys, Unidentified};
use crate::domain::identity::is_name;

/// All headers of a call together may have 16 KiB; a token with hundreds of groups has some 8 KiB.
const TOKEN_BYTES_MAX: usize = 12 * 1024;
/// Groups that are looked at. More are a directory, not a caller.
const ROLES_MAX: usize = 1_000;
/// What is taken.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// What a token says of its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Its name.
    pub name: String,
    /// The values that roles are granted to.
    pub roles: Vec<String>,
}

/// Verifies tokens.
pub struct Tokens {
    /// The keys of the issuer.
    pub keys: Keys,
    /// `iss` has to be this.
    pub issuer: String,
    /// `aud` has to have this.
    pub audience: String,
    /// Where the caller's name is, as a path with dots.
    pub name_claim: String,
    /// Where the values are that roles are granted to: a list, or words in a text.
    pub roles_claim: String,
    /// How far the issuer's clock may be off.
    pub leeway: SignedDuration,
}

impl Tokens {
    /// What a good token says.
    pub(super) async fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Unidentified> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Unidentified::Malformed);
        }
        let header = decode_header(token).map_err(|error| match error.kind() {
            // A name that the library does not know, `none` among them.
            ErrorKind::Json(_) | ErrorKind::InvalidAlgorithmName => Unidentified::Algorithm,
            _ => Unidentified::Malformed,
        })?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Unidentified::Algorithm);
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let key = DecodingKey::from_jwk(&key).map_err(|_| Unidentified::UnknownKey)?;
        let claims = decode::<Value>(token, &key, &self.validation(header.alg));
        let claims = claims.map_err(|error| unidentified(error.kind()))?.claims;
        self.check_times(&claims, now)?;
        let name = at(&claims, &self.name_claim).and_then(Value::as_str).filter(|name| is_name(name));
        Ok(Claims { name: name.ok_or(Unidentified::NoName)?.to_owned(), roles: self.roles(&claims) })
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        validation
    }

    fn check_times(&self, claims: &Value, now: Timestamp) -> Result<(), Unidentified> {
        let leeway = self.leeway.as_secs();
        let seconds = |name: &str| {
            let value = claims.get(name)?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "parts of a second do not matter, and it saturates"
            )]
            value.as_i64().or_else(|| value.as_f64().map(|at| at as i64))
        };
        let until = seconds("exp").ok_or(Unidentified::Malformed)?;
        if now.as_second() > until.saturating_add(leeway) {
            return Err(Unidentified::Expired);
        }
        let begins = claims.get("nbf").map(|_| seconds("nbf").ok_or(Unidentified::Malformed)).transpose()?;
        if begins.is_some_and(|from| now.as_second() < from.saturating_sub(leeway)) {
            return Err(Unidentified::NotYetValid);
        }
        Ok(())
    }

    fn roles(&self, claims: &Value) -> Vec<String> {
        match at(claims, &self.roles_claim) {
            Some(Value::Array(values)) => {
                values.iter().filter_map(Value::as_str).take(ROLES_MAX).map(str::to_owned).collect()
            }
            Some(Value::String(words)) => {
                words.split_ascii_whitespace().take(ROLES_MAX).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A claim by its name, or else by a path with dots: `realm_access.roles`.
fn at<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| path.split('.').try_fold(claims, |value, name| value.get(name)))
}

fn unidentified(kind: &ErrorKind) -> Unidentified {
    match kind {
        ErrorKind::InvalidSignature => Unidentified::BadSignature,
        ErrorKind::InvalidIssuer => Unidentified::WrongIssuer,
        ErrorKind::InvalidAudience => Unidentified::WrongAudience,
        ErrorKind::InvalidAlgorithm | ErrorKind::MissingAlgorithm => Unidentified::Algorithm,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Unidentified::WrongIssuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Unidentified::WrongAudience,
        _ => Unidentified::Malformed,
    }
}
