//! Documents that are printed from the code: compared at each run, written when asked for.

use std::{env, fs};

use crate::source;

/// Set to 1 to write the documents instead of comparing them.
const WRITE: &str = "RIGHTFUL_WRITE_DOCS";

/// Fails unless the document is `text`.
pub fn compare(document: &str, text: &str) {
    let file = source::top().join(document);
    if asked_to_write() {
        fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("the folder can be made");
        fs::write(&file, text).expect("the document can be written");
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "{document} is not what is printed: run {WRITE}=1 cargo test --test tidy");
}

#[expect(clippy::disallowed_methods, reason = "a switch of these tests alone")]
fn asked_to_write() -> bool {
    env::var(WRITE).is_ok_and(|value| value == "1")
}
