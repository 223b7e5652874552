//! How a world is set up: its puppets, its configuration, its clock.

use std::{fmt::Write as _, fs, path::Path, sync::Arc};

use rightful::{
    clock::{Clock, SystemClock},
    transport::{Client, Identity},
};

use super::{Bucket, Database, Mode, World, world};
use crate::puppet::{Profile, Puppet};

/// Everything about a world before it starts.
pub struct Builder {
    profiles: Vec<Profile>,
    mode: Mode,
    clock: Arc<dyn Clock>,
    settings: Vec<(String, String)>,
    down: Vec<String>,
    /// Lines for the entries of some downstreams.
    extras: Vec<(String, String)>,
    /// Further entries of the configuration.
    entries: String,
    patience: &'static str,
    database: Option<Database>,
    s3: bool,
    client: Option<Client>,
}

impl Builder {
    /// A world with these downstreams, in this process, on the machine's clock.
    pub fn new(profiles: impl IntoIterator<Item = Profile>) -> Self {
        Self {
            profiles: profiles.into_iter().collect(),
            mode: Mode::Embedded,
            clock: Arc::new(SystemClock),
            settings: Vec::new(),
            down: Vec::new(),
            extras: Vec::new(),
            entries: String::new(),
            patience: "1s",
            database: None,
            s3: false,
            client: None,
        }
    }

    /// The server is the real binary in a process of its own.
    pub fn binary(mut self) -> Self {
        self.mode = Mode::Binary;
        self
    }

    /// The server is the real binary, and its database a file on a disk that is soon full.
    pub fn on_small_disk(mut self) -> Self {
        self.mode = Mode::OnSmallDisk;
        self
    }

    /// The time is this clock's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another value of a setting: `engine.lease`, `"2s"`.
    pub fn set(mut self, key: &str, toml: &str) -> Self {
        self.settings.push((key.to_owned(), toml.to_owned()));
        self
    }

    /// This database instead of one of the kind that the suite runs on.
    pub fn database(mut self, database: Database) -> Self {
        self.database = Some(database);
        self
    }

    /// Exports are kept in a bucket of the world's own.
    pub fn s3(mut self) -> Self {
        self.s3 = true;
        self
    }

    /// How long downstreams may be silent.
    pub fn patience(mut self, patience: &'static str) -> Self {
        self.patience = patience;
        self
    }

    /// This downstream takes so many calls at once.
    pub fn parallel(self, name: &str, calls: u32) -> Self {
        self.extra(name, &format!("parallel_calls = {calls}"))
    }

    /// This downstream takes so many calls a minute, and so many of them at once.
    pub fn rate(self, name: &str, per_minute: u32, burst: u32) -> Self {
        self.extra(name, &format!("calls_per_minute = {per_minute}\nburst = {burst}"))
    }

    /// The server serves under TLS, and the test calls it so.
    pub fn tls(self, server: &Identity, client: Client) -> Self {
        let path = |path: &Path| format!("\"{}\"", path.display());
        Self { client: Some(client), ..self }
            .set("server.tls.certificate", &path(&server.certificate))
            .set("server.tls.key", &path(&server.key))
            .set("tls.reload_every", "\"20ms\"")
    }

    /// Lines for the entry of a downstream.
    pub fn extra(mut self, name: &str, toml: &str) -> Self {
        self.extras.push((name.to_owned(), toml.to_owned()));
        self
    }

    /// Further entries of the configuration: webhooks, downstreams that are no puppets.
    pub fn entry(mut self, toml: &str) -> Self {
        self.entries.push_str(toml);
        self
    }

    /// This puppet is down when the server starts.
    pub fn down(mut self, name: &str) -> Self {
        self.down.push(name.to_owned());
        self
    }

    /// Starts everything. Puppets that are up have described themselves when it answers.
    pub async fn start(self) -> World {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let mut puppets = Vec::new();
        for profile in self.profiles {
            let puppet = Puppet::start(profile).await;
            if self.down.iter().any(|name| name == puppet.name()) {
                puppet.go_down();
            }
            puppets.push(puppet);
        }
        let config = dir.path().join("rightful.toml");
        let database = match self.database {
            Some(database) => database,
            None if self.mode == Mode::OnSmallDisk => Database::file(&dir.path().join(world::DISK)),
            None => Database::create(dir.path()).await,
        };
        let mut settings = vec![("store.url".to_owned(), format!("\"{}\"", database.url()))];
        let bucket = if self.s3 { Some(Bucket::start().await) } else { None };
        settings.extend(bucket.iter().flat_map(Bucket::settings));
        settings.extend(self.settings);
        let entries: Vec<String> =
            puppets.iter().map(|puppet| entry(puppet, self.patience, &self.extras)).collect();
        let text =
            configuration(&dir.path().display().to_string(), &settings) + &entries.concat() + &self.entries;
        fs::write(&config, text).expect("the configuration can be written");
        let mut world = World::new((dir, database, bucket), puppets, (self.mode, self.client), self.clock);
        world.start_server().await;
        for name in world.names() {
            if !self.down.contains(&name) {
                world.check(&name).await;
            }
        }
        world
    }
}

/// Small times, so that faults are met in no time; files in the world's own folder.
fn configuration(dir: &str, settings: &[(String, String)]) -> String {
    let mut values = vec![
        ("storage.url", format!("\"file://{dir}/objects\"")),
        ("keys.ring", format!("\"{dir}/keys.json\"")),
        ("engine.lease", "\"2s\"".to_owned()),
        ("engine.poll", "\"50ms\"".to_owned()),
        ("engine.describe_every", "\"300ms\"".to_owned()),
        ("engine.describe_patience", "\"20s\"".to_owned()),
        ("retry.initial", "\"5ms\"".to_owned()),
        ("retry.longest", "\"50ms\"".to_owned()),
        ("retry.unavailable_attempts", "4".to_owned()),
        ("retry.violation_attempts", "2".to_owned()),
        ("breaker.rest", "\"5ms\"".to_owned()),
        ("breaker.rest_longest", "\"50ms\"".to_owned()),
        // What is about verification says so itself.
        ("policy.verification", "\"none\"".to_owned()),
        ("controller.name", "\"Shop Ltd\"".to_owned()),
        ("controller.contact", "\"privacy@shop.example\"".to_owned()),
        ("controller.complaint_body", "\"The authority of Berlin\"".to_owned()),
    ];
    for (key, value) in settings {
        values.retain(|(existing, _)| existing != key);
        values.push((key, value.clone()));
    }
    let mut text = String::new();
    for (key, value) in values {
        writeln!(text, "{key} = {value}").expect("a String takes everything");
    }
    text
}

/// A downstream's entry.
fn entry(puppet: &Puppet, patience: &str, extras: &[(String, String)]) -> String {
    let mut text = format!(
        "[[downstream]]\nname = \"{}\"\nendpoint = \"{}\"\nconnect_timeout = \"{patience}\"\n\
         call_timeout = \"{patience}\"\nidle_timeout = \"{patience}\"\ncollect_timeout = \"60s\"\n",
        puppet.name(),
        puppet.endpoint(),
    );
    for (_, toml) in extras.iter().filter(|(name, _)| name == puppet.name()) {
        writeln!(text, "{toml}").expect("a String takes everything");
    }
    text
}
