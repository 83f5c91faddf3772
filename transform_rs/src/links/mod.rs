//! Links between addresses: from traces, merged, as text and as Parquet.

pub mod merge;
pub mod path;
pub mod row;
pub mod store;
pub mod table;
pub mod text;
