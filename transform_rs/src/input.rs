//! Inputs: files or standard input, plain or compressed (told by their first bytes), with digests.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// How an input is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Raw,
    /// gzip, one member or several.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// Tables in a folder.
    Parquet,
}

impl Packing {
    /// Tell the packing from the first bytes of an input.
    ///
    /// ```
    /// use transform_rs::input::Packing;
    /// assert_eq!(Packing::Gzip, Packing::of(&[0x1f, 0x8b, 8, 0]));
    /// assert_eq!(Packing::Raw, Packing::of(&[0x12, 0x05]));
    /// ```
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Raw,
        }
    }

    /// Name for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Parquet => "parquet",
        }
    }
}

/// What was read of an input, as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Name as given; `-` is standard input.
    pub path: String,
    /// Packing.
    pub packing: Packing,
    /// Size as it lies there, bytes.
    pub size_bytes: u64,
    /// SHA-256 in hexadecimal, if it was asked for.
    pub sha256: Option<String>,
}

/// Counts and digests the bytes that pass.
struct Tap<R: Read> {
    below: R,
    state: Arc<TapState>,
}

#[derive(Default)]
struct TapState {
    failed: AtomicBool,
    sums: Mutex<(u64, Option<Sha256>)>,
}

impl<R: Read> Read for Tap<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.below.read(into);
        match &got {
            Ok(n) => {
                let mut sums = self.state.sums.lock().unwrap_or_else(PoisonError::into_inner);
                sums.0 += *n as u64;
                if let Some(sha) = &mut sums.1 {
                    sha.update(&into[..*n]);
                }
            }
            Err(e) if e.kind() != io::ErrorKind::Interrupted => {
                self.state.failed.store(true, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        got
    }
}

impl<R: Read> Drop for Tap<R> {
    /// Read what a decompressor left, so that size and digest are of the whole file.
    fn drop(&mut self) {
        if !self.state.failed.load(Ordering::Relaxed) {
            let _ = io::copy(self, &mut io::sink());
        }
    }
}

/// An open input; reading gives unpacked bytes.
pub struct Input {
    path: String,
    packing: Packing,
    stream: Option<Box<dyn Read + Send>>,
    state: Arc<TapState>,
}

impl Input {
    /// Open `path` (`-` is standard input).
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::Read`] if the system refuses.
    pub fn open(path: &str, with_digest: bool) -> Result<Self> {
        let fail = |source| Error::Open { path: path.to_owned(), source };
        if path == "-" {
            return Self::from_reader(path, io::stdin(), with_digest);
        }
        let file = File::open(path).map_err(fail)?;
        if file.metadata().map_err(fail)?.is_dir() {
            return Err(fail(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        Self::from_reader(path, file, with_digest)
    }

    /// Read from `below`; `name` stands for it in messages.
    ///
    /// # Errors
    /// [`Error::Read`] if the first bytes cannot be read.
    pub fn from_reader(
        name: &str,
        below: impl Read + Send + 'static,
        with_digest: bool,
    ) -> Result<Self> {
        let state = Arc::new(TapState {
            failed: AtomicBool::new(false),
            sums: Mutex::new((0, with_digest.then(Sha256::new))),
        });
        let mut tap = Tap { below, state: Arc::clone(&state) };
        let mut head = Vec::with_capacity(6);
        let fail = |source| Error::Read { path: name.to_owned(), source };
        tap.by_ref().take(6).read_to_end(&mut head).map_err(fail)?;
        let packing = Packing::of(&head);
        let stream = unpack(packing, io::Cursor::new(head).chain(tap)).map_err(fail)?;
        Ok(Self { path: name.to_owned(), packing, stream: Some(stream), state })
    }

    /// Append up to `most` unpacked bytes to `buffer`; fewer only at the end.
    ///
    /// Returns the damage of the packing, if its stream ends or breaks here.
    ///
    /// # Errors
    /// [`Error::Read`] if the system fails below the packing.
    pub fn fill(&mut self, buffer: &mut Vec<u8>, most: usize) -> Result<Option<String>> {
        let Some(stream) = &mut self.stream else {
            return Ok(None);
        };
        match stream.take(most as u64).read_to_end(buffer) {
            Ok(_) => Ok(None),
            Err(_) if !self.state.failed.load(Ordering::Relaxed) => {
                self.stream = None;
                Ok(Some(format!("the {} stream is broken or cut short", self.packing.name())))
            }
            Err(source) => Err(Error::Read { path: self.path.clone(), source }),
        }
    }

    /// Put bytes that were read back in front of the rest.
    pub fn with_prefix(mut self, head: Vec<u8>) -> Self {
        if let Some(rest) = self.stream.take() {
            self.stream = Some(Box::new(io::Cursor::new(head).chain(rest)));
        } else {
            self.stream = Some(Box::new(io::Cursor::new(head)));
        }
        self
    }

    /// How it is packed.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Close, and tell what was read.
    pub fn close(mut self) -> Seen {
        self.stream = None;
        let mut sums = self.state.sums.lock().unwrap_or_else(PoisonError::into_inner);
        Seen {
            path: self.path.clone(),
            packing: self.packing,
            size_bytes: sums.0,
            sha256: sums.1.take().map(|sha| hex(&sha.finalize())),
        }
    }
}

fn unpack(packing: Packing, from: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    Ok(match packing {
        Packing::Raw | Packing::Parquet => Box::new(from),
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(from)),
        Packing::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(from)),
        Packing::Xz => Box::new(lzma_rust2::XzReader::new(io::BufReader::new(from), true)),
        Packing::Zstd => Box::new(zstd::Decoder::new(from)?),
    })
}

/// Lower-case hexadecimal.
///
/// ```
/// assert_eq!("00ff", transform_rs::input::hex(&[0, 255]));
/// ```
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}
