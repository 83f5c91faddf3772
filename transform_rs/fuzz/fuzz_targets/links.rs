//! Any line as a link row: no panic, and what is read is written back.
#![no_main]

libfuzzer_sys::fuzz_target!(|line: &str| {
    if let Ok(link) = transform_rs::links::text::read(line) {
        let mut out = Vec::new();
        transform_rs::links::text::write(&link, &mut out);
    }
});
