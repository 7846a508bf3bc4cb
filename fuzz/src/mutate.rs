//! Makes hostile input out of good examples: bits flip, parts go, come twice or move between
//! examples, and words of the format turn up where they do not belong.

/// Longest input, in bytes.
const MAX_BYTES: usize = 64 << 10;
/// Numbers at which readers like to stumble.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
    u64::MAX,
];

/// Random numbers from a seed: SplitMix64 of Steele, Lea and Flood (OOPSLA 2014).
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn span(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        let longest = (len - start).min(1 << self.below(10));
        start..start + self.below(longest + 1)
    }
}

/// A changed copy of one of the `examples`, of which there is at least one.
pub fn mutate(random: &mut Random, examples: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    let mut data = examples[random.below(examples.len())].clone();
    for _ in 0..=random.below(6) {
        change(random, &mut data, examples, words);
    }
    data.truncate(MAX_BYTES);
    data
}

fn change(random: &mut Random, data: &mut Vec<u8>, examples: &[Vec<u8>], words: &[&[u8]]) {
    let position = random.below(data.len());
    match random.below(9) {
        0 if !data.is_empty() => data[position] ^= 1 << random.below(8),
        1 if !data.is_empty() => data[position] = random.next() as u8,
        2 => data.insert(position, random.next() as u8),
        3 => drop(data.drain(random.span(data.len()))),
        4 => {
            let copy = data[random.span(data.len())].to_vec();
            splice(data, position, &copy);
        }
        5 => {
            let other = &examples[random.below(examples.len())];
            splice(data, position, &other[random.span(other.len())]);
        }
        6 if !words.is_empty() => splice(data, position, words[random.below(words.len())]),
        7 => {
            // A number in the place of another, little- or big-endian, of 1 to 8 bytes.
            let edge = EDGES[random.below(EDGES.len())];
            let width = 1 << random.below(4);
            let bytes = match random.below(2) {
                0 => edge.to_le_bytes()[..width].to_vec(),
                _ => edge.to_be_bytes()[8 - width..].to_vec(),
            };
            for (place, byte) in data.iter_mut().skip(position).zip(bytes) {
                *place = byte;
            }
        }
        _ => data.truncate(position),
    }
}

fn splice(data: &mut Vec<u8>, position: usize, part: &[u8]) {
    if data.len() + part.len() <= MAX_BYTES {
        data.splice(position..position, part.iter().copied());
    }
}
