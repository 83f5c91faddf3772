//! Any bytes as JSON lines: no panic, and the records made of good lines are good records.
#![no_main]

use transform_rs::{convert::check::check, cut::Cutter, input::Input};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = [b"{\"type\":", bytes].concat();
    if let Ok(input) = Input::from_reader("fuzz", std::io::Cursor::new(text), false) {
        let mut cutter = Cutter::from_inputs(vec![input]).with_batch_bytes(4096);
        let tally = check(&mut cutter, 1).expect("reading from memory cannot fail");
        // Damage is told by the line that was not understood, never by a record made of one.
        assert!(tally.damage.iter().all(|damage| damage.reason.starts_with("line ")));
    }
});
