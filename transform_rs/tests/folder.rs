//! Tables as input: what comes out of them is what comes out of the records behind them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{block, code, file, head, hop, names, run, sample, stdout, trace, u16b, u32b};
use proptest::prelude::*;

/// JSON lines of `warts`, directly and by way of tables.
fn both_ways(inputs: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables").to_str().unwrap().to_owned();
    let output = run(&[&["convert", "--to", "parquet", "-o", &tables][..], inputs].concat());
    assert!([0, 2].contains(&code(&output)));
    let lines = |inputs: &[&str]| {
        let output = run(&[&["convert", "--to", "jsonl", "-o", "-"][..], inputs].concat());
        assert!([0, 2].contains(&code(&output)), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    (lines(inputs), lines(&[&tables]))
}

#[test]
fn lines_of_tables_are_byte_for_byte_those_of_every_sample() {
    for name in [
        "wc_a.warts",
        "wc_b.warts",
        "killed.warts",
        "trace_misc.warts",
        "truncated_mid_record.warts",
        "plain_cat_a_c.warts",
        "gz.warts.gz",
        "c.warts.bz2",
        "lab-50k-traces.warts.zst",
        "ping.warts",
        "d_ally1.warts",
        "d_merc1.warts",
        "d_merc3.warts",
        "d_radar.warts",
        "forms/d_ally6.warts",
        "forms/d_bump.warts",
        "forms/d_prefix.warts",
        "forms/lb.warts",
        "forms/lb2.warts",
        "forms/lb3.warts",
        "forms/lb6.warts",
        "forms/tbit_blind-data.warts",
        "forms/tbit_ecn.warts",
        "forms/tbit_null.warts",
        "forms/tbit_pmtud.warts",
    ] {
        let (direct, by_tables) = both_ways(&[&sample(name)]);

        assert!(!direct.is_empty() && direct == by_tables, "{name}");
    }
}

#[test]
fn several_inputs_come_back_in_their_order_with_their_cycles() {
    let names = ["wc_b", "ping", "killed", "d_merc1", "wc_a", "forms/lb2", "trace_misc"];
    let inputs = names.map(|name| sample(&format!("{name}.warts")));
    let (direct, by_tables) = both_ways(&inputs.each_ref().map(String::as_str));

    assert_eq!(direct, by_tables);
}

#[test]
fn links_of_tables_are_those_of_the_records_and_tables_of_tables_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let name = |part: &str| folder.path().join(part).to_str().unwrap().to_owned();
    let (first, second) = (name("1"), name("2"));
    let warts = sample("trace_misc.warts");
    stdout(&["convert", "--to", "parquet", "-o", &first, &warts]);
    stdout(&["convert", "--to", "parquet", "-o", &second, &first]);
    let rows = |folder: &str| stdout(&["convert", "--to", "jsonl", "-o", "-", folder]);

    assert_eq!(common::links(&warts), common::links(&first));
    assert_eq!(rows(&first), rows(&second));
    assert_eq!(names(first.as_ref()), names(second.as_ref()));
}

#[test]
fn a_folder_without_tables_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["check", folder.path().to_str().unwrap()]);

    assert_eq!(4, code(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds no traces.parquet"));
}

#[test]
fn a_broken_table_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "traces.parquet", b"PAR1 and nothing else");
    let output = run(&["check", folder.path().to_str().unwrap()]);

    assert_eq!(4, code(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("traces.parquet"));
}

prop_compose! {
    fn any_hop()(
        ttl in 1_u8..6, addr in 1_u8..5, rtt_us in any::<u32>(), attempt in 0_u8..3,
        icmp in prop_oneof![Just((11, 0)), Just((3, 3)), Just((0, 0)), Just((3, 13))],
        quoted_ttl in prop::option::of(0_u8..4), tos in prop::option::of(any::<u8>()),
        ipid in prop::option::of(any::<u16>()), mtu in prop::option::of(any::<u16>()),
        label in prop::option::of(0_u32..1 << 20), other in prop::option::of(any::<u32>()),
        name in prop::option::of("[a-z]{1,5}"), is_known in any::<bool>(),
    ) -> Vec<u8> {
        let object = |class: u8, data: Vec<u8>| {
            [u16b(data.len() as u16), vec![class, 1], data].concat()
        };
        let mut more = vec![(4, vec![if is_known { 0x12 } else { 0x02 }]), (5, vec![attempt])];
        more.extend(ipid.map(|ipid| (10, u16b(ipid))));
        more.extend(mtu.map(|mtu| (12, u16b(mtu))));
        more.extend(quoted_ttl.map(|ttl| (14, vec![ttl])));
        more.extend(tos.map(|tos| (16, vec![tos])));
        let mut ext = label.map(|label| object(1, u32b(label << 12 | 0x1ff))).unwrap_or_default();
        ext.extend(other.map(|other| object(2, u32b(other))).unwrap_or_default());
        if !ext.is_empty() {
            more.push((17, [u16b(ext.len() as u16), ext].concat()));
        }
        more.extend(name.map(|name| (20, [name.as_bytes(), b"\0"].concat())));
        hop(ttl, &format!("198.51.100.{addr}"), rtt_us, icmp, &more)
    }
}

prop_compose! {
    fn any_trace()(
        hops in prop::collection::vec(any_hop(), 0..8),
        reason in 0_u8..11, method in 1_u8..7, user_id in prop::option::of(any::<u32>()),
        flags in 0_u32..0x200, stop_hop in prop::option::of(1_u8..6), first in 1_u8..3,
        mtu in prop::option::of(any::<u16>()), errmsg in prop::option::of("[a-z ]{1,9}"),
    ) -> Vec<u8> {
        let mut more = vec![(6, vec![reason]), (11, vec![method]), (15, vec![first]), (32, u32b(flags))];
        more.extend(user_id.map(|id| (28, u32b(id))));
        more.extend(stop_hop.map(|ttl| (33, vec![ttl])));
        more.extend(errmsg.map(|text| (34, [text.as_bytes(), b"\0"].concat())));
        let mut record = trace("203.0.113.9", &hops, &more);
        if let Some(mtu) = mtu {
            let part = [block(&[(1, u16b(1500)), (2, u16b(mtu))]), u16b(0)].concat();
            record.truncate(record.len() - 2);
            record.extend([u16b(0x1000 | part.len() as u16), part, u16b(0)].concat());
            let len = record.len() as u32 - 8;
            record[4..8].copy_from_slice(&len.to_be_bytes());
        }
        record
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn lines_of_tables_are_those_of_any_traces(
        files in prop::collection::vec(prop::collection::vec(any_trace(), 1..5), 1..3),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<String> = files
            .iter()
            .enumerate()
            .map(|(i, traces)| {
                let bytes = [head(&format!("m{i}")), traces.concat()].concat();
                file(folder.path(), &i.to_string(), &bytes)
            })
            .collect();
        let (direct, by_tables) = both_ways(&paths.iter().map(String::as_str).collect::<Vec<_>>());

        prop_assert_eq!(direct, by_tables);
    }
}
