"""What the prober refuses before a packet: exit status, a line that helps, nothing else."""

import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from hitscanner.prober import cli


@pytest.fixture
def scamper(tmp_path):
    """Make a program that takes scamper's place: it tells a version, then does what a test says."""

    def make(does: str = "exit 1") -> str:
        path = tmp_path / "scamper"
        path.write_text(
            '#!/bin/sh\n[ "$1" = -v ] && { echo "scamper version 20211212" >&2; exit 255; }\n'
            f'while [ "$1" != -o ]; do shift; done; out="$2"\n{does}\n'
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return make


@pytest.fixture
def job(make_job):
    return make_job(["192.0.2.1", "2001:db8::1"])


def refusal(result):
    """The exit status and the only line of the error."""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("prober: slice")]
    assert len(lines) == 1, result.stderr
    return result.returncode, lines[0]


def pids_with_output(job):
    """Processes that have an open file in the job's directory, or a word of it as argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            opened = [str(fd.readlink()) for fd in (path / "fd").iterdir()]
            if any(each.startswith(str(job.path)) for each in opened):
                found.append(path.name)
    return found


def change(job, **changes):
    spec = json.loads((job.path / "job.json").read_text())
    (job.path / "job.json").write_text(json.dumps({**spec, **changes}))


def assert_refused(job, result, words):
    status, line = refusal(result)

    assert status == 4
    assert words in line
    shard = job.shard()
    assert (shard["state"], shard["exit_code"], shard["unassigned"]) == ("refused", 4, 2)
    assert words in shard["cause"]
    assert job.names() == []


def test_another_vantage_points_job_is_refused(job, scamper):
    (job.spool / "identity.json").write_text('{"vp": "jp-0001"}')

    assert_refused(job, job.run("--scamper", scamper()), "this is jp-0001, the job is of us-0001")


@pytest.mark.parametrize("text", [None, "", "[]", '{"name": "us-0001"}'])
def test_a_host_that_does_not_know_who_it_is_is_refused(job, scamper, text):
    identity = job.spool / "identity.json"
    identity.unlink() if text is None else identity.write_text(text)

    assert_refused(job, job.run("--scamper", scamper()), "enrol this host")


@pytest.mark.parametrize("family", ["4", "6"])
def test_a_source_address_that_is_not_here_is_refused(job, scamper, family):
    away = {"4": "203.0.113.99", "6": "2001:db8:ffff::99"}
    change(job, source_addresses={"4": None, "6": None, family: away[family]})

    assert_refused(
        job, job.run("--scamper", scamper()), f"source address {away[family]} is not on this"
    )


@pytest.mark.root
def test_probes_that_would_leave_from_another_address_are_refused(vp_job, network):
    job = vp_job(network.fast(2), source_addresses={"4": "127.0.0.1", "6": None})

    assert_refused(
        job, job.run(), "probes to 100.99.8.1 would leave from 100.99.7.2, not from 127.0.0.1"
    )


@pytest.mark.parametrize("offset_s", [-31.0, 31.5, 1e9])
def test_a_clock_that_is_off_is_refused(job, scamper, offset_s):
    result = job.run("--scamper", scamper(), offset_s=offset_s)

    assert_refused(job, result, "s off the centre's, 30 s are allowed")


def test_a_centre_time_that_is_no_time_is_refused(job, scamper):
    argv = [*job.argv("--scamper", scamper()), "--centre-time", "nan"]
    result = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert result.returncode == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no do-not-probe list"),
        ("", "has no entry"),
        ("# all gone\n", "has no entry"),
        ("192.0.2.0/24\nwhat\n", "line 2: 'what' is no prefix"),
        ("192.0.2.1/24\n", "line 1: '192.0.2.1/24' is no prefix"),
        ("203.0.113.0/24\n", "has digest"),
    ],
    ids=["missing", "empty", "only a comment", "garbled", "host bits", "changed"],
)
def test_doubt_about_the_do_not_probe_list_is_refused(job, scamper, text, words):
    dnp = job.spool / "dnp.txt"
    dnp.unlink() if text is None else dnp.write_text(text)

    assert_refused(job, job.run("--scamper", scamper()), words)


def test_a_host_without_scamper_is_refused(job):
    assert_refused(job, job.run("--scamper", "no-such-scamper"), "apt-get install scamper")


def test_a_program_that_is_not_scamper_is_refused(job):
    assert_refused(job, job.run("--scamper", "/bin/true"), "does not tell a scamper version")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root to see what happens without")
def test_a_prober_without_raw_sockets_is_refused(job, scamper):
    for path in [*job.spool.rglob("*"), job.spool, *job.spool.parents[:3]]:
        path.chmod(0o777)
    job.pyz.parent.chmod(0o755)
    job.pyz.parents[1].chmod(0o755)
    job.inside = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]

    assert_refused(job, job.run("--scamper", scamper()), "run as root or with the capability")


def test_targets_that_were_not_planned_are_refused(job, scamper):
    (job.path / "targets.txt").write_text("192.0.2.1\n")

    status, line = refusal(job.run("--scamper", scamper()))

    assert status == 1
    assert "targets.txt has digest" in line
    assert not (job.path / "shard.json").exists()


def test_a_job_in_another_jobs_directory_is_refused(job, scamper):
    change(job, cycle="20261123T030000Z")

    status, line = refusal(job.run("--scamper", scamper()))

    assert status == 1
    assert "job.json is of demo/20261123T030000Z/0000 but lies in demo/20261122T030000Z/" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "the following arguments are required: JOB_DIR"),
        (["go"], "invalid choice: 'go'"),
        (["status", "/nowhere"], "/nowhere is not a directory"),
        (["run", "/", "--centre-time", "1"], "is not <spool>/jobs/<list>/<cycle>/<shard>"),
        (["run", "/", "--centre-time", "noon"], "invalid float value: 'noon'"),
    ],
)
def test_a_wrong_command_line_exits_with_1(capsys, arguments, words):
    assert cli.main(arguments) == 1
    assert words in capsys.readouterr().err


def test_the_version_is_told(pyz):
    said = subprocess.run([sys.executable, pyz, "--version"], capture_output=True, text=True)

    assert (said.returncode, said.stdout) == (0, "hitscanner prober 0.1.0\n")


LIED = {
    "no file": "exit 0",
    "an empty file": ': > "$out"',
    "no trace": r"""printf '\022\005\0\004\0\0\0\011\0\0\0\001jjjj\0' > "$out" """,
    "junk": 'echo junk > "$out"',
}


@pytest.mark.parametrize("does", LIED.values(), ids=LIED)
@pytest.mark.root
def test_exit_status_0_of_scamper_proves_nothing(job, scamper, does):
    result = job.run("--scamper", scamper(does))

    assert result.returncode == 3
    shard = job.shard()
    assert (shard["state"], shard["failed"]) == ("failed", 2)
    assert "scamper exited with 0 and wrote no trace" in shard["cause"]
    assert job.names() == []


@pytest.mark.root
def test_a_scamper_that_does_not_obey_is_killed(job, scamper):
    prober = subprocess.Popen(
        job.argv("--scamper", scamper("trap '' TERM; sleep 99 & wait; wait; wait")),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    job.wait_until(lambda: job.progress().get("state") == "probing", "scamper runs")
    job.wait_until(lambda: list((job.path / "slices").glob("*.begun")), "the slice has begun")

    prober.send_signal(signal.SIGTERM)

    assert prober.wait(30) == 2
    assert pids_with_output(job) == []
    assert job.shard()["unassigned"] == 2


@pytest.mark.root
def test_an_event_is_written_once_where_standard_error_is_the_log(job, scamper):
    log = job.path / "prober.log"
    with log.open("ab") as stream:
        subprocess.run(job.argv("--scamper", scamper()), stderr=stream, check=False, stdout=stream)

    lines = log.read_text().splitlines()
    assert len([line for line in lines if "slice 0000: 2 targets" in line]) == 1


@pytest.mark.root
def test_what_scamper_said_last_is_in_the_cause(job, scamper):
    job.run("--scamper", scamper('echo "could not open device" >&2; exit 255'))

    assert "scamper exited with 255 (could not open device)" in job.shard()["cause"]


@pytest.mark.root
def test_a_list_that_excludes_everything_is_done_without_a_packet(make_job, scamper):
    job = make_job(["192.0.2.1", "2001:db8::1"], dnp="192.0.2.0/24\n2001:db8::/32\n")

    assert job.run("--scamper", scamper()).returncode == 0
    assert (job.shard()["done"], job.shard()["excluded"]) == (0, 2)
    assert Path(job.path / "shard.json").exists()
