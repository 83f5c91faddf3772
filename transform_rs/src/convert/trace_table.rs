//! Columns of `traces.parquet`: one row per traceroute.

use std::sync::Arc;

use super::numbers::Numbers;
use crate::decode::Place;
use crate::error::Result;
use crate::links::path::Path;
use crate::parquet::column::{Column, Field, Type};
use crate::parquet::file::RowGroup;
use crate::parquet::schema::Plan;
use crate::parquet::table::columns_for;
use crate::warts::addr::Addr;
use crate::warts::cursor::Timeval;
use crate::warts::tables::Tables;
use crate::warts::trace::{Trace, method_name, stop_reason_name};

/// The columns.
pub static FIELDS: [Field; 54] = [
    Field::required("trace_id", Type::I64),
    Field::optional("vp", Type::Text),
    Field::optional("list_id", Type::I64),
    Field::optional("list_name", Type::Text),
    Field::optional("monitor", Type::Text),
    Field::optional("cycle_id", Type::I64),
    Field::optional("src_addr", Type::Text),
    Field::optional("dst_addr", Type::Text),
    Field::optional("ip_version", Type::U8),
    Field::optional("type", Type::Text),
    Field::optional("sport", Type::U16),
    Field::optional("dport", Type::U16),
    Field::optional("start_at", Type::Timestamp),
    Field::optional("stop_reason", Type::Text),
    Field::optional("stop_data", Type::U8),
    Field::optional("hop_count", Type::U16),
    Field::optional("first_hop", Type::U8),
    Field::optional("hop_limit", Type::U8),
    Field::optional("attempts", Type::U8),
    Field::optional("probe_count", Type::U16),
    Field::optional("probe_size", Type::U16),
    Field::optional("tos", Type::U8),
    Field::optional("wait_s", Type::U8),
    Field::optional("wait_probe_cs", Type::U8),
    Field::optional("loops", Type::U8),
    Field::optional("loop_action", Type::U8),
    Field::optional("gap_limit", Type::U8),
    Field::optional("gap_action", Type::U8),
    Field::optional("confidence", Type::U8),
    Field::optional("squeries", Type::U8),
    Field::optional("stop_hop", Type::U8),
    Field::optional("user_id", Type::I64),
    Field::optional("ip_offset", Type::U16),
    Field::optional("rtr_addr", Type::Text),
    Field::required("flags", Type::I64),
    Field::required("is_paris", Type::Bool),
    Field::optional("errmsg", Type::Text),
    Field::required("reply_count", Type::I32),
    Field::required("ambiguous_hops", Type::I32),
    Field::optional("loop_ttl", Type::U8),
    Field::optional("pmtud_if_mtu", Type::U16),
    Field::optional("pmtud_path_mtu", Type::U16),
    Field::optional("pmtud_out_mtu", Type::U16),
    Field::optional("pmtud_version", Type::U8),
    Field::optional("pmtud_notes", Type::U8),
    Field::required("has_pmtud", Type::Bool),
    Field::required("has_last_ditch", Type::Bool),
    Field::optional("doubletree_first_hop", Type::U8),
    Field::optional("doubletree_lss_stop", Type::Text),
    Field::optional("doubletree_gss_stop", Type::Text),
    Field::optional("doubletree_lss_name", Type::Text),
    Field::optional("doubletree_flags", Type::U8),
    Field::required("input", Type::I32),
    Field::required("record_at", Type::I64),
];

/// A row: numbers; for texts their numbers in the column's dictionary.
type Cells = [Option<i64>; FIELDS.len()];

/// Rows put into the columns together: few enough to stay in the first cache.
const TOGETHER: usize = 32;

/// Rows of one batch, becoming one row group.
pub struct Traces {
    columns: Vec<Column>,
    /// Rows that are not in the columns yet.
    pending: Vec<Cells>,
    sources: Numbers,
    destinations: Numbers,
    context: Option<(Arc<Tables>, Context)>,
}

/// What traces of one list and cycle share; texts as numbers.
#[derive(Debug, Clone, Copy)]
struct Context {
    list: u32,
    cycle: u32,
    vp: Option<u32>,
    list_id: Option<u32>,
    list_name: Option<u32>,
    monitor: Option<u32>,
    cycle_id: Option<u32>,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            columns: columns_for(&FIELDS),
            pending: Vec::with_capacity(TOGETHER),
            sources: Numbers::default(),
            destinations: Numbers::default(),
            context: None,
        }
    }
}

impl Traces {
    /// Encode what was appended as a row group, and start anew.
    ///
    /// # Errors
    /// As [`RowGroup::encode`].
    pub fn encode(&mut self, plan: &Plan) -> Result<RowGroup> {
        self.flush();
        let group = RowGroup::encode(plan, &self.columns);
        self.columns.iter_mut().for_each(Column::clear);
        self.sources.clear();
        self.destinations.clear();
        self.context = None;
        group
    }

    /// Append a row.
    pub fn append(&mut self, vp: Option<&[u8]>, place: Place<'_>, trace: &Trace<'_>, path: &Path) {
        let context = self.context(vp, &place.span.tables, trace);
        let texts = self.texts(trace);
        self.pending.push(cells(place, trace, path, &context, &texts));
        if self.pending.len() == TOGETHER {
            self.flush();
        }
    }

    /// Column by column, which is faster than row by row.
    fn flush(&mut self) {
        for (i, column) in self.columns.iter_mut().enumerate() {
            column.extend_cells(self.pending.iter().map(|cells| cells[i]));
        }
        self.pending.clear();
    }

    fn texts(&mut self, trace: &Trace<'_>) -> Texts {
        let doubletree = trace.doubletree.unwrap_or_default();
        Texts {
            src: number(trace.src, &mut self.sources, &mut self.columns[SRC_ADDR]),
            dst: number(trace.dst, &mut self.destinations, &mut self.columns[DST_ADDR]),
            method: self.name(METHOD, trace.method.and_then(method_name)),
            stop_reason: self.name(STOP_REASON, trace.stop_reason.and_then(stop_reason_name)),
            rtr: self.addr(RTR_ADDR, trace.rtr),
            errmsg: self.text(ERRMSG, trace.errmsg),
            lss_stop: self.addr(LSS_STOP, doubletree.lss_stop),
            gss_stop: self.addr(GSS_STOP, doubletree.gss_stop),
            lss_name: self.text(LSS_NAME, doubletree.lss_name),
        }
    }

    fn name(&mut self, column: usize, name: Option<&str>) -> Option<u32> {
        Some(self.columns[column].dictionary()?.intern(name?.as_bytes()))
    }

    fn text(&mut self, column: usize, text: Option<&[u8]>) -> Option<u32> {
        self.name(column, text.map(String::from_utf8_lossy).as_deref())
    }

    fn addr(&mut self, column: usize, addr: Option<Addr>) -> Option<u32> {
        self.name(column, addr.map(|addr| addr.to_string()).as_deref())
    }

    /// What `trace` shares with the one before it, most often.
    fn context(&mut self, vp: Option<&[u8]>, tables: &Arc<Tables>, trace: &Trace<'_>) -> Context {
        let (list, cycle) = (trace.list_id, trace.cycle_id);
        if let Some((known, context)) = &self.context
            && (context.list, context.cycle) == (list, cycle)
            && Arc::ptr_eq(known, tables)
        {
            return *context;
        }
        let known = tables.list(list);
        let mut text = |column: usize, text: Option<&[u8]>| {
            let text = String::from_utf8_lossy(text?);
            Some(self.columns[column].dictionary()?.intern(text.as_bytes()))
        };
        let context = Context {
            list,
            cycle,
            vp: text(VP, vp),
            list_id: known.map(|list| list.list_id),
            list_name: text(LIST_NAME, known.map(|list| &list.name[..])),
            monitor: text(MONITOR, known.and_then(|list| list.monitor.as_deref())),
            cycle_id: tables.cycle(cycle).map(|cycle| cycle.cycle_id),
        };
        self.context = Some((Arc::clone(tables), context));
        context
    }
}

fn number(addr: Option<Addr>, known: &mut Numbers, column: &mut Column) -> Option<u32> {
    addr.zip(column.dictionary()).map(|(addr, dictionary)| known.number(addr, dictionary))
}

/// Numbers of a trace's own texts.
struct Texts {
    src: Option<u32>,
    dst: Option<u32>,
    method: Option<u32>,
    stop_reason: Option<u32>,
    rtr: Option<u32>,
    errmsg: Option<u32>,
    lss_stop: Option<u32>,
    gss_stop: Option<u32>,
    lss_name: Option<u32>,
}

/// Index of the column with this name.
const fn column(name: &str) -> usize {
    let mut i = 0;
    while !is_same(FIELDS[i].name.as_bytes(), name.as_bytes()) {
        i += 1;
    }
    i
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

const VP: usize = column("vp");
const LIST_NAME: usize = column("list_name");
const MONITOR: usize = column("monitor");
const SRC_ADDR: usize = column("src_addr");
const DST_ADDR: usize = column("dst_addr");
const METHOD: usize = column("type");
const STOP_REASON: usize = column("stop_reason");
const RTR_ADDR: usize = column("rtr_addr");
const ERRMSG: usize = column("errmsg");
const LSS_STOP: usize = column("doubletree_lss_stop");
const GSS_STOP: usize = column("doubletree_gss_stop");
const LSS_NAME: usize = column("doubletree_lss_name");

fn int(value: Option<impl Into<i64>>) -> Option<i64> {
    value.map(Into::into)
}

/// The cells of a row, in the order of [`FIELDS`].
fn cells(
    place: Place<'_>,
    trace: &Trace<'_>,
    path: &Path,
    context: &Context,
    texts: &Texts,
) -> Cells {
    let pmtud = trace.pmtud.unwrap_or_default();
    let doubletree = trace.doubletree.unwrap_or_default();
    [
        Some(place.trace_id as i64),
        int(context.vp),
        int(context.list_id),
        int(context.list_name),
        int(context.monitor),
        int(context.cycle_id),
        int(texts.src),
        int(texts.dst),
        int(trace.dst.and_then(Addr::ip_version)),
        int(texts.method),
        int(trace.sport),
        int(trace.dport),
        trace.start.map(Timeval::micros),
        int(texts.stop_reason),
        int(trace.stop_data),
        int(trace.hop_count),
        int(trace.firsthop),
        int(trace.hoplimit),
        int(trace.attempts),
        int(trace.probe_count),
        int(trace.probe_size),
        int(trace.tos),
        int(trace.wait_s),
        int(trace.wait_probe_cs),
        int(trace.loops),
        int(trace.loop_action),
        int(trace.gap_limit),
        int(trace.gap_action),
        int(trace.confidence),
        int(trace.squeries),
        int(trace.stop_hop),
        int(trace.user_id),
        int(trace.offset),
        int(texts.rtr),
        int(Some(trace.flags)),
        int(Some(trace.is_paris())),
        int(texts.errmsg),
        Some(trace.path_hops().len() as i64),
        int(Some(path.ambiguous)),
        int(path.loop_at),
        int(pmtud.if_mtu),
        int(pmtud.path_mtu),
        int(pmtud.out_mtu),
        int(pmtud.version),
        int(pmtud.notes),
        int(Some(trace.pmtud.is_some())),
        int(Some(trace.has_last_ditch)),
        int(doubletree.first_hop),
        int(texts.lss_stop),
        int(texts.gss_stop),
        int(texts.lss_name),
        int(doubletree.flags),
        Some(place.span.input as i64),
        Some(place.offset() as i64),
    ]
}
