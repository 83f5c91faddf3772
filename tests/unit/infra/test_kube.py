"""Keys that the Kubernetes client writes do not pile up."""

import os
import time

from hitscanner.infra.kube import private_scratch


def test_key_files_of_dead_processes_go_and_those_of_the_living_stay(tmp_path):
    folder = private_scratch(tmp_path / "client")
    for name, age_s in (("old", 7200), ("young", 60)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age_s,) * 2)
    private_scratch(folder)

    assert [path.name for path in folder.iterdir()] == ["young"]
    assert folder.stat().st_mode & 0o777 == 0o700
