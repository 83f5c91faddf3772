"""What hosts get from us: k3s for each architecture and container images, checked by SHA-256."""

from dataclasses import dataclass, field
from pathlib import Path

from hitscanner.errors import UsageError
from hitscanner.infra.files import sha256_of

SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class BundleFile:
    """A file of the bundle with the checksum that SHA256SUMS claims."""

    path: Path
    sha256: str
    found_sha256: str
    """What it really has; empty when the file is missing."""

    @property
    def is_whole(self) -> bool:
        """Whether the file is what the sums say."""
        return self.sha256 == self.found_sha256


@dataclass(frozen=True)
class Bundle:
    """The files by their names relative to the folder."""

    files: dict[str, BundleFile] = field(default_factory=dict)

    def binary(self, arch: str) -> BundleFile | None:
        """Give k3s for *arch*."""
        return self.files.get(f"k3s-{arch}")

    def images(self, arch: str) -> dict[str, BundleFile]:
        """
        Give the image archives for *arch*: those that name no other architecture.

        >>> tar = BundleFile(Path("x"), "", "")
        >>> names = ("images/all.tar", "images/k3s-airgap-images-arm64.tar.zst", "k3s-amd64")
        >>> list(Bundle(dict.fromkeys(names, tar)).images("amd64"))
        ['all.tar']
        """
        other = {"amd64": "arm64", "arm64": "amd64"}.get(arch, "")
        return {
            name.removeprefix("images/"): file
            for name, file in sorted(self.files.items())
            if name.startswith("images/") and ".tar" in name and not (other and other in name)
        }

    def for_host(self, arch: str) -> list[BundleFile]:
        """Give every file that a host of *arch* gets."""
        binary = self.binary(arch)
        return [*([binary] if binary else []), *self.images(arch).values()]


def read_bundle(folder: Path) -> Bundle:
    """
    Read SHA256SUMS of *folder* and the files that it names.

    Raises:
        UsageError: when it is not there or a line of it is not `<sha256>  <name>`.
    """
    sums = folder / SUMS
    if not sums.is_file():
        raise UsageError(f"{sums} is missing; put the bundle there: ./bootstrap.sh bundle")
    files = {}
    for number, line in enumerate(sums.read_text().splitlines(), start=1):
        digest, _, name = line.partition(" ")
        name = name.lstrip(" *").removeprefix("./")
        if len(digest) != 64 or not name:
            raise UsageError(f"{sums}: line {number} is not a sum and a name; make it anew")
        path = folder / name
        files[name] = BundleFile(path, digest, sha256_of(path) if path.is_file() else "")
    return Bundle(files)
