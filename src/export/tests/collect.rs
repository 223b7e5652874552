//! Collecting: what is stored is a function of what was sent, whatever interrupts it.

use std::io::Read as _;

use proptest::prelude::*;

use super::super::object::Reader;
use super::super::{Collected, Counter, Error, Progress, Sink};
use super::*;

/// One item of a downstream's stream.
#[derive(Clone, Debug)]
enum Item {
    Record(u8, usize),
    File(u8, String, usize),
    Withheld(u8),
    Token,
}

fn content(seed: usize, length: usize) -> Vec<u8> {
    let mut state = seed as u64 + 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b"the quick brown fox 0123456789ABCDEF"[usize::try_from(state >> 33).unwrap() % 36]
    })
    .take(length)
    .collect()
}

async fn send(sink: &mut Sink, item: &Item, chunk: usize) -> Option<Progress> {
    match item {
        Item::Record(category, length) => {
            let mut json = b"{\"text\":\r\n\"".to_vec();
            json.extend(content(*length, *length));
            json.extend(b"\"}");
            sink.record(&format!("c{category}"), &json).await.unwrap();
        }
        Item::File(category, name, length) => {
            sink.file_begin(&format!("c{category}"), name, "image/png").unwrap();
            for piece in content(*length, *length).chunks(chunk) {
                sink.file_chunk(piece).await.unwrap();
            }
            sink.file_end(&[]).await.unwrap();
        }
        Item::Withheld(category) => sink.withheld(&format!("c{category}"), withheld()).unwrap(),
        Item::Token => return sink.checkpoint(b"?").await.unwrap(),
    }
    None
}

/// Sends all items; after each index of `crashes` the process is gone, and another goes on from the last checkpoint.
async fn collect(room: &Room, items: &[Item], crashes: &[usize], chunk: usize) -> Collected {
    let (mut saved, mut resume_at, mut attempt): (Option<Progress>, usize, u128) = (None, 0, 10);
    let mut crashes = crashes.iter().copied();
    loop {
        attempt += 1;
        let json = serde_json::to_string(&saved).unwrap();
        let mut sink = Sink::Store(Box::new(room.collector(attempt, serde_json::from_str(&json).unwrap())));
        let crash = crashes.next();
        let mut is_dead = false;
        for (at, item) in items.iter().enumerate().skip(resume_at) {
            if let Some(progress) = send(&mut sink, item, chunk).await {
                (saved, resume_at) = (Some(progress), at + 1);
            }
            if crash == Some(at) {
                is_dead = true;
                break;
            }
        }
        if !is_dead {
            return sink.finish().await.unwrap();
        }
    }
}

/// What a part holds, deflated.
async fn deflated(room: &Room, part: &Part) -> Vec<u8> {
    let mut reader = Reader::new(room.storage.clone(), Arc::clone(&room.key));
    let mut bytes = Vec::new();
    for extent in &part.extents {
        let mut at = 0;
        while at < extent.length {
            let piece = reader.read(*extent, at).await.unwrap();
            at += piece.len() as u64;
            bytes.extend_from_slice(&piece);
        }
    }
    bytes
}

fn inflated(deflated: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut decoder = flate2::bufread::DeflateDecoder::new(deflated);
    decoder.read_to_end(&mut bytes).unwrap();
    assert_eq!(decoder.total_in(), deflated.len() as u64, "nothing follows the final block");
    bytes
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let item = prop_oneof![
        6 => (0_u8..12, 0_usize..40_000).prop_map(|(c, n)| Item::Record(c, n)),
        2 => (0_u8..12, "[a-c]\\.png", 0_usize..150_000).prop_map(|(c, s, n)| Item::File(c, s, n)),
        1 => (0_u8..12).prop_map(Item::Withheld),
        3 => Just(Item::Token),
    ];
    proptest::collection::vec(item, 0..60)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Interrupted and cut differently on the wire, the same stream gives the same bytes, and the content is right.
    #[test]
    fn a_crash_changes_nothing(
        items in items(),
        crashes in proptest::collection::vec(0_usize..60, 0..4),
        chunk in 1_000_usize..100_000,
    ) {
        block_on(async {
            let (calm, rough) = (room(), room());
            let a = collect(&calm, &items, &[], 65_536).await;
            let b = collect(&rough, &items, &crashes, chunk).await;
            assert_eq!(a.results, b.results);
            assert_eq!(a.parts.len(), b.parts.len());
            for (a, b) in a.parts.iter().zip(&b.parts) {
                assert_eq!((&a.path, a.crc32, &a.sha256, a.length), (&b.path, b.crc32, &b.sha256, b.length));
                let bytes = deflated(&calm, a).await;
                assert_eq!(bytes.len() as u64, a.deflated);
                assert!(bytes == deflated(&rough, b).await, "the deflated bytes are the same");
                let content = inflated(&bytes);
                assert_eq!(content.len() as u64, a.length);
                assert_eq!(crc32fast::hash(&content), a.crc32);
                assert!(!a.path.ends_with("ndjson") || content.iter().all(|byte| *byte != b'\r'));
            }
            let mut counter = Sink::Count(Counter::new());
            for item in &items {
                send(&mut counter, item, 7_000).await;
            }
            assert_eq!(counter.finish().await.unwrap().results, a.results);
        });
    }
}

#[tokio::test]
async fn records_become_lines() {
    let room = room();
    let mut collector = room.collector(1, None);
    collector.record("invoices", b"{\r\n\"n\": 1}").await.unwrap();
    collector.record("invoices", b"{\"n\":2}").await.unwrap();
    let collected = collector.finish().await.unwrap();
    assert_eq!(collected.parts[0].path, "data/billing/invoices.ndjson");
    let content = inflated(&deflated(&room, &collected.parts[0]).await);
    assert_eq!(content, b"{  \"n\": 1}\n{\"n\":2}\n");
    assert_eq!(collected.results[0].found.records, 2);
}

#[tokio::test]
async fn a_small_collection_is_one_object() {
    let room = room();
    let mut collector = room.collector(1, None);
    for category in ["a", "b", "c"] {
        collector.record(category, b"{}").await.unwrap();
    }
    collector.finish().await.unwrap();
    assert_eq!(room.objects(), 1);
}

#[tokio::test]
async fn hostile_file_names_stay_in_their_folder() {
    let room = room();
    let mut collector = room.collector(1, None);
    for name in ["../../../x", "x", "..", "a/b", "NUL", "X"] {
        collector.file_begin("photos", name, "").unwrap();
        collector.file_end(&[]).await.unwrap();
    }
    let parts = collector.finish().await.unwrap().parts;
    let mut names: Vec<&str> =
        parts.iter().map(|part| part.path.strip_prefix("data/billing/files/photos/").unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["X-2", "_.._.._.._x", "_NUL", "a_b", "file", "x"]);
}

#[tokio::test]
async fn a_file_that_does_not_match_breaks_the_contract() {
    let room = room();
    let mut collector = room.collector(1, None);
    collector.file_begin("photos", "secret-name.jpg", "").unwrap();
    collector.file_chunk(b"abc").await.unwrap();
    let error = collector.file_end(&[9; 32]).await.unwrap_err();
    assert!(matches!(error, Error::Violation(_)));
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn nothing_is_stored_in_clear_and_everything_goes() {
    let room = room();
    let mut collector = room.collector(1, None);
    let canary = "canary-7f3a".repeat(10);
    collector.record("a", format!("{{\"x\":\"{canary}\"}}").as_bytes()).await.unwrap();
    collector.file_begin("a", "canary-7f3a", "").unwrap();
    collector.file_end(&[]).await.unwrap();
    let collected = collector.finish().await.unwrap();
    assert!(!format!("{collected:?}").contains("canary"));
    let folder = room.folder.path().join("objects/cases").join(case_id().to_string());
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"canary-7f3a"));
        assert!(!path.display().to_string().contains("canary"));
    }
    room.storage.delete_case(case_id()).await.unwrap();
    assert!(!folder.exists());
    room.storage.delete_case(case_id()).await.unwrap();
    room.storage.check().await.unwrap();
}

#[tokio::test]
async fn orphans_go_and_the_rest_stays() {
    let room = room();
    let mut dead = room.collector(1, None);
    dead.record("a", b"{}").await.unwrap();
    dead.finish().await.unwrap();
    let mut live = room.collector(2, None);
    live.record("a", b"{\"n\":1}").await.unwrap();
    let parts = live.finish().await.unwrap().parts;
    let folder = room.folder.path().join("objects/cases").join(case_id().to_string());
    std::fs::write(folder.join("killed#1"), b"left by a killed upload").unwrap();
    let mut later = room.collector(3, None);
    later.record("a", b"{}").await.unwrap();
    later.finish().await.unwrap();
    room.storage.keep_only(case_id(), &parts[0].objects(), Uuid::from_u128(3)).await.unwrap();
    assert_eq!(room.objects(), 2, "an attempt that began later is not touched");
    room.storage.keep_only(case_id(), &parts[0].objects(), Uuid::max()).await.unwrap();
    assert_eq!(room.objects(), 1);
    assert_eq!(inflated(&deflated(&room, &parts[0]).await), b"{\"n\":1}\n");
}

#[tokio::test]
async fn changed_and_missing_objects_are_noticed() {
    let room = room();
    let mut collector = room.collector(1, None);
    collector.record("a", &vec![b'x'; 70_000]).await.unwrap();
    collector.file_begin("a", "f", "").unwrap();
    collector.file_chunk(&content(1, 400_000)).await.unwrap();
    collector.file_end(&[]).await.unwrap();
    let parts = collector.finish().await.unwrap().parts;
    let extent = parts[1].extents[0];
    let folder = room.folder.path().join("objects");
    let path = folder.join(extent.object.path());
    let whole = std::fs::read(&path).unwrap();
    let read = async || Reader::new(room.storage.clone(), Arc::clone(&room.key)).read(extent, 0).await;
    for broken in [&whole[..whole.len() - 1], &whole[..65_552], &[whole.clone(), vec![0]].concat()[..]] {
        std::fs::write(&path, broken).unwrap();
        assert!(matches!(read().await, Err(Error::Corrupt(_))));
    }
    std::fs::write(&path, &whole).unwrap();
    assert!(read().await.is_ok());
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(read().await, Err(Error::Missing(_))));
}

#[test]
fn settings_that_make_no_sense() {
    for url in ["", "ftp://x", "file://", "s3://"] {
        let settings = Settings { url: url.to_owned(), ..Settings::default() };
        assert!(matches!(Storage::open(&settings), Err(Error::Settings(_))), "{url}");
    }
    let options = [("secret_access_key".to_owned(), "canary".to_owned())].into();
    let settings = Settings { url: "s3://bucket/prefix".to_owned(), options };
    assert!(!format!("{settings:?}").contains("canary"));
    let wrong = Settings { options: [("nonsense".to_owned(), String::new())].into(), ..settings };
    assert!(matches!(Storage::open(&wrong), Err(Error::Settings(_))));
}
