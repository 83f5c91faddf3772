//! The sample files give what is known of them, and what scamper's own tools print.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use std::process::Command;

use common::{check, code, differences, json_lines, links, oracle, run, sample, stdout};
use serde_json::{Value, json};

const GOLDEN: [&str; 9] =
    ["wc_a", "wc_b", "killed", "trace_misc", "ping", "d_merc1", "d_merc3", "d_ally1", "d_radar"];

fn ours(path: &str) -> Vec<Value> {
    json_lines(&stdout(&["convert", "--to", "jsonl", "-o", "-", path]))
}

fn golden(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(sample(&format!("golden/{name}.json"))).unwrap();
    // The tool forgets a comma here: a bug of scamper 20260420.
    json_lines(&text.replace("\"100.127.0.2\"\"100", "\"100.127.0.2\",\"100"))
}

fn compare(name: &str, ours: &[Value], theirs: &[Value]) {
    assert_eq!(theirs.len(), ours.len(), "{name}: number of lines");
    let mut found = Vec::new();
    for (i, (mine, value)) in ours.iter().zip(theirs).enumerate() {
        differences(mine, value, &format!("{name}:{i}"), &mut found);
    }
    assert_eq!(Vec::<String>::new(), found);
}

#[test]
fn json_lines_equal_the_golden_files_both_ways() {
    for name in GOLDEN {
        let (ours, theirs) = (ours(&sample(&format!("{name}.warts"))), golden(name));
        compare(name, &ours, &theirs);
        compare(name, &theirs, &ours);
    }
}

#[test]
fn json_lines_hold_every_value_that_debians_tool_prints() {
    let Some(tool) = oracle("sc_warts2json") else {
        return;
    };
    for name in GOLDEN {
        let path = sample(&format!("{name}.warts"));
        let output = Command::new(&tool).arg(&path).env("TZ", "UTC").output().unwrap();
        compare(name, &ours(&path), &json_lines(&String::from_utf8(output.stdout).unwrap()));
    }
}

#[test]
fn fifty_thousand_traces_equal_debians_tool_value_by_value() {
    let Some(tool) = oracle("sc_warts2json") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("lab.warts");
    let packed = std::fs::File::open(sample("lab-50k-traces.warts.zst")).unwrap();
    zstd::stream::copy_decode(packed, std::fs::File::create(&raw).unwrap()).unwrap();
    let output = Command::new(&tool).arg(&raw).env("TZ", "UTC").output().unwrap();
    let ours = stdout(&["convert", "--to", "jsonl", "-o", "-", raw.to_str().unwrap()]);

    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(50_002, ours.lines().count());
    for (mine, line) in ours.lines().zip(theirs.lines()) {
        let (mine, value): (Value, Value) =
            (serde_json::from_str(mine).unwrap(), serde_json::from_str(line).unwrap());
        let mut found = Vec::new();
        differences(&mine, &value, "lab", &mut found);
        assert_eq!(Vec::<String>::new(), found);
    }
}

#[test]
fn the_large_sample_has_the_known_counts() {
    let report = check(&sample("lab-50k-traces.warts.zst"));

    assert_eq!(27_839_946, report["unpacked_bytes"]);
    let counts = json!({"list": 1, "cycle-start": 1, "cycle-stop": 1, "trace": 50_000});
    assert_eq!(counts, report["records"]);
    let reasons = json!({"COMPLETED": 41_557, "UNREACH": 95, "GAPLIMIT": 8348});
    assert_eq!(reasons, report["stop_reasons"]);
    assert_eq!((&json!(658_956), &json!(0)), (&report["replies"], &report["loops"]));
    let cycle = &report["cycles"][0];
    assert_eq!((&json!(7), &json!(42)), (&cycle["list_id"], &cycle["cycle_id"]));
    assert_eq!((&json!("vp-1.example"), &json!(true)), (&cycle["monitor"], &cycle["complete"]));
}

#[test]
fn compressed_samples_are_read_by_their_magic() {
    for name in ["gz.warts.gz", "c.warts.bz2"] {
        let report = check(&sample(name));

        assert_eq!(632, report["unpacked_bytes"], "{name}");
        assert_eq!(
            (1, 13),
            (report["records"]["trace"].as_i64().unwrap(), report["replies"].as_i64().unwrap())
        );
    }
}

#[test]
fn xz_is_read_by_its_magic_and_a_cut_stream_keeps_what_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let packed = std::fs::read(sample("wc_a.warts.xz")).unwrap();
    let whole = check(&sample("wc_a.warts.xz"));

    assert_eq!(
        (&json!("xz"), &json!(630)),
        (&whole["inputs"][0]["packing"], &whole["unpacked_bytes"])
    );
    assert_eq!(check(&sample("wc_a.warts"))["records"], whole["records"]);
    let path = common::file(folder.path(), "cut.xz", &packed[..packed.len() - 40]);
    let output = run(&["check", &path]);
    assert!([2, 4].contains(&code(&output)));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json!("the xz stream is broken or cut short"), report["damage"][0]["reason"]);
}

#[test]
fn a_killed_run_keeps_its_traces_and_is_not_complete() {
    let report = check(&sample("killed.warts"));

    assert_eq!(23, report["records"]["trace"]);
    assert_eq!(
        (299, false),
        (report["replies"].as_i64().unwrap(), report["cycles"][0]["complete"].as_bool().unwrap())
    );
    assert_eq!(0, report["damage_count"]);
}

#[test]
fn a_cut_record_ends_the_file_with_its_offset_and_status_2() {
    let output = run(&["check", &sample("truncated_mid_record.warts")]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(2, code(&output));
    assert_eq!(
        (15, 199),
        (report["records"]["trace"].as_i64().unwrap(), report["replies"].as_i64().unwrap())
    );
    let damage = &report["damage"][0];
    assert_eq!(
        (8910, 90),
        (damage["offset"].as_i64().unwrap(), damage["length"].as_i64().unwrap())
    );
    assert_eq!("the record claims 2666 bytes, 82 are there", damage["reason"]);
}

#[test]
fn files_joined_with_cat_are_two_segments_with_their_own_monitors() {
    let path = sample("plain_cat_a_c.warts");
    let report = check(&path);

    assert_eq!(2, report["segments"]);
    assert_eq!(
        (2, 26),
        (report["records"]["trace"].as_i64().unwrap(), report["replies"].as_i64().unwrap())
    );
    let monitors: Vec<&Value> =
        report["cycles"].as_array().unwrap().iter().map(|cycle| &cycle["monitor"]).collect();
    assert_eq!(vec![&json!("m1"), &json!("m2")], monitors);
    assert_eq!(golden("wc_a")[1], ours(&path)[1]);
    assert_eq!(json!("m2"), ours(&path)[4]["monitor"]);
}

#[test]
fn a_link_row_has_the_published_columns() {
    let text = links(&sample("wc_a.warts"));

    assert_eq!(12, text.lines().count());
    let first = text.lines().next().unwrap();
    assert_eq!("100.64.1.1", text.lines().last().unwrap().split(' ').nth(1).unwrap());
    assert_eq!("100.127.0.2 100.127.0.6 N 0 0.000 1 1 m1 1795366798 1795366798", first);
    assert!(text.lines().last().unwrap().contains(" Y "));
}

#[test]
fn links_of_the_large_sample_are_those_of_its_json() {
    let Some(tool) = oracle("sc_warts2json") else {
        return;
    };
    let path = sample("killed.warts");
    let output = Command::new(&tool).arg(&path).output().unwrap();
    let mut expected = std::collections::BTreeMap::<(String, String), u64>::new();
    for line in json_lines(&String::from_utf8(output.stdout).unwrap()) {
        let hops = line["hops"].as_array().cloned().unwrap_or_default();
        for pair in hops.windows(2) {
            let name = |hop: &Value| hop["addr"].as_str().unwrap().to_owned();
            *expected.entry((name(&pair[0]), name(&pair[1]))).or_default() += 1;
        }
    }
    let text = links(&path);
    let ours: std::collections::BTreeMap<_, _> = text
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|c| ((c[0].to_owned(), c[1].to_owned()), c[5].parse::<u64>().unwrap()))
        .collect();

    assert_eq!(expected, ours);
}
