//! A process that says where it serves in a line on its standard error, and can be killed, frozen and told things.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use tokio::sync::oneshot;

/// How long a start may take on a machine where everything starts at once.
const START_MAX: Duration = Duration::from_secs(30);

/// Dropping it kills it.
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    address: SocketAddr,
}

impl Process {
    /// Starts it, and waits until it says, behind `announcement`, where it serves. All its output is appended to `log`.
    pub async fn start(mut command: Command, announcement: &'static str, log: &Path) -> anyhow::Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        let errors = child.stderr.take().context("standard error is a pipe")?;
        let (announce, announced) = oneshot::channel();
        std::thread::spawn(move || follow(errors, log, announcement, announce));
        let mut process = Self { child, stdin, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let address =
            tokio::time::timeout(START_MAX, announced).await.context("it does not say where it serves")?;
        process.address = address.context("it ended before it served")?;
        Ok(process)
    }

    /// Where it serves.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal: `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status()?;
        anyhow::ensure!(sent.success(), "it cannot be sent {name}");
        Ok(())
    }

    /// Writes a line to its standard input. It may be dead, and then it does not hear it.
    pub fn say(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let _ = writeln!(stdin, "{line}");
        }
    }

    /// SIGTERM, and how it ended.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.signal("TERM")?;
        Ok(tokio::task::spawn_blocking(move || self.child.wait()).await??)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies what it prints to the log, and tells the address that it serves on.
fn follow(errors: ChildStderr, mut log: File, announcement: &str, announce: oneshot::Sender<SocketAddr>) {
    let mut announce = Some(announce);
    for line in BufReader::new(errors).lines().map_while(Result::ok) {
        writeln!(log, "{line}").expect("the log can be written");
        if let Some(address) = line.strip_prefix(announcement).and_then(|text| text.trim().parse().ok())
            && let Some(announce) = announce.take()
        {
            // Whoever waited may have given up.
            let _ = announce.send(address);
        }
    }
}
