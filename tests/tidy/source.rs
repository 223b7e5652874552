//! The repository's Rust files, with their comments and literals taken out.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A Rust file of this repository.
pub struct Source {
    /// Relative to the top of the repository, with `/`.
    pub path: String,
    /// As written.
    pub text: String,
    /// The same number of lines without comments and without the contents of literals, up to the tests.
    pub code: String,
    /// The same of its tests; all of it in a file of tests.
    pub tests: String,
}

impl Source {
    fn read(top: &Path, file: &Path) -> Self {
        let text = fs::read_to_string(file).expect("a Rust file is UTF-8");
        let path = file.strip_prefix(top).expect("it was found below").to_string_lossy().replace('\\', "/");
        let bare = strip(&text);
        let is_test = path.starts_with("tests/")
            || path.starts_with("benches/")
            || path.ends_with("/tests.rs")
            || path.contains("/tests/");
        let cut = if is_test { 0 } else { bare.find("#[cfg(test)]\nmod tests {").unwrap_or(bare.len()) };
        let (code, tests) = bare.split_at(cut);
        Self { code: code.to_owned(), tests: tests.to_owned(), path, text }
    }

    /// The room below `src/` that it belongs to. None for `main.rs` and `lib.rs`, and outside of `src/`.
    pub fn room(&self) -> Option<&str> {
        let below = self.path.strip_prefix("src/")?;
        let room = below.split('/').next()?.trim_end_matches(".rs");
        (!matches!(room, "main" | "lib")).then_some(room)
    }

    /// How deep its module lies: 1 for `src/room.rs` and `src/room/mod.rs`.
    pub fn depth(&self) -> usize {
        let below = self.path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        below.split('/').count()
    }
}

/// The top of the repository.
pub fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files of the crate, its tests and its benches, in order of their paths.
pub fn all() -> Vec<Source> {
    let top = top();
    let mut files = vec![top.join("build.rs")];
    for folder in ["src", "tests", "benches"] {
        find(&top.join(folder), &mut files);
    }
    files.sort();
    assert!(files.len() > 20, "the repository's files were not found");
    files.iter().map(|file| Source::read(&top, file)).collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Takes out comments and the contents of literals, and keeps every line break.
pub fn strip(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut bare = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment(&chars, at);
        if end > at {
            bare.extend(chars[at..end].iter().filter(|c| **c == '\n'));
            bare.push(' ');
            at = end;
        } else {
            bare.push(chars[at]);
            at += 1;
        }
    }
    bare
}

/// Where the comment or literal ends that starts at `at`; `at` itself if none does.
fn literal_or_comment(chars: &[char], at: usize) -> usize {
    let next = |ahead: usize| chars.get(at + ahead).copied().unwrap_or('\0');
    let after_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if next(1) == '/' => at + chars[at..].iter().take_while(|c| **c != '\n').count(),
        '/' if next(1) == '*' => block_comment(chars, at),
        '"' => string(chars, at),
        'r' if !after_word && matches!(next(1), '"' | '#') => raw_string(chars, at),
        'b' | 'c' if !after_word && next(1) == 'r' && matches!(next(2), '"' | '#') => {
            raw_string(chars, at + 1)
        }
        '\'' if next(1) == '\\' || next(2) == '\'' => character(chars, at),
        _ => at,
    }
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn raw_string(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let mut at = from + 1 + hashes;
    if chars.get(at) != Some(&'"') {
        return from;
    }
    at += 1;
    while at < chars.len() {
        let closes = chars[at] == '"' && chars[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        at += 1;
        if closes {
            return at + hashes;
        }
    }
    at
}

fn character(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '\'' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

#[test]
fn comments_and_literals_are_taken_out() {
    let text = "a // x\nb /* y /* z */ \n*/ c \"s\\\"t\" r#\"u\"v\"# b'w' '\\'' <'l> for_r\"q\" '\"' d";
    let bare: Vec<String> = strip(text).lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(bare, ["a", "b", "cb<'l>for_rd"]);
}
