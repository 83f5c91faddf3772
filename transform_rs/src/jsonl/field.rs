//! Fields that lines of several types have.

use crate::json::{Object, number, string};
use crate::warts::addr::Addr;
use crate::warts::cursor::Timeval;

/// An address, if there is one.
pub fn addr(key: &str, value: Option<Addr>, o: &mut Object<'_>) {
    if let Some(value) = value {
        let out = o.key(key);
        out.push(b'"');
        value.write_to(out);
        out.push(b'"');
    }
}

/// A time as seconds and microseconds.
pub fn timeval(key: &str, at: Timeval, o: &mut Object<'_>) {
    o.object(key, |o| {
        o.number("sec", at.sec).number("usec", at.usec);
    });
}

/// Bytes in hexadecimal.
pub fn hex_string(key: &str, bytes: &[u8], o: &mut Object<'_>) {
    string(crate::input::hex(bytes).as_bytes(), o.key(key));
}

/// Microseconds as milliseconds with three decimals.
pub fn milliseconds_u64(us: u64, out: &mut Vec<u8>) {
    number(us / 1000, out);
    out.extend_from_slice(format!(".{:03}", us % 1000).as_bytes());
}
