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
    addresses: HashMap<Addr, u32, foldhash::fast::FixedState>,
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
        let columns = columns_for(&FIELDS);
        Self { columns, addresses: HashMap::default(), text: Vec::new() }
    }
}

impl Replies {
    /// Append all replies of `trace`.
    pub fn append(&mut self, id: u64, vp: Option<&[u8]>, trace: &Trace<'_>) {
        let shared = Shared {
            trace_id: id as i64,
            vp: vp.and_then(|vp| self.intern(1, &String::from_utf8_lossy(vp))),
            dst: trace.dst.and_then(|dst| self.intern(2, &dst.to_string())),
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
        self.columns[1].ids(shared.vp, count);
        self.columns[2].ids(shared.dst, count);
        self.columns[3].ids(section, count);
        for hop in hops {
            self.hop(hop, shared);
        }
    }

    fn hop(&mut self, hop: &Hop<'_>, shared: &Shared) {
        let addr = hop.addr.and_then(|addr| self.address(addr));
        let [c_id, _, _, _, c_addr, rest @ ..] = &mut self.columns[..] else {
            return;
        };
        c_id.int(Some(shared.trace_id));
        c_addr.ids(addr, 1);
        let [c_ttl, c_probe, c_size, c_tx, c_rtt, rest @ ..] = rest else {
            return;
        };
        c_ttl.int(Some(hop.probe_ttl));
        c_probe.int(Some(hop.probe_id()));
        c_size.int(Some(hop.probe_size));
        c_tx.int((hop.tx.sec != 0).then(|| hop.tx.micros()));
        c_rtt.int(Some(hop.rtt_us));
        let [c_rttl, c_tos, c_rsize, c_ipid, c_type, c_code, rest @ ..] = rest else {
            return;
        };
        c_rttl.int(hop.reply_ttl());
        c_tos.int(Some(hop.reply_tos));
        c_rsize.int(Some(hop.reply_size));
        c_ipid.int(Some(hop.reply_ipid));
        let icmp = hop.icmp();
        c_type.int(icmp.map(|(kind, _)| kind));
        c_code.int(icmp.map(|(_, code)| code));
        let [c_qttl, c_qlen, c_qtos, c_mtu, c_tcp, c_mpls, c_ext, c_name, c_flags] = rest else {
            return;
        };
        let is_quoting = hop.is_quoting(shared.is_v6);
        c_qttl.int(is_quoting.then(|| hop.quoted_ttl()));
        c_qlen.int(is_quoting.then(|| hop.quoted_length()));
        c_qtos.int(hop.quoted_tos().filter(|_| is_quoting));
        c_mtu.int(hop.next_hop_mtu());
        c_tcp.int(hop.tcp_flags());
        extensions(hop.extension, c_mpls, c_ext);
        match hop.name {
            Some(name) => c_name.text(Some(String::from_utf8_lossy(name).as_bytes())),
            None => c_name.ids(None, 1),
        }
        c_flags.int(Some(hop.flags));
    }

    fn address(&mut self, addr: Addr) -> Option<u32> {
        if let Some(id) = self.addresses.get(&addr) {
            return Some(*id);
        }
        self.text.clear();
        addr.write_to(&mut self.text);
        let id = self.columns[4].dictionary()?.append(&self.text);
        self.addresses.insert(addr, id);
        Some(id)
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
