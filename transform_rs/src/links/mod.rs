//! Links between addresses: from traces, merged, as text and as Parquet.

pub mod merge;
pub mod merger;
pub mod path;
pub mod row;
pub mod run;
pub mod shards;
pub mod store;
pub mod table;
pub mod text;
