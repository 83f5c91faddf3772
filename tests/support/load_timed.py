"""
Load the one cycle of `HITSCANNER_HOME` onto its drives, as a task of the DAG does.

Ends with one JSON object: the seconds it took and what each drive holds.
"""

import json
import time

from hitscanner.pipeline.cargo import finished_cycles
from hitscanner.wiring import pipeline


def main() -> None:
    steps = pipeline()
    [cycle] = finished_cycles(steps.store)
    began = time.monotonic()
    outcome = steps.load({"list": cycle.list, "cycle": cycle.cycle})
    print(json.dumps({"seconds": time.monotonic() - began, **outcome}))


if __name__ == "__main__":
    main()
