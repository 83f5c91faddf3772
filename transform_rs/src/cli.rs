//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Read warts measurement files and write links, routers and tables.
///
/// Inputs may be raw, gzip, bzip2, xz or zstd (told by their first bytes), or `-` for standard
/// input. Outputs appear under their name only when they are complete.
///
/// Exit status: 0 all good; 1 wrong use; 2 damaged input, output complete up to the damage;
/// 3 reading or writing failed; 4 nothing usable.
#[derive(Debug, Parser)]
#[command(name = "hs-transform", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Threads; output bytes do not depend on it [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Write counts, damage with offsets and digests to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Name of the vantage point for records that carry none.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub vp: String,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Parse everything, write nothing: counts by record type, cycles, damage.
    Check {
        /// Warts files.
        #[arg(required = true, value_name = "FILE")]
        inputs: Vec<String>,
        /// Options of every command.
        #[command(flatten)]
        common: Common,
    },
    /// Convert warts to Parquet tables, JSON lines or links.
    Convert {
        /// What to write.
        #[arg(long, value_name = "FORMAT")]
        to: Format,
        /// Where to: a folder for parquet, else a file (`-` is standard output).
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
        /// Warts files.
        #[arg(required = true, value_name = "FILE")]
        inputs: Vec<String>,
        /// Options of every command.
        #[command(flatten)]
        common: Common,
    },
    /// Merge link files (text or .parquet) into one; any order gives the same bytes.
    MergeLinks {
        /// Where to: a name ending in .parquet gives Parquet, else text.
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
        /// Link files.
        #[arg(required = true, value_name = "IN")]
        inputs: Vec<String>,
        /// Options of every command.
        #[command(flatten)]
        common: Common,
    },
}

/// Outputs of `convert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A folder of tables: traces, replies, one per other record type.
    Parquet,
    /// One JSON object a line, the values of sc_warts2json.
    Jsonl,
    /// One link a line; Parquet if the name ends in .parquet.
    Links,
}
