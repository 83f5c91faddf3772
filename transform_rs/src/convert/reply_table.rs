//! Columns of `replies.parquet`: one row per answer to a probe of a trace.

use std::fmt::Write;

use super::numbers::Numbers;
use crate::error::Result;
use crate::input::hex;
use crate::parquet::column::{Column, Dictionary, Field, Type};
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
    Field::required("probe_ttl", Type::U8),
    Field::required("probe_id", Type::U16),
    Field::required("probe_size", Type::U16),
    Field::optional("tx_at", Type::Timestamp),
    Field::required("rtt_us", Type::I64),
    Field::optional("reply_ttl", Type::U8),
    Field::required("reply_tos", Type::U8),
    Field::required("reply_size", Type::U16),
    Field::required("reply_ipid", Type::U16),
    Field::optional("icmp_type", Type::U8),
    Field::optional("icmp_code", Type::U8),
    Field::optional("quoted_ttl", Type::U8),
    Field::optional("quoted_length", Type::U16),
    Field::optional("quoted_tos", Type::U8),
    Field::optional("next_hop_mtu", Type::U16),
    Field::optional("tcp_flags", Type::U8),
    Field::optional("mpls", Type::Text),
    Field::optional("icmp_ext", Type::Text),
    Field::optional("name", Type::Text),
    Field::required("flags", Type::U8),
];

/// Replies looked at together: few enough to stay in the first cache.
const TOGETHER: usize = 256;

/// Replies of one batch, becoming one row group.
pub struct Replies {
    columns: Vec<Column>,
    addresses: Numbers,
    destinations: Numbers,
    /// Replies whose columns from `addr` on are still to be filled.
    pending: Vec<Hop<'static>>,
    is_v6: bool,
}

/// What the replies of one trace share, as numbers of texts.
struct Shared {
    trace_id: i64,
    vp: Option<u32>,
    dst: Option<u32>,
}

impl Default for Replies {
    fn default() -> Self {
        Self {
            columns: columns_for(&FIELDS),
            addresses: Numbers::default(),
            destinations: Numbers::default(),
            pending: Vec::with_capacity(TOGETHER),
            is_v6: false,
        }
    }
}

impl Replies {
    /// Append all replies of `trace`.
    pub fn append(&mut self, id: u64, vp: Option<&[u8]>, trace: &Trace<'_>) {
        let is_v6 = matches!(trace.dst, Some(Addr::V6(_)));
        if is_v6 != self.is_v6 {
            self.flush();
            self.is_v6 = is_v6;
        }
        let destinations = &mut self.destinations;
        let dst = trace.dst.zip(self.columns[2].dictionary());
        let shared = Shared {
            trace_id: id as i64,
            dst: dst.map(|(dst, dictionary)| destinations.number(dst, dictionary)),
            vp: vp.and_then(|vp| self.intern(1, &String::from_utf8_lossy(vp))),
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
        self.flush();
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

    fn section(&mut self, name: &str, hops: &[Hop<'_>], shared: &Shared) {
        if hops.is_empty() {
            return;
        }
        let section = self.intern(3, name);
        let count = hops.len() as u32;
        let [id, vp, dst, kind, .., mpls, ext, names, _flags] = &mut self.columns[..] else {
            return;
        };
        id.extend(std::iter::repeat_n(shared.trace_id, hops.len()));
        vp.ids(shared.vp, count);
        dst.ids(shared.dst, count);
        kind.ids(section, count);
        extras(hops, mpls, ext, names);
        self.pending.extend(hops.iter().map(Hop::without_extras));
        if self.pending.len() >= TOGETHER {
            self.flush();
        }
    }

    /// Column by column, which is faster than reply by reply.
    fn flush(&mut self) {
        let hops = &self.pending[..];
        let [_, _, _, _, addr, ttl, probe, size, tx, rtt, rest @ ..] = &mut self.columns[..] else {
            return;
        };
        let addresses = &mut self.addresses;
        let number = |addr, dictionary: &mut Dictionary| addresses.number(addr, dictionary);
        addr.extend_texts(hops.iter().map(|hop| hop.addr), number);
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
        icmp(hops, self.is_v6, rest);
        self.pending.clear();
    }
}

/// The columns from `icmp_type` on.
fn icmp(hops: &[Hop<'_>], is_v6: bool, columns: &mut [Column]) {
    let [kind, code, q_ttl, q_len, q_tos, mtu, tcp, _, _, _, flags] = columns else {
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
    flags.extend(hops.iter().map(|hop| i64::from(hop.flags)));
}

/// The columns that few replies have a value for.
fn extras(hops: &[Hop<'_>], mpls: &mut Column, ext: &mut Column, names: &mut Column) {
    if hops.iter().all(|hop| hop.extension.is_empty() && hop.name.is_none()) {
        let count = hops.len() as u32;
        [mpls, ext, names].into_iter().for_each(|column| column.ids(None, count));
        return;
    }
    for hop in hops {
        extensions(hop.extension, mpls, ext);
        match hop.name {
            Some(text) => names.text(Some(String::from_utf8_lossy(text).as_bytes())),
            None => names.ids(None, 1),
        }
    }
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
