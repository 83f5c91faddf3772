//! Any bytes as a warts file: no panic, no memory beyond the bound.
#![no_main]

use transform_rs::{convert::check::check, cut::Cutter, input::Input};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let input = std::io::Cursor::new(bytes.to_vec());
    if let Ok(input) = Input::from_reader("fuzz", input, false) {
        let _ = check(&mut Cutter::from_inputs(vec![input]).with_batch_bytes(4096), 1);
    }
});
