//! Alias sets: union-find over pairs, with the evidence that speaks against them.

use std::collections::{BTreeMap, BTreeSet};

use crate::addresses::Class;
use crate::warts::addr::Addr;

/// Pairs tested, by outcome.
#[derive(Debug, Default, Clone)]
pub struct Evidence {
    /// Pairs found to be one router, with the names of the methods that say so.
    pub aliases: BTreeMap<(Addr, Addr), BTreeSet<String>>,
    /// Pairs found to be two routers, with the names of the methods that say so.
    pub not_aliases: BTreeMap<(Addr, Addr), BTreeSet<String>>,
    /// Vantage points that tested private addresses, those whose name is known.
    pub private_vps: BTreeSet<Vec<u8>>,
}

/// The alias sets and what contradicts them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Sets {
    /// Sets of two addresses and more: each sorted, all sorted by their smallest address.
    pub sets: Vec<Vec<Addr>>,
    /// Pairs inside one set that a test called two routers.
    pub contradictions: Vec<(Addr, Addr)>,
    /// Pairs left out because an address means another machine elsewhere, or none at all.
    pub left_out: Vec<(Addr, Addr)>,
}

fn ordered(a: Addr, b: Addr) -> (Addr, Addr) {
    if a <= b { (a, b) } else { (b, a) }
}

impl Evidence {
    /// Note that `method` found `a` and `b` to be one router.
    pub fn alias(&mut self, a: Addr, b: Addr, method: &str) {
        self.aliases.entry(ordered(a, b)).or_default().insert(method.to_owned());
    }

    /// Note that `method` found `a` and `b` to be two routers.
    pub fn not_alias(&mut self, a: Addr, b: Addr, method: &str) {
        self.not_aliases.entry(ordered(a, b)).or_default().insert(method.to_owned());
    }

    /// Add what another part of the inputs says.
    pub fn add(&mut self, other: Self) {
        for (pair, methods) in other.aliases {
            self.aliases.entry(pair).or_default().extend(methods);
        }
        for (pair, methods) in other.not_aliases {
            self.not_aliases.entry(pair).or_default().extend(methods);
        }
        self.private_vps.extend(other.private_vps);
    }

    /// Note that the vantage point `vp` tested `addr`.
    pub fn tested(&mut self, addr: Addr, vp: Option<&[u8]>) {
        if let Some(vp) = vp.filter(|_| Class::of(addr) == Class::Private) {
            self.private_vps.insert(vp.to_vec());
        }
    }

    /// Group the aliases. Private addresses that several vantage points tested are joined only with
    /// `merge_private`, since the same number may be another machine there; bogons never.
    pub fn sets(&self, merge_private: bool) -> Sets {
        let with_private = merge_private || self.private_vps.len() < 2;
        let is_usable = |(a, b): &(Addr, Addr)| {
            let worst = Class::of(*a).max(Class::of(*b));
            worst == Class::Public || (worst == Class::Private && with_private)
        };
        let (pairs, left_out): (Vec<_>, Vec<_>) = self.aliases.keys().copied().partition(is_usable);
        let mut forest = Forest::of(&pairs);
        pairs.iter().for_each(|(a, b)| forest.join(*a, *b));
        let against = self.not_aliases.keys().copied();
        let contradictions = against.filter(|(a, b)| forest.is_joined(*a, *b)).collect();
        Sets { sets: forest.sets(), contradictions, left_out }
    }
}

/// Union-find over addresses by their place in order; the root of a set is its smallest address, so
/// that the order of joining does not matter.
struct Forest {
    members: Vec<Addr>,
    parents: Vec<usize>,
}

impl Forest {
    /// A set of its own for each address of `pairs`.
    fn of(pairs: &[(Addr, Addr)]) -> Self {
        let mut members: Vec<Addr> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        members.sort_unstable();
        members.dedup();
        let parents = (0..members.len()).collect();
        Self { members, parents }
    }

    fn find(&mut self, addr: Addr) -> Option<usize> {
        let mut at = self.members.binary_search(&addr).ok()?;
        while self.parents[at] != at {
            // Each look shortens the way for those that follow.
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        Some(at)
    }

    fn join(&mut self, a: Addr, b: Addr) {
        if let (Some(a), Some(b)) = (self.find(a), self.find(b)) {
            self.parents[a.max(b)] = a.min(b);
        }
    }

    fn is_joined(&mut self, a: Addr, b: Addr) -> bool {
        let (a, b) = (self.find(a), self.find(b));
        a.is_some() && a == b
    }

    fn sets(&mut self) -> Vec<Vec<Addr>> {
        let mut sets: BTreeMap<usize, Vec<Addr>> = BTreeMap::new();
        for addr in self.members.clone() {
            if let Some(root) = self.find(addr) {
                sets.entry(root).or_default().push(addr);
            }
        }
        sets.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(n: u8) -> Addr {
        Addr::V4([8, 0, 0, n])
    }

    #[test]
    fn sets_do_not_depend_on_the_order_of_pairs() {
        let pairs = [(1, 2), (3, 4), (2, 3), (7, 6)];
        let sets = |order: &mut dyn Iterator<Item = &(u8, u8)>| {
            let mut evidence = Evidence::default();
            order.for_each(|(a, b)| evidence.alias(addr(*a), addr(*b), "mercator"));
            evidence.sets(false).sets
        };

        let expected = vec![vec![addr(1), addr(2), addr(3), addr(4)], vec![addr(6), addr(7)]];
        assert_eq!(expected, sets(&mut pairs.iter()));
        assert_eq!(expected, sets(&mut pairs.iter().rev()));
    }

    #[test]
    fn counter_evidence_inside_a_set_is_reported() {
        let mut evidence = Evidence::default();
        evidence.alias(addr(1), addr(2), "mercator");
        evidence.alias(addr(2), addr(3), "iffinder");
        evidence.not_alias(addr(3), addr(1), "ally");

        assert_eq!(vec![(addr(1), addr(3))], evidence.sets(false).contradictions);
    }

    #[test]
    fn private_addresses_of_two_vantage_points_are_joined_only_when_asked() {
        let mut evidence = Evidence::default();
        let private = |n| Addr::V4([10, 0, 0, n]);
        evidence.alias(private(1), private(2), "mercator");
        evidence.tested(private(1), Some(b"us-0001"));

        assert_eq!(1, evidence.sets(false).sets.len());
        evidence.tested(private(1), Some(b"jp-0001"));
        assert_eq!((0, 1), (evidence.sets(false).sets.len(), evidence.sets(false).left_out.len()));
        assert_eq!(1, evidence.sets(true).sets.len());
    }
}
