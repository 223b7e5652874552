//! What of HTTP/2's bytes is no call: frames are counted by the types in their heads (RFC 9113, 4.1), nothing else of them
//! is understood here. The implementation below us answers every PING and SETTINGS as long as they come.

/// How every connection begins (RFC 9113, 3.4); here only as so many bytes.
const PREFACE_BYTES: u32 = 24;
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const CONTINUATION: u8 = 0x9;
/// On DATA: nothing comes after it.
const END_STREAM: u8 = 0x1;

/// Where in its frames a connection is.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes to pass over: the rest of the preface, or of a payload.
    passing: u32,
    /// Bytes of a frame's head, and how many of them have come.
    head: [u8; HEAD_BYTES],
    come: usize,
    /// Whether the first frame's head has come.
    begun: bool,
}

impl Default for Frames {
    fn default() -> Self {
        Self { passing: PREFACE_BYTES, head: [0; HEAD_BYTES], come: 0, begun: false }
    }
}

impl Frames {
    /// Whether the preface and the head of a first frame have come.
    pub(super) const fn have_begun(&self) -> bool {
        self.begun
    }

    /// Takes what has come, and answers how many frames that carry no call have begun in it.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> u32 {
        let mut control = 0;
        while !bytes.is_empty() {
            let passed = bytes.len().min(usize::try_from(self.passing).unwrap_or(usize::MAX));
            self.passing -= u32::try_from(passed).unwrap_or(self.passing);
            bytes = &bytes[passed..];
            let taken = bytes.len().min(HEAD_BYTES - self.come);
            self.head[self.come..self.come + taken].copy_from_slice(&bytes[..taken]);
            self.come += taken;
            bytes = &bytes[taken..];
            if self.come == HEAD_BYTES {
                control += u32::from(self.head_is_of_control());
                let [high, middle, low, ..] = self.head;
                self.passing = u32::from_be_bytes([0, high, middle, low]);
                self.come = 0;
                self.begun = true;
            }
        }
        control
    }

    /// DATA that has or ends something, and headers, belong to calls; they have limits of their own.
    const fn head_is_of_control(&self) -> bool {
        let [a, b, c, kind, flags, ..] = self.head;
        match kind {
            HEADERS | CONTINUATION => false,
            DATA => a == 0 && b == 0 && c == 0 && flags & END_STREAM == 0,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn calls_are_not_counted_and_everything_else_is() {
        let mut frames = Frames::default();
        assert_eq!(frames.take(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"), 0);
        assert!(!frames.have_begun());
        assert_eq!(frames.take(b"\n"), 0);
        assert_eq!(frames.take(&frame(0x4, 0, &[])), 1, "SETTINGS");
        assert!(frames.have_begun());
        assert_eq!(frames.take(&frame(HEADERS, 4, b"headers")), 0);
        assert_eq!(frames.take(&frame(CONTINUATION, 4, b"more")), 0);
        assert_eq!(frames.take(&frame(DATA, 0, b"data")), 0);
        assert_eq!(frames.take(&frame(DATA, 0, b"")), 1, "DATA of nothing");
        assert_eq!(frames.take(&frame(DATA, END_STREAM, b"")), 0, "an end");
        for kind in [0x2, 0x3, 0x5, 0x6, 0x7, 0x8, 0xa, 0xff] {
            assert_eq!(frames.take(&frame(kind, 0, &[kind; 8])), 1, "type {kind}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_are_cut(
            kinds in proptest::collection::vec((0_u8..12, 0_u8..2, 0_usize..40), 0..40),
            piece in 1_usize..30,
        ) {
            let mut bytes = vec![b'x'; 24];
            for (kind, flags, length) in kinds {
                bytes.extend(frame(kind, flags, &vec![7; length]));
            }
            let whole = Frames::default().take(&bytes);
            let mut frames = Frames::default();
            let pieces: u32 = bytes.chunks(piece).map(|piece| frames.take(piece)).sum();
            prop_assert_eq!(whole, pieces);
        }
    }
}
