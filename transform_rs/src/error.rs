//! What can go wrong with a run, and the exit status that tells it.

use std::io;
use std::path::PathBuf;

/// A failure that ends the run. Damage inside an input is no failure: it is counted and reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// An input cannot be opened.
    #[error("cannot open {path}: {source}; check the name and its permissions")]
    Open {
        /// The input.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// An input cannot be read to its end.
    #[error("cannot read {path}: {source}; nothing was published")]
    Read {
        /// The input.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
    /// An output cannot be written.
    #[error(
        "cannot write {path}: {source}; free space or choose another -o, nothing was published"
    )]
    Write {
        /// The output.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// An input is of the right kind but cannot be understood.
    #[error("{path}: {reason}")]
    Format {
        /// The input.
        path: String,
        /// Position and cause.
        reason: String,
    },
}

/// Result of a step of a run.
pub type Result<T> = std::result::Result<T, Error>;

/// Exit status of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything was read and written.
    Done = 0,
    /// The command line is wrong.
    Usage = 1,
    /// An input is damaged; the outputs hold everything that could be read.
    Damaged = 2,
    /// Reading or writing failed; there is no output.
    Io = 3,
    /// No input held anything usable.
    Nothing = 4,
}

impl Error {
    /// The exit status that this failure gives.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Format { .. } => Exit::Nothing,
            Self::Open { .. } | Self::Read { .. } | Self::Write { .. } => Exit::Io,
        }
    }
}
