"""Versions that stand in two places are the same."""

import re
import tomllib

from hitscanner.provision.desired import K3S_VERSION
from tests.support.paths import REPOSITORY


def pinned() -> dict[str, str]:
    lines = (REPOSITORY / "versions.env").read_text().splitlines()
    return dict(line.split("=") for line in lines if re.match(r"[A-Z0-9_]+=", line))


def test_bootstrap_asks_for_the_rust_that_the_crate_needs():
    crate = tomllib.loads((REPOSITORY / "transform_rs/Cargo.toml").read_text())

    assert pinned()["RUST_MIN"] == crate["package"]["rust-version"]


def test_airflow_is_the_same_in_the_lock_and_for_the_chart():
    assert f"apache-airflow=={pinned()['AIRFLOW_VERSION']} " in (
        REPOSITORY / "requirements.lock"
    ).read_text().replace("\\", " ")


def test_python_is_the_same_for_bootstrap_and_the_package():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

    assert project["requires-python"].startswith(f">={pinned()['PYTHON_MIN']},")


def test_k3s_is_the_same_for_the_bundle_and_the_engine():
    assert pinned()["K3S_VERSION"] == K3S_VERSION
