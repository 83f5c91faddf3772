//! Link rows as text: `in out is_dest stars delay_ms freq ttl vp first_seen last_seen`.

use super::row::Link;
use crate::warts::addr::Addr;

/// Append `link` as a line.
pub fn write(link: &Link, out: &mut Vec<u8>) {
    link.near.write_to(out);
    out.push(b' ');
    link.far.write_to(out);
    out.extend_from_slice(if link.is_dest { b" Y " } else { b" N " });
    let mut number = itoa::Buffer::new();
    let mut integer = |value: u64, out: &mut Vec<u8>| {
        // Most are counts of a few hops.
        match u8::try_from(value) {
            Ok(digit @ 0..10) => out.push(b'0' + digit),
            _ => out.extend_from_slice(number.format(value).as_bytes()),
        }
        out.push(b' ');
    };
    integer(u64::from(link.stars), out);
    milliseconds(link.delay_floor_us, out);
    out.push(b' ');
    integer(link.freq, out);
    integer(u64::from(link.ttl), out);
    name(&link.vp, out);
    out.push(b' ');
    integer(u64::from(link.first_seen), out);
    integer(u64::from(link.last_seen), out);
    out.pop();
    out.push(b'\n');
}

/// Microseconds as milliseconds with three decimals.
fn milliseconds(us: u32, out: &mut Vec<u8>) {
    let mut number = itoa::Buffer::new();
    out.extend_from_slice(number.format(us / 1000).as_bytes());
    let part = us % 1000;
    out.push(b'.');
    out.extend([part / 100, part / 10 % 10, part % 10].map(|digit| b'0' + digit as u8));
}

/// A name without blanks; `-` if it is unknown.
fn name(vp: &[u8], out: &mut Vec<u8>) {
    if vp.is_empty() {
        out.push(b'-');
    }
    out.extend(vp.iter().map(|b| if b.is_ascii_whitespace() { b'_' } else { *b }));
}

/// Read a line.
///
/// # Errors
/// The name of the column that is missing or wrong.
///
/// ```
/// use transform_rs::links::text;
/// let line = "192.0.2.1 192.0.2.9 N 0 0.125 3 4 us-0001 1795366798 1795366799";
/// let link = text::read(line).unwrap();
/// assert_eq!(125, link.delay_floor_us);
/// let mut back = Vec::new();
/// text::write(&link, &mut back);
/// assert_eq!(format!("{line}\n").as_bytes(), back);
/// ```
pub fn read(line: &str) -> Result<Link, &'static str> {
    let mut columns = line.split_ascii_whitespace();
    let mut next = |name: &'static str| columns.next().ok_or(name);
    let link = Link {
        near: Addr::parse(next("in")?).ok_or("in")?,
        far: Addr::parse(next("out")?).ok_or("out")?,
        is_dest: match next("is_dest")? {
            "Y" => true,
            "N" => false,
            _ => return Err("is_dest"),
        },
        stars: number(next("stars")?).ok_or("stars")?,
        stars_max: None,
        delay_floor_us: microseconds(next("delay_ms")?).ok_or("delay_ms")?,
        delay_us: None,
        freq: number(next("freq")?).ok_or("freq")?,
        ttl: number(next("ttl")?).ok_or("ttl")?,
        vp: Some(next("vp")?).filter(|vp| *vp != "-").unwrap_or("").as_bytes().into(),
        first_seen: number(next("first_seen")?).ok_or("first_seen")?,
        last_seen: number(next("last_seen")?).ok_or("last_seen")?,
        loops_cut: None,
    };
    if columns.next().is_some() { Err("end of line") } else { Ok(link) }
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn microseconds(text: &str) -> Option<u32> {
    let ms: f64 = text.parse().ok()?;
    let us = (ms * 1000.0).round();
    (0.0..=f64::from(u32::MAX)).contains(&us).then_some(us as u32)
}
