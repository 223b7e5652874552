//! An issuer of tokens: OpenID Connect Discovery and a key set over real HTTP, and keys of each kind.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet},
};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What tokens call rightful.
pub const AUDIENCE: &str = "rightful";
/// A moment when all tokens of the tests are still good: the year 2100.
pub const LATER: i64 = 4_102_444_800;

/// A key that tokens are signed with.
#[derive(Clone)]
pub struct Signer {
    pub id: String,
    pub algorithm: Algorithm,
    key: EncodingKey,
    raw: Vec<u8>,
}

impl Signer {
    /// A new key.
    pub fn new(id: &str, algorithm: Algorithm) -> Self {
        let pair = match algorithm {
            Algorithm::RS256 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Algorithm::ES256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            _ => KeyPair::generate_for(&PKCS_ED25519),
        };
        let pair = pair.expect("a key can be made");
        let (pem, raw) = (pair.serialize_pem(), pair.der_bytes().to_vec());
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
            Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
            _ => EncodingKey::from_ed_pem(pem.as_bytes()),
        };
        Self { id: id.to_owned(), algorithm, key: key.expect("it is PEM"), raw }
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.key).expect("it can be signed")
    }

    /// Its public half.
    pub fn public(&self) -> Jwk {
        if self.algorithm == Algorithm::EdDSA {
            let x = URL_SAFE_NO_PAD.encode(&self.raw);
            let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.id });
            return serde_json::from_value(public).expect("it is a key");
        }
        let mut public = Jwk::from_encoding_key(&self.key, self.algorithm).expect("it has a public half");
        public.common.key_id = Some(self.id.clone());
        public
    }
}

struct Served {
    url: String,
    keys: Mutex<Vec<Jwk>>,
    is_up: AtomicBool,
    asked: AtomicUsize,
}

/// It serves until the test's runtime ends.
pub struct Issuer {
    served: Arc<Served>,
}

impl Issuer {
    /// Starts on a free port with these keys.
    pub async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address: SocketAddr = listener.local_addr().expect("it is bound");
        let served = Arc::new(Served {
            url: format!("http://{address}"),
            keys: Mutex::new(signers.iter().map(|signer| signer.public()).collect()),
            is_up: AtomicBool::new(true),
            asked: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .with_state(Arc::clone(&served));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { served }
    }

    /// What `iss` is.
    pub fn url(&self) -> &str {
        &self.served.url
    }

    /// From now on these keys and no others.
    pub fn publish(&self, signers: &[&Signer]) {
        *self.served.keys.lock().expect("nobody panics here") =
            signers.iter().map(|signer| signer.public()).collect();
    }

    /// Whether it answers.
    pub fn set_up(&self, is_up: bool) {
        self.served.is_up.store(is_up, Ordering::SeqCst);
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> usize {
        self.served.asked.load(Ordering::SeqCst)
    }

    /// The claims of a good token of this caller, in these groups.
    pub fn claims(&self, caller: &str, groups: &[&str]) -> Value {
        json!({ "iss": self.url(), "aud": AUDIENCE, "sub": caller, "exp": LATER, "roles": groups })
    }
}

async fn discovery(State(served): State<Arc<Served>>) -> (StatusCode, String) {
    served.asked.fetch_add(1, Ordering::SeqCst);
    if !served.is_up.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    let document = json!({ "issuer": served.url, "jwks_uri": format!("{}/keys", served.url) });
    (StatusCode::OK, document.to_string())
}

async fn keys(State(served): State<Arc<Served>>) -> (StatusCode, String) {
    served.asked.fetch_add(1, Ordering::SeqCst);
    if !served.is_up.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    let keys = served.keys.lock().expect("nobody panics here").clone();
    (StatusCode::OK, serde_json::to_string(&JwkSet { keys }).expect("it is JSON"))
}
