//! Fields as Parquet's schema and as the settings of its writer.

use std::sync::Arc;

use parquet::basic::{
    Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::types::{ColumnPath, SchemaDescPtr, SchemaDescriptor, Type as SchemaType};

use super::column::{Field, Type};

/// What the writers of one table share.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The schema.
    pub schema: SchemaDescPtr,
    /// The settings.
    pub properties: WriterPropertiesPtr,
}

/// zstd level 1: level 3 costs 5 to 8 % more CPU for 1 % less size.
pub const LEVEL: i32 = 1;
/// Values that the crate looks at together; its default of 1024 costs time per batch.
const WRITE_BATCH: usize = 16_384;

impl Plan {
    /// Make the plan of a table with these fields.
    ///
    /// # Errors
    /// If the crate refuses the schema.
    pub fn new(fields: &[Field]) -> Result<Self> {
        let columns = fields.iter().map(|field| leaf(field).map(Arc::new));
        let root = SchemaType::group_type_builder("schema")
            .with_fields(columns.collect::<Result<_>>()?)
            .build()?;
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("hs-transform ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_write_batch_size(WRITE_BATCH)
            .set_dictionary_enabled(false);
        for field in fields.iter().filter(|field| is_whole_number(field.kind)) {
            let path = ColumnPath::from(field.name);
            properties = properties.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
        // What these hold is noise once it is packed: zstd takes time there and gains nothing.
        for name in ["tx_at", "reply_ipid", "start_at"] {
            let path = ColumnPath::from(name);
            properties = properties.set_column_compression(path, Compression::UNCOMPRESSED);
        }
        Ok(Self {
            schema: Arc::new(SchemaDescriptor::new(Arc::new(root))),
            properties: Arc::new(properties.build()),
        })
    }
}

fn is_whole_number(kind: Type) -> bool {
    matches!(kind, Type::U8 | Type::U16 | Type::I32 | Type::I64 | Type::Timestamp)
}

fn leaf(field: &Field) -> std::result::Result<SchemaType, ParquetError> {
    let (physical, logical) = match field.kind {
        Type::U8 | Type::U16 | Type::I32 => (Physical::INT32, None),
        Type::I64 => (Physical::INT64, None),
        // Not "adjusted to UTC", although it is UTC: that type needs a time-zone library in readers.
        Type::Timestamp => {
            let unit = TimeUnit::MICROS;
            (Physical::INT64, Some(LogicalType::timestamp(false, unit)))
        }
        Type::F64 => (Physical::DOUBLE, None),
        Type::Bool => (Physical::BOOLEAN, None),
        Type::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Type::Bytes => (Physical::BYTE_ARRAY, None),
    };
    let repetition = if field.is_optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    SchemaType::primitive_type_builder(field.name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
}
