//! A folder of tables as an input: the records that `convert --to parquet` made them of.

mod hops;
pub mod source;
mod table;
mod trace;
