"""The spool of a small disk does not fill with what nobody came for."""

import os
import time
from pathlib import Path

import pytest

from hitscanner.prober.lock import job_lock
from hitscanner.prober.sweep import KEPT_S, sweep

NOW_S = time.time()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def lay(spool: Path, name: str, age_s: float) -> Path:
    """Lay a job with one slice, both written *age_s* ago."""
    job = spool / "jobs" / name
    (job / "slices").mkdir(parents=True)
    for path in (job / "shard.json", job / "lock", job / "slices" / "0000.warts"):
        path.write_bytes(b"1")
    for path in [*job.rglob("*"), job]:
        os.utime(path, (NOW_S - age_s,) * 2)
    return job


def test_old_jobs_go_with_their_empty_folders_and_young_ones_stay(spool):
    lay(spool, "sample/20260101T030000Z/0000", KEPT_S + 1)
    lay(spool, "demo/20260101T030000Z/0000", KEPT_S + 1)
    young = lay(spool, "demo/20260201T030000Z/0000", KEPT_S - 60)

    assert sweep(spool, NOW_S) == 2
    assert [path.name for path in (spool / "jobs").iterdir()] == ["demo"]
    assert (young / "slices" / "0000.warts").exists()


def test_a_job_is_as_old_as_the_last_thing_written_to_it(spool):
    job = lay(spool, "demo/20260101T030000Z/0000", KEPT_S + 1)
    (job / "slices" / "0001.warts").write_bytes(b"x")

    assert sweep(spool, NOW_S) == 0


def test_a_job_that_a_prober_works_on_stays_however_old_it_looks(spool):
    job = lay(spool, "demo/20260101T030000Z/0000", KEPT_S + 1)
    with job_lock(job / "lock"):
        os.utime(job / "lock", (NOW_S - KEPT_S - 1,) * 2)
        assert sweep(spool, NOW_S) == 0

    assert sweep(spool, NOW_S) == 1


def test_an_empty_spool_is_swept_without_a_word(spool):
    assert sweep(spool, NOW_S) == 0
