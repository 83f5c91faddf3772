"""What all tests share: the same examples in every run, judged by answers, not by speed."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hitscanner.settings import Settings

settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root where we are not, or where the kernel has no TUN/TAP."""
    missing = _missing()
    for item in items:
        if missing and item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason=missing))


def _missing() -> str | None:
    if os.geteuid() != 0:
        return "makes network namespaces: run as root"
    if not Path("/dev/net/tun").exists():
        return "makes TAP devices: this kernel has no /dev/net/tun"
    return None


@pytest.fixture(scope="session")
def hs_transform() -> Path:
    """The Rust binary, built before the tests by `make setup`."""
    program = Settings(Path("unused")).transform
    if not program.is_file():
        pytest.fail(f"{program} is not built; run: make transform")
    return program
