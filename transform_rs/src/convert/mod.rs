//! From warts to each output.

#[macro_use]
mod fields;

pub mod check;
pub mod jsonl;
pub mod links;
pub mod numbers;
pub mod other_tables;
pub mod probe_tables;
pub mod reply_table;
pub mod row;
pub mod tables;
pub mod trace_table;
