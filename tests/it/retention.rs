//! The retention policy: what an erasure asks for, and who says so.

use rightful::proto::{
    downstream::v1::{Action, Directive, GroundCode, Right},
    v1::{DirectiveSource, PlannedTask, PreviewCaseRequest},
};
use serde_json::json;

use crate::{
    harness::{ADA, Builder, World, ada, subject},
    puppet::{Method, Profile, category, ground},
};

fn services() -> [Profile; 2] {
    let mut invoices = category("invoices");
    if let Some(retention) = &mut invoices.retention {
        retention.period = String::from("P7Y");
        retention.ground = Some(ground(GroundCode::LegalObligation, "HGB § 257"));
    }
    let mut tickets = category("tickets");
    tickets.dpv_term = "https://w3id.org/dpv/pd#Communication".into();
    let office = Profile::new("office", &["email"])
        .category(invoices)
        .category(category("project_files"))
        .category(tickets)
        .category(category("notes"))
        .person(
            ada(&[])
                .record("invoices", &json!({ "keep": true }))
                .record("project_files", &json!({ "keep": true }))
                .records("tickets", 2)
                .records("notes", 3),
        );
    let crm =
        Profile::new("crm", &["email"]).category(category("notes")).person(ada(&[]).records("notes", 1));
    [office, crm]
}

/// Rules in the order of the file.
const RULES: &str = r#"[
    { downstream = "office", category = "invoices", action = "erase" },
    { downstream = "*", category = "project_files", action = "retain", period = "P5Y", ground = { code = "contract", source = "our terms, 9.2", note = "Files of a project are kept for five years." } },
    { dpv_term = "https://w3id.org/dpv/pd#Communication", action = "anonymise", period = "P3Y" },
    { downstream = "office", category = "*", action = "restrict" },
]"#;

async fn world() -> World {
    let rules = RULES.replace('\n', " ");
    Builder::new(services()).set("retention.rule", &rules).start().await
}

/// The directive for a category with who says so.
fn of<'a>(
    tasks: &'a [PlannedTask],
    downstream: &str,
    category: &str,
) -> (&'a Directive, DirectiveSource, u32) {
    let task = tasks.iter().find(|task| task.downstream == downstream).expect("it is planned");
    let position = task.directives.iter().position(|d| d.category == category).expect("it is directed");
    let origin = &task.directive_origins[position];
    (&task.directives[position], origin.source(), origin.rule)
}

#[tokio::test]
async fn a_preview_shows_each_directive_with_its_source() {
    let world = world().await;
    let request = PreviewCaseRequest {
        right: Right::Erasure.into(),
        subject: Some(subject(&[ADA])),
        ..PreviewCaseRequest::default()
    };
    let tasks = world.cases().preview_case(request).await.unwrap().into_inner().tasks;
    let (invoices, source, _) = of(&tasks, "office", "invoices");
    assert_eq!(
        (invoices.action(), invoices.period.as_str()),
        (Action::Retain, "P7Y"),
        "a duty wins over a rule"
    );
    assert_eq!(source, DirectiveSource::Described);
    let (files, source, rule) = of(&tasks, "office", "project_files");
    assert_eq!((files.action(), files.period.as_str()), (Action::Retain, "P5Y"));
    assert_eq!(files.ground.as_ref().unwrap().source, "our terms, 9.2");
    assert_eq!((source, rule), (DirectiveSource::Configured, 1));
    let (tickets, source, rule) = of(&tasks, "office", "tickets");
    assert_eq!((tickets.action(), source, rule), (Action::Anonymise, DirectiveSource::Configured, 2));
    let (notes, source, rule) = of(&tasks, "office", "notes");
    assert_eq!((notes.action(), source, rule), (Action::Restrict, DirectiveSource::Configured, 3));
    let (notes, source, _) = of(&tasks, "crm", "notes");
    assert_eq!((notes.action(), source), (Action::Erase, DirectiveSource::Default));
    world.finish().await;
}

#[tokio::test]
async fn an_erasure_does_what_the_policy_says_and_the_receipt_says_what_was_done() {
    let world = world().await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    let receipt = world.receipt(&case.case_id).await;
    let office =
        receipt["downstreams"].as_array().unwrap().iter().find(|one| one["name"] == "office").unwrap();
    let counts = |name: &str| {
        let of = office["categories"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        (
            of["erased"].as_u64().unwrap(),
            of["anonymised"].as_u64().unwrap(),
            of["restricted"].as_u64().unwrap(),
            of["retained"].as_array().unwrap().len(),
        )
    };
    assert_eq!(counts("invoices"), (0, 0, 0, 1));
    assert_eq!(counts("project_files"), (0, 0, 0, 1));
    assert_eq!(counts("tickets"), (0, 2, 0, 0));
    assert_eq!(counts("notes"), (0, 0, 3, 0));
    assert_eq!(world.puppet("crm").holds(), 0);
    assert_eq!(world.puppet("office").calls(Method::Erase).len(), 1);
    world.finish().await;
}
