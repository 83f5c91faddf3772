//! Columns of `replies.parquet`: one row per answer to a probe of a trace.

use std::fmt::Write;

use hashbrown::HashMap;

use crate::error::Result;
use crate::input::hex;
use crate::parquet::column::{Column, Field, Type};
use crate::parquet::file::RowGroup;
use crate::parquet::schema::Plan;
use crate::parquet::table::columns_for;
use crate::warts::addr::Addr;
use crate::warts::extension::{Object, objects};
use crate::warts::trace::{Hop, Trace};

/// The columns.
pub static FIELDS: [Field; 25] = [
    Field::required("trace_id", Type::I64),
    Field::optional("vp", Type::Text),
    Field::optional("dst_addr", Type::Text),
    Field::required("section", Type::Text),
    Field::optional("addr", Type::Text),
    Field::required("probe_ttl", Type::I32),
    Field::required("probe_id", Type::I32),
    Field::required("probe_size", Type::I32),
    Field::optional("tx_at", Type::Timestamp),
    Field::required("rtt_us", Type::I64),
    Field::optional("reply_ttl", Type::I32),
    Field::required("reply_tos", Type::I32),
    Field::required("reply_size", Type::I32),
    Field::required("reply_ipid", Type::I32),
    Field::optional("icmp_type", Type::I32),
    Field::optional("icmp_code", Type::I32),
    Field::optional("quoted_ttl", Type::I32),
    Field::optional("quoted_length", Type::I32),
    Field::optional("quoted_tos", Type::I32),
    Field::optional("next_hop_mtu", Type::I32),
    Field::optional("tcp_flags", Type::I32),
    Field::optional("mpls", Type::Text),
    Field::optional("icmp_ext", Type::Text),
    Field::optional("name", Type::Text),
    Field::required("flags", Type::I32),
];

/// Replies of one batch, becoming one row group.
pub struct Replies {
    columns: Vec<Column>,
    addresses: Numbers,
    destinations: Numbers,
    ids: Vec<Option<u32>>,
    text: Vec<u8>,
}

/// What the replies of one trace share, as numbers of texts.
struct Shared {
    trace_id: i64,
    vp: Option<u32>,
    dst: Option<u32>,
    is_v6: bool,
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            columns: columns_for(&FIELDS),
            addresses: Numbers::default(),
            destinations: Numbers::default(),
            ids: Vec::new(),
            text: Vec::new(),
        }
    }
}

impl Replies {
    /// Append all replies of `trace`.
    pub fn append(&mut self, id: u64, vp: Option<&[u8]>, trace: &Trace<'_>) {
        let shared = Shared {
            trace_id: id as i64,
            vp: vp.and_then(|vp| self.intern(1, &String::from_utf8_lossy(vp))),
            dst: trace.dst.and_then(|dst| {
                number(dst, &mut self.destinations, &mut self.columns[2], &mut self.text)
            }),
            is_v6: matches!(trace.dst, Some(Addr::V6(_))),
        };
        let path = trace.path_range();
        self.section("extra", &trace.hops[..path.start], &shared);
        self.section("hop", &trace.hops[path.clone()], &shared);
        self.section("extra", &trace.hops[path.end..], &shared);
        self.section("pmtud", &trace.pmtud_hops, &shared);
        self.section("last-ditch", &trace.last_ditch_hops, &shared);
    }

    /// Encode what was appended as a row group, and start anew.
    ///
    /// # Errors
    /// As [`RowGroup::encode`].
    pub fn encode(&mut self, plan: &Plan) -> Result<RowGroup> {
        let group = RowGroup::encode(plan, &self.columns);
        self.columns.iter_mut().for_each(Column::clear);
        self.addresses.clear();
        self.destinations.clear();
        group
    }

    fn intern(&mut self, column: usize, text: &str) -> Option<u32> {
        let dictionary = self.columns[column].dictionary()?;
        Some(dictionary.intern(text.as_bytes()))
    }

    /// Column by column, which is faster than reply by reply.
    fn section(&mut self, name: &str, hops: &[Hop<'_>], shared: &Shared) {
        if hops.is_empty() {
            return;
        }
        let section = self.intern(3, name);
        let count = hops.len() as u32;
        let [id, vp, dst, kind, addr, rest @ ..] = &mut self.columns[..] else {
            return;
        };
        id.extend(hops.iter().map(|_| shared.trace_id));
        vp.ids(shared.vp, count);
        dst.ids(shared.dst, count);
        kind.ids(section, count);
        self.ids.clear();
        for hop in hops {
            let id = hop.addr.and_then(|a| number(a, &mut self.addresses, addr, &mut self.text));
            self.ids.push(id);
        }
        self.ids.iter().for_each(|id| addr.ids(*id, 1));
        let [ttl, probe, size, tx, rtt, rest @ ..] = rest else {
            return;
        };
        ttl.extend(hops.iter().map(|hop| i64::from(hop.probe_ttl)));
        probe.extend(hops.iter().map(|hop| i64::from(hop.probe_id())));
        size.extend(hops.iter().map(|hop| i64::from(hop.probe_size)));
        tx.extend_optional(hops.iter().map(|hop| (hop.tx.sec != 0).then(|| hop.tx.micros())));
        rtt.extend(hops.iter().map(|hop| i64::from(hop.rtt_us)));
        let [reply_ttl, tos, reply_size, ipid, rest @ ..] = rest else {
            return;
        };
        reply_ttl.extend_optional(hops.iter().map(|hop| hop.reply_ttl().map(i64::from)));
        tos.extend(hops.iter().map(|hop| i64::from(hop.reply_tos)));
        reply_size.extend(hops.iter().map(|hop| i64::from(hop.reply_size)));
        ipid.extend(hops.iter().map(|hop| i64::from(hop.reply_ipid)));
        icmp(hops, shared.is_v6, rest);
    }
}

/// The columns from `icmp_type` on.
fn icmp(hops: &[Hop<'_>], is_v6: bool, columns: &mut [Column]) {
    let [kind, code, q_ttl, q_len, q_tos, mtu, tcp, mpls, ext, name, flags] = columns else {
        return;
    };
    kind.extend_optional(hops.iter().map(|hop| hop.icmp().map(|(kind, _)| i64::from(kind))));
    code.extend_optional(hops.iter().map(|hop| hop.icmp().map(|(_, code)| i64::from(code))));
    let quoting = |hop: &Hop<'_>| hop.is_quoting(is_v6);
    q_ttl.extend_optional(hops.iter().map(|hop| quoting(hop).then(|| i64::from(hop.quoted_ttl()))));
    q_len.extend_optional(
        hops.iter().map(|hop| quoting(hop).then(|| i64::from(hop.quoted_length()))),
    );
    q_tos.extend_optional(
        hops.iter().map(|hop| hop.quoted_tos().filter(|_| quoting(hop)).map(i64::from)),
    );
    mtu.extend_optional(hops.iter().map(|hop| hop.next_hop_mtu().map(i64::from)));
    tcp.extend_optional(hops.iter().map(|hop| hop.tcp_flags().map(i64::from)));
    for hop in hops {
        extensions(hop.extension, mpls, ext);
        match hop.name {
            Some(text) => name.text(Some(String::from_utf8_lossy(text).as_bytes())),
            None => name.ids(None, 1),
        }
    }
    flags.extend(hops.iter().map(|hop| i64::from(hop.flags)));
}

/// Numbers of addresses in a column's dictionary; IPv4, the usual case, has a map of its own.
#[derive(Default)]
struct Numbers {
    v4: HashMap<u32, u32, foldhash::fast::FixedState>,
    other: HashMap<Addr, u32, foldhash::fast::FixedState>,
}

impl Numbers {
    fn clear(&mut self) {
        self.v4.clear();
        self.other.clear();
    }

    fn get(&self, addr: Addr) -> Option<u32> {
        match addr {
            Addr::V4(bytes) => self.v4.get(&u32::from_be_bytes(bytes)).copied(),
            _ => self.other.get(&addr).copied(),
        }
    }

    fn insert(&mut self, addr: Addr, id: u32) {
        match addr {
            Addr::V4(bytes) => self.v4.insert(u32::from_be_bytes(bytes), id),
            _ => self.other.insert(addr, id),
        };
    }
}

/// The number of an address in the dictionary of `column`.
fn number(addr: Addr, known: &mut Numbers, column: &mut Column, text: &mut Vec<u8>) -> Option<u32> {
    if let Some(id) = known.get(addr) {
        return Some(id);
    }
    text.clear();
    addr.write_to(text);
    let id = column.dictionary()?.append(text);
    known.insert(addr, id);
    Some(id)
}

/// MPLS stack as `label/exp/s/ttl`, top first, joined by blanks; other objects as `class/type:hex`.
fn extensions(bytes: &[u8], mpls: &mut Column, other: &mut Column) {
    if bytes.is_empty() {
        mpls.ids(None, 1);
        other.ids(None, 1);
        return;
    }
    let (mut labels, mut rest) = (String::new(), String::new());
    for object in objects(bytes) {
        // Writing into a String cannot fail.
        let _ = match object {
            Object::Mpls(entries) => entries.iter().try_for_each(|e| {
                let gap = if labels.is_empty() { "" } else { " " };
                write!(labels, "{gap}{}/{}/{}/{}", e.label, e.exp, e.s, e.ttl)
            }),
            Object::Other { class, kind, data } => {
                let gap = if rest.is_empty() { "" } else { " " };
                write!(rest, "{gap}{class}/{kind}:{}", hex(data))
            }
        };
    }
    mpls.text(Some(labels.as_bytes()).filter(|text| !text.is_empty()));
    other.text(Some(rest.as_bytes()).filter(|text| !text.is_empty()));
}
