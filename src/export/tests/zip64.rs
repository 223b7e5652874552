//! Large archives as another reader sees them: sparse files and many entries stand in for the bytes.

use std::fs::File;
use std::io::{Cursor, Read as _, Seek as _, SeekFrom, Write as _};

use super::super::layout::{Entry, end, measure};

/// Deflate's shortest stream.
const EMPTY: [u8; 2] = [3, 0];

fn entry(path: &str, length: u64, deflated: u64) -> Entry<'_> {
    Entry { path, length, deflated, crc32: 0 }
}

#[test]
fn entries_and_offsets_beyond_4_gib() {
    let mut file: File = tempfile::tempfile().unwrap();
    let entries =
        [entry("data/huge", 7 << 32, 5 << 30), entry("data/long", 9 << 32, 2), entry("data/after", 0, 2)];
    let extents = measure(entries);
    let (mut offset, mut directory) = (0, Vec::new());
    for entry in entries {
        directory.extend(entry.central_header(offset));
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&entry.local_header()).unwrap();
        file.write_all(&EMPTY).unwrap();
        offset += entry.local_length() + entry.deflated;
    }
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&directory).unwrap();
    file.write_all(&end(3, extents.directory_offset, extents.directory_length)).unwrap();
    assert_eq!(file.metadata().unwrap().len(), extents.size);

    let mut archive = zip::ZipArchive::new(file).unwrap();
    for (index, entry) in entries.iter().enumerate() {
        let read = archive.by_index(index).unwrap();
        assert_eq!((read.size(), read.compressed_size()), (entry.length, entry.deflated));
        assert_eq!(read.name().unwrap(), entry.path);
    }
    let mut content = Vec::new();
    archive.by_name("data/after").unwrap().read_to_end(&mut content).unwrap();
    assert!(content.is_empty(), "it was found behind the hole");
}

#[test]
fn more_than_65535_entries() {
    let paths: Vec<String> = (0..66_000).map(|number| format!("data/{number}")).collect();
    let entries = || paths.iter().map(|path| entry(path, 0, 2));
    let extents = measure(entries());
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries() {
        directory.extend(entry.central_header(bytes.len() as u64));
        bytes.extend(entry.local_header());
        bytes.extend(EMPTY);
    }
    bytes.extend(directory);
    bytes.extend(end(66_000, extents.directory_offset, extents.directory_length));
    assert_eq!(bytes.len() as u64, extents.size);
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 66_000);
    assert_eq!(archive.by_index(65_999).unwrap().name().unwrap(), "data/65999");
}
