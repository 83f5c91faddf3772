//! JSON lines as input give what the warts behind them give; bad lines cost themselves only.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{check, code, differences, file, json_lines, oracle, run, sample, stdout};
use serde_json::{Value, json};

const SAMPLES: [&str; 9] =
    ["wc_a", "wc_b", "killed", "trace_misc", "ping", "d_merc1", "d_merc3", "d_ally1", "d_radar"];

fn jsonl(path: &str) -> String {
    stdout(&["convert", "--to", "jsonl", "-o", "-", path])
}

/// The lines, without what lines cannot carry.
fn compare(name: &str, expected: &str, got: &str) {
    let (expected, got) = (json_lines(expected), json_lines(got));
    let mut found = Vec::new();
    differences(&json!(got), &json!(expected), name, &mut found);
    differences(&json!(expected), &json!(got), name, &mut found);
    assert_eq!(Vec::<String>::new(), found);
}

#[test]
fn lines_of_every_sample_come_out_as_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    for name in SAMPLES {
        let lines = jsonl(&sample(&format!("{name}.warts")));
        let path = file(folder.path(), name, lines.as_bytes());

        compare(name, &lines, &jsonl(&path));
    }
}

#[test]
fn links_and_aliases_of_lines_are_those_of_the_records() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["wc_a", "killed", "trace_misc"] {
        let warts = sample(&format!("{name}.warts"));
        let path = file(folder.path(), name, jsonl(&warts).as_bytes());

        assert_eq!(common::links(&warts), common::links(&path), "{name}");
    }
    for name in ["d_merc1", "d_ally1"] {
        let warts = sample(&format!("{name}.warts"));
        let path = file(folder.path(), name, jsonl(&warts).as_bytes());
        let aliases = |path: &str| stdout(&["aliases", "-o", "-", path]);

        assert_eq!(aliases(&warts), aliases(&path), "{name}");
    }
}

#[test]
fn debians_lines_are_read_value_by_value() {
    let Some(tool) = oracle("sc_warts2json") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for name in SAMPLES {
        let output = std::process::Command::new(&tool)
            .arg(sample(&format!("{name}.warts")))
            .env("TZ", "UTC")
            .output()
            .unwrap();
        let path = file(folder.path(), name, &output.stdout);
        let theirs = json_lines(&String::from_utf8(output.stdout).unwrap());
        let mut found = Vec::new();
        differences(&json!(json_lines(&jsonl(&path))), &json!(theirs), name, &mut found);

        assert_eq!(Vec::<String>::new(), found);
    }
}

#[test]
fn a_bad_line_is_told_with_line_column_and_offset_and_costs_itself_only() {
    let folder = tempfile::tempdir().unwrap();
    let golden = std::fs::read_to_string(sample("golden/ping.json")).unwrap();
    let path = file(folder.path(), "ping.json", golden.as_bytes());
    let output = run(&["check", &path]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!((2, &json!(8)), (code(&output), &report["records"]["ping"]));
    assert_eq!(json!(1), report["damage_count"]);
    let (damage, lines) = (&report["damage"][0], golden.lines().collect::<Vec<_>>());
    // scamper 20260420 forgets a comma in this line.
    let bad = lines.iter().position(|line| line.contains("\"100.127.0.2\"\"100")).unwrap();
    let at: usize = lines[..bad].iter().map(|line| line.len() + 1).sum();
    assert_eq!(json!(at), damage["offset"]);
    assert_eq!(json!(lines[bad].len() + 1), damage["length"]);
    assert_eq!(json!(7), damage["type"]);
    let column = lines[bad].find("\"\"100").unwrap() + 2;
    let reason = damage["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("line {}, column {column}: ", bad + 1)), "{reason}");
}

#[test]
fn a_wrong_value_is_damage_and_never_wraps() {
    let folder = tempfile::tempdir().unwrap();
    let good = r#"{"type":"trace","method":"udp","dst":"192.0.2.1","start":{"sec":1,"usec":2}}"#;
    for (bad, reason) in [
        (good.replace("udp", "soup"), "line 2, method \"soup\" is not known"),
        (
            good.replace("192.0.2.1", "192.0.2.256"),
            "invalid value: string \"192.0.2.256\", expected an IP address",
        ),
        (good.replace("\"sec\":1", "\"sec\":-1"), "invalid value: integer `-1`, expected u32"),
        (good.replace("trace", "soup"), "line 2, type \"soup\" is none of scamper's"),
        (good.replace("\"type\"", "\"tope\""), "line 2, no \"type\" in the object"),
        (good.replace("}}", "}"), "EOF while parsing an object"),
    ] {
        let path = file(folder.path(), "t", format!("{good}\n{bad}\n{good}\n").as_bytes());
        let report = check(&path);

        assert_eq!(json!(2), report["records"]["trace"]);
        let told = report["damage"][0]["reason"].as_str().unwrap();
        assert!(told.starts_with("line 2, "), "{told}");
        assert!(told.contains(reason), "{told} does not say {reason}");
        assert_eq!(json!(good.len() + 1), report["damage"][0]["offset"]);
    }
}

#[test]
fn what_m_lab_publishes_is_read_file_after_file() {
    let folder = tempfile::tempdir().unwrap();
    let one = |uuid: &str, host: &str, dst: &str| {
        let metadata = json!({"UUID": uuid, "TracerouteCallerVersion": "v0.12.0",
            "CachedResult": false, "CachedUUID": ""});
        let start = json!({"type": "cycle-start", "list_name": "/tmp/scamperctrl:51811", "id": 1,
            "hostname": host, "start_time": 1_691_607_305});
        let reply = json!({"rx": {"sec": 1_691_607_305, "usec": 5000}, "ttl": 63, "rtt": 4.5,
            "icmp_type": 11, "icmp_code": 0, "icmp_q_tos": 0, "icmp_q_ttl": 1});
        let probe = json!({"tx": {"sec": 1_691_607_305, "usec": 500}, "replyc": 1, "ttl": 2,
            "attempt": 0, "flowid": 1, "replies": [reply]});
        let link = json!([[{"addr": "198.51.100.2", "probes": [probe]}]]);
        let nodes = json!([{"addr": "198.51.100.1", "q_ttl": 1, "linkc": 1, "links": link}]);
        let lb = json!({"type": "tracelb", "version": "0.1", "userid": 0, "method": "icmp-echo",
            "src": "192.0.2.1", "dst": dst, "start": {"sec": 1_691_607_305, "usec": 1,
            "ftime": "2023-08-09 18:55:05"}, "probe_size": 60, "firsthop": 1, "attempts": 3,
            "confidence": 95, "tos": 0, "gaplimit": 3, "wait_timeout": 5, "wait_probe": 250,
            "probec": 10, "probec_max": 3000, "nodec": 2, "linkc": 1, "nodes": nodes});
        let stop = json!({"type": "cycle-stop", "list_name": "/tmp/scamperctrl:51811", "id": 1,
            "hostname": host, "stop_time": 1_691_607_313});
        [metadata, start, lb, stop].map(|line| format!("{line}\n")).concat()
    };
    let text = one("a_1", "ndt-1", "203.0.113.1") + &one("b_2", "ndt-2", "203.0.113.2");
    let path = file(folder.path(), "20230809T185505Z_a_1.jsonl", text.as_bytes());
    let report = check(&path);

    assert_eq!(
        json!({"list": 2, "cycle-start": 2, "cycle-stop": 2, "tracelb": 2, "metadata": 2}),
        report["records"]
    );
    assert_eq!((&json!(2), &json!(0)), (&report["segments"], &report["damage_count"]));
    let (got, lines) = (json_lines(&jsonl(&path)), json_lines(&text));
    let without: Vec<Value> = lines.into_iter().filter(|line| line["UUID"].is_null()).collect();
    let mut found = Vec::new();
    // BigQuery's ids are the file's; ipid, which M-Lab leaves out, comes back as 0.
    differences(&json!(got), &json!(without), "m-lab", &mut found);
    assert_eq!(Vec::<String>::new(), found);
}

#[test]
fn a_file_of_bad_lines_only_is_nothing_usable() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "t", "{\"a\":1}\n".repeat(20_000).as_bytes());
    let output = run(&["check", &path]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!((4, &json!(20_000)), (code(&output), &report["damage_count"]));
}

#[test]
fn packed_lines_and_warts_may_come_together() {
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("lines.gz");
    let mut gz = flate2::write::GzEncoder::new(
        std::fs::File::create(&packed).unwrap(),
        flate2::Compression::fast(),
    );
    std::io::Write::write_all(&mut gz, jsonl(&sample("killed.warts")).as_bytes()).unwrap();
    gz.finish().unwrap();
    let args = ["convert", "--to", "jsonl", "--threads", "3", "-o", "-"];
    let inputs = [&sample("wc_a.warts"), packed.to_str().unwrap(), &sample("ping.warts")];
    let got = stdout(&[&args[..], &inputs].concat());

    let expected = ["wc_a", "killed", "ping"].map(|n| jsonl(&sample(&format!("{n}.warts"))));
    compare("joined", &expected.concat(), &got);
}
