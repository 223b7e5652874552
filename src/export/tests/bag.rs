//! The bag: deterministic, readable by other tools, and checked by ours.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use proptest::prelude::*;

use super::super::verify;
use super::*;

async fn collected(room: &Room, attempt: u128) -> (Vec<Part>, Facts) {
    let mut collector = room.collector(attempt, None);
    for number in 0..2_000 {
        let record = format!("{{\"number\":{number},\"note\":\"<b>&\\\"\"}}");
        collector.record("invoices", record.as_bytes()).await.unwrap();
        if number % 500 == 0 {
            collector.checkpoint(b"t").await.unwrap();
        }
    }
    for name in ["<img src=x onerror=alert(1)>.png", "naïve file.png"] {
        collector.file_begin("cards", name, "image/png").unwrap();
        collector.file_chunk(&vec![7; 200_000]).await.unwrap();
        collector.file_end(&[]).await.unwrap();
    }
    let hostile = Withheld { description: "<script>alert('x')</script>".to_owned(), ..withheld() };
    collector.withheld("cards", hostile).unwrap();
    let collected = collector.finish().await.unwrap();
    (collected.parts, facts(collected.results))
}

fn unzipped(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(entry.name().unwrap().to_string(), content);
    }
    files
}

#[tokio::test]
async fn the_bag_is_whole_and_deterministic() {
    let (one, two) = (room(), room());
    let (parts, facts) = collected(&one, 1).await;
    let manifest = one.bag(50, &facts, parts).await;
    let zip = one.read(&manifest, 0).await;
    assert_eq!(zip.len() as u64, manifest.size());

    let (mut parts, facts) = collected(&two, 9).await;
    parts.reverse();
    let again = two.bag(51, &facts, parts).await;
    assert_eq!(manifest.sha256(), again.sha256());
    assert!(zip == two.read(&again, 0).await);

    let saved = serde_json::to_string(&*manifest).unwrap();
    let restored: Arc<Manifest> = Arc::new(serde_json::from_str(&saved).unwrap());
    one.storage.keep_only(case_id(), &restored.objects(), Uuid::max()).await.unwrap();
    assert!(zip == one.read(&restored, 0).await);
    assert!(!format!("{restored:?}").contains("png"));
}

#[tokio::test]
async fn other_tools_read_it() {
    let room = room();
    let (parts, facts) = collected(&room, 1).await;
    let manifest = room.bag(50, &facts, parts).await;
    let files = unzipped(&room.read(&manifest, 0).await);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "bag-info.txt",
            "bagit.txt",
            "data/billing/files/cards/_img src=x onerror=alert(1)_.png",
            "data/billing/files/cards/naïve file.png",
            "data/billing/invoices.ndjson",
            "data/completeness.json",
            "data/disclosure.json",
            "data/index.html",
            "data/schemas/billing.cards.schema.json",
            "data/schemas/billing.invoices.schema.json",
            "data/schemas/completeness.schema.json",
            "data/schemas/disclosure.schema.json",
            "data/schemas/ro-crate.schema.json",
            "manifest-sha256.txt",
            "ro-crate-metadata.json",
            "tagmanifest-sha256.txt",
        ]
    );
    for (name, content) in files.iter().filter(|(name, _)| name.contains(".json")) {
        assert!(serde_json::from_slice::<serde_json::Value>(content).is_ok(), "{name}");
    }
    assert_eq!(files["data/billing/invoices.ndjson"].split(|byte| *byte == b'\n').count(), 2_001);
    let info = String::from_utf8(files["bag-info.txt"].clone()).unwrap();
    assert!(info.contains("Bagging-Date: 2026-11-21\n"), "{info}");
}

#[tokio::test]
async fn the_page_escapes_and_says_what_is_missing() {
    let room = room();
    let (parts, mut facts) = collected(&room, 1).await;
    facts.controller.name = "<script>evil()</script>".to_owned();
    let manifest = room.bag(50, &facts, parts).await;
    let files = unzipped(&room.read(&manifest, 0).await);
    let page = String::from_utf8(files["data/index.html"].clone()).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    for said in [
        "This copy is not complete.",
        "could not be reached",
        "&lt;script&gt;",
        "href=\"billing/invoices.ndjson\"",
        "href=\"billing/files/cards/na%C3%AFve%20file.png\"",
        ">2,000</td>",
        "7 years",
        "Bank (payments, CH)",
    ] {
        assert!(page.contains(said), "{said} is not in {page}");
    }
    // Every relative link leads to a file or folder of the bag.
    for link in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let decoded = link.replace("%20", " ").replace("%C3%AF", "ï").replace("%3D", "=");
        let decoded = decoded.replace("%28", "(").replace("%29", ")");
        let there = files.keys().any(|name| name.starts_with(&format!("data/{decoded}")));
        assert!(link.starts_with('#') || there, "{link}");
    }
}

type Change<'a> = &'a dyn Fn(&mut BTreeMap<String, Vec<u8>>);

fn verified(zip: &[u8]) -> verify::Report {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), zip).unwrap();
    let mut last = (0, 0);
    let report = verify::bag(file.path(), &mut |done, total| last = (done, total)).unwrap();
    assert!(!report.faults.is_empty() || last.0 == last.1);
    report
}

#[tokio::test]
async fn verify_accepts_it_and_notices_changes() {
    let room = room();
    let (parts, facts) = collected(&room, 1).await;
    let manifest = room.bag(50, &facts, parts).await;
    let zip = room.read(&manifest, 0).await;
    let report = verified(&zip);
    assert_eq!(report.faults, Vec::<String>::new());
    assert_eq!(report.files, 11);
    assert!(!report.complete);
    assert_eq!(report.downstreams[1], ("analytics".to_owned(), Standing::Failed));

    let files = unzipped(&zip);
    let rewritten = |change: Change<'_>| {
        let mut files = files.clone();
        change(&mut files);
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in files {
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut writer, &content).unwrap();
        }
        verified(&writer.finish().unwrap().into_inner()).faults
    };
    assert_eq!(rewritten(&|_| ()), Vec::<String>::new());
    let invoices = "data/billing/invoices.ndjson";
    let changes: [(Change<'_>, &str); 6] = [
        (&|files| files.get_mut(invoices).unwrap().push(b' '), "was changed"),
        (&|files| drop(files.remove(invoices)), "not there"),
        (&|files| drop(files.insert("data/more".to_owned(), Vec::new())), "is not in manifest"),
        (&|files| drop(files.insert("../x".to_owned(), Vec::new())), "unsafe name"),
        (&|files| drop(files.remove("bagit.txt")), "bagit.txt is missing"),
        (&|files| files.get_mut("data/completeness.json").unwrap().clear(), "completeness.json is not"),
    ];
    for (change, said) in changes {
        let faults = rewritten(change);
        assert!(faults.iter().any(|fault| fault.contains(said)), "{said}: {faults:?}");
    }
    let mut damaged = zip.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    assert!(!verified(&damaged).faults.is_empty());
}

#[tokio::test]
async fn something_else_is_not_verified() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"not a zip").unwrap();
    assert!(verify::bag(file.path(), &mut |_, _| ()).is_err());
}

#[test]
fn every_offset_gives_the_rest() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let room = room();
    let (manifest, zip) = runtime.block_on(async {
        let mut collector = room.collector(1, None);
        collector.file_begin("cards", "noise", "").unwrap();
        let noise: Vec<u8> =
            (0_u64..3_000_000).map(|n| (n.wrapping_mul(n ^ 0x9e37_79b9) >> 13).to_le_bytes()[0]).collect();
        collector.file_chunk(&noise).await.unwrap();
        collector.file_end(&[]).await.unwrap();
        collector.record("invoices", b"{}").await.unwrap();
        let collected = collector.finish().await.unwrap();
        let manifest = room.bag(50, &facts(collected.results), collected.parts).await;
        let zip = room.read(&manifest, 0).await;
        (manifest, zip)
    });
    assert!(zip.len() > 1_500_000, "several windows: {}", zip.len());
    let config = ProptestConfig { cases: 60, ..ProptestConfig::default() };
    proptest!(config, |(offset in 0..=zip.len() + 10)| {
        let rest = runtime.block_on(room.read(&manifest, offset as u64));
        prop_assert!(rest == zip[offset.min(zip.len())..]);
    });
}
