//! `docs/rights.md`: right × regime → clock, steps, outcome and proof. The clocks come from the built-in table, the steps
//! and how they end from the planner and the completeness statement; so the page cannot say what the code does not do.

use std::{collections::BTreeSet, fmt::Write as _};

use jiff::Timestamp;
use rightful::{
    config::Config,
    domain::{
        Capabilities, CaseId, Category, CategoryResult, CorrectionRef, IdentifierKind, LegalBasis,
        Particulars, Retention, Right, Scope, Task, TaskId, TaskKind, TaskState, Use, Wish,
        clock::Row,
        outcome::Tally,
        plan::{Registered, plan},
        statement::{Statement, statements},
    },
};
use uuid::Uuid;

use crate::printed;

/// What a task of this kind does, step by step (`engine::attempt`).
const fn steps(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Resolve => "find identifiers",
        TaskKind::Collect => "collect; export",
        TaskKind::Erase => {
            "count what is there; wait while a hold is in force; `Erase`; collect again and compare; \
                            receipt; what is retained is erased on its release date"
        }
        TaskKind::Rectify => "look at the fields; `Rectify`; collect again and look; receipt",
        TaskKind::Restrict => "count what is there; `Restrict`; collect again and compare; receipt",
        TaskKind::Object => "`Object`; receipt",
        TaskKind::WithdrawConsent => "`WithdrawConsent`; receipt",
    }
}

/// The part of one downstream that holds something and does all that it is asked to.
fn done(right: Right) -> (TaskKind, Statement) {
    let email = IdentifierKind::new("email").expect("it is a kind");
    let category = Category {
        name: "notes".into(),
        title: "Notes".into(),
        dpv_term: String::new(),
        purposes: vec!["newsletter".into()],
        legal_basis: Some(LegalBasis::Consent),
        retention: Retention::default(),
        recipients: Vec::new(),
        origin: String::new(),
        json_schema: String::new(),
        provided_by_subject: true,
        may_contain_credentials: false,
        may_contain_third_party_data: false,
    };
    let capabilities = Capabilities {
        understands: BTreeSet::from([email.clone()]),
        rights: Right::ALL.iter().copied().collect(),
        categories: vec![category],
        ..Capabilities::default()
    };
    let correction =
        CorrectionRef { downstream: String::new(), category: "notes".into(), field: "/name".into() };
    let particulars = match right {
        Right::Rectification => Particulars { corrections: vec![correction], ..Particulars::default() },
        Right::Objection => Particulars { uses: vec![Use::DirectMarketing], ..Particulars::default() },
        _ => Particulars::default(),
    };
    let (scope, known) = (Scope::default(), BTreeSet::from([email]));
    let wish = Wish { right, particulars: &particulars, scope: &scope, known: &known };
    let registered = [Registered { name: "crm", capabilities: Some(&capabilities), controller: None }];
    let planned = plan(&wish, &registered).pop().expect("every downstream has a task");
    let held =
        CategoryResult { found: Tally { records: 1, ..Tally::default() }, ..CategoryResult::new("notes") };
    let task = Task {
        id: TaskId(Uuid::nil()),
        case_id: CaseId(Uuid::nil()),
        position: 0,
        downstream: planned.downstream,
        ask: planned.ask,
        understands: planned.understands,
        state: TaskState::Done,
        reason: None,
        call_id: Uuid::nil(),
        attempts: 1,
        due_at: None,
        waits_for: Vec::new(),
        last_error: None,
        results: vec![held],
        refusal: None,
    };
    let kind = task.kind();
    (kind, statements(&[task]).pop().expect("it is stated"))
}

/// `1 calendar_months from receipt, +2 calendar_months`.
fn clock(row: &Row) -> String {
    let mut text = match &row.respond {
        Some(respond) => format!("{respond} from {}", row.anchor),
        None => "no time is said".to_owned(),
    };
    if let Some(extend) = &row.extend {
        write!(text, ", +{extend} with notice").expect("a String takes everything");
    }
    if let Some(acknowledge) = &row.acknowledge {
        write!(text, "; acknowledge within {acknowledge}").expect("a String takes everything");
    }
    if row.unverified {
        text.push_str("; no verification may be asked for");
    }
    if row.draft {
        text.push_str(" (draft)");
    }
    text.replace('_', " ")
}

fn page(today: Timestamp) -> String {
    let handling = Config::default().handling;
    let mut text = String::from(
        "# Rights\n\nPrinted from `regimes.toml` and `src/domain/` by `tests/tidy/rights.rs`; do not edit. To print it \
         again: `RIGHTFUL_WRITE_DOCS=1 cargo test --test tidy`.\n\nThe earliest clock wins, the company's own promise \
         among them. `verified`: collected again, and seen. `stated`: what no collection can show, the downstream \
         says. Drafts come from a secondary source and wait for a lawyer.\n\n",
    );
    let promise = &handling.promise;
    let none = || "–".to_owned();
    writeln!(
        text,
        "The promise (`[policy]`, as shipped): respond within {}, acknowledge within {}, extend by {}.\n",
        promise.respond,
        promise.acknowledge.as_ref().map_or_else(none, ToString::to_string),
        promise.extend.as_ref().map_or_else(none, ToString::to_string),
    )
    .expect("a String takes everything");
    for right in Right::ALL {
        let (kind, statement) = done(*right);
        let proof = statement.proof.map_or("every byte is in the export's manifest", |proof| proof.as_str());
        write!(
            text,
            "## {}\n\nSteps: {}. Ends as `{}`; proof: {proof}.\n\n| regime | clock | source |\n|---|---|---|\n",
            right.as_str().replace('_', " "),
            steps(kind),
            statement.standing,
        )
        .expect("a String takes everything");
        for name in handling.table.regimes.keys() {
            for row in handling.table.rows(name, *right, today) {
                writeln!(text, "| {name} (since {}) | {} | {} |", row.valid_from, clock(row), row.source)
                    .expect("a String takes everything");
            }
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

#[test]
fn the_page_of_rights_is_what_the_code_does() {
    // A day on which every row of the table is in force; the page does not change with the day of a run.
    let today: Timestamp = "2027-06-01T12:00:00Z".parse().expect("it is a time");
    printed::compare("docs/rights.md", &page(today));
}
