//! Names of files inside the bag, made safe for every system that it may be unpacked on.

use std::collections::HashSet;

/// Bytes of a file name at most: the contract's limit, and well below the 255 of common file systems.
const NAME_BYTES: usize = 128;
/// Bytes that [`Names::unique`] may need for `-10000`.
const SUFFIX_BYTES: usize = 8;

/// The name without anything that means something to a file system, a shell or a reader's eye: separators, control
/// and invisible characters, reserved names. Never empty.
pub(super) fn safe(name: &str) -> String {
    let replaced: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    // Windows drops trailing dots and spaces; a leading dot hides a file, a leading dash looks like an option.
    let trimmed = replaced.trim_end_matches(['.', ' ']).trim_start();
    let trimmed = if trimmed.is_empty() { "file" } else { trimmed };
    let stem = trimmed.split('.').next().unwrap_or_default().trim_end();
    let prefix = if is_reserved(stem) || trimmed.starts_with(['.', '-', '~']) { "_" } else { "" };
    let short = shorten(&format!("{prefix}{trimmed}"), NAME_BYTES - SUFFIX_BYTES);
    short.trim_end_matches(['.', ' ']).to_owned()
}

fn is_plain(c: char) -> bool {
    // '%' would have to be escaped in BagIt manifests, which not all tools undo.
    let reserved = matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | '%' | '\u{fffd}');
    let invisible = matches!(c,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !(c.is_control() || reserved || invisible)
}

/// Device names of Windows, whatever the extension.
fn is_reserved(stem: &str) -> bool {
    let stem = stem.to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().any(|device| {
        stem.strip_prefix(device).is_some_and(|n| {
            matches!(n, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
        })
    });
    numbered || matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
}

/// Cuts the stem so that the whole fits, and keeps a short extension.
fn shorten(name: &str, most: usize) -> String {
    if name.len() <= most {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    let room = most - extension.len();
    let cut = stem.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= room).last();
    format!("{}{extension}", &stem[..cut.unwrap_or(0)])
}

/// The stem, and the extension with its dot if it is one: short and not the whole name.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 17 => name.split_at(dot),
        _ => (name, ""),
    }
}

/// The names given so far. Names that differ in case only are the same to many systems, so they are here too.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Notes a path that is taken.
    pub(super) fn take(&mut self, path: &str) -> bool {
        self.0.insert(path.to_lowercase())
    }

    /// `folder/name`, or `folder/name-2` and so on if that is taken. The name must be safe.
    pub(super) fn unique(&mut self, folder: &str, name: &str) -> String {
        let first = format!("{folder}/{name}");
        if self.take(&first) {
            return first;
        }
        let (stem, extension) = split(name);
        let mut number = 2_u64;
        loop {
            // Ends: fewer names are taken than there are numbers.
            let path = format!("{folder}/{stem}-{number}{extension}");
            if self.take(&path) {
                return path;
            }
            number += 1;
        }
    }
}

/// A media type that is safe to repeat, or the one that means "bytes".
pub(super) fn media_type(given: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.+-_; =\"".contains(c);
    let valid = given.len() <= 127 && given.split('/').count() == 2 && given.chars().all(plain);
    if valid { given } else { "application/octet-stream" }
}

/// The path as a relative URL.
pub(super) fn url(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push_str(&super::hex::encode(&[byte]).to_uppercase());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_names() {
        for (given, made) in [
            ("../../etc/passwd", "_.._.._etc_passwd"),
            ("..", "file"),
            ("", "file"),
            ("a\u{202e}gpj.exe", "a_gpj.exe"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("com1 .log", "_com1 .log"),
            ("C:\\x\0y", "C__x_y"),
            ("photo.jpg. .", "photo.jpg"),
            ("-rf", "_-rf"),
            ("100%.txt", "100_.txt"),
            ("été.pdf", "été.pdf"),
        ] {
            assert_eq!(safe(given), made, "{given:?}");
        }
        let long = safe(&format!("{}.jpeg", "ü".repeat(300)));
        assert!(long.len() <= 120 && long.ends_with("ü.jpeg"));
    }

    #[test]
    fn unique_whatever_the_case() {
        let mut names = Names::default();
        assert_eq!(names.unique("f", "photo.jpg"), "f/photo.jpg");
        assert_eq!(names.unique("f", "PHOTO.jpg"), "f/PHOTO-2.jpg");
        assert_eq!(names.unique("f", "photo.jpg"), "f/photo-3.jpg");
        assert_eq!(names.unique("g", "photo.jpg"), "g/photo.jpg");
    }

    #[test]
    fn media_types() {
        assert_eq!(media_type("text/plain; charset=\"utf-8\""), "text/plain; charset=\"utf-8\"");
        assert_eq!(media_type("<script>"), "application/octet-stream");
        assert_eq!(media_type(""), "application/octet-stream");
    }

    proptest! {
        #[test]
        fn safe_is_safe_and_stable(name in any::<String>()) {
            let made = safe(&name);
            prop_assert!(!made.is_empty() && made.len() <= NAME_BYTES - SUFFIX_BYTES);
            prop_assert!(!made.contains(['/', '\\', '\0', '\n', '\r', '%', ':']));
            prop_assert!(!made.starts_with('.') && !made.ends_with('.'));
        }
    }
}
