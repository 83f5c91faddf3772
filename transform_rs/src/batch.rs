//! Batches of whole records, and what cutting them taught.

use std::sync::Arc;

use crate::input::Seen;
use crate::walk::HEADER;
use crate::warts::kind::Kind;
use crate::warts::tables::{Cycle, List, Tables};

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
