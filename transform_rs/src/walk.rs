//! One step through bytes that should be records; finds the next record after damage.

use crate::warts::kind::Kind;

/// Size of a record's header: magic, type, length.
pub const HEADER: usize = 8;
/// First two bytes of every record.
const MAGIC: [u8; 2] = [0x12, 0x05];
/// A record longer than this is damage, not data (the largest seen in practice is under 1 MiB).
const LONGEST: u32 = 64 << 20;

/// What lies at a position.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole record.
    Record {
        /// Length of its body.
        len: usize,
        /// Its type.
        kind: Kind,
        /// Position after it.
        end: usize,
    },
    /// Bytes that are no record.
    Junk {
        /// Position after them.
        end: usize,
        /// Type of the broken record, if there is a header.
        kind: Option<Kind>,
        /// What is wrong.
        reason: String,
    },
    /// More bytes are needed to tell.
    More,
    /// The input ends here.
    End,
}

#[derive(Clone, Copy)]
struct Header {
    kind: Kind,
    len: usize,
}

fn header(bytes: &[u8], at: usize) -> Option<Header> {
    let head = bytes.get(at..)?.first_chunk::<HEADER>()?;
    let len = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let is_header = head[..2] == MAGIC && len <= LONGEST;
    is_header
        .then_some(Header { kind: Kind(u16::from_be_bytes([head[2], head[3]])), len: len as usize })
}

/// Bytes that a step needs to judge the record at the start of `bytes`: it, and a header after it.
pub fn wanted(bytes: &[u8]) -> usize {
    let body = header(bytes, 0).map_or(0, |header| header.len);
    2 * HEADER + body
}

/// Look at position `at`. `ended` says that no bytes come after `bytes`.
pub fn step(bytes: &[u8], at: usize, ended: bool) -> Step {
    let left = bytes.len() - at;
    if left == 0 {
        return if ended { Step::End } else { Step::More };
    }
    if left < HEADER {
        return if ended { short_tail(bytes, at) } else { Step::More };
    }
    let Some(Header { kind, len }) = header(bytes, at) else {
        return skip_junk(bytes, at, ended);
    };
    let end = at + HEADER + len;
    let is_followed = header(bytes, end).is_some() || (ended && end == bytes.len());
    if is_followed {
        return Step::Record { len, kind, end };
    }
    if !ended && bytes.len() < end + HEADER {
        return Step::More;
    }
    judge(bytes, at, Header { kind, len }, ended)
}

/// A record that no other follows: is its length wrong, is it cut, or is the junk behind it?
fn judge(bytes: &[u8], at: usize, Header { kind, len }: Header, ended: bool) -> Step {
    let end = at + HEADER + len;
    let inside = bytes.len().min(end);
    if let Some(next) = find_record(bytes, at + HEADER, inside, ended) {
        let reason = "its length reaches over the records behind it".to_owned();
        return Step::Junk { end: next, kind: Some(kind), reason };
    }
    if end > bytes.len() {
        let present = bytes.len() - at - HEADER;
        let reason = format!("the record claims {len} bytes, {present} are there");
        return Step::Junk { end: bytes.len(), kind: Some(kind), reason };
    }
    Step::Record { len, kind, end }
}

/// Position in `from..to` of a header of a known type that is followed by another, or by the end.
fn find_record(bytes: &[u8], from: usize, to: usize, ended: bool) -> Option<usize> {
    let starts = bytes.get(from..to)?.iter().enumerate();
    let mut starts = starts.filter(|(_, byte)| **byte == MAGIC[0]).map(|(i, _)| from + i);
    starts.find(|start| {
        header(bytes, *start).is_some_and(|found| {
            let end = start + HEADER + found.len;
            let is_known = found.kind.name().is_some();
            is_known && (header(bytes, end).is_some() || (ended && end == bytes.len()))
        })
    })
}

fn skip_junk(bytes: &[u8], at: usize, ended: bool) -> Step {
    if let Some(end) = find_record(bytes, at + 1, bytes.len(), ended) {
        return junk(&bytes[at..end], end);
    }
    if ended {
        return junk(&bytes[at..], bytes.len());
    }
    // A header may begin in the last bytes, or its record may end beyond them.
    let candidate = (at + 1..bytes.len()).find(|start| is_candidate(bytes, *start));
    let end = candidate.unwrap_or(bytes.len());
    junk(&bytes[at..end], end)
}

/// Could a record of a known type start here and reach beyond the bytes at hand?
fn is_candidate(bytes: &[u8], start: usize) -> bool {
    let rest = &bytes[start..];
    if rest.len() < HEADER {
        return MAGIC.starts_with(&rest[..rest.len().min(2)]);
    }
    header(bytes, start).is_some_and(|found| {
        let end = start + HEADER + found.len;
        found.kind.name().is_some() && end + HEADER > bytes.len()
    })
}

fn junk(bytes: &[u8], end: usize) -> Step {
    let is_zero = bytes.iter().all(|byte| *byte == 0);
    let reason =
        if is_zero { "zeros where a record should start" } else { "no record starts here" };
    Step::Junk { end, kind: None, reason: reason.to_owned() }
}

fn short_tail(bytes: &[u8], at: usize) -> Step {
    let tail = &bytes[at..];
    let is_header = tail.len() < 2 || tail[..2] == MAGIC;
    if !is_header || tail == [0] {
        return junk(tail, bytes.len());
    }
    let reason = format!("the input ends {} bytes into a header", tail.len());
    Step::Junk { end: bytes.len(), kind: None, reason }
}
