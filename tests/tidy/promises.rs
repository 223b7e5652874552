//! What the policies promise, and what is threatened: each row of `docs/promises.md` and `docs/threat-model.md` names tests that
//! are there, and none is without.

use std::{collections::BTreeSet, fs};

use crate::report;

/// A document, how the head of its table begins, and how many rows it has at least. A row may be added; none may get lost.
const DOCUMENTS: [(&str, &str, usize); 2] =
    [("docs/promises.md", "| promise", 30), ("docs/threat-model.md", "| threat", 20)];

/// `tests/it/year.rs` and `becomes` for `year::becomes`.
fn is_there(test: &str) -> bool {
    let Some((file, name)) = test.rsplit_once("::") else { return false };
    let path = file.replace("::", "/");
    ["tests/it", "src"].iter().any(|root| {
        [format!("{root}/{path}.rs"), format!("{root}/{path}/tests.rs"), format!("{root}/{path}/mod.rs")]
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
            .any(|text| text.contains(&format!("fn {name}(")))
    })
}

#[test]
fn every_promise_and_every_threat_is_named_by_a_test() {
    let mut faults = Vec::new();
    for (document, head, least) in DOCUMENTS {
        let text = fs::read_to_string(document).expect("the document is there");
        let table = text.lines().skip_while(|line| !line.starts_with(head)).skip(2);
        let mut rows = BTreeSet::new();
        for line in table.take_while(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [said, _, tests] = cells[..] else {
                faults.push(format!("{document}: {line:?} has not three cells"));
                continue;
            };
            rows.insert(said.to_owned());
            let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
            if tests.is_empty() {
                faults.push(format!("{document}: {said:?} names no test"));
            }
            for test in tests.into_iter().filter(|test| !is_there(test)) {
                faults.push(format!("{document}: {test} of {said:?} is not there"));
            }
        }
        if rows.len() < least {
            faults.push(format!("{document}: {} rows, of {least}: one got lost", rows.len()));
        }
    }
    report(&faults);
}
