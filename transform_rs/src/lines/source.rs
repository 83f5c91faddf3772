//! Reads lines one after the other and makes records of them.

use serde::Deserialize;

use super::dealias::Dealias;
use super::error::{Fault, LineError};
use super::ping::Ping;
use super::trace::Trace;
use super::tracelb::Tracelb;
use super::value::Text;
use crate::error::Result;
use crate::input::{Input, Seen};
use crate::warts::encode::{Block, record};
use crate::warts::kind::Kind;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;
/// A longer line is damage.
const LONGEST: usize = 64 << 20;

/// Numbers of the list and the cycle that a record refers to.
#[derive(Debug, Default, Clone, Copy)]
pub struct Ids {
    /// Of the list.
    pub list: Option<u32>,
    /// Of the cycle.
    pub cycle: Option<u32>,
}

/// What the lines before say about those that follow.
#[derive(Default)]
struct Context {
    ids: Ids,
    lists: u32,
    /// Monitor of the list that `ids` names.
    monitor: Option<Vec<u8>>,
    name: Vec<u8>,
    /// A cycle that waits for the first line of a measurement, which may name the monitor.
    begun: Option<(Kind, Begun)>,
}

struct Begun {
    cycle_id: u32,
    hostname: Option<Vec<u8>>,
    started_at: u32,
}

/// JSON lines of one input, as records.
pub struct Lines {
    input: Input,
    buffer: Vec<u8>,
    /// Where the next line begins in `buffer`.
    at: usize,
    /// Offset of the next line in the unpacked input.
    offset: u64,
    line: u64,
    is_ended: bool,
    broken: Option<String>,
    context: Context,
}

/// What a line gave.
#[derive(Debug)]
pub enum Taken {
    /// Records, none or more, appended to the output; the line began at this offset.
    Records(u64),
    /// The line cannot be used.
    Bad(LineError),
    /// There are no more lines.
    End,
}

#[derive(Deserialize)]
struct Head<'l> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'l>>,
    #[serde(borrow, rename = "UUID", alias = "uuid")]
    uuid: Option<Text<'l>>,
}

#[derive(Deserialize)]
struct Cycle<'l> {
    #[serde(borrow)]
    list_name: Option<Text<'l>>,
    #[serde(default)]
    id: u32,
    #[serde(borrow)]
    hostname: Option<Text<'l>>,
    start_time: Option<u32>,
    stop_time: Option<u32>,
}

impl Lines {
    /// Read on from `input`, of which `buffer` has been read. `is_ended` and `broken` say whether
    /// it ended there.
    pub fn new(input: Input, buffer: Vec<u8>, is_ended: bool, broken: Option<String>) -> Self {
        let bom = if buffer.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self {
            input,
            buffer,
            at: bom,
            offset: bom as u64,
            line: 0,
            is_ended,
            broken,
            context: Context::default(),
        }
    }

    /// Append the records of the next line to `out`; adds the bytes read to `bytes`.
    ///
    /// # Errors
    /// [`crate::error::Error::Read`] if the input fails.
    pub fn next(&mut self, out: &mut Vec<u8>, bytes: &mut u64) -> Result<Taken> {
        let Some(end) = self.find_end(bytes)? else {
            self.context.settle(None, out);
            return Ok(Taken::End);
        };
        let (line, at) = (&self.buffer[self.at..end], self.offset);
        self.line += 1;
        let taken = if line.trim_ascii().is_empty() {
            Taken::Records(at)
        } else {
            let (kind, outcome) = self.context.take(line.trim_ascii_end(), out);
            match outcome {
                Ok(()) => Taken::Records(at),
                Err(fault) => {
                    let (line, len) = (self.line, line.len() as u64);
                    Taken::Bad(LineError { line, at, len, kind, fault })
                }
            }
        };
        self.offset += (end - self.at) as u64;
        self.at = end;
        Ok(taken)
    }

    /// Why the packing ended early, if it did.
    pub fn broken(&mut self) -> Option<String> {
        self.broken.take()
    }

    /// Offset behind what was read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Close, and tell what was read.
    pub fn close(self) -> Seen {
        self.input.close()
    }

    /// Where the next line ends (behind its newline); nothing at the end of the input.
    fn find_end(&mut self, bytes: &mut u64) -> Result<Option<usize>> {
        let mut searched = self.at;
        loop {
            let newline = self.buffer[searched..].iter().position(|byte| *byte == b'\n');
            if let Some(found) = newline {
                return Ok(Some(searched + found + 1));
            }
            if self.is_ended {
                return Ok((self.at < self.buffer.len()).then_some(self.buffer.len()));
            }
            if self.buffer.len() - self.at > LONGEST {
                // It can be no line of ours: let the parser refuse this piece of it.
                return Ok(Some(self.buffer.len()));
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            searched = self.buffer.len();
            self.fill(bytes)?;
        }
    }

    fn fill(&mut self, bytes: &mut u64) -> Result<()> {
        let before = self.buffer.len();
        self.broken = self.input.fill(&mut self.buffer, CHUNK)?;
        let got = self.buffer.len() - before;
        *bytes += got as u64;
        self.is_ended = self.broken.is_some() || got < CHUNK;
        Ok(())
    }
}

impl Context {
    /// Make records of `line`; tells its type, if that is known.
    fn take(
        &mut self,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> (Option<Kind>, std::result::Result<(), Fault>) {
        if line.len() > LONGEST {
            return (None, Err(Fault::Overlong));
        }
        match kind_of(line) {
            Ok(kind) => {
                (Some(kind).filter(|kind| kind.name().is_some()), self.put(kind, line, out))
            }
            Err(fault) => (None, Err(fault)),
        }
    }

    fn put(
        &mut self,
        kind: Kind,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), Fault> {
        match kind {
            Kind::CYCLE_START | Kind::CYCLE_DEF => {
                let cycle: Cycle<'_> = serde_json::from_slice(line)?;
                self.settle(None, out);
                self.begin(kind, &cycle);
                return Ok(());
            }
            Kind::CYCLE_STOP => {
                let cycle: Cycle<'_> = serde_json::from_slice(line)?;
                self.settle(None, out);
                let number = self.ids.cycle.unwrap_or(0).to_be_bytes();
                let stopped_at = cycle.stop_time.unwrap_or(0).to_be_bytes();
                return record(kind, out, |out| {
                    out.extend_from_slice(&number);
                    out.extend_from_slice(&stopped_at);
                    Ok(())
                });
            }
            Kind::TRACE => {
                let trace: Trace<'_> = serde_json::from_slice(line)?;
                self.settle(trace.monitor.as_ref().map(Text::bytes), out);
                return record(kind, out, |out| trace.put(self.ids, out));
            }
            _ => {}
        }
        let ids = |context: &mut Self, out: &mut Vec<u8>| {
            context.settle(None, out);
            context.ids
        };
        match kind {
            Kind::PING => {
                let ping: Ping<'_> = serde_json::from_slice(line)?;
                let ids = ids(self, out);
                record(kind, out, |out| ping.put(ids, out))
            }
            Kind::TRACELB => {
                let trace: Tracelb<'_> = serde_json::from_slice(line)?;
                let ids = ids(self, out);
                record(kind, out, |out| trace.put(ids, out))
            }
            Kind::DEALIAS => {
                let dealias: Dealias<'_> = serde_json::from_slice(line)?;
                let ids = ids(self, out);
                record(kind, out, |out| dealias.put(ids, out))
            }
            // Counted as skipped: the line is good, there is no record to make of it.
            _ => record(Kind::LINE_METADATA, out, |_| Ok(())),
        }
    }

    fn begin(&mut self, kind: Kind, cycle: &Cycle<'_>) {
        let bytes = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.bytes().to_vec());
        self.name = bytes(&cycle.list_name).unwrap_or_default();
        let hostname = bytes(&cycle.hostname);
        let started_at = cycle.start_time.unwrap_or(0);
        self.begun = Some((kind, Begun { cycle_id: cycle.id, hostname, started_at }));
    }

    /// Write the list and the cycle that the next record belongs to, if they are not yet there.
    fn settle(&mut self, monitor: Option<&[u8]>, out: &mut Vec<u8>) {
        if let Some((kind, begun)) = self.begun.take() {
            // Numbers begin anew with each cycle, so that tables stay small however many there are.
            self.lists = 0;
            self.put_list(monitor, out);
            self.ids.cycle = Some(1);
            let list = self.ids.list.unwrap_or(0);
            let _: std::result::Result<(), Fault> = record(kind, out, |out| {
                for number in [1, list, begun.cycle_id, begun.started_at] {
                    out.extend_from_slice(&number.to_be_bytes());
                }
                Ok(Block::default().string(2, begun.hostname.as_deref()).end(out)?)
            });
        } else if monitor.is_some() && monitor != self.monitor.as_deref() {
            self.put_list(monitor, out);
        }
    }

    fn put_list(&mut self, monitor: Option<&[u8]>, out: &mut Vec<u8>) {
        self.lists += 1;
        self.ids.list = Some(self.lists);
        self.monitor = monitor.map(<[u8]>::to_vec);
        let _: std::result::Result<(), Fault> = record(Kind::LIST, out, |out| {
            out.extend_from_slice(&self.lists.to_be_bytes());
            out.extend_from_slice(&0_u32.to_be_bytes());
            out.extend(self.name.iter().filter(|byte| **byte != 0));
            out.push(0);
            Ok(Block::default().string(2, monitor).end(out)?)
        });
    }
}

/// The type, where a line begins with it, as those of scamper's tool do: known even if the rest of
/// the line is broken, and quick.
fn leading_kind(line: &[u8]) -> Option<Kind> {
    let after =
        |text: &'_ [u8], start: &[u8]| Some(text.strip_prefix(start)?.trim_ascii_start().len());
    let mut rest = line.trim_ascii_start();
    for part in [&b"{"[..], b"\"type\"", b":", b"\""] {
        rest = &rest[rest.len() - after(rest, part)?..];
    }
    let name = rest.split(|byte| *byte == b'"').next()?;
    known_kind(std::str::from_utf8(name).ok()?)
}

fn known_kind(name: &str) -> Option<Kind> {
    (1..=Kind::LAST.0).map(Kind).find(|kind| kind.name() == Some(name))
}

/// The type that a line names.
fn kind_of(line: &[u8]) -> std::result::Result<Kind, Fault> {
    if let Some(kind) = leading_kind(line) {
        return Ok(kind);
    }
    let head: Head<'_> = serde_json::from_slice(line)?;
    let Some(Text(name)) = head.kind else {
        return if head.uuid.is_some() { Ok(Kind::LINE_METADATA) } else { Err(Fault::NoType) };
    };
    known_kind(&name).ok_or_else(|| Fault::Type(shorten(&name)))
}

fn shorten(name: &str) -> String {
    name.chars().take(40).collect()
}
