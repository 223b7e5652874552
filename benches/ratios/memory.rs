//! The most memory that rightful takes to collect, export and hand out much data, against little.

use rightful::proto::downstream::v1::Right;

use crate::{
    caller,
    child::Child,
    load::Load,
    server::Setup,
    table::{Row, Target, figure},
};

/// Bytes of each record.
const RECORD_BYTES: usize = 1_024;
/// Little data.
const LITTLE: u64 = 10_000_000;
/// Much data.
const MUCH: u64 = 1_000_000_000;
/// What is never to be exceeded, in MiB.
const MAX_MIB: f64 = 96.0;

/// Measures it.
pub async fn measure(big: bool) -> anyhow::Result<Vec<Row>> {
    let bytes = if big { MUCH * 10 } else { MUCH };
    let (little, much) = (peak(LITTLE).await?, peak(bytes).await?);
    let name = if big { "10 GB" } else { "1 GB" };
    Ok(vec![
        Row::new(format!("peak RSS, {name} against 10 MB"), (little, much), "MiB", Target::AtMost(1.2)),
        Row::new(format!("peak RSS, {name} against the limit"), (MAX_MIB, much), "MiB", Target::AtMost(1.0)),
    ])
}

/// The peak, in MiB, of a rightful that handles one case of so many bytes.
async fn peak(bytes: u64) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path().canonicalize()?;
    let load = Load::Records { count: bytes / RECORD_BYTES as u64, bytes: RECORD_BYTES };
    let source = Child::generator(load)?;
    let downstreams = [("analytics".to_owned(), source.endpoint.clone())];
    let rightful = Child::rightful(&Setup::of(&folder), &downstreams)?;
    let mut stub = caller::connect(&rightful.endpoint, &downstreams).await?;
    let start = mebibytes(&rightful)?;
    let opened = caller::open(&mut stub, Right::Access, 0).await?;
    let case = caller::completed(&mut stub, &opened).await?;
    let settled = mebibytes(&rightful)?;
    let (size, _) = caller::download(&mut stub, &case).await?;
    let peak = mebibytes(&rightful)?;
    eprintln!(
        "  {bytes} bytes: peak {start:.0} MiB at the start, {settled:.0} when settled, {peak:.0} when {size} bytes \
         were downloaded"
    );
    Ok(peak)
}

fn mebibytes(rightful: &Child) -> anyhow::Result<f64> {
    Ok(figure(rightful.peak_memory()?) / f64::from(1 << 20))
}
