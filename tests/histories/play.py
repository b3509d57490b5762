"""How random histories are played: some that never change, or HISTORIES=N others.

Hypothesis' own `derandomize` would play others whenever the source of a test changes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st


def played(go_on: Callable[[Random], None], *, examples: int) -> None:
    """Play a history with each of so many sources of chance."""
    # Truly random, since Hypothesis prefers what is small and has been before.
    play = given(st.randoms(use_true_random=True))(go_on)
    play = play if "HISTORIES" in os.environ else seed(1)(play)
    settings(
        max_examples=int(os.environ.get("HISTORIES", examples)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )(play)()
