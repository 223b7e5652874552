//! Sizes, headers, names, and words that do not belong into the repository.

use std::fs;

use crate::{
    report,
    source::{self, Source},
};

/// More than this and a file has two jobs.
const FILE_LINES_MAX: usize = 400;
/// Longer, and nobody reads it whole.
const ARCHITECTURE_LINES_MAX: usize = 200;
/// Modules named so collect what has no home.
const DRAWERS: [&str; 7] = ["part2", "util", "utils", "common", "helpers", "manager", "core"];

/// Words that code must not have, and what to do instead.
const BANNED: [(&str, &str); 8] = [
    ("#[allow(", "write `#[expect(lint, reason = \"…\")]`"),
    ("#![allow(", "write `#![expect(lint, reason = \"…\")]`"),
    ("todo!(", "finish it"),
    ("unimplemented!(", "finish it, or leave it out"),
    ("dbg!(", "take it out"),
    ("#[ignore", "make the test run, or delete it"),
    ("println!(\"DEBUG", "take it out"),
    ("XXX", "finish it"),
];

/// How tests wait in vain.
const SLEEPS: [&str; 3] = ["thread::sleep", "time::sleep", "sleep_until"];

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |source: &Source| {
        let first = source.text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_none_or(|text| text.len() < 10)
    };
    let faults: Vec<String> = source::all()
        .iter()
        .filter(|source| silent(source))
        .map(|source| format!("{}: open with a `//!` sentence that says what the file is for", source.path))
        .collect();
    report(&faults);
}

#[test]
fn files_are_short() {
    let long = |source: &Source| {
        let lines = source.text.lines().count();
        (lines > FILE_LINES_MAX).then(|| {
            format!("{}: {lines} lines, {FILE_LINES_MAX} at most: split it by responsibility", source.path)
        })
    };
    report(&source::all().iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn modules_are_named_for_what_they_do() {
    let drawer = |source: &Source| {
        let words = source.path.trim_end_matches(".rs").split('/').find(|word| DRAWERS.contains(word))?;
        Some(format!("{}: `{words}` says nothing: name the module for what it does", source.path))
    };
    report(&source::all().iter().filter_map(drawer).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_half_done() {
    let mut faults = Vec::new();
    for source in source::all() {
        for (number, line) in format!("{}{}", source.code, source.tests).lines().enumerate() {
            for (word, instead) in BANNED.iter().filter(|(word, _)| line.contains(word)) {
                faults.push(format!("{}:{}: `{word}`: {instead}", source.path, number + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn tests_do_not_sleep() {
    let mut faults = Vec::new();
    // Benches measure time, so they may spend it; faults last for a time, and a killer waits for its moment.
    let may = |source: &&Source| !["benches/", "tests/chaos/"].iter().any(|at| source.path.starts_with(at));
    for source in source::all().iter().filter(may) {
        for sleep in SLEEPS.iter().filter(|sleep| source.tests.contains(**sleep)) {
            faults.push(format!(
                "{}: `{sleep}` in a test: wait for what you wait for (WatchCase, a channel), or move the manual clock",
                source.path
            ));
        }
    }
    report(&faults);
}

#[test]
fn the_architecture_is_read_in_one_sitting() {
    let lines =
        fs::read_to_string(source::top().join("ARCHITECTURE.md")).map_or(0, |text| text.lines().count());
    assert!(
        lines <= ARCHITECTURE_LINES_MAX,
        "ARCHITECTURE.md has {lines} lines, {ARCHITECTURE_LINES_MAX} at most: move details to where they belong"
    );
}
