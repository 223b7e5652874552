//! What the policies promise: each row of `docs/promises.md` names tests that are there, and none is without.

use std::{collections::BTreeSet, fs};

use crate::report;

const DOCUMENT: &str = "docs/promises.md";
/// Promises of the law and of the companies that rightful serves. A row may be added; none may get lost.
const PROMISES_LEAST: usize = 30;

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
fn every_promise_is_named_by_a_test() {
    let text = fs::read_to_string(DOCUMENT).expect("the document is there");
    let mut faults = Vec::new();
    let mut promises = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [promise, _, tests] = cells[..] else {
            faults.push(format!("{DOCUMENT}: {line:?} has not three cells"));
            continue;
        };
        promises.insert(promise.to_owned());
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if tests.is_empty() {
            faults.push(format!("{DOCUMENT}: {promise:?} names no test"));
        }
        for test in tests.into_iter().filter(|test| !is_there(test)) {
            faults.push(format!("{DOCUMENT}: {test} of {promise:?} is not there"));
        }
    }
    if promises.len() < PROMISES_LEAST {
        faults.push(format!("{DOCUMENT}: {} promises, of {PROMISES_LEAST}: a row got lost", promises.len()));
    }
    report(&faults);
}
