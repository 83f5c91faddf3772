//! Records built byte by byte: what no live network gives cheaply, and what is broken.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{
    block, check, file, head, hop, json_lines, links, pairs, record, run, sample, stdout, trace,
    u16b, u32b, v4,
};
use serde_json::{Value, json};

const ON_PATH: (u8, u8) = (11, 0);

fn written(parts: &[Vec<u8>]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "t.warts", &parts.concat());
    (folder, path)
}

fn first_trace(parts: &[Vec<u8>]) -> Value {
    let (_folder, path) = written(parts);
    let lines = json_lines(&stdout(&["convert", "--to", "jsonl", "-o", "-", &path]));
    lines.into_iter().find(|line| line["type"] == "trace").unwrap()
}

fn a(n: u8) -> String {
    format!("198.51.100.{n}")
}

fn path_links(hops: &[Vec<u8>], more: &[(u32, Vec<u8>)]) -> Vec<String> {
    let (_folder, path) = written(&[head("m"), trace("203.0.113.9", hops, more)]);
    pairs(&links(&path))
}

#[test]
fn an_mpls_stack_is_kept_label_by_label() {
    let word = (24_001_u32 << 12) | (5 << 9) | (1 << 8) | 254;
    let object = [u16b(4), vec![1, 1], u32b(word)].concat();
    let ext = [u16b(object.len() as u16), object].concat();
    let hops = [hop(1, &a(1), 100, ON_PATH, &[(17, ext)])];
    let line = first_trace(&[head("m"), trace("203.0.113.9", &hops, &[])]);

    let labels = &line["hops"][0]["icmpext"][0]["mpls_labels"];
    assert_eq!(
        json!([{"mpls_ttl": 254, "mpls_s": 1, "mpls_exp": 5, "mpls_label": 24001}]),
        *labels
    );
}

#[test]
fn addresses_of_old_files_are_found_by_their_number() {
    let address = |id: u8, octet: u8| record(5, &[id, 1, 198, 51, 100, octet]);
    let params = [(1, u32b(1)), (2, u32b(1)), (3, u32b(1)), (4, u32b(2)), (11, vec![5])];
    let old_hop = block(&[(1, u32b(2)), (2, vec![1]), (6, u32b(9)), (7, vec![3, 3])]);
    let body = [block(&params), u16b(1), old_hop, u16b(0)].concat();
    let line = first_trace(&[head("m"), address(1, 1), address(2, 2), record(6, &body)]);

    assert_eq!((json!(a(1)), json!(a(2))), (line["src"].clone(), line["dst"].clone()));
    assert_eq!(json!(a(2)), line["hops"][0]["addr"]);
}

#[test]
fn unknown_types_are_counted_and_unknown_flags_jumped_over() {
    let later = [hop(1, &a(1), 5, ON_PATH, &[(25, u32b(7))])];
    let (_folder, path) = written(&[
        head("m"),
        record(0x40, &[1, 2, 3]),
        trace(&a(9), &later, &[(41, u32b(1))]),
        trace(&a(8), &[hop(1, &a(1), 5, ON_PATH, &[])], &[]),
    ]);
    let report = check(&path);

    assert_eq!(
        (json!(1), json!(0)),
        (report["skipped"]["0x0040"].clone(), report["damage_count"].clone())
    );
    assert_eq!(
        (json!(2), json!(2)),
        (report["records"]["trace"].clone(), report["replies"].clone())
    );
}

#[test]
fn a_lying_hop_count_damages_one_record_only() {
    let good = trace(&a(9), &[hop(1, &a(1), 5, ON_PATH, &[])], &[]);
    let lying = record(6, &[block(&[(1, u32b(1))]), u16b(65_535), vec![0; 20]].concat());
    let at = head("m").len() as u64 + good.len() as u64;
    let (_folder, path) = written(&[head("m"), good.clone(), lying, good]);
    let report = check(&path);

    assert_eq!(json!(2), report["records"]["trace"]);
    assert_eq!(
        (json!(1), json!(at)),
        (report["damage_count"].clone(), report["damage"][0]["offset"].clone())
    );
}

#[test]
fn a_record_whose_length_swallows_others_gives_them_back() {
    let good = trace(&a(9), &[hop(1, &a(1), 5, ON_PATH, &[])], &[]);
    let mut liar = good.clone();
    let length = u32::from_be_bytes(liar[4..8].try_into().unwrap()) + good.len() as u32 + 9;
    liar[4..8].copy_from_slice(&length.to_be_bytes());
    let (_folder, path) = written(&[head("m"), liar, good.clone(), good.clone(), good]);
    let report = check(&path);

    assert_eq!(json!(3), report["records"]["trace"]);
    assert_eq!(json!(1), report["damage_count"]);
}

#[test]
fn junk_in_the_middle_is_skipped_and_told() {
    let good = trace(&a(9), &[hop(1, &a(1), 5, ON_PATH, &[])], &[]);
    let junk: Vec<u8> = (0..777_u32).map(|i| (i * 7 % 251) as u8).collect();
    let (_folder, path) = written(&[head("m"), good.clone(), junk, good]);
    let report = check(&path);

    assert_eq!(json!(2), report["records"]["trace"]);
    assert_eq!(
        (json!(1), json!(777)),
        (report["damage_count"].clone(), report["damage"][0]["length"].clone())
    );
}

#[test]
fn a_tail_of_zeros_is_damage_behind_the_last_trace() {
    let good = trace(&a(9), &[hop(1, &a(1), 5, ON_PATH, &[])], &[]);
    let (_folder, path) = written(&[head("m"), good, vec![0; 4096]]);
    let report = check(&path);

    assert_eq!(json!(1), report["records"]["trace"]);
    assert_eq!(json!("zeros where a record should start"), report["damage"][0]["reason"]);
    assert_eq!(json!(4096), report["damage"][0]["length"]);
}

#[test]
fn hops_with_descending_ttl_come_out_sorted() {
    let hops = [
        hop(3, &a(3), 300, ON_PATH, &[]),
        hop(2, &a(2), 200, ON_PATH, &[]),
        hop(1, &a(1), 100, ON_PATH, &[]),
    ];
    let line = first_trace(&[head("m"), trace("203.0.113.9", &hops, &[])]);

    let ttls: Vec<&Value> =
        line["hops"].as_array().unwrap().iter().map(|hop| &hop["probe_ttl"]).collect();
    assert_eq!(vec![&json!(1), &json!(2), &json!(3)], ttls);
}

#[test]
fn a_silent_hop_is_a_star_between_its_neighbours() {
    let hops = [hop(1, &a(1), 100, ON_PATH, &[]), hop(4, &a(2), 300, ON_PATH, &[])];

    assert_eq!(vec![format!("{} {} 2", a(1), a(2))], path_links(&hops, &[]));
}

#[test]
fn a_path_is_cut_where_an_address_comes_again() {
    let order = [1, 2, 3, 2, 4];
    let hops: Vec<_> =
        order.iter().enumerate().map(|(i, n)| hop(i as u8 + 1, &a(*n), 9, ON_PATH, &[])).collect();

    assert_eq!(
        vec![format!("{} {} 0", a(1), a(2)), format!("{} {} 0", a(2), a(3))],
        path_links(&hops, &[])
    );
}

#[test]
fn an_address_twice_in_a_row_is_one_router() {
    let order = [1, 2, 2, 3];
    let hops: Vec<_> =
        order.iter().enumerate().map(|(i, n)| hop(i as u8 + 1, &a(*n), 9, ON_PATH, &[])).collect();

    assert_eq!(
        vec![format!("{} {} 0", a(1), a(2)), format!("{} {} 0", a(2), a(3))],
        path_links(&hops, &[])
    );
}

#[test]
fn zero_ttl_forwarding_hides_a_router_and_is_no_direct_link() {
    let hops = [
        hop(1, &a(1), 9, ON_PATH, &[]),
        hop(2, &a(3), 9, ON_PATH, &[(14, vec![0])]),
        hop(3, &a(3), 9, ON_PATH, &[]),
    ];

    assert_eq!(vec![format!("{} {} 1", a(1), a(3))], path_links(&hops, &[]));
}

#[test]
fn a_hop_with_two_addresses_links_to_nothing() {
    let hops = [
        hop(1, &a(1), 9, ON_PATH, &[]),
        hop(2, &a(2), 9, ON_PATH, &[]),
        hop(2, &a(3), 9, ON_PATH, &[(5, vec![1])]),
        hop(3, &a(4), 9, ON_PATH, &[]),
        hop(4, &a(5), 9, ON_PATH, &[]),
    ];

    assert_eq!(vec![format!("{} {} 0", a(4), a(5))], path_links(&hops, &[]));
}

#[test]
fn hops_beyond_the_stop_hop_prove_no_link() {
    let hops: Vec<_> = (1..=4).map(|n| hop(n, &a(n), 9, ON_PATH, &[])).collect();

    assert_eq!(vec![format!("{} {} 0", a(1), a(2))], path_links(&hops, &[(33, vec![2])]));
}

#[test]
fn the_link_to_the_destination_is_marked() {
    let hops = [hop(1, &a(1), 9, ON_PATH, &[]), hop(2, "203.0.113.9", 9, (3, 3), &[])];
    let (_folder, path) = written(&[head("m"), trace("203.0.113.9", &hops, &[])]);

    assert!(links(&path).starts_with(&format!("{} 203.0.113.9 Y 0", a(1))));
}

#[test]
fn every_stop_reason_has_its_name() {
    let names = [
        "NONE",
        "COMPLETED",
        "UNREACH",
        "ICMP",
        "LOOP",
        "GAPLIMIT",
        "ERROR",
        "HOPLIMIT",
        "GSS",
        "HALTED",
        "INPROGRESS",
    ];
    for (number, name) in names.iter().enumerate() {
        let line = first_trace(&[head("m"), trace(&a(9), &[], &[(6, vec![number as u8])])]);

        assert_eq!(json!(name), line["stop_reason"]);
    }
}

#[test]
fn a_router_address_takes_no_number_in_the_records_table() {
    let hops = [hop(1, &a(1), 9, ON_PATH, &[(18, [vec![0], u32b(1)].concat())])];
    let line = first_trace(&[head("m"), trace(&a(9), &hops, &[(30, v4(&a(77)))])]);

    // Number 1 is the destination, the second address that the record defines.
    assert_eq!(json!(a(9)), line["hops"][0]["addr"]);
}

#[test]
fn cutting_a_file_at_any_byte_never_panics_and_keeps_what_is_whole() {
    let whole = std::fs::read(sample("wc_a.warts")).unwrap();
    let joined = [&whole[..], &std::fs::read(sample("d_radar.warts")).unwrap()].concat();
    let mut best = 0;
    for end in 0..joined.len() {
        let traces = traces_in(&joined[..end]);

        assert!(traces >= best, "byte {end}: {traces} records after {best}");
        best = traces;
    }
    assert_eq!(1, best);
}

fn traces_in(bytes: &[u8]) -> u64 {
    use transform_rs::cut::Cutter;
    use transform_rs::input::Input;
    let input = Input::from_reader("t", std::io::Cursor::new(bytes.to_vec()), false).unwrap();
    let mut cutter = Cutter::from_inputs(vec![input]);
    let tally = transform_rs::convert::check::check(&mut cutter, 1).unwrap();
    tally.records.get(&transform_rs::warts::kind::Kind::TRACE).copied().unwrap_or(0)
}

#[test]
fn a_hundred_thousand_flipped_bytes_never_panic() {
    let mut files = Vec::new();
    for name in ["trace_misc.warts", "ping.warts", "d_radar.warts", "d_ally1.warts", "killed.warts"]
    {
        files.push(std::fs::read(sample(name)).unwrap());
    }
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..10_000 {
        let mut bytes = files[random(5)].clone();
        for _ in 0..10 {
            let at = random(bytes.len());
            bytes[at] ^= 1 << random(8);
        }
        traces_in(&bytes);
    }
}

#[test]
fn flipped_files_convert_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(sample("trace_misc.warts")).unwrap();
    for at in (0..whole.len()).step_by(997) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let path = file(folder.path(), "f.warts", &bytes);
        for to in ["jsonl", "links", "parquet"] {
            let out = folder.path().join(to);
            let output = run(&["convert", "--to", to, "-o", out.to_str().unwrap(), &path]);

            assert!([0, 2].contains(&common::code(&output)), "byte {at}, {to}");
        }
    }
}
