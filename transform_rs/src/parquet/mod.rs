//! Tables as Parquet files: a thin seam over the `parquet` crate's low-level column writers.

pub mod chunk;
pub mod column;
pub mod delta;
pub mod dictionary;
pub mod file;
pub mod hybrid;
pub mod numbered;
pub mod pages;
pub mod read;
pub mod schema;
pub mod table;
