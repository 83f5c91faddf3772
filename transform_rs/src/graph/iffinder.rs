//! Alias tests of iffinder 1.38 (`NAME.out`) and miniffinder (`NAME.iffout`).
//!
//! Columns: `addr alias oTTL rTTL RTT result ...`; `#` begins a comment. Result `D` means that
//! another address answered for `addr`: an alias pair. Whatever follows the result (discovr,
//! feature, record route) does not matter here.

use crate::warts::addr::Addr;

/// Outcome of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Two addresses of one router.
    Pair(Addr, Addr),
    /// A test without a pair: no answer, the same address, an error.
    Nothing,
    /// Neither a row nor a comment.
    Wrong,
}

/// Read a line.
///
/// ```
/// use transform_rs::graph::iffinder::{Line, read};
/// assert_eq!(Line::Nothing, read("192.0.2.1 192.0.2.1 64 60 1.5 S"));
/// assert!(matches!(read("192.0.2.1 192.0.2.9 64 60 1.5 D - -"), Line::Pair(..)));
/// assert_eq!(Line::Wrong, read("192.0.2.1 D"));
/// ```
pub fn read(line: &str) -> Line {
    let content = line.trim();
    if content.is_empty() || content.starts_with('#') {
        return Line::Nothing;
    }
    let columns: Vec<&str> = content.split_ascii_whitespace().collect();
    let [addr, alias, _, _, _, result, ..] = columns[..] else {
        return Line::Wrong;
    };
    let Some(addr) = Addr::parse(addr) else {
        return Line::Wrong;
    };
    let kind = result.split(':').next().unwrap_or_default();
    match (kind, Addr::parse(alias)) {
        ("D", Some(alias)) if alias != addr => Line::Pair(addr, alias),
        ("D", None) => Line::Wrong,
        ("D" | "S" | "X" | "E" | "I" | "A", _) => Line::Nothing,
        _ => Line::Wrong,
    }
}
