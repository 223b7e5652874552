//! Chance out of a seed: the same numbers on every machine and with every version of every library, so that a seed that
//! failed once can be run for ever. SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The stream of a seed for one purpose; other purposes draw from other streams.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut chance = Self(seed);
        for byte in purpose.bytes() {
            chance.0 ^= u64::from(byte);
            chance.0 = chance.next();
        }
        chance
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` up to but not including `end`, which is greater.
    pub fn between(&mut self, least: u64, end: u64) -> u64 {
        assert!(least < end, "there is nothing between {least} and {end}");
        least + self.next() % (end - least)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.between(0, times) == 0
    }

    /// A position in something of this length, which is not empty.
    pub fn position(&mut self, length: usize) -> usize {
        usize::try_from(self.between(0, length as u64)).expect("it is less than a usize")
    }

    /// One of these.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.position(choices.len())]
    }
}
