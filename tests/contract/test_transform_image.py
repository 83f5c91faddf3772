"""The image of hs-transform: built FROM scratch with nothing pulled, and it works alone."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.paths import REPOSITORY

pytestmark = [
    pytest.mark.long,
    pytest.mark.root,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not all(map(shutil.which, ("buildah", "cargo", "readelf"))),
        reason="apt-get install buildah binutils; Rust from https://rustup.rs",
    ),
]

DATA = REPOSITORY / "transform_rs/tests/data"
IMAGE = "localhost/hitscanner-transform:test"


LINES = ("convert", "--to", "jsonl", "-o", "-", "-")


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the image in a storage of its own, and make a container of it."""
    folder = tmp_path_factory.mktemp("image")
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_STORAGE_CONF", str(storage))
        env = {**os.environ, "BUILDER": "buildah", "IMAGE": IMAGE}
        subprocess.run([REPOSITORY / "docker/transform/build.sh"], check=True, env=env)
        try:
            yield said("buildah", "from", "--pull-never", IMAGE)
        finally:
            subprocess.run(["buildah", "rm", "--all"], capture_output=True, check=False)
            subprocess.run(["buildah", "rmi", "--all", "--force"], capture_output=True, check=False)


def test_the_image_holds_one_file_and_that_reads_what_the_program_outside_reads(
    container: str, hs_transform: Path
) -> None:
    inside = Path(said("buildah", "mount", container))
    files = [path for path in inside.rglob("*") if not path.is_dir()]
    assert files == [inside / "hs-transform"]

    run = ["buildah", "run", "--isolation=chroot", container, "--", "/hs-transform"]
    for sample in ("trace_misc.warts", "wc_a.warts.xz", "ping.warts"):
        content = (DATA / sample).read_bytes()
        in_image = subprocess.run([*run, *LINES], input=content, capture_output=True, check=True)
        outside = [hs_transform, *LINES]
        at_home = subprocess.run(outside, input=content, capture_output=True, check=True)
        assert in_image.stdout, sample
        assert in_image.stdout == at_home.stdout, sample
