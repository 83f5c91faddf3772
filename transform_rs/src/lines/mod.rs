//! JSON lines as an input: what `sc_warts2json` prints and M-Lab publishes, turned into records.
//!
//! A line becomes the record that it was made of, as far as the line tells it; everything behind
//! (counting, tables, links, graphs) then works on records only.

mod dealias;
pub mod error;
mod hop;
mod ping;
pub mod source;
mod trace;
mod tracelb;
mod value;

/// Does an input that begins like this hold JSON lines?
///
/// ```
/// assert!(transform_rs::lines::is_json(b"\n {\"type\":\"trace\"}"));
/// assert!(!transform_rs::lines::is_json(&[0x12, 0x05, 0, 1]));
/// ```
pub fn is_json(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    text.trim_ascii_start().starts_with(b"{")
}
