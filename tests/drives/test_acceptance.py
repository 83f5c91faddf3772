"""The large load in small: as a task of the DAG does it, onto each kind of server."""

import pytest

from tests.drives.acceptance import MOST_MB, load, prepare
from tests.drives.servers import KINDS, Server
from tests.support import rclone_serve


@pytest.mark.parametrize("kind", KINDS)
def test_a_load_arrives_byte_for_byte_in_little_memory(kind, tmp_path):
    rclone_serve.needs_rclone()
    measurement = prepare(tmp_path / "home", files=100, size_bytes=20_000_000)
    with Server(kind, tmp_path / "there") as server:
        _, memory_mb = load(measurement.root, server)

    assert server.differing(measurement) == []
    assert memory_mb <= MOST_MB
