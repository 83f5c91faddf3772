"""One place to build images in, for all tests of images."""

from collections.abc import Iterator

import pytest

from tests.helm.yard import Yard, yard_in


@pytest.fixture(scope="package")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with yard_in(tmp_path_factory.mktemp("registry")) as made:
        yield made
