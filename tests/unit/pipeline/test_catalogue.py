"""A drive describes itself: what its README prints works in its folder as it stands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from hitscanner.infra.drives import FileDrive
from hitscanner.infra.transform import TransformProgram
from hitscanner.pipeline import transform
from hitscanner.pipeline.catalogue import alarm_of, publish
from hitscanner.pipeline.load import Dock, load
from tests.support.drives import Given

from .conftest import NAMES, tree


@pytest.fixture
def drive(measurement, tmp_path, hs_transform):
    """A folder drive with one transformed cycle and its catalogue."""
    measurement.close()
    program = TransformProgram(hs_transform)
    bench = transform.Workbench(measurement.store, program, tmp_path / "scratch")
    for shard in transform.transformable(measurement.store, measurement.cycle):
        transform.convert(bench, shard)
    transform.merge(bench, measurement.cycle)
    return FileDrive("folder", tmp_path / "drive")


def loaded(measurement, drive, licence="CC-BY-4.0"):
    scratch = measurement.root / "scratch"
    there = Dock(
        measurement.store,
        [Given(drive)],
        scratch,
        say=lambda line: None,
        after=lambda drive: publish(measurement.store, drive, scratch, licence),
    )
    [outcome] = load(there, measurement.cycle)
    return outcome


def as_printed(drive):
    """Run every line of the README's shell block that calls DuckDB; give what each prints."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if shutil.which("duckdb", path=path) is None:
        pytest.skip("needs the program duckdb: ./bootstrap.sh setup --dev")
    text = (drive.root / "README.md").read_text()
    return [
        subprocess.run(
            ["sh", "-c", line],
            cwd=drive.root,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for line in re.findall(r"^duckdb -c .*$", text, re.MULTILINE)
    ]


def test_what_the_readme_prints_works_in_the_drive_s_folder(measurement, drive):
    assert loaded(measurement, drive).state == "verified"
    traces, links, cycles = as_printed(drive)

    assert re.findall(r"[a-z]{2}-\d{4}", traces) == sorted(NAMES)
    assert len(re.findall(r"\d+\.\d+\.\d+\.\d+", links)) > 2
    assert re.search(
        rf"lab \W+ {measurement.cycle.cycle} \W+ complete \W+ {traces_of(measurement)} ", cycles
    )


def traces_of(measurement):
    from hitscanner.pipeline.gate import read_manifest

    return read_manifest(measurement.store, measurement.cycle).outcome.counts["done"]


def test_the_readme_names_every_column(measurement, drive):
    loaded(measurement, drive)
    text = (drive.root / "README.md").read_text()

    assert {"### `tables/traces`", "### `tables/replies`", "### `topology/*/links`"} <= set(
        text.splitlines()
    )
    assert "| `dst_addr` | VARCHAR |" in text
    assert "Licence: CC-BY-4.0." in text


def test_publishing_again_changes_no_byte(measurement, drive):
    loaded(measurement, drive)
    before = tree(measurement.root)
    loaded(measurement, drive)

    assert before == tree(measurement.root)


def test_the_page_links_every_manifest_of_the_drive(measurement, drive):
    loaded(measurement, drive)
    links = re.findall(r'href="([^"]+)"', (drive.root / "index.html").read_text())

    assert measurement.cycle.manifest in links
    assert all((drive.root / link).is_file() for link in links)


def test_a_cycle_that_a_drive_does_not_hold_is_not_in_its_catalogue(measurement, drive, tmp_path):
    loaded(measurement, drive)
    other = FileDrive("other", tmp_path / "other")
    publish(measurement.store, other, tmp_path / "scratch")

    file = str(other.root / "catalogue.parquet")
    assert duckdb.execute("SELECT count(*) FROM read_parquet(?)", [file]).fetchone() == (0,)


def test_a_cycle_with_less_than_usual_raises_an_alarm(measurement):
    measurement.close()
    store, cycle = measurement.store, measurement.cycle
    manifest = store.read(cycle.manifest).decode()
    for day in range(10, 20):
        name = f"202611{day}T030000Z"
        grown = re.sub(r'"size_bytes": (\d+)', lambda m: f'"size_bytes": {2 * int(m[1])}', manifest)
        store.write(f"cycles/lab/{name}/manifest.json", grown.replace(cycle.cycle, name).encode())

    assert "50 % of the median of the 7 cycles before" in alarm_of(store, cycle)
