//! Interfaces and gaps seen in traces, in bounded memory.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use super::facts::{Behind, Fact, Family, Iface, Seen, Vp};
use super::owners::Owners;
use super::sets::Evidence;
use crate::addresses::Class;
use crate::cut::{Batch, Cutter};
use crate::decode::{Place, Visitor, visit};
use crate::error::Result;
use crate::links::path::{Path, Step};
use crate::links::shards::{Keyed, Shards};
use crate::pipeline::{Stage, run};
use crate::spill::{Sorted, Spill};
use crate::tally::Tally;
use crate::targets::Labels;
use crate::warts::addr::Addr;
use crate::warts::cursor::Fault;
use crate::warts::trace::Trace;

/// How facts are collected.
#[derive(Debug, Clone, Copy)]
pub struct Order<'o> {
    /// Threads to use.
    pub threads: usize,
    /// Vantage point of traces that carry none; empty is unknown.
    pub fallback_vp: &'o str,
    /// Memory for facts, bytes; what does not fit goes to temporary files.
    pub memory: usize,
    /// Where these are.
    pub temporary: &'o FilePath,
    /// Is a private address the same interface for all vantage points?
    pub merge_private: bool,
    /// Whose addresses are whose, if third parties are to be told.
    pub owners: Option<&'o Labels>,
}

/// What traces and alias tests show.
pub struct Collected {
    /// IPv4.
    pub v4: Sorted<Fact<u32>>,
    /// IPv6.
    pub v6: Sorted<Fact<u128>>,
    /// Vantage points that saw private addresses.
    pub vps: BTreeMap<Vp, Vec<u8>>,
    /// Alias tests.
    pub evidence: Evidence,
    /// Counts.
    pub tally: Tally,
}

/// Memory that a fact takes: in its table, and while the facts are sorted, bytes.
const FACT_BYTES: usize = 128;

/// Facts of one family.
struct Facts<A: Family> {
    shards: Shards<Seen<A>>,
    runs: Vec<Spill<Fact<A>>>,
}

/// What one worker collects.
pub struct Worker {
    v4: Facts<u32>,
    v6: Facts<u128>,
    /// Names of vantage points; the number of one is its index plus 1.
    vps: Vec<Vec<u8>>,
    path: Path,
    evidence: Evidence,
    owners: Owners,
}

fn merge<A: Family>(sum: &mut Seen<A>, seen: &Seen<A>) {
    sum.join(seen);
}

impl<A: Family> Facts<A> {
    fn new(memory: usize) -> Self {
        Self { shards: Shards::new(memory), runs: Vec::new() }
    }

    fn drain_sorted(&mut self, vps: &[Vp]) -> Vec<Fact<A>> {
        let iface = |addr: A, vp: u32| {
            let is_private = vp > 0 && Class::of(addr.addr()) == Class::Private;
            Iface { addr, vp: if is_private { vps[vp as usize - 1] } else { Vp::default() } }
        };
        let facts = self.shards.drain(merge).into_iter().map(|seen| Fact {
            near: iface(seen.near, seen.vp),
            far: iface(seen.far, seen.vp),
            behind: seen.behind,
            is_dest: seen.is_dest,
            is_third_party: seen.is_third_party,
        });
        let mut facts: Vec<_> = facts.collect();
        facts.sort_unstable();
        facts
    }

    fn relieve(&mut self, vps: &[Vp], order: &Order<'_>) -> Result<()> {
        if self.shards.held() > order.memory / order.threads.max(1) / FACT_BYTES {
            let facts = self.drain_sorted(vps);
            self.runs.push(Spill::write(&facts, order.temporary)?);
        }
        Ok(())
    }
}

struct Collecting<'w> {
    worker: &'w mut Worker,
    order: &'w Order<'w>,
}

impl Worker {
    fn vp(&mut self, name: &[u8]) -> u32 {
        let known = self.vps.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.vps.push(name.to_vec());
            self.vps.len() - 1
        });
        index as u32 + 1
    }

    fn names(&self) -> Vec<Vp> {
        self.vps.iter().map(|name| Vp::of(name)).collect()
    }

    /// Note the step at `index` of the path.
    fn step(&mut self, index: usize, vp: Option<u32>, dst: Option<Addr>, labels: Option<&Labels>) {
        let is_third_party =
            labels.is_some_and(|labels| self.owners.is_third_party(&self.path, index, labels));
        let step = self.path.steps[index];
        let next = self.path.steps.get(index + 1);
        let (far, behind) = match next {
            Some(next) if next.is_after_break => (step.addr, Behind::Answer),
            Some(next) => (next.addr, Behind::Neighbour(next.ttl - step.last_ttl - 1)),
            None => (step.addr, Behind::Nothing),
        };
        let is_private = |addr: Addr| Class::of(addr) == Class::Private;
        let vp = vp.filter(|_| is_private(step.addr) || is_private(far)).unwrap_or(0);
        let is_dest = dst == Some(step.addr);
        let what = What { behind, vp, is_dest, is_third_party };
        match step.addr {
            Addr::V4(_) => note(&mut self.v4, step, far, what),
            _ => note(&mut self.v6, step, far, what),
        }
    }
}

/// What a step of a path shows beside its addresses.
struct What {
    behind: Behind,
    vp: u32,
    is_dest: bool,
    is_third_party: bool,
}

fn note<A: Family>(facts: &mut Facts<A>, step: Step, far: Addr, what: What) {
    let Some(near) = A::of(step.addr) else {
        return;
    };
    let What { behind, vp, is_dest, is_third_party } = what;
    // Neighbours are of one family; were they not, the second would be an answer and no more.
    let (far, behind) = A::of(far).map_or((near, Behind::Answer), |far| (far, behind));
    facts.shards.add(Seen { near, far, vp, behind, is_dest, is_third_party }, merge);
}

impl Visitor for Collecting<'_> {
    fn trace(&mut self, at: Place<'_>, trace: &Trace<'_>) {
        let worker = &mut *self.worker;
        worker.path.rebuild(trace);
        let name = at.span.tables.vantage_point(trace.list_id, trace.cycle_id);
        let name = name.unwrap_or(self.order.fallback_vp.as_bytes());
        let vp = (!self.order.merge_private).then(|| worker.vp(name));
        let (steps, owners) = (worker.path.steps.len(), self.order.owners);
        (0..steps).for_each(|i| worker.step(i, vp, trace.dst, owners));
    }

    fn other(&mut self, at: Place<'_>, body: &[u8]) -> std::result::Result<bool, Fault> {
        self.worker.evidence.other(at, body)
    }
}

impl Stage for Order<'_> {
    type Worker = Worker;
    type Part = Tally;

    fn worker(&self) -> Worker {
        let memory = self.memory / self.threads.max(1);
        Worker {
            v4: Facts::new(memory),
            v6: Facts::new(memory),
            vps: Vec::new(),
            path: Path::default(),
            evidence: Evidence::default(),
            owners: Owners::default(),
        }
    }

    fn work(&self, worker: &mut Worker, batch: &Batch) -> Result<Tally> {
        let tally = visit(batch, &mut Collecting { worker, order: self });
        let names = worker.names();
        worker.v4.relieve(&names, self)?;
        worker.v6.relieve(&names, self)?;
        Ok(tally)
    }
}

/// What the traces and the alias tests in the inputs of `cutter` show.
///
/// # Errors
/// [`crate::error::Error::Open`] and [`crate::error::Error::Read`]; [`crate::error::Error::Write`]
/// if a temporary file cannot be written.
pub fn collect(cutter: &mut Cutter, order: &Order<'_>) -> Result<Collected> {
    let mut tally = Tally::default();
    let workers = run(order, cutter, order.threads, |part| {
        tally.add(part);
        Ok(())
    })?;
    let (mut v4, mut v6) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    let (mut vps, mut evidence) = (BTreeMap::new(), Evidence::default());
    for mut worker in workers {
        let names = worker.names();
        v4.0.append(&mut worker.v4.runs);
        v4.1.push(worker.v4.drain_sorted(&names));
        v6.0.append(&mut worker.v6.runs);
        v6.1.push(worker.v6.drain_sorted(&names));
        vps.extend(names.into_iter().zip(worker.vps));
        evidence.add(worker.evidence);
    }
    Ok(Collected {
        v4: Sorted::new(v4.0, v4.1, order.temporary)?,
        v6: Sorted::new(v6.0, v6.1, order.temporary)?,
        vps,
        evidence,
        tally,
    })
}
