//! A Transit engine as Vault and OpenBao have it, over real HTTP: one key, one token, and it can be away.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rightful::vault::CaseKey;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What it lets in.
pub const TOKEN: &str = "hvs.token-of-the-tests";
const PREFIX: &str = "vault:v1:";

struct Served {
    key: CaseKey,
    is_up: AtomicBool,
    asked: AtomicUsize,
}

/// It serves until the test's runtime ends.
pub struct Transit {
    address: String,
    served: Arc<Served>,
}

impl Transit {
    /// Starts on a free port, mounted at `transit`, with a key `rightful`.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let key = CaseKey::generate().expect("there is randomness");
        let served = Arc::new(Served { key, is_up: AtomicBool::new(true), asked: AtomicUsize::new(0) });
        let router =
            Router::new().route("/v1/transit/{verb}/{key}", post(answer)).with_state(Arc::clone(&served));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, served }
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it answers, or is sealed itself.
    pub fn set_up(&self, is_up: bool) {
        self.served.is_up.store(is_up, Ordering::SeqCst);
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.served.asked.load(Ordering::SeqCst)
    }
}

async fn answer(
    State(served): State<Arc<Served>>,
    Path((verb, key)): Path<(String, String)>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    served.asked.fetch_add(1, Ordering::SeqCst);
    let fault = |code| (code, json!({ "errors": ["canary"] }).to_string());
    if !served.is_up.load(Ordering::SeqCst) {
        return fault(StatusCode::SERVICE_UNAVAILABLE);
    }
    if headers.get("x-vault-token").is_none_or(|token| token != TOKEN) {
        return fault(StatusCode::FORBIDDEN);
    }
    if key != "rightful" {
        return fault(StatusCode::NOT_FOUND);
    }
    let body: Value = serde_json::from_str(&body).expect("it is JSON");
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    let data = match verb.as_str() {
        "encrypt" => {
            let plain = STANDARD.decode(text("plaintext")).expect("it is base64");
            let sealed = served.key.seal("transit", &plain).expect("it can be sealed");
            json!({ "ciphertext": format!("{PREFIX}{}", STANDARD.encode(sealed)), "key_version": 1 })
        }
        "decrypt" => {
            let ciphertext = text("ciphertext");
            let sealed = ciphertext.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
            let Some(plain) = sealed.and_then(|sealed| served.key.open("transit", &sealed).ok()) else {
                return fault(StatusCode::BAD_REQUEST);
            };
            json!({ "plaintext": STANDARD.encode(&*plain) })
        }
        _ => return fault(StatusCode::NOT_FOUND),
    };
    (StatusCode::OK, json!({ "request_id": "x", "data": data }).to_string())
}
