//! A receiver of webhooks: a real HTTP server that checks signatures with code of its own, and answers as it is told.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::soon;

/// The secrets that rightful shares with it: the newer one, and the one before.
pub const SECRETS: [&str; 2] =
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_b2xkZXIgc2VjcmV0IG9mIHRoZSByZWNlaXZlcg=="];

/// How it answers.
#[derive(Clone, Copy, Debug)]
pub enum Reply {
    /// With this code.
    Code(u16),
    /// With 503, and how many seconds to stay away.
    Later(u32),
    /// Not at all.
    Never,
}

/// A delivery that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// `webhook-id`.
    pub id: String,
    /// The CloudEvent.
    pub event: Value,
}

impl Received {
    /// Without `rightful.` and `.v1`.
    pub fn kind(&self) -> &str {
        let name = self.event["type"].as_str().expect("an event has a type");
        name.strip_prefix("rightful.").and_then(|rest| rest.strip_suffix(".v1")).expect("it is one of ours")
    }

    /// Of which case.
    pub fn case_id(&self) -> &str {
        self.event["data"]["case_id"].as_str().expect("it is about a case")
    }
}

struct Shared {
    script: Mutex<(VecDeque<Reply>, Reply)>,
    received: watch::Sender<Vec<Received>>,
}

/// The receiver. It ends when it is dropped.
pub struct Receiver {
    shared: Arc<Shared>,
    url: String,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    /// Takes everything at first.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}/hooks", listener.local_addr().expect("it listens"));
        let shared = Arc::new(Shared {
            script: Mutex::new((VecDeque::new(), Reply::Code(204))),
            received: watch::Sender::default(),
        });
        let router = Router::new().route("/hooks", post(receive)).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { shared, url, serving }
    }

    /// An entry of the configuration that leads here, with these lines besides.
    pub fn entry(&self, name: &str, more: &str) -> String {
        let Self { url, .. } = self;
        format!(
            "[[webhook]]\nname = \"{name}\"\nurl = \"{url}\"\n{more}\n[webhook_secrets]\n{name} = \"{}\"\n",
            SECRETS.join(" ")
        )
    }

    /// How it answers next, once.
    pub fn next(&self, reply: Reply) {
        self.shared.script.lock().expect("nobody panicked with it").0.push_back(reply);
    }

    /// How it answers from now on.
    pub fn always(&self, reply: Reply) {
        self.shared.script.lock().expect("nobody panicked with it").1 = reply;
    }

    /// What has come by now, in the order of coming.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.borrow().clone()
    }

    /// Waits until what has come is as wanted.
    pub async fn until(&self, what: &str, is_so: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let mut seen = self.shared.received.subscribe();
        soon(what, async { seen.wait_for(|received| is_so(received)).await.expect("it serves").clone() })
            .await
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers[name].to_str().expect("it is ASCII").to_owned();
    let (id, timestamp, signatures) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    assert!(header("content-type").starts_with("application/cloudevents+json"));
    let second: i64 = timestamp.parse().expect("it is a second");
    assert!(second > 0);
    let signed = [format!("{id}.{timestamp}.").as_bytes(), &body].concat();
    let expected: Vec<String> =
        SECRETS.iter().map(|secret| format!("v1,{}", hmac(secret, &signed))).collect();
    assert_eq!(signatures, expected.join(" "), "each secret signs");
    let event = serde_json::from_slice(&body).expect("it is JSON");
    shared.received.send_modify(|received| received.push(Received { id, event }));
    let reply = {
        let mut script = shared.script.lock().expect("nobody panicked with it");
        let (next, always) = (script.0.pop_front(), script.1);
        next.unwrap_or(always)
    };
    match reply {
        Reply::Code(code) => StatusCode::from_u16(code).expect("it is a code").into_response(),
        Reply::Later(seconds) => {
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
            response
        }
        Reply::Never => std::future::pending().await,
    }
}

/// HMAC-SHA256 (RFC 2104), in base64.
fn hmac(secret: &str, message: &[u8]) -> String {
    let mut key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("a secret is base64");
    assert!(key.len() <= 64);
    key.resize(64, 0);
    let padded = |with: u8| key.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([padded(0x36).as_slice(), message].concat());
    STANDARD.encode(Sha256::digest([padded(0x5c).as_slice(), &inner].concat()))
}

/// How often each id came.
pub fn by_id(received: &[Received]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for delivery in received {
        *counts.entry(delivery.id.clone()).or_default() += 1;
    }
    counts
}
