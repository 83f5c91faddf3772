//! Type numbers of records.

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u16);

impl Kind {
    /// A named set of targets.
    pub const LIST: Self = Self(1);
    /// A pass over a list begins.
    pub const CYCLE_START: Self = Self(2);
    /// A pass over a list, defined for the records that follow.
    pub const CYCLE_DEF: Self = Self(3);
    /// A pass over a list is complete.
    pub const CYCLE_STOP: Self = Self(4);
    /// An address numbered for the whole file (files until about 2010).
    pub const ADDRESS: Self = Self(5);
    /// Traceroute.
    pub const TRACE: Self = Self(6);
    /// Ping.
    pub const PING: Self = Self(7);
    /// Traceroute that enumerates load balancers.
    pub const TRACELB: Self = Self(8);
    /// Alias resolution.
    pub const DEALIAS: Self = Self(9);
    /// Neighbour discovery: ARP and neighbour solicitation.
    pub const NEIGHBOURDISC: Self = Self(10);
    /// Test of TCP behaviour.
    pub const TBIT: Self = Self(11);
    /// Captured packets.
    pub const SNIFF: Self = Self(13);
    /// Name lookup.
    pub const HOST: Self = Self(14);
    /// Highest number in use: 0x11, owamp.
    pub const LAST: Self = Self(0x11);

    /// No record: a JSON line that is good but holds no measurement, such as M-Lab's metadata.
    pub const LINE_METADATA: Self = Self(0xff01);

    const NAMES: [&'static str; 17] = [
        "list",
        "cycle-start",
        "cycle-def",
        "cycle-stop",
        "address",
        "trace",
        "ping",
        "tracelb",
        "dealias",
        "neighbourdisc",
        "tbit",
        "sting",
        "sniff",
        "host",
        "http",
        "udpprobe",
        "owamp",
    ];

    /// The type's name; nothing for a number that is not in use.
    pub fn name(self) -> Option<&'static str> {
        let index = usize::from(self.0).checked_sub(1)?;
        Self::NAMES.get(index).copied()
    }
}
