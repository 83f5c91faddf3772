//! Writes interfaces, alias sets and graphs.

use std::path::Path;

use super::aliases::Found;
use super::facts::{Behind, Fact, Family};
use super::itdk::{Place, is_artificial};
use super::sets::Sets;
use crate::addresses::Class;
use crate::convert::row::Row;
use crate::error::{Error, Result};
use crate::links::merge::is_parquet;
use crate::output::{Output, Sealed, Written};
use crate::parquet::column::{Field, Type};
use crate::parquet::table::Table;
use crate::spill::Sorted;
use crate::warts::addr::Addr;

/// What all tables' metadata say.
pub type Notes<'n> = &'n [(&'static str, String)];

static IFACES: [Field; 6] = [
    Field::required("addr", Type::Text),
    Field::optional("ip_version", Type::I32),
    Field::required("addr_class", Type::Text),
    Field::required("is_transit", Type::Bool),
    Field::required("is_dest", Type::Bool),
    Field::optional("is_third_party", Type::Bool),
];

/// What an interface was seen as.
#[derive(Debug, Default, Clone, Copy)]
struct Role {
    is_transit: bool,
    is_dest: bool,
    is_third_party: bool,
}

static ALIASES: [Field; 3] = [
    Field::required("set_id", Type::I64),
    Field::required("addr", Type::Text),
    Field::required("addr_class", Type::Text),
];

static NODES: [Field; 5] = [
    Field::required("node_id", Type::I64),
    Field::required("addr", Type::Text),
    Field::required("addr_class", Type::Text),
    Field::required("is_anonymous", Type::Bool),
    Field::optional("vp", Type::Text),
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

/// Interfaces of routers; a pure destination is none. `knows_owners` says that third parties were
/// looked for.
///
/// # Errors
/// [`Error::Write`], or [`Error::Read`] of a temporary file.
pub fn ifaces(
    v4: Sorted<Fact<u32>>,
    v6: Sorted<Fact<u128>>,
    path: &Path,
    knows_owners: bool,
    with_digest: bool,
    notes: Notes<'_>,
) -> Result<Written> {
    if is_parquet(path) {
        let mut table = Table::create(path, &IFACES, with_digest)?;
        let mut append = |addr: Addr, role: Role| {
            let mut row = Row::new(table.columns());
            row.addr(Some(addr)).int(addr.ip_version()).name(Some(Class::of(addr).name()));
            row.bool(role.is_transit).bool(role.is_dest);
            row.optional_bool(knows_owners.then_some(role.is_third_party));
            table.end_row()
        };
        each_iface(v4, &mut append)?;
        each_iface(v6, &mut append)?;
        return table.publish(notes);
    }
    let mut output = Output::create(path, with_digest)?;
    let (mut line, mut rows) = (Vec::with_capacity(40), 0);
    let mut append = |addr: Addr, role: Role| {
        if role.is_dest && !role.is_transit {
            return Ok(());
        }
        line.clear();
        addr.write_to(&mut line);
        line.push(b'\n');
        rows += 1;
        output.write(&line)
    };
    each_iface(v4, &mut append)?;
    each_iface(v6, &mut append)?;
    output.publish(rows)
}

/// Call `append` for each address with what it was seen as.
fn each_iface<A: Family>(
    mut facts: Sorted<Fact<A>>,
    append: &mut impl FnMut(Addr, Role) -> Result<()>,
) -> Result<()> {
    let mut open: Option<(A, Role)> = None;
    while let Some(fact) = facts.next_record()? {
        if let Some((addr, role)) = open.take_if(|(addr, _)| *addr != fact.near.addr) {
            append(addr.addr(), role)?;
        }
        let (_, role) = open.get_or_insert((fact.near.addr, Role::default()));
        role.is_transit |= fact.behind != Behind::Nothing;
        role.is_dest |= fact.is_dest;
        role.is_third_party |= fact.is_third_party;
    }
    match open {
        Some((addr, role)) => append(addr.addr(), role),
        None => Ok(()),
    }
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

/// The files of a graph under construction: three in CAIDA's layout, two tables.
pub struct Files {
    nodes: Output,
    links: Output,
    ifaces: Output,
    node_table: Table,
    link_table: Table,
    line: Vec<u8>,
    rows: [u64; 3],
}

impl Files {
    /// Begin the files.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn create(place: &Place<'_>) -> Result<Self> {
        let (into, with_digest) = (place.into, place.with_digest);
        std::fs::create_dir_all(into)
            .map_err(|source| Error::Write { path: into.to_owned(), source })?;
        let text = |suffix: &str, format: &str| {
            let path = into.join(format!("{}.{suffix}", place.name));
            let mut output = Output::create(&path, with_digest)?;
            output.write(format!("# format: {format}\n").as_bytes())?;
            Ok::<_, Error>(output)
        };
        let table = |name, fields| Table::create(&into.join(name), fields, with_digest);
        Ok(Self {
            nodes: text("nodes", "node <node_id>:  <i1>  <i2>  ...  <in>")?,
            links: text("links", "link <link_id>:  <N1>:i1  <N2>:i2  ...")?,
            ifaces: text("ifaces", "<address> [<node_id>] [<link_id>] [T] [D]")?,
            node_table: table("nodes.parquet", &NODES)?,
            link_table: table("node_links.parquet", &NODE_LINKS)?,
            line: Vec::with_capacity(256),
            rows: [0; 3],
        })
    }

    fn number(&mut self, before: &[u8], number: u64) {
        self.line.extend_from_slice(before);
        self.line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// `node N1:  192.0.2.1 192.0.2.9`: router `node`, counted from 0, with its interfaces; `vp` is
    /// the vantage point that saw a private one.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn node(&mut self, node: u32, addrs: &[Addr], vp: Option<&[u8]>) -> Result<()> {
        let node = u64::from(node) + 1;
        self.line.clear();
        self.number(b"node N", node);
        self.line.extend_from_slice(b": ");
        for addr in addrs {
            self.line.push(b' ');
            addr.write_to(&mut self.line);
            let mut row = Row::new(self.node_table.columns());
            row.int(Some(node as i64)).addr(Some(*addr)).name(Some(Class::of(*addr).name()));
            row.bool(is_artificial(*addr)).text(vp);
            self.node_table.end_row()?;
        }
        self.line.push(b'\n');
        self.rows[0] += 1;
        self.nodes.write(&self.line)
    }

    /// `link L1:  N2:192.0.2.9`: begin a link at its far end, whose interface is known.
    pub fn link(&mut self, link: u64, far: u32, addr: Addr) {
        self.line.clear();
        self.number(b"link L", link);
        self.number(b":  N", u64::from(far) + 1);
        self.line.push(b':');
        addr.write_to(&mut self.line);
    }

    /// ` N1`: a near end of the link, with its interface if that is an artificial one.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn link_end(
        &mut self,
        link: u64,
        (near, shown): (u32, Option<Addr>),
        far: u32,
        addr: Addr,
    ) -> Result<()> {
        self.number(b" N", u64::from(near) + 1);
        if let Some(shown) = shown {
            self.line.push(b':');
            shown.write_to(&mut self.line);
        }
        let mut row = Row::new(self.link_table.columns());
        row.int(Some(link as i64)).int(Some(near + 1)).int(Some(far + 1)).addr(Some(addr));
        self.link_table.end_row()
    }

    /// The end of the line of a link.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn end_link(&mut self) -> Result<()> {
        self.line.push(b'\n');
        self.rows[1] += 1;
        self.links.write(&self.line)
    }

    /// `192.0.2.9 N2 L1 T D`: an interface, its router, the link that leads to it, its role.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn iface(&mut self, addr: Addr, node: u32, link: Option<u64>, role: u8) -> Result<()> {
        self.line.clear();
        addr.write_to(&mut self.line);
        self.number(b" N", u64::from(node) + 1);
        if let Some(link) = link {
            self.number(b" L", link);
        }
        self.line.extend_from_slice(if role & 1 != 0 { b" T" } else { b"" });
        self.line.extend_from_slice(if role & 2 != 0 { b" D" } else { b"" });
        self.line.push(b'\n');
        self.rows[2] += 1;
        self.ifaces.write(&self.line)
    }

    /// Give all files their names, once all are whole and durable.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn publish(self, notes: Notes<'_>) -> Result<Vec<Written>> {
        let sealed = vec![
            self.nodes.seal(self.rows[0])?,
            self.links.seal(self.rows[1])?,
            self.ifaces.seal(self.rows[2])?,
            self.node_table.seal(notes)?,
            self.link_table.seal(notes)?,
        ];
        sealed.into_iter().map(Sealed::publish).collect()
    }
}
