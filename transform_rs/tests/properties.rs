//! Properties that hold for any input: merging, tables, concatenation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use proptest::prelude::*;
use transform_rs::links::merger::Merger;
use transform_rs::links::row::Link;
use transform_rs::parquet::column::{Column, Field, Type};
use transform_rs::parquet::read::TableReader;
use transform_rs::parquet::table::Table;
use transform_rs::warts::addr::Addr;

fn addr() -> impl Strategy<Value = Addr> {
    prop_oneof![
        (0_u8..4).prop_map(|n| Addr::V4([10, 0, 0, n])),
        (0_u8..3).prop_map(|n| {
            let mut bytes = [0; 16];
            (bytes[0], bytes[15]) = (0xfd, n);
            Addr::V6(bytes)
        }),
    ]
}

prop_compose! {
    fn link()(
        ends in (addr(), addr()),
        flags in (any::<bool>(), 0_u8..4, prop::option::of(0_u8..9), 1_u8..30),
        delay_us in prop::option::of(-500_i32..500),
        freq in 1_u64..1000,
        vp in prop_oneof![Just(b"".to_vec()), Just(b"jp-0001".to_vec()), Just(b"us-0001".to_vec())],
        times in (0_u32..100, 0_u32..100),
        loops_cut in prop::option::of(0_u64..5),
    ) -> Link {
        Link {
            near: ends.0,
            far: ends.1,
            is_dest: flags.0,
            stars: flags.1,
            stars_max: flags.2,
            delay_floor_us: delay_us.unwrap_or(7).max(0) as u32,
            delay_us,
            freq,
            ttl: flags.3,
            vp: vp.into(),
            first_seen: times.0,
            last_seen: times.0 + times.1,
            loops_cut,
        }
    }
}

fn merged(links: impl IntoIterator<Item = Link>, memory: usize) -> Vec<Link> {
    let mut merger = Merger::new(memory, &std::env::temp_dir());
    for link in links {
        merger.push(link).unwrap();
    }
    merger.finish().collect::<Result<_, _>>().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_does_not_depend_on_order_or_split(
        links in prop::collection::vec(link(), 0..60),
        cut in 0_usize..60,
    ) {
        let whole = merged(links.clone(), usize::MAX / 2);
        let (one, two) = links.split_at(cut.min(links.len()));
        let (one, two) = (merged(one.to_vec(), 0), merged(two.to_vec(), 0));

        prop_assert_eq!(&whole, &merged(links.iter().rev().cloned(), 0));
        prop_assert_eq!(&whole, &merged(two.into_iter().chain(one), 0));
    }

    #[test]
    fn a_table_reads_back_as_it_was_written(
        rows in prop::collection::vec(
            (any::<i32>(), prop::option::of(0_i32..3), prop::option::of(any::<i64>()),
             prop::option::of("[a-c]{0,3}"), any::<bool>(), prop::option::of(any::<u16>())),
            1..700,
        ),
    ) {
        static FIELDS: [Field; 8] = [
            Field::required("wide", Type::I32),
            Field::optional("few", Type::I32),
            Field::optional("long", Type::I64),
            Field::optional("text", Type::Text),
            Field::required("flag", Type::Bool),
            Field::optional("small", Type::U16),
            Field::optional("no_number", Type::U8),
            Field::optional("no_text", Type::Text),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let mut table = Table::create(&path, &FIELDS, false).unwrap();
        for (wide, few, long, text, flag, small) in &rows {
            let [a, b, c, d, e, f, g, h] = table.columns() else { unreachable!() };
            Column::int(a, Some(*wide));
            b.int(*few);
            c.int(*long);
            d.text(text.as_ref().map(|text| text.as_bytes()));
            e.bool(Some(*flag));
            f.int(*small);
            g.int(None::<u8>);
            h.text(None);
            table.end_row().unwrap();
        }
        table.publish(&[]).unwrap();

        let reader = TableReader::open(std::fs::read(path).unwrap().into()).unwrap();
        let wide: Vec<_> = rows.iter().map(|row| Some(i64::from(row.0))).collect();
        prop_assert_eq!(wide, reader.column(0, "wide").unwrap().ints());
        let few: Vec<_> = rows.iter().map(|row| row.1.map(i64::from)).collect();
        prop_assert_eq!(few, reader.column(0, "few").unwrap().ints());
        let long: Vec<_> = rows.iter().map(|row| row.2).collect();
        prop_assert_eq!(long, reader.column(0, "long").unwrap().ints());
        let texts = reader.column(0, "text").unwrap().texts();
        let texts: Vec<_> =
            texts.iter().map(|text| text.as_ref().map(|text| text.data().to_vec())).collect();
        let expected: Vec<_> =
            rows.iter().map(|row| row.3.clone().map(String::into_bytes)).collect();
        prop_assert_eq!(expected, texts);
        let flags: Vec<_> = rows.iter().map(|row| Some(row.4)).collect();
        prop_assert_eq!(flags, reader.column(0, "flag").unwrap().bools());
        let small: Vec<_> = rows.iter().map(|row| row.5.map(i64::from)).collect();
        prop_assert_eq!(small, reader.column(0, "small").unwrap().ints());
        let none = vec![None; rows.len()];
        prop_assert_eq!(&none, &reader.column(0, "no_number").unwrap().ints());
        let texts = reader.column(0, "no_text").unwrap().texts();
        prop_assert!(texts.len() == rows.len() && texts.iter().all(Option::is_none));
    }

    #[test]
    fn counts_of_joined_files_are_the_sums(picks in prop::collection::vec(0_usize..5, 1..6)) {
        let names = ["wc_a.warts", "killed.warts", "trace_misc.warts", "ping.warts", "d_radar.warts"];
        let read = |i: &usize| std::fs::read(common::sample(names[*i])).unwrap();
        let count = |bytes: Vec<u8>| {
            use transform_rs::{cut::Cutter, input::Input};
            let input = Input::from_reader("t", std::io::Cursor::new(bytes), false).unwrap();
            let mut cutter = Cutter::from_inputs(vec![input]).with_batch_bytes(777);
            let tally = transform_rs::convert::check::check(&mut cutter, 1).unwrap();
            (tally.total(), tally.replies, tally.damage_count)
        };
        let joined = count(picks.iter().flat_map(read).collect());
        let sum = picks.iter().map(read).map(count).fold((0, 0, 0), |sum, one| {
            (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2)
        });

        prop_assert_eq!(sum, joined);
    }
}
