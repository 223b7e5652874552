//! What a generating downstream sends.

use std::{fmt, str::FromStr};

use anyhow::Context as _;
use bytes::Bytes;

/// What a generating downstream sends of each person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// So many JSON records of about so many bytes.
    Records {
        /// How many.
        count: u64,
        /// Bytes of each.
        bytes: usize,
    },
    /// One file of bytes that do not compress.
    Noise {
        /// Bytes of the file.
        bytes: u64,
        /// Bytes of each chunk but the last.
        chunk: usize,
    },
    /// So many JSON records of about 300 bytes, after so many milliseconds: a downstream that has to look for them.
    Slow {
        /// How many.
        count: u64,
        /// Milliseconds.
        wait_ms: u64,
    },
    /// Nothing: the stream opens and stays silent, so that tasks stay where they are.
    Silence,
}

/// How loads are written on a command line: `records:1000:300`.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records { count, bytes } => write!(f, "records:{count}:{bytes}"),
            Self::Noise { bytes, chunk } => write!(f, "noise:{bytes}:{chunk}"),
            Self::Slow { count, wait_ms } => write!(f, "slow:{count}:{wait_ms}"),
            Self::Silence => f.write_str("silence"),
        }
    }
}

impl FromStr for Load {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = text.split(':').collect();
        match fields.as_slice() {
            ["records", count, bytes] => Ok(Self::Records { count: count.parse()?, bytes: bytes.parse()? }),
            ["noise", bytes, chunk] => Ok(Self::Noise { bytes: bytes.parse()?, chunk: chunk.parse()? }),
            ["slow", count, wait_ms] => Ok(Self::Slow { count: count.parse()?, wait_ms: wait_ms.parse()? }),
            ["silence"] => Ok(Self::Silence),
            _ => None.with_context(|| format!("{text:?} is no load")),
        }
    }
}

/// Marsaglia's xorshift64: cheap, and the same in every run.
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same way.
    pub fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One of them.
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let length = from.len() as u64;
        from[usize::try_from(self.roll() % length).unwrap_or_default()]
    }
}

/// Records to send in turn: more than fit into the 32 KiB that deflate looks back.
const POOL: usize = 1_024;
const WORDS: [&str; 24] = [
    "delivery",
    "late",
    "asked",
    "for",
    "refund",
    "the",
    "customer",
    "called",
    "again",
    "order",
    "number",
    "was",
    "changed",
    "to",
    "another",
    "address",
    "and",
    "paid",
    "by",
    "invoice",
    "please",
    "confirm",
    "with",
    "warehouse",
];
const PAGES: [&str; 8] =
    ["/", "/cart", "/checkout", "/search", "/account/orders", "/account/privacy", "/help", "/product"];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
];

/// JSON records that look like those of a web shop, of about `bytes` bytes each.
pub fn records(bytes: usize) -> Vec<Bytes> {
    let mut dice = Dice::new();
    let mut one = || {
        let mut json = format!(
            r#"{{"id":"{:016x}","at":"2026-{:02}-{:02}T{:02}:{:02}:{:02}Z","page":"{}","agent":"{}","duration_ms":{},"amount":"{}.{:02}","note":""#,
            dice.roll(),
            dice.roll() % 12 + 1,
            dice.roll() % 28 + 1,
            dice.roll() % 24,
            dice.roll() % 60,
            dice.roll() % 60,
            dice.pick(&PAGES),
            dice.pick(&AGENTS),
            dice.roll() % 10_000,
            dice.roll() % 500,
            dice.roll() % 100,
        );
        while json.len() + 16 < bytes {
            json.push_str(dice.pick(&WORDS));
            json.push(' ');
        }
        json.push_str("\"}");
        Bytes::from(json)
    };
    std::iter::repeat_with(&mut one).take(POOL).collect()
}

/// So many bytes that do not compress.
pub fn noise(bytes: usize) -> Bytes {
    let mut dice = Dice::new();
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        noise.extend_from_slice(&dice.roll().to_le_bytes());
    }
    noise.truncate(bytes);
    noise.into()
}
