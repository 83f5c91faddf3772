//! Records without published specification (types 10 to 17): the fields that all have in common.
//!
//! Observed: flag 1 is the list, flag 2 the cycle, flag 3 the user's number, in every type.

use super::cursor::{Cursor, Decoded, Params};

/// What is known of such a record.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Common {
    /// The list's number in the file; 0 is none.
    pub list_id: u32,
    /// The cycle's number in the file; 0 is none.
    pub cycle_id: u32,
    /// Number that the user gave.
    pub user_id: Option<u32>,
}

impl Common {
    /// Decode the beginning of the record with this body.
    ///
    /// # Errors
    /// A [`super::cursor::Fault`] if the record contradicts itself.
    pub fn decode(body: &[u8]) -> Decoded<Self> {
        Self::read(&mut Cursor::new(body).params()?)
    }

    /// Read the first three parameters.
    ///
    /// # Errors
    /// As [`Common::decode`].
    pub fn read(p: &mut Params<'_>) -> Decoded<Self> {
        Ok(Self {
            list_id: p.get(1, Cursor::u32)?.unwrap_or(0),
            cycle_id: p.get(2, Cursor::u32)?.unwrap_or(0),
            user_id: p.get(3, Cursor::u32)?,
        })
    }
}
