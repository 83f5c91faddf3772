//! Links in memory, keyed by their addresses.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::path::{Path, Step};
use super::row::Link;
use crate::warts::addr::Addr;

type Map<K> = HashMap<K, Seen, foldhash::fast::FixedState>;

/// A link without its addresses; the vantage point is a number of [`Store::vps`].
#[derive(Debug, Clone, Copy)]
struct Seen {
    freq: u64,
    loops_cut: u64,
    delay_us: i32,
    first_seen: u32,
    last_seen: u32,
    vp: u32,
    ttl: u8,
    stars: u8,
    stars_max: u8,
    is_dest: bool,
}

/// Links seen so far. IPv4 pairs, the usual case, have a map of their own with an 8-byte key.
#[derive(Debug, Default)]
pub struct Store {
    v4: Map<u64>,
    other: Map<(Addr, Addr)>,
    vps: Vec<Vec<u8>>,
}

/// What the observations of one trace share.
#[derive(Debug, Clone, Copy)]
pub struct Observer {
    /// Number of the vantage point's name.
    pub vp: u32,
    /// Destination of the trace.
    pub dst: Option<Addr>,
    /// Start of the trace, seconds since 1970.
    pub at: u32,
}

impl Store {
    /// Number the name of a vantage point; empty is unknown.
    pub fn vp(&mut self, name: &[u8]) -> u32 {
        let known = self.vps.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.vps.push(name.to_vec());
            self.vps.len() - 1
        }) as u32
    }

    /// Links held.
    pub fn len(&self) -> usize {
        self.v4.len() + self.other.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Add the links of `path`.
    pub fn add(&mut self, path: &Path, observer: Observer) {
        for (near, far, is_cut) in path.links() {
            let seen = observe(near, far, is_cut, observer);
            match (near.addr, far.addr) {
                (Addr::V4(a), Addr::V4(b)) => {
                    let key =
                        u64::from(u32::from_be_bytes(a)) << 32 | u64::from(u32::from_be_bytes(b));
                    note(&mut self.v4, &self.vps, key, seen);
                }
                pair => note(&mut self.other, &self.vps, pair, seen),
            }
        }
    }

    /// Take all links out, sorted by address.
    pub fn drain_sorted(&mut self) -> Vec<Link> {
        let v4 = self.v4.drain().map(|(key, seen)| {
            let near = Addr::V4(((key >> 32) as u32).to_be_bytes());
            ((near, Addr::V4((key as u32).to_be_bytes())), seen)
        });
        let mut all: Vec<_> = v4.chain(self.other.drain()).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        let vps = &self.vps;
        all.into_iter().map(|((near, far), seen)| seen.into_link(near, far, vps)).collect()
    }
}

fn observe(near: &Step, far: &Step, is_cut: bool, observer: Observer) -> Seen {
    let stars = far.ttl - near.last_ttl - 1;
    let half = (i64::from(far.rtt_us) - i64::from(near.last_rtt_us)) / 2;
    Seen {
        freq: 1,
        loops_cut: u64::from(is_cut),
        // Half the difference of two u32 fits an i32.
        delay_us: half as i32,
        first_seen: observer.at,
        last_seen: observer.at,
        vp: observer.vp,
        ttl: near.last_ttl,
        stars,
        stars_max: stars,
        is_dest: observer.dst == Some(far.addr),
    }
}

#[inline]
fn note<K: Eq + std::hash::Hash>(map: &mut Map<K>, vps: &[Vec<u8>], key: K, seen: Seen) {
    match map.entry(key) {
        Entry::Vacant(slot) => {
            slot.insert(seen);
        }
        Entry::Occupied(mut slot) => slot.get_mut().merge(&seen, vps),
    }
}

impl Seen {
    fn merge(&mut self, other: &Self, vps: &[Vec<u8>]) {
        self.freq += other.freq;
        self.loops_cut += other.loops_cut;
        self.delay_us = self.delay_us.min(other.delay_us);
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.stars = self.stars.min(other.stars);
        self.stars_max = self.stars_max.max(other.stars_max);
        self.is_dest &= other.is_dest;
        let is_nearer = other.ttl < self.ttl;
        if is_nearer || (other.ttl == self.ttl && is_before(other.vp, self.vp, vps)) {
            self.ttl = other.ttl;
            self.vp = other.vp;
        }
    }

    fn into_link(self, near: Addr, far: Addr, vps: &[Vec<u8>]) -> Link {
        Link {
            near,
            far,
            is_dest: self.is_dest,
            stars: self.stars,
            stars_max: Some(self.stars_max),
            delay_floor_us: self.delay_us.max(0) as u32,
            delay_us: Some(self.delay_us),
            freq: self.freq,
            ttl: self.ttl,
            vp: vps[self.vp as usize].clone(),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            loops_cut: Some(self.loops_cut),
        }
    }
}

/// Does name `a` come before name `b`? The unknown name comes last.
fn is_before(a: u32, b: u32, vps: &[Vec<u8>]) -> bool {
    if a == b {
        return false;
    }
    let rank = |id: u32| (vps[id as usize].is_empty(), &vps[id as usize]);
    rank(a) < rank(b)
}
