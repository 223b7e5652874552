//! `docs/configuration.md`, printed from `config.example.toml`, whose values are the defaults and whose keys are all that there
//! are (`src/config/tests.rs` and `src/cli/config.rs` see to that).

use std::{fmt::Write as _, fs};

use crate::{printed, source};

const HEAD: &str = "# Configuration

Printed from `config.example.toml` by `tests/tidy/configuration.rs`; do not edit. To print it again: `RIGHTFUL_WRITE_DOCS=1 cargo test --test tidy`.

One TOML file (`--config`, `RIGHTFUL_CONFIG`), then variables, then flags; later ones win. `rightful config check` names every fault at once and shows what is in effect. A variable is `RIGHTFUL_`, the section, two underscores and the key: `RIGHTFUL_STORE__URL`. Entries in double brackets can be given more than once, and in the file only.
";

/// A row, once its key has come.
struct Row {
    key: String,
    default: String,
    meaning: String,
}

/// Sections with their rows, in the order of the file.
fn sections(text: &str) -> Vec<(String, Vec<Row>)> {
    let mut sections: Vec<(String, Vec<Row>)> = vec![("at the top".to_owned(), Vec::new())];
    let mut said: Vec<&str> = Vec::new();
    for line in text.lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        let is_head = bare.starts_with('[') && bare.trim_end().ends_with(']');
        let is_comment = line.starts_with("# ");
        if is_head && !is_comment {
            sections.push((bare.trim().to_owned(), Vec::new()));
            said.clear();
        } else if is_comment {
            said.push(bare.trim());
        } else if let Some((key, value)) = bare.split_once(" = ").filter(|(key, _)| is_key(key)) {
            let row = Row { key: key.to_owned(), default: value.trim().to_owned(), meaning: said.join(" ") };
            said.clear();
            if let Some((_, rows)) = sections.last_mut() {
                rows.push(row);
            }
        } else if line.is_empty() {
            said.clear();
        }
    }
    sections
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte))
}

#[test]
fn the_printed_configuration_is_that_of_the_example() {
    let example = fs::read_to_string(source::top().join("config.example.toml")).expect("it is there");
    let mut text = HEAD.to_owned();
    let mut count = 0;
    for (head, rows) in sections(&example).into_iter().filter(|(_, rows)| !rows.is_empty()) {
        writeln!(text, "\n## `{head}`\n\n| key | default or example | meaning |\n|---|---|---|")
            .expect("it takes all");
        for Row { key, default, meaning } in rows {
            count += 1;
            let cell = |text: &str| text.replace('|', "\\|");
            writeln!(text, "| `{key}` | `{}` | {} |", cell(&default), cell(&meaning)).expect("it takes all");
        }
    }
    let keys = example.lines().filter(|line| {
        let bare = line.strip_prefix('#').unwrap_or(line);
        !line.starts_with("# ") && bare.split_once(" = ").is_some_and(|(key, _)| is_key(key))
    });
    assert_eq!(count, keys.count(), "a key is not in a section");
    printed::compare("docs/configuration.md", &text);
}
