//! Runs the program, builds records byte by byte, reads what came out.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A sample file.
pub fn sample(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Run the program.
pub fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hs-transform")).args(args).output().unwrap()
}

/// Exit status.
pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// Run the program, which must succeed, for its standard output.
pub fn stdout(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(0, code(&output), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Lines as JSON.
pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The report that `check` prints.
pub fn check(path: &str) -> Value {
    let output = run(&["check", path]);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file in a temporary folder.
pub fn file(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Where Debian's `tool` is, if it is installed.
pub fn oracle(tool: &str) -> Option<PathBuf> {
    let path = PathBuf::from("/usr/bin").join(tool);
    if !path.exists() {
        eprintln!("SKIPPED: {tool} is not installed (apt-get install scamper)");
        return None;
    }
    Some(path)
}

/// Every difference between `ours` and what `theirs` holds; keys that only `ours` has are fine.
pub fn differences(ours: &Value, theirs: &Value, at: &str, out: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in b {
                match a.get(key) {
                    Some(mine) => differences(mine, value, &format!("{at}/{key}"), out),
                    None => out.push(format!("{at}/{key} is missing")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (mine, value)) in a.iter().zip(b).enumerate() {
                differences(mine, value, &format!("{at}[{i}]"), out);
            }
        }
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        (a, b) => out.push(format!("{at}: {a} is not {b}")),
    }
}

/// A record with header.
pub fn record(kind: u16, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0x12, 0x05];
    out.extend(kind.to_be_bytes());
    out.extend((body.len() as u32).to_be_bytes());
    out.extend(body);
    out
}

/// A flag block with parameters by flag number.
pub fn block(params: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let params: BTreeMap<u32, &Vec<u8>> =
        params.iter().map(|(flag, bytes)| (*flag, bytes)).collect();
    let Some(last) = params.keys().max() else {
        return vec![0];
    };
    let count = last.div_ceil(7) as usize;
    let mut out = vec![0_u8; count];
    params.keys().for_each(|flag| out[(flag - 1) as usize / 7] |= 1 << ((flag - 1) % 7));
    out[..count - 1].iter_mut().for_each(|byte| *byte |= 0x80);
    let bytes: Vec<u8> = params.values().flat_map(|bytes| bytes.iter().copied()).collect();
    out.extend((bytes.len() as u16).to_be_bytes());
    out.extend(bytes);
    out
}

/// A 32-bit number.
pub fn u32b(value: u32) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

/// A 16-bit number.
pub fn u16b(value: u16) -> Vec<u8> {
    value.to_be_bytes().to_vec()
}

/// A time.
pub fn time(sec: u32, usec: u32) -> Vec<u8> {
    [sec.to_be_bytes(), usec.to_be_bytes()].concat()
}

/// An IPv4 address, defined in place.
pub fn v4(text: &str) -> Vec<u8> {
    let octets = text.parse::<std::net::Ipv4Addr>().unwrap().octets();
    [&[4, 1][..], &octets].concat()
}

/// List 1 (number 7, "l") seen from `monitor`, and its cycle 1 (number 9).
pub fn head(monitor: &str) -> Vec<u8> {
    let name = format!("{monitor}\0").into_bytes();
    let list = [u32b(1), u32b(7), b"l\0".to_vec(), block(&[(2, name)])].concat();
    let cycle = [u32b(1), u32b(1), u32b(9), u32b(1_700_000_000), block(&[(2, b"h\0".to_vec())])];
    [record(1, &list), record(2, &cycle.concat())].concat()
}

/// A hop: TTL, address, RTT in microseconds, ICMP type and code, further parameters.
pub fn hop(ttl: u8, addr: &str, rtt_us: u32, icmp: (u8, u8), more: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut params = vec![
        (2, vec![ttl]),
        (3, vec![64]),
        (4, vec![0x10]),
        (5, vec![0]),
        (6, u32b(rtt_us)),
        (7, vec![icmp.0, icmp.1]),
        (8, u16b(44)),
        (9, u16b(72)),
        (18, v4(addr)),
        (19, time(1_700_000_001, 5)),
    ];
    params.extend_from_slice(more);
    block(&params)
}

/// A udp-paris trace from 192.0.2.1 to `dst` with these hops.
pub fn trace(dst: &str, hops: &[Vec<u8>], more: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut params = vec![
        (1, u32b(1)),
        (2, u32b(1)),
        (5, time(1_700_000_000, 7)),
        (6, vec![1]),
        (7, vec![0]),
        (9, vec![2]),
        (11, vec![5]),
        (12, u16b(44)),
        (13, u16b(40000)),
        (14, u16b(33435)),
        (15, vec![1]),
        (19, u16b(hops.len() as u16)),
        (23, u16b(hops.len() as u16)),
        (26, v4("192.0.2.1")),
        (27, v4(dst)),
    ];
    params.extend_from_slice(more);
    let body = [block(&params), u16b(hops.len() as u16), hops.concat(), u16b(0)].concat();
    record(6, &body)
}

/// Links of a file, as text.
pub fn links(path: &str) -> String {
    let output = run(&["convert", "--to", "links", "-o", "-", path]);
    String::from_utf8(output.stdout).unwrap()
}

/// `in out stars` of each link.
pub fn pairs(text: &str) -> Vec<String> {
    let short = |line: &str| {
        let columns: Vec<&str> = line.split(' ').collect();
        format!("{} {} {}", columns[0], columns[1], columns[3])
    };
    text.lines().map(short).collect()
}
