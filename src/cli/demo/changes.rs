//! The middle of the story: a wrong name is put right, and a consent is taken back.

use std::path::Path;

use serde::Deserialize;

use super::{Folder, Stage, access, fulfilled, indented};
use crate::{
    cli::{
        client::Client,
        exit::{Exit, Failure},
        output, receipt,
        table::{Field, Table, Tone},
        words,
    },
    export,
    proto::{
        downstream::v1::Right,
        v1::{Correction, OpenCaseRequest},
    },
};

/// The part of a receipt that says what was changed.
#[derive(Deserialize)]
struct Receipt {
    downstreams: Vec<Downstream>,
}

#[derive(Deserialize)]
struct Downstream {
    name: String,
    #[serde(default)]
    proof: String,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Category {
    name: String,
    retained: Vec<Retained>,
    #[serde(default)]
    stopped: u64,
    #[serde(default)]
    stopped_purposes: Vec<String>,
    #[serde(default)]
    fields: Vec<Changed>,
    #[serde(default)]
    recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
struct Retained {
    ground: Ground,
}

#[derive(Deserialize)]
struct Ground {
    source: String,
}

#[derive(Deserialize)]
struct Changed {
    field: String,
    new_digest: String,
    before: Seen,
    after: Option<Seen>,
}

#[derive(Deserialize, Clone, Copy)]
struct Seen {
    old: u64,
}

#[derive(Deserialize)]
struct Recipient {
    name: String,
    told: bool,
}

/// The star has another name now. Billing and marketing put it right; issued invoices stay as they were.
pub(super) async fn rectify(stage: &Stage, folder: &Folder, client: &mut Client) -> Result<(), Failure> {
    let (old, new) = (&stage.star().name, format!("{}-Sommer", stage.star().name));
    output::heading(&format!("\n3  {old} has married: the name is {new} now\n"))?;
    let correction = |category: &str, field: &str| Correction {
        category: category.into(),
        field: field.into(),
        old_json: serde_json::Value::from(old.as_str()).to_string(),
        new_json: serde_json::Value::from(new.as_str()).to_string(),
        ..Correction::default()
    };
    let corrections = vec![
        correction("customers", "/name"),
        correction("contacts", "/name"),
        correction("invoices", "/billed_to/name"),
    ];
    let request = OpenCaseRequest { corrections, ..access::request(stage, Right::Rectification) };
    let path = folder.rectification();
    let receipt = settled(client, request, &path).await?;
    indented(&format!("\n{}", rectified(&receipt)))?;
    let told = told(&receipt);
    indented(&format!("\n{}: the values stand in it as keyed digests; {told}", path.display()))
}

/// The star takes every consent back; what rests on a contract or a law goes on.
pub(super) async fn withdraw(stage: &Stage, folder: &Folder, client: &mut Client) -> Result<(), Failure> {
    output::heading(&format!("\n4  {} takes every consent back\n", stage.star().name))?;
    let path = folder.withdrawal();
    let receipt = settled(client, access::request(stage, Right::ConsentWithdrawal), &path).await?;
    indented(&format!("\n{}", stopped(&receipt)))?;
    indented(&format!(
        "\n{}: orders and invoices go on, they rest on a contract and on the law",
        path.display()
    ))
}

/// Runs the case, and keeps its checked receipt.
async fn settled(client: &mut Client, request: OpenCaseRequest, path: &Path) -> Result<Receipt, Failure> {
    let case = fulfilled(client, request).await?;
    let json = receipt::fetch(client, &case.case_id).await?.receipt_json;
    receipt::write(path, &json, true)?;
    let bad =
        |error: String| Failure::new(Exit::Unfulfilled, "the receipt is not as it should be").detail(error);
    export::receipt::verify(&json).map_err(|error| bad(error.to_string()))?;
    serde_json::from_slice(&json).map_err(|error| bad(error.to_string()))
}

/// A row for each corrected field that was there.
fn rectified(receipt: &Receipt) -> String {
    let mut table =
        Table::new(&["SERVICE", "CATEGORY", "FIELD", "WRONG BEFORE", "WRONG NOW", "NEW DIGEST", ""]);
    for downstream in &receipt.downstreams {
        for category in &downstream.categories {
            let kept = category.retained.first().map(|retained| retained.ground.source.as_str());
            for field in category.fields.iter().filter(|field| field.before.old > 0) {
                let left = field.after.map_or(field.before.old, |after| after.old);
                let note = match kept {
                    Some(ground) if left > 0 => format!("kept by law, {ground}"),
                    _ => downstream.proof.clone(),
                };
                table.row([
                    downstream.name.as_str().into(),
                    category.name.as_str().into(),
                    field.field.as_str().into(),
                    Field::number(words::grouped(field.before.old)),
                    Field::number(words::grouped(left)),
                    Field::toned(format!("{}…", field.new_digest.get(..8).unwrap_or_default()), Tone::Faint),
                    note.into(),
                ]);
            }
        }
    }
    table.text()
}

/// A row for each category of which something has stopped.
fn stopped(receipt: &Receipt) -> String {
    let mut table = Table::new(&["SERVICE", "CATEGORY", "RECORDS", "NO LONGER USED FOR", "PROOF"]);
    for downstream in &receipt.downstreams {
        for category in downstream.categories.iter().filter(|category| category.stopped > 0) {
            table.row([
                downstream.name.as_str().into(),
                category.name.as_str().into(),
                Field::number(words::grouped(category.stopped)),
                category.stopped_purposes.join("; ").into(),
                downstream.proof.as_str().into(),
            ]);
        }
    }
    table.text()
}

/// `told: Fjordpay AB, Mailgrove Inc.`
fn told(receipt: &Receipt) -> String {
    let all = receipt.downstreams.iter().flat_map(|downstream| &downstream.categories);
    let mut lists: [Vec<&str>; 2] = [Vec::new(), Vec::new()];
    for recipient in all.flat_map(|category| &category.recipients) {
        let list = &mut lists[usize::from(!recipient.told)];
        if !list.contains(&recipient.name.as_str()) {
            list.push(&recipient.name);
        }
    }
    let [told, untold] =
        lists.map(|list| if list.is_empty() { "nobody".to_owned() } else { list.join(", ") });
    format!("told of the change: {told}; not told: {untold}")
}
