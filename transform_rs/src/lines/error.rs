//! What is wrong with a line, and where.

use crate::warts::encode::TooLong;
use crate::warts::kind::Kind;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is no JSON, or a value has the wrong type or range.
    #[error("column {column}: {reason}")]
    Json {
        /// Byte in the line, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// A name that stands for a number is not known.
    #[error("{key} {value:?} is not known")]
    Name {
        /// The key.
        key: &'static str,
        /// The name.
        value: String,
    },
    /// It has no `type`.
    #[error("no \"type\" in the object")]
    NoType,
    /// Its `type` is none of scamper's.
    #[error("type {0:?} is none of scamper's")]
    Type(String),
    /// It holds more than a record can.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// It is longer than any record may be.
    #[error("longer than 64 MiB")]
    Overlong,
}

/// A line that was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {fault}")]
pub struct LineError {
    /// Number of the line, from 1.
    pub line: u64,
    /// Offset of its first byte in the unpacked input.
    pub at: u64,
    /// Its length, bytes.
    pub len: u64,
    /// The record's type, if the line tells it.
    pub kind: Option<Kind>,
    /// What is wrong.
    pub fault: Fault,
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or(&text).to_owned();
        Self::Json { column: error.column(), reason }
    }
}
