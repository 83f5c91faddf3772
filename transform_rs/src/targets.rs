//! Targets from prefixes, and labels for addresses from prefixes.

use std::collections::BTreeMap;

use crate::warts::addr::Addr;

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    is_v6: bool,
    /// The first address, as a number.
    first: u128,
    /// Length in bits.
    len: u8,
}

fn number(addr: Addr) -> Option<(bool, u128)> {
    match addr {
        Addr::V4(bytes) => Some((false, u128::from(u32::from_be_bytes(bytes)))),
        Addr::V6(bytes) => Some((true, u128::from_be_bytes(bytes))),
        _ => None,
    }
}

impl Prefix {
    /// From text such as `192.0.2.0/24`; an address alone is a block of one.
    ///
    /// # Errors
    /// What is wrong with the text, and the remedy.
    ///
    /// ```
    /// use transform_rs::targets::Prefix;
    /// assert!(Prefix::parse("2001:db8::/32").is_ok());
    /// let error = Prefix::parse("10.10.10.5/24").unwrap_err();
    /// assert_eq!("10.10.10.5/24 has host bits set; did you mean 10.10.10.0/24?", error);
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        let (addr, len) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let wrong = || format!("{text} is no prefix; write e.g. 192.0.2.0/24");
        let (is_v6, value) = Addr::parse(addr).and_then(number).ok_or_else(wrong)?;
        let bits = if is_v6 { 128 } else { 32 };
        let len = len.map_or(Ok(bits), |len| len.parse().map_err(|_| wrong()))?;
        if len > bits {
            return Err(wrong());
        }
        let prefix = Self { is_v6, first: value, len };
        let first = value & !prefix.host_mask();
        if first != value {
            let meant = Self { first, ..prefix };
            return Err(format!("{text} has host bits set; did you mean {meant}?"));
        }
        Ok(prefix)
    }

    fn bits(self) -> u8 {
        if self.is_v6 { 128 } else { 32 }
    }

    fn host_mask(self) -> u128 {
        let host = u32::from(self.bits() - self.len);
        if host == 128 { u128::MAX } else { (1_u128 << host) - 1 }
    }

    fn addr(self, offset: u128) -> Addr {
        let value = self.first + (offset & self.host_mask());
        if self.is_v6 {
            Addr::V6(value.to_be_bytes())
        } else {
            Addr::V4((value as u32).to_be_bytes())
        }
    }

    /// Does it hold all of `other`?
    pub fn holds(self, other: Self) -> bool {
        let is_larger = self.is_v6 == other.is_v6 && self.len <= other.len;
        is_larger && other.first & !self.host_mask() == self.first
    }

    /// Is it a block of IPv6 addresses?
    pub fn is_v6(self) -> bool {
        self.is_v6
    }

    /// The blocks of `len` bits in it; itself if it is not larger.
    pub fn blocks(self, len: u8) -> impl Iterator<Item = Self> {
        let len = len.min(self.bits()).max(self.len);
        let step = Self { len, ..self }.host_mask().wrapping_add(1);
        let count = 1_u128.checked_shl(u32::from(len - self.len)).unwrap_or(u128::MAX);
        (0..count).map(move |i| Self { first: self.first + i * step, len, ..self })
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.addr(0), self.len)
    }
}

/// How an address is chosen in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The same place in each block, e.g. 1 for `.1`.
    Offset(u128),
    /// By the seed; the same seed gives the same addresses, whatever the order of prefixes.
    Seeded(u64),
}

impl Choice {
    /// The address in `block`.
    pub fn pick(self, block: Prefix) -> Addr {
        match self {
            Self::Offset(offset) => block.addr(offset),
            Self::Seeded(seed) => {
                let (high, low) = ((block.first >> 64) as u64, block.first as u64);
                let one = mix(seed ^ mix(low ^ mix(high ^ u64::from(block.len))));
                let two = mix(one);
                block.addr(u128::from(one) << 64 | u128::from(two))
            }
        }
    }
}

/// SplitMix64's finaliser (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Labels by prefix; the longest prefix that holds an address wins.
#[derive(Debug, Default)]
pub struct Labels {
    by_len: BTreeMap<(bool, u8), BTreeMap<u128, String>>,
}

impl Labels {
    /// Give `prefix` a label.
    pub fn insert(&mut self, prefix: Prefix, label: &str) {
        let prefixes = self.by_len.entry((prefix.is_v6, prefix.len)).or_default();
        prefixes.insert(prefix.first, label.to_owned());
    }

    /// The label of `addr`, and the prefix that gave it.
    pub fn find(&self, addr: Addr) -> Option<(Prefix, &str)> {
        let (is_v6, value) = number(addr)?;
        let lengths = self.by_len.range((is_v6, 0)..=(is_v6, 128)).rev();
        lengths
            .filter_map(|((_, len), prefixes)| {
                let block = Prefix { is_v6, first: 0, len: *len };
                let first = value & !block.host_mask();
                prefixes.get(&first).map(|label| (Prefix { first, ..block }, label.as_str()))
            })
            .next()
    }

    /// Read a line: `prefix label...`, or CAIDA's `address TAB length TAB label`.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn read(&mut self, line: &str) -> Result<(), String> {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            return Ok(());
        }
        let (first, rest) = content.split_once(char::is_whitespace).unwrap_or((content, ""));
        let rest = rest.trim();
        if !first.contains('/')
            && let Some((len, label)) = rest.split_once('\t')
        {
            self.insert(Prefix::parse(&format!("{first}/{len}"))?, label.trim());
        } else {
            self.insert(Prefix::parse(first)?, rest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let mut labels = Labels::default();
        labels.read("192.0.2.0/24 AS1").unwrap();
        labels.read("192.0.2.128\t25\t64500").unwrap();

        let find = |text: &str| labels.find(Addr::parse(text).unwrap()).map(|(_, label)| label);
        assert_eq!(Some("64500"), find("192.0.2.200"));
        assert_eq!(Some("AS1"), find("192.0.2.1"));
        assert_eq!(None, find("192.0.3.1"));
    }

    #[test]
    fn one_address_per_block_the_same_for_the_same_seed() {
        let prefix = Prefix::parse("192.0.0.0/22").unwrap();
        let pick = |seed| -> Vec<Addr> {
            prefix.blocks(24).map(|block| Choice::Seeded(seed).pick(block)).collect()
        };

        assert_eq!(4, pick(0).len());
        assert_eq!(pick(0), pick(0));
        assert_ne!(pick(0), pick(1));
    }
}
