"""Leases of one host add up to its cap at most, and the dead give theirs back."""

import os
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.prober.leases import lease


class MustWaitError(Exception):
    """Stands for the pause of a prober that has to wait."""


def give_up(why):
    raise MustWaitError(why)


def try_lease(*wanted):
    with lease(*wanted, give_up):
        pass


def held(directory):
    return sorted(path.name for path in directory.glob("*.lease"))


def test_a_lease_lasts_as_long_as_its_block(tmp_path):
    with lease(tmp_path, "a", 60, 100, give_up):
        assert held(tmp_path) == ["a.lease"]
    assert held(tmp_path) == []


def test_a_lease_that_does_not_fit_waits_and_says_why(tmp_path):
    with lease(tmp_path, "a", 60, 100, give_up):
        with pytest.raises(MustWaitError, match="waiting for 50 pps: 60 of 100 pps are leased"):
            try_lease(tmp_path, "b", 50, 100)
        with lease(tmp_path, "b", 40, 100, give_up):
            assert held(tmp_path) == ["a.lease", "b.lease"]


def test_a_lease_holds_for_who_thinks_the_cap_is_higher(tmp_path):
    with lease(tmp_path, "a", 60, 100, give_up), pytest.raises(MustWaitError):
        try_lease(tmp_path, "b", 60, 1000)


def test_waiting_ends_when_the_other_gives_back(tmp_path):
    other = lease(tmp_path, "a", 60, 100, give_up)
    other.__enter__()
    waited = []

    def wait(why):
        waited.append(why)
        other.__exit__(None, None, None)

    with lease(tmp_path, "b", 60, 100, wait):
        assert held(tmp_path) == ["b.lease"]
    assert len(waited) == 1


def test_the_lease_of_a_killed_owner_is_free(tmp_path):
    ready_r, ready_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        with lease(tmp_path, "a", 100, 100, give_up):
            os.write(ready_w, b"1")
            signal.pause()
        os._exit(1)
    os.read(ready_r, 1)
    with pytest.raises(MustWaitError), lease(tmp_path, "b", 1, 100, give_up):
        pass

    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    with lease(tmp_path, "b", 100, 100, give_up):
        assert held(tmp_path) == ["b.lease"]
    os.close(ready_r)
    os.close(ready_w)


@given(st.lists(st.integers(1, 60), max_size=8))
def test_whatever_is_asked_for_the_sum_stays_below_the_cap(tmp_path_factory, rates):
    directory = tmp_path_factory.mktemp("leases")
    open_leases, used = [], 0
    for i, rate in enumerate(rates):
        one = lease(directory, f"{i}", rate, 100, give_up)
        try:
            one.__enter__()
        except MustWaitError:
            assert used + rate > 100
        else:
            open_leases.append(one)
            used += rate
        assert used <= 100
    for one in open_leases:
        one.__exit__(None, None, None)
