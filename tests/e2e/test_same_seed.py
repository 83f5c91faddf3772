"""A seed decides: three runs of one rehearsal leave the same tables, apart from times."""

import pytest

from hitscanner.settings import Settings
from tests.support.rehearsals import Elsewhere, contents, held, need_machine, stage_untimed

pytestmark = [
    pytest.mark.long,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("hs_transform"),
]

SMALL = {"routers": 100, "vantage_points": 3, "targets": 100}


def three_times(tmp_path, asked, stage=lambda *_: None):
    found = []
    for run in range(3):
        settings = Settings(tmp_path / str(run))
        stage(settings, asked)
        held(settings, asked)
        found.append(contents(settings))
    return found


def test_three_runs_of_a_clean_world_leave_the_same_tables(tmp_path):
    need_machine()
    one, two, three = three_times(tmp_path, Elsewhere(seed=1, dealias=True, **SMALL))

    assert {"traces of list=demo", "aliases of list=demo-ally", "topology nodes.parquet"} <= set(
        one
    )
    assert sum(one["replies of list=demo"].values()) > 500
    assert one == two
    assert two == three


def test_three_runs_of_a_dirty_world_draw_the_same_lots(tmp_path):
    """Branches by packet, losses and random identifiers follow the probe, not its arrival."""
    need_machine()
    asked = Elsewhere(seed=6, world="dirty", **SMALL)
    one, two, three = three_times(tmp_path, asked, stage_untimed)

    assert sum(one["replies of list=demo"].values()) > 500
    assert one == two
    assert two == three
