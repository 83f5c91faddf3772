//! Link rows as a Parquet table.

use parquet::data_type::ByteArray;

use super::row::Link;
use crate::parquet::column::{Column, Field, Type};
use crate::parquet::read::{Rows, TableReader};
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

/// The first column of links that a table does not have.
pub fn lacking(reader: &TableReader) -> Option<&'static str> {
    let there = reader.columns();
    let is_there = |field: &Field| there.iter().any(|(name, _)| name == field.name);
    FIELDS.iter().find(|field| !is_there(field)).map(|field| field.name)
}

/// Read the rows of row group `group`.
///
/// # Errors
/// Which column is missing or wrong, in words.
pub fn read(reader: &TableReader, group: usize) -> Result<Vec<Link>, String> {
    let column = |name: &str| reader.column(group, name).map_err(|error| error.to_string());
    let ints = |name: &str| column(name).map(Rows::ints);
    let (near, far, vp) = (column("in")?.texts(), column("out")?.texts(), column("vp")?.texts());
    let (is_dest, delay_ms) = (column("is_dest")?.bools(), column("delay_ms")?.floats());
    let (stars, freq, ttl) = (ints("stars")?, ints("freq")?, ints("ttl")?);
    let (first, last) = (ints("first_seen")?, ints("last_seen")?);
    let (stars_max, delay_us, loops) = (ints("stars_max")?, ints("delay_us")?, ints("loops_cut")?);
    let row = |i: usize| {
        Some(Link {
            near: address(near.get(i)?)?,
            far: address(far.get(i)?)?,
            is_dest: (*is_dest.get(i)?)?,
            stars: narrow(&stars, i)?,
            stars_max: narrow(&stars_max, i),
            delay_floor_us: (delay_ms.get(i)?.as_ref()? * 1000.0).round() as u32,
            delay_us: narrow(&delay_us, i),
            freq: narrow(&freq, i)?,
            ttl: narrow(&ttl, i)?,
            vp: vp.get(i)?.as_ref().map(|vp| vp.data().into()).unwrap_or_default(),
            first_seen: narrow(&first, i)?,
            last_seen: narrow(&last, i)?,
            loops_cut: narrow(&loops, i),
        })
    };
    let rows = 0..reader.group_rows(group);
    rows.map(|i| row(i).ok_or_else(|| format!("its row {i} is no link"))).collect()
}

/// Row `i` as a number of the type that a link has there.
fn narrow<T: TryFrom<i64>>(rows: &[Option<i64>], i: usize) -> Option<T> {
    T::try_from((*rows.get(i)?)?).ok()
}

fn address(text: &Option<ByteArray>) -> Option<Addr> {
    Addr::parse(std::str::from_utf8(text.as_ref()?.data()).ok()?)
}
