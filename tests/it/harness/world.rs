//! The world of one test.

use std::{fs, path::Path, sync::Arc};

use rightful::{
    clock::{Clock, SystemClock},
    proto::v1::{
        Case, CaseState, Downstream, GetCaseRequest, ListCasesRequest, ListDownstreamsRequest,
        case_service_client::CaseServiceClient, downstream_service_client::DownstreamServiceClient,
        hold_service_client::HoldServiceClient, notice_service_client::NoticeServiceClient,
        retention_service_client::RetentionServiceClient,
    },
    transport::{Client, Connector},
};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use super::{Bucket, Builder, Database, binary::Binary, disk::Disk, embedded::Embedded, soon};
use crate::puppet::{Profile, Puppet};

/// The folder that is a small disk, in a world that has one.
pub(super) const DISK: &str = "disk";
/// Lines of the server's log that a failing test shows.
const LOG_LINES: usize = 60;

/// Where the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In this process, on a runtime of its own.
    Embedded,
    /// The real binary.
    Binary,
    /// The real binary, with its database on a disk that is soon full.
    OnSmallDisk,
}

enum Server {
    Embedded(Embedded),
    Binary(Binary),
}

/// One of several servers on the same database.
pub struct Replica {
    server: Server,
    url: String,
}

impl Replica {
    /// The cases' service of this one.
    pub fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(channel(&self.url, None))
    }

    /// Ends it as a crash would.
    pub async fn kill(self) {
        match self.server {
            Server::Embedded(server) => server.kill().await,
            Server::Binary(server) => server.kill(),
        }
    }

    /// Ends it as SIGTERM would.
    pub async fn stop(self) {
        match self.server {
            Server::Embedded(server) => soon("a replica to stop", server.stop()).await,
            Server::Binary(server) => soon("a replica to stop", server.stop()).await,
        }
    }
}

fn channel(url: &str, client: Option<&Client>) -> Channel {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("it is a URL");
    match client {
        None => endpoint.connect_lazy(),
        Some(client) => {
            let connector = Connector::new("the test".into(), client, SystemClock.now());
            endpoint.connect_with_connector_lazy(connector.expect("the files are good"))
        }
    }
}

/// Puppets, a server and its files. What is left of it goes when it is dropped.
pub struct World {
    dir: TempDir,
    puppets: Vec<Puppet>,
    mode: Mode,
    /// How the test calls the server over TLS, if it does.
    client: Option<Client>,
    clock: Arc<dyn Clock>,
    server: Option<(Server, String)>,
    /// Behind the server: it goes when nobody is connected any more.
    database: Database,
    bucket: Option<Bucket>,
}

impl Drop for World {
    /// Shows the end of the server's log when a test fails: the folder is gone afterwards.
    fn drop(&mut self) {
        let log = if std::thread::panicking() { fs::read(self.dir().join("server.log")) } else { return };
        let text = String::from_utf8_lossy(&log.unwrap_or_default()).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
            eprintln!("server.log: {line}");
        }
    }
}

impl World {
    /// A world with these downstreams, with everything else as usual.
    pub async fn start(profiles: impl IntoIterator<Item = Profile>) -> Self {
        Builder::new(profiles).start().await
    }

    pub(super) fn new(
        (dir, database, bucket): (TempDir, Database, Option<Bucket>),
        puppets: Vec<Puppet>,
        (mode, client): (Mode, Option<Client>),
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { dir, puppets, mode, client, clock, server: None, database, bucket }
    }

    /// Where everything of this world is written.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where its tables are.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Where its exports are kept; the test asked for it.
    pub fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().expect("the world was built with .s3()")
    }

    /// The puppet of this name.
    pub fn puppet(&self, name: &str) -> &Puppet {
        self.puppets.iter().find(|puppet| puppet.name() == name).expect("the test made a puppet of this name")
    }

    /// The names of all puppets.
    pub fn names(&self) -> Vec<String> {
        self.puppets.iter().map(|puppet| puppet.name().to_owned()).collect()
    }

    /// The records and files that all puppets hold now.
    pub fn held(&self) -> usize {
        self.puppets.iter().map(Puppet::holds).sum()
    }

    /// How often puppets have been asked anything about a person.
    pub fn calls(&self) -> usize {
        self.puppets.iter().map(Puppet::personal_calls).sum()
    }

    /// Waits until puppets have been asked something about a person so often.
    pub async fn called(&self, count: usize) {
        let mut seen: Vec<_> = self.puppets.iter().map(Puppet::watch).collect();
        soon("calls of the puppets", async {
            while self.calls() < count {
                let changes = seen.iter_mut().map(|seen| Box::pin(seen.changed()));
                futures::future::select_all(changes).await.0.expect("journals live as long as puppets");
            }
        })
        .await;
    }

    /// `http://127.0.0.1:port` of the server.
    pub fn url(&self) -> &str {
        &self.server.as_ref().expect("the server runs").1
    }

    /// `127.0.0.1:port` of its metrics: of a binary that was configured to show them.
    pub fn metrics(&self) -> String {
        let Some((Server::Binary(server), _)) = &self.server else { panic!("the binary runs") };
        server.metrics().expect("telemetry.metrics_listen is set").to_string()
    }

    /// Starts the server on the world's files.
    pub async fn start_server(&mut self) {
        let Replica { server, url } = self.replica().await;
        self.server = Some((server, url));
    }

    /// Starts another server on the same configuration, and so on the same database and storage.
    pub async fn replica(&self) -> Replica {
        self.replica_by(Arc::clone(&self.clock)).await
    }

    /// The same, with a clock of its own if it runs in this process.
    pub async fn replica_by(&self, clock: Arc<dyn Clock>) -> Replica {
        let config = self.dir().join("rightful.toml");
        let (server, address) = match self.mode {
            Mode::Embedded => {
                let server = Embedded::start(&config, clock).await;
                let address = server.address();
                (Server::Embedded(server), address)
            }
            Mode::OnSmallDisk => {
                let log = self.dir().join("server.log");
                let server = Binary::start_on(&self.disk(), &config, &log).await;
                let address = server.address();
                (Server::Binary(server), address)
            }
            Mode::Binary => {
                let server = Binary::start(&config, &self.dir().join("server.log")).await;
                let address = server.address();
                (Server::Binary(server), address)
            }
        };
        let scheme_and_host = if self.client.is_some() {
            format!("https://localhost:{}", address.port())
        } else {
            format!("http://{address}")
        };
        Replica { server, url: scheme_and_host }
    }

    fn disk(&self) -> Disk {
        Disk::at(self.dir().join(DISK))
    }

    /// The disk of the database is full from now on.
    pub fn fill_disk(&self) {
        self.disk().fill(self.pid());
    }

    /// It has room again.
    pub fn free_disk(&self) {
        self.disk().free(self.pid());
    }

    /// The server's process: of a binary.
    pub fn pid(&self) -> u32 {
        match &self.server {
            Some((Server::Binary(server), _)) => server.pid(),
            _ => panic!("the server is no process of its own"),
        }
    }

    /// Ends the server as a crash would: nothing is told, nothing is waited for.
    pub async fn kill(&mut self) {
        match self.server.take() {
            Some((Server::Embedded(server), _)) => server.kill().await,
            Some((Server::Binary(server), _)) => server.kill(),
            None => {}
        }
    }

    /// Ends the server as SIGTERM would.
    pub async fn stop(&mut self) {
        match self.server.take() {
            Some((Server::Embedded(server), _)) => soon("the server to stop", server.stop()).await,
            Some((Server::Binary(server), _)) => soon("the server to stop", server.stop()).await,
            None => {}
        }
    }

    /// Takes a downstream out of the configuration; it counts from the next start on.
    pub fn unregister(&self, name: &str) {
        let file = self.dir().join("rightful.toml");
        let text = fs::read_to_string(&file).expect("the configuration is there");
        let entries: Vec<&str> = text.split("[[downstream]]").collect();
        let kept = entries.iter().filter(|entry| !entry.contains(&format!("name = \"{name}\"")));
        let kept: Vec<&str> = kept.copied().collect();
        assert_eq!(kept.len() + 1, entries.len(), "{name} was registered once");
        fs::write(&file, kept.join("[[downstream]]")).expect("the configuration can be written");
    }

    /// Crashes the server, and starts it again on the same files.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.start_server().await;
    }

    /// A connection of its own.
    pub fn channel(&self) -> Channel {
        channel(self.url(), self.client.as_ref())
    }

    /// A connection that trusts and shows something else.
    pub fn channel_as(&self, client: &Client) -> Channel {
        channel(self.url(), Some(client))
    }

    /// The cases' service.
    pub fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.channel()).max_decoding_message_size(8 << 20)
    }

    /// The downstreams' service.
    pub fn downstreams(&self) -> DownstreamServiceClient<Channel> {
        DownstreamServiceClient::new(self.channel())
    }

    /// The holds' service.
    pub fn holds(&self) -> HoldServiceClient<Channel> {
        HoldServiceClient::new(self.channel())
    }

    /// The notices' service.
    pub fn notices(&self) -> NoticeServiceClient<Channel> {
        NoticeServiceClient::new(self.channel())
    }

    /// The sweeps' service.
    pub fn retention(&self) -> RetentionServiceClient<Channel> {
        RetentionServiceClient::new(self.channel())
    }

    /// Ends well: every case that is still in progress has something ahead of it, and the server stops when it is asked.
    pub async fn finish(mut self) {
        let request = ListCasesRequest {
            states: vec![CaseState::InProgress.into()],
            page_size: 500,
            ..ListCasesRequest::default()
        };
        let open =
            self.cases().list_cases(request).await.expect("the server answers at the end").into_inner();
        let nothing_open = open.cases.is_empty();
        for case in open.cases {
            soon("a case to go on", self.has_future(case.case_id)).await;
        }
        for downstream in self.list_downstreams().await {
            assert!(downstream.backlog == 0 || !nothing_open, "{} has tasks of no case", downstream.name);
        }
        self.stop().await;
    }

    async fn list_downstreams(&self) -> Vec<Downstream> {
        let listed = self.downstreams().list_downstreams(ListDownstreamsRequest::default()).await;
        listed.expect("the server answers at the end").into_inner().downstreams
    }

    /// Returns once the case has a task that will be attempted, or is settled.
    async fn has_future(&self, case_id: String) {
        loop {
            let request = GetCaseRequest { case_id: case_id.clone() };
            let case: Case =
                self.cases().get_case(request).await.expect("it is there").into_inner().case.expect("a case");
            let waits = case.tasks.iter().any(|task| task.next_attempt_time.is_some());
            if waits || case.state() != CaseState::InProgress {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}
