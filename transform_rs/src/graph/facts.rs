//! What one answer in a trace shows: who answered, and what came behind.

use std::fmt::Debug;
use std::hash::Hash;

use sha2::{Digest, Sha256};

use crate::links::shards::Keyed;
use crate::spill::{Record, take};
use crate::warts::addr::Addr;

/// Addresses of one family as numbers.
pub trait Family: Copy + Ord + Hash + Debug + Send {
    /// Bytes of an address.
    const SIZE: usize;

    /// As an address.
    fn addr(self) -> Addr;

    /// The address, if it is of this family.
    fn of(addr: Addr) -> Option<Self>;

    /// The artificial address of the silent hop with this number, from 0.
    fn hidden(number: u32) -> Self;

    /// The number of the silent hop with this artificial address.
    fn hidden_number(self) -> u32;

    /// Append its bytes.
    fn put(self, out: &mut Vec<u8>);

    /// From its bytes.
    fn get(bytes: &mut &[u8]) -> Self;
}

impl Family for u32 {
    const SIZE: usize = 4;

    fn addr(self) -> Addr {
        Addr::V4(self.to_be_bytes())
    }

    fn of(addr: Addr) -> Option<Self> {
        if let Addr::V4(bytes) = addr { Some(Self::from_be_bytes(bytes)) } else { None }
    }

    fn hidden(number: u32) -> Self {
        0xe000_0000 | (number + 1)
    }

    fn hidden_number(self) -> u32 {
        (self & 0x1fff_ffff).wrapping_sub(1)
    }

    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn get(bytes: &mut &[u8]) -> Self {
        Self::from_le_bytes(take(bytes))
    }
}

impl Family for u128 {
    const SIZE: usize = 16;

    fn addr(self) -> Addr {
        Addr::V6(self.to_be_bytes())
    }

    fn of(addr: Addr) -> Option<Self> {
        if let Addr::V6(bytes) = addr { Some(Self::from_be_bytes(bytes)) } else { None }
    }

    fn hidden(number: u32) -> Self {
        0xff << 120 | (Self::from(number) + 1)
    }

    fn hidden_number(self) -> u32 {
        (self as u32).wrapping_sub(1)
    }

    fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn get(bytes: &mut &[u8]) -> Self {
        Self::from_le_bytes(take(bytes))
    }
}

/// A vantage point's name in eight bytes; zeros where it does not matter who saw an address.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vp(pub [u8; 8]);

impl Vp {
    /// The vantage point with this name; the same whatever the order of inputs.
    pub fn of(name: &[u8]) -> Self {
        let digest = Sha256::digest(name);
        Self(take(&mut &digest[..]))
    }
}

/// An address as an interface: a private one is another interface at each vantage point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iface<A> {
    /// The address.
    pub addr: A,
    /// Who saw it, if it is private.
    pub vp: Vp,
}

/// What lies behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Behind {
    /// A neighbour, after this many silent hops.
    Neighbour(u8),
    /// An answer of which nothing says that it is a neighbour.
    Answer,
    /// Nothing.
    Nothing,
}

/// One answer in traces of one vantage point, as it is summed.
#[derive(Debug, Clone, Copy)]
pub struct Seen<A> {
    /// Who answered.
    pub near: A,
    /// Who answered next, if that is a neighbour; else `near` again.
    pub far: A,
    /// Number of the vantage point if one of the two is private, else 0.
    pub vp: u32,
    /// What lies behind.
    pub behind: Behind,
    /// Was it the destination in one of the traces?
    pub is_dest: bool,
    /// Did it answer in one of the traces as if it were a third party?
    pub is_third_party: bool,
}

impl<A: Family> Keyed for Seen<A> {
    type Key = (A, A, u32, Behind);
    type Sum = Self;

    fn key(&self) -> Self::Key {
        (self.near, self.far, self.vp, self.behind)
    }

    fn key_of(sum: &Self) -> Self::Key {
        sum.key()
    }

    fn join(&mut self, later: &Self) -> bool {
        self.is_dest |= later.is_dest;
        self.is_third_party |= later.is_third_party;
        true
    }

    fn alone(self) -> Self {
        self
    }
}

/// The same for all vantage points, sorted by the interface that answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact<A> {
    /// Who answered.
    pub near: Iface<A>,
    /// Who answered next, if that is a neighbour; else `near` again.
    pub far: Iface<A>,
    /// What lies behind.
    pub behind: Behind,
    /// Was it the destination in one of the traces?
    pub is_dest: bool,
    /// Did it answer in one of the traces as if it were a third party?
    pub is_third_party: bool,
}

impl<A: Family> Iface<A> {
    const SIZE: usize = A::SIZE + 8;

    fn put(&self, out: &mut Vec<u8>) {
        self.addr.put(out);
        out.extend_from_slice(&self.vp.0);
    }

    fn get(bytes: &mut &[u8]) -> Self {
        Self { addr: A::get(bytes), vp: Vp(take(bytes)) }
    }
}

impl<A: Family> Record for Fact<A> {
    const SIZE: usize = 2 * Iface::<A>::SIZE + 3;

    fn put(&self, out: &mut Vec<u8>) {
        self.near.put(out);
        self.far.put(out);
        let (kind, stars) = match self.behind {
            Behind::Neighbour(stars) => (0, stars),
            Behind::Answer => (1, 0),
            Behind::Nothing => (2, 0),
        };
        let roles = u8::from(self.is_dest) | u8::from(self.is_third_party) << 1;
        out.extend_from_slice(&[kind, stars, roles]);
    }

    fn get(mut bytes: &[u8]) -> Self {
        let (near, far) = (Iface::get(&mut bytes), Iface::get(&mut bytes));
        let [kind, stars, roles] = take(&mut bytes);
        let behind = match kind {
            0 => Behind::Neighbour(stars),
            1 => Behind::Answer,
            _ => Behind::Nothing,
        };
        let (is_dest, is_third_party) = (roles & 1 != 0, roles & 2 != 0);
        Self { near, far, behind, is_dest, is_third_party }
    }
}

/// An interface with its router, or a router that leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge<A> {
    /// The interface.
    pub far: Iface<A>,
    /// What is told about it; the interface itself comes before the routers that lead to it.
    pub what: What,
}

/// What is told about an interface; routers by their numbers from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Its router, and how it was seen: bit 0 with something behind it, bit 1 as a destination.
    Is(u32, u8),
    /// A router is its neighbour.
    Router(u32),
    /// The silent hop with this number is its neighbour.
    Hidden(u32),
}

impl<A: Family> Record for Edge<A> {
    const SIZE: usize = Iface::<A>::SIZE + 6;

    fn put(&self, out: &mut Vec<u8>) {
        self.far.put(out);
        let (kind, number, role) = match self.what {
            What::Is(number, role) => (0, number, role),
            What::Router(number) => (1, number, 0),
            What::Hidden(number) => (2, number, 0),
        };
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&[kind, role]);
    }

    fn get(mut bytes: &[u8]) -> Self {
        let far = Iface::get(&mut bytes);
        let number = u32::from_le_bytes(take(&mut bytes));
        let what = match take(&mut bytes) {
            [0, role] => What::Is(number, role),
            [1, _] => What::Router(number),
            _ => What::Hidden(number),
        };
        Self { far, what }
    }
}
