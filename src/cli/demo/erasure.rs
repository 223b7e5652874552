//! The end of the story: to be forgotten, and whether that is so.

use super::{Folder, Stage, access, fulfilled, indented, leftovers};
use crate::{
    cli::{
        case::preview,
        client::{Client, timed},
        exit::{Exit, Failure},
        output, receipt, words,
    },
    clock::{Clock as _, SystemClock},
    export,
    proto::{downstream::v1::Right, v1::PreviewCaseRequest},
};

pub(super) async fn run(stage: &Stage, folder: &Folder, client: &mut Client) -> Result<(), Failure> {
    output::heading(&format!("\n5  What would be erased, if {} asked for it\n", stage.star().name))?;
    let request = access::request(stage, Right::Erasure);
    let preview = PreviewCaseRequest {
        right: request.right,
        subject: request.subject.clone(),
        ..PreviewCaseRequest::default()
    };
    let preview = client.cases.preview_case(timed(preview)).await?.into_inner();
    indented(&preview::shown(&preview, SystemClock.now()))?;

    output::heading(&format!("\n6  {} asks to be forgotten\n", stage.star().name))?;
    let before = counts(stage).await?;
    let case = fulfilled(client, request).await?;
    let receipt = receipt::fetch(client, &case.case_id).await?.receipt_json;
    receipt::write(&folder.receipt(), &receipt, true)?;
    let verified = export::receipt::verify(&receipt).map_err(|error| {
        Failure::new(Exit::Unfulfilled, "the receipt is not as it should be").detail(error.to_string())
    })?;
    let (erased, retained) = (words::count(verified.erased, "record"), words::grouped(verified.retained));
    indented(&format!("\n{}: {erased} erased, {retained} retained by law", folder.receipt().display()))?;

    output::heading("\n7  What is left in the databases, and what the receipt says\n")?;
    let rows = leftovers::compare(&before, &counts(stage).await?, &receipt)?;
    indented(&leftovers::shown(&rows))?;
    if rows.iter().all(leftovers::Row::agrees) {
        return Ok(());
    }
    Err(Failure::new(Exit::Unfulfilled, "the databases hold something else than the receipt says"))
}

async fn counts(stage: &Stage) -> Result<Vec<leftovers::Count>, Failure> {
    Ok(stage.fleet.count_of(stage.star()).await.map_err(anyhow::Error::from)?)
}
