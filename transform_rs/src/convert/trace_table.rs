//! Columns of `traces.parquet`: one row per traceroute.

use super::row::Row;
use crate::decode::Place;
use crate::links::path::Path;
use crate::parquet::column::{Column, Field, Type};
use crate::warts::addr::Addr;
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
    Field::optional("ip_version", Type::I32),
    Field::optional("type", Type::Text),
    Field::optional("sport", Type::I32),
    Field::optional("dport", Type::I32),
    Field::optional("start_at", Type::Timestamp),
    Field::optional("stop_reason", Type::Text),
    Field::optional("stop_data", Type::I32),
    Field::optional("hop_count", Type::I32),
    Field::optional("first_hop", Type::I32),
    Field::optional("hop_limit", Type::I32),
    Field::optional("attempts", Type::I32),
    Field::optional("probe_count", Type::I32),
    Field::optional("probe_size", Type::I32),
    Field::optional("tos", Type::I32),
    Field::optional("wait_s", Type::I32),
    Field::optional("wait_probe_cs", Type::I32),
    Field::optional("loops", Type::I32),
    Field::optional("loop_action", Type::I32),
    Field::optional("gap_limit", Type::I32),
    Field::optional("gap_action", Type::I32),
    Field::optional("confidence", Type::I32),
    Field::optional("squeries", Type::I32),
    Field::optional("stop_hop", Type::I32),
    Field::optional("user_id", Type::I64),
    Field::optional("ip_offset", Type::I32),
    Field::optional("rtr_addr", Type::Text),
    Field::required("flags", Type::I64),
    Field::required("is_paris", Type::Bool),
    Field::optional("errmsg", Type::Text),
    Field::required("reply_count", Type::I32),
    Field::required("ambiguous_hops", Type::I32),
    Field::optional("loop_ttl", Type::I32),
    Field::optional("pmtud_if_mtu", Type::I32),
    Field::optional("pmtud_path_mtu", Type::I32),
    Field::optional("pmtud_out_mtu", Type::I32),
    Field::optional("pmtud_version", Type::I32),
    Field::optional("pmtud_notes", Type::I32),
    Field::required("has_pmtud", Type::Bool),
    Field::required("has_last_ditch", Type::Bool),
    Field::optional("doubletree_first_hop", Type::I32),
    Field::optional("doubletree_lss_stop", Type::Text),
    Field::optional("doubletree_gss_stop", Type::Text),
    Field::optional("doubletree_lss_name", Type::Text),
    Field::optional("doubletree_flags", Type::I32),
    Field::required("input", Type::I32),
    Field::required("record_at", Type::I64),
];

/// Append a row to columns made after [`FIELDS`].
pub fn append(
    vp: Option<&[u8]>,
    place: Place<'_>,
    trace: &Trace<'_>,
    path: &Path,
    columns: &mut [Column],
) {
    let mut row = Row::new(columns);
    let tables = &place.span.tables;
    let list = tables.list(trace.list_id);
    let cycle = tables.cycle(trace.cycle_id);
    row.int(Some(place.trace_id as i64));
    row.text(vp);
    row.int(list.map(|list| list.list_id));
    row.text(list.map(|list| &list.name[..]));
    row.text(list.and_then(|list| list.monitor.as_deref()));
    row.int(cycle.map(|cycle| cycle.cycle_id));
    row.addr(trace.src);
    row.addr(trace.dst);
    row.int(trace.dst.and_then(Addr::ip_version));
    row.text(trace.method.and_then(method_name).map(str::as_bytes));
    row.int(trace.sport);
    row.int(trace.dport);
    row.int(trace.start.map(crate::warts::cursor::Timeval::micros));
    row.text(trace.stop_reason.and_then(stop_reason_name).map(str::as_bytes));
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
    append_extras(trace, &mut row);
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
