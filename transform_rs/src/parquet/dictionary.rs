//! Distinct texts of a column, and their numbers.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Distinct texts, numbered in order of appearance.
#[derive(Debug, Default, Clone)]
pub struct Dictionary {
    /// Numbers, found by the hash of their text.
    ids: HashTable<u32>,
    /// The texts in PLAIN encoding: length, then bytes.
    plain: Vec<u8>,
    ends: Vec<u32>,
    last: Range<usize>,
    last_id: u32,
}

impl Dictionary {
    /// The number of `text`.
    pub fn intern(&mut self, text: &[u8]) -> u32 {
        // Most columns say the same again and again.
        if self.plain.get(self.last.clone()).is_some_and(|last| last == text && !text.is_empty()) {
            return self.last_id;
        }
        let id = self.find_or_append(text);
        let end = self.ends[id as usize] as usize;
        (self.last_id, self.last) = (id, end - text.len()..end);
        id
    }

    fn find_or_append(&mut self, text: &[u8]) -> u32 {
        let (plain, ends) = (&self.plain, &self.ends);
        let found = self.ids.find(hash(text), |id| text_at(plain, ends, *id) == text);
        if let Some(id) = found {
            return *id;
        }
        let id = self.append(text);
        let (plain, ends) = (&self.plain, &self.ends);
        self.ids.insert_unique(hash(text), id, |id| hash(text_at(plain, ends, *id)));
        id
    }

    /// Number `text` without looking whether it has a number already.
    pub fn append(&mut self, text: &[u8]) -> u32 {
        self.append_with(|out| out.extend_from_slice(text))
    }

    /// Number the text that `write` appends, without looking whether it has a number already.
    pub fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> u32 {
        let start = self.plain.len();
        self.plain.extend_from_slice(&[0; 4]);
        write(&mut self.plain);
        let len = self.plain.len() - start - 4;
        self.plain[start..start + 4].copy_from_slice(&(len as u32).to_le_bytes());
        self.ends.push(self.plain.len() as u32);
        self.ends.len() as u32 - 1
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The texts in PLAIN encoding.
    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// The texts, in order of number.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, to)| &self.plain[from as usize + 4..*to as usize])
    }

    /// Forget all texts, keep the memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.plain.clear();
        self.ends.clear();
        self.last = 0..0;
    }
}

fn hash(text: &[u8]) -> u64 {
    FixedState::default().hash_one(text)
}

/// Text `id` of those in `plain` that end at `ends`.
fn text_at<'p>(plain: &'p [u8], ends: &[u32], id: u32) -> &'p [u8] {
    let start = (id as usize).checked_sub(1).map_or(0, |before| ends[before] as usize);
    &plain[start + 4..ends[id as usize] as usize]
}
