from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

from mmaction.ops import products, tiles


@pytest.fixture(params=[64, 32], ids=["512 bits", "256 bits"])
def vectors(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both kinds of vector units, where the machine has them."""
    if 0 < products.VECTOR_BYTES < request.param:
        pytest.skip("this machine has no such vector units")
    with (
        mock.patch.object(products, "VECTOR_BYTES", request.param),
        mock.patch.object(tiles, "VECTOR_BYTES", request.param),
    ):
        yield
