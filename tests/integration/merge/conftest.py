"""Small CSV files go the way of large ones here, so that few rows are enough to test it."""

from __future__ import annotations

import pytest

from seeder.database.staging import copy_to_base


@pytest.fixture(autouse=True)
def straight_into_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of every size go straight into their base."""
    monkeypatch.setattr(copy_to_base, "SMALLEST", 0)
