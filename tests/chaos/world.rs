//! One world: replicas of the real binary, downstreams in processes of their own, and proxies between all of them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use anyhow::Context as _;
use rightful::proto::v1::{CheckDownstreamRequest, downstream_service_client::DownstreamServiceClient};
use tonic::transport::{Channel, Endpoint};

use crate::{
    DOWNSTREAM,
    asked::Kind,
    database::Database,
    kept::{Kept, Recipe, Surprises},
    people::SERVICES,
    plan::Link,
    proxy::{End, Proxy},
    storage::Storage,
};

/// The same for every world. Pauses are short, so that recovery is quick; attempts are many, so that nobody is given up
/// for a fault that ends.
const SETTINGS: &str = r#"
engine.poll = "100ms"
engine.describe_every = "1s"
engine.describe_patience = "1h"
retry.initial = "20ms"
retry.longest = "500ms"
retry.unavailable_attempts = 100000
retry.violation_attempts = 100000
breaker.rest = "500ms"
breaker.rest_longest = "2s"
policy.verification = "none"
controller.name = "Shop Ltd"
controller.contact = "privacy@shop.example"
controller.complaint_body = "The authority of Berlin"
telemetry.log_filter = "info"
"#;
/// How long a lease lasts: the plan's freezes are longer.
const LEASE: &str = "2s";
/// How long a downstream may be silent: shorter than the plan's silences.
const PATIENCE: &str = "1500ms";
/// How `rightful serve` says where.
const SERVES: &str = "rightful serves on http://";
/// How a downstream does.
const LISTENS: &str = "http://";
/// A process that dies because it was told to says so with this code.
const TOLD_TO_DIE: i32 = 137;

/// What a world is made for.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub seed: u64,
    pub database: Kind,
    /// Each has one case.
    pub people: u64,
    pub replicas: usize,
}

/// Everything runs until it is dropped.
pub struct World {
    pub setup: Setup,
    pub folder: PathBuf,
    pub downstreams: Vec<Arc<Kept>>,
    pub replicas: Vec<Arc<Kept>>,
    pub database: Database,
    pub storage: Storage,
    pub surprises: Surprises,
    proxies: BTreeMap<Link, Proxy>,
}

impl World {
    /// Starts everything in `folder`; every downstream has described itself when it answers.
    pub async fn start(folder: &Path, setup: Setup) -> anyhow::Result<Arc<Self>> {
        let (database, storage) = match setup.database {
            Kind::Sqlite => (Database::sqlite(folder), Storage::folder(folder)),
            Kind::Postgresql => (Database::postgresql().await?, Storage::bucket().await?),
        };
        let mut proxies = BTreeMap::new();
        proxies.extend(database.proxy().map(|proxy| (Link::Database, proxy.clone())));
        proxies.extend(storage.proxy().map(|proxy| (Link::Storage, proxy.clone())));
        let mut world = Self {
            setup,
            folder: folder.to_owned(),
            downstreams: Vec::new(),
            replicas: Vec::new(),
            database,
            storage,
            surprises: Surprises::default(),
            proxies,
        };
        for (position, name) in SERVICES.into_iter().enumerate() {
            let proxy = Proxy::open(End::Nowhere).await?;
            let downstream = Kept::start(world.downstream(name, proxy.clone()), &world.surprises).await?;
            world.downstreams.push(downstream);
            world.proxies.insert(Link::Downstream(position), proxy);
        }
        fs::write(folder.join("rightful.toml"), world.configuration())?;
        for number in 0..setup.replicas {
            // One after the other: the first makes the key ring and the tables.
            let replica = Kept::start(world.replica(number), &world.surprises).await?;
            world.replicas.push(replica);
        }
        for replica in &world.replicas {
            describe(replica).await?;
        }
        Ok(Arc::new(world))
    }

    fn downstream(&self, name: &'static str, proxy: Proxy) -> Recipe {
        let (setup, journal) = (self.setup, self.journal(name));
        let command = move || {
            let program = std::env::current_exe().expect("this program is a file");
            let mut command = Command::new(program);
            command
                .args([DOWNSTREAM, name])
                .args([setup.seed.to_string(), setup.people.to_string()])
                .arg(&journal);
            command
        };
        Recipe {
            name: name.to_owned(),
            command: Box::new(command),
            announcement: LISTENS,
            log: self.folder.join(format!("{name}.log")),
            may_end_with: Some(TOLD_TO_DIE),
            started: Box::new(move |address| proxy.aim(address)),
        }
    }

    fn replica(&self, number: usize) -> Recipe {
        let folder = self.folder.clone();
        let command = move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_rightful"));
            command.args(["serve", "--insecure", "--listen", "127.0.0.1:0", "--config", "rightful.toml"]);
            command.current_dir(&folder);
            command
        };
        Recipe {
            name: format!("replica {number}"),
            command: Box::new(command),
            announcement: SERVES,
            log: self.log(number),
            may_end_with: None,
            started: Box::new(|_| {}),
        }
    }

    fn configuration(&self) -> String {
        let mut text = self.database.settings() + &self.storage.settings();
        write!(text, "keys.ring = \"{}\"\nengine.lease = \"{LEASE}\"", self.keys().display())
            .expect("a String takes everything");
        text.push_str(SETTINGS);
        for (position, name) in SERVICES.into_iter().enumerate() {
            write!(
                text,
                "[[downstream]]\nname = \"{name}\"\nendpoint = \"http://{}\"\nconnect_timeout = \"{PATIENCE}\"\n\
                 call_timeout = \"{PATIENCE}\"\nidle_timeout = \"{PATIENCE}\"\ncollect_timeout = \"60s\"\n",
                self.proxies[&Link::Downstream(position)].address(),
            )
            .expect("a String takes everything");
        }
        text
    }

    /// The key ring of all replicas.
    pub fn keys(&self) -> PathBuf {
        self.folder.join("keys.json")
    }

    /// What a replica logs.
    pub fn log(&self, replica: usize) -> PathBuf {
        self.folder.join(format!("replica-{replica}.log"))
    }

    /// What a downstream writes down.
    pub fn journal(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.journal"))
    }

    /// The proxy in between.
    pub fn proxy(&self, link: Link) -> anyhow::Result<&Proxy> {
        self.proxies.get(&link).with_context(|| format!("there is nothing between us and the {link}"))
    }

    /// Ends everything that goes wrong.
    pub async fn heal(&self) {
        for proxy in self.proxies.values() {
            proxy.silence(None);
        }
        for downstream in &self.downstreams {
            downstream.say(crate::downstream::HEAL).await;
        }
    }

    /// A connection to a replica that runs; `turn` says which is asked first.
    pub fn channel(&self, turn: usize) -> Option<Channel> {
        let count = self.replicas.len();
        let mut turns = (turn..turn + count).map(|turn| self.replicas[turn % count].address());
        turns.find_map(|address| address).map(channel)
    }
}

/// A connection that is made when it is needed.
pub fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).expect("an address makes a URL").connect_lazy()
}

async fn describe(replica: &Kept) -> anyhow::Result<()> {
    let address = replica.address().context("it has just been started")?;
    let mut stub = DownstreamServiceClient::new(channel(address));
    for name in SERVICES {
        let request = CheckDownstreamRequest { name: name.to_owned() };
        let check = stub.check_downstream(request).await?.into_inner();
        anyhow::ensure!(check.healthy, "{name} is not well: {}", check.error);
    }
    Ok(())
}
