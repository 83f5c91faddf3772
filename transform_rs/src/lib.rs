//! Reads warts measurement files and writes links, routers and tables.
//!
//! The bytes go one way: [`input`] unpacks, [`cut`] cuts batches of whole records and finds the way
//! again after damage, [`decode`] decodes them ([`warts`]), [`convert`] turns them into an output.

#![forbid(unsafe_code)]

pub mod addresses;
pub mod cli;
pub mod convert;
pub mod cut;
pub mod decode;
pub mod error;
pub mod folder;
pub mod graph;
pub mod input;
pub mod json;
pub mod jsonl;
pub mod lines;
pub mod links;
pub mod lists;
pub mod output;
pub mod parquet;
pub mod pipeline;
pub mod reader;
pub mod report;
pub mod run;
pub mod spill;
pub mod tally;
pub mod targets;
pub mod walk;
pub mod warts;
