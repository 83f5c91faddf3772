//! The columns that every table of records begins with.

/// A list of fields behind those.
macro_rules! fields {
    ($($field:expr),* $(,)?) => {
        [
            $crate::parquet::column::Field::required("input", $crate::parquet::column::Type::I32),
            $crate::parquet::column::Field::required("record_at", $crate::parquet::column::Type::I64),
            $crate::parquet::column::Field::optional("vp", $crate::parquet::column::Type::Text),
            $crate::parquet::column::Field::optional("list_id", $crate::parquet::column::Type::I64),
            $crate::parquet::column::Field::optional("list_name", $crate::parquet::column::Type::Text),
            $crate::parquet::column::Field::optional("cycle_id", $crate::parquet::column::Type::I64),
            $($field),*
        ]
    };
}
