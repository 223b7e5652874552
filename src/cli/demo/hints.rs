//! Where to look, and what to try.

use std::env;

use super::{Folder, Stage};
use crate::cli::{exit::Failure, output};

/// What the demo wrote.
pub(super) fn files(folder: &Folder) -> Result<(), Failure> {
    let (export, unpacked) = (folder.export(), folder.unpacked());
    let (export, unpacked) = (export.display(), unpacked.display());
    output::heading("\nLook at it\n")?;
    output::line(format!(
        "  unzip -qo {export} -d {unpacked}    then open {unpacked}/data/index.html\n  \
           {} export verify {export}\n  \
           cat {} {} {}",
        program(),
        folder.rectification().display(),
        folder.withdrawal().display(),
        folder.receipt().display(),
    ))
}

/// What can be tried now.
pub(super) fn while_running(stage: &Stage, access_case: &str) -> Result<(), Failure> {
    output::heading("\nEverything is up until Ctrl-C. Try\n")?;
    output::line(calls(stage, access_case))
}

/// What could be tried if it were still running.
pub(super) fn with_keep_running(stage: &Stage, access_case: &str) -> Result<(), Failure> {
    output::heading(
        "\nTalk to it: with --keep-running everything stays up, on new ports, for calls such as\n",
    )?;
    output::line(calls(stage, access_case))
}

fn calls(stage: &Stage, access_case: &str) -> String {
    let server = stage.server();
    let address = server.trim_start_matches("http://");
    let billing = stage.endpoints().into_iter().next().map(|(_, endpoint)| endpoint).unwrap_or_default();
    let billing = billing.trim_start_matches("http://");
    // Somebody who has not been forgotten; a demo with one person has nobody else.
    let email = stage.fleet.people().last().map(|person| person.email.as_str()).unwrap_or_default();
    format!(
        r#"  grpcurl -plaintext {address} list
  grpcurl -plaintext -d '{{"case_id": "{access_case}"}}' {address} rightful.v1.CaseService/GetCase
  grpcurl -plaintext -d '{{"request_id": "try-1", "right": "RIGHT_ACCESS",
    "subject": {{"identifiers": [{{"kind": "email", "value": "{email}"}}]}},
    "evidence": [{{"kind": "EVIDENCE_KIND_ACCOUNT_SESSION", "reference": "try-1"}}]}}' {address} rightful.v1.CaseService/OpenCase
  grpcurl -plaintext {billing} rightful.downstream.v1.SubjectDataService/Describe
  {program} --server {server} case open --watch --right erasure --id email={email} --evidence account_session=try-2
  {program} --server {server} case list"#,
        program = program(),
    )
}

/// As it was called: `target/release/rightful` under cargo.
fn program() -> String {
    env::args().next().unwrap_or_else(|| "rightful".into())
}
