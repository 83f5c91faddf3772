//! Records one after the other, for programs that use this crate as a library.

use std::io::Read;

use crate::cut::{Batch, Cutter, Damage, RecordAt, SMALL_BATCH_BYTES, Span};
use crate::error::Result;
use crate::input::Input;
use crate::warts::cursor::{Decoded, Fault};
use crate::warts::dealias::Dealias;
use crate::warts::host::Host;
use crate::warts::kind::Kind;
use crate::warts::neighbourdisc::Neighbourdisc;
use crate::warts::other::Common;
use crate::warts::ping::Ping;
use crate::warts::sniff::Sniff;
use crate::warts::tables::{Entry, Tables};
use crate::warts::tbit::Tbit;
use crate::warts::trace::Trace;
use crate::warts::tracelb::Tracelb;

/// Reads the records of one input; damage is noted and passed over.
///
/// ```
/// use transform_rs::reader::{Reader, Record};
///
/// // A list record, then three bytes that are none.
/// let bytes = b"\x12\x05\x00\x01\x00\x00\x00\x0b\x00\x00\x00\x01\x00\x00\x00\x07l\x00\x00abc";
/// let mut reader = Reader::new(&bytes[..])?;
/// let record = reader.next_record()?.expect("one record");
/// assert_eq!(0, record.offset());
/// assert!(matches!(record.decode(), Ok(Record::Entry(_))));
/// assert!(reader.next_record()?.is_none());
/// assert_eq!(19, reader.damage()[0].at);
/// # Ok::<(), transform_rs::error::Error>(())
/// ```
pub struct Reader {
    cutter: Cutter,
    batch: Batch,
    next: usize,
    damage: Vec<Damage>,
}

/// A whole record, not decoded yet.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'r> {
    /// Its body.
    pub body: &'r [u8],
    span: &'r Span,
    at: RecordAt,
}

/// A record, decoded.
#[derive(Debug)]
pub enum Record<'r> {
    /// List, cycle or old-style address.
    Entry(Entry),
    /// Traceroute.
    Trace(Box<Trace<'r>>),
    /// Ping.
    Ping(Box<Ping<'r>>),
    /// Traceroute over all flows.
    Tracelb(Box<Tracelb<'r>>),
    /// Alias resolution.
    Dealias(Box<Dealias<'r>>),
    /// ARP and neighbour solicitation.
    Neighbourdisc(Box<Neighbourdisc<'r>>),
    /// Test of TCP behaviour.
    Tbit(Box<Tbit<'r>>),
    /// Captured packets.
    Sniff(Box<Sniff<'r>>),
    /// Name lookup.
    Host(Box<Host<'r>>),
    /// Sting, HTTP, UDP probe, OWAMP, whose layout is not published: what is known of it.
    Other(Common),
    /// A type number that is not in use.
    Unknown(Kind),
}

/// A record that contradicts itself, and where it lies.
///
/// ```
/// use transform_rs::reader::Reader;
/// use transform_rs::warts::cursor::Fault;
///
/// // A whole record of type 6, a traceroute, whose one byte promises another.
/// let mut reader = Reader::new(&b"\x12\x05\x00\x06\x00\x00\x00\x01\x80"[..])?;
/// let error = reader.next_record()?.expect("one record").decode().unwrap_err();
/// assert_eq!((0, Fault::Short), (error.offset, error.fault));
/// assert!(error.to_string().starts_with("trace record at byte 0: "));
/// # Ok::<(), transform_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} record at byte {offset}: {fault}", kind.name().unwrap_or("unknown"))]
pub struct RecordError {
    /// Its type.
    pub kind: Kind,
    /// Offset of its header in the unpacked input.
    pub offset: u64,
    /// What is wrong.
    pub fault: Fault,
}

impl Reader {
    /// Read from `input`, packed or not.
    ///
    /// # Errors
    /// [`crate::error::Error::Read`] if its first bytes cannot be read.
    pub fn new(mut input: impl Read) -> Result<Self> {
        // The cutter owns its input, a caller may lend one.
        let mut bytes = Vec::new();
        let fail = |source| crate::error::Error::Read { path: "input".to_owned(), source };
        input.read_to_end(&mut bytes).map_err(fail)?;
        Self::open_input(Input::from_reader("input", std::io::Cursor::new(bytes), false)?)
    }

    /// Read from `input`, packed or not, in bounded memory.
    ///
    /// # Errors
    /// [`crate::error::Error::Read`] if its first bytes cannot be read.
    pub fn stream(input: impl Read + Send + 'static) -> Result<Self> {
        Self::open_input(Input::from_reader("input", input, false)?)
    }

    /// Read the file at `path` (`-` is standard input) in bounded memory.
    ///
    /// # Errors
    /// [`crate::error::Error::Open`] and [`crate::error::Error::Read`].
    pub fn open(path: &str) -> Result<Self> {
        Self::open_input(Input::open(path, false)?)
    }

    fn open_input(input: Input) -> Result<Self> {
        let cutter = Cutter::from_inputs(vec![input]).with_batch_bytes(SMALL_BATCH_BYTES);
        Ok(Self { cutter, batch: Batch::default(), next: 0, damage: Vec::new() })
    }

    /// The next whole record; nothing after the last.
    ///
    /// # Errors
    /// [`crate::error::Error::Read`] if the input fails.
    pub fn next_record(&mut self) -> Result<Option<RawRecord<'_>>> {
        while self.next == self.batch.records.len() {
            let spent = std::mem::take(&mut self.batch);
            let Some(batch) = self.cutter.next_batch(spent)? else {
                return Ok(None);
            };
            self.damage.extend_from_slice(&batch.damage);
            (self.batch, self.next) = (batch, 0);
        }
        let at = self.batch.records[self.next];
        let span = self.batch.spans.iter().find(|span| self.next < span.end);
        self.next += 1;
        Ok(span.map(|span| RawRecord { body: self.batch.body(at), span, at }))
    }

    /// Damage found so far.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }
}

impl<'r> RawRecord<'r> {
    /// Its type.
    pub fn kind(&self) -> Kind {
        self.at.kind
    }

    /// Offset of its header in the unpacked input.
    pub fn offset(&self) -> u64 {
        self.span.offset_of(self.at)
    }

    /// What it refers to: lists, cycles, addresses.
    pub fn tables(&self) -> &'r Tables {
        &self.span.tables
    }

    /// Decode it.
    ///
    /// # Errors
    /// A [`RecordError`] if it contradicts itself.
    pub fn decode(&self) -> std::result::Result<Record<'r>, RecordError> {
        let at = |fault| RecordError { kind: self.kind(), offset: self.offset(), fault };
        self.decode_body().map_err(at)
    }

    fn decode_body(&self) -> Decoded<Record<'r>> {
        let (body, tables) = (self.body, self.tables());
        Ok(match self.at.kind {
            Kind::TRACE => {
                let mut trace = Box::<Trace<'r>>::default();
                trace.decode(body, tables)?;
                Record::Trace(trace)
            }
            Kind::PING => Record::Ping(Box::new(Ping::decode(body, tables)?)),
            Kind::TRACELB => Record::Tracelb(Box::new(Tracelb::decode(body, tables)?)),
            Kind::DEALIAS => Record::Dealias(Box::new(Dealias::decode(body, tables)?)),
            Kind::NEIGHBOURDISC => Record::Neighbourdisc(Box::new(Neighbourdisc::decode(body)?)),
            Kind::TBIT => Record::Tbit(Box::new(Tbit::decode(body)?)),
            Kind::SNIFF => Record::Sniff(Box::new(Sniff::decode(body)?)),
            Kind::HOST => Record::Host(Box::new(Host::decode(body)?)),
            kind if kind <= Kind::ADDRESS => Record::Entry(Entry::decode(kind, body)?),
            kind if kind <= Kind::LAST => Record::Other(Common::decode(body)?),
            kind => Record::Unknown(kind),
        })
    }
}
