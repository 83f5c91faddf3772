//! Records as JSON objects with the keys and values of `sc_warts2json` 20260420, and traces as
//! RIPE Atlas has them.

pub mod atlas;
pub mod cycle;
pub mod dealias;
pub mod field;
pub mod ping;
pub mod tbit;
pub mod time;
pub mod trace;
pub mod tracelb;
