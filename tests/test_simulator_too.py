"""The other half of the simulator's seeds; what is said of them stands in `test_simulator.py`."""

from __future__ import annotations

import pytest

from tests.seeds import OTHER_HALF, check


@pytest.mark.django_db
@pytest.mark.parametrize("first", OTHER_HALF)
def test_the_promises_hold(first: int) -> None:
    check(first)
