//! Merge link files.

use std::path::Path;

use super::row::Link;
use super::{table, text};
use crate::cut::{Cut, Damage};
use crate::error::{Error, Result};
use crate::input::Input;
use crate::parquet::read::TableReader;
use crate::tally::Tally;

/// All links of some files, merged and sorted by address.
#[derive(Debug, Default)]
pub struct Merged {
    /// The links.
    pub links: Vec<Link>,
    /// What was read.
    pub cut: Cut,
    /// Rows read, and rows that made no sense.
    pub tally: Tally,
}

/// Read and merge `inputs`.
///
/// # Errors
/// [`Error::Open`], [`Error::Read`], or [`Error::Format`] for Parquet of another shape.
pub fn read_all(inputs: &[String], with_digest: bool) -> Result<Merged> {
    let mut merged = Merged::default();
    for (number, path) in inputs.iter().enumerate() {
        read_one(number, path, with_digest, &mut merged)?;
    }
    merged.links = sort_and_merge(std::mem::take(&mut merged.links));
    Ok(merged)
}

/// Sort `links` by address and merge rows with the same addresses.
pub fn sort_and_merge(mut links: Vec<Link>) -> Vec<Link> {
    links.sort_by_key(Link::key);
    links.dedup_by(|later, kept| {
        let is_same = later.key() == kept.key();
        if is_same {
            kept.merge(later);
        }
        is_same
    });
    links
}

fn read_one(number: usize, path: &str, with_digest: bool, into: &mut Merged) -> Result<()> {
    let mut input = Input::open(path, with_digest)?;
    let mut bytes = Vec::new();
    let broken = input.fill(&mut bytes, usize::MAX)?;
    into.cut.bytes += bytes.len() as u64;
    into.cut.inputs.push(input.close());
    if bytes.starts_with(b"PAR1") {
        return read_table(path, bytes, into);
    }
    read_text(number, &bytes, into);
    if let Some(reason) = broken {
        let at = bytes.len() as u64;
        into.tally.note_damage(Damage { input: number, at, len: 0, kind: None, reason });
    }
    Ok(())
}

fn read_text(number: usize, bytes: &[u8], into: &mut Merged) {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len() as u64;
        let content = line.trim_ascii();
        if content.is_empty() || content.starts_with(b"#") {
            continue;
        }
        let row = std::str::from_utf8(content).map_err(|_| "UTF-8").and_then(text::read);
        match row {
            Ok(link) => {
                into.links.push(link);
                into.tally.rows += 1;
            }
            Err(column) => into.tally.note_damage(Damage {
                input: number,
                at: start,
                len: line.len() as u64,
                kind: None,
                reason: format!("no link row: {column} is missing or wrong"),
            }),
        }
    }
}

fn read_table(path: &str, bytes: Vec<u8>, into: &mut Merged) -> Result<()> {
    let fail = |reason: String| Error::Format { path: path.to_owned(), reason };
    let reader = TableReader::open(bytes.into()).map_err(|error| fail(error.to_string()))?;
    for group in 0..reader.groups() {
        let rows = table::read(&reader, group).map_err(fail)?;
        into.tally.rows += rows.len() as u64;
        into.links.extend(rows);
    }
    Ok(())
}

/// Is `path` the name of a Parquet file?
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "parquet")
}
