//! Reads warts measurement files and writes links, routers and tables.
//!
//! The bytes go one way: [`input`] unpacks, [`cut`] cuts batches of whole records and finds the way
//! again after damage, [`decode`] decodes them ([`warts`]), [`convert`] turns them into an output.
//!
//! Other programs read records with [`reader::Reader`]:
//!
//! ```
//! use transform_rs::reader::{Reader, Record};
//!
//! let mut reader = Reader::open(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/trace_misc.warts"))?;
//! let (mut replies, mut bad) = (0, Vec::new());
//! while let Some(record) = reader.next_record()? {
//!     match record.decode() {
//!         Ok(Record::Trace(trace)) => replies += trace.path_hops().len(),
//!         Ok(_) => {}
//!         Err(error) => bad.push(error.offset),
//!     }
//! }
//! assert_eq!((271, 0), (replies, bad.len() + reader.damage().len()));
//! # Ok::<(), transform_rs::error::Error>(())
//! ```
//!
//! JSON lines ([`lines`]) and folders of tables ([`folder`]) become records first, so that
//! everything behind works on records only.

#![forbid(unsafe_code)]

pub mod addresses;
pub mod batch;
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
