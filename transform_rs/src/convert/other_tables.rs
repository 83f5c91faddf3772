//! Tables of everything that is no traceroute: pings, alias tests, multipath traces, cycles, the rest.

use super::probe_tables;
use super::row::Row;
use crate::decode::Place;
use crate::parquet::column::{Column, Field, Type};
use crate::parquet::table::columns_for;
use crate::warts::cursor::{Decoded, Timeval};
use crate::warts::dealias::{self, Dealias};
use crate::warts::host::Host;
use crate::warts::kind::Kind;
use crate::warts::neighbourdisc::Neighbourdisc;
use crate::warts::other::Common;
use crate::warts::ping::{self, Ping};
use crate::warts::sniff::Sniff;
use crate::warts::tables::{Entry, Tables};
use crate::warts::tbit::Tbit;
use crate::warts::tracelb::{self, Tracelb};

use Field as F;
use Type::{Bytes, I32, I64, Text, Timestamp};

static PINGS: [Field; 26] = fields![
    F::optional("user_id", I64),
    F::optional("src_addr", Text),
    F::optional("dst_addr", Text),
    F::optional("start_at", Timestamp),
    F::optional("method", Text),
    F::optional("stop_reason", Text),
    F::required("stop_data", I32),
    F::required("sent", I32),
    F::required("answered", I32),
    F::required("probe_size", I32),
    F::required("ttl", I32),
    F::required("tos", I32),
    F::required("wait_s", I32),
    F::optional("timeout_s", I32),
    F::required("sport", I32),
    F::required("dport", I32),
    F::required("flags", I64),
    F::optional("payload", Bytes),
    F::optional("errmsg", Text),
    F::optional("record", Bytes),
];

static PING_REPLIES: [Field; 22] = fields![
    F::optional("dst_addr", Text),
    F::optional("addr", Text),
    F::required("probe_id", I32),
    F::optional("tx_at", Timestamp),
    F::required("rtt_us", I64),
    F::required("reply_ttl", I32),
    F::required("reply_tos", I32),
    F::required("reply_size", I32),
    F::required("reply_ipid", I32),
    F::optional("reply_ipid32", I64),
    F::required("probe_ipid", I32),
    F::optional("icmp_type", I32),
    F::optional("icmp_code", I32),
    F::optional("tcp_flags", I32),
    F::optional("record_route", Text),
    F::optional("timestamps", Text),
];

static DEALIASES: [Field; 17] = fields![
    F::required("user_id", I64),
    F::optional("start_at", Timestamp),
    F::optional("method", Text),
    F::optional("result", Text),
    F::required("probe_count", I64),
    F::optional("a", Text),
    F::optional("b", Text),
    F::optional("ab", Text),
    F::optional("targets", Text),
    F::optional("errmsg", Text),
    F::optional("record", Bytes),
];

static DEALIAS_REPLIES: [Field; 21] = fields![
    F::required("probe", I32),
    F::required("probedef_id", I64),
    F::required("seq", I64),
    F::optional("dst_addr", Text),
    F::optional("probe_method", Text),
    F::optional("tx_at", Timestamp),
    F::required("probe_ipid", I32),
    F::optional("addr", Text),
    F::optional("rx_at", Timestamp),
    F::optional("reply_ttl", I32),
    F::optional("reply_ipid", I32),
    F::optional("reply_ipid32", I64),
    F::optional("icmp_type", I32),
    F::optional("icmp_code", I32),
    F::optional("tcp_flags", I32),
];

static TRACELBS: [Field; 21] = fields![
    F::required("user_id", I64),
    F::optional("src_addr", Text),
    F::optional("dst_addr", Text),
    F::optional("start_at", Timestamp),
    F::optional("method", Text),
    F::required("sport", I32),
    F::required("dport", I32),
    F::required("first_hop", I32),
    F::required("confidence", I32),
    F::required("gap_limit", I32),
    F::required("probe_count", I64),
    F::required("probe_count_max", I64),
    F::required("nodes", I32),
    F::required("links", I32),
    F::optional("record", Bytes),
];

static TRACELB_PROBES: [Field; 20] = fields![
    F::optional("dst_addr", Text),
    F::required("link", I32),
    F::optional("near_addr", Text),
    F::optional("far_addr", Text),
    F::required("hops", I32),
    F::required("hop", I32),
    F::required("flow_id", I32),
    F::required("probe_ttl", I32),
    F::required("attempt", I32),
    F::optional("tx_at", Timestamp),
    F::optional("addr", Text),
    F::optional("rtt_us", I64),
    F::optional("icmp_type", I32),
    F::optional("icmp_code", I32),
];

static CYCLES: [Field; 11] = fields![
    F::required("event", Text),
    F::optional("monitor", Text),
    F::optional("hostname", Text),
    F::optional("started_at", Timestamp),
    F::optional("stopped_at", Timestamp),
];

/// Place of the last table here.
pub const OTHERS_AT: usize = 7;

static OTHERS: [Field; 10] = fields![
    F::required("type", I32),
    F::optional("type_name", Text),
    F::optional("user_id", I64),
    F::required("body", Bytes),
];

/// The columns of the table with this name; none if there is no such table.
pub fn fields_of(name: &str) -> &'static [Field] {
    TABLES.iter().find(|(known, _)| *known == name).map_or(&[], |(_, fields)| fields)
}

/// File names and fields, in the order of [`Rows::tables`].
pub static TABLES: [(&str, &[Field]); 16] = [
    ("pings", &PINGS),
    ("ping_replies", &PING_REPLIES),
    ("dealias", &DEALIASES),
    ("dealias_replies", &DEALIAS_REPLIES),
    ("tracelb", &TRACELBS),
    ("tracelb_probes", &TRACELB_PROBES),
    ("cycles", &CYCLES),
    ("records_other", &OTHERS),
    ("neighbourdisc", &probe_tables::NEIGHBOURDISC),
    ("neighbourdisc_replies", &probe_tables::NEIGHBOURDISC_REPLIES),
    ("tbit", &probe_tables::TBIT),
    ("tbit_packets", &probe_tables::PACKETS),
    ("host", &probe_tables::HOST),
    ("host_records", &probe_tables::HOST_RECORDS),
    ("sniff", &probe_tables::SNIFF),
    ("sniff_packets", &probe_tables::PACKETS),
];

/// Rows of one batch for all of these tables.
pub struct Rows {
    /// Columns, table by table as in [`TABLES`].
    pub tables: Vec<Vec<Column>>,
}

impl Default for Rows {
    fn default() -> Self {
        Self { tables: TABLES.iter().map(|(_, fields)| columns_for(fields)).collect() }
    }
}

/// Microseconds since 1970; a time of 0 is none.
pub fn at(time: Timeval) -> Option<i64> {
    (time.sec != 0).then(|| time.micros())
}

fn seconds(time: u32) -> i64 {
    i64::from(time) * 1_000_000
}

impl Rows {
    /// Append the record; false if its type has no table.
    ///
    /// # Errors
    /// A [`crate::warts::cursor::Fault`] if the record contradicts itself.
    pub fn append(
        &mut self,
        place: Place<'_>,
        fallback_vp: Option<&[u8]>,
        body: &[u8],
    ) -> Decoded<bool> {
        let tables = &place.span.tables;
        let mut rows = Table { rows: self, place, fallback_vp, record: None };
        // A record that refers to addresses of others cannot be read again alone.
        let bare = Tables::default();
        let alone = |is_whole: bool| Some(body).filter(|_| is_whole);
        match place.record.kind {
            Kind::PING => {
                rows.record = alone(Ping::decode(body, &bare).is_ok());
                rows.ping(&Ping::decode(body, tables)?);
            }
            Kind::DEALIAS => {
                rows.record = alone(Dealias::decode(body, &bare).is_ok());
                rows.dealias(&Dealias::decode(body, tables)?);
            }
            Kind::TRACELB => {
                rows.record = alone(Tracelb::decode(body, &bare).is_ok());
                rows.tracelb(&Tracelb::decode(body, tables)?);
            }
            Kind::CYCLE_START | Kind::CYCLE_DEF | Kind::CYCLE_STOP => {
                rows.cycle(&Entry::decode(place.record.kind, body)?);
            }
            Kind::NEIGHBOURDISC => rows.neighbourdisc(&Neighbourdisc::decode(body)?),
            Kind::TBIT => {
                rows.record = Some(body);
                rows.tbit(&Tbit::decode(body)?);
            }
            Kind::HOST => rows.host(&Host::decode(body)?),
            Kind::SNIFF => rows.sniff(&Sniff::decode(body)?),
            Kind::LIST | Kind::ADDRESS => return Ok(false),
            kind if kind.name().is_some() => rows.other(&Common::decode(body)?, body),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Rows of the record at one place.
pub struct Table<'r> {
    rows: &'r mut Rows,
    place: Place<'r>,
    fallback_vp: Option<&'r [u8]>,
    /// The record's body, where a table keeps it: it makes the record again.
    pub record: Option<&'r [u8]>,
}

impl Table<'_> {
    /// Begin a row of table `table`.
    pub fn row(&mut self, table: usize, list: u32, cycle: u32) -> Row<'_> {
        let tables = &self.place.span.tables;
        let known = tables.list(list);
        let mut row = Row::new(&mut self.rows.tables[table]);
        row.int(Some(self.place.span.input as i64));
        row.int(Some(self.place.offset() as i64));
        row.text(tables.vantage_point(list, cycle).or(self.fallback_vp));
        row.int(known.map(|list| list.list_id));
        row.text(known.map(|list| &list.name[..]));
        row.int(tables.cycle(cycle).map(|cycle| cycle.cycle_id));
        row
    }

    fn ping(&mut self, p: &Ping<'_>) {
        let record = self.record;
        let mut row = self.row(0, p.list_id, p.cycle_id);
        row.int(Some(p.user_id)).addr(p.src).addr(p.dst).int(p.start.map(Timeval::micros));
        row.name(ping::method_name(p.method)).name(ping::stop_reason_name(p.stop_reason));
        row.int(Some(p.stop_data)).int(Some(p.sent)).int(Some(p.answered() as i64));
        row.int(Some(p.probe_size)).int(Some(p.ttl)).int(Some(p.tos)).int(Some(p.wait_s));
        row.int(p.timeout_s).int(Some(p.sport)).int(Some(p.dport)).int(Some(p.flags));
        row.bytes(Some(p.payload).filter(|payload| !payload.is_empty())).text(p.errmsg);
        row.bytes(record);
        for reply in &p.replies {
            let protocol = reply.protocol();
            let icmp = (protocol == ping::Protocol::Icmp).then_some(reply.icmp);
            let mut row = self.row(1, p.list_id, p.cycle_id);
            row.addr(p.dst).addr(reply.addr).int(Some(reply.probe_id)).int(at(reply.tx));
            row.int(Some(reply.rtt_us)).int(Some(reply.ttl)).int(Some(reply.tos));
            row.int(Some(reply.size)).int(Some(reply.ipid)).int(reply.ipid32);
            row.int(Some(reply.probe_ipid)).int(icmp.map(|(kind, _)| kind));
            row.int(icmp.map(|(_, code)| code));
            row.int((protocol == ping::Protocol::Tcp).then_some(reply.tcp_flags));
            let route = joined(reply.route.iter());
            let times = joined(reply.timestamps.iter());
            row.name(route.as_deref()).name(times.as_deref());
        }
    }

    fn dealias(&mut self, d: &Dealias<'_>) {
        let targets = joined(d.probedefs.iter().filter_map(|def| def.dst));
        let record = self.record;
        let mut row = self.row(2, d.list_id, d.cycle_id);
        row.int(Some(d.user_id)).int(d.start.map(Timeval::micros));
        row.name(dealias::method_name(d.method)).name(dealias::result_name(d.result));
        row.int(Some(d.probe_count)).addr(d.options.a).addr(d.options.b).addr(d.options.ab);
        row.name(targets.as_deref()).text(d.errmsg).bytes(record);
        for (i, probe) in d.probes.iter().enumerate() {
            let silent = [dealias::Reply::default()];
            let replies = if probe.replies.is_empty() { &silent[..] } else { &probe.replies };
            for reply in replies {
                self.dealias_reply(d, i, reply);
            }
        }
    }

    /// A row per reply; a probe without any gets one row without reply.
    fn dealias_reply(&mut self, d: &Dealias<'_>, i: usize, reply: &dealias::Reply<'_>) {
        let probe = &d.probes[i];
        let def = d.probedefs.iter().find(|def| def.id == probe.def);
        let is_there = !probe.replies.is_empty();
        let icmp = is_there && matches!(reply.protocol, None | Some(1 | 58));
        let mut row = self.row(3, d.list_id, d.cycle_id);
        row.int(Some(i as i64)).int(Some(probe.def)).int(Some(probe.seq));
        row.addr(def.and_then(|def| def.dst));
        row.name(def.and_then(|def| dealias::probe_method_name(def.method)));
        row.int(at(probe.tx)).int(Some(probe.ipid)).addr(reply.src).int(at(reply.rx));
        row.int(is_there.then_some(reply.ttl)).int(is_there.then_some(reply.ipid));
        row.int(reply.ipid32).int(icmp.then_some(reply.icmp.0)).int(icmp.then_some(reply.icmp.1));
        row.int((reply.protocol == Some(6)).then_some(reply.tcp_flags));
    }

    fn tracelb(&mut self, t: &Tracelb<'_>) {
        let record = self.record;
        let mut row = self.row(4, t.list_id, t.cycle_id);
        row.int(Some(t.user_id)).addr(t.src).addr(t.dst).int(t.start.map(Timeval::micros));
        row.name(tracelb::method_name(t.method)).int(Some(t.sport)).int(Some(t.dport));
        row.int(Some(t.firsthop)).int(Some(t.confidence)).int(Some(t.gap_limit));
        row.int(Some(t.probe_count)).int(Some(t.probe_count_max));
        row.int(Some(t.nodes.len() as i64)).int(Some(t.links.len() as i64)).bytes(record);
        for (l, link) in t.links.iter().enumerate() {
            for (h, set) in link.sets.iter().enumerate() {
                set.iter().for_each(|probe| self.tracelb_probe(t, l, h, probe));
            }
        }
    }

    /// A row per reply; a probe without any gets one row without reply.
    fn tracelb_probe(&mut self, t: &Tracelb<'_>, l: usize, h: usize, probe: &tracelb::Probe<'_>) {
        let link = &t.links[l];
        let node = |index: u16| t.nodes.get(usize::from(index)).and_then(|node| node.addr);
        let replies = probe.replies.iter().map(Some);
        let silent = probe.replies.is_empty().then_some(None);
        for reply in replies.chain(silent) {
            let icmp = reply.filter(|reply| !reply.is_tcp()).map(|reply| reply.icmp);
            let mut row = self.row(5, t.list_id, t.cycle_id);
            row.addr(t.dst).int(Some(l as i64)).addr(node(link.from));
            row.addr(link.to.and_then(node)).int(Some(link.sets.len() as i64)).int(Some(h as i64));
            row.int(Some(probe.flow_id)).int(Some(probe.ttl)).int(Some(probe.attempt));
            row.int(at(probe.tx)).addr(reply.and_then(|reply| reply.from));
            row.int(reply.and_then(|reply| reply.rtt_us(probe)));
            row.int(icmp.map(|(kind, _)| kind)).int(icmp.map(|(_, code)| code));
        }
    }

    fn cycle(&mut self, entry: &Entry) {
        let (id, stopped_at) = match entry {
            Entry::Cycle(id, cycle) => (*id, cycle.stopped_at),
            Entry::Stop(stop) => (stop.cycle, Some(stop.stopped_at)),
            _ => return,
        };
        let tables = &self.place.span.tables;
        let cycle = tables.cycle(id).cloned();
        let list = cycle.as_ref().map_or(0, |cycle| cycle.list);
        let monitor = tables.list(list).and_then(|list| list.monitor.clone());
        let event = self.place.record.kind.name();
        let mut row = self.row(6, list, id);
        row.name(event).text(monitor.as_deref());
        row.text(cycle.as_ref().and_then(|cycle| cycle.hostname.as_deref()));
        row.int(cycle.as_ref().map(|cycle| seconds(cycle.started_at)));
        row.int(stopped_at.map(seconds));
    }

    fn other(&mut self, common: &Common, body: &[u8]) {
        let kind = self.place.record.kind;
        let mut row = self.row(7, common.list_id, common.cycle_id);
        row.int(Some(kind.0)).name(kind.name()).int(common.user_id).bytes(Some(body));
    }
}

/// Items separated by blanks; nothing if there are none.
fn joined<T: ToString>(items: impl Iterator<Item = T>) -> Option<String> {
    let texts: Vec<String> = items.map(|item| item.to_string()).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}
