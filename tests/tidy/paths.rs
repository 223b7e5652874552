//! The paths that code names: `use` trees written out, and paths in between.

/// A path and the line it stands in, from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub path: Vec<String>,
}

/// Every path of code that `source::strip` has been over.
pub fn named(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].1 == "use" {
            at = tree(&tokens, at + 1, &[], &mut found);
        } else if is_word(&tokens[at].1) {
            let line = tokens[at].0;
            let (path, end) = path(&tokens, at);
            found.push(Named { line, path });
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

type Token = (usize, String);

/// Words, `::`, and single characters of anything else, each with its line.
fn tokens(code: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if first.is_alphanumeric() || first == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push((line + 1, rest[..length].to_owned()));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The path that starts at `at`, and the position behind it.
fn path(tokens: &[Token], at: usize) -> (Vec<String>, usize) {
    let mut path = vec![tokens[at].1.clone()];
    let mut end = at + 1;
    while tokens.get(end).is_some_and(|t| t.1 == "::") && tokens.get(end + 1).is_some_and(|t| is_word(&t.1)) {
        path.push(tokens[end + 1].1.clone());
        end += 2;
    }
    (path, end)
}

/// One branch of a `use` tree. Answers the position behind it.
fn tree(tokens: &[Token], from: usize, parent: &[String], found: &mut Vec<Named>) -> usize {
    let mut at = from;
    let mut whole = parent.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.0);
    if tokens.get(at).is_some_and(|token| token.1 == "::") {
        at += 1;
    }
    if tokens.get(at).is_some_and(|token| is_word(&token.1)) {
        let (path, end) = path(tokens, at);
        whole.extend(path);
        at = end;
    }
    if tokens.get(at).is_some_and(|token| token.1 == "::") {
        at += 1;
    }
    if tokens.get(at).is_some_and(|token| token.1 == "{") {
        at += 1;
        while at < tokens.len() && tokens[at].1 != "}" {
            at = if tokens[at].1 == "," { at + 1 } else { tree(tokens, at, &whole, found) };
        }
        return at + 1;
    }
    // Nothing is named by `use<'a>`, which is not an import.
    if !whole.is_empty() {
        found.push(Named { line, path: whole });
    }
    // `as name`, `*` and whatever else belongs to this branch.
    while at < tokens.len() && !matches!(tokens[at].1.as_str(), "," | "}" | ";") {
        at += 1;
    }
    at
}

#[test]
fn use_trees_are_written_out() {
    let code = "use crate::{domain::{Case, fault as f}, store};\nuse super::*;\nlet x = a::b::<c::D>(e);";
    let paths: Vec<String> = named(code).into_iter().map(|named| named.path.join("::")).collect();
    let expected = [
        "crate::domain::Case",
        "crate::domain::fault",
        "crate::store",
        "super",
        "let",
        "x",
        "a::b",
        "c::D",
        "e",
    ];
    assert_eq!(paths, expected);
    assert_eq!(named(code)[3].line, 2);
}
