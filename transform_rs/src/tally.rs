//! Counts of what a run met, from batches to the report.

use std::collections::BTreeMap;

use crate::cut::{Batch, Damage, RecordAt, Span};
use crate::walk::HEADER;
use crate::warts::cursor::Fault;
use crate::warts::kind::Kind;

/// Damaged places told one by one; the rest are counted.
pub const DAMAGE_TOLD: usize = 10_000;

/// Counts over records.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// Good records by type.
    pub records: BTreeMap<Kind, u64>,
    /// Good records that the output has no place for, by type.
    pub skipped: BTreeMap<Kind, u64>,
    /// Traces by stop reason.
    pub stop_reasons: BTreeMap<u8, u64>,
    /// Replies of traces on their paths.
    pub replies: u64,
    /// TTLs where several addresses answered.
    pub ambiguous_hops: u64,
    /// Traces cut at a loop.
    pub loops: u64,
    /// Rows read from text or tables.
    pub rows: u64,
    /// Tables read whole: one without a row says that there is no link, which is a result.
    pub tables: u64,
    /// Damaged places, at most [`DAMAGE_TOLD`], in order of input and offset.
    pub damage: Vec<Damage>,
    /// Damaged places.
    pub damage_count: u64,
    /// Bytes in them.
    pub damage_bytes: u64,
}

impl Tally {
    /// Start with the damage found while cutting `batch`.
    pub fn of(batch: &Batch) -> Self {
        let mut tally = Self::default();
        batch.damage.iter().for_each(|damage| tally.note_damage(damage.clone()));
        tally
    }

    /// Count a good record.
    pub fn note(&mut self, kind: Kind) {
        *self.records.entry(kind).or_default() += 1;
    }

    /// Count good traces, given by stop reason.
    pub fn note_traces(&mut self, by_reason: &[u64; 256]) {
        let sum: u64 = by_reason.iter().sum();
        if sum > 0 {
            *self.records.entry(Kind::TRACE).or_default() += sum;
        }
        for (reason, count) in (0..=u8::MAX).zip(by_reason).filter(|(_, count)| **count > 0) {
            *self.stop_reasons.entry(reason).or_default() += count;
        }
    }

    /// Count a good record that the output has no place for.
    pub fn note_skipped(&mut self, kind: Kind) {
        self.note(kind);
        *self.skipped.entry(kind).or_default() += 1;
    }

    /// Count a record that contradicts itself.
    pub fn note_fault(&mut self, span: &Span, record: RecordAt, fault: Fault) {
        self.note_damage(Damage {
            input: span.input,
            at: span.offset_of(record),
            len: HEADER as u64 + u64::from(record.len),
            kind: Some(record.kind),
            reason: fault.to_string(),
        });
    }

    /// Count a damaged place.
    pub fn note_damage(&mut self, damage: Damage) {
        self.damage_count += 1;
        self.damage_bytes += damage.len;
        if self.damage.len() < DAMAGE_TOLD {
            self.damage.push(damage);
        }
    }

    /// Add the counts of a later batch.
    pub fn add(&mut self, later: Self) {
        add_counts(&mut self.records, later.records);
        add_counts(&mut self.skipped, later.skipped);
        add_counts(&mut self.stop_reasons, later.stop_reasons);
        self.replies += later.replies;
        self.ambiguous_hops += later.ambiguous_hops;
        self.loops += later.loops;
        self.rows += later.rows;
        self.damage_count += later.damage_count;
        self.damage_bytes += later.damage_bytes;
        let room = DAMAGE_TOLD - self.damage.len();
        let mut damage = later.damage;
        damage.sort_by_key(|damage| (damage.input, damage.at));
        self.damage.extend(damage.into_iter().take(room));
    }

    /// Good records of all types, rows, and tables: 0 when there was nothing usable.
    pub fn total(&self) -> u64 {
        self.records.values().sum::<u64>() + self.rows + self.tables
    }
}

fn add_counts<K: Ord>(to: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *to.entry(key).or_default() += count;
    }
}
