//! `hs-transform`: reads warts measurement files and writes links, routers and tables.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use transform_rs::cli::{Cli, Command};
use transform_rs::error::{Error, Exit};
use transform_rs::run::{run, summary};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return show(&error),
    };
    let report = match run(&cli) {
        Ok(report) => report,
        Err(error) if is_closed_pipe(&error) => return code(Exit::Done),
        Err(error) => {
            complain(&error.to_string());
            return code(error.exit());
        }
    };
    if matches!(cli.command, Command::Check { .. }) {
        // Nobody reads on: that is no failure of checking.
        let _ = io::stdout().write_all(&report.to_json());
    }
    if let Some(text) = summary(&report) {
        complain(&text);
    }
    code(report.exit())
}

/// Help and version are no errors; everything else that the parser says is wrong use.
fn show(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    code(if error.use_stderr() { Exit::Usage } else { Exit::Done })
}

/// Whoever read our standard output has seen enough.
fn is_closed_pipe(error: &Error) -> bool {
    matches!(error, Error::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
}

fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "hs-transform: {text}");
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
