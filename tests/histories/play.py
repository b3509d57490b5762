"""How random histories are played: some that never change, or HISTORIES=N others."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def played(go_on: Callable[[Random], None], *, examples: int) -> None:
    """Play a history with each of so many sources of chance."""
    # Truly random, since Hypothesis prefers what is small and has been before.
    play = given(st.randoms(use_true_random=True))(go_on)
    settings(
        max_examples=int(os.environ.get("HISTORIES", examples)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize="HISTORIES" not in os.environ,
        database=None,
        phases=[Phase.generate],
    )(play)()
