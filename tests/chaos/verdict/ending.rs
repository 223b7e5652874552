//! How a case ended: all that a caller can see of it, without what belongs to one run.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use rightful::proto::{
    downstream::v1::Right,
    v1::{
        Case, CaseState, DownloadExportRequest, GetCaseRequest, GetReceiptRequest, TaskKind, TaskState,
        case_service_client::CaseServiceClient, download_export_response::Item,
    },
};
use tonic::transport::Channel;

use crate::{
    bag::{self, Bag, Export},
    world::World,
};

/// Cases that are looked at at once: an export is held in memory whole.
const AT_ONCE: usize = 4;

/// How a case ended.
#[derive(Debug)]
pub struct Ending {
    /// State and reason of the case, then of each task.
    pub standing: Vec<String>,
    /// The task ids that downstreams saw of its erasures, by downstream. They belong to one run.
    pub erasures: BTreeMap<String, String>,
    /// Digests of an export's files, or the receipt.
    pub contents: BTreeMap<String, String>,
}

impl Ending {
    /// What is different, if anything is.
    pub fn differs_from(&self, expected: &Self) -> Option<String> {
        if self.standing != expected.standing {
            return Some(format!("{:?}, undisturbed {:?}", self.standing, expected.standing));
        }
        let paths = self.contents.keys().chain(expected.contents.keys());
        let differs = |path: &&String| self.contents.get(*path) != expected.contents.get(*path);
        let path = paths.into_iter().find(differs)?;
        Some(format!(
            "{path} is {:?}, undisturbed {:?}",
            self.contents.get(path),
            expected.contents.get(path)
        ))
    }
}

fn stub(world: &World) -> anyhow::Result<CaseServiceClient<Channel>> {
    let channel = world.channel(0).context("no replica runs")?;
    Ok(CaseServiceClient::new(channel).max_decoding_message_size(8 << 20))
}

/// The case as it is now.
pub async fn case(world: &World, case_id: &str) -> anyhow::Result<Case> {
    let request = GetCaseRequest { case_id: case_id.to_owned() };
    stub(world)?.get_case(request).await?.into_inner().case.context("the answer has no case")
}

/// How all cases ended, by person.
pub async fn endings(
    world: &Arc<World>,
    cases: &BTreeMap<u64, String>,
) -> anyhow::Result<BTreeMap<u64, Ending>> {
    let looks = cases.iter().map(|(number, case_id)| {
        let (world, number, case_id) = (Arc::clone(world), *number, case_id.clone());
        // What the bag asserts is a panic: on a task of its own it is an error of this case.
        let look = tokio::spawn(async move { ending(&world, &case_id).await });
        async move { anyhow::Ok((number, look.await?.with_context(|| format!("person {number}"))?)) }
    });
    stream::iter(looks).buffer_unordered(AT_ONCE).try_collect().await
}

async fn ending(world: &World, case_id: &str) -> anyhow::Result<Ending> {
    let case = case(world, case_id).await?;
    let mut standing = vec![format!("{:?} {:?}", case.state(), case.reason())];
    let mut erasures = BTreeMap::new();
    for task in &case.tasks {
        let text = format!("{} {:?}: {:?} {:?}", task.downstream, task.kind(), task.state(), task.reason());
        standing.push(text);
        if task.kind() == TaskKind::Erase && task.state() == TaskState::Done {
            erasures.insert(task.downstream.clone(), task.call_id.clone());
        }
    }
    let contents = if case.export.is_some() {
        contents(&download(world, case_id).await?)
    } else if case.right() == Right::Erasure && case.state() == CaseState::Completed {
        BTreeMap::from([("receipt".to_owned(), receipt(world, case_id).await?)])
    } else {
        BTreeMap::new()
    };
    Ok(Ending { standing, erasures, contents })
}

/// Downloads the export whole; panics unless size and digest are as announced and its manifests hold.
async fn download(world: &World, case_id: &str) -> anyhow::Result<Bag> {
    let request = DownloadExportRequest { case_id: case_id.to_owned(), offset: 0 };
    let mut stream = stub(world)?.download_export(request).await?.into_inner();
    let mut export = Export::default();
    while let Some(message) = stream.message().await? {
        match message.item.context("a message without an item")? {
            Item::Info(info) => export.info = Some(info),
            Item::Chunk(chunk) => export.bytes.extend_from_slice(&chunk),
        }
    }
    export.assert_is_whole();
    let bag = Bag::open(export.bytes);
    bag.assert_manifests_hold();
    Ok(bag)
}

/// Digests of all that the export says of the person.
fn contents(bag: &Bag) -> BTreeMap<String, String> {
    bag.contents().into_iter().map(|(path, bytes)| (path, bag::sha256(&bytes))).collect()
}

async fn receipt(world: &World, case_id: &str) -> anyhow::Result<String> {
    let request = GetReceiptRequest { case_id: case_id.to_owned() };
    let receipt = stub(world)?.get_receipt(request).await?.into_inner();
    anyhow::ensure!(receipt.sha256 == bag::sha256(&receipt.receipt_json), "the receipt's digest is wrong");
    Ok(bag::anonymous_receipt(serde_json::from_slice(&receipt.receipt_json)?).to_string())
}
