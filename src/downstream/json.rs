//! Whether bytes are one JSON object, without building it.

use bytes::Bytes;
use serde::de::IgnoredAny;

/// Levels of nesting at the most, as the contract says. Readers of an export recurse; 64 is far from their limits.
const DEPTH_MAX: u32 = 64;

/// Checks that the bytes are UTF-8 JSON text of one object, at most `bytes_max` long and 64 levels deep. The error is
/// a predicate without content: `is not UTF-8`.
pub(super) fn object(bytes: &[u8], bytes_max: usize) -> Result<(), String> {
    if bytes.len() > bytes_max {
        return Err(format!("has {} bytes, the limit is {bytes_max}", bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
    if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{') {
        return Err("is not a JSON object".into());
    }
    if is_too_deep(bytes) {
        return Err(format!("is nested deeper than {DEPTH_MAX} levels"));
    }
    // serde's own message would quote the text.
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| "is not valid JSON".to_owned())?;
    Ok(())
}

/// The same JSON on one line. In valid JSON a line break can only stand between tokens, where a space means the same.
pub(super) fn on_one_line(json: Bytes) -> Bytes {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    // Counting goes over many bytes at a time, which a search that may stop at each of them does not.
    if json.iter().filter(|byte| is_break(byte)).count() == 0 {
        return json;
    }
    json.iter().map(|byte| if is_break(byte) { b' ' } else { *byte }).collect()
}

/// One pass over the bytes, strings skipped. Runs before the parser, so that the parser never sees hostile depth.
fn is_too_deep(bytes: &[u8]) -> bool {
    // What opens so few brackets at all, which counts in no time, cannot be deeper.
    if bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() <= DEPTH_MAX as usize {
        return false;
    }
    let mut depth = 0_u32;
    let mut in_string = false;
    let mut escaped = false;
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn objects_pass() {
        for good in [
            "{}",
            " \r\n\t{\"a\":[1,2.5e3,null,true,\"\\\"{\"]} \n",
            &nested(64),
            r#"{"n":18446744073709551616}"#,
        ] {
            assert_eq!(object(good.as_bytes(), 1024), Ok(()), "{good}");
        }
        let braces_in_a_string = format!(r#"{{"a":"{}\\"}}"#, "{[".repeat(100));
        assert_eq!(object(braces_in_a_string.as_bytes(), 1024), Ok(()));
    }

    #[test]
    fn everything_else_is_named() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "is not a JSON object"),
            (b"[]", "is not a JSON object"),
            (b"\xef\xbb\xbf{}", "is not a JSON object"),
            (b"1", "is not a JSON object"),
            (b"{\"a\":\"\xff\"}", "is not UTF-8"),
            (b"{", "is not valid JSON"),
            (b"{}{}", "is not valid JSON"),
            (b"{\"a\":1,}", "is not valid JSON"),
            (b"{\"a\":\"x\ny\"}", "is not valid JSON"),
            (b"{\"a\":NaN}", "is not valid JSON"),
            (nested(65).leak().as_bytes(), "is nested deeper than 64 levels"),
            (" ".repeat(2000).leak().as_bytes(), "has 2000 bytes, the limit is 1024"),
        ];
        for (bad, why) in cases {
            assert_eq!(object(bad, 1024), Err(why.to_owned()), "{:?}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn a_megabyte_of_brackets_is_no_danger() {
        let bomb = format!("{{\"a\":{}", "[".repeat(1 << 20));
        assert!(object(bomb.as_bytes(), 2 << 20).is_err());
    }

    #[test]
    fn line_breaks_become_spaces() {
        assert_eq!(on_one_line(Bytes::from_static(b"{\r\n\"a\":1}\n")), "{  \"a\":1} ");
        assert_eq!(on_one_line(Bytes::from_static(b"{\"a\":\"\\n\"}")), "{\"a\":\"\\n\"}");
    }
}
