//! Tables of neighbours asked for, TCP tests, name lookups and captured packets.

use super::other_tables::{Table, at};
use crate::parquet::column::{Field, Type};
use crate::warts::cursor::Timeval;
use crate::warts::host::{self, Data, Host, Resource, Section};
use crate::warts::neighbourdisc::{self, Neighbourdisc};
use crate::warts::sniff::{self, Sniff};
use crate::warts::tbit::{self, Tbit};

use Field as F;
use Type::{Bytes, I32, I64, Text, Timestamp};

/// One row per question for a neighbour.
pub static NEIGHBOURDISC: [Field; 18] = fields![
    F::required("user_id", I64),
    F::optional("start_at", Timestamp),
    F::optional("method", Text),
    F::optional("ifname", Text),
    F::optional("src_addr", Text),
    F::optional("src_mac", Text),
    F::optional("dst_addr", Text),
    F::optional("dst_mac", Text),
    F::required("wait_ms", I32),
    F::required("attempts", I32),
    F::required("probes", I32),
    F::required("replies", I32),
];

/// One row per answer, or probe without one.
pub static NEIGHBOURDISC_REPLIES: [Field; 11] = fields![
    F::optional("dst_addr", Text),
    F::required("probe", I32),
    F::optional("tx_at", Timestamp),
    F::optional("rx_at", Timestamp),
    F::optional("mac", Text),
];

/// One row per test.
pub static TBIT: [Field; 23] = fields![
    F::required("user_id", I64),
    F::optional("start_at", Timestamp),
    F::optional("test", Text),
    F::optional("result", Text),
    F::required("result_code", I32),
    F::optional("src_addr", Text),
    F::optional("dst_addr", Text),
    F::required("sport", I32),
    F::required("dport", I32),
    F::required("client_mss", I32),
    F::required("server_mss", I32),
    F::optional("url", Text),
    F::optional("mtu", I32),
    F::optional("ptb_src", Text),
    F::optional("blind_offset", I64),
    F::optional("ttl", I32),
    F::optional("record", Bytes),
];

/// One row per packet of a test or a capture.
pub static PACKETS: [Field; 11] = fields![
    F::required("packet", I32),
    F::required("at", Timestamp),
    F::optional("direction", Text),
    F::required("len", I32),
    F::required("bytes", Bytes),
];

/// One row per lookup.
pub static HOST: [Field; 18] = fields![
    F::required("user_id", I64),
    F::optional("start_at", Timestamp),
    F::optional("src_addr", Text),
    F::optional("dst_addr", Text),
    F::optional("stop_reason", Text),
    F::optional("qname", Text),
    F::optional("qtype", Text),
    F::required("qtype_code", I32),
    F::required("qclass", I32),
    F::required("wait_ms", I32),
    F::required("queries", I32),
    F::optional("rtt_us", I64),
];

/// One row per resource record.
pub static HOST_RECORDS: [Field; 15] = fields![
    F::optional("qname", Text),
    F::required("query", I32),
    F::required("section", Text),
    F::optional("name", Text),
    F::optional("type", Text),
    F::required("type_code", I32),
    F::required("ttl_s", I64),
    F::optional("value", Text),
    F::optional("preference", I32),
];

/// One row per capture.
pub static SNIFF: [Field; 14] = fields![
    F::required("user_id", I64),
    F::optional("start_at", Timestamp),
    F::optional("finish_at", Timestamp),
    F::optional("src_addr", Text),
    F::optional("result", Text),
    F::required("icmp_id", I32),
    F::required("limit_packets", I64),
    F::required("packets", I32),
];

/// Places of these tables in the order of all.
const FIRST: usize = super::other_tables::OTHERS_AT + 1;
const REPLIES_AT: usize = FIRST + 1;
const TBIT_AT: usize = FIRST + 2;
const TBIT_PACKETS_AT: usize = FIRST + 3;
const HOST_AT: usize = FIRST + 4;
const RECORDS_AT: usize = FIRST + 5;
const SNIFF_AT: usize = FIRST + 6;
const PACKETS_AT: usize = FIRST + 7;

fn us_between(tx: Timeval, rx: Timeval) -> Option<i64> {
    (rx.sec != 0).then(|| rx.micros() - tx.micros())
}

impl Table<'_> {
    /// Rows of a question for a neighbour.
    pub fn neighbourdisc(&mut self, n: &Neighbourdisc<'_>) {
        let replies: usize = n.probes.iter().map(|probe| probe.replies.len()).sum();
        let mut row = self.row(FIRST, n.list_id, n.cycle_id);
        row.int(Some(n.user_id)).int(n.start.map(Timeval::micros));
        row.name(neighbourdisc::method_name(n.method)).text(n.ifname);
        row.addr(n.src).addr(n.src_mac).addr(n.dst).addr(n.dst_mac);
        row.int(Some(n.wait_ms)).int(Some(n.attempts));
        row.int(Some(n.probes.len() as i64)).int(Some(replies as i64));
        for (i, probe) in n.probes.iter().enumerate() {
            let silent = [(Timeval::default(), None)];
            let replies = if probe.replies.is_empty() { &silent[..] } else { &probe.replies };
            for (rx, mac) in replies {
                let mut row = self.row(REPLIES_AT, n.list_id, n.cycle_id);
                row.addr(n.dst).int(Some(i as i64)).int(at(probe.tx)).int(at(*rx)).addr(*mac);
            }
        }
    }

    /// Rows of a TCP test.
    pub fn tbit(&mut self, t: &Tbit<'_>) {
        let url = t.http.map(|(host, path)| [b"http://", host, path].concat());
        let (is_pmtud, is_blind) = (t.kind == 1, (7..=10).contains(&t.kind));
        let record = self.record;
        let mut row = self.row(TBIT_AT, t.list_id, t.cycle_id);
        row.int(Some(t.user_id)).int(t.start.map(Timeval::micros));
        row.name(tbit::type_name(t.kind)).name(tbit::result_name(t.result)).int(Some(t.result));
        row.addr(t.src).addr(t.dst).int(Some(t.sport)).int(Some(t.dport));
        row.int(Some(t.client_mss)).int(Some(t.server_mss)).text(url.as_deref());
        row.int(is_pmtud.then_some(t.options.mtu)).addr(t.options.ptb_src);
        row.int(is_blind.then_some(t.options.blind_offset)).int(t.ttl).bytes(record);
        for (i, packet) in t.packets.iter().enumerate() {
            let direction = ["tx", "rx"].get(usize::from(packet.direction).wrapping_sub(1));
            let mut row = self.row(TBIT_PACKETS_AT, t.list_id, t.cycle_id);
            row.int(Some(i as i64)).int(Some(packet.at.micros())).name(direction.copied());
            row.int(Some(packet.bytes.len() as i64)).bytes(Some(packet.bytes));
        }
    }

    /// Rows of a lookup.
    pub fn host(&mut self, h: &Host<'_>) {
        let answered = h.queries.iter().find_map(|query| us_between(query.tx, query.rx));
        let mut row = self.row(HOST_AT, h.list_id, h.cycle_id);
        row.int(Some(h.user_id)).int(h.start.map(Timeval::micros)).addr(h.src).addr(h.dst);
        row.name(host::stop_name(h.stop)).text(h.qname).name(host::type_name(h.qtype));
        row.int(Some(h.qtype)).int(Some(h.qclass)).int(Some(h.wait_ms));
        row.int(Some(h.queries.len() as i64)).int(answered);
        for (i, query) in h.queries.iter().enumerate() {
            query.records.iter().for_each(|record| self.host_record(h, i, record));
        }
    }

    fn host_record(&mut self, h: &Host<'_>, query: usize, r: &Resource<'_>) {
        let section = match r.section {
            Section::Answer => "answer",
            Section::Authority => "authority",
            Section::Additional => "additional",
        };
        let (value, preference) = match r.data {
            Data::Unknown => (None, None),
            Data::Addr(addr) => (Some(addr.to_string().into_bytes()), None),
            Data::Name(name) => (Some(name.to_vec()), None),
            Data::Mx(preference, name) => (Some(name.to_vec()), Some(preference)),
        };
        let mut row = self.row(RECORDS_AT, h.list_id, h.cycle_id);
        row.text(h.qname).int(Some(query as i64)).name(Some(section)).text(r.name);
        row.name(host::type_name(r.kind)).int(Some(r.kind)).int(Some(r.ttl_s));
        row.text(value.as_deref()).int(preference);
    }

    /// Rows of a capture.
    pub fn sniff(&mut self, s: &Sniff<'_>) {
        let mut row = self.row(SNIFF_AT, s.list_id, s.cycle_id);
        row.int(Some(s.user_id)).int(s.start.map(Timeval::micros));
        row.int(s.finish.map(Timeval::micros)).addr(s.src).name(sniff::result_name(s.result));
        row.int(Some(s.icmp_id)).int(Some(s.limit_packets)).int(Some(s.packets.len() as i64));
        for (i, (time, bytes)) in s.packets.iter().enumerate() {
            let mut row = self.row(PACKETS_AT, s.list_id, s.cycle_id);
            row.int(Some(i as i64)).int(Some(time.micros())).name(None);
            row.int(Some(bytes.len() as i64)).bytes(Some(bytes));
        }
    }
}
