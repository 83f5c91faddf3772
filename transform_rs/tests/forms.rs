//! Record types without published specification, as Debian's scamper 20211212 wrote them in a lab
//! of namespaces (`tests/data/forms`), beside what its own tools print.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{
    block, check, code, differences, file, head, json_lines, names, oracle, record, run, sample,
    stdout, time, u16b, u32b, v4,
};
use serde_json::{Value, json};
use transform_rs::reader::{Reader, Record};
use transform_rs::warts::addr::Addr;
use transform_rs::warts::host::Data;

const PRINTED: [&str; 11] = [
    "lb",
    "lb2",
    "lb3",
    "lb6",
    "d_prefix",
    "d_bump",
    "d_ally6",
    "tbit_null",
    "tbit_pmtud",
    "tbit_blind-data",
    "tbit_ecn",
];
const OTHERS: [&str; 7] = ["nd", "nd6", "host_A", "host_MX", "host_PTR", "host_none", "sniff"];

fn form(name: &str) -> String {
    sample(&format!("forms/{name}.warts"))
}

fn jsonl(path: &str) -> String {
    stdout(&["convert", "--to", "jsonl", "-o", "-", path])
}

/// What Debian's tool prints, value by value.
fn compare_with_oracle(path: &str) {
    let Some(tool) = oracle("sc_warts2json") else {
        return;
    };
    let output = std::process::Command::new(tool).arg(path).env("TZ", "UTC").output().unwrap();
    let theirs = json_lines(&String::from_utf8(output.stdout).unwrap());
    let ours = json_lines(&jsonl(path));
    let mut found = Vec::new();
    assert_eq!(theirs.len(), ours.len(), "{path}");
    differences(&json!(ours), &json!(theirs), path, &mut found);
    assert_eq!(Vec::<String>::new(), found);
}

#[test]
fn lines_hold_every_value_that_debians_tool_prints() {
    PRINTED.iter().for_each(|name| compare_with_oracle(&form(name)));
}

#[test]
fn lines_of_multipath_traces_and_alias_tests_come_out_as_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    for name in &PRINTED[..7] {
        let lines = jsonl(&form(name));
        let path = file(folder.path(), name, lines.as_bytes());

        assert_eq!(json_lines(&lines), json_lines(&jsonl(&path)), "{name}");
    }
}

/// Look at the one record of a file that is no list and no cycle.
fn decoded(name: &str, look: impl FnOnce(Record<'_>)) {
    let mut reader = Reader::open(&form(name)).unwrap();
    while let Some(raw) = reader.next_record().unwrap() {
        let found = raw.decode().unwrap();
        if !matches!(found, Record::Entry(_)) {
            return look(found);
        }
    }
    panic!("{name} holds no record");
}

#[test]
fn a_neighbour_is_known_by_its_link_layer_address() {
    let mac = Some(Addr::Mac([0xbe, 0x14, 0xfa, 0x21, 0xb8, 0x80]));
    for (name, dst, probes) in [("nd", "100.70.0.2", 1), ("nd6", "fd00:1::2", 2)] {
        decoded(name, |found| {
            let Record::Neighbourdisc(found) = found else { panic!("{name} is none") };
            assert_eq!((Addr::parse(dst), mac), (found.dst, found.dst_mac));
            assert_eq!(Some(&b"ar"[..]), found.ifname);
            assert_eq!(probes, found.probes.len());
            for probe in &found.probes {
                let [(rx, told)] = probe.replies[..] else { panic!("one answer a probe") };
                assert_eq!(mac, told);
                assert!(rx > probe.tx);
            }
        });
    }
}

#[test]
fn a_lookup_holds_what_was_answered() {
    decoded("host_A", |found| {
        let Record::Host(found) = found else { panic!("no lookup") };
        assert_eq!(Some(&b"www.example.net"[..]), found.qname);
        let answers: Vec<Data<'_>> = found.queries[0].records.iter().map(|r| r.data).collect();
        let addr = |text| Data::Addr(Addr::parse(text).unwrap());
        assert_eq!(vec![addr("100.71.0.1"), addr("100.71.0.2")], answers);
        assert_eq!(300, found.queries[0].records[0].ttl_s);
    });
    decoded("host_MX", |found| {
        let Record::Host(found) = found else { panic!("no lookup") };
        assert_eq!(Data::Mx(10, b"mx.example.net"), found.queries[0].records[0].data);
    });
    decoded("host_PTR", |found| {
        let Record::Host(found) = found else { panic!("no lookup") };
        assert_eq!(Data::Name(b"host.example.net"), found.queries[0].records[0].data);
    });
    decoded("host_none", |found| {
        let Record::Host(found) = found else { panic!("no lookup") };
        assert_eq!((2, 2, 0), (found.stop, found.queries.len(), found.queries[1].rx.sec));
    });
}

#[test]
fn a_capture_holds_its_packets() {
    decoded("sniff", |found| {
        let Record::Sniff(found) = found else { panic!("no capture") };
        assert_eq!((777, 3, 3), (found.icmp_id, found.result, found.packets.len()));
        assert_eq!([0x45, 0, 0, 84], found.packets[0].1[..4]);
        assert_eq!(84, found.packets[2].1.len());
    });
}

#[test]
fn every_type_has_its_tables() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("t");
    let inputs: Vec<String> = PRINTED.iter().chain(&OTHERS).map(|name| form(name)).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let args = ["convert", "--to", "parquet", "-o", out.to_str().unwrap()];
    stdout(&[&args[..], &inputs].concat());
    let rows = |name: &str| {
        let path = out.join(format!("{name}.parquet"));
        transform_rs::parquet::read::TableReader::open_file(path.to_str().unwrap()).unwrap().rows()
    };

    for (name, count) in [
        ("neighbourdisc", 2),
        ("neighbourdisc_replies", 3),
        ("tbit", 4),
        ("host", 4),
        ("host_records", 4),
        ("sniff", 1),
        ("sniff_packets", 3),
        ("tracelb", 5),
        ("dealias", 3),
    ] {
        assert_eq!(count, rows(name), "{name}");
    }
    assert!(!names(&out).contains(&"records_other.parquet".to_owned()));
    assert!(!names(&out).contains(&"records_bad.parquet".to_owned()));
}

/// An IPv4 packet with a TCP segment; sent, or received if `is_rx`.
fn segment(is_rx: bool, numbers: (u32, u32), flags: u8, options: &[u8], data: &[u8]) -> Vec<u8> {
    let ends = [v4("192.0.2.1"), v4("203.0.113.9")].map(|addr| addr[2..].to_vec());
    let [src, dst] = if is_rx { [&ends[1], &ends[0]] } else { [&ends[0], &ends[1]] };
    let len = 40 + options.len() + data.len();
    let offset = ((20 + options.len()) / 4) as u8;
    [
        &[0x45, 2][..],
        &u16b(len as u16),
        &u16b(0x1234),
        &u16b(0x4000),
        &[64, 6, 0, 0],
        src,
        dst,
        &[0x83, 0xb1, 0, 80],
        &u32b(numbers.0),
        &u32b(numbers.1),
        &[offset << 4, flags],
        &u16b(8192),
        &[0; 4],
        options,
        data,
    ]
    .concat()
}

fn tbit(packets: &[(u8, u32, Vec<u8>)]) -> Vec<u8> {
    let params = block(&[
        (1, u32b(1)),
        (2, u32b(1)),
        (4, v4("192.0.2.1")),
        (5, v4("203.0.113.9")),
        (6, u16b(33713)),
        (7, u16b(80)),
        (8, time(1_700_000_000, 999_999)),
        (9, u16b(40)),
        (10, vec![3]),
        (11, vec![1]),
        (12, u16b(1460)),
        (13, u16b(1400)),
        (14, vec![3]),
        (15, vec![3]),
        (17, u32b(packets.len() as u32)),
        (18, vec![2, 0xab, 0xcd]),
        (19, vec![7]),
        (21, vec![63]),
    ]);
    let packets = packets.iter().map(|(direction, usec, bytes)| {
        let len = u16b(bytes.len() as u16);
        let at = time(1_700_000_001, *usec);
        block(&[(1, vec![*direction]), (2, at), (3, len), (4, bytes.clone())])
    });
    let packets: Vec<Vec<u8>> = packets.collect();
    let kind = block(&[(1, u16b(0x11)), (2, u16b(0x0b))]);
    let app = block(&[(1, b"web.example\0".to_vec()), (2, b"/x\0".to_vec())]);
    let part = |kind: u16, body: &[u8]| [&u16b(kind), &u32b(body.len() as u32), body].concat();
    record(11, &[params, packets.concat(), part(1, &kind), part(2, &app), u16b(0)].concat())
}

#[test]
fn packets_of_a_tcp_test_are_told_as_debians_tool_tells_them() {
    let options =
        [&[2, 4, 5, 0xb4, 3, 3, 7, 4, 2][..], &[8, 10, 0, 0, 0, 5, 0, 0, 0, 6, 1]].concat();
    let sack = [&[5, 10][..], &u32b(1005), &u32b(1010), &[1, 1]].concat();
    let fast_open = [&[34, 6, 1, 2, 3, 4][..], &[254, 8, 0xf9, 0x89, 9, 9, 9, 9], &[1, 1]].concat();
    let packets = [
        (1, 300, segment(false, (1000, 0), 0xc2, &options, b"")),
        (2, 500, segment(true, (5000, 1001), 0x52, &options, b"")),
        (1, 600, segment(false, (1001, 5001), 0x18, b"", b"GET / HTTP/1.0")),
        (2, 700, segment(true, (5001, 1015), 0x10, &sack, b"some data")),
        (1, 800, segment(false, (1015, 5010), 0x3f, &fast_open, b"")),
        (2, 900, segment(true, (5010, 0), 0x04, b"", b"")),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "t.warts", &[head("m"), tbit(&packets)].concat());
    let line = json_lines(&jsonl(&path)).pop().unwrap();

    assert_eq!(json!(["tcpts", "sack"]), line["null_options"]);
    assert_eq!(json!(["tcpts-ok", "sack-ok", 8]), line["null_results"]);
    assert_eq!((&json!(1000), &json!(5000)), (&line["client_isn"], &line["server_isn"]));
    let third = &line["pkts"][2];
    assert_eq!((&json!(14), &json!(1)), (&third["tcp_datalen"], &third["tcp_seq"]));
    let sack = &line["pkts"][3]["tcp_options"][0];
    assert_eq!(json!({"kind": "sack", "blocks": [{"left": 5, "right": 10}]}), *sack);
    assert_eq!((&json!(0), &json!(301)), (&third["tv_sec"], &line["pkts"][0]["tv_usec"]));
    compare_with_oracle(&path);
}

#[test]
fn records_cut_or_flipped_anywhere_are_damage_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in PRINTED.iter().chain(&OTHERS) {
        let whole = std::fs::read(form(name)).unwrap();
        let mut best = 0;
        for end in 0..=whole.len() {
            let records = records_in(&whole[..end]);
            assert!(records >= best, "{name}: {records} records at byte {end}, {best} before");
            best = records;
        }
        let objects = if *name == "lb" { 2 } else { 1 };
        assert_eq!(3 + objects, best, "{name}");
        for at in 0..whole.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                records_in(&bytes);
            }
        }
        let middle = whole.len() / 2;
        let mut bytes = whole.clone();
        bytes[middle] ^= 0x55;
        let path = file(folder.path(), "f", &bytes);
        for to in ["jsonl", "parquet", "atlas"] {
            let out = folder.path().join(to);
            let output = run(&["convert", "--to", to, "-o", out.to_str().unwrap(), &path]);
            assert!([0, 2].contains(&code(&output)), "{name}, {to}");
        }
    }
}

fn records_in(bytes: &[u8]) -> u64 {
    use transform_rs::{convert::check, cut::Cutter, input::Input};
    let input = Input::from_reader("t", std::io::Cursor::new(bytes.to_vec()), false).unwrap();
    check::check(&mut Cutter::from_inputs(vec![input]), 1).unwrap().total()
}

#[test]
fn types_whose_layout_is_not_published_keep_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let body = [block(&[(1, u32b(1)), (2, u32b(1)), (3, u32b(77))]), vec![1, 2, 3]].concat();
    let records = [0x0c, 0x0f, 0x10, 0x11].map(|kind| record(kind, &body));
    let path = file(folder.path(), "t.warts", &[head("m"), records.concat()].concat());
    let report: Value = check(&path);

    for name in ["sting", "http", "udpprobe", "owamp"] {
        assert_eq!(json!(1), report["records"][name]);
    }
    let out = folder.path().join("o");
    stdout(&["convert", "--to", "parquet", "-o", out.to_str().unwrap(), &path]);
    let table = out.join("records_other.parquet");
    let table =
        transform_rs::parquet::read::TableReader::open_file(table.to_str().unwrap()).unwrap();
    let bodies = table.column(0, "body").unwrap().texts();
    assert_eq!(
        4,
        bodies.iter().filter(|row| row.as_ref().is_some_and(|b| b.data() == body)).count()
    );
}
