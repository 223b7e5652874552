//! Streams that keep the contract, and one for each way to break it.

use super::*;
use crate::{
    domain::{GroundCode, TaskReason},
    proto::downstream::v1::collect_response::Item as I,
};

fn progress() -> Progress {
    Progress::new(&["invoices".into(), "photos".into()], Counts::default())
}

fn message(item: I) -> v1::CollectResponse {
    v1::CollectResponse { item: Some(item) }
}

fn record(category: &str, json: &str) -> I {
    I::Record(v1::Record { category: category.into(), json: Bytes::copy_from_slice(json.as_bytes()) })
}

fn file(name: &str) -> I {
    I::FileBegin(v1::FileBegin {
        category: "photos".into(),
        name: name.into(),
        media_type: "image/png".into(),
    })
}

fn chunk(bytes: usize) -> I {
    I::FileChunk(v1::FileChunk { data: vec![7; bytes].into() })
}

fn file_end(bytes: usize) -> I {
    I::FileEnd(v1::FileEnd { sha256: vec![7; bytes].into() })
}

fn token(bytes: usize) -> I {
    I::ResumeToken(v1::ResumeToken { token: vec![7; bytes].into() })
}

fn withheld(description: &str, count: u64) -> I {
    let ground = v1::Ground { code: v1::GroundCode::Credentials.into(), ..v1::Ground::default() };
    I::Withheld(v1::Withheld {
        category: "invoices".into(),
        description: description.into(),
        count,
        ground: Some(ground),
    })
}

/// A summary of (category, records, files, withheld).
fn summary(counts: &[(&str, u64, u64, u64)]) -> I {
    let categories = counts
        .iter()
        .map(|&(category, records, files, withheld)| v1::CategoryCount {
            category: category.into(),
            records,
            files,
            withheld,
        })
        .collect();
    I::Summary(v1::Summary { categories })
}

fn admit_all(progress: &mut Progress, items: Vec<I>) -> Result<Vec<Item>, Failure> {
    let mut admitted = Vec::new();
    for item in items {
        admitted.extend(progress.admit(message(item))?);
    }
    Ok(admitted)
}

#[test]
fn a_good_stream_is_admitted_and_counted() {
    let mut progress = progress();
    let items = vec![
        record("invoices", "{\n\"n\":1}"),
        token(4096),
        file("a.png"),
        chunk(1 << 20),
        file_end(32),
        file("b.png"),
        file_end(0),
        withheld("card number", 3),
        withheld("card number", 2),
        summary(&[("photos", 0, 2, 0), ("invoices", 1, 0, 5)]),
    ];
    let admitted = admit_all(&mut progress, items).unwrap();
    assert_eq!(admitted.len(), 9);
    assert_eq!(admitted[0], Item::Record { category: "invoices".into(), json: "{ \"n\":1}".into() });
    let Item::Withheld { withheld, .. } = &admitted[7] else { panic!("{admitted:?}") };
    assert_eq!((withheld.count, withheld.ground.code), (3, GroundCode::Credentials));
    assert_eq!(progress.counts().get("invoices"), Count { records: 1, files: 0, withheld: 5 });
    assert_eq!(progress.counts().get("photos"), Count { records: 0, files: 2, withheld: 0 });
    assert_eq!(progress.end(), Ok(()));
}

#[test]
fn nothing_held_is_a_good_stream() {
    let mut progress = progress();
    admit_all(&mut progress, vec![summary(&[("invoices", 0, 0, 0), ("photos", 0, 0, 0)])]).unwrap();
    assert_eq!(progress.end(), Ok(()));
}

#[test]
fn a_resumed_stream_counts_on() {
    let mut first = progress();
    admit_all(&mut first, vec![record("invoices", "{}"), withheld("card", 1), token(1)]).unwrap();
    let stored = serde_json::to_string(first.counts()).unwrap();

    let mut second = Progress::new(&["invoices".into()], serde_json::from_str(&stored).unwrap());
    admit_all(&mut second, vec![record("invoices", "{}"), summary(&[("invoices", 2, 0, 1)])]).unwrap();
    assert_eq!(second.end(), Ok(()));
}

#[test]
fn a_stream_without_summary_is_tried_again() {
    let mut progress = progress();
    admit_all(&mut progress, vec![record("invoices", "{}")]).unwrap();
    let failure = progress.end().unwrap_err();
    assert_eq!(failure.reason, TaskReason::Unavailable);
    assert_eq!(failure.message, "the stream ended without a summary");
}

#[test]
fn every_breach_is_named() {
    let big = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    let none = summary(&[("invoices", 0, 0, 0), ("photos", 0, 0, 0)]);
    let cases: Vec<(Vec<I>, &str)> = vec![
        (vec![record("canary", "{}")], "a record is of a category that was not asked for"),
        (vec![record("invoices", "[]")], "a record of invoices is not a JSON object"),
        (vec![record("invoices", &big)], "a record of invoices has 1048584 bytes, the limit is 1048576"),
        (vec![chunk(1)], "a chunk came without a file"),
        (vec![file_end(0)], "a file ended that had not begun"),
        (vec![file("a"), file("b")], "a file was not ended before something else came"),
        (vec![file("a"), token(1)], "a file was not ended before something else came"),
        (vec![file("a"), none.clone()], "a file was not ended before something else came"),
        (vec![file("a"), chunk((1 << 20) + 1)], "a chunk of photos has 1048577 bytes, the limit is 1048576"),
        (vec![file("a"), file_end(31)], "the SHA-256 of a file of photos has 31 bytes"),
        (vec![token(0)], "a resume token has 0 bytes, 1 to 4096 may be"),
        (vec![token(4097)], "a resume token has 4097 bytes, 1 to 4096 may be"),
        (
            vec![withheld(&"x".repeat(257), 1)],
            "a withheld item of invoices: description: must have at most 256 bytes",
        ),
        (
            vec![withheld("a", u64::MAX), withheld("a", 1)],
            "a withheld item of invoices: the counts cannot be added up",
        ),
        (vec![none.clone(), none.clone()], "something came after the summary"),
        (vec![none, record("invoices", "{}")], "something came after the summary"),
        (vec![summary(&[("invoices", 0, 0, 0)])], "the summary does not name photos"),
        (vec![summary(&[("canary", 0, 0, 0)])], "the summary names a category that was not asked for"),
        (vec![summary(&[("photos", 0, 0, 0), ("photos", 0, 0, 0)])], "the summary names photos twice"),
        (
            vec![record("invoices", "{}"), summary(&[("invoices", 3, 0, 0)])],
            "the summary of invoices says 3 records, 1 arrived",
        ),
        (vec![summary(&[("photos", 0, 1, 0)])], "the summary of photos says 1 files, 0 arrived"),
        (
            vec![withheld("a", 2), summary(&[("invoices", 0, 0, 1)])],
            "the summary of invoices says 1 withheld items, 2 arrived",
        ),
    ];
    for (items, why) in cases {
        let failure = admit_all(&mut progress(), items).unwrap_err();
        assert_eq!(failure, Failure::violation(why));
    }
    let empty = v1::CollectResponse { item: None };
    assert_eq!(progress().admit(empty), Err(Failure::violation("a message of the stream is empty")));
}

#[test]
fn file_names_have_no_folders() {
    for good in ["a", "Grüße.pdf", "...", "a b (1).tar.gz", &"x".repeat(128)] {
        assert!(progress().admit(message(file(good))).is_ok(), "{good:?}");
    }
    for bad in ["", ".", "..", "../a", "a/b", "a\\b", "a\0", "a\nb", &"x".repeat(129)] {
        let failure = progress().admit(message(file(bad))).unwrap_err();
        assert_eq!(failure.reason, TaskReason::ContractViolation, "{bad:?}");
    }
}

#[test]
fn a_withheld_item_needs_a_ground() {
    for ground in [None, Some(v1::Ground::default()), Some(v1::Ground { code: 99, ..v1::Ground::default() })]
    {
        let item = v1::Withheld { category: "invoices".into(), ground, ..v1::Withheld::default() };
        let failure = progress().admit(message(I::Withheld(item))).unwrap_err();
        assert!(failure.message.contains("ground"), "{failure}");
    }
}

#[test]
fn withheld_messages_are_bounded() {
    let mut progress = progress();
    for _ in 0..WITHHELD_MAX {
        progress.admit(message(withheld("a", 1))).unwrap();
    }
    assert!(progress.admit(message(withheld("a", 1))).is_err());
}

#[test]
fn items_do_not_print_what_they_hold() {
    let mut progress = progress();
    let items = vec![
        record("invoices", "{\"a\":\"canary\"}"),
        file("canary.png"),
        I::FileChunk(v1::FileChunk { data: "canary".into() }),
    ];
    let printed = format!("{:?}", admit_all(&mut progress, items).unwrap());
    assert!(!printed.contains("canary") && printed.contains("invoices"), "{printed}");
}
