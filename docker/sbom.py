"""
Write what an image is made of as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/).

    sbom.py NAME FILE [SITE_PACKAGES…]

Debian's packages from dpkg, Python's from their metadata; sorted, undated, so that the same
content gives the same bytes.  Standard library only: it runs inside the image.
"""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import quote

FIELDS = "${Package}\t${Version}\t${Architecture}\n"


def main(name, file, *folders):
    """Gather, sort, write."""
    found = sorted({*debian(), *python(folders)})
    components = [
        {"type": "library", "name": title, "version": version, "purl": purl}
        for title, version, purl in found
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name}},
        "components": components,
    }
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(json.dumps(document, indent=1) + "\n")


def debian():
    """Give name, version and package URL of each Debian package."""
    said = subprocess.run(
        ["dpkg-query", "--show", f"--showformat={FIELDS}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for line in said.splitlines():
        name, version, architecture = line.split("\t")
        yield name, version, f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={architecture}"


def python(folders):
    """Give the same of each Python distribution in *folders*."""
    for each in distributions(path=list(folders)):
        name = each.metadata["Name"].lower().replace("_", "-")
        yield name, each.version, f"pkg:pypi/{name}@{each.version}"


if __name__ == "__main__":
    main(*sys.argv[1:])
