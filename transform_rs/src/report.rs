//! What a run did, as one JSON object.

use std::path::Path;

use crate::cut::Cut;
use crate::error::{Exit, Result};
use crate::graph::sets::Sets;
use crate::input::Seen;
use crate::json::Object;
use crate::output::{Output, Written};
use crate::parquet::file::SCHEMA_VERSION;
use crate::tally::Tally;
use crate::warts::addr::Addr;
use crate::warts::kind::Kind;
use crate::warts::trace::stop_reason_name;

/// Everything a report tells.
#[derive(Debug)]
pub struct Report {
    /// Name of the command.
    pub command: &'static str,
    /// What was read.
    pub cut: Cut,
    /// Counts.
    pub tally: Tally,
    /// What was written.
    pub outputs: Vec<Written>,
    /// Alias sets, for commands that build them.
    pub aliases: Option<Sets>,
}

impl Report {
    /// The exit status that this outcome gives.
    pub fn exit(&self) -> Exit {
        if self.tally.total() == 0 {
            return Exit::Nothing;
        }
        if self.tally.damage_count > 0 { Exit::Damaged } else { Exit::Done }
    }

    /// As JSON, with a newline.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.object("program", |o| {
            o.string("name", "hs-transform").string("version", env!("CARGO_PKG_VERSION"));
        });
        object.number("schema_version", SCHEMA_VERSION);
        object.string("command", self.command);
        object.number("exit_code", self.exit() as u8);
        object.array("inputs", &self.cut.inputs, input);
        object.array("outputs", &self.outputs, output);
        object.number("unpacked_bytes", self.cut.bytes);
        object.number("segments", self.cut.segments);
        self.counts(&mut object);
        self.cycles(&mut object);
        self.alias_sets(&mut object);
        self.damage(&mut object);
        object.end();
        out.push(b'\n');
        out
    }

    fn counts(&self, object: &mut Object<'_>) {
        let tally = &self.tally;
        let name = |kind: &Kind| match kind.name() {
            Some(name) => name.to_owned(),
            None if *kind == Kind::LINE_METADATA => "metadata".to_owned(),
            None => format!("{:#06x}", kind.0),
        };
        object.object("records", |o| {
            tally.records.iter().for_each(|(kind, n)| {
                o.number(&name(kind), *n);
            });
        });
        object.object("skipped", |o| {
            tally.skipped.iter().for_each(|(kind, n)| {
                o.number(&name(kind), *n);
            });
        });
        object.object("stop_reasons", |o| {
            tally.stop_reasons.iter().for_each(|(reason, n)| {
                let name =
                    stop_reason_name(*reason).map_or_else(|| reason.to_string(), str::to_owned);
                o.number(&name, *n);
            });
        });
        object.number("replies", tally.replies);
        object.number("ambiguous_hops", tally.ambiguous_hops);
        object.number("loops", tally.loops);
    }

    fn cycles(&self, object: &mut Object<'_>) {
        object.array("cycles", &self.cut.cycles, |seen, out| {
            let (cycle, list) = (&seen.cycle, seen.list.as_ref());
            let mut o = Object::begin(out);
            o.number("input", seen.input).number("segment", seen.segment);
            match list {
                Some(list) => o.number("list_id", list.list_id),
                None => o.raw("list_id", "null"),
            };
            o.optional("list_name", list.map(|list| &list.name));
            o.optional("monitor", list.and_then(|list| list.monitor.as_ref()));
            o.number("cycle_id", cycle.cycle_id);
            o.optional("hostname", cycle.hostname.as_ref());
            o.number("started_at", cycle.started_at);
            match cycle.stopped_at {
                Some(at) => o.number("stopped_at", at),
                None => o.raw("stopped_at", "null"),
            };
            o.raw("complete", if cycle.stopped_at.is_some() { "true" } else { "false" });
            o.end();
        });
    }

    fn alias_sets(&self, object: &mut Object<'_>) {
        let Some(sets) = &self.aliases else {
            return;
        };
        let pair = |(a, b): &(Addr, Addr), out: &mut Vec<u8>| {
            out.extend_from_slice(format!("[\"{a}\",\"{b}\"]").as_bytes());
        };
        object.object("aliases", |o| {
            o.number("sets", sets.sets.len());
            o.number("largest", sets.sets.iter().map(Vec::len).max().unwrap_or(0));
            o.array("contradictions", &sets.contradictions, pair);
            o.array("left_out", &sets.left_out, pair);
        });
    }

    fn damage(&self, object: &mut Object<'_>) {
        object.number("damage_count", self.tally.damage_count);
        object.number("damage_bytes", self.tally.damage_bytes);
        object.array("damage", &self.tally.damage, |damage, out| {
            let path = self.cut.inputs.get(damage.input).map_or("?", |seen| &seen.path);
            let mut o = Object::begin(out);
            o.string("path", path).number("input", damage.input);
            o.number("offset", damage.at).number("length", damage.len);
            match damage.kind {
                Some(kind) => o.number("type", kind.0),
                None => o.raw("type", "null"),
            };
            o.string("reason", &damage.reason);
            o.end();
        });
    }

    /// Write to `path`, through a partial file.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut output = Output::create(path, false)?;
        output.write(&self.to_json())?;
        output.publish(1).map(drop)
    }
}

fn input(seen: &Seen, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    o.string("path", &seen.path).string("packing", seen.packing.name());
    o.number("size_bytes", seen.size_bytes).optional("sha256", seen.sha256.as_ref());
    o.end();
}

fn output(written: &Written, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    o.string("path", written.path.to_string_lossy().as_bytes());
    o.number("size_bytes", written.size_bytes).optional("sha256", written.sha256.as_ref());
    o.number("rows", written.rows);
    o.end();
}
