//! DownloadExport against a bare stream of as many bytes in chunks of the same size.

use rightful::proto::downstream::v1::Right;
use tokio::time::Instant;

use crate::{
    caller,
    child::Child,
    floor,
    load::Load,
    server::Setup,
    table::{Row, Target, median, megabytes},
};

/// Bytes to download.
const BYTES: u64 = 512 << 20;
/// In which chunks they are collected.
const CHUNK: usize = 1 << 20;
/// Rounds of both in turn.
const ROUNDS: usize = 5;

/// Measures it.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path().canonicalize()?;
    let source = Child::generator(Load::Noise { bytes: BYTES, chunk: CHUNK })?;
    let downstreams = [("archive".to_owned(), source.endpoint.clone())];
    let rightful = Child::rightful(&Setup::of(&folder), &downstreams)?;
    let mut stub = caller::connect(&rightful.endpoint, &downstreams).await?;
    let opened = caller::open(&mut stub, Right::Access, 0).await?;
    let case = caller::completed(&mut stub, &opened).await?;
    let (bytes, chunks) = caller::download(&mut stub, &case).await?;

    let bare = Child::generator(Load::Noise { bytes, chunk: usize::try_from(bytes.div_ceil(chunks))? })?;
    floor::discard(&bare.endpoint).await?;
    let (mut floor, mut rate) = (Vec::new(), Vec::new());
    let (mut floor_cpu, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (start, spent) = (Instant::now(), bare.processor_time()?);
        floor::discard(&bare.endpoint).await?;
        floor.push(megabytes(bytes) / start.elapsed().as_secs_f64());
        floor_cpu.push(megabytes(bytes) / (bare.processor_time()? - spent));

        let (start, spent) = (Instant::now(), rightful.processor_time()?);
        caller::download(&mut stub, &case).await?;
        rate.push(megabytes(bytes) / start.elapsed().as_secs_f64());
        cpu.push(megabytes(bytes) / (rightful.processor_time()? - spent));
    }
    Ok(vec![
        Row::new("DownloadExport", (median(floor), median(rate)), "MB/s", Target::AtLeast(0.7)),
        Row::new(
            "DownloadExport, per core spent by the server",
            (median(floor_cpu), median(cpu)),
            "MB/s",
            Target::None,
        ),
    ])
}
