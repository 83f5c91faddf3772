//! Interfaces and gaps seen in traces.

use std::collections::{BTreeMap, BTreeSet};

use super::sets::Evidence;
use crate::cut::{Batch, Cutter};
use crate::decode::{Place, Visitor, visit};
use crate::error::Result;
use crate::links::path::Path;
use crate::pipeline::{Stage, run};
use crate::tally::Tally;
use crate::warts::addr::Addr;
use crate::warts::cursor::Fault;
use crate::warts::trace::Trace;

/// How an interface was seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// Between others: something answered behind it.
    pub is_transit: bool,
    /// It answered as a destination.
    pub is_dest: bool,
}

/// What traces show, apart from times.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Interfaces.
    pub ifaces: BTreeMap<Addr, Role>,
    /// Neighbours without a silent hop between them.
    pub direct: BTreeSet<(Addr, Addr)>,
    /// Neighbours with this many silent hops between them: each is a place of its own.
    pub gaps: BTreeSet<(Addr, Addr, u8)>,
}

struct Collect;

struct Collecting<'w> {
    seen: &'w mut Fast,
    path: Path,
}

/// The same, quick to add to.
#[derive(Debug, Default)]
struct Fast {
    ifaces: hashbrown::HashMap<Addr, Role, foldhash::fast::FixedState>,
    links: hashbrown::HashSet<(Addr, Addr, u8), foldhash::fast::FixedState>,
    evidence: Evidence,
}

impl Visitor for Collecting<'_> {
    fn trace(&mut self, _: Place<'_>, trace: &Trace<'_>) {
        self.path.rebuild(trace);
        let last = self.path.steps.len().wrapping_sub(1);
        for (i, step) in self.path.steps.iter().enumerate() {
            let role = self.seen.ifaces.entry(step.addr).or_default();
            role.is_transit |= i < last;
            role.is_dest |= trace.dst == Some(step.addr);
        }
        for (near, far, _) in self.path.links() {
            self.seen.links.insert((near.addr, far.addr, far.ttl - near.last_ttl - 1));
        }
    }

    fn other(&mut self, at: Place<'_>, body: &[u8]) -> std::result::Result<bool, Fault> {
        self.seen.evidence.other(at, body)
    }
}

impl Stage for Collect {
    type Worker = Fast;
    type Part = Tally;

    fn worker(&self) -> Fast {
        Fast::default()
    }

    fn work(&self, seen: &mut Fast, batch: &Batch) -> Result<Tally> {
        Ok(visit(batch, &mut Collecting { seen, path: Path::default() }))
    }
}

/// What the traces in the inputs of `cutter` show.
///
/// # Errors
/// [`crate::error::Error::Open`] and [`crate::error::Error::Read`].
pub fn collect(cutter: &mut Cutter, threads: usize) -> Result<(Seen, Tally)> {
    collect_all(cutter, threads).map(|(seen, _, tally)| (seen, tally))
}

/// What the traces and the alias tests in the inputs of `cutter` show.
///
/// # Errors
/// [`crate::error::Error::Open`] and [`crate::error::Error::Read`].
pub fn collect_all(cutter: &mut Cutter, threads: usize) -> Result<(Seen, Evidence, Tally)> {
    let mut tally = Tally::default();
    let workers = run(&Collect, cutter, threads, |part| {
        tally.add(part);
        Ok(())
    })?;
    let (mut seen, mut evidence) = (Seen::default(), Evidence::default());
    for fast in workers {
        evidence.add(fast.evidence);
        for (addr, role) in fast.ifaces {
            let known = seen.ifaces.entry(addr).or_default();
            known.is_transit |= role.is_transit;
            known.is_dest |= role.is_dest;
        }
        for (near, far, stars) in fast.links {
            if stars == 0 {
                seen.direct.insert((near, far));
            } else {
                seen.gaps.insert((near, far, stars));
            }
        }
    }
    Ok((seen, evidence, tally))
}
