//! Apache Parquet, the part that flat tables need: written by hand so that a column goes from the
//! decoder into its page in one pass, and read back for merging.
//!
//! Source: the Apache Parquet format specification (file layout, Thrift compact protocol,
//! encodings RLE, DELTA_BINARY_PACKED and RLE_DICTIONARY).

pub mod chunk;
pub mod column;
pub mod decode;
pub mod encode;
pub mod file;
pub mod read;
pub mod table;
pub mod thrift;
pub mod thrift_read;
