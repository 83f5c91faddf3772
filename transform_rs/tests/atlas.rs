//! Traces in the result format of RIPE Atlas.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{file, head, hop, json_lines, sample, stdout, trace, u16b, u32b};
use serde_json::{Value, json};

fn atlas(path: &str) -> Vec<Value> {
    json_lines(&stdout(&["convert", "--to", "atlas", "-o", "-", path]))
}

#[test]
fn a_trace_has_the_keys_of_atlas() {
    let lines = atlas(&sample("wc_a.warts"));

    assert_eq!(1, lines.len());
    let line = &lines[0];
    for (key, value) in [
        ("fw", json!(5000)),
        ("af", json!(4)),
        ("type", json!("traceroute")),
        ("proto", json!("UDP")),
        ("paris_id", json!(1)),
        ("dst_addr", json!("100.64.1.1")),
        ("src_addr", json!("100.127.0.1")),
        ("timestamp", json!(1_795_366_798)),
        ("vp", json!("m1")),
        ("msm_id", json!(1)),
        ("msm_name", json!("hs")),
    ] {
        assert_eq!(value, line[key], "{key}");
    }
    let hops = line["result"].as_array().unwrap();
    assert_eq!(13, hops.len());
    assert_eq!(json!(1), hops[0]["hop"]);
    assert_eq!(json!("100.127.0.2"), hops[0]["result"][0]["from"]);
    let last = &hops[12]["result"][0];
    // The destination's "port unreachable" is no error.
    assert_eq!((json!("100.64.1.1"), &Value::Null), (last["from"].clone(), &last["err"]));
    assert!(last["rtt"].as_f64().unwrap() > 0.0);
}

#[test]
fn silent_probes_are_stars_and_errors_letters() {
    let folder = tempfile::tempdir().unwrap();
    let word = (24_001_u32 << 12) | (5 << 9) | (1 << 8) | 254;
    let object = [u16b(4), vec![1, 1], u32b(word)].concat();
    let ext = [u16b(object.len() as u16), object].concat();
    let hops = [
        hop(1, "198.51.100.1", 1500, (11, 0), &[(5, vec![1]), (14, vec![3]), (17, ext)]),
        hop(3, "198.51.100.3", 2500, (3, 13), &[]),
    ];
    let record = trace("203.0.113.9", &hops, &[(9, vec![2]), (19, u16b(4))]);
    let lines = atlas(&file(folder.path(), "t", &[head("m"), record].concat()));

    let star = json!({"x": "*"});
    let mpls = json!({"version": 2, "rfc4884": 1, "obj": [{"class": 1, "type": 1,
        "mpls": [{"label": 24001, "exp": 5, "s": 1, "ttl": 254}]}]});
    let first = json!({"from": "198.51.100.1", "ttl": 64, "size": 72, "rtt": 1.5, "ittl": 3,
        "icmpext": mpls});
    let third = json!({"from": "198.51.100.3", "ttl": 64, "size": 72, "rtt": 2.5, "err": "A"});
    let expected = json!([
        {"hop": 1, "result": [star, first]},
        {"hop": 2, "result": [star, star]},
        {"hop": 3, "result": [third]},
        {"hop": 4, "result": [star, star]},
    ]);
    assert_eq!(expected, lines[0]["result"]);
}

#[test]
fn every_trace_of_the_samples_is_a_line_and_other_records_are_skipped() {
    assert_eq!(16, atlas(&sample("trace_misc.warts")).len());
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("r.json");
    let args = ["convert", "--to", "atlas", "-o", "-", "--report", report.to_str().unwrap()];
    stdout(&[&args[..], &[&sample("wc_a.warts"), &sample("ping.warts")]].concat());
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();

    assert_eq!((&json!(9), &json!(1)), (&report["skipped"]["ping"], &report["outputs"][0]["rows"]));
}

#[test]
fn a_trace_that_lies_about_its_probes_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let record = trace("203.0.113.9", &[], &[(9, vec![255]), (19, u16b(65_535))]);
    let path = file(folder.path(), "t", &[head("m"), record].concat());

    assert!(stdout(&["convert", "--to", "atlas", "-o", "-", &path]).len() < 16_384);
}
