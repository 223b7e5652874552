//! The beginning of the story: a copy of everything.

use super::{Folder, Stage, fulfilled, indented};
use crate::{
    cli::{
        client::Client,
        exit::{Exit, Failure},
        export::{download, verify},
        output, words,
    },
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1::{Identifier, Right, Subject},
        v1::{Evidence, EvidenceKind, OpenCaseRequest},
    },
};

/// Answers the case's id.
pub(super) async fn run(stage: &Stage, folder: &Folder, client: &mut Client) -> Result<String, Failure> {
    let star = stage.star();
    output::heading(&format!("\n2  {} <{}> asks for a copy of everything\n", star.name, star.email))?;
    let case = fulfilled(client, request(stage, Right::Access)).await?;
    let (info, path) = download::fetch(client, &case.case_id, Some(folder.export()), true).await?;
    let report = verify::report(path.clone()).await?;
    if let Some(fault) = report.faults.first() {
        let failure = Failure::new(Exit::Unfulfilled, format!("{} is not as it should be", path.display()));
        return Err(failure.detail(fault.clone()));
    }
    let files = words::count(report.files, "file");
    let bytes = words::grouped(info.size_bytes);
    indented(&format!(
        "\n{}: {files}, {bytes} bytes; every digest checked, nothing missing",
        path.display()
    ))?;
    Ok(case.case_id)
}

/// A case for the star, known by email only: rightful finds out the rest.
pub(super) fn request(stage: &Stage, right: Right) -> OpenCaseRequest {
    let identifier = Identifier { kind: "email".into(), value: stage.star().email.clone() };
    OpenCaseRequest {
        request_id: SystemClock.new_id().to_string(),
        right: right.into(),
        subject: Some(Subject { identifiers: vec![identifier] }),
        // As the account settings of a shop would say: the person is signed in.
        evidence: vec![Evidence {
            kind: EvidenceKind::AccountSession.into(),
            reference: "session 1".into(),
            seen_time: None,
        }],
        ..OpenCaseRequest::default()
    }
}
