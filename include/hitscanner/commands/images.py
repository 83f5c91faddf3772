"""Our container images: built here, pushed by digest, pulled onto hosts before they are needed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import typer

from hitscanner.commands.answer import Json, answer, console
from hitscanner.errors import UsageError
from hitscanner.platform.images import read_images, record_images
from hitscanner.settings import Settings
from hitscanner.wiring import fleet
from hitscanner.wiring_platform import build_arguments, builder, registry

app = typer.Typer(no_args_is_help=True, help="Our container images.")

IMAGES = ("scanner", "airflow")
"""What the cluster runs; hs-transform is inside the Airflow image."""

PULLS_AT_ONCE = 8
"""Hosts that pull at the same time: one registry serves all continents."""

Names = Annotated[list[str] | None, typer.Argument(help="scanner, airflow; both without.")]


@app.command("build")
def images_build(
    names: Names = None,
    base: Annotated[
        str | None, typer.Option(help="Another base image, say of your own mirror.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Build images with buildah from docker/NAME/Dockerfile."""
    made = {}
    for name in names or IMAGES:
        console(is_json=as_json).print(f"building {name}")
        made[name] = builder().build(name, build_arguments(base))
    answer({"images": made}, is_json=as_json)


@app.command("push")
def images_push(names: Names = None, *, as_json: Json = False) -> None:
    """Push built images to the inventory's registry and record them by digest."""
    settings = Settings.from_environment()
    where = registry(settings)
    pushed = {}
    for name in names or IMAGES:
        pushed[name] = builder().push(name, where)
        record_images(settings.images, {name: pushed[name]})
        console(is_json=as_json).print(pushed[name], soft_wrap=True)
    answer({"images": pushed}, is_json=as_json)


@app.command("prepull")
def images_prepull(
    hosts: Annotated[list[str], typer.Argument(help='Names or tags of hosts, or "all".')],
    *,
    as_json: Json = False,
) -> None:
    """Pull the recorded scanner onto hosts, so that a cycle need not wait for it."""
    scanner = read_images(Settings.from_environment().images).get("scanner")
    if scanner is None:
        raise UsageError("no scanner is recorded; push it first: hitscanner images push scanner")
    ours = fleet()

    def pull(host: str) -> dict[str, Any]:
        return ours.prove(host, [scanner]).to_json()

    with ThreadPoolExecutor(PULLS_AT_ONCE) as pool:
        rows = list(pool.map(pull, ours.names(hosts)))
    for row in rows:
        console(is_json=as_json).print(f"{row['host']}: {row['state']} {row.get('cause', '')}")
    bad = sum(row["state"] not in {"unchanged", "changed"} for row in rows)
    code = 0 if not bad else 3 if bad == len(rows) else 2
    answer({"image": scanner, "hosts": rows}, is_json=as_json, code=code)
