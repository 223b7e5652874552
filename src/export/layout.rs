//! The bytes of a ZIP around its entries' data (PKWARE APPNOTE 6.3). All sizes and checksums are known beforehand, so
//! there are no data descriptors, and ZIP64 fields stand only where a number does not fit without them.

use super::part::Part;

/// 1 January 1980, midnight, in MS-DOS form: the same for all, so that the bytes depend on the content alone.
const DOS_DATE: u16 = 0x0021;
const DOS_TIME: u16 = 0;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
const DEFLATED: u16 = 8;
/// Version needed: 2.0 for deflate, 4.5 for ZIP64.
const VERSION: u16 = 20;
const VERSION_64: u16 = 45;
/// Made on Unix (3), by the rules of version 4.5.
const MADE_BY: u16 = 3 << 8 | VERSION_64;
/// A plain file that its owner may write and everyone may read, as Unix says it.
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// "See the ZIP64 field."
const BEYOND_32: u32 = u32::MAX;
const BEYOND_16: u16 = u16::MAX;

/// What the ZIP needs to know of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) path: &'a str,
    pub(super) length: u64,
    pub(super) deflated: u64,
    pub(super) crc32: u32,
}

impl<'a> From<&'a Part> for Entry<'a> {
    fn from(part: &'a Part) -> Self {
        Self { path: &part.path, length: part.length, deflated: part.deflated, crc32: part.crc32 }
    }
}

/// The number if it fits, or the mark that it does not.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(BEYOND_32)
}

/// Whether the number needs a ZIP64 field. The mark itself does not count as a number.
fn is_long(number: u64) -> bool {
    number >= u64::from(BEYOND_32)
}

fn name_length(path: &str) -> u16 {
    u16::try_from(path.len()).expect("a path is a few names of at most 128 bytes each")
}

/// A ZIP64 extra field of these numbers; nothing if there are none.
fn extra(numbers: &[u64]) -> Vec<u8> {
    if numbers.is_empty() {
        return Vec::new();
    }
    let length = u16::try_from(numbers.len() * 8).expect("three numbers at most");
    let mut bytes = Vec::with_capacity(4 + numbers.len() * 8);
    bytes.extend_from_slice(&1_u16.to_le_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// Little-endian fields, one after the other.
struct Fields(Vec<u8>);

impl Fields {
    fn u16(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

impl Entry<'_> {
    /// In a local header both sizes stand in the field as soon as one of them is long.
    fn local_numbers(&self) -> Vec<u64> {
        let long = is_long(self.length) || is_long(self.deflated);
        if long { vec![self.length, self.deflated] } else { Vec::new() }
    }

    /// In the directory each long number stands for itself, in this order.
    fn central_numbers(&self, offset: u64) -> Vec<u64> {
        [self.length, self.deflated, offset].into_iter().filter(|number| is_long(*number)).collect()
    }

    fn common(&self, fields: Fields, is_64: bool) -> Fields {
        let fields = fields.u16(if is_64 { VERSION_64 } else { VERSION }).u16(FLAGS).u16(DEFLATED);
        fields.u16(DOS_TIME).u16(DOS_DATE).u32(self.crc32)
    }

    /// The header before the data.
    pub(super) fn local_header(&self) -> Vec<u8> {
        let extra = extra(&self.local_numbers());
        let is_64 = !extra.is_empty();
        let size = |size| if is_64 { BEYOND_32 } else { short(size) };
        let extra_length = u16::try_from(extra.len()).expect("at most 20");
        self.common(Fields(Vec::new()).u32(0x0403_4b50), is_64)
            .u32(size(self.deflated))
            .u32(size(self.length))
            .u16(name_length(self.path))
            .u16(extra_length)
            .bytes(self.path.as_bytes())
            .bytes(&extra)
            .0
    }

    /// How long that header is.
    pub(super) fn local_length(&self) -> u64 {
        30 + self.path.len() as u64 + extra_length(self.local_numbers().len())
    }

    /// The line of the directory. `offset` is that of the local header.
    pub(super) fn central_header(&self, offset: u64) -> Vec<u8> {
        let extra = extra(&self.central_numbers(offset));
        let extra_length = u16::try_from(extra.len()).expect("at most 28");
        self.common(Fields(Vec::new()).u32(0x0201_4b50).u16(MADE_BY), !extra.is_empty())
            .u32(short(self.deflated))
            .u32(short(self.length))
            .u16(name_length(self.path))
            .u16(extra_length)
            .u16(0) // comment
            .u16(0) // disk
            .u16(0) // not known to be text
            .u32(ATTRIBUTES)
            .u32(short(offset))
            .bytes(self.path.as_bytes())
            .bytes(&extra)
            .0
    }

    /// How long that line is.
    pub(super) fn central_length(&self, offset: u64) -> u64 {
        46 + self.path.len() as u64 + extra_length(self.central_numbers(offset).len())
    }
}

fn extra_length(numbers: usize) -> u64 {
    if numbers == 0 { 0 } else { 4 + 8 * numbers as u64 }
}

/// The end of the file: where the directory is.
pub(super) fn end(entries: u64, directory_offset: u64, directory_length: u64) -> Vec<u8> {
    let is_64 = entries >= u64::from(BEYOND_16) || is_long(directory_offset) || is_long(directory_length);
    let mut fields = Fields(Vec::new());
    if is_64 {
        fields = fields
            .u32(0x0606_4b50)
            .u64(44) // of what follows in this record
            .u16(MADE_BY)
            .u16(VERSION_64)
            .u32(0) // this disk
            .u32(0) // the directory's disk
            .u64(entries)
            .u64(entries)
            .u64(directory_length)
            .u64(directory_offset)
            .u32(0x0706_4b50)
            .u32(0) // the disk of the record above
            .u64(directory_offset + directory_length)
            .u32(1); // disks
    }
    let count = u16::try_from(entries).unwrap_or(BEYOND_16);
    fields
        .u32(0x0605_4b50)
        .u16(0)
        .u16(0)
        .u16(count)
        .u16(count)
        .u32(short(directory_length))
        .u32(short(directory_offset))
        .u16(0) // comment
        .0
}

/// Where the directory begins, how long it is, and how long the whole file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extents {
    pub(super) directory_offset: u64,
    pub(super) directory_length: u64,
    pub(super) size: u64,
}

/// Adds up what the entries need.
pub(super) fn measure<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Extents {
    let (mut count, mut offset, mut directory_length) = (0, 0, 0);
    for entry in entries {
        directory_length += entry.central_length(offset);
        offset += entry.local_length() + entry.deflated;
        count += 1;
    }
    let end = end(count, offset, directory_length).len() as u64;
    Extents { directory_offset: offset, directory_length, size: offset + directory_length + end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, length: u64, deflated: u64) -> Entry<'_> {
        Entry { path, length, deflated, crc32: 7 }
    }

    #[test]
    fn lengths_are_those_of_the_bytes() {
        let sizes = [0, 1, 0xffff_fffe, 0xffff_ffff, 0x1_0000_0000, 1 << 45];
        for length in sizes {
            for deflated in sizes {
                for offset in sizes {
                    let entry = entry("data/é", length, deflated);
                    assert_eq!(entry.local_header().len() as u64, entry.local_length());
                    assert_eq!(entry.central_header(offset).len() as u64, entry.central_length(offset));
                }
            }
        }
    }

    #[test]
    fn small_entries_have_no_zip64() {
        let entry = entry("a", 0xffff_fffe, 5);
        assert_eq!(entry.local_length(), 31);
        assert_eq!(&entry.local_header()[4..6], [20, 0]);
        assert_eq!(entry.central_length(0xffff_fffe), 47);
        assert_eq!(end(65_534, 0, 0).len(), 22);
    }

    #[test]
    fn long_numbers_stand_in_the_field() {
        let entry = entry("a", 1 << 40, 5);
        let local = entry.local_header();
        assert_eq!(&local[18..26], [0xff; 8]);
        assert_eq!(&local[31..35], [1, 0, 16, 0]);
        assert_eq!(local[35..43], (1_u64 << 40).to_le_bytes());
        assert_eq!(local[43..51], 5_u64.to_le_bytes());
        let central = entry.central_header(1 << 33);
        assert_eq!(central[20..24], 5_u32.to_le_bytes());
        assert_eq!(&central[24..28], [0xff; 4]);
        assert_eq!(&central[42..46], [0xff; 4]);
        assert_eq!(&central[47..51], [1, 0, 16, 0]);
        assert_eq!(central[51..59], (1_u64 << 40).to_le_bytes());
        assert_eq!(central[59..67], (1_u64 << 33).to_le_bytes());
    }

    #[test]
    fn many_entries_and_far_directories_need_the_long_end() {
        for long in [end(65_535, 0, 0), end(1, 1 << 32, 0), end(1, 0, 1 << 32)] {
            assert_eq!(long.len(), 56 + 20 + 22);
            assert_eq!(&long[..4], b"PK\x06\x06");
        }
        let far = end(3, 1 << 40, 100);
        assert_eq!(far[56 + 8..56 + 16], ((1_u64 << 40) + 100).to_le_bytes());
    }

    #[test]
    fn a_hundred_terabytes_add_up() {
        let entries = (0..100_000).map(|_| entry("data/a", 1 << 32, 1 << 30));
        let extents = measure(entries);
        let offset = 100_000 * ((1_u64 << 30) + 36 + 20);
        assert_eq!(extents.directory_offset, offset);
        // The first four lie below 4 GiB and need the length only; all others their offset too.
        assert_eq!(extents.directory_length, 4 * (52 + 12) + 99_996 * (52 + 20));
        assert_eq!(extents.size, offset + extents.directory_length + 98);
    }
}
