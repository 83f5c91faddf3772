//! The warts format: records, fields, addresses. No input or output here.

pub mod addr;
pub mod cursor;
pub mod dealias;
pub mod encode;
pub mod extension;
pub mod hop;
pub mod kind;
pub mod other;
pub mod ping;
pub mod tables;
pub mod trace;
pub mod tracelb;
