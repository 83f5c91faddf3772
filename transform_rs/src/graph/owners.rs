//! Addresses of third parties: answers that come from outside the path.
//!
//! A router may answer from the interface by which its answer leaves. That interface may carry an
//! address of a network that the probe never entered: a third party's (Hyun, Broido, claffy:
//! "On third-party addresses in traceroute paths", PAM 2003). Whose an address is, a table of
//! prefixes says.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::links::path::Path;
use crate::targets::Labels;
use crate::warts::addr::Addr;

/// Owners of addresses that came up, by number.
#[derive(Default)]
pub struct Owners {
    of: HashMap<Addr, Option<u32>, FixedState>,
    numbers: HashMap<String, u32, FixedState>,
}

/// Addresses remembered; looking one up anew costs some microseconds.
const MOST: usize = 1 << 18;

impl Owners {
    /// Does the step at `index` look like a third party's: right before and right behind it, with
    /// nothing silent between, answered addresses of one owner, and its own belongs to another?
    pub fn is_third_party(&mut self, path: &Path, index: usize, labels: &Labels) -> bool {
        let steps = &path.steps;
        let before = index.checked_sub(1).and_then(|i| steps.get(i));
        let (Some(before), Some(step), Some(behind)) =
            (before, steps.get(index), steps.get(index + 1))
        else {
            return false;
        };
        let is_close = step.ttl == before.last_ttl + 1 && behind.ttl == step.last_ttl + 1;
        if !is_close || step.is_after_break || behind.is_after_break {
            return false;
        }
        let owners = [before, step, behind].map(|step| self.of(step.addr, labels));
        let [Some(before), Some(own), Some(behind)] = owners else {
            return false;
        };
        before == behind && own != before
    }

    fn of(&mut self, addr: Addr, labels: &Labels) -> Option<u32> {
        if let Some(known) = self.of.get(&addr) {
            return *known;
        }
        let owner = labels.find(addr).map(|(_, label)| {
            let next = self.numbers.len() as u32;
            *self.numbers.entry(label.to_owned()).or_insert(next)
        });
        if self.of.len() == MOST {
            self.of.clear();
        }
        self.of.insert(addr, owner);
        owner
    }
}
