//! One link as it is published: §4.4 of the design, "link row".

use std::sync::Arc;

use crate::warts::addr::Addr;

/// A link between neighbouring answers, over all observations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The nearer address.
    pub near: Addr,
    /// The farther address.
    pub far: Addr,
    /// Was `far` the destination in every observation?
    pub is_dest: bool,
    /// Fewest silent hops between the two.
    pub stars: u8,
    /// Most silent hops between the two; unknown for rows that came as text.
    pub stars_max: Option<u8>,
    /// Least of max(0, half the difference of the round-trip times), microseconds.
    pub delay_floor_us: u32,
    /// Least of half the difference of the round-trip times; unknown for rows that came as text.
    pub delay_us: Option<i32>,
    /// Observations.
    pub freq: u64,
    /// Least TTL at which `near` answered.
    pub ttl: u8,
    /// The vantage point that saw `ttl` (of several the smallest name); empty is unknown.
    pub vp: Arc<[u8]>,
    /// Start of the first trace with the link, seconds since 1970.
    pub first_seen: u32,
    /// Start of the last trace with the link, seconds since 1970.
    pub last_seen: u32,
    /// Observations right before a loop, where the path was cut; unknown for rows that came as text.
    pub loops_cut: Option<u64>,
}

impl Link {
    /// What rows are sorted and merged by.
    pub fn key(&self) -> (Addr, Addr) {
        (self.near, self.far)
    }

    /// Merge the observations of `other`, a row with the same key.
    ///
    /// Associative and commutative, so that shards may be merged in any order.
    pub fn merge(&mut self, other: &Self) {
        self.is_dest &= other.is_dest;
        self.stars = self.stars.min(other.stars);
        self.stars_max = both(self.stars_max, other.stars_max, Ord::max);
        self.delay_floor_us = self.delay_floor_us.min(other.delay_floor_us);
        self.delay_us = both(self.delay_us, other.delay_us, Ord::min);
        self.freq = self.freq.saturating_add(other.freq);
        if (other.ttl, other.vp_rank()) < (self.ttl, self.vp_rank()) {
            self.ttl = other.ttl;
            self.vp = Arc::clone(&other.vp);
        }
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.loops_cut = both(self.loops_cut, other.loops_cut, u64::saturating_add);
    }

    /// Names in order, the unknown one last.
    fn vp_rank(&self) -> (bool, &[u8]) {
        (self.vp.is_empty(), &self.vp)
    }
}

/// Known only if both are.
fn both<T>(a: Option<T>, b: Option<T>, merge: impl FnOnce(T, T) -> T) -> Option<T> {
    a.zip(b).map(|(a, b)| merge(a, b))
}
