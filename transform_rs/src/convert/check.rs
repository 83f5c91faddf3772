//! Read everything, write nothing.

use crate::cut::{Batch, Cutter};
use crate::decode::{Place, Visitor, visit};
use crate::error::Result;
use crate::pipeline::{Stage, run};
use crate::tally::Tally;
use crate::warts::cursor::Fault;
use crate::warts::dealias::Dealias;
use crate::warts::host::Host;
use crate::warts::kind::Kind;
use crate::warts::neighbourdisc::Neighbourdisc;
use crate::warts::other::Common;
use crate::warts::ping::Ping;
use crate::warts::sniff::Sniff;
use crate::warts::tbit::Tbit;
use crate::warts::trace::Trace;
use crate::warts::tracelb::Tracelb;

struct Check;

impl Visitor for Check {
    fn trace(&mut self, _: Place<'_>, _: &Trace<'_>) {}

    fn other(&mut self, at: Place<'_>, body: &[u8]) -> std::result::Result<bool, Fault> {
        let tables = &at.span.tables;
        match at.record.kind {
            Kind::PING => Ping::decode(body, tables).map(drop)?,
            Kind::DEALIAS => Dealias::decode(body, tables).map(drop)?,
            Kind::TRACELB => Tracelb::decode(body, tables).map(drop)?,
            Kind::NEIGHBOURDISC => Neighbourdisc::decode(body).map(drop)?,
            Kind::TBIT => Tbit::decode(body).map(drop)?,
            Kind::HOST => Host::decode(body).map(drop)?,
            Kind::SNIFF => Sniff::decode(body).map(drop)?,
            kind if kind > Kind::DEALIAS && kind <= Kind::LAST => Common::decode(body).map(drop)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
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
