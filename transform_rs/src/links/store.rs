//! Links in memory, keyed by their addresses.

use std::path::Path as FilePath;
use std::sync::Arc;

use super::path::{Path, Step};
use super::row::Link;
use super::run::Run;
use super::shards::{Keyed, Shards};
use crate::error::{Error, Result};
use crate::warts::addr::Addr;

/// Observations of one link that come soon after each other and are alike: 24 bytes for IPv4.
///
/// The vantage point is a number of [`Store::vp`].
#[derive(Debug, Clone, Copy)]
struct Few<K> {
    key: K,
    delay_us: i32,
    first_seen: u32,
    /// From the first to the last, seconds.
    lasting_s: u16,
    vp: u16,
    freq: u8,
    ttl: u8,
    stars: u8,
    is_dest: bool,
}

/// All observations of one link.
#[derive(Debug, Clone, Copy)]
struct Seen<K> {
    key: K,
    freq: u64,
    loops_cut: u32,
    delay_us: i32,
    first_seen: u32,
    last_seen: u32,
    vp: u32,
    ttl: u8,
    stars: u8,
    stars_max: u8,
    is_dest: bool,
}

impl<K: Copy + Eq + std::hash::Hash> Keyed for Few<K> {
    type Key = K;
    type Sum = Seen<K>;

    fn key(&self) -> K {
        self.key
    }

    fn key_of(sum: &Seen<K>) -> K {
        sum.key
    }

    #[inline]
    fn join(&mut self, later: &Self) -> bool {
        let kind = |few: &Self| (few.vp, few.stars, few.is_dest);
        let first_seen = self.first_seen.min(later.first_seen);
        let last_seen = self.last_seen().max(later.last_seen());
        let Ok(lasting_s) = u16::try_from(last_seen - first_seen) else {
            return false;
        };
        let Some(freq) = self.freq.checked_add(later.freq) else {
            return false;
        };
        if kind(self) != kind(later) {
            return false;
        }
        (self.freq, self.first_seen, self.lasting_s) = (freq, first_seen, lasting_s);
        self.delay_us = self.delay_us.min(later.delay_us);
        self.ttl = self.ttl.min(later.ttl);
        true
    }

    fn alone(self) -> Seen<K> {
        Seen {
            key: self.key,
            freq: u64::from(self.freq),
            loops_cut: 0,
            delay_us: self.delay_us,
            first_seen: self.first_seen,
            last_seen: self.last_seen(),
            vp: u32::from(self.vp),
            ttl: self.ttl,
            stars: self.stars,
            stars_max: self.stars,
            is_dest: self.is_dest,
        }
    }
}

impl<K> Few<K> {
    fn last_seen(&self) -> u32 {
        // Never more than an observation's own time, which is a u32.
        self.first_seen + u32::from(self.lasting_s)
    }
}

/// Memory that a link takes: in its table, and while the links are sorted, bytes.
const LINK_BYTES: usize = 160;

/// Links seen so far. IPv4 pairs, the usual case, have an 8-byte key.
pub struct Store {
    v4: Shards<Few<u64>>,
    other: Shards<Few<(Addr, Addr)>>,
    vps: Vec<Arc<[u8]>>,
    most: usize,
    runs: Vec<Run>,
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
    /// Hold links in `memory` bytes.
    pub fn new(memory: usize) -> Self {
        Self {
            v4: Shards::new(memory),
            other: Shards::new(memory),
            vps: Vec::new(),
            most: memory / LINK_BYTES,
            runs: Vec::new(),
        }
    }

    /// Number the name of a vantage point; empty is unknown.
    pub fn vp(&mut self, name: &[u8]) -> u32 {
        let known = self.vps.iter().position(|known| **known == *name);
        known.unwrap_or_else(|| {
            self.vps.push(name.into());
            self.vps.len() - 1
        }) as u32
    }

    /// Add the links of `path`.
    pub fn add(&mut self, path: &Path, observer: Observer) {
        for (near, far, _) in path.links() {
            if let (Addr::V4(a), Addr::V4(b)) = (near.addr, far.addr) {
                self.v4.expect(v4_key(a, b));
            }
        }
        let vps = &self.vps;
        for (near, far, is_cut) in path.links() {
            match (near.addr, far.addr) {
                (Addr::V4(a), Addr::V4(b)) => {
                    let key = v4_key(a, b);
                    note(&mut self.v4, vps, observe(key, (near, far), observer), is_cut);
                }
                pair => note(&mut self.other, vps, observe(pair, (near, far), observer), is_cut),
            }
        }
    }

    /// Put the links into a nameless file in `folder` if they are more than memory should hold.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses.
    pub fn relieve(&mut self, folder: &FilePath) -> Result<()> {
        if self.v4.held() + self.other.held() <= self.most {
            return Ok(());
        }
        let links = self.drain_sorted();
        let run = Run::write(links, folder)
            .map_err(|source| Error::Write { path: folder.join("hs-transform.run"), source })?;
        self.runs.push(run);
        Ok(())
    }

    /// Take all links out of memory, sorted by address.
    pub fn drain_sorted(&mut self) -> impl Iterator<Item = Link> + use<> {
        let vps = self.vps.clone();
        let mut v4 = self.v4.drain(|sum, few| sum.merge(&few.alone(), &vps));
        let mut other = self.other.drain(|sum, few| sum.merge(&few.alone(), &vps));
        v4.sort_unstable_by_key(|seen| seen.key);
        other.sort_unstable_by_key(|seen| seen.key);
        let names = vps.clone();
        let v4 = v4.into_iter().map(move |seen| {
            let address = |number: u64| Addr::V4((number as u32).to_be_bytes());
            seen.into_link(address(seen.key >> 32), address(seen.key), &vps)
        });
        let other =
            other.into_iter().map(move |seen| seen.into_link(seen.key.0, seen.key.1, &names));
        in_order(v4, other)
    }

    /// The runs on disk, taken out.
    pub fn take_runs(&mut self) -> Vec<Run> {
        std::mem::take(&mut self.runs)
    }
}

/// A pair of IPv4 addresses as a number that sorts alike.
fn v4_key(near: [u8; 4], far: [u8; 4]) -> u64 {
    u64::from(u32::from_be_bytes(near)) << 32 | u64::from(u32::from_be_bytes(far))
}

/// Two sorted rows of links without a common key as one.
fn in_order(
    one: impl Iterator<Item = Link>,
    two: impl Iterator<Item = Link>,
) -> impl Iterator<Item = Link> {
    let (mut one, mut two) = (one.peekable(), two.peekable());
    std::iter::from_fn(move || {
        let is_two = match (one.peek(), two.peek()) {
            (Some(a), Some(b)) => b.key() < a.key(),
            (None, _) => true,
            (_, None) => false,
        };
        if is_two { two.next() } else { one.next() }
    })
}

/// One observation; the number of its vantage point may be too large for [`Few`].
fn observe<K>(key: K, (near, far): (&Step, &Step), observer: Observer) -> Seen<K> {
    let stars = far.ttl - near.last_ttl - 1;
    let half = (i64::from(far.rtt_us) - i64::from(near.last_rtt_us)) / 2;
    Seen {
        key,
        freq: 1,
        loops_cut: 0,
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

/// Add one observation; those that are rare go to their sums at once.
#[inline]
fn note<K: Copy + Eq + std::hash::Hash>(
    shards: &mut Shards<Few<K>>,
    vps: &[Arc<[u8]>],
    seen: Seen<K>,
    is_cut: bool,
) {
    let vp = u16::try_from(seen.vp);
    let Some(vp) = vp.ok().filter(|_| !is_cut) else {
        let sum = Seen { loops_cut: u32::from(is_cut), ..seen };
        return shards.add_sum(sum, |sum, seen| sum.merge(seen, vps));
    };
    let few = Few {
        key: seen.key,
        delay_us: seen.delay_us,
        first_seen: seen.first_seen,
        lasting_s: 0,
        vp,
        freq: 1,
        ttl: seen.ttl,
        stars: seen.stars,
        is_dest: seen.is_dest,
    };
    shards.add(few, |sum, few| sum.merge(&few.alone(), vps));
}

impl<K: Copy> Seen<K> {
    #[inline]
    fn merge(&mut self, other: &Self, vps: &[Arc<[u8]>]) {
        self.freq += other.freq;
        self.loops_cut = self.loops_cut.saturating_add(other.loops_cut);
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

    fn into_link(self, near: Addr, far: Addr, vps: &[Arc<[u8]>]) -> Link {
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
            vp: Arc::clone(&vps[self.vp as usize]),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            loops_cut: Some(u64::from(self.loops_cut)),
        }
    }
}

/// Does name `a` come before name `b`? The unknown name comes last.
fn is_before(a: u32, b: u32, vps: &[Arc<[u8]>]) -> bool {
    if a == b {
        return false;
    }
    let rank = |id: u32| (vps[id as usize].is_empty(), &vps[id as usize]);
    rank(a) < rank(b)
}
