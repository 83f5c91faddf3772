//! The path that a trace proves: who answered at which TTL, up to where that is certain.

use crate::warts::addr::Addr;
use crate::warts::trace::{Hop, Trace};

/// An address on the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Who answered.
    pub addr: Addr,
    /// TTL of the probes; the first, if the address answered at several in a row.
    pub ttl: u8,
    /// The last such TTL: what lies behind the address is counted from there.
    pub last_ttl: u8,
    /// Shortest round-trip time of the answers at `ttl`, microseconds.
    pub rtt_us: u32,
    /// Shortest round-trip time of the answers at `last_ttl`, microseconds.
    pub last_rtt_us: u32,
    /// Is nothing certain about what lies between the step before and this one?
    pub is_after_break: bool,
}

/// Why a path ends early, and what was left out.
#[derive(Debug, Default, Clone)]
pub struct Path {
    /// Steps, by ascending TTL.
    pub steps: Vec<Step>,
    /// TTL where an address came again although others lay between; the path is cut there.
    pub loop_at: Option<u8>,
    /// TTLs where several addresses answered; no link leads to or from them.
    pub ambiguous: u32,
    /// A number for each step that differs only if the addresses do.
    marks: Vec<u64>,
}

/// A number of `addr`; equal addresses have equal ones.
fn mark(addr: Addr) -> u64 {
    match addr {
        Addr::V4(bytes) => u64::from(u32::from_be_bytes(bytes)),
        Addr::V6(bytes) => {
            let both = u128::from_be_bytes(bytes);
            (both >> 64) as u64 ^ both as u64
        }
        _ => 0,
    }
}

impl Path {
    /// Rebuild from `trace`.
    pub fn rebuild(&mut self, trace: &Trace<'_>) {
        self.steps.clear();
        self.marks.clear();
        self.loop_at = None;
        self.ambiguous = 0;
        let is_v6 = matches!(trace.dst, Some(Addr::V6(_)));
        let mut hops = trace.path_hops();
        let mut is_after_break = false;
        while let Some((at_ttl, rest)) = split_ttl(hops) {
            hops = rest;
            let Some((addr, rtt_us)) = sole_answer(at_ttl) else {
                let answers = at_ttl.iter().any(|hop| is_answer(hop));
                self.ambiguous += u32::from(answers);
                is_after_break |= answers;
                continue;
            };
            if is_zero_ttl(at_ttl, rest, addr) {
                continue;
            }
            let ttl = at_ttl[0].probe_ttl;
            let (last_ttl, last_rtt_us) = (ttl, rtt_us);
            let step = Step { addr, ttl, last_ttl, rtt_us, last_rtt_us, is_after_break };
            if !self.push(step) {
                return;
            }
            is_after_break = false;
            if trace.dst == Some(addr) || at_ttl.iter().any(|hop| is_final(hop, is_v6)) {
                return;
            }
        }
    }

    /// Add a step; false if it closes a loop.
    fn push(&mut self, step: Step) -> bool {
        let mark = mark(step.addr);
        let Some(last) = self.steps.last_mut() else {
            self.steps.push(step);
            self.marks.push(mark);
            return true;
        };
        if last.addr == step.addr && last.last_ttl + 1 == step.ttl {
            // One router, twice in a row: only its second answer has a neighbour behind it.
            last.last_ttl = step.ttl;
            last.last_rtt_us = step.rtt_us;
            return true;
        }
        // Comparing numbers first is faster, and they rarely are equal.
        if self.marks.contains(&mark) && self.steps.iter().any(|seen| seen.addr == step.addr) {
            self.loop_at = Some(step.ttl);
            return false;
        }
        self.steps.push(step);
        self.marks.push(mark);
        true
    }

    /// Neighbours on the path with the silent hops between them; the flag tells whether the path
    /// was cut at a loop right behind the pair.
    pub fn links(&self) -> impl Iterator<Item = (&Step, &Step, bool)> {
        let last = self.steps.len().saturating_sub(2);
        let pairs = self.steps.windows(2).enumerate();
        pairs
            .filter(|(_, pair)| !pair[1].is_after_break)
            .map(move |(i, pair)| (&pair[0], &pair[1], i == last && self.loop_at.is_some()))
    }
}

fn split_ttl<'h, 'a>(hops: &'h [Hop<'a>]) -> Option<(&'h [Hop<'a>], &'h [Hop<'a>])> {
    let ttl = hops.first()?.probe_ttl;
    let end = hops.iter().take_while(|hop| hop.probe_ttl == ttl).count();
    Some(hops.split_at(end))
}

fn is_answer(hop: &Hop<'_>) -> bool {
    matches!(hop.addr, Some(Addr::V4(_) | Addr::V6(_)))
}

/// The one address that answered at a TTL, with its shortest round-trip time.
fn sole_answer(hops: &[Hop<'_>]) -> Option<(Addr, u32)> {
    if let [hop] = hops {
        return hop.addr.filter(|_| is_answer(hop)).map(|addr| (addr, hop.rtt_us));
    }
    let mut answers = hops.iter().filter(|hop| is_answer(hop));
    let first = answers.next()?;
    let addr = first.addr?;
    let mut rtt_us = first.rtt_us;
    for hop in answers {
        if hop.addr != Some(addr) {
            return None;
        }
        rtt_us = rtt_us.min(hop.rtt_us);
    }
    Some((addr, rtt_us))
}

/// Did a router pass the probe on with TTL 0, so that the next one answered in its place?
///
/// Sign: the quoted TTL is 0 and the same address answers at the next TTL again (Augustin et al.,
/// "Avoiding traceroute anomalies with Paris traceroute", IMC 2006, section 4.1).
fn is_zero_ttl(at_ttl: &[Hop<'_>], rest: &[Hop<'_>], addr: Addr) -> bool {
    if at_ttl.iter().all(|hop| hop.quoted_ttl() != 0) {
        return false;
    }
    let ttl = at_ttl[0].probe_ttl;
    rest.first().is_some_and(|next| next.probe_ttl == ttl + 1 && next.addr == Some(addr))
}

/// Does the answer say that the probe went no further: unreachable, echo reply, TCP or UDP?
fn is_final(hop: &Hop<'_>, is_v6: bool) -> bool {
    match hop.icmp() {
        Some((kind, _)) if is_v6 => matches!(kind, 1 | 129),
        Some((kind, _)) => matches!(kind, 0 | 3),
        None => hop.tcp_flags().is_some(),
    }
}
