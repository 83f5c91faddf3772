//! Sums things by key, a share of the keys at a time: what is summed together stays in the cache.
//!
//! One large hash table costs a cache miss per thing. Here things wait until many of the same
//! shard are there, and the table of one shard is small.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Shards; so many that each table stays small, so few that each has a cache line to write to.
const SHARDS: usize = 256;
/// Things that wait in one shard at most.
const MOST_WAITING: usize = 1024;
/// Sums that are at hand; a vantage point's first links come again with every trace.
const RECENT: usize = 8192;

/// What is summed.
pub trait Keyed: Copy {
    /// By what.
    type Key: Copy + Eq + Hash;

    /// Its key.
    fn key(&self) -> Self::Key;
}

/// Sums of things by key.
#[derive(Debug)]
pub struct Shards<T> {
    /// Each at the place that its key's hash says; what comes to a taken place goes on to its shard.
    recent: Vec<Option<T>>,
    shards: Vec<Shard<T>>,
    waiting: usize,
    len: usize,
}

#[derive(Debug)]
struct Shard<T> {
    waiting: Vec<T>,
    table: HashTable<T>,
}

fn hash<K: Hash>(key: K) -> u64 {
    FixedState::default().hash_one(key)
}

impl<T: Keyed> Shards<T> {
    /// For `memory` bytes, of which an eighth at most is for things that wait.
    pub fn new(memory: usize) -> Self {
        let share = |part: usize| (memory / part / size_of::<T>()).max(1);
        let shard = || Shard { waiting: Vec::new(), table: HashTable::new() };
        // A power of two, so that few instructions tell the place of a hash.
        let recent = share(64).min(RECENT).next_power_of_two();
        Self {
            recent: vec![None; recent],
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            waiting: share(8 * SHARDS).min(MOST_WAITING),
            len: 0,
        }
    }

    /// Sums held, without what waits.
    pub fn held(&self) -> usize {
        self.len
    }

    /// Add `thing`; `merge` adds it to the sum of its key.
    #[inline]
    pub fn add(&mut self, thing: T, mut merge: impl FnMut(&mut T, &T)) {
        let key = thing.key();
        let last = self.recent.len() - 1;
        let place = &mut self.recent[hash(key) as usize >> 40 & last];
        match place {
            Some(sum) if sum.key() == key => merge(sum, &thing),
            _ => {
                if let Some(other) = place.replace(thing) {
                    self.pass_on(other, merge);
                }
            }
        }
    }

    /// Put `thing` into its shard.
    fn pass_on(&mut self, thing: T, merge: impl FnMut(&mut T, &T)) {
        // Neither the highest nor the lowest bits: the tables tell their entries apart by those.
        let shard = &mut self.shards[hash(thing.key()) as usize >> 32 & (SHARDS - 1)];
        shard.waiting.push(thing);
        if shard.waiting.len() >= self.waiting {
            self.len += shard.absorb(merge);
        }
    }

    /// Take all sums out, in no order.
    pub fn drain(&mut self, mut merge: impl FnMut(&mut T, &T)) -> Vec<T> {
        for i in 0..self.recent.len() {
            if let Some(thing) = self.recent[i].take() {
                self.pass_on(thing, &mut merge);
            }
        }
        let mut all = Vec::with_capacity(self.len);
        for shard in &mut self.shards {
            shard.absorb(&mut merge);
            all.extend(shard.table.drain());
        }
        self.len = 0;
        all
    }
}

impl<T: Keyed> Shard<T> {
    /// Sum what waits; returns how many keys are new.
    fn absorb(&mut self, mut merge: impl FnMut(&mut T, &T)) -> usize {
        let before = self.table.len();
        for thing in self.waiting.drain(..) {
            let key = thing.key();
            match self.table.entry(hash(key), |sum| sum.key() == key, |sum| hash(sum.key())) {
                Entry::Occupied(mut sum) => merge(sum.get_mut(), &thing),
                Entry::Vacant(slot) => {
                    slot.insert(thing);
                }
            }
        }
        self.table.len() - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Keyed for (u32, u64) {
        type Key = u32;

        fn key(&self) -> u32 {
            self.0
        }
    }

    #[test]
    fn sums_are_those_of_all_things_however_many_wait() {
        for memory in [0, 1 << 20] {
            let mut shards = Shards::new(memory);
            let merge = |sum: &mut (u32, u64), more: &(u32, u64)| sum.1 += more.1;
            for i in 0..100_000_u32 {
                shards.add((i % 1000, u64::from(i)), merge);
            }
            let mut sums = shards.drain(merge);
            sums.sort_unstable();

            let sum = |key: u64| (0..100).map(|i| i * 1000 + key).sum::<u64>();
            let expected: Vec<_> = (0..1000).map(|key| (key, sum(u64::from(key)))).collect();
            assert_eq!(expected, sums);
        }
    }
}
