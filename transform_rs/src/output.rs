//! Outputs that appear whole or not at all: `NAME.partial`, fsync, rename; with digests.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::input::hex;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Name; `-` is standard output.
    pub path: PathBuf,
    /// Size, bytes.
    pub size_bytes: u64,
    /// SHA-256 in hexadecimal, if it was asked for.
    pub sha256: Option<String>,
    /// Rows, lines or records.
    pub rows: u64,
}

/// A file being written. Dropped before [`Output::publish`], it leaves nothing.
pub struct Output {
    path: PathBuf,
    partial: Option<PathBuf>,
    sink: Option<Sink>,
    size_bytes: u64,
    sha: Option<Sha256>,
}

enum Sink {
    File(BufWriter<File>),
    Stream(BufWriter<File>),
    Stdout(io::Stdout),
}

impl Output {
    /// Begin to write `path` (`-` is standard output).
    ///
    /// # Errors
    /// [`Error::Write`] if the partial file cannot be made.
    pub fn create(path: &Path, with_digest: bool) -> Result<Self> {
        let mut output = Self {
            path: path.to_owned(),
            partial: None,
            sink: None,
            size_bytes: 0,
            sha: with_digest.then(Sha256::new),
        };
        if path == Path::new("-") {
            output.sink = Some(Sink::Stdout(io::stdout()));
            return Ok(output);
        }
        if fs::metadata(path).is_ok_and(|seen| !seen.is_file()) {
            // A device or a pipe must be written to, never replaced.
            let open = fs::OpenOptions::new().write(true).open(path);
            let file = open.map_err(|source| output.fail(source))?;
            output.sink = Some(Sink::Stream(BufWriter::with_capacity(1 << 18, file)));
            return Ok(output);
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        let partial = PathBuf::from(name);
        let file = File::create(&partial).map_err(|source| output.fail(source))?;
        output.partial = Some(partial);
        output.sink = Some(Sink::File(BufWriter::with_capacity(1 << 18, file)));
        Ok(output)
    }

    /// Append `bytes`.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.size_bytes += bytes.len() as u64;
        if let Some(sha) = &mut self.sha {
            sha.update(bytes);
        }
        let written = match &mut self.sink {
            Some(Sink::File(file) | Sink::Stream(file)) => file.write_all(bytes),
            Some(Sink::Stdout(out)) => out.write_all(bytes),
            None => Ok(()),
        };
        written.map_err(|source| self.fail(source))
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.size_bytes
    }

    /// Make the file durable and give it its name.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses; the partial file is then removed.
    pub fn publish(self, rows: u64) -> Result<Written> {
        self.seal(rows)?.publish()
    }

    /// Make the file durable, without its name yet.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses; the partial file is then removed.
    pub fn seal(mut self, rows: u64) -> Result<Sealed> {
        self.settle().map_err(|source| self.fail(source))?;
        Ok(Sealed { output: self, rows })
    }

    fn settle(&mut self) -> io::Result<()> {
        match self.sink.take() {
            Some(Sink::File(mut buffered)) => {
                buffered.flush()?;
                buffered.get_ref().sync_all()
            }
            Some(Sink::Stream(mut buffered)) => buffered.flush(),
            Some(Sink::Stdout(mut out)) => out.flush(),
            None => Ok(()),
        }
    }

    fn rename(&mut self) -> io::Result<()> {
        if let Some(partial) = &self.partial {
            fs::rename(partial, &self.path)?;
            self.partial = None;
            sync_folder(&self.path)?;
        }
        Ok(())
    }

    fn fail(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

/// A file that is complete and durable; dropped before [`Sealed::publish`], it leaves nothing.
pub struct Sealed {
    output: Output,
    rows: u64,
}

impl Sealed {
    /// Give the file its name.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses; the partial file is then removed.
    pub fn publish(mut self) -> Result<Written> {
        self.output.rename().map_err(|source| self.output.fail(source))?;
        Ok(Written {
            path: self.output.path.clone(),
            size_bytes: self.output.size_bytes,
            sha256: self.output.sha.take().map(|sha| hex(&sha.finalize())),
            rows: self.rows,
        })
    }
}

/// So that writers of formats can write here; failures keep the system's reason.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match Self::write(self, bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(Error::Write { source, .. }) => Err(source),
            Err(other) => Err(io::Error::other(other)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Publishing flushes.
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.sink = None;
        if let Some(partial) = &self.partial {
            let _ = fs::remove_file(partial);
        }
    }
}

/// Make the new name itself durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
