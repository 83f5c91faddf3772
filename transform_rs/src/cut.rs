//! Cut inputs into batches of whole records, find the way again after damage, follow the tables.

mod made;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

pub use crate::batch::{Batch, Cut, CycleSeen, Damage, RecordAt, Span};
use crate::error::Result;
use crate::folder::source::Folder;
use crate::input::Input;
use crate::lines::source::Lines;
use crate::walk::{self, HEADER, Step};
use crate::warts::kind::Kind;
use crate::warts::tables::{Entry, Tables};

/// Bytes of records per batch: about 190,000 replies, which make one row group of Parquet.
pub const BATCH_BYTES: usize = 8 << 20;

/// Bytes per batch where no row groups are made: what a batch becomes then stays in the cache.
pub const SMALL_BATCH_BYTES: usize = 256 << 10;

/// Bad lines that end a batch: a file may hold nothing else.
const DAMAGE_PER_BATCH: usize = 1000;

/// Where records come from.
enum Source {
    /// Records as they are.
    Warts(Input),
    /// Lines to make records of.
    Lines(Box<Lines>),
    /// Tables to make records of.
    Folder(Box<Folder>),
}

/// Cuts inputs, one after the other.
pub struct Cutter {
    waiting: VecDeque<Input>,
    paths: VecDeque<String>,
    current: Option<Source>,
    with_digest: bool,
    batch_bytes: usize,
    /// Bytes carried from the batch before.
    carry: Vec<u8>,
    /// Offset of the carried bytes in the current input.
    offset: u64,
    input: usize,
    segment: usize,
    in_segment: bool,
    ended: bool,
    broken: Option<String>,
    tables: Tables,
    origins: Vec<(u32, u64)>,
    traces: u64,
    cut: Cut,
}

impl Cutter {
    /// Cut the inputs with these names.
    pub fn new(paths: &[String], with_digest: bool) -> Self {
        Self::build(VecDeque::new(), paths.to_vec().into(), with_digest)
    }

    /// Cut inputs that are open already.
    pub fn from_inputs(inputs: Vec<Input>) -> Self {
        Self::build(inputs.into(), VecDeque::new(), false)
    }

    fn build(waiting: VecDeque<Input>, paths: VecDeque<String>, with_digest: bool) -> Self {
        Self {
            waiting,
            paths,
            current: None,
            with_digest,
            batch_bytes: BATCH_BYTES,
            carry: Vec::new(),
            offset: 0,
            input: 0,
            segment: 0,
            in_segment: false,
            ended: false,
            broken: None,
            tables: Tables::default(),
            origins: Vec::new(),
            traces: 0,
            cut: Cut::default(),
        }
    }

    /// Use batches of `bytes` instead of [`BATCH_BYTES`].
    pub fn with_batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes.max(64);
        self
    }

    /// The next batch, built in the memory of `recycled`; nothing after the last.
    ///
    /// # Errors
    /// [`crate::error::Error`] if an input cannot be opened or read.
    pub fn next_batch(&mut self, mut recycled: Batch) -> Result<Option<Batch>> {
        recycled.bytes.clear();
        recycled.records.clear();
        recycled.spans.clear();
        recycled.damage.clear();
        let mut batch = recycled;
        batch.first_trace = self.traces;
        batch.bytes.append(&mut self.carry);
        let mut at = 0;
        while self.open_next()? {
            let base = self.offset as i64 - at as i64;
            self.fill(&mut batch.bytes, at)?;
            if self.is_made(&mut batch.bytes, at) {
                self.take_lines(&mut batch)?;
                self.take_rows(&mut batch)?;
                at = batch.bytes.len();
                if at >= self.batch_bytes || self.current.is_some() {
                    self.end_span(&mut batch, 0);
                    break;
                }
                continue;
            }
            at = self.walk(&mut batch, at, base);
            self.offset = (base + at as i64) as u64;
            if self.ended && at == batch.bytes.len() {
                self.close_input(&mut batch, base);
                if at >= self.batch_bytes {
                    break;
                }
            } else if at > 0 {
                self.end_span(&mut batch, base);
                break;
            }
        }
        self.carry.extend_from_slice(&batch.bytes[at..]);
        batch.bytes.truncate(at);
        let is_empty = batch.bytes.is_empty() && batch.damage.is_empty() && self.is_done();
        Ok((!is_empty).then_some(batch))
    }

    /// What was learnt; complete after the last batch.
    pub fn into_cut(self) -> Cut {
        self.cut
    }

    fn is_done(&self) -> bool {
        self.current.is_none() && self.paths.is_empty() && self.waiting.is_empty()
    }

    fn open_next(&mut self) -> Result<bool> {
        if self.current.is_some() {
            return Ok(true);
        }
        let next = match (self.waiting.pop_front(), self.paths.pop_front()) {
            (Some(open), _) => Source::Warts(open),
            (None, Some(path)) if Path::new(&path).is_dir() => {
                Source::Folder(Box::new(Folder::open(&path)?))
            }
            (None, Some(path)) => Source::Warts(Input::open(&path, self.with_digest)?),
            (None, None) => return Ok(false),
        };
        self.current = Some(next);
        (self.offset, self.segment, self.in_segment, self.ended) = (0, 0, false, false);
        self.tables = Tables::default();
        Ok(true)
    }

    /// Read until the batch is full; further if the record at `at` alone is larger than a batch.
    fn fill(&mut self, bytes: &mut Vec<u8>, at: usize) -> Result<()> {
        let Some(Source::Warts(input)) = &mut self.current else {
            return Ok(());
        };
        let wanted = walk::wanted(&bytes[at..]) + at;
        let target = self.batch_bytes.max(wanted);
        while bytes.len() < target && !self.ended {
            let room = target - bytes.len();
            bytes.reserve_exact(room);
            let before = bytes.len();
            self.broken = input.fill(bytes, room)?;
            self.cut.bytes += (bytes.len() - before) as u64;
            self.ended = self.broken.is_some() || bytes.len() - before < room;
        }
        Ok(())
    }

    /// Walk from `at`; returns where walking must go on with more bytes.
    fn walk(&mut self, batch: &mut Batch, mut at: usize, base: i64) -> usize {
        loop {
            match walk::step(&batch.bytes, at, self.ended) {
                Step::Record { len, kind, end } => {
                    let record = RecordAt { start: at as u32, len: len as u32, kind };
                    self.take_record(batch, record, base);
                    at = end;
                }
                Step::Junk { end, kind, reason } => {
                    self.damage(batch, base, at, end - at, kind, reason);
                    at = end;
                }
                Step::More | Step::End => return at,
            }
        }
    }

    fn take_record(&mut self, batch: &mut Batch, record: RecordAt, base: i64) {
        self.in_segment = true;
        if (Kind::LIST..=Kind::ADDRESS).contains(&record.kind) {
            let entry = Entry::decode(record.kind, batch.body(record));
            let noted = entry.and_then(|entry| {
                if self.tables.is_restarted_by(&entry) {
                    self.end_segment(batch, base);
                    self.in_segment = true;
                }
                self.tables.apply(entry)
            });
            if let Err(fault) = noted {
                let size = HEADER + record.len as usize;
                let start = record.start as usize;
                self.damage(batch, base, start, size, Some(record.kind), fault.to_string());
                return;
            }
        }
        self.traces += u64::from(record.kind == Kind::TRACE);
        batch.records.push(record);
    }

    fn damage(
        &mut self,
        batch: &mut Batch,
        base: i64,
        start: usize,
        len: usize,
        kind: Option<Kind>,
        reason: String,
    ) {
        let at = (base + start as i64) as u64;
        if let Some(last) = batch.damage.last_mut() {
            let follows = last.input == self.input && last.at + last.len == at;
            if follows && last.reason == reason && kind.is_none() {
                last.len += len as u64;
                return;
            }
        }
        let len = len as u64;
        batch.damage.push(Damage { input: self.input, at, len, kind, reason });
    }

    fn end_span(&mut self, batch: &mut Batch, base: i64) {
        let begin = batch.spans.last().map_or(0, |span| span.end);
        if batch.records.len() > begin {
            batch.spans.push(Span {
                input: self.input,
                base,
                end: batch.records.len(),
                tables: Arc::new(self.tables.clone()),
                origins: std::mem::take(&mut self.origins),
            });
        }
    }

    fn end_segment(&mut self, batch: &mut Batch, base: i64) {
        self.end_span(batch, base);
        for cycle in self.tables.cycles() {
            self.cut.cycles.push(CycleSeen {
                input: self.input,
                segment: self.segment,
                cycle: cycle.clone(),
                list: self.tables.list(cycle.list).cloned(),
            });
        }
        self.tables = Tables::default();
        self.segment += 1;
        self.cut.segments += usize::from(self.in_segment);
        self.in_segment = false;
    }

    fn close_input(&mut self, batch: &mut Batch, base: i64) {
        if let Some(reason) = self.broken.take() {
            let end = batch.bytes.len();
            self.damage(batch, base, end, 0, None, reason);
        }
        self.end_segment(batch, base);
        match self.current.take() {
            Some(Source::Warts(input)) => self.cut.inputs.push(input.close()),
            Some(Source::Lines(lines)) => self.cut.inputs.push(lines.close()),
            Some(Source::Folder(folder)) => self.cut.inputs.push(folder.close()),
            None => {}
        }
        self.input += 1;
    }
}
