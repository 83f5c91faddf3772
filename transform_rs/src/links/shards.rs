//! Sums things by key, a share of the keys at a time: what is summed together stays in the cache.
//!
//! One large hash table costs a cache miss per thing. Here things wait until many of the same
//! shard are there, and the table of one shard is small.

use std::hash::{BuildHasher, Hash};
use std::hint::black_box;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Shards; so many that each table stays small, so few that each has a cache line to write to.
const SHARDS: usize = 256;
/// Things that wait in one shard at most.
const MOST_WAITING: usize = 1024;
/// Sums that are at hand; a vantage point's first links come again with every trace.
const RECENT: usize = 8192;

/// What is summed: small, since most of the time goes into waiting for memory.
pub trait Keyed: Copy {
    /// By what.
    type Key: Copy + Eq + Hash;
    /// What the things of one key become.
    type Sum: Copy;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// The key of a sum.
    fn key_of(sum: &Self::Sum) -> Self::Key;

    /// Take in `later`, which has the same key; false if there is no room for it here.
    fn join(&mut self, later: &Self) -> bool;

    /// The sum of this alone.
    fn alone(self) -> Self::Sum;
}

/// Sums of things by key.
pub struct Shards<T: Keyed> {
    /// Each at the place that its key's hash says; what comes to a taken place goes on to its shard.
    recent: Vec<Option<T>>,
    /// What waits for each shard.
    waiting: Vec<Vec<T>>,
    sums: Vec<HashTable<T::Sum>>,
    most_waiting: usize,
    len: usize,
}

fn hash<K: Hash>(key: K) -> u64 {
    FixedState::default().hash_one(key)
}

/// The shard of a hash.
fn shard_of(hash: u64) -> usize {
    // Neither the highest nor the lowest bits: the tables tell their entries apart by those.
    hash as usize >> 32 & (SHARDS - 1)
}

impl<T: Keyed> Shards<T> {
    /// For `memory` bytes, of which an eighth at most is for things that wait.
    pub fn new(memory: usize) -> Self {
        let share = |part: usize| (memory / part / size_of::<T>()).max(1);
        // A power of two, so that few instructions tell the place of a hash.
        let recent = share(64).min(RECENT).next_power_of_two();
        Self {
            recent: vec![None; recent],
            waiting: vec![Vec::new(); SHARDS],
            sums: vec![HashTable::new(); SHARDS],
            most_waiting: share(8 * SHARDS).min(MOST_WAITING),
            len: 0,
        }
    }

    /// Sums held, without what waits.
    pub fn held(&self) -> usize {
        self.len
    }

    /// Where in `recent` a hash belongs.
    fn place_of(&self, hash: u64) -> usize {
        hash as usize >> 40 & (self.recent.len() - 1)
    }

    /// Fetch what [`Shards::add`] needs for `key`: for several keys in a row the processor waits
    /// but once.
    #[inline]
    pub fn expect(&self, key: T::Key) {
        let place = &self.recent[self.place_of(hash(key))];
        black_box(place.is_some());
    }

    /// Add `thing`; `merge` adds it to the sum of its key.
    #[inline]
    pub fn add(&mut self, thing: T, merge: impl FnMut(&mut T::Sum, &T)) {
        let key = thing.key();
        let hash = hash(key);
        let place = self.place_of(hash);
        let place = &mut self.recent[place];
        if let Some(recent) = place
            && recent.key() == key
            && recent.join(&thing)
        {
            return;
        }
        if let Some(other) = place.replace(thing) {
            self.pass_on(other, merge);
        }
    }

    /// Add what is a sum already; `merge` adds it to the sum of its key.
    pub fn add_sum(&mut self, sum: T::Sum, merge: impl FnOnce(&mut T::Sum, &T::Sum)) {
        let key = T::key_of(&sum);
        let sums = &mut self.sums[shard_of(hash(key))];
        let before = sums.len();
        add_to::<T>(sums, key, || sum, |known| merge(known, &sum));
        self.len += sums.len() - before;
    }

    /// Put `thing` into its shard.
    #[inline]
    fn pass_on(&mut self, thing: T, merge: impl FnMut(&mut T::Sum, &T)) {
        let shard = shard_of(hash(thing.key()));
        self.waiting[shard].push(thing);
        if self.waiting[shard].len() >= self.most_waiting {
            self.absorb(shard, merge);
        }
    }

    /// Sum what waits for a shard.
    fn absorb(&mut self, shard: usize, mut merge: impl FnMut(&mut T::Sum, &T)) {
        let sums = &mut self.sums[shard];
        let before = sums.len();
        for thing in self.waiting[shard].drain(..) {
            add_to::<T>(sums, thing.key(), || thing.alone(), |sum| merge(sum, &thing));
        }
        self.len += sums.len() - before;
    }

    /// Take all sums out, in no order.
    pub fn drain(&mut self, mut merge: impl FnMut(&mut T::Sum, &T)) -> Vec<T::Sum> {
        for i in 0..self.recent.len() {
            if let Some(thing) = self.recent[i].take() {
                self.pass_on(thing, &mut merge);
            }
        }
        (0..SHARDS).for_each(|shard| self.absorb(shard, &mut merge));
        let mut all = Vec::with_capacity(self.len);
        self.sums.iter_mut().for_each(|sums| all.extend(sums.drain()));
        self.len = 0;
        all
    }
}

/// Add to the sum of `key` with `merge`, or `begin` it.
#[inline]
fn add_to<T: Keyed>(
    sums: &mut HashTable<T::Sum>,
    key: T::Key,
    begin: impl FnOnce() -> T::Sum,
    merge: impl FnOnce(&mut T::Sum),
) {
    let is_key = |sum: &T::Sum| T::key_of(sum) == key;
    match sums.entry(hash(key), is_key, |sum| hash(T::key_of(sum))) {
        Entry::Occupied(mut sum) => merge(sum.get_mut()),
        Entry::Vacant(slot) => {
            slot.insert(begin());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and a number that has room for 1,000 things.
    type Few = (u32, u16);

    impl Keyed for Few {
        type Key = u32;
        type Sum = (u32, u64);

        fn key(&self) -> u32 {
            self.0
        }

        fn key_of(sum: &(u32, u64)) -> u32 {
            sum.0
        }

        fn join(&mut self, later: &Self) -> bool {
            let sum = self.1.checked_add(later.1);
            self.1 = sum.unwrap_or(self.1);
            sum.is_some()
        }

        fn alone(self) -> (u32, u64) {
            (self.0, u64::from(self.1))
        }
    }

    #[test]
    fn sums_are_those_of_all_things_however_many_wait() {
        for memory in [0, 1 << 20] {
            let mut shards = Shards::new(memory);
            for i in 0..100_000_u32 {
                shards.add((i % 1000, (i / 2) as u16), |sum, more| sum.1 += u64::from(more.1));
                shards.add_sum((i % 1000, 1 << 40), |sum, more| sum.1 += more.1);
            }
            let mut sums = shards.drain(|sum, more| sum.1 += u64::from(more.1));
            sums.sort_unstable();

            let sum = |key: u64| (0..100).map(|i| (i * 1000 + key) / 2 + (1 << 40)).sum::<u64>();
            let expected: Vec<_> = (0..1000).map(|key| (key, sum(u64::from(key)))).collect();
            assert_eq!(expected, sums);
        }
    }
}
