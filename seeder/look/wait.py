"""Wait until a run could begin."""

from __future__ import annotations

from seeder.configuration.settings import Settings
from seeder.phases.opening import opened
from seeder.runtime.log import Log


def wait(settings: Settings, *, log: Log) -> None:
    """Wait until the database answers this role and takes writes, as a run does.

    Raises what a run raises up to its lock: DatabaseUnavailable, AccessDenied,
    DatabaseMissing, ServerUnsupported and DeadlineExceeded.
    """
    with opened(settings, log=log):
        pass
