//! What the demo plays on: three services, and rightful with a configuration made for them.

use std::{
    fmt::Write as _,
    fs::{self, File},
    iter,
    net::Ipv4Addr,
    path::Path,
    sync::Arc,
};

use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::folder::Folder;
use crate::{
    app::{App, Running},
    cli::exit::Failure,
    clock::{Clock as _, SystemClock},
    config::{self, Config},
    demo::{Fleet, people::Person},
};

/// The same people every time.
const SEED: u64 = 42;

/// Everything that runs.
pub(super) struct Stage {
    /// The three services.
    pub(super) fleet: Fleet,
    running: Running,
}

impl Stage {
    /// Starts the services, then rightful.
    pub(super) async fn raise(folder: &Folder, people: u32) -> Result<Self, Failure> {
        log_to(&folder.log())?;
        let now = SystemClock.now();
        let fleet = Fleet::start(&folder.services(), people as usize, SEED, now)
            .await
            .map_err(anyhow::Error::from)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let app = Box::pin(App::build(config(folder, &fleet)?, Arc::new(SystemClock))).await?;
        let running = app.start(listener)?;
        Ok(Self { fleet, running })
    }

    /// Where rightful serves.
    pub(super) fn server(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// The services' names and addresses.
    pub(super) fn endpoints(&self) -> [(&'static str, String); 3] {
        self.fleet.endpoints()
    }

    /// How many people there are.
    pub(super) fn people(&self) -> usize {
        self.fleet.people().len()
    }

    /// The person the story is about.
    pub(super) fn star(&self) -> &Person {
        self.fleet.star()
    }

    /// Stops rightful, then the services.
    pub(super) async fn take_down(self) -> Result<(), Failure> {
        self.running.stop().await;
        Ok(self.fleet.stop().await.map_err(anyhow::Error::from)?)
    }
}

/// Writes the configuration as a file, so that it can be looked at and served from later, and loads it.
fn config(folder: &Folder, fleet: &Fleet) -> Result<Config, Failure> {
    let path = folder.server().join("rightful.toml");
    let home = folder.server().canonicalize()?;
    fs::write(&path, configuration(&home, &fleet.endpoints()))?;
    Ok(config::load(Some(&path), iter::empty(), &[]).map_err(anyhow::Error::from)?)
}

fn configuration(home: &Path, endpoints: &[(&str, String)]) -> String {
    // JSON's escapes of texts are TOML's as well.
    let quoted = |text: String| serde_json::Value::String(text).to_string();
    let file = |name: &str| home.join(name).display().to_string();
    let mut text = format!(
        "# The configuration of the demo. Its services take new ports each time.\n\
         [server]\nlisten = \"127.0.0.1:0\"\n\n\
         [store]\nurl = {}\n\n[storage]\nurl = {}\n\n[keys]\nring = {}\n\n\
         [controller]\nname = \"Example Company\"\ncontact = \"privacy@example.com\"\n",
        quoted(format!("sqlite://{}", file("rightful.sqlite"))),
        quoted(format!("file://{}", file("objects"))),
        quoted(file("keys.json")),
    );
    for (name, endpoint) in endpoints {
        // Writing into a String does not fail.
        let _ = write!(text, "\n[[downstream]]\nname = \"{name}\"\nendpoint = \"{endpoint}\"\n");
    }
    text
}

/// The demo's own output stays calm; what the server says is in a file.
fn log_to(path: &Path) -> Result<(), Failure> {
    let file = File::create(path).map_err(|error| Failure::file(path, &error))?;
    let subscriber = tracing_subscriber::fmt().with_writer(Arc::new(file)).with_ansi(false);
    // The only failure is that this process logs already, as in tests.
    let _ = subscriber.with_env_filter(EnvFilter::new("info")).try_init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_configuration_is_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rightful.toml");
        let home = Path::new("/odd \"name\"/with 'quotes'");
        fs::write(&path, configuration(home, &[("crm", "http://127.0.0.1:7001".to_owned())]))
            .expect("writes");
        let config = config::load(Some(&path), iter::empty(), &[]).expect("is well formed");
        assert_eq!(config.keys.ring, home.join("keys.json"));
        assert_eq!(config.downstreams[0].name, "crm");
    }
}
