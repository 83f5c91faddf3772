//! Commands over lists of text: choose targets, label addresses.

use std::path::Path;

use crate::cut::{Cut, Damage};
use crate::error::{Error, Result};
use crate::input::Input;
use crate::output::Output;
use crate::report::Report;
use crate::tally::Tally;
use crate::targets::{Choice, Labels, Prefix};
use crate::warts::addr::Addr;

fn read(path: &str, cut: &mut Cut) -> Result<String> {
    let mut input = Input::open(path, false)?;
    let mut bytes = Vec::new();
    input.fill(&mut bytes, usize::MAX)?;
    cut.bytes += bytes.len() as u64;
    cut.inputs.push(input.close());
    String::from_utf8(bytes).map_err(|_| Error::Format {
        path: path.to_owned(),
        reason: "this is no UTF-8 text".to_owned(),
    })
}

fn wrong_line(path: &str, line: usize, reason: &str) -> Error {
    Error::Usage(format!("{path}, line {}: {reason}", line + 1))
}

fn contents(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(i, line)| (i, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Write one address per block of the prefixes in `inputs`, sorted.
///
/// # Errors
/// [`Error::Usage`] names the line of a wrong prefix.
pub fn sample(
    inputs: &[String],
    output: &Path,
    (density, density6): (u8, u8),
    choice: Choice,
) -> Result<Report> {
    let (mut cut, mut prefixes) = (Cut::default(), Vec::new());
    for path in inputs {
        for (i, line) in contents(&read(path, &mut cut)?) {
            let first = line.split_ascii_whitespace().next().unwrap_or_default();
            prefixes.push(Prefix::parse(first).map_err(|e| wrong_line(path, i, &e))?);
        }
    }
    prefixes.sort_unstable();
    // A prefix inside the one before it would give the same blocks again.
    prefixes.dedup_by(|inner, outer| outer.holds(*inner));
    let (mut file, mut tally, mut line) =
        (Output::create(output, false)?, Tally::default(), Vec::new());
    for prefix in prefixes {
        let len = if prefix.is_v6() { density6 } else { density };
        for block in prefix.blocks(len) {
            line.clear();
            choice.pick(block).write_to(&mut line);
            line.push(b'\n');
            file.write(&line)?;
            tally.rows += 1;
        }
    }
    let outputs = if tally.rows > 0 { vec![file.publish(tally.rows)?] } else { Vec::new() };
    Ok(Report { command: "sample", cut, tally, outputs, aliases: None })
}

/// The labels of the prefixes in these files, which `cut` notes.
///
/// # Errors
/// [`Error::Usage`] names the line of a wrong prefix.
pub fn labels(prefixes: &[String], cut: &mut Cut) -> Result<Labels> {
    let mut labels = Labels::default();
    for path in prefixes {
        for (i, line) in contents(&read(path, cut)?) {
            labels.read(line).map_err(|e| wrong_line(path, i, &e))?;
        }
    }
    Ok(labels)
}

/// Write `address prefix label` for each address in `inputs`, in their order; `- -` without one.
///
/// # Errors
/// [`Error::Usage`] names the line of a wrong prefix.
pub fn label(inputs: &[String], prefixes: &[String], output: &Path) -> Result<Report> {
    let (mut cut, mut tally) = (Cut::default(), Tally::default());
    let labels = labels(prefixes, &mut cut)?;
    let mut file = Output::create(output, false)?;
    for path in inputs {
        let number = cut.inputs.len();
        let text = read(path, &mut cut)?;
        for (i, line) in contents(&text) {
            let first = line.split_ascii_whitespace().next().unwrap_or_default();
            let Some(addr) = Addr::parse(first) else {
                tally.note_damage(Damage {
                    input: number,
                    at: i as u64,
                    len: line.len() as u64,
                    kind: None,
                    reason: format!("line {}: {first} is no address", i + 1),
                });
                continue;
            };
            let row = match labels.find(addr) {
                Some((prefix, label)) => format!("{addr} {prefix} {label}\n"),
                None => format!("{addr} - -\n"),
            };
            file.write(row.as_bytes())?;
            tally.rows += 1;
        }
    }
    let outputs = if tally.rows > 0 { vec![file.publish(tally.rows)?] } else { Vec::new() };
    Ok(Report { command: "label", cut, tally, outputs, aliases: None })
}
