"""
Write docs/DAGS.md from the DAG files, so that it says what the UI says.

    PYTHONPATH=plugins python -m hitscanner_airflow.docs > docs/DAGS.md
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

DAGS = Path(__file__).resolve().parents[2] / "dags"

HEAD = """\
# The DAGs

Generated from the files in `dags/` by `make docs`; do not edit.
Each text below is the DAG's page in the Airflow UI.
"""


def main() -> None:
    """Print the page; what Airflow says while it parses goes to standard error."""
    with TemporaryDirectory() as home, redirect_stdout(sys.stderr):
        os.environ.setdefault("AIRFLOW_HOME", home)
        dags = _parse(DAGS)
    sys.stdout.write(page(dags))


def page(dags: Sequence[Any]) -> str:
    """Render DAG objects, in the order given, as one Markdown page."""
    overview = table(
        ("DAG", "Runs", "Emits", "Tags"),
        ([_link(dag), runs(dag), emits(dag), ", ".join(sorted(dag.tags))] for dag in dags),
    )
    return "\n".join([HEAD, overview, *map(section, dags)])


def section(dag: Any) -> str:
    """Render one DAG: its docstring, its parameters, its tasks."""
    body = dag.doc_md.strip().partition("\n")[2].strip()
    params = table(
        ("Parameter", "Default", "Type", "Meaning"),
        ([f"`{name}`", *_param(dag.params.get_param(name))] for name in dag.params),
    )
    tasks = table(
        ("Task", "Once per", "After", "Starts when", "Retries"),
        (_task(task) for task in dag.topological_sort()),
    )
    return f"## {title(dag)}\n\n{body}\n\n{params}\n{tasks}"


def title(dag: Any) -> str:
    """Give the first line of a DAG's page, without its marks."""
    return str(dag.doc_md.strip().partition("\n")[0].lstrip("# "))


def anchor(heading: str) -> str:
    """
    Give the fragment under which GitHub shows a heading.

    >>> anchor("load: finished cycles onto the drives")
    'load-finished-cycles-onto-the-drives'
    """
    kept = "".join(sign for sign in heading.lower() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")


def runs(dag: Any) -> str:
    """Say when a DAG starts."""
    if isinstance(dag.schedule, str):
        return f"`{dag.schedule}` UTC"
    if dag.schedule is None:
        return "by hand"
    timed = getattr(dag.schedule, "timetable", None)
    found = getattr(dag.schedule, "asset_condition", dag.schedule)
    words = [f"`{asset.name}`" for asset in getattr(found, "objects", found)]
    return f"after {', '.join(words)}" + (f", and `{timed.expression}` UTC" if timed else "")


def emits(dag: Any) -> str:
    """Name the assets a DAG gives events to."""
    names = sorted({asset.name for task in dag.tasks for asset in task.outlets})
    return ", ".join(f"`{name}`" for name in names)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""
    Render a Markdown table.

    >>> print(table(("a", "b"), [("1", "x|y")]), end="")
    | a | b |
    |---|---|
    | 1 | x\|y |
    """
    lines = [_row(head), "|---" * len(head) + "|", *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _parse(folder: Path) -> list[Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=folder)
    for file, problem in bag.import_errors.items():
        raise SystemExit(f"{file}: {problem.strip().splitlines()[-1]}")
    return [bag.dags[dag_id] for dag_id in sorted(bag.dags)]


def _link(dag: Any) -> str:
    return f"[{dag.dag_id}](#{anchor(title(dag))})"


def _param(param: Any) -> tuple[str, str, str]:
    kind = param.schema.get("type", "any")
    words = " or ".join(kind) if isinstance(kind, list) else kind
    if "enum" in param.schema:
        words = ", ".join(f"`{value}`" for value in param.schema["enum"])
    return f"`{json.dumps(param.value)}`", words, param.description or ""


def _task(task: Any) -> tuple[str, ...]:
    group = task.get_closest_mapped_task_group()
    per = "run"
    if group is not None or task.is_mapped:
        kwargs = getattr(task, "op_kwargs_expand_input", None) or group._expand_input  # noqa: SLF001 no public name
        per = ", ".join(kwargs.value)
    after = ", ".join(sorted(name.rpartition(".")[2] for name in task.upstream_task_ids))
    return (
        f"`{task.task_id}`",
        per,
        after,
        str(task.trigger_rule.value).replace("_", " "),
        str(task.retries),
    )


if __name__ == "__main__":
    main()
