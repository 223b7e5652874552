//! A process that is kept running, as Kubernetes would: whatever ends it, it is started again.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, task::AbortHandle, time};

use crate::process::Process;

/// How often it is looked whether it still runs.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a start is repeated that fails: the database or the storage may be away just then.
const STARTS_MAX: u32 = 60;
const START_PAUSE: Duration = Duration::from_millis(250);

/// How it is started.
pub struct Recipe {
    /// For messages.
    pub name: String,
    pub command: Box<dyn Fn() -> Command + Send + Sync>,
    /// What it says before its address.
    pub announcement: &'static str,
    pub log: PathBuf,
    /// An end by itself with this code is no surprise.
    pub may_end_with: Option<i32>,
    /// Told where it serves after each start.
    pub started: Box<dyn Fn(SocketAddr) + Send + Sync>,
}

/// What nobody expected. A clone is the same list.
#[derive(Clone, Default)]
pub struct Surprises(Arc<Mutex<Vec<String>>>);

impl Surprises {
    pub fn add(&self, what: String) {
        eprintln!("  ! {what}");
        self.0.lock().expect("nobody panics with the list").push(what);
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics with the list"))
    }
}

/// The process and its watchman.
pub struct Kept {
    recipe: Recipe,
    process: AsyncMutex<Option<Process>>,
    address: Mutex<Option<SocketAddr>>,
    surprises: Surprises,
    watchman: Mutex<Option<AbortHandle>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(watchman) = self.watchman.lock().expect("nobody panics with the watchman").take() {
            watchman.abort();
        }
    }
}

impl Kept {
    /// Starts it. An error if it does not come up at all.
    pub async fn start(recipe: Recipe, surprises: &Surprises) -> anyhow::Result<Arc<Self>> {
        let kept = Arc::new(Self {
            recipe,
            process: AsyncMutex::new(None),
            address: Mutex::new(None),
            surprises: surprises.clone(),
            watchman: Mutex::new(None),
        });
        let process = kept.begin().await?;
        *kept.process.lock().await = Some(process);
        let watched = Arc::downgrade(&kept);
        let watchman = tokio::spawn(async move {
            let mut ticks = time::interval(LOOK_EVERY);
            loop {
                ticks.tick().await;
                let Some(kept) = watched.upgrade() else { return };
                kept.look().await;
            }
        });
        *kept.watchman.lock().expect("nobody panics with the watchman") = Some(watchman.abort_handle());
        Ok(kept)
    }

    async fn begin(&self) -> anyhow::Result<Process> {
        let Recipe { name, command, announcement, log, started, .. } = &self.recipe;
        let mut ticks = time::interval(START_PAUSE);
        let mut last = anyhow::anyhow!("{name} was not started");
        for _ in 0..STARTS_MAX {
            ticks.tick().await;
            match Process::start(command(), announcement, log).await {
                Ok(process) => {
                    started(process.address());
                    self.set_address(Some(process.address()));
                    return Ok(process);
                }
                Err(error) => last = error.context(format!("{name} does not start")),
            }
        }
        Err(last)
    }

    fn set_address(&self, address: Option<SocketAddr>) {
        *self.address.lock().expect("nobody panics with an address") = address;
    }

    /// Where it serves, unless it is dead.
    pub fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().expect("nobody panics with an address")
    }

    /// Starts it again if it ended by itself.
    async fn look(&self) {
        let mut process = self.process.lock().await;
        let Some(ended) = process.as_mut().and_then(Process::ended) else { return };
        if ended.code().is_none_or(|code| Some(code) != self.recipe.may_end_with) {
            self.surprises.add(format!("{} ended by itself: {ended}", self.recipe.name));
        }
        self.again(&mut process).await;
    }

    async fn again(&self, process: &mut Option<Process>) {
        *process = None;
        match self.begin().await {
            Ok(started) => *process = Some(started),
            Err(error) => self.surprises.add(format!("{error:#}")),
        }
    }

    /// `kill -9`, and a start after a while.
    pub async fn kill(&self, down: Duration) {
        let mut process = self.process.lock().await;
        self.set_address(None);
        *process = None;
        time::sleep(down).await;
        self.again(&mut process).await;
    }

    /// SIGSTOP, and SIGCONT after a while. Its sockets stay open, and nobody answers.
    pub async fn freeze(&self, frozen: Duration) {
        let process = self.process.lock().await;
        let Some(process) = process.as_ref() else { return };
        if let Err(error) = process.signal("STOP") {
            return self.surprises.add(format!("{}: {error:#}", self.recipe.name));
        }
        time::sleep(frozen).await;
        if let Err(error) = process.signal("CONT") {
            self.surprises.add(format!("{}: {error:#}", self.recipe.name));
        }
    }

    /// Writes a line to its standard input.
    pub async fn say(&self, line: &str) {
        if let Some(process) = self.process.lock().await.as_mut() {
            process.say(line);
        }
    }

    /// Asks it to end, for good. It must end well.
    pub async fn stop(&self) -> anyhow::Result<()> {
        let Some(process) = self.process.lock().await.take() else { return Ok(()) };
        self.set_address(None);
        let ended = process.stop().await?;
        anyhow::ensure!(ended.success(), "{} was asked to stop and ended with {ended}", self.recipe.name);
        Ok(())
    }
}
