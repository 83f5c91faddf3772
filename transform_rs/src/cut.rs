//! Cut inputs into batches of whole records, find the way again after damage, follow the tables.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use crate::error::Result;
use crate::folder::source::Folder;
use crate::input::{Input, Seen};
use crate::lines;
use crate::lines::source::{Lines, Taken};
use crate::walk::{self, HEADER, Step};
use crate::warts::kind::Kind;
use crate::warts::tables::{Cycle, Entry, List, Tables};

/// Bytes of records per batch: about 190,000 replies, which make one row group of Parquet.
pub const BATCH_BYTES: usize = 8 << 20;

/// Bytes per batch where no row groups are made: what a batch becomes then stays in the cache.
pub const SMALL_BATCH_BYTES: usize = 256 << 10;

/// Bad lines that end a batch: a file may hold nothing else.
const DAMAGE_PER_BATCH: usize = 1000;

/// A whole record in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordAt {
    /// Position of its header in [`Batch::bytes`].
    pub start: u32,
    /// Length of its body, bytes.
    pub len: u32,
    /// Its type.
    pub kind: Kind,
}

/// Records of one segment of one input.
#[derive(Debug, Clone)]
pub struct Span {
    /// Number of the input, from 0.
    pub input: usize,
    /// File offset of the batch's byte 0 (below zero if the input begins inside the batch).
    pub base: i64,
    /// Index after the span's last record in [`Batch::records`].
    pub end: usize,
    /// What the records refer to.
    pub tables: Arc<Tables>,
    /// For records made of something else (JSON lines, tables): where in [`Batch::bytes`] a record
    /// starts, and the offset of what it was made of. Empty for warts.
    pub origins: Vec<(u32, u64)>,
}

impl Span {
    /// Offset in the unpacked input of a record of this span.
    pub fn offset_of(&self, record: RecordAt) -> u64 {
        let known = self.origins.partition_point(|(start, _)| *start <= record.start);
        match known.checked_sub(1).and_then(|i| self.origins.get(i)) {
            Some((_, offset)) => *offset,
            None => (self.base + i64::from(record.start)) as u64,
        }
    }
}

/// Bytes of an input that are no usable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Number of the input, from 0.
    pub input: usize,
    /// Offset in the unpacked input.
    pub at: u64,
    /// How many bytes are lost.
    pub len: u64,
    /// The record's type, if a header was readable.
    pub kind: Option<Kind>,
    /// What is wrong.
    pub reason: String,
}

/// Records to work on together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records' bytes, with headers.
    pub bytes: Vec<u8>,
    /// Whole records, in file order.
    pub records: Vec<RecordAt>,
    /// Spans, in order; they cover all records.
    pub spans: Vec<Span>,
    /// Damage found while cutting.
    pub damage: Vec<Damage>,
    /// Number of the first trace record among all inputs' trace records, from 0.
    pub first_trace: u64,
}

impl Batch {
    /// The body of a record.
    pub fn body(&self, record: RecordAt) -> &[u8] {
        let start = record.start as usize + HEADER;
        &self.bytes[start..start + record.len as usize]
    }

    /// Records with their span, in file order.
    pub fn iter(&self) -> impl Iterator<Item = (&Span, RecordAt)> {
        let mut begin = 0;
        self.spans.iter().flat_map(move |span| {
            let records = &self.records[begin..span.end];
            begin = span.end;
            records.iter().map(move |record| (span, *record))
        })
    }
}

/// A cycle as a segment left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleSeen {
    /// Number of the input, from 0.
    pub input: usize,
    /// Number of the segment in its input, from 0.
    pub segment: usize,
    /// The cycle.
    pub cycle: Cycle,
    /// Its list, if the segment defines it.
    pub list: Option<List>,
}

/// What cutting learnt about all inputs.
#[derive(Debug, Default)]
pub struct Cut {
    /// Inputs read.
    pub inputs: Vec<Seen>,
    /// Unpacked bytes.
    pub bytes: u64,
    /// Segments: files as they were written; more than inputs if some were joined.
    pub segments: usize,
    /// Cycles, in order of appearance.
    pub cycles: Vec<CycleSeen>,
}

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

    /// Must records be made of what the current input holds? JSON lines are told by their first
    /// bytes, which then leave `bytes`.
    fn is_made(&mut self, bytes: &mut Vec<u8>, at: usize) -> bool {
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
    fn take_rows(&mut self, batch: &mut Batch) -> Result<()> {
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
    fn take_lines(&mut self, batch: &mut Batch) -> Result<()> {
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
