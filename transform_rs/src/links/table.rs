//! Link rows as a Parquet table.

use super::row::Link;
use crate::parquet::column::{Column, Field, Type};
use crate::parquet::read::{self, TableReader};
use crate::warts::addr::Addr;

/// Columns of `links.parquet`.
pub static FIELDS: [Field; 13] = [
    Field::required("in", Type::Text),
    Field::required("out", Type::Text),
    Field::required("is_dest", Type::Bool),
    Field::required("stars", Type::I32),
    Field::required("delay_ms", Type::F64),
    Field::required("freq", Type::I64),
    Field::required("ttl", Type::I32),
    Field::optional("vp", Type::Text),
    Field::required("first_seen", Type::I64),
    Field::required("last_seen", Type::I64),
    Field::optional("stars_max", Type::I32),
    Field::optional("delay_us", Type::I32),
    Field::optional("loops_cut", Type::I64),
];

/// Append `link` to columns made after [`FIELDS`].
pub fn append(link: &Link, columns: &mut [Column]) {
    let mut text = Vec::with_capacity(40);
    let mut columns = columns.iter_mut();
    let mut next = |fill: &mut dyn FnMut(&mut Column)| {
        if let Some(column) = columns.next() {
            fill(column);
        }
    };
    let mut address = |column: &mut Column, addr: Addr| {
        text.clear();
        addr.write_to(&mut text);
        column.text(Some(&text));
    };
    next(&mut |c| address(c, link.near));
    next(&mut |c| address(c, link.far));
    next(&mut |c| c.bool(Some(link.is_dest)));
    next(&mut |c| c.int(Some(link.stars)));
    next(&mut |c| c.float(Some(f64::from(link.delay_floor_us) / 1000.0)));
    next(&mut |c| c.int(Some(link.freq as i64)));
    next(&mut |c| c.int(Some(link.ttl)));
    next(&mut |c| c.text(Some(&link.vp[..]).filter(|vp| !vp.is_empty())));
    next(&mut |c| c.int(Some(link.first_seen)));
    next(&mut |c| c.int(Some(link.last_seen)));
    next(&mut |c| c.int(link.stars_max));
    next(&mut |c| c.int(link.delay_us));
    next(&mut |c| c.int(link.loops_cut.map(|n| n as i64)));
}

/// Read the rows of row group `group`.
///
/// # Errors
/// Which column is missing or wrong, in words.
pub fn read(reader: &TableReader<'_>, group: usize) -> Result<Vec<Link>, String> {
    let ints = |name: &str| reader.column(group, name).map(|column| read::ints(&column));
    let text = |name: &str| reader.column(group, name);
    let (near, far, vp) = (text("in")?, text("out")?, text("vp")?);
    let (near, far, vp) = (read::texts(&near), read::texts(&far), read::texts(&vp));
    let is_dest = read::bools(&reader.column(group, "is_dest")?);
    let delay_ms = read::floats(&reader.column(group, "delay_ms")?);
    let (stars, freq, ttl) = (ints("stars")?, ints("freq")?, ints("ttl")?);
    let (first, last) = (ints("first_seen")?, ints("last_seen")?);
    let (stars_max, delay_us, loops) = (ints("stars_max")?, ints("delay_us")?, ints("loops_cut")?);
    let row = |i: usize| {
        Some(Link {
            near: address(near[i]?)?,
            far: address(far[i]?)?,
            is_dest: is_dest[i]?,
            stars: stars[i]?.try_into().ok()?,
            stars_max: stars_max[i].and_then(|n| n.try_into().ok()),
            delay_floor_us: (delay_ms[i]? * 1000.0).round() as u32,
            delay_us: delay_us[i].and_then(|n| n.try_into().ok()),
            freq: freq[i]?.try_into().ok()?,
            ttl: ttl[i]?.try_into().ok()?,
            vp: vp[i].unwrap_or_default().to_vec(),
            first_seen: first[i]?.try_into().ok()?,
            last_seen: last[i]?.try_into().ok()?,
            loops_cut: loops[i].and_then(|n| n.try_into().ok()),
        })
    };
    let all = [near.len(), far.len(), vp.len(), is_dest.len(), stars.len(), delay_ms.len()];
    if all.iter().any(|len| *len != reader.group_rows(group)) {
        return Err("its columns differ in length or type".to_owned());
    }
    (0..near.len()).map(|i| row(i).ok_or(format!("its row {i} is no link"))).collect()
}

fn address(text: &[u8]) -> Option<Addr> {
    Addr::parse(std::str::from_utf8(text).ok()?)
}
