//! Any permutation of shards and any split of traces into files gives the same links and the same
//! graph, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

/// A trace: its vantage point, its destination, and who answered at which TTL.
#[derive(Debug, Clone)]
struct Seen {
    vp: u8,
    dst: u8,
    hops: Vec<(u8, u8)>,
    /// In which of the vantage point's files it lies, and where among all traces.
    file: u8,
    rank: u32,
}

prop_compose! {
    fn seen()(
        vp in 0_u8..3,
        dst in 0_u8..6,
        hops in prop::collection::vec((0_u8..9, 0_u8..3), 1..7),
        file in 0_u8..3,
        rank in any::<u32>(),
    ) -> Seen {
        let mut ttl = 0;
        let hops = hops.into_iter().map(|(addr, silent)| {
            ttl += 1 + silent;
            (ttl, addr)
        });
        Seen { vp, dst, hops: hops.collect(), file, rank }
    }
}

/// Public and private ones: a private one is another interface at each vantage point.
fn address(number: u8) -> String {
    if number < 3 { format!("10.0.0.{number}") } else { format!("1.1.{number}.1") }
}

fn record(seen: &Seen) -> Vec<u8> {
    let hops = seen.hops.iter();
    let hops: Vec<_> = hops
        .map(|(ttl, addr)| common::hop(*ttl, &address(*addr), u32::from(*ttl) * 900, (11, 0), &[]))
        .collect();
    common::trace(&format!("1.2.3.{}", seen.dst), &hops, &[])
}

/// Write each trace into the file that `file` names, and return the files.
fn files(folder: &Path, traces: &[Seen], file: impl Fn(&Seen) -> (u8, u8)) -> Vec<String> {
    let mut contents: BTreeMap<(u8, u8), Vec<u8>> = BTreeMap::new();
    for seen in traces {
        let content = contents.entry(file(seen)).or_insert_with(|| {
            let name = format!("vp-000{}", seen.vp);
            common::head(&name)
        });
        content.extend(record(seen));
    }
    let write = |((vp, number), content): ((u8, u8), Vec<u8>)| {
        common::file(folder, &format!("{vp}-{number}.warts"), &content)
    };
    contents.into_iter().map(write).collect()
}

/// The links and the graph of these files.
fn results(folder: &Path, files: &[String], memory: &str, threads: &str) -> Vec<String> {
    let into = folder.to_str().unwrap();
    let mut graph = vec!["graph", "--threads", threads, "--memory", memory, "-o", into];
    graph.extend(["--name", "graph", "--"]);
    graph.extend(files.iter().map(String::as_str));
    common::stdout(&graph);
    let mut convert =
        vec!["convert", "--threads", threads, "--memory", memory, "--to", "links", "-o", "-"];
    convert.extend(files.iter().map(String::as_str));
    let graph = ["nodes", "links", "ifaces"]
        .map(|suffix| std::fs::read_to_string(folder.join(format!("graph.{suffix}"))).unwrap());
    let mut all = vec![common::stdout(&convert)];
    all.extend(graph);
    all
}

/// The links of each file, merged in this order.
fn merged(folder: &Path, files: &[String]) -> String {
    let shards: Vec<_> = files.iter().map(|path| common::links(path)).collect();
    let paths = shards.iter().enumerate();
    let paths: Vec<_> = paths
        .map(|(i, text)| common::file(folder, &format!("{i}.links"), text.as_bytes()))
        .collect();
    let mut args = vec!["merge-links", "-o", "-"];
    args.extend(paths.iter().map(String::as_str));
    common::stdout(&args)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn neither_order_nor_split_of_shards_shows_in_links_or_graph(
        traces in prop::collection::vec(seen(), 1..40),
        turn in any::<Index>(),
    ) {
        let one = tempfile::tempdir().unwrap();
        let whole = files(one.path(), &traces, |seen| (seen.vp, 0));
        let expected = results(one.path(), &whole, "256", "1");

        let two = tempfile::tempdir().unwrap();
        let mut other = traces;
        other.sort_by_key(|seen| seen.rank);
        let mut shards = files(two.path(), &other, |seen| (seen.vp, seen.file));
        let middle = turn.index(shards.len());
        shards.rotate_left(middle);
        prop_assert_eq!(&expected, &results(two.path(), &shards, "0", "2"));
        prop_assert_eq!(&expected[0], &merged(two.path(), &shards));
    }
}
