#!/usr/bin/env python3
"""
Time hs-transform against Debian's scamper tools and DuckDB, in one run, interleaved.

Builds a fixture of 223 MB from the sample, runs each command ROUNDS times in turn and writes a
Markdown table of medians (CPU, wall, peak memory) and ratios to standard output.

Usage: run.py [--rounds N] [--copies N] [--only WORDS] [--program FILE]; needs `hs-transform` built
(release) and `scamper` installed. `--only` takes the commands whose name holds one of the words
(joined by `|`), so that a run on a machine lent for minutes can be split.
"""

import argparse
import contextlib
import importlib.util
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parent / "target" / "release" / "hs-transform"
SAMPLE = HERE.parent / "tests" / "data" / "lab-50k-traces.warts.zst"


def measure(command: str) -> tuple[float, float, float]:
    """Return CPU s, wall s and peak memory MiB of a shell command and its children."""
    start = time.perf_counter()
    child = subprocess.Popen(["/bin/bash", "-c", command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        print(f"failed: {command}", file=sys.stderr)
    wall = time.perf_counter() - start
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def fixture(folder: Path, copies: int) -> Path:
    """Build the fixture and return its path."""
    raw, made = folder / "lab.warts", folder / "fixture.warts"
    subprocess.run(["zstd", "-dqf", SAMPLE, "-o", raw], check=True)
    with raw.open("rb") as source, made.open("wb") as sink:
        subprocess.run(
            [sys.executable, HERE / "fixture.py", str(copies)],
            stdin=source,
            stdout=sink,
            check=True,
        )
    return made


def alias_file(program: Path, folder: Path, made: Path) -> Path:
    """Write iffinder lines that join two addresses of every three, and return the file."""
    listed, path = folder / "ifaces.txt", folder / "aliases.iffout"
    subprocess.run([program, "ifaces", "-o", listed, made], check=True)
    addresses = listed.read_text().split()
    pairs = zip(addresses[::3], addresses[1::3], strict=False)
    path.write_text("".join(f"{a} {b} 64 60 1.5 D\n" for a, b in pairs))
    return path


def commands(program: Path, folder: Path, made: Path) -> dict[str, str]:
    """Return the commands to time, by name."""
    ours, out = str(program), folder / "out"
    subprocess.run(["gzip", "-kf6", made], check=True)
    aliases = alias_file(program, folder, made)
    found = {
        "check, 1 thread": f"{ours} check --threads 1 {made}",
        "to Parquet, 1 thread": f"{ours} convert --threads 1 --to parquet -o {out} {made}",
        "to Parquet, 2 threads": f"{ours} convert --threads 2 --to parquet -o {out} {made}",
        "to Parquet, gz, 1 thread": f"{ours} convert --threads 1 --to parquet -o {out} {made}.gz",
        "to JSON lines, 1 thread": f"{ours} convert --threads 1 --to jsonl -o /dev/null {made}",
        "to links, 1 thread": f"{ours} convert --threads 1 --to links -o {out}.txt {made}",
        "to links, 1 thread, --memory 32": f"{ours} convert --threads 1 --memory 32 --to links"
        f" -o {out}.txt {made}",
        "graph with aliases, 1 thread": f"{ours} graph --threads 1 -o {out}.graph"
        f" --aliases {aliases} -- {made}",
        "graph with aliases, 1 thread, --memory 32": f"{ours} graph --threads 1 --memory 32"
        f" -o {out}.graph --aliases {aliases} -- {made}",
    }
    for tool in ("sc_warts2json", "sc_warts2text", "sc_analysis_dump"):
        if shutil.which(tool):
            found[tool] = f"{tool} {made}"
    # Not imported: what this interpreter takes would be the least that any child seems to take.
    if importlib.util.find_spec("duckdb") is None:
        return found
    if shutil.which("sc_warts2json"):
        duck = f"{sys.executable} {HERE / 'duck.py'} {folder / 'duck.parquet'}"
        found["sc_warts2json, then DuckDB"] = f"sc_warts2json {made} | {duck}"
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--only", default="")
    parser.add_argument("--program", type=Path, default=PROGRAM)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = fixture(folder, options.copies)
        every = commands(options.program, folder, made)
        todo = {name: line for name, line in every.items() if re.search(options.only, name)}
        seen: dict[str, list[tuple[float, float, float]]] = {name: [] for name in todo}
        # Stopped early, it reports the rounds that are whole.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            for _ in range(options.rounds):
                for name, command in todo.items():
                    seen[name].append(measure(command))
        whole = min(len(rows) for rows in seen.values())
        report({name: rows[:whole] for name, rows in seen.items()}, made.stat().st_size, whole)


def report(seen: dict[str, list[tuple[float, float, float]]], size: int, rounds: int) -> None:
    """Print the table."""
    load = os.getloadavg()[0]
    print(f"Fixture {size:,} bytes; medians of {rounds} interleaved rounds;")
    print(f"load {load:.1f} on {os.cpu_count()} cores.\n")
    print("| command | CPU s | wall s | peak MiB | sc_warts2json / this: CPU | wall |")
    print("|---|---|---|---|---|---|")
    base = seen.get("sc_warts2json", [(0.0, 0.0, 0.0)])
    base_cpu, base_wall, _ = (statistics.median(column) for column in zip(*base, strict=True))
    for name, rows in seen.items():
        cpu, wall, peak = (statistics.median(column) for column in zip(*rows, strict=True))
        times = f"{cpu:.2f} | {wall:.2f} | {peak:.0f}"
        print(f"| {name} | {times} | {base_cpu / cpu:.1f} | {base_wall / wall:.1f} |")


if __name__ == "__main__":
    main()
