//! Read alias evidence from inputs: dealias records in warts, or iffinder's text.

use super::iffinder::{self, Line};
use super::sets::Evidence;
use crate::cut::{Batch, Cut, Cutter, Damage};
use crate::decode::{Place, Visitor, visit};
use crate::error::Result;
use crate::input::Input;
use crate::lines::is_json;
use crate::pipeline::{Stage, run};
use crate::tally::Tally;
use crate::warts::cursor::Fault;
use crate::warts::dealias::{Dealias, method_name};
use crate::warts::kind::Kind;
use crate::warts::trace::Trace;

/// What some inputs say about aliases.
#[derive(Debug, Default)]
pub struct Found {
    /// The pairs.
    pub evidence: Evidence,
    /// What was read.
    pub cut: Cut,
    /// Counts.
    pub tally: Tally,
}

const ALIASES: u8 = 1;
const NOT_ALIASES: u8 = 2;

struct Collect;

impl Visitor for Evidence {
    fn trace(&mut self, _: Place<'_>, _: &Trace<'_>) {}

    fn other(&mut self, at: Place<'_>, body: &[u8]) -> std::result::Result<bool, Fault> {
        if at.record.kind != Kind::DEALIAS {
            return Ok(false);
        }
        let dealias = Dealias::decode(body, &at.span.tables)?;
        let method = method_name(dealias.method).unwrap_or("unknown");
        let vp = at.span.tables.vantage_point(dealias.list_id, dealias.cycle_id);
        for (a, b) in dealias.pairs() {
            self.tested(a, vp);
            match dealias.result {
                ALIASES => self.alias(a, b, method),
                NOT_ALIASES => self.not_alias(a, b, method),
                _ => {}
            }
        }
        Ok(true)
    }
}

impl Stage for Collect {
    type Worker = ();
    type Part = (Evidence, Tally);

    fn worker(&self) {}

    fn work(&self, (): &mut (), batch: &Batch) -> Result<Self::Part> {
        let mut evidence = Evidence::default();
        let tally = visit(batch, &mut evidence);
        Ok((evidence, tally))
    }
}

/// Read all `inputs`; each is warts or iffinder text, told by its beginning.
///
/// # Errors
/// [`crate::error::Error::Open`] and [`crate::error::Error::Read`].
pub fn read(inputs: &[String], with_digest: bool) -> Result<Found> {
    let mut found = Found::default();
    for (number, path) in inputs.iter().enumerate() {
        let mut input = Input::open(path, with_digest)?;
        let mut head = Vec::new();
        input.fill(&mut head, 4096)?;
        if is_text(&head) && !is_json(&head) {
            input.fill(&mut head, usize::MAX)?;
            found.cut.bytes += head.len() as u64;
            found.cut.inputs.push(input.close());
            text(number, &head, &mut found);
        } else {
            warts(number, input.with_prefix(head), &mut found)?;
        }
    }
    Ok(found)
}

/// Text has no zero byte, and iffinder's is ASCII.
fn is_text(head: &[u8]) -> bool {
    !head.starts_with(&[0x12, 0x05]) && head.iter().all(|byte| byte.is_ascii() && *byte != 0)
}

fn warts(number: usize, input: Input, found: &mut Found) -> Result<()> {
    let mut cutter = Cutter::from_inputs(vec![input]);
    run(&Collect, &mut cutter, 1, |(evidence, mut tally)| {
        found.evidence.add(evidence);
        tally.damage.iter_mut().for_each(|damage| damage.input = number);
        found.tally.add(tally);
        Ok(())
    })?;
    let cut = cutter.into_cut();
    found.cut.bytes += cut.bytes;
    found.cut.segments += cut.segments;
    found.cut.inputs.extend(cut.inputs);
    found.cut.cycles.extend(cut.cycles);
    Ok(())
}

fn text(number: usize, bytes: &[u8], found: &mut Found) {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (start, len) = (at, line.len() as u64);
        at += len;
        match iffinder::read(&String::from_utf8_lossy(line)) {
            Line::Pair(a, b) => {
                found.evidence.alias(a, b, "iffinder");
                found.tally.rows += 1;
            }
            Line::Nothing => {
                found.tally.rows += u64::from(!line.trim_ascii().starts_with(b"#"));
            }
            Line::Wrong => found.tally.note_damage(Damage {
                input: number,
                at: start,
                len,
                kind: None,
                reason: "no row of iffinder".to_owned(),
            }),
        }
    }
}
