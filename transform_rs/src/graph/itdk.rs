//! Routers and the links between them in the layout of CAIDA's ITDK, written as they are found.
//!
//! Source: the README of CAIDA's Macroscopic Internet Topology Data Kit: `.nodes`, `.links`,
//! `.ifaces`. Numbers follow the smallest address of each router, so that they depend on the data
//! alone. A silent hop is an interface of 224.0.0.0/3 (ff00::/8 between IPv6 neighbours), one per
//! position, behind all routers: never is one merged with another.
//!
//! First pass, by near address: routers get their numbers. Second pass, by far address: links get
//! theirs. Between the two everything is sorted again, in bounded memory.

use std::collections::BTreeMap;
use std::path::Path;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::facts::{Behind, Edge, Fact, Family, Iface, Vp, What};
use super::write::{Files, Notes};
use crate::error::Result;
use crate::output::Written;
use crate::spill::{Sorted, Sorter};
use crate::warts::addr::Addr;

/// What a graph is built with.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'p> {
    /// Alias sets, each sorted.
    pub sets: &'p [Vec<Addr>],
    /// Names of vantage points; with less than two, private addresses are no riddle.
    pub vps: &'p BTreeMap<Vp, Vec<u8>>,
    /// Memory to sort in, bytes.
    pub memory: usize,
    /// Where the rest goes.
    pub temporary: &'p Path,
}

/// Where and how a graph is written.
#[derive(Debug, Clone, Copy)]
pub struct Place<'p> {
    /// The folder.
    pub into: &'p Path,
    /// Name of the text files.
    pub name: &'p str,
    /// Are digests wanted?
    pub with_digest: bool,
    /// Notes for the tables' metadata.
    pub notes: Notes<'p>,
}

/// Build the graph of these facts and write it.
///
/// # Errors
/// [`crate::error::Error::Write`], or [`crate::error::Error::Read`] of a temporary file.
pub fn write(
    v4: Sorted<Fact<u32>>,
    v6: Sorted<Fact<u128>>,
    plan: &Plan<'_>,
    place: &Place<'_>,
) -> Result<Vec<Written>> {
    let mut files = Files::create(place)?;
    let mut nodes = Nodes::new(plan);
    let (edges4, hidden4) = nodes.number(v4, &mut files)?;
    let (edges6, hidden6) = nodes.number(v6, &mut files)?;
    let routers = nodes.count;
    (0..hidden4).try_for_each(|i| files.node(routers + i, &[u32::hidden(i).addr()], None))?;
    let first6 = routers + hidden4;
    (0..hidden6).try_for_each(|i| files.node(first6 + i, &[u128::hidden(i).addr()], None))?;
    let mut link = 0;
    connect(edges4, routers, &mut link, &mut files)?;
    connect(edges6, first6, &mut link, &mut files)?;
    files.publish(place.notes)
}

/// Is `addr` one that this program gives to silent hops?
pub fn is_artificial(addr: Addr) -> bool {
    matches!(addr, Addr::V4([224..=255, ..]) | Addr::V6([0xff, ..]))
}

/// Numbers of routers.
struct Nodes<'p> {
    plan: &'p Plan<'p>,
    /// The set of each address in a set.
    set_of: HashMap<Addr, usize, FixedState>,
    /// The router of each set that has come up.
    of_set: Vec<Option<u32>>,
    count: u32,
}

/// Edges by far address, and how many silent hops there are.
type Numbered<A> = (Sorted<Edge<A>>, u32);

impl<'p> Nodes<'p> {
    fn new(plan: &'p Plan<'p>) -> Self {
        let sets = plan.sets.iter().enumerate();
        let set_of = sets.flat_map(|(i, set)| set.iter().map(move |addr| (*addr, i))).collect();
        Self { plan, set_of, of_set: vec![None; plan.sets.len()], count: 0 }
    }

    /// The number of the router with this interface; the next one if it has none yet.
    fn of(&mut self, addr: Addr, vp: Vp, files: &mut Files) -> Result<u32> {
        let set = self.set_of.get(&addr).copied().filter(|_| vp == Vp::default());
        if let Some(known) = set.and_then(|set| self.of_set[set]) {
            return Ok(known);
        }
        let node = self.count;
        self.count += 1;
        let Some(set) = set else {
            let name = self.plan.vps.get(&vp).map(Vec::as_slice);
            files.node(node, &[addr], name)?;
            return Ok(node);
        };
        self.of_set[set] = Some(node);
        files.node(node, &self.plan.sets[set], None)?;
        Ok(node)
    }

    /// Number the routers of one family; addresses of alias sets count even if no trace saw them.
    fn number<A: Family>(
        &mut self,
        mut facts: Sorted<Fact<A>>,
        files: &mut Files,
    ) -> Result<Numbered<A>> {
        let mut members: Vec<A> =
            self.plan.sets.iter().flatten().filter_map(|addr| A::of(*addr)).collect();
        members.sort_unstable();
        let mut members = members.into_iter().peekable();
        let mut edges = Edges {
            sorter: Sorter::new(self.plan.memory, self.plan.temporary),
            hidden: 0,
            last: None,
        };
        let is_plain = self.plan.vps.len() < 2;
        let mut open: Option<(Iface<A>, u32, u8)> = None;
        while let Some(mut fact) = facts.next_record()? {
            if is_plain {
                (fact.near.vp, fact.far.vp) = (Vp::default(), Vp::default());
            }
            if open.is_none_or(|(iface, ..)| iface != fact.near) {
                edges.close(open)?;
                while let Some(member) = members.next_if(|member| *member < fact.near.addr) {
                    self.of(member.addr(), Vp::default(), files)?;
                }
                let node = self.of(fact.near.addr.addr(), fact.near.vp, files)?;
                open = Some((fact.near, node, 0));
            }
            if let Some((_, node, role)) = &mut open {
                *role |= u8::from(fact.behind != Behind::Nothing) | u8::from(fact.is_dest) << 1;
                edges.add(*node, fact)?;
            }
        }
        edges.close(open)?;
        for member in members {
            self.of(member.addr(), Vp::default(), files)?;
        }
        Ok((edges.sorter.finish()?, edges.hidden))
    }
}

struct Edges<A> {
    sorter: Sorter<Edge<A>>,
    hidden: u32,
    /// The link before: facts of one link may differ in whether it ended at its destination.
    last: Option<(Iface<A>, Iface<A>, Behind)>,
}

impl<A: Family> Edges<A> {
    fn close(&mut self, open: Option<(Iface<A>, u32, u8)>) -> Result<()> {
        match open {
            Some((far, node, role)) => self.push(far, What::Is(node, role)),
            None => Ok(()),
        }
    }

    fn push(&mut self, far: Iface<A>, what: What) -> Result<()> {
        self.sorter.push(Edge { far, what })
    }

    /// The links from router `node` that `fact` shows; each silent hop is a place of its own.
    fn add(&mut self, node: u32, fact: Fact<A>) -> Result<()> {
        let Behind::Neighbour(stars) = fact.behind else {
            return Ok(());
        };
        let link = (fact.near, fact.far, fact.behind);
        if self.last.replace(link) == Some(link) {
            return Ok(());
        }
        let mut before = What::Router(node);
        for _ in 0..stars {
            let hidden = Iface { addr: A::hidden(self.hidden), vp: Vp::default() };
            self.push(hidden, before)?;
            before = What::Hidden(self.hidden);
            self.hidden += 1;
        }
        self.push(fact.far, before)
    }
}

/// Number the links of one family, whose silent hops are routers from `first_hidden` on.
fn connect<A: Family>(
    mut edges: Sorted<Edge<A>>,
    first_hidden: u32,
    link: &mut u64,
    files: &mut Files,
) -> Result<()> {
    let mut far = Far { iface: None, seen: None, node: 0, link: None };
    let mut last = None;
    while let Some(edge) = edges.next_record()? {
        if last.replace(edge) == Some(edge) {
            continue;
        }
        if far.iface != Some(edge.far) {
            far.end(files)?;
            let node = first_hidden.wrapping_add(edge.far.addr.hidden_number());
            far = Far { iface: Some(edge.far), seen: None, node, link: None };
        }
        let addr = edge.far.addr.addr();
        let (near, shown) = match edge.what {
            What::Is(node, role) => {
                (far.node, far.seen) = (node, Some((addr, role)));
                continue;
            }
            What::Router(node) => (node, None),
            What::Hidden(number) => (first_hidden + number, Some(A::hidden(number).addr())),
        };
        if near == far.node {
            continue;
        }
        if far.link.is_none() {
            *link += 1;
            far.link = Some(*link);
            files.link(*link, far.node, addr);
        }
        files.link_end(*link, (near, shown), far.node, addr)?;
    }
    far.end(files)
}

/// The far interface of a link.
struct Far<A> {
    iface: Option<Iface<A>>,
    /// Address and role, if traces saw it.
    seen: Option<(Addr, u8)>,
    node: u32,
    link: Option<u64>,
}

impl<A> Far<A> {
    fn end(&self, files: &mut Files) -> Result<()> {
        if self.link.is_some() {
            files.end_link()?;
        }
        match self.seen {
            Some((addr, role)) => files.iface(addr, self.node, self.link, role),
            None => Ok(()),
        }
    }
}
