//! The Transit secrets engine of Vault and OpenBao: the key that seals the ring is theirs, and never leaves them.

use std::path::PathBuf;

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Error, Provider};
use crate::web;

/// A ring of a hundred keys has some 10 KiB, and its ciphertext is a third longer.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A token has some 100 bytes, one of a login up to a few KiB.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// 200.
const OK: u16 = 200;

/// A key of a Transit engine.
pub struct Transit {
    /// `https://vault:8200`.
    pub address: String,
    /// Where the engine is mounted: `transit`.
    pub mount: String,
    /// The key's name.
    pub key: String,
    /// The namespace, where there are any.
    pub namespace: Option<String>,
    /// The file with the token. It is read for every call: an agent that renews it writes it anew.
    pub token_file: PathBuf,
    /// Calls it.
    pub client: web::Client,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

/// Either of them.
#[derive(Deserialize)]
pub(super) struct Data {
    #[serde(default)]
    ciphertext: String,
    #[serde(default)]
    plaintext: Zeroizing<String>,
}

impl Transit {
    async fn ask(&self, verb: &'static str, body: &serde_json::Value) -> Result<Data, Error> {
        let failed = |why: String| Error::Provider { key: self.key.clone(), why };
        let token = tokio::fs::read_to_string(&self.token_file).await.map(Zeroizing::new);
        let token = token.map_err(|error| failed(format!("the token file cannot be read: {error}")))?;
        let token = token.trim();
        if token.is_empty()
            || token.len() > TOKEN_BYTES_MAX
            || !token.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(failed("the token file has no token".to_owned()));
        }
        let url = format!("{}/v1/{}/{verb}/{}", self.address.trim_end_matches('/'), self.mount, self.key);
        let mut headers = vec![("x-vault-token", token), ("content-type", "application/json")];
        headers.extend(self.namespace.as_deref().map(|namespace| ("x-vault-namespace", namespace)));
        let answer = self.client.post(&url, &headers, body.to_string().into_bytes(), ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|silence| failed(silence.to_string()))?;
        let why = match answer.code {
            OK => None,
            400 => Some("it refuses: is the ring sealed under this key?"),
            403 => Some("its token may not do this"),
            404 => Some("there is no such key, mount or namespace"),
            503 => Some("it is sealed, or down for maintenance"),
            _ => Some("it does not work"),
        };
        if let Some(why) = why {
            return Err(failed(format!("{why} (HTTP {})", answer.code)));
        }
        let parsed = parsed(&Zeroizing::new(answer.body.unwrap_or_default()));
        parsed.ok_or_else(|| failed("its answer is not understood".to_owned()))
    }
}

/// What an answer says. serde's message may quote what came, and what came may be the ring: it is not passed on.
pub(super) fn parsed(body: &[u8]) -> Option<Data> {
    serde_json::from_slice::<Answer>(body).ok().map(|answer| answer.data)
}

/// The ring that an answer brings.
pub(super) fn plaintext(data: &Data) -> Option<Zeroizing<Vec<u8>>> {
    STANDARD.decode(data.plaintext.as_bytes()).ok().map(Zeroizing::new)
}

#[async_trait]
impl Provider for Transit {
    async fn seal(&self, ring: &[u8]) -> Result<String, Error> {
        let mut body = json!({ "plaintext": STANDARD.encode(ring) });
        let data = self.ask("encrypt", &body).await;
        if let Some(serde_json::Value::String(plaintext)) = body.get_mut("plaintext") {
            plaintext.zeroize();
        }
        let ciphertext = data?.ciphertext;
        if ciphertext.is_empty() {
            return Err(Error::Provider {
                key: self.key.clone(),
                why: "its answer has no ciphertext".to_owned(),
            });
        }
        Ok(ciphertext)
    }

    async fn open(&self, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let data = self.ask("decrypt", &json!({ "ciphertext": sealed })).await?;
        plaintext(&data).ok_or_else(|| Error::Provider {
            key: self.key.clone(),
            why: "its answer is not base64".to_owned(),
        })
    }
}
