//! Links in memory, keyed by their addresses.

use std::path::Path as FilePath;
use std::sync::Arc;

use super::path::{Path, Step};
use super::row::Link;
use super::run::Run;
use super::shards::{Keyed, Shards};
use crate::error::{Error, Result};
use crate::warts::addr::Addr;

/// Observations of one link; the vantage point is a number of [`Store::vp`].
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

impl<K: Copy + Eq + std::hash::Hash> Keyed for Seen<K> {
    type Key = K;

    fn key(&self) -> K {
        self.key
    }
}

/// Memory that a link takes: in its table, and while the links are sorted, bytes.
const LINK_BYTES: usize = 160;

/// Links seen so far. IPv4 pairs, the usual case, have an 8-byte key.
#[derive(Debug)]
pub struct Store {
    v4: Shards<Seen<u64>>,
    other: Shards<Seen<(Addr, Addr)>>,
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
        let vps = &self.vps;
        for (near, far, is_cut) in path.links() {
            match (near.addr, far.addr) {
                (Addr::V4(a), Addr::V4(b)) => {
                    let key =
                        u64::from(u32::from_be_bytes(a)) << 32 | u64::from(u32::from_be_bytes(b));
                    let seen = observe(key, (near, far), is_cut, observer);
                    self.v4.add(seen, |sum, seen| sum.merge(seen, vps));
                }
                pair => {
                    let seen = observe(pair, (near, far), is_cut, observer);
                    self.other.add(seen, |sum, seen| sum.merge(seen, vps));
                }
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
        let mut v4 = self.v4.drain(|sum, seen| sum.merge(seen, &vps));
        let mut other = self.other.drain(|sum, seen| sum.merge(seen, &vps));
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

fn observe<K>(key: K, (near, far): (&Step, &Step), is_cut: bool, observer: Observer) -> Seen<K> {
    let stars = far.ttl - near.last_ttl - 1;
    let half = (i64::from(far.rtt_us) - i64::from(near.last_rtt_us)) / 2;
    Seen {
        key,
        freq: 1,
        loops_cut: u32::from(is_cut),
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
