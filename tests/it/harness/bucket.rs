//! A bucket behind the real S3 protocol: somebody else's server, with signed requests, on a loopback port. It outlives
//! restarts of rightful, and fails when it is told to.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::Request, response::Response};
use http::{Method, StatusCode};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch, task::AbortHandle};

const KEY_ID: &str = "AKIARIGHTFUL";
const SECRET: &str = "the secret of the tests";
const BUCKET: &str = "exports";
/// Others use the bucket too. Short, because the server makes names of files of it, which may have 255 bytes.
const PREFIX: &str = "dsr";

/// What the storage does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 500 to everything.
    InternalError,
    /// 503 to everything, as a bucket that is asked too much.
    SlowDown,
    /// 507 to whatever writes.
    Full,
}

/// What is refused just now.
#[derive(Default)]
struct Script {
    always: Option<Refusal>,
    /// So many writes still meet an internal error.
    writes: usize,
}

impl Script {
    fn take(&mut self, request: &Request) -> Option<Refusal> {
        let writes = matches!(*request.method(), Method::PUT | Method::POST);
        match self.always {
            Some(Refusal::Full) if !writes => None,
            Some(refusal) => Some(refusal),
            None if writes && self.writes > 0 => {
                self.writes -= 1;
                Some(Refusal::InternalError)
            }
            None => None,
        }
    }
}

/// The bucket. It stops when it is dropped.
pub struct Bucket {
    folder: TempDir,
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    refused: watch::Sender<usize>,
    serving: AbortHandle,
}

impl Bucket {
    /// Starts an empty one on a free port.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the bucket");
        fs::create_dir(folder.path().join(BUCKET)).expect("a folder can be made");
        let files = s3s_fs::FileSystem::new(folder.path()).expect("the folder is there");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let (script, refused) = (Arc::<Mutex<Script>>::default(), watch::Sender::new(0));
        let (faults, count) = (Arc::clone(&script), refused.clone());
        let answer = move |request: Request| {
            let refusal = faults.lock().expect("no test panics while it holds the lock").take(&request);
            let (service, count) = (service.clone(), count.clone());
            async move {
                if let Some(refusal) = refusal {
                    count.send_modify(|count| *count += 1);
                    return refuse(refusal);
                }
                let request = request.map(s3s::Body::http_body_unsync);
                let answer = service.call(request).await.expect("S3's errors are answers");
                answer.map(Body::new)
            }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let server = axum::serve(listener, Router::new().fallback(answer));
        let serving = tokio::spawn(async move { server.await.expect("accepting does not end") });
        Self { folder, address, script, refused, serving: serving.abort_handle() }
    }

    /// The settings that lead here, as TOML.
    pub fn settings(&self) -> Vec<(String, String)> {
        let quoted = |(key, value): (&str, String)| (format!("storage.{key}"), format!("\"{value}\""));
        [
            ("url", format!("s3://{BUCKET}/{PREFIX}")),
            ("options.aws_endpoint", format!("http://{}", self.address)),
            ("options.aws_allow_http", "true".to_owned()),
            ("options.aws_region", "eu-central-1".to_owned()),
            ("options.aws_access_key_id", KEY_ID.to_owned()),
            ("options.aws_secret_access_key", SECRET.to_owned()),
        ]
        .map(quoted)
        .into()
    }

    /// Refuses from now on, until it is healed.
    pub fn refuse(&self, refusal: Refusal) {
        self.script.lock().expect("no test panics while it holds the lock").always = Some(refusal);
    }

    /// Refuses so many writes with an internal error, and then works.
    pub fn refuse_writes(&self, count: usize) {
        self.script.lock().expect("no test panics while it holds the lock").writes = count;
    }

    /// Works from now on.
    pub fn heal(&self) {
        *self.script.lock().expect("no test panics while it holds the lock") = Script::default();
    }

    /// Waits until it has refused so many requests in all.
    pub async fn refused(&self, count: usize) {
        let mut refused = self.refused.subscribe();
        super::soon("the storage to be asked in vain", refused.wait_for(|refused| *refused >= count))
            .await
            .expect("the bucket is there");
    }

    /// How many requests it has refused.
    pub fn refusals(&self) -> usize {
        *self.refused.borrow()
    }

    /// The keys of all objects of cases, without the prefix.
    pub fn objects(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let top = self.folder.path().join(BUCKET).join(PREFIX);
        files(&top.join("cases"), &mut |path| {
            let key = path.strip_prefix(&top).expect("it lies below").display().to_string();
            found.insert(key);
        });
        found
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn files(folder: &Path, found: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() { files(&path, found) } else { found(&path) }
    }
}

fn refuse(refusal: Refusal) -> Response {
    let (status, code) = match refusal {
        Refusal::InternalError => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Refusal::SlowDown => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Refusal::Full => (StatusCode::INSUFFICIENT_STORAGE, "XMinioStorageFull"),
    };
    let body = format!("<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>");
    let answer = Response::builder().status(status).header("content-type", "application/xml");
    answer.body(Body::from(body)).expect("it is a response")
}
