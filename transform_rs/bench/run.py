#!/usr/bin/env python3
"""
Time hs-transform against Debian's scamper tools and DuckDB, in one run, interleaved.

Builds a fixture of 223 MB from the sample, runs each command ROUNDS times in turn and writes a
Markdown table of medians (CPU, wall, peak memory) and ratios to standard output.

Usage: run.py [--rounds N] [--copies N]; needs `hs-transform` built (release), `scamper` installed.
"""

import argparse
import os
import shutil
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


def commands(folder: Path, made: Path) -> dict[str, str]:
    """Return the commands to time, by name."""
    ours, out = str(PROGRAM), folder / "out"
    subprocess.run(["gzip", "-kf6", made], check=True)
    found = {
        "check, 1 thread": f"{ours} check --threads 1 {made}",
        "to Parquet, 1 thread": f"{ours} convert --threads 1 --to parquet -o {out} {made}",
        "to Parquet, 2 threads": f"{ours} convert --threads 2 --to parquet -o {out} {made}",
        "to Parquet, gz, 1 thread": f"{ours} convert --threads 1 --to parquet -o {out} {made}.gz",
        "to JSON lines, 1 thread": f"{ours} convert --threads 1 --to jsonl -o /dev/null {made}",
        "to links, 1 thread": f"{ours} convert --threads 1 --to links -o {out}.txt {made}",
        "graph, 1 thread": f"{ours} graph --threads 1 -o {out}.graph {made}",
    }
    for tool in ("sc_warts2json", "sc_warts2text", "sc_analysis_dump"):
        if shutil.which(tool):
            found[tool] = f"{tool} {made}"
    try:
        import duckdb  # noqa: F401  (only whether it is there)
    except ImportError:
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = fixture(folder, options.copies)
        todo = commands(folder, made)
        seen: dict[str, list[tuple[float, float, float]]] = {name: [] for name in todo}
        for _ in range(options.rounds):
            for name, command in todo.items():
                seen[name].append(measure(command))
        report(seen, made.stat().st_size, options.rounds)


def report(seen: dict[str, list[tuple[float, float, float]]], size: int, rounds: int) -> None:
    """Print the table."""
    load = os.getloadavg()[0]
    print(f"Fixture {size:,} bytes; medians of {rounds} interleaved rounds;")
    print(f"load {load:.1f} on {os.cpu_count()} cores.\n")
    print("| command | CPU s | wall s | peak MiB | CPU of sc_warts2json / this |")
    print("|---|---|---|---|---|")
    base = statistics.median(row[0] for row in seen.get("sc_warts2json", [(0.0, 0.0, 0.0)]))
    for name, rows in seen.items():
        cpu, wall, peak = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"| {name} | {cpu:.2f} | {wall:.2f} | {peak:.0f} | {base / cpu:.1f} |")


if __name__ == "__main__":
    main()
