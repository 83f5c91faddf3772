//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Read warts measurement files and write links, routers and tables.
///
/// Inputs may be raw, gzip, bzip2, xz or zstd (told by their first bytes), or `-` for standard
/// input. Besides warts they may hold JSON lines of sc_warts2json or M-Lab, or be a folder that
/// `convert --to parquet` wrote. Outputs appear under their name only when they are complete.
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

/// Memory for links and interfaces unless the command line says otherwise, MiB.
pub const MEMORY_MIB: u32 = 256;

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
        /// Warts files, JSON lines, folders of tables.
        #[arg(required = true, value_name = "FILE")]
        inputs: Vec<String>,
        /// Options of every command.
        #[command(flatten)]
        common: Common,
    },
    /// Convert to Parquet tables, JSON lines, RIPE Atlas results or links.
    Convert {
        /// What to write.
        #[arg(long, value_name = "FORMAT")]
        to: Format,
        /// Where to: a folder for parquet, else a file (`-` is standard output).
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
        /// Memory for links, MiB; what does not fit goes to temporary files.
        #[arg(long, value_name = "MIB", default_value_t = MEMORY_MIB)]
        memory: u32,
        /// Warts files, JSON lines, folders of tables.
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
        /// Memory for links, MiB; what does not fit goes to temporary files.
        #[arg(long, value_name = "MIB", default_value_t = MEMORY_MIB)]
        memory: u32,
        /// Link files.
        #[arg(required = true, value_name = "IN")]
        inputs: Vec<String>,
        /// Options of every command.
        #[command(flatten)]
        common: Common,
    },
    /// List interface addresses of routers, one a line (.parquet: with their roles).
    Ifaces {
        /// Where to.
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
        /// Files with `prefix owner` or `address TAB length TAB owner` a line: Parquet then says
        /// which addresses look like third parties'.
        #[arg(long, value_name = "FILE")]
        prefixes: Vec<String>,
        /// Warts files, JSON lines, folders of tables.
        #[arg(required = true, value_name = "FILE")]
        inputs: Vec<String>,
        /// Options of every command.
        #[command(flatten)]
        common: Common,
    },
    /// Group addresses into alias sets, one a line, from dealias records and iffinder files.
    Aliases {
        /// Where to; counter-evidence is told in `#` lines and in the report.
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
        /// Join private addresses although several vantage points tested them.
        #[arg(long)]
        merge_private: bool,
        /// Warts or iffinder (.out, .iffout) files.
        #[arg(required = true, value_name = "FILE")]
        inputs: Vec<String>,
        /// Options of every command.
        #[command(flatten)]
        common: Common,
    },
    /// Build routers and links in the layout of CAIDA's ITDK, and as Parquet.
    Graph {
        /// The folder to write to.
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        /// Name of the files: NAME.nodes, NAME.links, NAME.ifaces.
        #[arg(long, value_name = "NAME", default_value = "topology")]
        name: String,
        /// Files with alias evidence, besides the dealias records in the inputs.
        #[arg(long, value_name = "FILE", num_args = 1..)]
        aliases: Vec<String>,
        /// Join private addresses although several vantage points tested them.
        #[arg(long)]
        merge_private: bool,
        /// Memory for what the traces show, MiB; what does not fit goes to temporary files.
        #[arg(long, value_name = "MIB", default_value_t = MEMORY_MIB)]
        memory: u32,
        /// Warts files, JSON lines, folders of tables.
        #[arg(required = true, value_name = "FILE")]
        inputs: Vec<String>,
        /// Options of every command.
        #[command(flatten)]
        common: Common,
    },
    /// Choose targets: one address per block of the given prefixes.
    Sample {
        /// Where to (`-` is standard output).
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
        /// Length of a block in IPv4 prefixes.
        #[arg(long, value_name = "BITS", default_value_t = 24)]
        density: u8,
        /// Length of a block in IPv6 prefixes.
        #[arg(long, value_name = "BITS", default_value_t = 48)]
        density6: u8,
        /// How the address in a block is chosen.
        #[arg(long = "type", value_name = "TYPE", default_value = "uniform")]
        kind: Sampling,
        /// For uniform: which address of each block.
        #[arg(long, value_name = "N", default_value_t = 1)]
        offset: u64,
        /// For random: the seed; the same seed gives the same addresses.
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// Files with a prefix a line.
        #[arg(required = true, value_name = "FILE")]
        inputs: Vec<String>,
    },
    /// Label addresses by the longest prefix that holds them: `address prefix label`.
    Label {
        /// Where to (`-` is standard output).
        #[arg(short, long, value_name = "OUT")]
        output: PathBuf,
        /// Files with `prefix label` or `address TAB length TAB label` a line.
        #[arg(long, required = true, value_name = "FILE")]
        prefixes: Vec<String>,
        /// Files with an address at the beginning of each line.
        #[arg(required = true, value_name = "FILE")]
        inputs: Vec<String>,
    },
}

/// How an address is chosen in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sampling {
    /// The same place in each block.
    Uniform,
    /// Anywhere, by the seed.
    Random,
}

/// Outputs of `convert`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A folder of tables: traces, replies, one per other record type.
    Parquet,
    /// One JSON object a line, the values of sc_warts2json.
    Jsonl,
    /// One traceroute a line, in the result format of RIPE Atlas.
    Atlas,
    /// One link a line; Parquet if the name ends in .parquet.
    Links,
}
