//! Runs one command line.

use std::path::Path;

use crate::cli::{Cli, Command, Common, Format, MEMORY_MIB, Sampling};
use crate::convert;
use crate::cut::{Cut, Cutter, SMALL_BATCH_BYTES};
use crate::error::{Error, Exit, Result};
use crate::graph::{self, collect, itdk, write};
use crate::links::merge;
use crate::links::merger::Merger;
use crate::links::row::Link;
use crate::lists;
use crate::output::Written;
use crate::parquet::file::SCHEMA_VERSION;
use crate::report::Report;
use crate::tally::Tally;
use crate::targets::Choice;

/// Do what `cli` asks; returns the report of what was done.
///
/// # Errors
/// Whatever ends the run without a result.
pub fn run(cli: &Cli) -> Result<Report> {
    let (report, common) = match &cli.command {
        Command::Check { inputs, common } => (check(inputs, common)?, common),
        Command::Convert { to, output, memory, inputs, common } => {
            (convert(*to, output, *memory, inputs, common)?, common)
        }
        Command::MergeLinks { output, memory, inputs, common } => {
            (merge_links(output, *memory, inputs, common)?, common)
        }
        Command::Ifaces { output, prefixes, inputs, common } => {
            (ifaces(output, prefixes, inputs, common)?, common)
        }
        Command::Aliases { output, merge_private, inputs, common } => {
            (aliases(output, *merge_private, inputs, common)?, common)
        }
        Command::Graph { output, name, aliases, merge_private, memory, inputs, common } => {
            let (merge_private, memory) = (*merge_private, mebibytes(*memory));
            let options = GraphOptions { output, name, aliases, merge_private, memory };
            (graph(&options, inputs, common)?, common)
        }
        Command::Sample { output, density, density6, kind, offset, seed, inputs } => {
            let choice = match kind {
                Sampling::Uniform => Choice::Offset(u128::from(*offset)),
                Sampling::Random => Choice::Seeded(*seed),
            };
            return lists::sample(inputs, output, (*density, *density6), choice);
        }
        Command::Label { output, prefixes, inputs } => {
            return lists::label(inputs, prefixes, output);
        }
    };
    if let Some(path) = &common.report {
        report.write(path)?;
    }
    Ok(report)
}

fn ifaces(
    output: &Path,
    prefixes: &[String],
    inputs: &[String],
    common: &Common,
) -> Result<Report> {
    let with_digest = common.report.is_some();
    let mut tables = Cut::default();
    let labels = lists::labels(prefixes, &mut tables)?;
    let owners = (!prefixes.is_empty()).then_some(&labels);
    let mut cutter = Cutter::new(inputs, with_digest).with_batch_bytes(SMALL_BATCH_BYTES);
    let order = collect::Order {
        threads: threads(common),
        fallback_vp: &common.vp,
        memory: mebibytes(MEMORY_MIB),
        temporary: &std::env::temp_dir(),
        merge_private: true,
        owners,
    };
    let collect::Collected { v4, v6, tally, .. } = collect::collect(&mut cutter, &order)?;
    let mut outputs = Vec::new();
    if tally.total() > 0 {
        let knows_owners = owners.is_some();
        let notes = notes(inputs);
        outputs.push(write::ifaces(v4, v6, output, knows_owners, with_digest, &notes)?);
    }
    let mut cut = cutter.into_cut();
    cut.inputs.append(&mut tables.inputs);
    Ok(Report { command: "ifaces", cut, tally, outputs, aliases: None })
}

fn aliases(
    output: &Path,
    merge_private: bool,
    inputs: &[String],
    common: &Common,
) -> Result<Report> {
    let with_digest = common.report.is_some();
    let found = graph::aliases::read(inputs, with_digest)?;
    let sets = found.evidence.sets(merge_private);
    let mut outputs = Vec::new();
    if found.tally.total() > 0 {
        outputs.push(write::aliases(&found, &sets, output, with_digest, &notes(inputs))?);
    }
    let (cut, tally) = (found.cut, found.tally);
    Ok(Report { command: "aliases", cut, tally, outputs, aliases: Some(sets) })
}

/// What the command line says about a graph.
struct GraphOptions<'o> {
    output: &'o Path,
    name: &'o str,
    aliases: &'o [String],
    merge_private: bool,
    memory: usize,
}

fn graph(options: &GraphOptions<'_>, inputs: &[String], common: &Common) -> Result<Report> {
    let with_digest = common.report.is_some();
    let mut cutter = Cutter::new(inputs, with_digest).with_batch_bytes(SMALL_BATCH_BYTES);
    let temporary = std::env::temp_dir();
    let merge_private = options.merge_private;
    let order = collect::Order {
        threads: threads(common),
        fallback_vp: &common.vp,
        // One half for what the traces show, the other to sort it again.
        memory: options.memory / 2,
        temporary: &temporary,
        merge_private,
        owners: None,
    };
    let collected = collect::collect(&mut cutter, &order)?;
    let mut tally = collected.tally;
    let mut found = graph::aliases::read(options.aliases, with_digest)?;
    found.evidence.add(collected.evidence);
    found.evidence.private_vps.extend(collected.vps.values().cloned());
    let sets = found.evidence.sets(merge_private);
    let mut cut = cutter.into_cut();
    let shift = cut.inputs.len();
    found.tally.damage.iter_mut().for_each(|damage| damage.input += shift);
    cut.inputs.append(&mut found.cut.inputs);
    tally.add(found.tally);
    let mut outputs = Vec::new();
    if tally.total() > 0 {
        let (memory, vps) = (options.memory / 2, &collected.vps);
        let plan = itdk::Plan { sets: &sets.sets, vps, memory, temporary: &temporary };
        let (into, name, notes) = (options.output, options.name, &notes(inputs)[..]);
        let place = itdk::Place { into, name, with_digest, notes };
        outputs = itdk::write(collected.v4, collected.v6, &plan, &place)?;
    }
    Ok(Report { command: "graph", cut, tally, outputs, aliases: Some(sets) })
}

fn mebibytes(count: u32) -> usize {
    count as usize * 1024 * 1024
}

/// Threads to use: as asked, else one per core.
fn threads(common: &Common) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    common.threads.map_or_else(cores, usize::from)
}

fn check(inputs: &[String], common: &Common) -> Result<Report> {
    let cutter = Cutter::new(inputs, common.report.is_some());
    let mut cutter = cutter.with_batch_bytes(SMALL_BATCH_BYTES);
    let tally = convert::check::check(&mut cutter, threads(common))?;
    Ok(Report {
        command: "check",
        cut: cutter.into_cut(),
        tally,
        outputs: Vec::new(),
        aliases: None,
    })
}

/// What the metadata of every table says about where it comes from.
fn notes(inputs: &[String]) -> Vec<(&'static str, String)> {
    let names = inputs.iter().map(|path| {
        let name = Path::new(path).file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    vec![
        ("hitscanner.schema_version", SCHEMA_VERSION.to_string()),
        ("hitscanner.program", concat!("hs-transform ", env!("CARGO_PKG_VERSION")).to_owned()),
        ("hitscanner.inputs", names.collect::<Vec<_>>().join(" ")),
    ]
}

fn convert(
    to: Format,
    output: &Path,
    memory: u32,
    inputs: &[String],
    common: &Common,
) -> Result<Report> {
    let with_digest = common.report.is_some();
    let mut cutter = Cutter::new(inputs, with_digest);
    if to != Format::Parquet {
        cutter = cutter.with_batch_bytes(SMALL_BATCH_BYTES);
    }
    let threads = threads(common);
    let notes = notes(inputs);
    let (outputs, tally): (Vec<Written>, Tally) = match to {
        Format::Parquet => {
            if output == Path::new("-") {
                return Err(Error::Usage("--to parquet needs a folder: give -o DIR".to_owned()));
            }
            let order = convert::tables::Order {
                into: output,
                threads,
                fallback_vp: &common.vp,
                with_digest,
                notes: &notes,
                inputs,
            };
            convert::tables::convert(&mut cutter, &order)?
        }
        Format::Links => {
            let order = convert::links::Order {
                threads,
                fallback_vp: &common.vp,
                memory: mebibytes(memory),
                temporary: &std::env::temp_dir(),
            };
            let (links, tally) = convert::links::collect(&mut cutter, &order)?;
            (write_links(links, &tally, output, with_digest, &notes)?, tally)
        }
        Format::Jsonl => {
            let form = convert::jsonl::Form::Scamper;
            convert::jsonl::convert(&mut cutter, output, form, threads, with_digest)?
        }
        Format::Atlas => {
            let form = convert::jsonl::Form::Atlas(&common.vp);
            convert::jsonl::convert(&mut cutter, output, form, threads, with_digest)?
        }
    };
    Ok(Report { command: "convert", cut: cutter.into_cut(), tally, outputs, aliases: None })
}

fn merge_links(
    output: &Path,
    memory_mib: u32,
    inputs: &[String],
    common: &Common,
) -> Result<Report> {
    let with_digest = common.report.is_some();
    let mut merger = Merger::new(mebibytes(memory_mib), &std::env::temp_dir());
    let merge::Seen { cut, tally } = merge::read_all(inputs, with_digest, &mut merger)?;
    let outputs = write_links(merger.finish(), &tally, output, with_digest, &notes(&[]))?;
    Ok(Report { command: "merge-links", cut, tally, outputs, aliases: None })
}

/// Write `links`, unless there was nothing to make them of.
fn write_links(
    links: impl Iterator<Item = Result<Link>>,
    tally: &Tally,
    output: &Path,
    with_digest: bool,
    notes: &[(&str, String)],
) -> Result<Vec<Written>> {
    if tally.total() == 0 {
        return Ok(Vec::new());
    }
    Ok(vec![convert::links::write(links, output, with_digest, notes)?])
}

/// A line or two for people, about an outcome that is not plainly good.
pub fn summary(report: &Report) -> Option<String> {
    let tally = &report.tally;
    match report.exit() {
        Exit::Nothing => Some("no usable record in any input; is it warts?".to_owned()),
        Exit::Damaged => {
            let first = tally.damage.first();
            let place = first.map_or_else(String::new, |d| {
                let path = report.cut.inputs.get(d.input).map_or("?", |seen| &seen.path);
                format!("; first in {path} at byte {}: {}", d.at, d.reason)
            });
            Some(format!(
                "{} damaged places, {} bytes lost{place}; use --report FILE for the list",
                tally.damage_count, tally.damage_bytes
            ))
        }
        _ => None,
    }
}
