//! Writes interfaces, alias sets and graphs.

use std::path::Path;

use super::aliases::Found;
use super::collect::{Role, Seen};
use super::itdk::{Graph, is_artificial};
use super::sets::Sets;
use crate::addresses::Class;
use crate::convert::row::Row;
use crate::error::{Error, Result};
use crate::links::merge::is_parquet;
use crate::output::{Output, Sealed, Written};
use crate::parquet::column::{Field, Type};
use crate::parquet::table::Table;
use crate::warts::addr::Addr;

/// What all tables' metadata say.
pub type Notes<'n> = &'n [(&'static str, String)];

static IFACES: [Field; 5] = [
    Field::required("addr", Type::Text),
    Field::optional("ip_version", Type::I32),
    Field::required("addr_class", Type::Text),
    Field::required("is_transit", Type::Bool),
    Field::required("is_dest", Type::Bool),
];

static ALIASES: [Field; 3] = [
    Field::required("set_id", Type::I64),
    Field::required("addr", Type::Text),
    Field::required("addr_class", Type::Text),
];

static NODES: [Field; 4] = [
    Field::required("node_id", Type::I64),
    Field::required("addr", Type::Text),
    Field::required("addr_class", Type::Text),
    Field::required("is_anonymous", Type::Bool),
];

static NODE_LINKS: [Field; 4] = [
    Field::required("link_id", Type::I64),
    Field::required("near_node_id", Type::I64),
    Field::required("far_node_id", Type::I64),
    Field::required("far_addr", Type::Text),
];

fn publish_text(path: &Path, text: &[u8], rows: u64, with_digest: bool) -> Result<Sealed> {
    let mut output = Output::create(path, with_digest)?;
    output.write(text)?;
    output.seal(rows)
}

/// Interfaces of routers; a pure destination is none.
///
/// # Errors
/// [`Error::Write`].
pub fn ifaces(seen: &Seen, path: &Path, with_digest: bool, notes: Notes<'_>) -> Result<Written> {
    if is_parquet(path) {
        let mut table = Table::create(path, &IFACES, with_digest)?;
        for (addr, role) in &seen.ifaces {
            let mut row = Row::new(table.columns());
            row.addr(Some(*addr)).int(addr.ip_version()).name(Some(Class::of(*addr).name()));
            row.bool(role.is_transit).bool(role.is_dest);
            table.end_row()?;
        }
        return table.publish(notes);
    }
    let is_router = |role: &&Role| role.is_transit || !role.is_dest;
    let (mut text, mut rows) = (Vec::new(), 0);
    for (addr, _) in seen.ifaces.iter().filter(|(_, role)| is_router(role)) {
        addr.write_to(&mut text);
        text.push(b'\n');
        rows += 1;
    }
    publish_text(path, &text, rows, with_digest)?.publish()
}

/// Alias sets.
///
/// # Errors
/// [`Error::Write`].
pub fn aliases(
    found: &Found,
    sets: &Sets,
    path: &Path,
    with_digest: bool,
    notes: Notes<'_>,
) -> Result<Written> {
    if is_parquet(path) {
        let mut table = Table::create(path, &ALIASES, with_digest)?;
        for (i, set) in sets.sets.iter().enumerate() {
            for addr in set {
                let mut row = Row::new(table.columns());
                row.int(Some(i as i64 + 1)).addr(Some(*addr)).name(Some(Class::of(*addr).name()));
                table.end_row()?;
            }
        }
        return table.publish(notes);
    }
    let mut text = String::new();
    for pair in &sets.contradictions {
        let against = found.evidence.not_aliases.get(pair).into_iter().flatten();
        let methods: Vec<&str> = against.map(String::as_str).collect();
        text += &format!("# not-aliases {} {} {}\n", pair.0, pair.1, methods.join(","));
    }
    for (a, b) in &sets.left_out {
        text += &format!("# left-out {a} {b} {}\n", Class::of(*a).max(Class::of(*b)).name());
    }
    for set in &sets.sets {
        let addrs: Vec<String> = set.iter().map(Addr::to_string).collect();
        text += &format!("{}\n", addrs.join(" "));
    }
    publish_text(path, text.as_bytes(), sets.sets.len() as u64, with_digest)?.publish()
}

/// The graph: three files in CAIDA's layout and two tables.
///
/// # Errors
/// [`Error::Write`].
pub fn graph(
    graph: &Graph,
    seen: &Seen,
    into: &Path,
    name: &str,
    with_digest: bool,
    notes: Notes<'_>,
) -> Result<Vec<Written>> {
    std::fs::create_dir_all(into)
        .map_err(|source| Error::Write { path: into.to_owned(), source })?;
    let file = |suffix: &str| into.join(format!("{name}.{suffix}"));
    let (mut nodes, mut links, mut ifaces) = (Vec::new(), Vec::new(), Vec::new());
    graph.write_nodes(&mut nodes);
    graph.write_links(&mut links);
    graph.write_ifaces(seen, &mut ifaces);
    let sealed = vec![
        publish_text(&file("nodes"), &nodes, graph.nodes.len() as u64, with_digest)?,
        publish_text(&file("links"), &links, graph.links.len() as u64, with_digest)?,
        publish_text(&file("ifaces"), &ifaces, seen.ifaces.len() as u64, with_digest)?,
        node_table(graph, &into.join("nodes.parquet"), with_digest, notes)?,
        link_table(graph, &into.join("node_links.parquet"), with_digest, notes)?,
    ];
    sealed.into_iter().map(Sealed::publish).collect()
}

fn node_table(graph: &Graph, path: &Path, with_digest: bool, notes: Notes<'_>) -> Result<Sealed> {
    let mut table = Table::create(path, &NODES, with_digest)?;
    for (i, node) in graph.nodes.iter().enumerate() {
        for addr in node {
            let mut row = Row::new(table.columns());
            row.int(Some(i as i64 + 1)).addr(Some(*addr)).name(Some(Class::of(*addr).name()));
            row.bool(is_artificial(*addr));
            table.end_row()?;
        }
    }
    table.seal(notes)
}

fn link_table(graph: &Graph, path: &Path, with_digest: bool, notes: Notes<'_>) -> Result<Sealed> {
    let mut table = Table::create(path, &NODE_LINKS, with_digest)?;
    for (i, link) in graph.links.iter().enumerate() {
        let far = graph.node_id(link.far).unwrap_or(0) as i64;
        for (near, _) in &link.near {
            let mut row = Row::new(table.columns());
            row.int(Some(i as i64 + 1)).int(Some(*near as i64 + 1)).int(Some(far));
            row.addr(Some(link.far));
            table.end_row()?;
        }
    }
    table.seal(notes)
}
