"""Trying again while there is time: the one loop of all waiting, but that of migrations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import tenacity
from tenacity.wait import wait_base

_LEAST_USEFUL = 0.05
"""Seconds; with less left there is no further attempt."""

_TELL_EVERY = 10.0


def attempts(
    time_left: Callable[[], float], *, pause: wait_base, sleep: Callable[[float], None] = time.sleep
) -> Iterator[int]:
    """Numbers of attempts, from 1 on, with a pause before each further one.

    The loop ends where an attempt leaves it, or once `time_left`, in seconds, is over. The last
    pause is cut short, so that the last attempt is at the very end.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_always,
        wait=lambda state: max(0.0, min(pause(state), time_left())),
        stop=lambda _: time_left() <= _LEAST_USEFUL,
        retry_error_callback=lambda _: None,
        sleep=sleep,
    )
    for attempt in retrying:
        yield attempt.retry_state.attempt_number
        attempt.retry_state.set_result(None)


class News:
    """What is waited for, told when it has changed, and now and then when it has not."""

    def __init__(self) -> None:
        self._told: object = None
        self._at = 0.0

    def __call__(self, what: object) -> bool:
        """Whether it is to be told; it counts as told from then on."""
        now = time.monotonic()
        if what == self._told and now - self._at < _TELL_EVERY:
            return False
        self._told, self._at = what, now
        return True
