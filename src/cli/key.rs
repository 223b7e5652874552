//! `rightful key …`: the ring of keys that case keys are wrapped under.

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    config::File,
    exit::{Exit, Failure},
    output,
    table::Table,
    words,
};
use crate::{app, vault};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show the keys of the ring, and how many cases are sealed under each.
    Status(File),
    /// Make a new ring.
    New {
        /// Where. Nothing may be there yet.
        #[arg(long, value_name = "FILE")]
        ring: PathBuf,
    },
    /// Add a key that wraps nothing yet. Roll the ring out to all replicas before it is used.
    Add(File),
    /// Wrap under this key of the ring from now on. What is wrapped under others is wrapped anew in the background.
    Use {
        /// The key's id, as `key status` shows it.
        #[arg(value_name = "KEY_ID")]
        key_id: String,
        #[command(flatten)]
        file: File,
    },
    /// Add a key and use it at once: where one replica serves.
    Rotate(File),
    /// Seal the ring's file with the provider of [keys.vault], or anew under the newest version of the provider's key.
    Seal(File),
    /// Take a key away under which nothing is sealed any more.
    Remove {
        /// The key's id.
        #[arg(value_name = "KEY_ID")]
        key_id: String,
        #[command(flatten)]
        file: File,
    },
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Status(file) => {
            let status = app::key_status(&file.load(&[])?).await?;
            let mut table = Table::new(&["KEY", "IS", "CASES"]);
            for key in &status {
                let is = match (key.is_primary, key.is_in_ring) {
                    (true, _) => "primary",
                    (false, true) => "old",
                    (false, false) => "not in the ring",
                };
                table.row([key.id.as_str().into(), is.into(), words::grouped(key.cases).into()]);
            }
            output::line(table.text())
        }
        Command::New { ring } => {
            if ring.exists() {
                return Err(Failure::usage(format!("--ring: {} is there already", ring.display())));
            }
            let made = vault::RingFile::new(ring.clone(), None).load_or_create().await;
            made.map_err(anyhow::Error::from)?;
            output::line(format!(
                "{} is made: back it up, for without it nothing that is sealed can be opened",
                ring.display()
            ))
        }
        Command::Add(file) => {
            let id = ring_file(&file)?.add_key().await.map_err(anyhow::Error::from)?;
            output::line(format!(
                "key {id} is added. Roll the ring out to all replicas, then: rightful key use {id}"
            ))
        }
        Command::Use { key_id, file } => {
            ring_file(&file)?.use_key(&key_id).await.map_err(anyhow::Error::from)?;
            output::line(used(&key_id))
        }
        Command::Rotate(file) => {
            let ring = ring_file(&file)?;
            let id = ring.add_key().await.map_err(anyhow::Error::from)?;
            ring.use_key(&id).await.map_err(anyhow::Error::from)?;
            output::line(used(&id))
        }
        Command::Seal(file) => {
            let config = file.load(&[])?;
            if config.keys.vault.is_none() {
                return Err(Failure::usage("keys.vault.address: must name the provider that seals the ring"));
            }
            let ring = app::ring_file(&config)?;
            ring.seal().await.map_err(anyhow::Error::from)?;
            output::line(format!("{} is sealed: without the provider it is of no use", ring.path().display()))
        }
        Command::Remove { key_id, file } => {
            let config = file.load(&[])?;
            let status = app::key_status(&config).await?;
            let cases = status.iter().find(|key| key.id == key_id).map_or(0, |key| key.cases);
            if cases > 0 {
                return Err(Failure::new(
                    Exit::NotPossible,
                    format!("{} are sealed under key {key_id}", words::count(cases, "case")),
                )
                .detail("they could never be opened again: wait until `rightful key status` shows none"));
            }
            app::ring_file(&config)?.remove_key(&key_id).await.map_err(anyhow::Error::from)?;
            output::line(format!("key {key_id} is taken away"))
        }
    }
}

fn ring_file(file: &File) -> Result<vault::RingFile, Failure> {
    Ok(app::ring_file(&file.load(&[])?)?)
}

fn used(id: &str) -> String {
    format!(
        "key {id} wraps from the next look at the ring on (tls.reload_every); `rightful key status` shows how far the old \
         ones are replaced"
    )
}
