//! Sorts more than memory holds: sorted runs in nameless files, then a k-way merge.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// A file in `folder` without a name: it goes with the process, however that ends.
///
/// # Errors
/// The system's.
pub fn nameless(folder: &Path) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("hs-transform-{}-{number}.run", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Something of a fixed size in files.
pub trait Record: Copy + Ord {
    /// Bytes in a file.
    const SIZE: usize;

    /// Append those bytes.
    fn put(&self, out: &mut Vec<u8>);

    /// From [`Record::SIZE`] bytes.
    fn get(bytes: &[u8]) -> Self;
}

/// The next `N` bytes of `bytes`; zeros where they end too early.
pub fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let Some((head, rest)) = bytes.split_first_chunk() else {
        return [0; N];
    };
    *bytes = rest;
    *head
}

/// Sorted records in a file.
#[derive(Debug)]
pub struct Spill<R> {
    reader: BufReader<File>,
    left: u64,
    bytes: Vec<u8>,
    kind: std::marker::PhantomData<R>,
}

/// Buffer of a file being read.
const BUFFER: usize = 1 << 16;

impl<R: Record> Spill<R> {
    /// Write `records` into a nameless file in `folder`.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses.
    pub fn write(records: &[R], folder: &Path) -> Result<Self> {
        let fail = |source| Error::Write { path: folder.join("hs-transform.run"), source };
        Self::try_write(records, folder).map_err(fail)
    }

    fn try_write(records: &[R], folder: &Path) -> io::Result<Self> {
        let mut writer = BufWriter::with_capacity(BUFFER, nameless(folder)?);
        let mut bytes = Vec::with_capacity(R::SIZE);
        for record in records {
            bytes.clear();
            record.put(&mut bytes);
            writer.write_all(&bytes)?;
        }
        let mut file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self {
            reader: BufReader::with_capacity(BUFFER, file),
            left: records.len() as u64,
            bytes: vec![0; R::SIZE],
            kind: std::marker::PhantomData,
        })
    }

    fn next_record(&mut self) -> io::Result<Option<R>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.reader.read_exact(&mut self.bytes)?;
        Ok(Some(R::get(&self.bytes)))
    }
}

/// Takes records in any order, gives them back sorted.
#[derive(Debug)]
pub struct Sorter<R> {
    held: Vec<R>,
    most: usize,
    runs: Vec<Spill<R>>,
    folder: PathBuf,
}

impl<R: Record> Sorter<R> {
    /// Hold at most `memory` bytes of records; the rest goes to nameless files in `folder`.
    pub fn new(memory: usize, folder: &Path) -> Self {
        let most = (memory / size_of::<R>()).max(1024);
        Self { held: Vec::new(), most, runs: Vec::new(), folder: folder.to_owned() }
    }

    /// Take a record.
    ///
    /// # Errors
    /// [`Error::Write`] if a run cannot be written.
    pub fn push(&mut self, record: R) -> Result<()> {
        self.held.push(record);
        if self.held.len() >= self.most {
            self.held.sort_unstable();
            self.runs.push(Spill::write(&self.held, &self.folder)?);
            self.held.clear();
        }
        Ok(())
    }

    /// All records, sorted.
    ///
    /// # Errors
    /// [`Error::Read`] if a run cannot be read.
    pub fn finish(mut self) -> Result<Sorted<R>> {
        self.held.sort_unstable();
        Sorted::new(self.runs, vec![self.held], &self.folder)
    }
}

/// Records of several sorted sources in order.
#[derive(Debug)]
pub struct Sorted<R> {
    heap: BinaryHeap<Reverse<(R, usize)>>,
    runs: Vec<Spill<R>>,
    held: Vec<std::vec::IntoIter<R>>,
    folder: PathBuf,
}

impl<R: Record> Sorted<R> {
    /// Merge `runs`, which lie in `folder`, and `held`; each is sorted.
    ///
    /// # Errors
    /// [`Error::Read`] if a run cannot be read.
    pub fn new(runs: Vec<Spill<R>>, held: Vec<Vec<R>>, folder: &Path) -> Result<Self> {
        let held = held.into_iter().map(Vec::into_iter).collect();
        let mut sorted = Self { heap: BinaryHeap::new(), runs, held, folder: folder.to_owned() };
        for source in 0..sorted.runs.len() + sorted.held.len() {
            sorted.pull(source)?;
        }
        Ok(sorted)
    }

    /// The next record; nothing after the last.
    ///
    /// # Errors
    /// [`Error::Read`] if a run cannot be read.
    pub fn next_record(&mut self) -> Result<Option<R>> {
        let Some(Reverse((record, source))) = self.heap.pop() else {
            return Ok(None);
        };
        self.pull(source)?;
        Ok(Some(record))
    }

    fn pull(&mut self, source: usize) -> Result<()> {
        let next = match self.runs.get_mut(source) {
            Some(run) => run.next_record().map_err(|source| Error::Read {
                path: self.folder.join("hs-transform.run").to_string_lossy().into_owned(),
                source,
            })?,
            None => self.held[source - self.runs.len()].next(),
        };
        self.heap.extend(next.map(|record| Reverse((record, source))));
        Ok(())
    }
}
