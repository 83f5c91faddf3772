//! Values that lines of several types have.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de};

use super::error::Fault;
use crate::warts::addr::Addr;
use crate::warts::cursor::Timeval;

/// Text, borrowed from the line where it has no escapes.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Text<'l>(#[serde(borrow)] pub Cow<'l, str>);

impl Text<'_> {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// An address; an empty text and `*` are none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Ip(pub Option<Addr>);

impl<'de> Deserialize<'de> for Ip {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(from)?;
        if text.is_empty() || text == "*" {
            return Ok(Self(None));
        }
        let addr = Addr::parse(&text);
        let unexpected = || de::Error::invalid_value(de::Unexpected::Str(&text), &"an IP address");
        addr.map(|addr| Self(Some(addr))).ok_or_else(unexpected)
    }
}

/// Seconds and microseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Time {
    sec: u32,
    usec: u32,
}

impl From<Time> for Timeval {
    fn from(time: Time) -> Self {
        Self { sec: time.sec, usec: time.usec }
    }
}

/// A round-trip time: milliseconds with decimals in the line, microseconds here.
#[derive(Debug, Default, Clone, Copy)]
pub struct Rtt(pub u32);

impl<'de> Deserialize<'de> for Rtt {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let ms = f64::deserialize(from)?;
        let us = (ms * 1000.0).round();
        let is_there = (0.0..=f64::from(u32::MAX)).contains(&us);
        let unexpected = || de::Error::invalid_value(de::Unexpected::Float(ms), &"milliseconds");
        is_there.then_some(Self(us as u32)).ok_or_else(unexpected)
    }
}

/// A name that stands for a number, or the number.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Named<'l> {
    /// The number itself.
    Number(u8),
    /// The name.
    Name(#[serde(borrow)] Text<'l>),
}

impl Named<'_> {
    /// The number, after the names that `name` gives to numbers.
    pub fn number(
        &self,
        key: &'static str,
        name: fn(u8) -> Option<&'static str>,
    ) -> Result<u8, Fault> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Name(Text(text)) => {
                let known = (0..=u8::MAX).find(|number| name(*number) == Some(&**text));
                let unknown = || Fault::Name { key, value: text.chars().take(40).collect() };
                known.or_else(|| text.parse().ok()).ok_or_else(unknown)
            }
        }
    }
}

/// The bits of the flags in `set`; names that are not in `names` are left out, as unknown flags
/// of a record are.
pub fn flag_bits<N: Copy + Into<u32>>(set: &[Text<'_>], names: &[(N, &str)]) -> u32 {
    let of = |name: &str| names.iter().find(|(_, known)| *known == name);
    set.iter().filter_map(|Text(name)| of(name)).fold(0, |bits, (bit, _)| bits | (*bit).into())
}
