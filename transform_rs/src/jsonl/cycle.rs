//! Lines for cycle-start, cycle-def and cycle-stop.

use crate::json::Object;
use crate::warts::kind::Kind;
use crate::warts::tables::{Cycle, Entry, Tables};

/// Append a line for `entry`; false if there is nothing to say.
pub fn write(kind: Kind, entry: &Entry, tables: &Tables, out: &mut Vec<u8>) -> bool {
    let (cycle, time_key, time) = match entry {
        Entry::Cycle(_, cycle) => (cycle, "start_time", cycle.started_at),
        Entry::Stop(stop) => match tables.cycle(stop.cycle) {
            Some(cycle) => (cycle, "stop_time", stop.stopped_at),
            None => return false,
        },
        _ => return false,
    };
    let mut o = Object::begin(out);
    o.string("type", kind.name().unwrap_or_default());
    head(cycle, tables, &mut o);
    o.number(time_key, time);
    o.end();
    out.push(b'\n');
    true
}

fn head(cycle: &Cycle, tables: &Tables, o: &mut Object<'_>) {
    if let Some(list) = tables.list(cycle.list) {
        o.string("list_name", &list.name);
    }
    o.number("id", cycle.cycle_id);
    if let Some(hostname) = &cycle.hostname {
        o.string("hostname", hostname);
    }
}
