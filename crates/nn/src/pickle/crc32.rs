//! The checksum of zip entries: CRC-32 of ISO 3309, eight bytes at a step.
//!
//! "Slicing-by-8" of Kounavis and Berry, IEEE ISCC 2005.

/// The polynomial of the standard, with its bits reversed.
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// `TABLES[k][b]`: the checksum's change by byte `b` followed by `k` zero bytes.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// The checksum of bytes that arrive in pieces; start from `Crc32::default()`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Crc32 {
    /// The checksum so far.
    pub(super) value: u32,
}

impl Crc32 {
    /// Appends bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let mut crc = !self.value;
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            let word = u64::from_le_bytes(*eight) ^ u64::from(crc);
            crc = 0;
            for (table, byte) in TABLES.iter().rev().zip(word.to_le_bytes()) {
                crc ^= table[usize::from(byte)];
            }
        }
        for &byte in rest {
            crc = (crc >> 8) ^ TABLES[0][usize::from(crc as u8 ^ byte)];
        }
        self.value = !crc;
    }

    /// The checksum of one piece.
    pub(super) fn of(bytes: &[u8]) -> u32 {
        let mut crc = Self::default();
        crc.update(bytes);
        crc.value
    }
}

#[cfg(test)]
mod tests {
    use super::Crc32;

    /// The check value of the standard's catalogue, and the same bytes in every division in two.
    #[test]
    fn matches_the_check_value_in_any_pieces() {
        let text = b"123456789";
        assert_eq!(Crc32::of(text), 0xCBF4_3926);
        let long = text.repeat(5);
        for cut in 0..=long.len() {
            let mut crc = Crc32::default();
            crc.update(&long[..cut]);
            crc.update(&long[cut..]);
            assert_eq!(crc.value, Crc32::of(&long), "cut at {cut}");
        }
        // zlib.crc32(b"123456789" * 5)
        assert_eq!(Crc32::of(&long), 0x39D4_AA32);
    }
}
