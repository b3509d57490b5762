"""How random histories are played: the first few seeds, or those that HISTORIES names.

`HISTORIES=500` plays the seeds 1 to 500, `HISTORIES=31-46` those from 31 to 46; many of them
need `--timeout=0`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st


def played(go_on: Callable[[Random], None], *, examples: int) -> None:
    """Play a history with each of so many seeds; a failure names its own."""

    # Explicit examples: what Hypothesis generates depends on the source of the test, and is
    # mostly small.
    def play(seed: int) -> None:
        go_on(Random(seed))

    test = given(st.integers())(play)
    for seed in reversed(seeds(otherwise=examples)):
        test = example(seed)(test)
    settings(
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.explicit],
    )(test)()


def seeds(*, otherwise: int) -> range:
    """The seeds that HISTORIES names, else the first few."""
    first, between, last = os.environ.get("HISTORIES", str(otherwise)).rpartition("-")
    return range(int(first) if between else 1, int(last) + 1)
