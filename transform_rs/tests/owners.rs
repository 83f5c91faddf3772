//! Addresses that look like third parties': told by a table of owners, never guessed without.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use std::path::Path;

use transform_rs::parquet::read::TableReader;

/// Answers at these TTLs.
fn path(hops: &[(u8, &str)]) -> Vec<u8> {
    let hops = hops.iter().map(|(ttl, addr)| common::hop(*ttl, addr, 900, (11, 0), &[]));
    common::trace("198.51.100.9", &hops.collect::<Vec<_>>(), &[])
}

/// Interfaces and whether they look like third parties'.
fn ifaces(folder: &Path, traces: &[Vec<u8>], owners: Option<&str>) -> Vec<(String, Option<bool>)> {
    let warts = common::file(folder, "t.warts", &[common::head("m"), traces.concat()].concat());
    let table = folder.join("ifaces.parquet");
    let mut args = vec!["ifaces", "-o", table.to_str().unwrap()];
    let path = common::file(folder, "owners", owners.unwrap_or_default().as_bytes());
    if owners.is_some() {
        args.extend(["--prefixes", &path]);
    }
    args.extend(["--", &warts]);
    common::stdout(&args);
    let reader = TableReader::open_file(table.to_str().unwrap()).unwrap();
    let addrs = reader.column(0, "addr").unwrap().texts();
    let addrs = addrs.into_iter().map(|addr| addr.unwrap().as_utf8().unwrap().to_owned());
    addrs.zip(reader.column(0, "is_third_party").unwrap().bools()).collect()
}

const OWNERS: &str = "8.0.0.0/8 64500\n9.0.0.0/8 64501\n9.9.0.0/16 64500\n";

#[test]
fn an_address_of_another_owner_between_two_of_one_is_a_third_partys() {
    let folder = tempfile::tempdir().unwrap();
    let traces = [
        path(&[(1, "8.0.0.1"), (2, "9.0.0.1"), (3, "8.0.0.2"), (4, "8.0.0.5"), (5, "9.0.0.3")]),
        // Between two owners, beside a silent hop, or of the longer prefix's owner: nothing is told.
        path(&[(1, "8.0.0.3"), (2, "9.0.0.4"), (3, "7.0.0.1")]),
        path(&[(1, "8.0.0.1"), (3, "9.0.0.5"), (4, "8.0.0.2")]),
        path(&[(1, "8.0.0.1"), (2, "9.9.0.1"), (3, "8.0.0.4")]),
    ];
    let found = ifaces(folder.path(), &traces, Some(OWNERS));

    let third: Vec<&str> =
        found.iter().filter(|row| row.1 == Some(true)).map(|row| &row.0[..]).collect();
    assert_eq!(vec!["9.0.0.1"], third);
    assert!(found.iter().all(|row| row.1.is_some()));
}

#[test]
fn once_seen_as_a_third_partys_it_stays_one_whatever_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let as_third = path(&[(1, "8.0.0.1"), (2, "9.0.0.1"), (3, "8.0.0.2")]);
    let as_own = path(&[(1, "9.0.0.2"), (2, "9.0.0.1"), (3, "8.0.0.2")]);
    let one = ifaces(folder.path(), &[as_third.clone(), as_own.clone()], Some(OWNERS));

    assert_eq!(one, ifaces(folder.path(), &[as_own, as_third], Some(OWNERS)));
    assert!(one.contains(&("9.0.0.1".to_owned(), Some(true))));
}

#[test]
fn without_a_table_of_owners_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let traces = [path(&[(1, "8.0.0.1"), (2, "9.0.0.1"), (3, "8.0.0.2")])];

    assert!(ifaces(folder.path(), &traces, None).iter().all(|row| row.1.is_none()));
}
