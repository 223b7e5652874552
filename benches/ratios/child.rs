//! Children of this program: a rightful or a generating downstream in a process of its own.
//!
//! A child serves on a free port, says which one in its first line on standard error, and ends when its standard input
//! does, which is when its parent ends, however that came about.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child as Process, Command, Stdio},
    thread,
};

use anyhow::Context as _;

use crate::{
    generator::Generator,
    load::Load,
    server::{self, Setup},
};

/// What makes this program a child.
const FLAG: &str = "--child";
/// Linux tells processor time in hundredths of a second.
const TICKS: f64 = 100.0;

/// A child at work. Dropping it kills it, as `kill -9` would.
pub struct Child {
    process: Process,
    /// Where it serves: `http://127.0.0.1:50061`.
    pub endpoint: String,
}

impl Child {
    /// A rightful that is set up like this and asks these downstreams (name, endpoint).
    pub fn rightful(setup: &Setup, downstreams: &[(String, String)]) -> anyhow::Result<Self> {
        let mut arguments = vec![
            "rightful".to_owned(),
            setup.folder.display().to_string(),
            setup.database.clone().unwrap_or_default(),
            setup.lease.to_string(),
            setup.calls_per_lane.to_string(),
        ];
        arguments.extend(downstreams.iter().map(|(name, endpoint)| format!("{name}={endpoint}")));
        Self::start(&arguments)
    }

    /// A generating downstream.
    pub fn generator(load: Load) -> anyhow::Result<Self> {
        Self::start(&["generator".to_owned(), load.to_string()])
    }

    fn start(arguments: &[String]) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(FLAG)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(process.stderr.take().context("a child has a standard error")?);
        let mut endpoint = String::new();
        said.read_line(&mut endpoint)?;
        let child = Self { process, endpoint: endpoint.trim().to_owned() };
        anyhow::ensure!(child.endpoint.starts_with("http://"), "a child failed: {endpoint}");
        // Whatever else it says is for the reader of this run.
        thread::spawn(move || std::io::copy(&mut said, &mut std::io::stderr()));
        Ok(child)
    }

    /// The processor time that it has spent, in user space and in the kernel, in seconds.
    pub fn processor_time(&self) -> anyhow::Result<f64> {
        processor_time(&self.process.id().to_string())
    }

    /// The most memory that it has had resident at any time, in bytes.
    pub fn peak_memory(&self) -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The processor time of this process, in seconds.
pub fn own_processor_time() -> anyhow::Result<f64> {
    processor_time("self")
}

fn processor_time(process: &str) -> anyhow::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the program's name in brackets, which may hold spaces; user and system time are the
    // fourteenth and the fifteenth.
    let (_, after) = text.rsplit_once(')').context("no name")?;
    let ticks: Vec<f64> =
        after.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS)
}

/// What this program is to be, if it is a child.
pub fn role(arguments: &[String]) -> Option<&[String]> {
    arguments.split_first().filter(|(first, _)| *first == FLAG).map(|(_, role)| role)
}

/// Is that until standard input ends.
pub async fn run(role: &[String]) -> anyhow::Result<()> {
    match role {
        [kind, load] if kind == "generator" => {
            let generator = Generator::start(load.parse()?).await?;
            eprintln!("{}", generator.endpoint);
            input_ends().await
        }
        [kind, folder, database, lease, calls_per_lane, downstreams @ ..] if kind == "rightful" => {
            let pair = |text: &String| {
                let (name, endpoint) = text.split_once('=').context("a downstream is name=endpoint")?;
                anyhow::Ok((name.to_owned(), endpoint.to_owned()))
            };
            let downstreams: Vec<_> = downstreams.iter().map(pair).collect::<Result<_, _>>()?;
            let setup = Setup {
                folder: folder.into(),
                database: Some(database.clone()).filter(|url| !url.is_empty()),
                lease: lease.parse()?,
                calls_per_lane: calls_per_lane.parse()?,
            };
            let config = server::config(&setup, &downstreams);
            let (running, _guard) = Box::pin(server::start(config)).await?;
            eprintln!("http://{}", running.address());
            input_ends().await
        }
        _ => anyhow::bail!("no such child"),
    }
}

async fn input_ends() -> anyhow::Result<()> {
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    end.await??;
    Ok(())
}
