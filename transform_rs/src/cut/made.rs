//! Records made of something else: JSON lines, tables.

use super::{Cutter, DAMAGE_PER_BATCH, Source};
use crate::batch::{Batch, Damage, RecordAt};
use crate::error::Result;
use crate::lines;
use crate::lines::source::{Lines, Taken};
use crate::walk::{self, Step};

impl Cutter {
    /// Must records be made of what the current input holds? JSON lines are told by their first
    /// bytes, which then leave `bytes`.
    pub(super) fn is_made(&mut self, bytes: &mut Vec<u8>, at: usize) -> bool {
        if self.offset == 0 && lines::is_json(&bytes[at..]) {
            self.current = match self.current.take() {
                Some(Source::Warts(input)) => {
                    let head = bytes.split_off(at);
                    let lines = Lines::new(input, head, self.ended, self.broken.take());
                    Some(Source::Lines(Box::new(lines)))
                }
                other => other,
            };
        }
        matches!(self.current, Some(Source::Lines(_) | Source::Folder(_)))
    }

    /// Append records made of rows until the batch is full; closes the input at its end.
    pub(super) fn take_rows(&mut self, batch: &mut Batch) -> Result<()> {
        while let Some(Source::Folder(folder)) = &mut self.current {
            let start = batch.bytes.len();
            if start >= self.batch_bytes {
                break;
            }
            match folder.next(&mut batch.bytes)? {
                Some(origin) => {
                    self.cut.bytes += (batch.bytes.len() - start) as u64;
                    self.take_made(batch, start, origin);
                }
                None => self.close_input(batch, 0),
            }
        }
        Ok(())
    }

    /// Append records made of lines until the batch is full; closes the input at its end.
    pub(super) fn take_lines(&mut self, batch: &mut Batch) -> Result<()> {
        while let Some(Source::Lines(lines)) = &mut self.current {
            let start = batch.bytes.len();
            if start >= self.batch_bytes || batch.damage.len() >= DAMAGE_PER_BATCH {
                break;
            }
            let taken = lines.next(&mut batch.bytes, &mut self.cut.bytes)?;
            let (origin, is_end) = match taken {
                Taken::Records(at) => (at, false),
                Taken::End => (lines.offset(), true),
                Taken::Bad(error) => {
                    let (input, kind, reason) = (self.input, error.kind, error.to_string());
                    let (at, len) = (error.at, error.len);
                    batch.damage.push(Damage { input, at, len, kind, reason });
                    (error.at, false)
                }
            };
            let broken = is_end.then(|| lines.broken()).flatten();
            self.take_made(batch, start, origin);
            if is_end {
                let input = self.input;
                let told =
                    broken.map(|reason| Damage { input, at: origin, len: 0, kind: None, reason });
                batch.damage.extend(told);
                self.close_input(batch, 0);
            }
        }
        Ok(())
    }

    /// Note the records from `start` on, which were made of what lies at `origin`.
    fn take_made(&mut self, batch: &mut Batch, mut start: usize, origin: u64) {
        while let Step::Record { len, kind, end } = walk::step(&batch.bytes, start, true) {
            let record = RecordAt { start: start as u32, len: len as u32, kind };
            self.take_record(batch, record, 0);
            self.origins.push((record.start, origin));
            start = end;
        }
    }
}
