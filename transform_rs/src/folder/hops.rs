//! Rows of `replies.parquet` as hops of a record.

use super::table::Table;
use crate::error::Result;
use crate::warts::encode::{Block, TooLong};

/// Answers of one trace, encoded, by the part of the record that they belong to.
#[derive(Default)]
pub struct Hops {
    /// On the path, and beside it.
    pub path: Part,
    /// Path MTU discovery.
    pub pmtud: Part,
    /// Last-ditch probes.
    pub last_ditch: Part,
}

/// Encoded hops.
#[derive(Default)]
pub struct Part {
    count: u16,
    bytes: Vec<u8>,
}

impl Part {
    /// Append count and hops.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.bytes);
    }
}

impl Hops {
    /// Append the row where `replies` stands.
    pub fn push(&mut self, replies: &Table, block: &mut Block) -> Result<()> {
        let part = match replies.text("section") {
            Some(b"pmtud") => &mut self.pmtud,
            Some(b"last-ditch") => &mut self.last_ditch,
            _ => &mut self.path,
        };
        let too_long = |_: TooLong| replies.wrong("more than a record can hold");
        part.count = part.count.checked_add(1).ok_or(TooLong).map_err(too_long)?;
        let icmp = replies.int::<u8>("icmp_type")?.zip(replies.int::<u8>("icmp_code")?);
        let attempt = replies.int::<u8>("probe_id")?.map(|id| id.saturating_sub(1));
        block.u8(2, replies.int("probe_ttl")?).u8(3, replies.int("reply_ttl")?);
        block.u8(4, replies.int("flags")?).u8(5, attempt).u32(6, replies.int("rtt_us")?);
        block.u16(7, icmp.map(|(kind, code)| u16::from_be_bytes([kind, code])));
        block.u16(8, replies.int("probe_size")?).u16(9, replies.int("reply_size")?);
        block.u16(10, replies.int("reply_ipid")?).u8(11, replies.int("reply_tos")?);
        block.u16(12, replies.int("next_hop_mtu")?).u16(13, replies.int("quoted_length")?);
        block.u8(14, replies.int("quoted_ttl")?).u8(15, replies.int("tcp_flags")?);
        block.u8(16, replies.int("quoted_tos")?);
        let objects = extension(replies)?;
        if !objects.is_empty() {
            let len = u16::try_from(objects.len()).map_err(|_| too_long(TooLong))?;
            block.u16(17, Some(len)).raw(17, Some(&objects));
        }
        block.addr(18, replies.addr("addr")?).time(19, replies.time("tx_at")?);
        block.string(20, replies.text("name"));
        block.end(&mut part.bytes).map_err(too_long)
    }
}

/// The objects that the columns `mpls` and `icmp_ext` spell out.
fn extension(replies: &Table) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let wrong = || replies.wrong("mpls or icmp_ext is not as it was written");
    if let Some(text) = replies.text("mpls") {
        let words: Option<Vec<u32>> = words(text).iter().map(|entry| label(entry)).collect();
        let data: Vec<u8> = words.ok_or_else(wrong)?.iter().flat_map(|w| w.to_be_bytes()).collect();
        push(1, 1, &data, &mut out).ok_or_else(wrong)?;
    }
    for entry in words(replies.text("icmp_ext").unwrap_or_default()) {
        let parts = entry.split_once(':').and_then(|(kind, data)| {
            let (class, kind) = kind.split_once('/')?;
            Some((class.parse().ok()?, kind.parse().ok()?, unhex(data)?))
        });
        let (class, kind, data) = parts.ok_or_else(wrong)?;
        push(class, kind, &data, &mut out).ok_or_else(wrong)?;
    }
    Ok(out)
}

fn words(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).split_ascii_whitespace().map(str::to_owned).collect()
}

fn push(class: u8, kind: u8, data: &[u8], out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
    out.extend_from_slice(&[class, kind]);
    out.extend_from_slice(data);
    Some(())
}

/// An entry of a label stack: `label/exp/s/ttl`.
fn label(entry: &str) -> Option<u32> {
    let parts: Option<Vec<u32>> = entry.split('/').map(|part| part.parse().ok()).collect();
    let [label, exp, s, ttl] = parts?[..] else {
        return None;
    };
    Some((label & 0xf_ffff) << 12 | (exp & 7) << 9 | (s & 1) << 8 | ttl & 0xff)
}

/// Bytes of hexadecimal text.
///
/// Inverse of [`crate::input::hex`].
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibbles: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let is_whole = nibbles.len().is_multiple_of(2);
    is_whole.then(|| nibbles.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}
