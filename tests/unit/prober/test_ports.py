"""A job has one source port in every cycle, and no two jobs of a host have the same."""

import os
import signal
import socket
from itertools import islice

import pytest

from hitscanner.prober.errors import FailedError
from hitscanner.prober.ports import FIRST_PORT, PORTS, hold_port, ports_of


def first_of(*names):
    return next(ports_of(*names))


def test_the_port_follows_from_list_vantage_point_and_shard():
    assert first_of("sample", "us-0001", "0000") == first_of("sample", "us-0001", "0000")
    assert first_of("sample", "us-0001", "0000") != first_of("sample", "us-0001", "0001")
    assert first_of("sample", "us-0001", "0000") != first_of("sample-mercator", "us-0001", "0000")


def test_every_port_above_those_of_the_kernel_comes_once():
    assert set(range(FIRST_PORT, 65_536)) == set(ports_of("sample", "us-0001", "0000"))
    assert len(list(ports_of("sample", "us-0001", "0000"))) == PORTS


def test_two_jobs_at_once_have_two_ports_and_the_next_has_the_first_again(tmp_path):
    def wanted():
        return ports_of("sample", "us-0001", "0000")

    two = list(islice(wanted(), 2))
    with hold_port(tmp_path, wanted()) as one, hold_port(tmp_path, wanted()) as other:
        assert [one, other] == two
    with hold_port(tmp_path, wanted()) as again:
        assert again == two[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_port_that_another_program_has_bound_is_passed_over(tmp_path, family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as stranger:
        try:
            stranger.bind((address, 0))
        except OSError as error:
            pytest.skip(f"no loopback of this family: {error}")
        taken = stranger.getsockname()[1]

        with hold_port(tmp_path, iter([taken, FIRST_PORT, FIRST_PORT + 1])) as port:
            assert port != taken


def test_a_host_without_a_free_port_is_a_failure_that_says_so(tmp_path):
    second = hold_port(tmp_path, iter([FIRST_PORT]))
    with (
        hold_port(tmp_path, iter([FIRST_PORT])),
        pytest.raises(FailedError, match="every source port is taken"),
    ):
        second.__enter__()


def test_the_port_of_a_killed_owner_is_free(tmp_path):
    ready_r, ready_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        with hold_port(tmp_path, iter([FIRST_PORT])):
            os.write(ready_w, b"1")
            signal.pause()
        os._exit(1)
    os.read(ready_r, 1)

    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    with hold_port(tmp_path, iter([FIRST_PORT])) as port:
        assert port == FIRST_PORT
    os.close(ready_r)
    os.close(ready_w)
