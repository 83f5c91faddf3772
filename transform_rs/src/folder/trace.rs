//! A row of `traces.parquet` as a trace record.

use super::hops::Hops;
use super::table::Table;
use crate::error::Result;
use crate::warts::encode::{Block, TooLong};
use crate::warts::trace::{method_name, stop_reason_name};

/// Append the body of the record where `traces` stands.
pub fn put(
    traces: &Table,
    (list, cycle): (u32, u32),
    hops: &Hops,
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut block = Block::default();
    let at = traces;
    let flags = at.int::<u32>("flags")?.filter(|flags| *flags != 0);
    let there = |number: u32| Some(number).filter(|number| *number != 0);
    block.u32(1, there(list)).u32(2, there(cycle)).time(5, at.time("start_at")?);
    block.u8(6, at.named("stop_reason", stop_reason_name)).u8(7, at.int("stop_data")?);
    block.u8(9, at.int("attempts")?).u8(10, at.int("hop_limit")?);
    block.u8(11, at.named("type", method_name)).u16(12, at.int("probe_size")?);
    block.u16(13, at.int("sport")?).u16(14, at.int("dport")?).u8(15, at.int("first_hop")?);
    block.u8(16, at.int("tos")?).u8(17, at.int("wait_s")?).u8(18, at.int("loops")?);
    block.u16(19, at.int("hop_count")?).u8(20, at.int("gap_limit")?);
    block.u8(21, at.int("gap_action")?).u8(22, at.int("loop_action")?);
    block.u16(23, at.int("probe_count")?).u8(24, at.int("wait_probe_cs")?);
    block.u8(25, at.int("confidence")?).addr(26, at.addr("src_addr")?);
    block.addr(27, at.addr("dst_addr")?).u32(28, at.int("user_id")?);
    block.u16(29, at.int("ip_offset")?).addr(30, at.addr("rtr_addr")?);
    block.u8(31, at.int("squeries")?).u32(32, flags).u8(33, at.int("stop_hop")?);
    block.string(34, at.text("errmsg"));
    block.end(out).map_err(|_| too_long(traces))?;
    hops.path.put(out);
    if at.bool("has_pmtud") {
        let part = pmtud(at, hops, &mut block)?;
        attribute(1, &part, at, out)?;
    }
    if at.bool("has_last_ditch") {
        let mut part = vec![0];
        hops.last_ditch.put(&mut part);
        attribute(2, &part, at, out)?;
    }
    let part = doubletree(at, &mut block)?;
    if part.len() > 1 {
        attribute(3, &part, at, out)?;
    }
    out.extend_from_slice(&[0, 0]);
    Ok(())
}

fn pmtud(at: &Table, hops: &Hops, block: &mut Block) -> Result<Vec<u8>> {
    let mut part = Vec::new();
    block.u16(1, at.int("pmtud_if_mtu")?).u16(2, at.int("pmtud_path_mtu")?);
    block.u16(3, at.int("pmtud_out_mtu")?).u8(4, at.int("pmtud_version")?);
    block.u8(5, at.int("pmtud_notes")?).end(&mut part).map_err(|_| too_long(at))?;
    hops.pmtud.put(&mut part);
    Ok(part)
}

fn doubletree(at: &Table, block: &mut Block) -> Result<Vec<u8>> {
    let mut part = Vec::new();
    block.u8(3, at.int("doubletree_first_hop")?).addr(4, at.addr("doubletree_lss_stop")?);
    block.addr(5, at.addr("doubletree_gss_stop")?).string(6, at.text("doubletree_lss_name"));
    block.u8(7, at.int("doubletree_flags")?).end(&mut part).map_err(|_| too_long(at))?;
    Ok(part)
}

/// An attribute: 4 bits of type, 12 bits of length.
fn attribute(kind: u16, part: &[u8], at: &Table, out: &mut Vec<u8>) -> Result<()> {
    let len = u16::try_from(part.len()).ok().filter(|len| *len < 0x1000);
    let len = len.ok_or(TooLong).map_err(|_| too_long(at))?;
    out.extend_from_slice(&(kind << 12 | len).to_be_bytes());
    out.extend_from_slice(part);
    Ok(())
}

fn too_long(at: &Table) -> crate::error::Error {
    at.wrong("more than a record can hold")
}
