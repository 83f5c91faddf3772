//! Read everything, write nothing.

use crate::cut::{Batch, Cutter};
use crate::decode::{Place, Visitor, visit};
use crate::error::Result;
use crate::pipeline::{Stage, run};
use crate::tally::Tally;
use crate::warts::trace::Trace;

struct Check;

impl Visitor for Check {
    fn trace(&mut self, _: Place<'_>, _: &Trace<'_>) {}
}

impl Stage for Check {
    type Worker = ();
    type Part = Tally;

    fn worker(&self) {}

    fn work(&self, (): &mut (), batch: &Batch) -> Result<Tally> {
        Ok(visit(batch, &mut Self))
    }
}

/// Count everything in the inputs of `cutter`.
///
/// # Errors
/// [`crate::error::Error::Open`] and [`crate::error::Error::Read`].
pub fn check(cutter: &mut Cutter, threads: usize) -> Result<Tally> {
    let mut tally = Tally::default();
    run(&Check, cutter, threads, |part| {
        tally.add(part);
        Ok(())
    })?;
    Ok(tally)
}
