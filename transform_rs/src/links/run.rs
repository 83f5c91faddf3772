//! Sorted links on disk: what does not fit into memory while merging.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::row::Link;
use crate::spill::nameless;
use crate::warts::addr::Addr;

/// A sorted run of links in a file that is gone when the run is.
#[derive(Debug)]
pub struct Run {
    reader: BufReader<File>,
    left: u64,
}

/// Buffer of a run being read.
const BUFFER: usize = 1 << 16;

impl Run {
    /// Write `links` to a nameless file in `folder`.
    ///
    /// # Errors
    /// The system's.
    pub fn write(links: impl Iterator<Item = Link>, folder: &Path) -> io::Result<Self> {
        let mut writer = BufWriter::new(nameless(folder)?);
        let mut left = 0;
        for link in links {
            put(&link, &mut writer)?;
            left += 1;
        }
        let mut file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        let reader = BufReader::with_capacity(BUFFER, file);
        Ok(Self { reader, left })
    }

    /// The next link; nothing after the last.
    ///
    /// # Errors
    /// The system's.
    pub fn next_link(&mut self) -> io::Result<Option<Link>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        get(&mut self.reader).map(Some)
    }
}

fn put_addr(addr: Addr, out: &mut impl Write) -> io::Result<()> {
    match addr {
        Addr::V6(bytes) => out.write_all(&[6]).and_then(|()| out.write_all(&bytes)),
        Addr::V4(bytes) => out.write_all(&[4]).and_then(|()| out.write_all(&bytes)),
        _ => Err(io::Error::other("a link between link-layer addresses")),
    }
}

fn put(link: &Link, out: &mut impl Write) -> io::Result<()> {
    put_addr(link.near, out)?;
    put_addr(link.far, out)?;
    let known = u8::from(link.stars_max.is_some())
        | u8::from(link.delay_us.is_some()) << 1
        | u8::from(link.loops_cut.is_some()) << 2;
    let stars_max = link.stars_max.unwrap_or(0);
    out.write_all(&[u8::from(link.is_dest), link.stars, stars_max, link.ttl, known])?;
    out.write_all(&link.delay_floor_us.to_le_bytes())?;
    out.write_all(&link.delay_us.unwrap_or(0).to_le_bytes())?;
    out.write_all(&link.freq.to_le_bytes())?;
    out.write_all(&link.loops_cut.unwrap_or(0).to_le_bytes())?;
    out.write_all(&link.first_seen.to_le_bytes())?;
    out.write_all(&link.last_seen.to_le_bytes())?;
    out.write_all(&(link.vp.len() as u32).to_le_bytes())?;
    out.write_all(&link.vp)
}

fn bytes<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn get_addr(from: &mut impl Read) -> io::Result<Addr> {
    let [kind] = bytes(from)?;
    if kind == 6 { bytes(from).map(Addr::V6) } else { bytes(from).map(Addr::V4) }
}

fn get(from: &mut impl Read) -> io::Result<Link> {
    let (near, far) = (get_addr(from)?, get_addr(from)?);
    let [is_dest, stars, stars_max, ttl, known] = bytes(from)?;
    let delay_floor_us = u32::from_le_bytes(bytes(from)?);
    let delay_us = i32::from_le_bytes(bytes(from)?);
    let freq = u64::from_le_bytes(bytes(from)?);
    let loops_cut = u64::from_le_bytes(bytes(from)?);
    let first_seen = u32::from_le_bytes(bytes(from)?);
    let last_seen = u32::from_le_bytes(bytes(from)?);
    let mut vp = vec![0; u32::from_le_bytes(bytes(from)?) as usize];
    from.read_exact(&mut vp)?;
    Ok(Link {
        near,
        far,
        is_dest: is_dest == 1,
        stars,
        stars_max: (known & 1 != 0).then_some(stars_max),
        delay_floor_us,
        delay_us: (known & 2 != 0).then_some(delay_us),
        freq,
        ttl,
        vp: vp.into(),
        first_seen,
        last_seen,
        loops_cut: (known & 4 != 0).then_some(loops_cut),
    })
}
