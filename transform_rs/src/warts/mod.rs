//! The warts format: records, fields, addresses. No input or output here.

pub mod addr;
pub mod cursor;
pub mod dealias;
pub mod encode;
pub mod extension;
pub mod hop;
pub mod host;
pub mod kind;
pub mod neighbourdisc;
pub mod other;
pub mod packet;
pub mod ping;
pub mod sniff;
pub mod tables;
pub mod tbit;
pub mod trace;
pub mod tracelb;
