//! `rightful export download`: resumes, verifies, and appears under its name only when it is whole.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::{self, File, OpenOptions},
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};
use tonic::Streaming;

use crate::{
    cli::{
        Global,
        client::{Client, Lost, RECONNECTS_MAX, pause, timed},
        exit::{Exit, Failure},
        output::{self, Format},
        words,
    },
    proto::v1::{
        DownloadExportRequest, DownloadExportResponse, ExportInfo, GetCaseRequest,
        download_export_response::Item,
    },
};

/// Read at once when a partial file is hashed again.
const READ_BYTES: usize = 256 << 10;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The case's id.
    #[arg(value_name = "CASE_ID")]
    case_id: String,
    /// Where to. Default: the export's own name, in this folder.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Overwrite the file.
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let mut client = Client::connect(global).await?;
    let (info, path) = fetch(&mut client, &arguments.case_id, arguments.to, arguments.force).await?;
    match global.output {
        Format::Json => output::json(&info),
        // As `sha256sum` prints it, so that `sha256sum --check` takes it.
        Format::Table => output::line(format!("{}  {}", info.sha256, path.display())),
    }
}

/// Fetches the export of a case and answers what and where it is.
pub(in crate::cli) async fn fetch(
    client: &mut Client,
    case_id: &str,
    to: Option<PathBuf>,
    force: bool,
) -> Result<(ExportInfo, PathBuf), Failure> {
    let info = info_of(client, case_id).await?;
    let path = to.unwrap_or_else(|| own_name(&info));
    let occupied = || {
        Failure::new(Exit::NotPossible, format!("{} exists already; --force overwrites it", path.display()))
    };
    if !force && path.exists() {
        return Err(occupied());
    }
    let mut partial = Partial::take_up(&path, &info).await?;
    let resumed = partial.length > 0;
    partial.complete(client, case_id).await?;
    if partial.sha256() != info.sha256 && resumed {
        // The bytes found on disk were of another export, say of the case before a retry.
        partial.start_afresh().await?;
        partial.complete(client, case_id).await?;
    }
    if partial.sha256() != info.sha256 {
        partial.start_afresh().await?;
        return Err(Failure::new(
            Exit::Unfulfilled,
            "what arrived does not have the sha256 that was announced",
        ));
    }
    if !force && path.exists() {
        return Err(occupied());
    }
    partial.publish(&path).await?;
    Ok((info, path))
}

/// What there is to download. The server knows best why there is nothing.
async fn info_of(client: &mut Client, case_id: &str) -> Result<ExportInfo, Failure> {
    let case_id = case_id.to_owned();
    let answer =
        client.cases.get_case(timed(GetCaseRequest { case_id: case_id.clone() })).await?.into_inner();
    if let Some(info) = answer.case.and_then(|case| case.export) {
        return Ok(info);
    }
    let mut stream =
        client.cases.download_export(DownloadExportRequest { case_id, offset: 0 }).await?.into_inner();
    announced(&mut stream)
        .await?
        .ok_or_else(|| Failure::new(Exit::Unreachable, "the server ended the stream too early"))
}

/// The first message. Absent if the stream ended before it.
async fn announced(
    stream: &mut Streaming<DownloadExportResponse>,
) -> Result<Option<ExportInfo>, tonic::Status> {
    match stream.message().await?.and_then(|message| message.item) {
        Some(Item::Info(info)) => Ok(Some(info)),
        Some(Item::Chunk(_)) => Err(tonic::Status::data_loss("the server sent bytes before saying of what")),
        None => Ok(None),
    }
}

/// The name without any folder: a server does not choose where on this machine a file goes.
fn own_name(info: &ExportInfo) -> PathBuf {
    Path::new(&info.file_name).file_name().map_or_else(|| "export.zip".into(), PathBuf::from)
}

/// `FILE.part`: as much as has arrived.
struct Partial {
    path: PathBuf,
    file: File,
    length: u64,
    digest: Sha256,
    info: ExportInfo,
    bar: ProgressBar,
}

impl Partial {
    /// Goes on with what an earlier attempt left.
    async fn take_up(target: &Path, info: &ExportInfo) -> Result<Self, Failure> {
        let mut name = OsString::from(target);
        name.push(".part");
        let path = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        // It is somebody's personal data.
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&path).await.map_err(|error| Failure::file(&path, &error))?;
        let bar = bar(info.size_bytes);
        let mut partial = Self { path, file, length: 0, digest: Sha256::new(), info: info.clone(), bar };
        partial.read_back().await.map_err(|error| Failure::file(&partial.path, &error))?;
        if partial.length > info.size_bytes {
            partial.start_afresh().await?;
        }
        partial.bar.set_position(partial.length);
        partial.bar.reset_eta();
        Ok(partial)
    }

    async fn read_back(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = self.file.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            self.digest.update(&buffer[..read]);
            self.length += read as u64;
        }
    }

    async fn start_afresh(&mut self) -> Result<(), Failure> {
        self.file.set_len(0).await.map_err(|error| Failure::file(&self.path, &error))?;
        self.length = 0;
        self.digest = Sha256::new();
        self.bar.set_position(0);
        Ok(())
    }

    /// Fetches what is missing, over as many streams as it takes.
    async fn complete(&mut self, client: &mut Client, case_id: &str) -> Result<(), Failure> {
        let mut failures = 0;
        while self.length < self.info.size_bytes {
            let before = self.length;
            let lost = match self.fetch_on(client, case_id).await {
                Ok(()) if self.length == self.info.size_bytes => break,
                Ok(()) => Lost::too_early(),
                Err(lost) => lost,
            };
            failures = if self.length > before { 0 } else { failures + 1 };
            match lost {
                Lost::ForGood(failure) => return Err(failure),
                Lost::ForNow(failure) if failures > RECONNECTS_MAX => {
                    return Err(
                        failure.detail(format!("the same command goes on with {}", self.path.display()))
                    );
                }
                Lost::ForNow(_) => {}
            }
            pause(failures).await;
        }
        Ok(())
    }

    async fn fetch_on(&mut self, client: &mut Client, case_id: &str) -> Result<(), Lost> {
        let request = DownloadExportRequest { case_id: case_id.to_owned(), offset: self.length };
        let mut stream = client.cases.download_export(request).await?.into_inner();
        let Some(info) = announced(&mut stream).await? else { return Ok(()) };
        if (&info.sha256, info.size_bytes) != (&self.info.sha256, self.info.size_bytes) {
            let changed = Failure::new(Exit::NotPossible, "the export was made anew meanwhile; start again");
            return Err(Lost::ForGood(changed));
        }
        while let Some(message) = stream.message().await? {
            let Some(Item::Chunk(chunk)) = message.item else { continue };
            if self.length + chunk.len() as u64 > self.info.size_bytes {
                let long = Failure::new(Exit::Unfulfilled, "the server sent more bytes than it announced");
                return Err(Lost::ForGood(long));
            }
            let written = self.file.write_all(&chunk).await;
            written.map_err(|error| Lost::ForGood(Failure::file(&self.path, &error)))?;
            self.digest.update(&chunk);
            self.length += chunk.len() as u64;
            self.bar.set_position(self.length);
        }
        // tokio writes behind: a full disk shows here.
        self.file.flush().await.map_err(|error| Lost::ForGood(Failure::file(&self.path, &error)))
    }

    fn sha256(&self) -> String {
        words::hex(&self.digest.clone().finalize())
    }

    /// Gives the whole file its name, durably.
    async fn publish(mut self, target: &Path) -> Result<(), Failure> {
        let at = |error: io::Error| Failure::file(target, &error);
        self.file.flush().await.map_err(at)?;
        self.file.sync_all().await.map_err(at)?;
        fs::rename(&self.path, target).await.map_err(at)?;
        self.bar.finish_and_clear();
        Ok(())
    }
}

/// Drawn on a terminal only.
fn bar(size: u64) -> ProgressBar {
    let bar = ProgressBar::new(size);
    let template = "  {bar:32.cyan/dim} {bytes:>11} of {total_bytes}  {bytes_per_sec}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_choose_the_folder() {
        let named = |name: &str| own_name(&ExportInfo { file_name: name.into(), ..ExportInfo::default() });
        assert_eq!(named("export-1.zip"), Path::new("export-1.zip"));
        assert_eq!(named("/etc/passwd"), Path::new("passwd"));
        assert_eq!(named("../../x.zip"), Path::new("x.zip"));
        assert_eq!(named(".."), Path::new("export.zip"));
        assert_eq!(named(""), Path::new("export.zip"));
    }

    #[tokio::test]
    async fn a_partial_file_is_taken_up_and_a_longer_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("x.zip");
        std::fs::write(folder.path().join("x.zip.part"), "hello").expect("written");
        let info = |size_bytes| ExportInfo { size_bytes, ..ExportInfo::default() };
        let partial = Partial::take_up(&target, &info(9)).await.expect("opens");
        assert_eq!(partial.length, 5);
        let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(partial.sha256(), hello);
        let partial = Partial::take_up(&target, &info(4)).await.expect("opens");
        assert_eq!(partial.length, 0);
    }

    #[tokio::test]
    async fn the_name_appears_with_the_whole_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("x.zip");
        let partial = Partial::take_up(&target, &ExportInfo::default()).await.expect("opens");
        assert!(!target.exists());
        partial.publish(&target).await.expect("renames");
        assert!(target.exists() && !folder.path().join("x.zip.part").exists());
    }
}
