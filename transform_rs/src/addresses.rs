//! What kind of address an address is.

use crate::warts::addr::Addr;

/// Where an address may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Anywhere, as far as registries tell.
    Public,
    /// Inside one network only: the same number means another machine elsewhere (RFC 1918, RFC
    /// 6598, RFC 4193, link-local).
    Private,
    /// Nowhere as a router's address: loopback, multicast, documentation, reserved.
    Bogon,
}

impl Class {
    /// Name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Bogon => "bogon",
        }
    }

    /// The class of `addr`.
    ///
    /// ```
    /// use transform_rs::addresses::Class;
    /// use transform_rs::warts::addr::Addr;
    /// assert_eq!(Class::Private, Class::of(Addr::V4([100, 64, 0, 1])));
    /// assert_eq!(Class::Public, Class::of(Addr::V4([100, 128, 0, 1])));
    /// ```
    pub fn of(addr: Addr) -> Self {
        match addr {
            Addr::V4(bytes) => v4(bytes),
            Addr::V6(bytes) => v6(bytes),
            _ => Self::Bogon,
        }
    }
}

fn v4(bytes: [u8; 4]) -> Class {
    match bytes {
        [10, ..] | [192, 168, ..] | [169, 254, ..] => Class::Private,
        [172, b, ..] if b & 0xf0 == 16 => Class::Private,
        [100, b, ..] if b & 0xc0 == 64 => Class::Private,
        [0 | 127, ..] | [224..=255, ..] => Class::Bogon,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Bogon,
        [198, 18 | 19, ..] => Class::Bogon,
        _ => Class::Public,
    }
}

fn v6(bytes: [u8; 16]) -> Class {
    match bytes {
        [0xfc | 0xfd, ..] => Class::Private,
        [0xfe, b, ..] if b & 0xc0 == 0x80 => Class::Private,
        [0x20, 0x01, 0x0d, 0xb8, ..] => Class::Bogon,
        [first, ..] if first & 0xe0 == 0x20 => Class::Public,
        _ => Class::Bogon,
    }
}
