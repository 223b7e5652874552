//! The server as users run it: the real binary in a process of its own.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use tokio::sync::oneshot;

use super::{disk::Disk, soon};

/// What the server prints before its address, once it serves.
const ANNOUNCEMENT: &str = "rightful serves on ";
/// What it prints around the address of its metrics, before that.
const METRICS: (&str, &str) = ("rightful shows its metrics on http://", "/metrics");

/// A process that ends when this is dropped.
pub struct Binary {
    child: Child,
    addresses: Addresses,
}

/// Where a process listens.
#[derive(Clone, Copy)]
struct Addresses {
    calls: SocketAddr,
    metrics: Option<SocketAddr>,
}

impl Binary {
    /// Starts `rightful serve` on a free port and waits until it says where. All its output is appended to `log`.
    pub async fn start(config: &Path, log: &Path) -> Self {
        Self::run(Command::new(env!("CARGO_BIN_EXE_rightful")), config, log).await
    }

    /// The same, where a folder is a disk of its own that is soon full. Only this process sees it.
    pub async fn start_on(disk: &Disk, config: &Path, log: &Path) -> Self {
        Self::run(disk.command(env!("CARGO_BIN_EXE_rightful")), config, log).await
    }

    async fn run(mut command: Command, config: &Path, log: &Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let mut child = command
            .args(["serve", "--insecure", "--listen", "127.0.0.1:0", "--config"])
            .arg(config)
            .current_dir(config.parent().expect("it lies in a folder"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let errors = child.stderr.take().expect("it is a pipe");
        let (announce, announced) = oneshot::channel();
        std::thread::spawn(move || follow(errors, log, announce));
        let addresses =
            soon("the binary to serve", announced).await.expect("the server serves (see server.log)");
        Self { child, addresses }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.addresses.calls
    }

    /// Where it shows its metrics.
    pub const fn metrics(&self) -> Option<SocketAddr> {
        self.addresses.metrics
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has ended");
    }

    /// SIGTERM, and waits for a clean end.
    pub async fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there").success());
        let ended = tokio::task::spawn_blocking(move || self.child.wait().expect("it can be waited for"));
        let ended = ended.await.expect("waiting does not panic");
        assert!(ended.success(), "the server ended with {ended} when it was asked to stop");
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address behind the announcement, of either scheme.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.strip_prefix(ANNOUNCEMENT)?.split_once("://")?.1.trim().parse().ok()
}

/// Copies what the server prints to the log, and tells the address that it serves on.
fn follow(errors: ChildStderr, mut log: File, announce: oneshot::Sender<Addresses>) {
    let (mut announce, mut metrics) = (Some(announce), None);
    for line in BufReader::new(errors).lines().map_while(Result::ok) {
        writeln!(log, "{line}").expect("the log can be written");
        if let Some(rest) = line.strip_prefix(METRICS.0) {
            metrics = rest.strip_suffix(METRICS.1).and_then(|text| text.parse().ok());
        }
        if let Some(calls) = address_in(&line)
            && let Some(announce) = announce.take()
        {
            // The test may have given up already.
            let _ = announce.send(Addresses { calls, metrics });
        }
    }
}
