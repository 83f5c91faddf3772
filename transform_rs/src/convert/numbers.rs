//! Numbers of addresses in the dictionary of a column.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::parquet::column::Dictionary;
use crate::warts::addr::Addr;

/// Addresses that are at hand; those near a vantage point answer every trace.
const RECENT: usize = 1 << RECENT_BITS;
const RECENT_BITS: u32 = 10;

/// Numbers of addresses in a column's dictionary; IPv4, the usual case, has a map of its own.
pub struct Numbers {
    /// An IPv4 address and its number, at the place that the address says.
    recent: Vec<Option<(u32, u32)>>,
    v4: HashMap<u32, u32, FixedState>,
    other: HashMap<Addr, u32, FixedState>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { recent: vec![None; RECENT], v4: HashMap::default(), other: HashMap::default() }
    }
}

impl Numbers {
    /// Forget all.
    pub fn clear(&mut self) {
        self.recent.fill(None);
        self.v4.clear();
        self.other.clear();
    }

    /// The number of `addr` in `dictionary`, where it is put if it is new.
    #[inline]
    pub fn number(&mut self, addr: Addr, dictionary: &mut Dictionary) -> u32 {
        let Addr::V4(bytes) = addr else {
            return *self.other.entry(addr).or_insert_with(|| append(addr, dictionary));
        };
        let word = u32::from_be_bytes(bytes);
        // Fibonacci hashing: the highest bits of the product depend on all of the address.
        let place = word.wrapping_mul(0x9e37_79b9) >> (u32::BITS - RECENT_BITS);
        let recent = &mut self.recent[place as usize];
        if let Some((known, number)) = recent
            && *known == word
        {
            return *number;
        }
        let number = *self.v4.entry(word).or_insert_with(|| append(addr, dictionary));
        *recent = Some((word, number));
        number
    }
}

fn append(addr: Addr, dictionary: &mut Dictionary) -> u32 {
    dictionary.append_with(|out| addr.write_to(out))
}
