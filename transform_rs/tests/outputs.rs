//! How outputs appear, what the exit status says, and that nothing depends on order or threads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use common::{code, file, head, names, run, sample, stdout, trace};
use serde_json::Value;

fn convert(to: &str, out: &str, inputs: &[&str]) -> std::process::Output {
    run(&[&["convert", "--to", to, "-o", out], inputs].concat())
}

#[test]
fn status_0_all_good() {
    assert_eq!(0, code(&run(&["check", &sample("wc_a.warts")])));
}

#[test]
fn status_1_wrong_use() {
    assert_eq!(1, code(&run(&["convert", "--to", "soup", "-o", "x", "y"])));
    assert_eq!(1, code(&run(&["check"])));
    assert_eq!(1, code(&run(&["convert", "--to", "parquet", "-o", "-", &sample("wc_a.warts")])));
    assert_eq!(0, code(&run(&["--help"])));
}

#[test]
fn status_2_damaged_input_and_complete_output() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("t.jsonl");
    let output = convert("jsonl", out.to_str().unwrap(), &[&sample("truncated_mid_record.warts")]);

    assert_eq!(2, code(&output));
    assert_eq!(16, std::fs::read_to_string(out).unwrap().lines().count());
}

#[test]
fn status_3_no_such_input_and_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("t.txt");
    let output = convert("links", out.to_str().unwrap(), &["/nonexistent/x.warts"]);

    assert_eq!(3, code(&output));
    assert_eq!(Vec::<String>::new(), names(folder.path()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/x.warts"));
}

#[test]
fn status_4_nothing_usable_and_nothing_published() {
    let folder = tempfile::tempdir().unwrap();
    let junk = file(folder.path(), "junk", b"this is no warts file at all, not a bit of it");
    for to in ["links", "jsonl", "parquet"] {
        let out = folder.path().join("out");
        let output = convert(to, out.to_str().unwrap(), &[&junk]);

        assert_eq!(4, code(&output), "{to}");
        assert!(!out.exists() || names(&out).is_empty(), "{to}");
        let _ = std::fs::remove_dir(out);
    }
}

/// Writes into 1 MiB of memory that nothing else sees; prints the exit status and what is left.
const ON_A_FULL_DISK: &str = r#"
    mount -t tmpfs -o size=1m tmpfs "$1" || exit 99
    status=0
    "$2" convert --to "$3" -o "$1/out" "$4" 2> /dev/null || status=$?
    echo "$status $(find "$1" -type f | wc -l)"
"#;

#[test]
fn a_full_disk_gives_status_3_and_leaves_no_partial_file() {
    let program = env!("CARGO_BIN_EXE_hs-transform");
    for to in ["jsonl", "parquet", "links", "atlas"] {
        let folder = tempfile::tempdir().unwrap();
        let input = sample("lab-50k-traces.warts.zst");
        let output = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", ON_A_FULL_DISK, "sh"])
            .args([folder.path().to_str().unwrap(), program, to, &input])
            .output();
        let Some(output) = output.ok().filter(|output| output.status.success()) else {
            eprintln!("SKIPPED: mounting a tmpfs needs root");
            return;
        };

        assert_eq!("3 0\n", String::from_utf8_lossy(&output.stdout), "{to}");
    }
}

#[test]
fn damaged_inputs_need_no_more_memory_than_whole_ones() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_hs-transform");
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let whole: Vec<u8> = ["trace_misc", "ping", "d_radar", "forms/lb", "forms/host_A", "forms/nd6"]
        .iter()
        .flat_map(|name| std::fs::read(sample(&format!("{name}.warts"))).unwrap())
        .collect();
    for round in 0..60 {
        let mut bytes = whole.clone();
        for _ in 0..40 {
            let at = random(bytes.len());
            bytes[at] = [0, 0xff, 0x7f, random(256) as u8][random(4)];
        }
        let path = file(folder.path(), "f", &bytes);
        // Address space in KiB: code, one stack and 32 MiB; an allocation beyond it ends the process.
        let script =
            "ulimit -v 65536; exec \"$0\" convert --threads 1 --to jsonl -o /dev/null \"$1\"";
        let output = Command::new("sh").args(["-c", script, program, &path]).output().unwrap();

        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!([0, 2].contains(&code(&output)), "round {round}: {stderr}");
    }
}

#[test]
fn a_killed_process_leaves_no_plausible_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("t.jsonl");
    // A pipe that nobody fills: the process waits in the middle of its work.
    let mut child = Command::new(env!("CARGO_BIN_EXE_hs-transform"))
        .args(["convert", "--to", "jsonl", "-o", out.to_str().unwrap(), &sample("wc_a.warts"), "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let partial = folder.path().join("t.jsonl.partial");
    while !partial.exists() {
        std::thread::yield_now();
    }
    child.kill().unwrap();

    assert_eq!(Some(9), child.wait().unwrap().signal());
    assert!(!out.exists());
}

#[test]
fn a_device_is_written_to_and_never_replaced() {
    let output = convert("jsonl", "/dev/null", &[&sample("wc_a.warts")]);

    assert_eq!(0, code(&output));
    use std::os::unix::fs::FileTypeExt;
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn standard_input_gives_what_the_file_gives() {
    let child = Command::new(env!("CARGO_BIN_EXE_hs-transform"))
        .args(["convert", "--to", "links", "-o", "-", "-"])
        .stdin(std::fs::File::open(sample("gz.warts.gz")).unwrap())
        .output()
        .unwrap();

    let named = stdout(&["convert", "--to", "links", "-o", "-", &sample("gz.warts.gz")]);
    assert_eq!(named, String::from_utf8(child.stdout).unwrap());
}

#[test]
fn output_bytes_do_not_depend_on_threads() {
    let input = sample("lab-50k-traces.warts.zst");
    for to in ["jsonl", "links", "parquet"] {
        let folder = tempfile::tempdir().unwrap();
        let outs = ["1", "2", "5"].map(|threads| {
            let out = folder.path().join(threads);
            let out_text = out.to_str().unwrap();
            stdout(&["convert", "--threads", threads, "--to", to, "-o", out_text, &input]);
            contents(&out)
        });

        assert!(outs[0] == outs[1] && outs[0] == outs[2], "{to}");
    }
}

fn contents(path: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    if path.is_file() {
        return vec![(String::new(), std::fs::read(path).unwrap())];
    }
    let read = |name: String| (name.clone(), std::fs::read(path.join(name)).unwrap());
    names(path).into_iter().map(read).collect()
}

#[test]
fn merging_shards_in_any_order_equals_one_pass() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = ["killed.warts", "wc_a.warts", "wc_b.warts", "plain_cat_a_c.warts"].map(sample);
    for suffix in ["txt", "parquet"] {
        let name = |part: &str| {
            folder.path().join(format!("{part}.{suffix}")).to_str().unwrap().to_owned()
        };
        let all: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let whole = name("whole");
        assert_eq!(0, code(&convert("links", &whole, &all)));
        let parts: Vec<String> = (0..4).map(|i| name(&i.to_string())).collect();
        for (input, part) in inputs.iter().zip(&parts) {
            assert_eq!(0, code(&convert("links", part, &[input])));
        }
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let first = name("first");
            let two = [&parts[order[0]], &parts[order[1]]].map(String::as_str);
            run(&[&["merge-links", "-o", &first][..], &two].concat());
            let merged = name("merged");
            let rest = [&parts[order[2]], &first, &parts[order[3]]].map(String::as_str);
            run(&[&["merge-links", "-o", &merged][..], &rest].concat());

            let rows = |path: &str| stdout(&["merge-links", "-o", "-", path]);
            assert_eq!(rows(&whole), rows(&merged), "{suffix} {order:?}");
        }
    }
}

#[test]
fn silence_makes_a_table_without_rows_and_merges_but_nothing_at_all_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let name = |part: &str| folder.path().join(part).to_str().unwrap().to_owned();
    let bytes = [head("us-0001"), trace("192.0.2.1", &[], &[])].concat();
    let silent = file(folder.path(), "silent.warts", &bytes);
    let (links, merged, text) = (name("l.parquet"), name("m.parquet"), name("m.txt"));

    assert_eq!(0, code(&convert("links", &links, &[&silent])));
    assert_eq!(0, code(&run(&["merge-links", "-o", &merged, &links, &links])));
    assert_eq!(0, code(&run(&["merge-links", "-o", &text, &merged])));
    assert_eq!("", std::fs::read_to_string(&text).unwrap());
    assert_eq!(0, code(&convert("parquet", &name("tables"), &[&silent])));
    let traces = name("tables/traces.parquet");
    let other = run(&["merge-links", "-o", &name("x.parquet"), &traces]);
    assert!(String::from_utf8_lossy(&other.stderr).contains("it has no column in"));
    assert_eq!(4, code(&run(&["merge-links", "-o", &name("y.txt"), &text])));
}

#[test]
fn the_report_tells_counts_digests_and_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (out, report) = (folder.path().join("o"), folder.path().join("r.json"));
    let bad = sample("truncated_mid_record.warts");
    let args = ["--report", report.to_str().unwrap(), &sample("wc_a.warts"), &bad];
    let output = convert("parquet", out.to_str().unwrap(), &args);
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();

    assert_eq!((2, 2), (code(&output), report["exit_code"].as_i64().unwrap()));
    assert_eq!(16, report["records"]["trace"]);
    assert_eq!(bad, report["damage"][0]["path"]);
    let tables: Vec<String> = report["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| {
            std::path::Path::new(o["path"].as_str().unwrap())
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        vec!["traces.parquet", "replies.parquet", "cycles.parquet", "records_bad.parquet"],
        tables
    );
    let written = std::fs::read(out.join("traces.parquet")).unwrap();
    use sha2::Digest;
    let digest = transform_rs::input::hex(&sha2::Sha256::digest(&written));
    assert_eq!(digest, report["outputs"][0]["sha256"]);
    assert_eq!(written.len() as u64, report["outputs"][0]["size_bytes"].as_u64().unwrap());
}

#[test]
fn the_vantage_point_is_the_monitor_then_the_host_then_the_flag() {
    let vp = |path: String, name: &str| {
        let text = stdout(&["convert", "--vp", name, "--to", "links", "-o", "-", &path]);
        text.lines().next().unwrap().split(' ').nth(7).unwrap().to_owned()
    };

    assert_eq!("m1", vp(sample("wc_a.warts"), "x"));
    assert_eq!("vm", vp(sample("killed.warts"), "x"));
    let folder = tempfile::tempdir().unwrap();
    let trace = common::trace(
        "203.0.113.9",
        &[
            common::hop(1, "198.51.100.1", 9, (11, 0), &[]),
            common::hop(2, "198.51.100.2", 9, (11, 0), &[]),
        ],
        &[],
    );
    assert_eq!("x", vp(file(folder.path(), "t", &trace), "x"));
    assert_eq!("-", vp(file(folder.path(), "t", &trace), ""));
}

#[test]
fn iffinder_output_gives_the_known_alias_sets() {
    let text = stdout(&["aliases", "-o", "-", &sample("iffinder-1.38.out")]);

    let net = |line: &str| {
        line.split(' ').map(|n| format!("100.127.0.{n}")).collect::<Vec<_>>().join(" ")
    };
    let expected = ["6 9", "14 17", "26 29", "30 33 37", "50 53 57"].map(net);
    assert_eq!(expected.to_vec(), text.lines().map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn a_test_that_contradicts_an_alias_set_is_reported_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("r.json");
    let inputs = ["iffinder-1.38.out", "d_merc1.warts", "d_ally1.warts"].map(sample);
    let mut args = vec!["aliases", "-o", "-", "--report", report.to_str().unwrap()];
    args.extend(inputs.iter().map(String::as_str));
    let text = stdout(&args);
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();

    assert!(text.starts_with("# not-aliases 100.127.0.6 100.127.0.9 ally\n"));
    assert_eq!(
        "[[\"100.127.0.6\",\"100.127.0.9\"]]",
        report["aliases"]["contradictions"].to_string()
    );
}

#[test]
fn the_graph_joins_aliases_and_keeps_silent_hops_apart() {
    let folder = tempfile::tempdir().unwrap();
    let hop = |ttl, addr: &str| common::hop(ttl, addr, 9, (11, 0), &[]);
    let one = common::trace("9.9.9.9", &[hop(1, "8.0.0.1"), hop(3, "8.0.0.3")], &[]);
    let two = common::trace("9.9.9.8", &[hop(1, "8.0.0.2"), hop(3, "8.0.0.3")], &[]);
    let input = file(folder.path(), "t", &[common::head("m"), one, two].concat());
    let pairs = file(folder.path(), "a.iffout", b"8.0.0.1 8.0.0.2 64 60 1.5 D\n");
    let out = folder.path().join("g");
    stdout(&["graph", "-o", out.to_str().unwrap(), "--aliases", &pairs, "--", &input]);
    let read = |name: &str| {
        let text = std::fs::read_to_string(out.join(name)).unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };

    let nodes = [
        "node N1:  8.0.0.1 8.0.0.2",
        "node N2:  8.0.0.3",
        "node N3:  224.0.0.1",
        "node N4:  224.0.0.2",
    ];
    assert_eq!(nodes.to_vec(), read("topology.nodes"));
    let links = [
        "link L1:  N2:8.0.0.3 N3:224.0.0.1 N4:224.0.0.2",
        "link L2:  N3:224.0.0.1 N1",
        "link L3:  N4:224.0.0.2 N1",
    ];
    assert_eq!(links.to_vec(), read("topology.links"));
    assert_eq!(vec!["8.0.0.1 N1 T", "8.0.0.2 N1 T", "8.0.0.3 N2 L1"], read("topology.ifaces"));
}

#[test]
fn a_prefix_with_host_bits_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let prefixes = file(folder.path(), "p", b"192.0.2.0/24\n10.1.1.1/8\n");
    let output = run(&["sample", "-o", "-", &prefixes]);

    assert_eq!(1, code(&output));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("line 2: 10.1.1.1/8 has host bits set; did you mean 10.0.0.0/8?"),
        "{text}"
    );
}

#[test]
fn merging_with_little_memory_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let name = |part: &str| folder.path().join(part).to_str().unwrap().to_owned();
    let lab = sample("lab-50k-traces.warts.zst");
    for out in [name("a.txt"), name("b.parquet")] {
        assert_eq!(0, code(&convert("links", &out, &[&lab, &sample("killed.warts")])));
    }
    let merge = |memory: &str, inputs: &[&str]| {
        let out = name("out.txt");
        stdout(&[&["merge-links", "--memory", memory, "-o", &out][..], inputs].concat());
        std::fs::read(out).unwrap()
    };

    let (a, b) = (name("a.txt"), name("b.parquet"));
    let large = merge("256", &[&a, &b]);
    assert_eq!(large, merge("0", &[&b, &a]));
    let rows = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count();
    assert_eq!(rows(&std::fs::read(&a).unwrap()), rows(&large));
}

#[test]
fn links_in_little_memory_are_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let lab = sample("lab-50k-traces.warts.zst");
    let links = |memory: &str, threads: &str| {
        let out = folder.path().join("out.txt");
        let out = out.to_str().unwrap();
        let how = ["--memory", memory, "--threads", threads, "-o", out, &lab];
        stdout(&[&["convert", "--to", "links"][..], &how].concat());
        std::fs::read(out).unwrap()
    };

    let large = links("256", "1");
    assert_eq!(large, links("0", "1"));
    assert_eq!(large, links("1", "3"));
}

#[test]
fn a_graph_in_little_memory_has_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let lab = sample("lab-50k-traces.warts.zst");
    let [large, small, many] = [("256", "1"), ("0", "1"), ("1", "3")].map(|(memory, threads)| {
        let out = folder.path().join(format!("{memory}-{threads}"));
        let how = ["--memory", memory, "--threads", threads, "-o", out.to_str().unwrap()];
        stdout(&[&["graph"][..], &how, &[&lab]].concat());
        contents(&out)
    });

    assert!(large == small && large == many);
}

#[test]
fn a_graph_does_not_depend_on_the_order_of_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = ["killed.warts", "wc_a.warts", "wc_b.warts", "trace_misc.warts"].map(sample);
    let graphs = [[0, 1, 2, 3], [3, 1, 0, 2]].map(|order| {
        let out = folder.path().join(format!("{order:?}"));
        let inputs = order.map(|i: usize| inputs[i].as_str());
        stdout(&[&["graph", "-o", out.to_str().unwrap()][..], &inputs].concat());
        ["nodes", "links", "ifaces"]
            .map(|suffix| std::fs::read(out.join(format!("topology.{suffix}"))).unwrap())
    });

    assert_eq!(graphs[0], graphs[1]);
}

#[test]
fn a_private_address_is_another_router_at_each_vantage_point() {
    let folder = tempfile::tempdir().unwrap();
    let hop = |ttl, addr: &str| common::hop(ttl, addr, 9, (11, 0), &[]);
    let inputs = [("us-0001", "8.0.0.1"), ("jp-0001", "8.0.0.2")].map(|(vp, behind)| {
        let trace = common::trace("9.9.9.9", &[hop(1, "10.0.0.1"), hop(2, behind)], &[]);
        file(folder.path(), vp, &[common::head(vp), trace].concat())
    });
    let nodes = |options: &[&str]| {
        let out = folder.path().join("g");
        let inputs = [inputs[0].as_str(), &inputs[1]];
        stdout(&[&["graph", "-o", out.to_str().unwrap()][..], options, &inputs].concat());
        let text = std::fs::read_to_string(out.join("topology.nodes")).unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };

    let apart =
        ["node N1:  8.0.0.1", "node N2:  8.0.0.2", "node N3:  10.0.0.1", "node N4:  10.0.0.1"];
    assert_eq!(apart.to_vec(), nodes(&[]));
    assert_eq!(apart[..3].to_vec(), nodes(&["--merge-private"]));
}
