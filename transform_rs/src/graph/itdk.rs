//! Routers and the links between them in the layout of CAIDA's ITDK.
//!
//! Source: the README of CAIDA's Macroscopic Internet Topology Data Kit: `.nodes`, `.links`,
//! `.ifaces`. Numbers follow the smallest address of each router, so that they depend on the data
//! alone. A silent hop is an interface of 224.0.0.0/3 (ff00::/8 between IPv6 neighbours), one per
//! position: never is one merged with another.

use std::collections::{BTreeMap, BTreeSet};

use super::collect::Seen;
use crate::warts::addr::Addr;

/// A router: its interfaces, sorted.
pub type Node = Vec<Addr>;

/// Routers and links.
#[derive(Debug, Default)]
pub struct Graph {
    /// Routers; the number of one is its index plus 1.
    pub nodes: Vec<Node>,
    /// Links: node and, where it is known, interface of each end; sorted.
    pub links: Vec<Link>,
    node_of: BTreeMap<Addr, usize>,
}

/// One link: the far interface and the near routers that lead to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The far interface, as in traceroute.
    pub far: Addr,
    /// Near node and its interface, if that is an anonymous one.
    pub near: BTreeSet<(usize, Option<Addr>)>,
}

impl Graph {
    /// Group interfaces into routers by `sets` and connect them.
    pub fn build(seen: &Seen, sets: &[Vec<Addr>]) -> Self {
        let hidden = hidden(seen);
        let mut group_of: BTreeMap<Addr, Addr> = BTreeMap::new();
        for set in sets {
            set.iter().for_each(|addr| {
                group_of.insert(*addr, set[0]);
            });
        }
        let known = seen.ifaces.keys().chain(group_of.keys()).copied();
        let all: BTreeSet<Addr> =
            known.chain(hidden.iter().flat_map(|h| h.between.clone())).collect();
        let mut nodes: BTreeMap<Addr, Node> = BTreeMap::new();
        for addr in all {
            let first = group_of.get(&addr).copied().unwrap_or(addr);
            nodes.entry(first).or_default().push(addr);
        }
        let mut graph = Self { nodes: nodes.into_values().collect(), ..Self::default() };
        for (i, node) in graph.nodes.iter().enumerate() {
            node.iter().for_each(|addr| {
                graph.node_of.insert(*addr, i);
            });
        }
        graph.connect(seen, &hidden);
        graph
    }

    fn connect(&mut self, seen: &Seen, hidden: &[Hidden]) {
        let mut links: BTreeMap<Addr, BTreeSet<(usize, Option<Addr>)>> = BTreeMap::new();
        let mut add = |near: Addr, far: Addr, node_of: &BTreeMap<Addr, usize>| {
            let (Some(a), Some(b)) = (node_of.get(&near), node_of.get(&far)) else {
                return;
            };
            if a != b {
                let shown = is_artificial(near).then_some(near);
                links.entry(far).or_default().insert((*a, shown));
            }
        };
        seen.direct.iter().for_each(|(near, far)| add(*near, *far, &self.node_of));
        for gap in hidden {
            let mut before = gap.near;
            for addr in gap.between.iter().chain([&gap.far]) {
                add(before, *addr, &self.node_of);
                before = *addr;
            }
        }
        self.links = links.into_iter().map(|(far, near)| Link { far, near }).collect();
    }

    /// The number of the router with this interface.
    pub fn node_id(&self, addr: Addr) -> Option<usize> {
        self.node_of.get(&addr).map(|index| index + 1)
    }

    /// `.nodes`: `node N1:  192.0.2.1 192.0.2.9`.
    pub fn write_nodes(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"# format: node <node_id>:  <i1>  <i2>  ...  <in>\n");
        for (i, node) in self.nodes.iter().enumerate() {
            out.extend_from_slice(format!("node N{}: ", i + 1).as_bytes());
            for addr in node {
                out.push(b' ');
                addr.write_to(out);
            }
            out.push(b'\n');
        }
    }

    /// `.links`: `link L1:  N2:192.0.2.9 N1`; the first end is the far one, whose interface is known.
    pub fn write_links(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"# format: link <link_id>:  <N1>:i1  <N2>:i2  ...\n");
        for (i, link) in self.links.iter().enumerate() {
            let far = self.node_id(link.far).unwrap_or(0);
            out.extend_from_slice(format!("link L{}:  N{far}:{}", i + 1, link.far).as_bytes());
            for (node, shown) in &link.near {
                let shown = shown.map(|addr| format!(":{addr}")).unwrap_or_default();
                out.extend_from_slice(format!(" N{}{shown}", node + 1).as_bytes());
            }
            out.push(b'\n');
        }
    }

    /// `.ifaces`: `<address> [<node_id>] [<link_id>] [T] [D]`.
    pub fn write_ifaces(&self, seen: &Seen, out: &mut Vec<u8>) {
        let link_of: BTreeMap<Addr, usize> =
            self.links.iter().enumerate().map(|(i, link)| (link.far, i + 1)).collect();
        out.extend_from_slice(b"# format: <address> [<node_id>] [<link_id>] [T] [D]\n");
        for (addr, role) in &seen.ifaces {
            addr.write_to(out);
            if let Some(node) = self.node_id(*addr) {
                out.extend_from_slice(format!(" N{node}").as_bytes());
            }
            if let Some(link) = link_of.get(addr) {
                out.extend_from_slice(format!(" L{link}").as_bytes());
            }
            out.extend_from_slice(if role.is_transit { b" T" } else { b"" });
            out.extend_from_slice(if role.is_dest { b" D" } else { b"" });
            out.push(b'\n');
        }
    }
}

struct Hidden {
    near: Addr,
    far: Addr,
    between: Vec<Addr>,
}

/// Is `addr` one that this program gave to a silent hop?
pub fn is_artificial(addr: Addr) -> bool {
    matches!(addr, Addr::V4([224..=255, ..]) | Addr::V6([0xff, ..]))
}

/// An artificial interface for each silent hop of each gap, numbered in the gaps' order.
fn hidden(seen: &Seen) -> Vec<Hidden> {
    let (mut v4, mut v6) = (0_u32, 0_u128);
    let mut number = |near: Addr| match near {
        Addr::V6(_) => {
            v6 += 1;
            Addr::V6(((0xff_u128 << 120) | v6).to_be_bytes())
        }
        _ => {
            v4 += 1;
            Addr::V4((0xe000_0000 | v4).to_be_bytes())
        }
    };
    let gaps = seen.gaps.iter();
    gaps.map(|(near, far, stars)| Hidden {
        near: *near,
        far: *far,
        between: (0..*stars).map(|_| number(*near)).collect(),
    })
    .collect()
}
