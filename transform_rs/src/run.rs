//! Runs one command line.

use std::path::Path;

use crate::cli::{Cli, Command, Common, Format};
use crate::convert;
use crate::cut::Cutter;
use crate::error::{Error, Exit, Result};
use crate::links::merge;
use crate::links::row::Link;
use crate::output::Written;
use crate::parquet::file::SCHEMA_VERSION;
use crate::report::Report;
use crate::tally::Tally;

/// Do what `cli` asks; returns the report of what was done.
///
/// # Errors
/// Whatever ends the run without a result.
pub fn run(cli: &Cli) -> Result<Report> {
    let (report, common) = match &cli.command {
        Command::Check { inputs, common } => (check(inputs, common)?, common),
        Command::Convert { to, output, inputs, common } => {
            (convert(*to, output, inputs, common)?, common)
        }
        Command::MergeLinks { output, inputs, common } => {
            (merge_links(output, inputs, common)?, common)
        }
    };
    if let Some(path) = &common.report {
        report.write(path)?;
    }
    Ok(report)
}

/// Threads to use: as asked, else one per core.
fn threads(common: &Common) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    common.threads.map_or_else(cores, usize::from)
}

fn check(inputs: &[String], common: &Common) -> Result<Report> {
    let mut cutter = Cutter::new(inputs, common.report.is_some());
    let tally = convert::check::check(&mut cutter, threads(common))?;
    Ok(Report { command: "check", cut: cutter.into_cut(), tally, outputs: Vec::new() })
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

fn convert(to: Format, output: &Path, inputs: &[String], common: &Common) -> Result<Report> {
    let with_digest = common.report.is_some();
    let mut cutter = Cutter::new(inputs, with_digest);
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
            let (links, tally) = convert::links::collect(&mut cutter, threads, &common.vp)?;
            (write_links(links, &tally, output, with_digest, &notes)?, tally)
        }
        Format::Jsonl => convert::jsonl::convert(&mut cutter, output, threads, with_digest)?,
    };
    Ok(Report { command: "convert", cut: cutter.into_cut(), tally, outputs })
}

fn merge_links(output: &Path, inputs: &[String], common: &Common) -> Result<Report> {
    let with_digest = common.report.is_some();
    let merged = merge::read_all(inputs, with_digest)?;
    let (links, tally) = (merged.links, merged.tally);
    let outputs = write_links(links, &tally, output, with_digest, &notes(&[]))?;
    Ok(Report { command: "merge-links", cut: merged.cut, tally, outputs })
}

/// Write `links`, unless there was nothing to make them of.
fn write_links(
    links: Vec<Link>,
    tally: &Tally,
    output: &Path,
    with_digest: bool,
    notes: &[(&str, String)],
) -> Result<Vec<Written>> {
    if tally.total() == 0 {
        return Ok(Vec::new());
    }
    let links = links.into_iter().map(Ok);
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
