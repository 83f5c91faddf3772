//! Columns of `traces.parquet`: one row per traceroute.

use std::sync::Arc;

use super::reply_table::Numbers;
use super::row::Row;
use crate::decode::Place;
use crate::error::Result;
use crate::links::path::Path;
use crate::parquet::column::{Column, Field, Type};
use crate::parquet::file::RowGroup;
use crate::parquet::schema::Plan;
use crate::parquet::table::columns_for;
use crate::warts::addr::Addr;
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

/// Rows of one batch, becoming one row group.
pub struct Traces {
    columns: Vec<Column>,
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
        let src = number(trace.src, &mut self.sources, &mut self.columns[6]);
        let dst = number(trace.dst, &mut self.destinations, &mut self.columns[7]);
        let mut row = Row::new(&mut self.columns);
        row.int(Some(place.trace_id as i64));
        row.id(context.vp);
        row.int(context.list_id);
        row.id(context.list_name);
        row.id(context.monitor);
        row.int(context.cycle_id);
        row.id(src);
        row.id(dst);
        append(place, trace, path, &mut row);
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
            vp: text(1, vp),
            list_id: known.map(|list| list.list_id),
            list_name: text(3, known.map(|list| &list.name[..])),
            monitor: text(4, known.and_then(|list| list.monitor.as_deref())),
            cycle_id: tables.cycle(cycle).map(|cycle| cycle.cycle_id),
        };
        self.context = Some((Arc::clone(tables), context));
        context
    }
}

fn number(addr: Option<Addr>, known: &mut Numbers, column: &mut Column) -> Option<u32> {
    addr.zip(column.dictionary()).map(|(addr, dictionary)| known.number(addr, dictionary))
}

/// The columns from `ip_version` on.
fn append(place: Place<'_>, trace: &Trace<'_>, path: &Path, row: &mut Row<'_>) {
    row.int(trace.dst.and_then(Addr::ip_version));
    row.name(trace.method.and_then(method_name));
    row.int(trace.sport);
    row.int(trace.dport);
    row.int(trace.start.map(crate::warts::cursor::Timeval::micros));
    row.name(trace.stop_reason.and_then(stop_reason_name));
    row.int(trace.stop_data);
    row.int(trace.hop_count);
    row.int(trace.firsthop);
    row.int(trace.hoplimit);
    row.int(trace.attempts);
    row.int(trace.probe_count);
    row.int(trace.probe_size);
    row.int(trace.tos);
    row.int(trace.wait_s);
    row.int(trace.wait_probe_cs);
    row.int(trace.loops);
    row.int(trace.loop_action);
    row.int(trace.gap_limit);
    row.int(trace.gap_action);
    row.int(trace.confidence);
    row.int(trace.squeries);
    row.int(trace.stop_hop);
    row.int(trace.user_id);
    row.int(trace.offset);
    row.addr(trace.rtr);
    row.int(Some(trace.flags));
    row.bool(trace.is_paris());
    row.text(trace.errmsg);
    row.int(Some(trace.path_hops().len() as i64));
    row.int(Some(path.ambiguous));
    row.int(path.loop_at);
    append_extras(trace, row);
    row.int(Some(place.span.input as i64));
    row.int(Some(place.offset() as i64));
}

fn append_extras(trace: &Trace<'_>, row: &mut Row<'_>) {
    let pmtud = trace.pmtud.unwrap_or_default();
    row.int(pmtud.if_mtu);
    row.int(pmtud.path_mtu);
    row.int(pmtud.out_mtu);
    row.int(pmtud.version);
    row.int(pmtud.notes);
    row.bool(trace.pmtud.is_some());
    row.bool(trace.has_last_ditch);
    let doubletree = trace.doubletree.unwrap_or_default();
    row.int(doubletree.first_hop);
    row.addr(doubletree.lss_stop);
    row.addr(doubletree.gss_stop);
    row.text(doubletree.lss_name);
    row.int(doubletree.flags);
}
