"""Wait until a run could begin."""

from __future__ import annotations

import time
from collections.abc import Callable

from seeder.configuration.settings import Settings
from seeder.phases.opening import connected, target_of
from seeder.runtime.log import Log


def wait(settings: Settings, *, log: Log, clock: Callable[[], float] = time.monotonic) -> None:
    """Wait until the database answers this role and takes writes, as a run does.

    Raises what a run raises up to its lock: DatabaseUnavailable, AccessDenied,
    DatabaseMissing, ServerUnsupported and DeadlineExceeded.
    """
    deadline = clock() + settings.deadline
    with (
        target_of(settings) as target,
        connected(settings, target, log=log, deadline=deadline, clock=clock),
    ):
        pass
