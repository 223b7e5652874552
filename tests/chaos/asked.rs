//! What the command line asks for.

use std::time::Duration;

const HELP: &str = "\
cargo test --test chaos -- [options]

  --seed S         the first seed (default 1)
  --seeds N        so many seeds, one after the other (default 1)
  --minutes M      how long faults come, for each seed (default: 12 seconds)
  --database NAME  sqlite or postgresql (default: both)
  --replicas N     replicas on PostgreSQL, 1 to 8 (default 2); SQLite has one
";

/// How long faults come in a short run.
const SHORT: Duration = Duration::from_secs(12);
/// One case is opened each so often: enough that there is always work under way, on a busy machine too.
const CASE_EVERY: Duration = Duration::from_millis(120);
/// Longer runs have no more cases than this: what they end in is held in memory, to be compared.
const PEOPLE_MAX: u64 = 3_000;

/// What `cargo test` is given for all test programs, and what it means there is nothing here.
const HARNESS: [&str; 8] = [
    "--nocapture",
    "--no-capture",
    "--show-output",
    "--quiet",
    "-q",
    "--exact",
    "--include-ignored",
    "--ignored",
];
/// The same with a value.
const HARNESS_VALUES: [&str; 4] = ["--test-threads", "--skip", "--format", "--color"];

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgresql,
}

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Asked {
    pub seeds: Vec<u64>,
    pub lasts: Duration,
    pub databases: Vec<Kind>,
    pub replicas: usize,
}

impl Asked {
    /// None if only help was wanted, or other tests: `cargo test NAME` hands the name to every program.
    pub fn read(arguments: &[String]) -> anyhow::Result<Option<Self>> {
        let (mut seed, mut seeds) = (1_u64, 1);
        let mut asked = Self {
            seeds: Vec::new(),
            lasts: SHORT,
            databases: vec![Kind::Sqlite, Kind::Postgresql],
            replicas: 2,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| anyhow::anyhow!("{argument} has no value"));
            match argument.as_str() {
                "--help" | "-h" => {
                    print!("{HELP}");
                    return Ok(None);
                }
                "--seed" => seed = value()?.parse()?,
                "--seeds" => seeds = value()?.parse()?,
                "--minutes" => asked.lasts = Duration::from_secs_f64(60.0 * value()?.parse::<f64>()?),
                "--replicas" => asked.replicas = value()?.parse()?,
                "--database" => {
                    asked.databases = vec![match value()?.as_str() {
                        "sqlite" => Kind::Sqlite,
                        "postgresql" => Kind::Postgresql,
                        other => anyhow::bail!("there is no database {other}\n\n{HELP}"),
                    }];
                }
                "--list" => return Ok(None),
                known if HARNESS.contains(&known) => {}
                known if HARNESS_VALUES.contains(&known) => drop(value()?),
                known if HARNESS_VALUES.iter().any(|name| known.starts_with(&format!("{name}="))) => {}
                option if option.starts_with('-') => anyhow::bail!("{option:?} is not understood\n\n{HELP}"),
                name if "chaos".contains(name) => {}
                _ => return Ok(None),
            }
        }
        anyhow::ensure!((1..=8).contains(&asked.replicas), "--replicas is 1 to 8");
        anyhow::ensure!(asked.lasts >= Duration::from_secs(5), "faults come for 5 seconds at least");
        asked.seeds = (seed..seed + seeds).collect();
        Ok(Some(asked))
    }

    /// How many people have a case each.
    pub fn people(&self) -> u64 {
        let people = self.lasts.as_millis() / CASE_EVERY.as_millis();
        u64::try_from(people).map_or(PEOPLE_MAX, |people| people.min(PEOPLE_MAX))
    }
}
