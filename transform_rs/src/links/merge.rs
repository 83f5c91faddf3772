//! Merge link files.

use std::path::Path;

use super::merger::Merger;
use super::row::Link;
use super::{table, text};
use crate::cut::{Cut, Damage};
use crate::error::{Error, Result};
use crate::input::{Input, Packing};
use crate::parquet::read::TableReader;
use crate::tally::Tally;

/// What was read while merging.
#[derive(Debug, Default)]
pub struct Seen {
    /// Inputs.
    pub cut: Cut,
    /// Rows read, and rows that made no sense.
    pub tally: Tally,
}

/// Read all `inputs` into `merger`.
///
/// # Errors
/// [`Error::Open`], [`Error::Read`], or [`Error::Format`] for Parquet of another shape.
pub fn read_all(inputs: &[String], with_digest: bool, merger: &mut Merger) -> Result<Seen> {
    let mut seen = Seen::default();
    for (number, path) in inputs.iter().enumerate() {
        read_one(number, path, with_digest, &mut seen, merger)?;
    }
    Ok(seen)
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

/// Bytes of text looked at together.
const TEXT_BYTES: usize = 1 << 20;

fn read_one(
    number: usize,
    path: &str,
    with_digest: bool,
    seen: &mut Seen,
    merger: &mut Merger,
) -> Result<()> {
    let mut input = Input::open(path, with_digest)?;
    let mut bytes = Vec::new();
    let mut broken = input.fill(&mut bytes, TEXT_BYTES)?;
    if bytes.starts_with(b"PAR1") {
        let is_file = path != "-" && input.packing() == Packing::Raw;
        let reader = if is_file {
            TableReader::open_file(path)
        } else {
            input.fill(&mut bytes, usize::MAX)?;
            TableReader::open(bytes.into())
        };
        seen.cut.inputs.push(input.close());
        return read_table(path, reader, seen, merger);
    }
    let mut at = 0;
    loop {
        let is_last = bytes.len() < TEXT_BYTES || broken.is_some();
        let end = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) if !is_last => last + 1,
            _ => bytes.len(),
        };
        read_text(number, &bytes[..end], at, seen, merger)?;
        at += end as u64;
        bytes.drain(..end);
        if is_last {
            break;
        }
        let room = TEXT_BYTES - bytes.len();
        broken = input.fill(&mut bytes, room)?;
    }
    seen.cut.bytes += at;
    seen.cut.inputs.push(input.close());
    if let Some(reason) = broken {
        seen.tally.note_damage(Damage { input: number, at, len: 0, kind: None, reason });
    }
    Ok(())
}

fn read_text(
    number: usize,
    bytes: &[u8],
    mut at: u64,
    seen: &mut Seen,
    merger: &mut Merger,
) -> Result<()> {
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
                merger.push(link)?;
                seen.tally.rows += 1;
            }
            Err(column) => seen.tally.note_damage(Damage {
                input: number,
                at: start,
                len: line.len() as u64,
                kind: None,
                reason: format!("no link row: {column} is missing or wrong"),
            }),
        }
    }
    Ok(())
}

fn read_table(
    path: &str,
    reader: parquet::errors::Result<TableReader>,
    seen: &mut Seen,
    merger: &mut Merger,
) -> Result<()> {
    let fail = |reason: String| Error::Format { path: path.to_owned(), reason };
    let reader = reader.map_err(|error| fail(error.to_string()))?;
    if let Some(column) = table::lacking(&reader) {
        return Err(fail(format!("it has no column {column}")));
    }
    for group in 0..reader.groups() {
        for link in table::read(&reader, group).map_err(fail)? {
            merger.push(link)?;
            seen.tally.rows += 1;
        }
    }
    seen.tally.tables += 1;
    Ok(())
}

/// Is `path` the name of a Parquet file?
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "parquet")
}
