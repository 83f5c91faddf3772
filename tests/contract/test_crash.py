"""A step that was killed and is run again leaves what it would have left undisturbed."""

import subprocess
import sys

from tests.support.paths import REPOSITORY


def test_a_kill_at_any_write_of_any_step_and_a_rerun_give_the_same_bytes(tmp_path, hs_transform):
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.crash", tmp_path],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    kills = int(ended.stdout.split()[0])
    assert kills > 60
