//! Any line as a row of iffinder: no panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|line: &str| {
    let _ = transform_rs::graph::iffinder::read(line);
});
